//! The text of settings, and what is said of a mistake in it.

use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_yaml::Location;
use thiserror::Error;
use training::file::open;
use training::setting::FieldError;

use super::location::locate;
use super::scale::{PerScale, Scale};

/// Why settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Path as the user gave it.
        file: String,
        /// What the system says.
        reason: io::Error,
    },
    /// The text is no YAML document of the expected form.
    #[error("{file}: {reason}{}", line.map_or(String::new(), |line| format!("; it stands in line {line}")))]
    Malformed {
        /// Path as the user gave it.
        file: String,
        /// Field, line and column.
        reason: serde_yaml::Error,
        /// Where a field stands that the reader blames on the settings around it.
        line: Option<usize>,
    },
    /// A value is of the right type and still makes no sense.
    #[error("{file}: {field}{}", place.as_ref().map(in_words).unwrap_or_default())]
    Value {
        /// Path as the user gave it.
        file: String,
        /// Field, value and what was expected.
        field: Box<FieldError>,
        /// Where in the file.
        place: Option<Location>,
    },
}

/// " at line 3 column 5", as the reader of YAML says it.
fn in_words(place: &Location) -> String {
    format!(" at line {} column {}", place.line(), place.column())
}

/// A YAML text and where it is from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user gave it.
    file: String,
    text: String,
}

impl Source {
    /// A text of settings. A byte-order mark before it is no part of it (YAML 1.2, section 5.2).
    pub fn new(file: impl Into<String>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_string();
        Source { file: file.into(), text }
    }

    /// Reads a file of settings.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if it cannot be read, or is no text.
    pub fn read(file: &str) -> Result<Self, ConfigError> {
        let unreadable = |reason| ConfigError::Unreadable { file: file.to_string(), reason };
        let (opened, length) = open(Path::new(file)).map_err(unreadable)?;
        if length > LONGEST {
            let message = format!("it has {length} bytes; settings have at most {LONGEST}");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, message)));
        }
        let mut text = String::new();
        opened.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
        Ok(Source::new(file, &text))
    }

    /// Path as the user gave it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The exhibit that the settings are for.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`] if the text is no YAML or has no field `exhibit`.
    pub fn exhibit(&self) -> Result<String, ConfigError> {
        let heading: Heading = serde_yaml::from_str(&self.text).map_err(|e| self.malformed(e))?;
        Ok(heading.exhibit)
    }

    /// The scales that there is a block of settings for.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`] if the text is no YAML or has a block of no scale.
    pub fn scales(&self) -> Result<Vec<Scale>, ConfigError> {
        let blocks: Blocks = serde_yaml::from_str(&self.text).map_err(|e| self.malformed(e))?;
        let blocks = blocks.scales.map_or(Vec::new(), PerScale::into_values);
        Ok(blocks.into_iter().map(|(scale, _)| scale).collect())
    }

    /// An error of the reader of YAML, with its line.
    pub fn malformed(&self, reason: serde_yaml::Error) -> ConfigError {
        let line = self.line_of_unknown(&reason);
        ConfigError::Malformed { file: self.file.clone(), reason, line }
    }

    /// The line of a field that is unknown. Blocks that say by a name which they are, as optimisers
    /// and networks, are read into memory first, so that serde_yaml no longer knows its place.
    fn line_of_unknown(&self, reason: &serde_yaml::Error) -> Option<usize> {
        let message = reason.to_string();
        let (_, rest) = message.split_once("unknown field `")?;
        let (field, _) = rest.split_once('`')?;
        let is_key = |line: &str| {
            line.match_indices(field).any(|(start, _)| {
                let before = line[..start].chars().next_back();
                let is_start = before.is_none_or(|c| matches!(c, ' ' | '{' | ',' | '"' | '\''));
                let after = line[start + field.len()..].trim_start_matches(['"', '\'']);
                is_start && after.starts_with(':')
            })
        };
        let mut lines = (1..).zip(self.text.lines()).filter(|(_, line)| is_key(line));
        let (line, _) = lines.next()?;
        let is_told = reason.location().is_some_and(|place| place.line() == line);
        (lines.next().is_none() && !is_told).then_some(line)
    }

    /// A value that makes no sense, with its line.
    pub fn error(&self, field: FieldError) -> ConfigError {
        let place = locate(&self.text, &field.field);
        ConfigError::Value { file: self.file.clone(), field: Box::new(field), place }
    }
}

/// Bytes of the longest settings: hundreds of times the longest that there are.
const LONGEST: u64 = 1 << 20;

/// Only the names of the blocks.
#[derive(Deserialize)]
struct Blocks {
    scales: Option<PerScale<IgnoredAny>>,
}

/// Only the field that says which exhibit a document is for.
#[derive(Deserialize)]
struct Heading {
    exhibit: String,
}
