//! A text in three parts, as token numbers.

use super::Vocabulary;
use crate::digest::hexadecimal;
use sha2::{Digest, Sha256};

/// A text in the three parts of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// What people call it; figures and tables say it.
    pub name: String,
    /// The words that tokens are the numbers of.
    pub vocabulary: Vocabulary,
    /// What is learnt from.
    pub train: Vec<u16>,
    /// What settings are judged by.
    pub valid: Vec<u16>,
    /// What results are reported on.
    pub test: Vec<u16>,
}

impl Corpus {
    /// SHA-256 over the words and the tokens of the three parts, in hexadecimal.
    ///
    /// ```
    /// let corpus = training::data::generated_text(1, 100, 50, 50);
    /// let mut other = corpus.clone();
    /// other.test[49] ^= 1;
    /// assert_ne!(other.checksum(), corpus.checksum());
    /// ```
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        // Lengths first, so that what lies on either side of a border cannot change sides.
        hash.update((self.vocabulary.len() as u64).to_le_bytes());
        for word in self.vocabulary.words() {
            hash.update((word.len() as u64).to_le_bytes());
            hash.update(word);
        }
        for part in [&self.train, &self.valid, &self.test] {
            hash.update((part.len() as u64).to_le_bytes());
            for token in part {
                hash.update(token.to_le_bytes());
            }
        }
        hexadecimal(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(words: &[&str], parts: [&[u16]; 3]) -> String {
        let mut vocabulary = Vocabulary::default();
        for word in words {
            vocabulary.add(word).unwrap();
        }
        let [train, valid, test] = parts.map(<[u16]>::to_vec);
        Corpus { name: String::new(), vocabulary, train, valid, test }.checksum()
    }

    #[test]
    fn checksums_tell_words_tokens_and_borders_apart() {
        let one = corpus(&["ab", "c"], [&[0, 1], &[1], &[0]]);
        assert_eq!(one, corpus(&["ab", "c"], [&[0, 1], &[1], &[0]]));
        assert_ne!(one, corpus(&["a", "bc"], [&[0, 1], &[1], &[0]]));
        assert_ne!(one, corpus(&["ab", "c"], [&[0], &[1, 1], &[0]]));
        assert_ne!(one, corpus(&["ab", "c"], [&[0, 1], &[1], &[256]]));
    }
}
