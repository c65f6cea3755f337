//! The Penn Treebank as language models read it: three files as Mikolov published them, packed by
//! gzip or not.

use super::file::{NewWords, read};
use super::{Corpus, Vocabulary};
use crate::data::DataError;
use std::path::{Path, PathBuf};

const NAMES: [&str; 3] = ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"];
const AGAIN: &str = "fetch it with `reproduce data fetch penn-treebank`";

/// The Penn Treebank (Marcus, Santorini, Marcinkiewicz 1993) in the form of Mikolov et al. (2010),
/// from the folder or its subfolder `ptb`: a sentence a line, words between spaces.
///
/// Words are numbered by their first occurrence in the training text; the end of every line is the
/// word [`END_OF_SENTENCE`](super::END_OF_SENTENCE). With it, the published files have 10,000 words,
/// and 929,589, 73,760 and 82,430 tokens.
///
/// # Errors
/// When a file is missing, cannot be read, is empty, holds more than
/// [`LARGEST_TEXT`](super::LARGEST_TEXT) bytes, or has a line without a word or that is not UTF-8;
/// when there are more than [`LARGEST_VOCABULARY`](super::LARGEST_VOCABULARY) words, or the training
/// text lacks a word of the others. The error names the file, the line and what was found.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for (part, text) in [("train", " to be \n or not \n"), ("valid", " or be \n"), ("test", " to \n")] {
///     std::fs::write(folder.path().join(format!("ptb.{part}.txt")), text)?;
/// }
/// let corpus = training::data::load_penn_treebank(folder.path())?;
/// assert_eq!(corpus.train, [0, 1, 2, 3, 4, 2]);
/// assert_eq!((corpus.valid, corpus.test), (vec![3, 1, 2], vec![0, 2]));
/// assert_eq!(corpus.vocabulary.word(2), Some("<eos>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_penn_treebank(folder: &Path) -> Result<Corpus, DataError> {
    let mut vocabulary = Vocabulary::default();
    let mut load = |name, new_words| read(&find(folder, name)?, AGAIN, &mut vocabulary, new_words);
    let train = load(NAMES[0], NewWords::Number)?;
    let valid = load(NAMES[1], NewWords::Refuse)?;
    let test = load(NAMES[2], NewWords::Refuse)?;
    Ok(Corpus { name: "Penn Treebank".to_owned(), vocabulary, train, valid, test })
}

