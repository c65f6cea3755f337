//! Reading an exhibit's settings from YAML.
//!
//! A document names its exhibit, says about how long each scale takes and holds
//! one block of settings a scale. Unknown fields are errors, so that a misspelt
//! setting is never silently ignored.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use kernels::estimator::Estimator;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::Experiment;
use crate::names::unknown;

/// How much of an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// At most a minute for everything: tests and a first look.
    Quick,
    /// At most ten minutes for everything on two cores.
    Standard,
    /// The full settings, however long they take.
    Paper,
}

/// One value a scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerScale<T> {
    /// See [`Scale::Quick`].
    pub quick: T,
    /// See [`Scale::Standard`].
    pub standard: T,
    /// See [`Scale::Paper`].
    pub paper: T,
}

/// An exhibit's YAML document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document<T> {
    /// Which exhibit the settings are for.
    pub exhibit: String,
    /// About how many seconds two cores need.
    pub seconds: PerScale<f64>,
    /// The settings themselves.
    pub scales: PerScale<T>,
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
        reason: std::io::Error,
    },
    /// The text is no YAML document of the expected form.
    #[error("{file}: {reason}")]
    Malformed {
        /// Path as the user gave it.
        file: String,
        /// Field, line and column.
        reason: serde_yaml::Error,
    },
    /// A value is of the right type and still makes no sense.
    #[error("{file}: scales.{scale}.{field}")]
    Value {
        /// Path as the user gave it.
        file: String,
        /// Which block of settings.
        scale: Scale,
        /// Field, value and what was expected.
        field: FieldError,
    },
}

/// A field whose value makes no sense.
#[derive(Debug, Error, PartialEq)]
#[error("{field} is {value}, expected {expected}")]
pub struct FieldError {
    /// Name of the field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What would have been right.
    pub expected: &'static str,
}

/// Settings of one scale, ready to run.
pub struct Configured {
    /// The experiment with its settings.
    pub experiment: Box<dyn Experiment>,
    /// The settings as canonical JSON: what the cache key is made of.
    pub settings: String,
    /// About how many seconds two cores need.
    pub seconds: f64,
}

/// Only the field that says which exhibit a document is for.
#[derive(Deserialize)]
struct Heading {
    exhibit: String,
}

/// The exhibit that a document is for.
///
/// # Errors
/// [`ConfigError::Malformed`] if the text is no YAML or has no field `exhibit`.
pub fn exhibit_of(text: &str, file: &Path) -> Result<String, ConfigError> {
    let heading: Heading = serde_yaml::from_str(text)
        .map_err(|reason| ConfigError::Malformed { file: file.display().to_string(), reason })?;
    Ok(heading.exhibit)
}

/// Reads the settings of `scale` for the experiment type `T`; those of all scales are checked.
///
/// # Errors
/// [`ConfigError`] with file, line and field of the first mistake.
pub fn configure<T>(text: &str, file: &Path, scale: Scale) -> Result<Configured, ConfigError>
where
    T: Experiment + DeserializeOwned + Serialize + 'static,
{
    let file = file.display().to_string();
    let malformed = |reason| ConfigError::Malformed { file: file.clone(), reason };
    let document: Document<T> = serde_yaml::from_str(text).map_err(malformed)?;
    let PerScale { quick, standard, paper } = document.scales;
    for (scale, settings) in
        [(Scale::Quick, &quick), (Scale::Standard, &standard), (Scale::Paper, &paper)]
    {
        settings.check().map_err(|field| ConfigError::Value {
            file: file.clone(),
            scale,
            field,
        })?;
    }
    let PerScale { quick: s_quick, standard: s_standard, paper: s_paper } = document.seconds;
    let (experiment, seconds) = match scale {
        Scale::Quick => (quick, s_quick),
        Scale::Standard => (standard, s_standard),
        Scale::Paper => (paper, s_paper),
    };
    let settings = serde_json::to_string(&experiment)
        .map_err(|error| malformed(serde_yaml::Error::custom(error)))?;
    Ok(Configured { experiment: Box::new(experiment), settings, seconds })
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
        })
    }
}
