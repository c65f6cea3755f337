//! Text for a terminal of eighty columns.

/// How wide a line may be.
pub const WIDTH: usize = 80;

/// `text` behind `start`, broken between words at [`WIDTH`]: later lines begin where the text began.
/// A word that is longer than a line stands on one of its own.
///
/// ```
/// use reproduce::text::wrapped;
/// assert_eq!(wrapped("name  ", "two words"), "name  two words");
/// let long = wrapped("name  ", &"word ".repeat(20));
/// assert!(long.lines().count() == 2 && long.lines().nth(1).unwrap().starts_with("      word"));
/// ```
pub fn wrapped(start: &str, text: &str) -> String {
    let margin = start.chars().count();
    let mut lines = vec![start.to_string()];
    let mut width = margin;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > margin && width + 1 + length > WIDTH {
            lines.push(" ".repeat(margin));
            width = margin;
        }
        if let Some(line) = lines.last_mut() {
            if width > margin {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
        }
        width += length;
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_eighty_columns_and_keep_every_word() {
        let words = "a of letters unequal ± lengths, of-which-one-is-rather-long ".repeat(9);
        let text = wrapped("start ", &words);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let kept: Vec<&str> = text.split_whitespace().skip(1).collect();
        assert_eq!(kept, words.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_word_that_fits_nowhere_is_whole() {
        let word = "x".repeat(2 * WIDTH);
        assert_eq!(wrapped("- ", &format!("a {word} b")), format!("- a\n  {word}\n  b"));
        assert_eq!(wrapped("start ", ""), "start");
    }
}
