//! The exhibits: what each shows, and how its settings become numbers.

pub mod config;
mod location;
mod networks;
mod products;
pub mod statements;
mod times;

use std::path::Path;

use anyhow::Context as _;
use kernels::InstructionSet;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use training::names::unknown;

use crate::cache::{Cache, sha256};
use crate::images::{ImageConfig, Images};
use crate::memory::{self, Need};
use crate::names::check_own;
use crate::progress::Progress;
use crate::result::ExhibitResult;
use config::{ConfigError, Configured, FieldError, Scale, Source};

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
    configure: fn(&Source, Scale) -> Result<Configured, ConfigError>,
}

/// Settings that can be run.
pub trait Experiment: Send + Sync {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`FieldError`] naming the first field that makes no sense.
    fn check(&self) -> Result<(), FieldError>;

    /// Settings that are right and change nothing, with what would.
    fn without_effect(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// What it keeps in memory at one time, at the least, where settings decide how much.
    fn memory(&self) -> Vec<Need> {
        Vec::new()
    }

    /// The images it trains on, if it does.
    fn images(&self) -> Option<ImageConfig> {
        None
    }

    /// The same, to note in them what is known of images before these are read; none where no
    /// setting depends on that.
    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
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
    statements::claims::EXHIBIT,
    statements::calibration::EXHIBIT,
    products::matmul_error::EXHIBIT,
    products::bernoulli_budget::EXHIBIT,
    products::conv_error::EXHIBIT,
    statements::ridge::EXHIBIT,
    statements::sgd_convergence::EXHIBIT,
    networks::accuracy::MLP,
    networks::mlp_modes::EXHIBIT,
    networks::accuracy::CNN,
    networks::accuracy::WRN,
    networks::gradient_error::EXHIBIT,
    networks::compute_communication::EXHIBIT,
    networks::multi_node::EXHIBIT,
    times::layer_timing::EXHIBIT,
    times::training_step::EXHIBIT,
    times::resnet_step::EXHIBIT,
    times::roofline::EXHIBIT,
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
    /// The name of a user's file cannot be that of files of figures.
    #[error("{0}")]
    Name(String),
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
    /// [`TaskError`] naming the exhibit, or the file, line and field; also for a file whose figures
    /// would take the place of others.
    pub fn new(request: &str, scale: Scale, seed: u64) -> Result<Self, TaskError> {
        if let Some((name, text)) = NAMED_ONLY.iter().find(|(name, _)| *name == request) {
            let source = Source::new(format!("{name}.yaml"), text);
            return Self::of_settings(&source, name, scale, seed);
        }
        let file = Path::new(request);
        let is_file = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if !is_file {
            let exhibit = find(request).map_err(TaskError::Unknown)?;
            return Self::built_in(exhibit, scale, seed);
        }
        let source = Source::read(request)?;
        let name = file.file_stem().map_or(request.into(), |stem| stem.to_string_lossy());
        let built_in = EXHIBITS.iter().find(|exhibit| exhibit.name == name);
        if let Some(exhibit) = built_in.filter(|exhibit| source.text() == exhibit.yaml) {
            return Self::built_in(exhibit, scale, seed);
        }
        if !NAMED_ONLY.contains(&(&name, source.text())) {
            check_own(&name).map_err(|reason| TaskError::Name(format!("{request}: {reason}")))?;
        }
        Self::of_settings(&source, &name, scale, seed)
    }

    /// The task of settings that say which exhibit they are for.
    fn of_settings(
        source: &Source,
        name: &str,
        scale: Scale,
        seed: u64,
    ) -> Result<Self, TaskError> {
        let unknown = |reason| TaskError::UnknownIn { file: source.file().to_string(), reason };
        let exhibit = find(&source.exhibit()?).map_err(unknown)?;
        let configured = (exhibit.configure)(source, scale)?;
        let scale = configured.scale;
        let name = name.to_string();
        Ok(Task { name, exhibit, configured, scale, seed })
    }

    fn built_in(exhibit: &'static Exhibit, scale: Scale, seed: u64) -> Result<Self, TaskError> {
        let source = Source::new(format!("{}.yaml", exhibit.name), exhibit.yaml);
        let configured = (exhibit.configure)(&source, scale)?;
        Ok(Task { name: exhibit.name.to_string(), exhibit, configured, scale, seed })
    }

    /// Looks at the folder of images of one's own, and refuses settings that do not fit them.
    ///
    /// # Errors
    /// When the folder cannot be opened, or a setting makes no sense for its images: names file,
    /// line and setting.
    pub fn look_at_images(&mut self, directory: &Path) -> anyhow::Result<()> {
        let Some(images) = self.configured.experiment.images_mut() else { return Ok(()) };
        images.look(directory)?;
        Ok(self.configured.experiment.check().map_err(|field| self.configured.error(field))?)
    }

    /// Refuses settings that do not fit into so many bytes of memory.
    ///
    /// # Errors
    /// Names file, line and setting, and says what would be needed.
    pub fn check_memory(&self, machine: Option<u64>) -> Result<(), ConfigError> {
        let needs = self.configured.experiment.memory();
        memory::check(&needs, machine).map_err(|field| self.configured.error(field))
    }

    /// What is to be said of settings that change nothing.
    pub fn warnings(&self) -> Vec<String> {
        let fields = self.configured.experiment.without_effect();
        fields.into_iter().map(|field| self.configured.error(field).to_string()).collect()
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
    fn every_built_in_setting_has_an_effect_and_quick_ones_fit_into_four_gigabytes() {
        for exhibit in &EXHIBITS {
            for scale in [Scale::Quick, Scale::Standard, Scale::Paper] {
                let task = Task::new(exhibit.name, scale, 1).unwrap();
                assert_eq!(task.warnings(), Vec::<String>::new());
                assert!(task.configured.seconds.is_some(), "{}", exhibit.name);
                assert_eq!(task.scale, scale);
            }
            let quick = Task::new(exhibit.name, Scale::Quick, 1).unwrap();
            assert!(quick.check_memory(Some(4_000_000_000)).is_ok(), "{}", exhibit.name);
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
