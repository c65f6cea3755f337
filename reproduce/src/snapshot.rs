//! Numbers as text, one a line, as they are committed.
//!
//! A snapshot is a title, `EXHIBIT · DATA · SCALE`, and then a line `NAME = VALUE UNIT` for every
//! number, sorted: first what was found, and behind a line `diagnostics:` how it came about, such as
//! intervals, so that a reviewer sees first what a change is about. A committed file has a heading
//! between two lines `---` before it, as insta writes it, whose description says which seed and settings
//! the numbers are of. What is not of this form is an error, never passed over: a line that nobody reads
//! is a number that nobody compares.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::result::DIAGNOSTICS;
use crate::task::Task;

/// What an exhibit computed, as far as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Exhibit, data and scale.
    pub title: String,
    /// The numbers by name; at least one.
    pub numbers: BTreeMap<String, Number>,
    /// What they were computed with, where the heading says it.
    pub origin: Option<Origin>,
}

/// What committed numbers were computed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where all randomness started.
    pub seed: u64,
    /// First digits of the checksum of the settings.
    pub settings: String,
}

impl Origin {
    /// That of the numbers of a task.
    pub fn of(task: &Task) -> Self {
        Origin { seed: task.seed, settings: task.settings_hash() }
    }

    /// The line of a heading that says it, as insta writes and reads it.
    fn read(line: &str) -> Option<Self> {
        let words = line.strip_prefix("description: \"")?.strip_suffix('"')?;
        let (seed, settings) = words.strip_prefix("seed ")?.split_once(", settings ")?;
        Some(Origin { seed: seed.parse().ok()?, settings: settings.to_string() })
    }
}

impl fmt::Display for Origin {
    /// The description of a snapshot: "seed 1, settings 0123456789ab".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, settings {}", self.seed, self.settings)
    }
}

/// The number of one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// Value and unit as they are written: what two snapshots are compared by.
    pub text: String,
    /// Where it stands in its file, from 1.
    pub line: usize,
}