/// Where one of the files is. Something else of its name is given only where there is no file.
fn find(folder: &Path, name: &'static str) -> Result<PathBuf, DataError> {
    let folders = vec![folder.to_owned(), folder.join("ptb")];
    let paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| [folder.join(name), folder.join(format!("{name}.gz"))])
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    let found = paths.iter().find(|path| path.is_file()).or(paths.first()).cloned();
    found.ok_or(DataError::MissingText { folders, name, again: AGAIN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{LARGEST_TEXT, LARGEST_VOCABULARY};
    use std::fs;
    use std::io::Write;
    use tempfile::TempDir;

    const TEXTS: [&[u8]; 3] =
        [b" the cat sat \n the dog <unk> \n", b" the dog sat \n", b" a cat \n the cat \n"];

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    /// A folder in which one text is replaced; a word of the test text is added to the first one.
    fn folder(replaced: usize, contents: Option<&[u8]>) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, name) in NAMES.into_iter().enumerate() {
            let whole =
                if number == 0 { [TEXTS[0], b" a \n"].concat() } else { TEXTS[number].into() };
            match contents {
                Some(bytes) if number == replaced => fs::write(folder.path().join(name), bytes),
                None if number == replaced => continue,
                _ => fs::write(folder.path().join(name), whole),
            }
            .unwrap();
        }
        folder
    }

    fn refusal(replaced: usize, contents: Option<&[u8]>) -> String {
        load_penn_treebank(folder(replaced, contents).path()).unwrap_err().to_string()
    }

    #[test]
    fn words_are_numbered_by_first_occurrence() {
        let corpus = load_penn_treebank(folder(3, None).path()).unwrap();
        assert_eq!(corpus.train, [0, 1, 2, 3, 0, 4, 5, 3, 6, 3]);
        assert_eq!(corpus.valid, [0, 4, 2, 3]);
        assert_eq!(corpus.test, [6, 1, 3, 0, 1, 3]);
        let words: Vec<&str> = corpus.vocabulary.words().collect();
        assert_eq!(words, ["the", "cat", "sat", "<eos>", "dog", "<unk>", "a"]);
    }

    #[test]
    fn packed_files_in_the_subfolder_are_found() {
        let plain = folder(3, None);
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(other.path().join("ptb")).unwrap();
        // A folder of a file's name, as some programs make when they unpack.
        fs::create_dir(other.path().join(NAMES[0])).unwrap();
        for name in NAMES {
            let bytes = packed(&fs::read(plain.path().join(name)).unwrap());
            fs::write(other.path().join(format!("ptb/{name}.gz")), bytes).unwrap();
        }
        let (one, two) = (load_penn_treebank(plain.path()), load_penn_treebank(other.path()));
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[test]
    fn ends_of_lines_as_on_windows_and_a_last_line_without_one_change_nothing() {
        let expected = load_penn_treebank(folder(3, None).path()).unwrap();
        for text in [&b" a cat \r\n the cat \r\n"[..], b" a cat \n the cat ", b"a cat\nthe cat"] {
            let corpus = load_penn_treebank(folder(2, Some(text)).path()).unwrap();
            assert_eq!(corpus.checksum(), expected.checksum());
        }
    }

    #[test]
    fn every_fault_is_named() {
        let found = refusal(1, None);
        assert!(found.contains("there is no ptb.valid.txt (nor ptb.valid.txt.gz)"), "{found}");
        assert!(found.ends_with("fetch it with `reproduce data fetch penn-treebank`"), "{found}");
        for (replaced, text, expected) in [
            (0, &b""[..], "ptb.train.txt: the file is empty"),
            (0, &packed(b"")[..], "ptb.train.txt: the file is empty"),
            (0, b" the \n\n cat \n", "ptb.train.txt: line 2 has no word"),
            (2, b" the cat \n \r\n", "ptb.test.txt: line 2 has no word"),
            (
                1,
                b" the \n the c\xfft \n",
                "ptb.valid.txt: line 2 is not UTF-8: bytes \\xff at its byte 7",
            ),
            (
                1,
                b" the \n the <eos> \n",
                "ptb.valid.txt: line 2 has the word <eos>, which stands for the end of a line",
            ),
            (
                2,
                b" the cat \n the bird \n",
                "ptb.test.txt: line 2 has the word \"bird\", which the training text lacks",
            ),
            (0, b"<html>Sign in", "this is an HTML page"),
            (2, &packed(b" the cat \n")[..20], "ptb.test.txt: "),
        ] {
            let found = refusal(replaced, Some(text));
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn no_more_words_than_numbers_are_taken() {
        // With the end of sentence there are as many words as may be; the next line has one more.
        let line = (1..LARGEST_VOCABULARY).map(|word| format!(" {word}")).collect::<String>();
        let found = refusal(0, Some(format!("{line} \n one \n").as_bytes()));
        let expected =
            "ptb.train.txt: line 2 has the word \"one\", one more than 65536 different ones";
        assert!(found.ends_with(expected), "{found}");
        let whole = folder(0, Some(format!("{line} \n").as_bytes()));
        let found = load_penn_treebank(whole.path()).unwrap_err().to_string();
        assert!(found.contains("ptb.valid.txt: line 1 has the word \"the\""), "{found}");
    }

    #[test]
    fn a_file_is_read_no_further_than_its_bound() {
        // As many tokens as its bytes can be.
        let (line, lines) = (b"a\n", usize::try_from(LARGEST_TEXT).unwrap() / 2);
        for bytes in [packed(&line.repeat(lines + 1)), packed(&vec![b'x'; 60_000_000])] {
            let folder = folder(0, Some(&bytes));
            drop(bytes);
            let measured = allocation_counter::measure(|| {
                let found = load_penn_treebank(folder.path()).unwrap_err().to_string();
                assert!(found.ends_with("it holds more than 16000000 bytes"), "{found}");
            });
            // The tokens, and what they are copied from as they grow.
            assert!(measured.bytes_max < 4 * LARGEST_TEXT, "{} bytes", measured.bytes_max);
        }
        let whole = folder(0, Some(&packed(&line.repeat(lines))));
        let found = load_penn_treebank(whole.path()).unwrap_err().to_string();
        assert!(found.contains("ptb.valid.txt: line 1 has the word \"the\""), "{found}");
    }

    #[test]
    fn a_word_without_end_is_shown_by_its_beginning() {
        let found = refusal(1, Some(&[b'x'; 1_000_000]));
        let word = "x".repeat(50);
        assert!(found.contains(&format!("line 1 has the word \"{word}\", which")), "{found}");
    }

    #[test]
    fn the_published_files_have_the_published_numbers() {
        let folder = testing::data_directory();
        if find(&folder, NAMES[0]).is_err() {
            return testing::skip_without_data("no Penn Treebank");
        }
        let corpus = load_penn_treebank(&folder).unwrap();
        // Mikolov et al. (2010); Zaremba, Sutskever and Vinyals (2014).
        let tokens = [&corpus.train, &corpus.valid, &corpus.test].map(Vec::len);
        assert_eq!(tokens, [929_589, 73_760, 82_430]);
        assert_eq!(corpus.vocabulary.len(), 10_000);
        // The numbers of lines that torchtext publishes.
        let end = corpus.vocabulary.number("<eos>").unwrap();
        let lines = [&corpus.train, &corpus.valid, &corpus.test]
            .map(|part| part.iter().filter(|token| **token == end).count());
        assert_eq!(lines, [42_068, 3_370, 3_761]);
    }
}
