//! What the page holds packed: rows of numbers and all that is folded, unpacked when it is asked for.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::Value;

/// A text packed by gzip, in letters that can stand in a page (RFC 4648, base 64).
pub fn packed(text: &str) -> Value {
    Value::from_safe_string(letters(&zipped(text)))
}

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Three bytes are four letters of six bits each; "=" stands for what is missing at the end.
fn letters(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| chunk.get(place).map_or(0, |byte| u32::from(*byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

/// A page as it is when all is unfolded.
#[cfg(test)]
pub fn all_unpacked(page: &str) -> String {
    const START: &str = "<script type=\"text/plain\" data-packed>";
    let mut parts = page.split(START);
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| {
        let (letters, rest) = part.split_once("</script>").unwrap();
        text + &tests::unzipped(&tests::bytes_of(letters)) + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    /// The text that was packed.
    pub fn unzipped(bytes: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    /// The bytes that letters stand for.
    pub fn bytes_of(letters: &str) -> Vec<u8> {
        let value = |letter: u8| match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("{letter} is no letter of base 64"),
        };
        let mut bytes = Vec::new();
        for four in letters.trim_end_matches('=').as_bytes().chunks(4) {
            let shifted = four.iter().zip([18, 12, 6, 0]);
            let bits: u32 = shifted.map(|(letter, by)| u32::from(value(*letter)) << by).sum();
            bytes.extend(&bits.to_be_bytes()[1..four.len()]);
        }
        bytes
    }

    #[test]
    fn letters_are_those_of_the_standard() {
        // RFC 4648, section 10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, expected) in vectors {
            assert_eq!(letters(bytes.as_bytes()), expected);
            assert_eq!(bytes_of(expected), bytes.as_bytes());
        }
        assert_eq!(letters(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn rows_come_back_as_they_were_the_same_bytes_each_time() {
        let csv = "a,b\n\"</script><b>\",2\n".repeat(100);
        let bytes = zipped(&csv);
        assert_eq!(unzipped(&bytes), csv);
        assert!(bytes.len() < csv.len() / 10);
        assert_eq!(bytes, zipped(&csv));
        assert!(!packed(&csv).to_string().contains('<'));
    }
}
