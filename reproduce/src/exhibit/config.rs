//! Reading an exhibit's settings from YAML.
//!
//! A built-in document names its exhibit, says about how long each scale takes and holds
//! one block of settings a scale; one of a user's own holds at least one block. Unknown
//! fields are errors, so that a misspelt setting is never silently ignored, and a value
//! out of its range is refused with its line.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::str::FromStr;

use kernels::estimator::Estimator;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_yaml::Location;
use thiserror::Error;
use training::file::open;
use training::names::unknown;
pub use training::setting::FieldError;
use training::setting::number;

use super::Experiment;
use super::location::locate;

/// How much of an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// At most a minute for everything: tests and a first look.
    Quick,
    /// At most ten minutes for everything on two cores.
    Standard,
    /// The full settings, however long they take.
    Paper,
    /// What a file with a single block of settings says.
    #[value(skip)]
    Own,
}

impl Scale {
    /// What the command line needs to be told to run this scale again: " --scale quick".
    pub fn flag(self) -> String {
        if self == Scale::Own { String::new() } else { format!(" --scale {self}") }
    }
}

/// One value a scale. Built-in settings have all, a file of one's own at least one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerScale<T> {
    /// See [`Scale::Quick`].
    pub quick: Option<T>,
    /// See [`Scale::Standard`].
    pub standard: Option<T>,
    /// See [`Scale::Paper`].
    pub paper: Option<T>,
}

impl<T> PerScale<T> {
    /// The values there are, with the scales they are for.
    fn into_values(self) -> Vec<(Scale, T)> {
        let values = [
            (Scale::Quick, self.quick),
            (Scale::Standard, self.standard),
            (Scale::Paper, self.paper),
        ];
        values.into_iter().filter_map(|(scale, value)| Some((scale, value?))).collect()
    }
}

/// An exhibit's YAML document: `settings` of one block, or `scales` with several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document<T> {
    /// Which exhibit the settings are for.
    pub exhibit: String,
    /// About how many seconds two cores need.
    pub seconds: Option<PerScale<f64>>,
    /// The settings of every scale.
    pub scales: Option<PerScale<T>>,
    /// The settings, where there is one block of them.
    pub settings: Option<T>,
}

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

    fn malformed(&self, reason: serde_yaml::Error) -> ConfigError {
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

/// Settings of one scale, ready to run.
pub struct Configured {
    /// The experiment with its settings.
    pub experiment: Box<dyn Experiment>,
    /// The settings as canonical JSON: what the cache key is made of.
    pub settings: String,
    /// About how many seconds two cores need, where the settings say it.
    pub seconds: Option<f64>,
    /// Which block of settings it is.
    pub scale: Scale,
    source: Source,
}

impl Configured {
    /// An error of these settings, with file and line.
    pub fn error(&self, field: FieldError) -> ConfigError {
        self.source.error(field.within(&block(self.scale)))
    }
}

/// Where the settings of a scale are.
fn block(scale: Scale) -> String {
    if scale == Scale::Own { "settings".to_string() } else { format!("scales.{scale}") }
}

/// Only the field that says which exhibit a document is for.
#[derive(Deserialize)]
struct Heading {
    exhibit: String,
}

/// Reads the settings of `scale` for the experiment type `T`; those of all scales are checked. A
/// file with one block of settings has that one at every scale.
///
/// # Errors
/// [`ConfigError`] with file, line and field of the first mistake.
pub fn configure<T>(source: &Source, scale: Scale) -> Result<Configured, ConfigError>
where
    T: Experiment + DeserializeOwned + Serialize + 'static,
{
    let document: Document<T> =
        serde_yaml::from_str(&source.text).map_err(|e| source.malformed(e))?;
    let refuse = |field, value: &str, expected: &str| {
        Err(source.error(FieldError::new(field, value, expected)))
    };
    let mut blocks = match (document.settings, document.scales) {
        (Some(_), Some(_)) => {
            return refuse("settings", "beside scales", "either settings or scales");
        }
        (Some(settings), None) => vec![(Scale::Own, settings)],
        (None, scales) => scales.map_or(Vec::new(), PerScale::into_values),
    };
    if blocks.is_empty() {
        return refuse(
            "settings",
            "not there",
            "a block of them, or scales with quick, standard, paper",
        );
    }
    for (scale, settings) in &blocks {
        let checked = settings.check();
        checked.map_err(|field| source.error(field.within(&block(*scale))))?;
    }
    let seconds = document.seconds.map_or(Vec::new(), PerScale::into_values);
    for (scale, seconds) in &seconds {
        let checked = number(&scale.to_string(), *seconds, 0.0..);
        checked.map_err(|field| source.error(field.within("seconds")))?;
        if !blocks.iter().any(|(block, _)| block == scale) {
            let field = format!("seconds.{scale}");
            return refuse(&field, &seconds.to_string(), "seconds of a scale that has settings");
        }
    }
    let position = match (blocks.iter().position(|(block, _)| *block == scale), blocks.len()) {
        (Some(position), _) => position,
        (None, 1) => 0,
        (None, _) => {
            let there: Vec<String> = blocks.iter().map(|(scale, _)| scale.to_string()).collect();
            let expected = format!("one of those that there are: --scale {}", there.join(" or "));
            return refuse("scales", &format!("without {scale}"), &expected);
        }
    };
    let (scale, experiment) = blocks.swap_remove(position);
    let settings = serde_json::to_string(&experiment)
        .map_err(|error| source.malformed(serde_yaml::Error::custom(error)))?;
    let seconds = seconds.iter().find(|(of, _)| *of == scale).map(|(_, seconds)| *seconds);
    let (experiment, source) = (Box::new(experiment), source.clone());
    Ok(Configured { experiment, settings, seconds, scale, source })
}

/// Share of the pairs that is kept: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Ratio {
    /// The share itself.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value > 0.0 && value <= 1.0 {
            Ok(Ratio(value))
        } else {
            Err(format!("ratio is {value}, expected a number above 0 and at most 1"))
        }
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> f64 {
        ratio.0
    }
}

/// An estimator written by its name, e.g. `top-k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedEstimator(pub Estimator);

impl Serialize for NamedEstimator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for NamedEstimator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Estimator::from_str(&name).map(NamedEstimator).map_err(|_| {
            let all: Vec<&str> = Estimator::ALL.iter().map(|e| e.name()).collect();
            D::Error::custom(unknown("estimator", &name, &all))
        })
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scale::Quick => "quick",
            Scale::Standard => "standard",
            Scale::Paper => "paper",
            Scale::Own => "own",
        })
    }
}
