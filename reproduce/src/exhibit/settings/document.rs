//! From a YAML document to settings that can be run.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, number};

use super::scale::{PerScale, Scale};
use super::source::{ConfigError, Source};
use crate::exhibit::Experiment;

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

/// Settings of one scale, ready to run.
pub struct Configured {
    /// The experiment with its settings.
    pub experiment: Box<dyn Experiment>,
    /// The settings as canonical JSON: what the cache key is made of.
    pub settings: String,
    /// About how many seconds two cores need, where the settings say it.
    pub seconds: Option<f64>,
    /// Which scale it is.
    pub scale: Scale,
    /// Which block of settings that is.
    block: Scale,
    source: Source,
}

impl Configured {
    /// Whether these are the settings of long runs, to be made or to be shown.
    pub fn are_long(&self) -> bool {
        self.block == Scale::Long
    }

    /// An error of these settings, with file and line.
    pub fn error(&self, field: FieldError) -> ConfigError {
        self.source.error(field.within(&block(self.block)))
    }
}

/// Where the settings of a scale are.
fn block(scale: Scale) -> String {
    if scale == Scale::Own { "settings".to_string() } else { format!("scales.{scale}") }
}

/// Reads the settings of `scale` for the experiment type `T`; those of all scales are checked. A
/// file with one block of settings has that one at every scale, and one without a block of standard
/// scale shows there what the long one came to ([`Experiment::shown`]).
///
/// # Errors
/// [`ConfigError`] with file, line and field of the first mistake.
pub fn configure<T>(source: &Source, scale: Scale) -> Result<Configured, ConfigError>
where
    T: Experiment + DeserializeOwned + Serialize + 'static,
{
    let document: Document<T> =
        serde_yaml::from_str(source.text()).map_err(|e| source.malformed(e))?;
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
            "a block of them, or scales with quick, standard, long, paper",
        );
    }
    for (scale, settings) in &blocks {
        let checked = settings.check();
        checked.map_err(|field| source.error(field.within(&block(*scale))))?;
    }
    let there: Vec<Scale> = blocks.iter().map(|(scale, _)| *scale).collect();
    let seconds = document.seconds.map_or(Vec::new(), PerScale::into_values);
    for (scale, seconds) in &seconds {
        let checked = number(&scale.to_string(), *seconds, 0.0..);
        checked.map_err(|field| source.error(field.within("seconds")))?;
        if !there.contains(scale) && !scale.shows_long(&there) {
            let field = format!("seconds.{scale}");
            return refuse(&field, &seconds.to_string(), "seconds of a scale that has settings");
        }
    }
    let without = |there: &[Scale]| {
        let there: Vec<String> = there.iter().map(|scale| scale.to_string()).collect();
        let expected = format!("one of those that there are: --scale {}", there.join(" or "));
        refuse("scales", &format!("without {scale}"), &expected)
    };
    let Some(of) = scale.block(&there) else { return without(&there) };
    let position = there.iter().position(|block| *block == of).unwrap_or_default();
    let (_, experiment) = blocks.swap_remove(position);
    let settings = serde_json::to_string(&experiment)
        .map_err(|error| source.malformed(serde_yaml::Error::custom(error)))?;
    let mut experiment: Box<dyn Experiment> = Box::new(experiment);
    let mut name = of;
    if scale.shows_long(&there) {
        let Some(shown) = experiment.shown() else { return without(&there) };
        (experiment, name) = (shown, scale);
    }
    let seconds = seconds.iter().find(|(of, _)| *of == name).map(|(_, seconds)| *seconds);
    Ok(Configured { experiment, settings, seconds, scale: name, block: of, source: source.clone() })
}