/// Why a text is no snapshot.
#[derive(Debug, Error, PartialEq)]
pub enum SnapshotError {
    /// There is no line.
    #[error("it is empty")]
    Empty,
    /// The heading of insta does not end.
    #[error("line 1: the heading does not end with ---")]
    Heading,
    /// The first line is no title.
    #[error("line {line}: {text:?} is no title, expected EXHIBIT · DATA · SCALE")]
    Title {
        /// Where, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// Nothing follows the title.
    #[error("it holds no number")]
    NoNumber,
    /// A line is no number.
    #[error("line {line}: {text:?} is no number, expected NAME = VALUE UNIT")]
    Line {
        /// Where, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A number stands there twice.
    #[error("line {line}: {name:?} is there already")]
    Repeated {
        /// Where the second one is, from 1.
        line: usize,
        /// The name of both.
        name: String,
    },
    /// A line belongs before the one above it.
    #[error("line {line}: {text:?} is not in sorted order")]
    Order {
        /// Where, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl Snapshot {
    /// A committed file with these lines of numbers below their title.
    pub fn file(origin: &Origin, text: &str) -> String {
        format!("{HEADING}\ndescription: \"{origin}\"\n{HEADING}\n{text}")
    }

    /// The data that the title names.
    pub fn data(&self) -> &str {
        let rest = self.title.split_once(BETWEEN).map_or("", |(_, rest)| rest);
        rest.rsplit_once(BETWEEN).map_or("", |(data, _)| data)
    }
}

const HEADING: &str = "---";
const BETWEEN: &str = " · ";

impl FromStr for Snapshot {
    type Err = SnapshotError;

    /// Reads a snapshot.
    ///
    /// ```
    /// use reproduce::snapshot::Snapshot;
    /// let snapshot: Snapshot = "demo · made up · quick\nn = 8, k = 2 error = 0.250000 %\n".parse()?;
    /// assert_eq!(snapshot.numbers["n = 8, k = 2 error"].text, "0.250000 %");
    /// assert!("demo · made up · quick\nerror = small\n".parse::<Snapshot>().is_err());
    /// # Ok::<(), reproduce::snapshot::SnapshotError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, SnapshotError> {
        let mut lines = (1..).zip(text.lines()).peekable();
        let mut origin = None;
        if lines.next_if(|(_, text)| *text == HEADING).is_some() {
            loop {
                match lines.next().ok_or(SnapshotError::Heading)?.1 {
                    HEADING => break,
                    line => origin = origin.or(Origin::read(line)),
                }
            }
        }
        let (line, title) = lines.next().ok_or(SnapshotError::Empty)?;
        let parts: Vec<&str> = title.split(BETWEEN).collect();
        if parts.len() < 3 || parts.iter().any(|part| part.trim().is_empty()) {
            return Err(SnapshotError::Title { line, text: title.to_string() });
        }
        let mut numbers = BTreeMap::new();
        let mut previous = "";
        let mut is_behind = false;
        for (line, text) in lines {
            if text == DIAGNOSTICS && !is_behind {
                (previous, is_behind) = ("", true);
                continue;
            }
            let wrong = || SnapshotError::Line { line, text: text.to_string() };
            let (name, number) = Number::read(line, text).ok_or_else(wrong)?;
            if numbers.insert(name.to_string(), number).is_some() {
                return Err(SnapshotError::Repeated { line, name: name.to_string() });
            }
            if text < previous {
                return Err(SnapshotError::Order { line, text: text.to_string() });
            }
            previous = text;
        }
        if numbers.is_empty() {
            return Err(SnapshotError::NoNumber);
        }
        Ok(Snapshot { title: title.to_string(), numbers, origin })
    }
}

impl Number {
    /// Name and number of a line; none if it is not of the form. A name may say "n = 8".
    fn read(line: usize, text: &str) -> Option<(&str, Self)> {
        let (name, number) = text.rsplit_once(" = ")?;
        let value = number.split(' ').next()?.parse().ok().filter(|value: &f64| value.is_finite());
        let is_tidy = !name.is_empty() && name == name.trim() && number == number.trim();
        let value = value.filter(|_| is_tidy)?;
        Some((name, Number { value, text: number.to_string(), line }))
    }

    /// What the value is one of; empty where it is a pure number.
    pub fn unit(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, unit)| unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLE: &str = "demo · made up · quick";

    fn read(lines: &str) -> Result<Snapshot, SnapshotError> {
        format!("{TITLE}\n{lines}").parse()
    }

    #[test]
    fn names_may_hold_equals_signs_and_units_spaces() {
        let snapshot = read("n = 64, k = 16 estimate = 0.5 of the norm\n").unwrap();
        assert_eq!((snapshot.title.as_str(), snapshot.data()), (TITLE, "made up"));
        let number = &snapshot.numbers["n = 64, k = 16 estimate"];
        assert_eq!((number.value, number.unit(), number.line), (0.5, "of the norm", 2));
        assert_eq!(read("a = 1e-9").unwrap().numbers["a"].unit(), "");
    }

    #[test]
    fn the_heading_of_insta_is_passed_over_and_counted() {
        let text = format!("---\nsource: here\n---\n{TITLE}\na = 1 %\n");
        assert_eq!(text.parse::<Snapshot>().unwrap().numbers["a"].line, 5);
        assert_eq!("---\nsource: here\n".parse::<Snapshot>(), Err(SnapshotError::Heading));
    }

    #[test]
    fn a_file_says_which_seed_and_settings_its_numbers_are_of() {
        let origin = Origin { seed: 7, settings: "0123456789ab".into() };
        let file = Snapshot::file(&origin, &format!("{TITLE}\na = 1 %\n"));
        let snapshot: Snapshot = file.parse().unwrap();
        assert_eq!((snapshot.origin, snapshot.numbers["a"].line), (Some(origin), 5));
        assert_eq!(read("a = 1 %").unwrap().origin, None);
        for unknown in
            ["description: \"by hand\"", "description: \"seed x, settings y\"", "info: 1"]
        {
            let text = format!("---\n{unknown}\n---\n{TITLE}\na = 1 %\n");
            assert_eq!(text.parse::<Snapshot>().unwrap().origin, None);
        }
    }

    #[test]
    fn a_text_without_title_or_numbers_is_none() {
        assert_eq!("".parse::<Snapshot>(), Err(SnapshotError::Empty));
        assert_eq!("---\n---\n".parse::<Snapshot>(), Err(SnapshotError::Empty));
        assert_eq!(read(""), Err(SnapshotError::NoNumber));
        for title in ["a = 1 %", "demo", "demo · quick", "demo ·  · quick", ""] {
            let error = format!("{title}\na = 1 %\n").parse::<Snapshot>().unwrap_err();
            assert_eq!(error, SnapshotError::Title { line: 1, text: title.to_string() });
        }
    }

    #[test]
    fn a_line_that_is_no_number_is_refused() {
        for text in [
            "b",
            "b =",
            "b = ",
            "b = x %",
            "b = NaN %",
            "b = inf %",
            " = 1 %",
            "b = 1 % ",
            "b = 1  ",
            " b = 1 %",
            "",
            TITLE,
        ] {
            let error = read(&format!("a = 1 %\n{text}\nz = 1 %\n")).unwrap_err();
            assert_eq!(error, SnapshotError::Line { line: 3, text: text.to_string() });
        }
    }

    #[test]
    fn diagnostics_are_sorted_by_themselves_and_begin_once() {
        let snapshot = read("b = 1 %\ndiagnostics:\na = 2 %\nc = 3\n").unwrap();
        let names: Vec<&String> = snapshot.numbers.keys().collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!((snapshot.numbers["a"].value, snapshot.numbers["a"].line), (2.0, 4));
        let error = read("b = 1 %\ndiagnostics:\nc = 3\na = 2 %\n").unwrap_err();
        assert_eq!(error, SnapshotError::Order { line: 5, text: "a = 2 %".to_string() });
        let again = read("a = 1\ndiagnostics:\nb = 2\ndiagnostics:\n").unwrap_err();
        assert_eq!(again, SnapshotError::Line { line: 5, text: DIAGNOSTICS.to_string() });
        let twice = read("a = 1\ndiagnostics:\na = 1\n").unwrap_err();
        assert_eq!(twice, SnapshotError::Repeated { line: 4, name: "a".to_string() });
    }

    #[test]
    fn a_number_stands_once_and_in_its_place() {
        for again in ["a = 1 %", "a = 2 %"] {
            let error = read(&format!("a = 1 %\n{again}\n")).unwrap_err();
            assert_eq!(error, SnapshotError::Repeated { line: 3, name: "a".to_string() });
        }
        let error = read("b = 1 %\na = 1 %\n").unwrap_err();
        assert_eq!(error, SnapshotError::Order { line: 3, text: "a = 1 %".to_string() });
    }
}
