//! A text file as token numbers: a sentence a line, words between spaces.

use super::{END_OF_SENTENCE, LARGEST_VOCABULARY, Vocabulary};
use crate::data::{DataError, Unpacked};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The most bytes that a text file may hold once it is unpacked: three times the largest of the
/// Penn Treebank. So its longest line takes at most this much memory, and its tokens twice as much:
/// two tokens of two bytes are a word of one letter and the end of its line.
pub const LARGEST_TEXT: u64 = 16_000_000;

/// What is done with a word that the vocabulary lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewWords {
    /// It gets a number: the text is learnt from.
    Number,
    /// The text is refused: nothing could be learnt about the word.
    Refuse,
}

/// The tokens of a file, an end of sentence behind every line. The last line may lack its end, and
/// lines may end as on Windows: both change no word.
///
/// A line without a word is refused. Published files have none, and as a sentence of nothing it
/// would hide that the file was cut or put together wrongly.
pub(super) fn read(
    path: &Path,
    again: &'static str,
    vocabulary: &mut Vocabulary,
    new_words: NewWords,
) -> Result<Vec<u16>, DataError> {
    let mut reader = BufReader::new(Unpacked::open(path, again)?.at_most(LARGEST_TEXT));
    let (mut bytes, mut tokens) = (Vec::new(), Vec::new());
    for line in 1.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes);
        let read =
            read.map_err(|source| DataError::Unreadable { path: path.to_owned(), source })?;
        if read == 0 {
            break;
        }
        let mut place = Place { path, line, vocabulary, new_words };
        let before = tokens.len();
        for word in place.text(&bytes)?.split_ascii_whitespace() {
            tokens.push(place.token(word)?);
        }
        if tokens.len() == before {
            return Err(DataError::EmptySentence { path: path.to_owned(), line });
        }
        tokens.push(place.end()?);
    }
    if tokens.is_empty() {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    Ok(tokens)
}

/// A line of a file, and the words that it may have.
struct Place<'a> {
    path: &'a Path,
    line: usize,
    vocabulary: &'a mut Vocabulary,
    new_words: NewWords,
}

impl Place<'_> {
    fn text<'b>(&self, bytes: &'b [u8]) -> Result<&'b str, DataError> {
        str::from_utf8(bytes).map_err(|error| {
            let wrong = &bytes[error.valid_up_to()..];
            let wrong = &wrong[..error.error_len().unwrap_or(wrong.len())];
            DataError::NotUtf8 {
                path: self.path.to_owned(),
                line: self.line,
                place: error.valid_up_to() + 1,
                found: wrong.escape_ascii().to_string(),
            }
        })
    }

    fn token(&mut self, word: &str) -> Result<u16, DataError> {
        if word == END_OF_SENTENCE {
            let (path, line, word) = (self.path.to_owned(), self.line, END_OF_SENTENCE);
            return Err(DataError::ReservedWord { path, line, word });
        }
        self.number(word)
    }

    fn end(&mut self) -> Result<u16, DataError> {
        self.number(END_OF_SENTENCE)
    }

    fn number(&mut self, word: &str) -> Result<u16, DataError> {
        let number = match self.new_words {
            NewWords::Number => self.vocabulary.add(word),
            NewWords::Refuse => self.vocabulary.number(word),
        };
        number.ok_or_else(|| {
            let (path, line, word) = (self.path.to_owned(), self.line, beginning(word));
            match self.new_words {
                NewWords::Number => {
                    DataError::TooManyWords { path, line, word, most: LARGEST_VOCABULARY }
                }
                NewWords::Refuse => DataError::UnknownWord { path, line, word },
            }
        })
    }
}

/// As much of a word as a message shows: what is no text may be millions of letters without a space.
fn beginning(word: &str) -> String {
    word.chars().take(50).collect()
}
