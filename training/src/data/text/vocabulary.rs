//! Words and their numbers.

use std::collections::HashMap;
use std::sync::Arc;

/// The word that stands for the end of a sentence; files have an end of line in its place.
pub const END_OF_SENTENCE: &str = "<eos>";

/// As many words as 16 bits can number.
pub const LARGEST_VOCABULARY: usize = 1 << 16;

/// Words, numbered from 0 in the order in which they were added: by their first occurrence in the
/// training text, where they come from a file.
///
/// ```
/// use training::data::Vocabulary;
/// let mut vocabulary = Vocabulary::default();
/// let numbers = ["to", "be", "or", "not", "to", "be"].map(|word| vocabulary.add(word));
/// assert_eq!(numbers, [0, 1, 2, 3, 0, 1].map(Some));
/// assert_eq!((vocabulary.len(), vocabulary.word(3)), (4, Some("not")));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    words: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u16>,
}

impl Vocabulary {
    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word of a number.
    pub fn word(&self, number: u16) -> Option<&str> {
        self.words.get(usize::from(number)).map(|word| &**word)
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> Option<u16> {
        self.numbers.get(word).copied()
    }

    /// The number of a word, a new one where it has none. None when it is new and
    /// [`LARGEST_VOCABULARY`] words are there.
    pub fn add(&mut self, word: &str) -> Option<u16> {
        if let Some(number) = self.number(word) {
            return Some(number);
        }
        let number = u16::try_from(self.words.len()).ok()?;
        let word: Arc<str> = word.into();
        self.words.push(word.clone());
        self.numbers.insert(word, number);
        Some(number)
    }

    /// All words in the order of their numbers.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_words_than_numbers_are_taken() {
        let mut vocabulary = Vocabulary::default();
        for number in 0..LARGEST_VOCABULARY {
            let expected = u16::try_from(number).unwrap();
            assert_eq!(vocabulary.add(&number.to_string()), Some(expected));
        }
        assert_eq!(vocabulary.add("one more"), None);
        assert_eq!(vocabulary.add("65535"), Some(u16::MAX), "those that are there keep theirs");
        assert_eq!(vocabulary.len(), LARGEST_VOCABULARY);
        assert_eq!(vocabulary.number("one more"), None);
    }
}
