//! The exhibits: what each shows, and how its settings become numbers.

mod accuracy;
mod bernoulli_budget;
mod calibration;
pub mod claims;
mod closed_form;
mod compute_communication;
pub mod config;
mod conv_error;
mod gradient_error;
mod layer_timing;
mod matmul_error;
mod matrices;
mod mlp_modes;
mod multi_node;
mod random_convolution;
mod resnet_step;
mod ridge;
mod roofline;
mod runs;
mod sgd_convergence;
mod steps;
mod training_step;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kernels::InstructionSet;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::cache::{Cache, sha256};
use crate::images::{ImageConfig, Images};
use crate::names::unknown;
use crate::progress::Progress;
use crate::result::ExhibitResult;
use config::{ConfigError, Configured, Scale};

/// A kind of experiment the program knows.
pub struct Exhibit {
    /// Name on the command line and of its files.
    pub name: &'static str,
    /// Heading of its report.
    pub title: &'static str,
    /// What it shows, in a sentence.
    pub shows: &'static str,
    /// Which figure of the paper shows the same quantity, as far as the sources at hand tell.
    pub paper: &'static str,
    /// Whether its numbers are times: those are never cached, compared or snapshotted.
    pub is_timing: bool,
    /// Raised whenever the code changes its numbers, so that old cache entries are not used.
    pub version: u32,
    /// The built-in settings.
    pub yaml: &'static str,
    configure: fn(&str, &Path, Scale) -> Result<Configured, ConfigError>,
}

/// Settings that can be run.
pub trait Experiment: Send + Sync {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`config::FieldError`] naming the first field that makes no sense.
    fn check(&self) -> Result<(), config::FieldError>;

    /// The images it trains on, if it does.
    fn images(&self) -> Option<ImageConfig> {
        None
    }

    /// What it cannot do without, by its name, where the data directory does not hold it.
    fn missing_from(&self, directory: &Path) -> Option<&'static str> {
        self.images()?.set.missing_from(directory)
    }

    /// Computes the numbers.
    ///
    /// # Errors
    /// When data are missing or damaged, or results cannot be stored.
    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult>;
}

/// What an experiment may depend on besides its settings.
pub struct Context<'a> {
    /// Where all randomness starts.
    pub seed: u64,
    /// How products are computed; never changes a number.
    pub instructions: InstructionSet,
    /// The images that the experiment asked for.
    pub images: Option<&'a Images>,
    /// The data directory, for images that do not fit in memory.
    pub data: &'a Path,
    /// Finished parts of long experiments.
    pub cache: &'a Cache,
    /// Where to say how far the experiment is.
    pub progress: &'a Progress,
}

/// Every exhibit, in the order they are run.
pub static EXHIBITS: [Exhibit; 18] = [
    claims::EXHIBIT,
    calibration::EXHIBIT,
    matmul_error::EXHIBIT,
    bernoulli_budget::EXHIBIT,
    conv_error::EXHIBIT,
    ridge::EXHIBIT,
    sgd_convergence::EXHIBIT,
    accuracy::MLP,
    mlp_modes::EXHIBIT,
    accuracy::CNN,
    accuracy::WRN,
    gradient_error::EXHIBIT,
    compute_communication::EXHIBIT,
    multi_node::EXHIBIT,
    layer_timing::EXHIBIT,
    training_step::EXHIBIT,
    resnet_step::EXHIBIT,
    roofline::EXHIBIT,
];

/// Other built-in settings of exhibits, by the name of their files: too long for a run of
/// everything, so that they are run and checked when they are named.
pub static NAMED_ONLY: [(&str, &str); 1] =
    [("mlp-accuracy-converged", include_str!("../../exhibits/mlp-accuracy-converged.yaml"))];

/// An exhibit with the settings it will run with.
pub struct Task {
    /// Name of its files: the exhibit's, or that of the user's YAML file.
    pub name: String,
    /// The kind of experiment.
    pub exhibit: &'static Exhibit,
    /// Its settings.
    pub configured: Configured,
    /// Which block of settings.
    pub scale: Scale,
    /// Where all randomness starts.
    pub seed: u64,
}

/// Why an exhibit cannot be run.
#[derive(Debug, Error)]
pub enum TaskError {
    /// No exhibit of this name.
    #[error("{0}")]
    Unknown(String),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A YAML file names an exhibit that does not exist.
    #[error("{file}: exhibit: {reason}")]
    UnknownIn {
        /// The YAML file.
        file: String,
        /// The name and its nearest neighbours.
        reason: String,
    },
}

