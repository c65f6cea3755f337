//! The texts that language models are trained on.

use std::path::Path;

use serde::{Deserialize, Serialize};
use training::data::{Corpus, DataError, generated_text, load_penn_treebank};
use training::setting::{FieldError, count_within};

use crate::data::catalogue::PENN_TREEBANK;

/// The generated text is one, whatever the seed of an experiment.
const GENERATED_SEED: u64 = 1;

/// Tokens of a generated part, at most.
const MOST_TOKENS: usize = 100_000_000;

/// A text to learn from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "set", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TextConfig {
    /// The Penn Treebank, or an error.
    PennTreebank {},
    /// Words drawn by code; needs no file.
    Generated {
        /// Tokens to learn from.
        train: usize,
        /// Tokens that settings are judged by.
        held_out: usize,
        /// Tokens that results are reported on.
        test: usize,
    },
}

/// A text in memory.
#[derive(Debug)]
pub struct Text {
    /// The three parts.
    pub corpus: Corpus,
    /// Its name for people, with the number of words.
    pub description: String,
    /// SHA-256 of all that is in it.
    pub checksum: String,
}

impl TextConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        let Self::Generated { train, held_out, test } = *self else { return Ok(()) };
        for (field, tokens) in [("train", train), ("held_out", held_out), ("test", test)] {
            count_within(field, tokens, 1..=MOST_TOKENS)?;
        }
        Ok(())
    }

    /// How many different words it has.
    pub fn words(&self) -> usize {
        match self {
            Self::PennTreebank {} => 10_000,
            Self::Generated { .. } => 200,
        }
    }

    /// How many tokens it has in all.
    pub fn tokens(&self) -> usize {
        match self {
            Self::PennTreebank {} => 1_085_779,
            Self::Generated { train, held_out, test } => train + held_out + test,
        }
    }

    /// Its name.
    pub fn title(&self) -> &'static str {
        match self {
            Self::PennTreebank {} => "Penn Treebank",
            Self::Generated { .. } => "generated text",
        }
    }

    /// The folder of the data directory that it is read from, if it is.
    pub fn folder(&self) -> Option<&'static str> {
        matches!(self, Self::PennTreebank {}).then_some(PENN_TREEBANK.folder)
    }

    /// Reads or draws the text.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn load(&self, directory: &Path) -> Result<Text, DataError> {
        let corpus = match *self {
            Self::PennTreebank {} => load_penn_treebank(&directory.join(PENN_TREEBANK.folder))?,
            Self::Generated { train, held_out, test } => {
                generated_text(GENERATED_SEED, train, held_out, test)
            }
        };
        let description = format!(
            "{} ({} words to learn from, {} held out and {} in the test, {} different ones)",
            corpus.name,
            corpus.train.len(),
            corpus.valid.len(),
            corpus.test.len(),
            corpus.vocabulary.len(),
        );
        Ok(Text { checksum: corpus.checksum(), corpus, description })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_as_many_different_words_as_is_said() {
        let generated = TextConfig::Generated { train: 500, held_out: 50, test: 60 };
        let text = generated.load(Path::new("/nonexistent")).unwrap();
        assert_eq!(text.corpus.vocabulary.len(), generated.words());
        let expected = "generated text (500 words to learn from, 50 held out and 60 in the test, 200 \
                        different ones)";
        assert_eq!(text.description, expected);
        let data = testing::data_directory();
        let treebank = TextConfig::PennTreebank {};
        match treebank.load(&data) {
            Ok(Text { corpus, .. }) => {
                let tokens = corpus.train.len() + corpus.valid.len() + corpus.test.len();
                let found = (corpus.vocabulary.len(), tokens);
                assert_eq!(found, (treebank.words(), treebank.tokens()));
            }
            Err(_) => testing::skip_without_data("no Penn Treebank"),
        }
    }

    #[test]
    fn a_text_that_is_not_there_is_an_error_and_a_part_without_words_too() {
        let error = TextConfig::PennTreebank {}.load(Path::new("/nonexistent")).unwrap_err();
        assert!(error.to_string().contains("ptb"), "{error}");
        let empty = TextConfig::Generated { train: 500, held_out: 0, test: 60 };
        assert!(empty.check().unwrap_err().to_string().starts_with("held_out is 0"));
        assert!(serde_yaml::from_str::<TextConfig>("{set: penn-treebank, train: 3}").is_err());
    }
}