fn find(name: &str) -> Result<&'static Exhibit, String> {
    EXHIBITS.iter().find(|exhibit| exhibit.name == name).ok_or_else(|| {
        let names = EXHIBITS.iter().map(|exhibit| exhibit.name);
        let names: Vec<&str> = names.chain(NAMED_ONLY.iter().map(|(name, _)| *name)).collect();
        unknown("exhibit", name, &names)
    })
}

impl Task {
    /// The task that `request` asks for: the name of an exhibit or of other built-in settings
    /// ([`NAMED_ONLY`]), or the path of a YAML file with settings of one's own.
    ///
    /// # Errors
    /// [`TaskError`] naming the exhibit, or the file, line and field.
    pub fn new(request: &str, scale: Scale, seed: u64) -> Result<Self, TaskError> {
        let is_file = request.ends_with(".yaml") || request.ends_with(".yml");
        let named_only = NAMED_ONLY.iter().find(|(name, _)| *name == request);
        if let Some((name, text)) = named_only {
            return Task::of_settings(text, Path::new(&format!("{name}.yaml")), scale, seed);
        }
        if !is_file {
            let exhibit = find(request).map_err(TaskError::Unknown)?;
            let file = PathBuf::from(format!("{}.yaml", exhibit.name));
            let configured = (exhibit.configure)(exhibit.yaml, &file, scale)?;
            return Ok(Task { name: exhibit.name.to_string(), exhibit, configured, scale, seed });
        }
        let file = Path::new(request);
        let text = std::fs::read_to_string(file)
            .map_err(|reason| ConfigError::Unreadable { file: request.to_string(), reason })?;
        Task::of_settings(&text, file, scale, seed)
    }

    /// The task of settings that say which exhibit they are for, named after their file.
    fn of_settings(text: &str, file: &Path, scale: Scale, seed: u64) -> Result<Self, TaskError> {
        let unknown = |reason| TaskError::UnknownIn { file: file.display().to_string(), reason };
        let exhibit = find(&config::exhibit_of(text, file)?).map_err(unknown)?;
        let configured = (exhibit.configure)(text, file, scale)?;
        let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy();
        Ok(Task { name: name.into_owned(), exhibit, configured, scale, seed })
    }

    /// Everything the result depends on.
    pub fn key(&self, images: Option<&Images>) -> String {
        format!(
            "exhibit {} version {} seed {} data {} settings {}",
            self.exhibit.name,
            self.exhibit.version,
            self.seed,
            images.map_or("none", |images| &images.checksum),
            self.configured.settings,
        )
    }

    /// What files of numbers are called: the task's name, and that of its image set.
    pub fn stem(&self, images: Option<&Images>) -> String {
        images.map_or(self.name.clone(), |images| format!("{}.{}", self.name, images.slug))
    }

    /// First digits of the settings' checksum, shown below every table.
    pub fn settings_hash(&self) -> String {
        sha256(self.configured.settings.as_bytes())[..12].to_string()
    }

    /// Runs the experiment, without looking for a stored result of the whole.
    ///
    /// # Errors
    /// Whatever the experiment reports, with the exhibit's name.
    pub fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        self.configured.experiment.run(context).with_context(|| self.name.clone())
    }
}

impl Context<'_> {
    /// The stored value of a part of an experiment, computed and stored if there is none.
    ///
    /// `key` must say everything that the value depends on.
    ///
    /// # Errors
    /// Those of `compute`, and of writing to the cache.
    pub fn stored<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        compute: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if let Some(value) = self.cache.get(key) {
            return Ok(value);
        }
        let value = compute()?;
        self.cache.put(key, &value)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_settings_are_read_at_every_scale() {
        for exhibit in &EXHIBITS {
            for scale in [Scale::Quick, Scale::Standard, Scale::Paper] {
                let task = Task::new(exhibit.name, scale, 1);
                assert!(task.is_ok(), "{}", task.err().map_or(String::new(), |e| e.to_string()));
            }
        }
    }

    #[test]
    fn the_key_changes_with_scale_and_seed() {
        let key = |scale, seed| {
            Task::new("matmul-error", scale, seed).map(|task| task.key(None)).unwrap_or_default()
        };
        assert_ne!(key(Scale::Quick, 1), key(Scale::Quick, 2));
        assert_ne!(key(Scale::Quick, 1), key(Scale::Standard, 1));
        assert_eq!(key(Scale::Quick, 1), key(Scale::Quick, 1));
    }
}
