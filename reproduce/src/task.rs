//! An exhibit with the settings it will run with.

use std::path::Path;

use anyhow::Context as _;
use thiserror::Error;

use crate::cache::sha256;
use crate::exhibit::settings::{ConfigError, Configured, Scale, Source};
use crate::exhibit::{BuiltIn, Environment, Exhibit};
use crate::exhibits::{built_in, built_in_named, exhibit_named};
use crate::file_names::check_own;
use crate::images::ImageConfig;
use crate::memory;
use crate::reference::record_of;
use crate::result::ExhibitResult;
use crate::sources;

/// An exhibit with the settings it will run with.
pub struct Task {
    /// Name of its files: that of the built-in settings, or of the user's YAML file.
    pub name: String,
    /// The kind of experiment.
    pub exhibit: &'static Exhibit,
    /// The built-in settings that it runs with; none for a user's own.
    pub built_in: Option<&'static BuiltIn>,
    /// Its settings.
    pub configured: Configured,
    /// Which block of settings.
    pub scale: Scale,
    /// Where all randomness starts.
    pub seed: u64,
    /// The committed record of its long runs, where there is one.
    pub record: Option<&'static str>,
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

impl Task {
    /// The task that `request` asks for: the name of built-in settings, or the path of a YAML file
    /// with settings of one's own.
    ///
    /// # Errors
    /// [`TaskError`] naming the exhibit, or the file, line and field; also for a file whose figures
    /// would take the place of others.
    pub fn new(request: &str, scale: Scale, seed: u64) -> Result<Self, TaskError> {
        let file = Path::new(request);
        let is_file = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if !is_file {
            let (exhibit, own) = built_in_named(request).map_err(TaskError::Unknown)?;
            return Self::built_in(exhibit, own, scale, seed);
        }
        let source = Source::read(request)?;
        let name = file.file_stem().map_or(request.into(), |stem| stem.to_string_lossy());
        let same = built_in().find(|(_, own)| own.name == name && own.yaml == source.text());
        if let Some((exhibit, own)) = same {
            return Self::built_in(exhibit, own, scale, seed);
        }
        check_own(&name).map_err(|reason| TaskError::Name(format!("{request}: {reason}")))?;
        let unknown = |reason| TaskError::UnknownIn { file: source.file().to_string(), reason };
        let exhibit = exhibit_named(&source.exhibit()?).map_err(unknown)?;
        Self::of(exhibit, None, &source, &name, scale, seed)
    }

    /// The task of built-in settings.
    ///
    /// # Errors
    /// [`TaskError`] where the settings are wrong.
    pub fn built_in(
        exhibit: &'static Exhibit,
        own: &'static BuiltIn,
        scale: Scale,
        seed: u64,
    ) -> Result<Self, TaskError> {
        let source = Source::new(format!("{}.yaml", own.name), own.yaml);
        Self::of(exhibit, Some(own), &source, own.name, scale, seed)
    }

    fn of(
        exhibit: &'static Exhibit,
        built_in: Option<&'static BuiltIn>,
        source: &Source,
        name: &str,
        scale: Scale,
        seed: u64,
    ) -> Result<Self, TaskError> {
        let configured = (exhibit.configure)(source, scale)?;
        let (name, scale) = (name.to_string(), configured.scale);
        let record = built_in.filter(|_| configured.are_long()).and_then(|own| record_of(own.name));
        Ok(Task { name, exhibit, built_in, configured, scale, seed, record })
    }

    /// Its heading: the exhibit's, and what sets the settings apart.
    pub fn title(&self) -> String {
        match self.built_in.map_or("", |own| own.apart) {
            "" => self.exhibit.title.to_string(),
            apart => format!("{}, {apart}", self.exhibit.title),
        }
    }

    /// Looks at the data directory: which data it settles on, and at the folder of images of one's
    /// own. Refuses settings that do not fit them.
    ///
    /// # Errors
    /// When the folder cannot be opened, or a setting makes no sense for its images: names file,
    /// line and setting.
    pub fn look_at_data(&mut self, directory: &Path) -> anyhow::Result<()> {
        self.configured.experiment.settle(directory);
        let Some(images) = self.configured.experiment.images_mut() else { return Ok(()) };
        images.look(directory)?;
        Ok(self.configured.experiment.check().map_err(|field| self.configured.error(field))?)
    }

    /// The images that it is computed with; none where it has none, or can do without those that
    /// the data directory does not hold.
    pub fn images(&self, directory: &Path) -> Option<ImageConfig> {
        let experiment = &self.configured.experiment;
        let is_there = |config: &ImageConfig| config.set.missing_from(directory).is_none();
        experiment.images().filter(|c| !experiment.can_do_without_images() || is_there(c))
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

    /// How many workers train together in each of its runs, where several can.
    pub fn workers(&self) -> &[usize] {
        self.configured.experiment.workers()
    }

    /// Everything the result depends on, where its images have this checksum.
    pub fn key(&self, images: Option<&str>) -> String {
        let record = self.record.map_or(String::new(), |record| {
            format!(" record {} shown at {}", sha256(record.as_bytes()), self.scale)
        });
        format!(
            "exhibit {} code {} seed {} data {} settings {}{record}",
            self.exhibit.name,
            sources::EXHIBITS,
            self.seed,
            images.unwrap_or("none"),
            self.configured.settings,
        )
    }

    /// What files of numbers are called: the task's name, and that of its image set
    /// ([`Images::slug`](crate::images::Images::slug)), also where it does without the images.
    pub fn stem(&self, slug: Option<&str>) -> String {
        let set = self.configured.experiment.images().map(|config| config.set);
        let slug = slug.or_else(|| set?.slugs().first().copied());
        slug.map_or(self.name.clone(), |slug| format!("{}.{slug}", self.name))
    }

    /// First digits of the settings' checksum, shown below every table.
    pub fn settings_hash(&self) -> String {
        sha256(self.configured.settings.as_bytes())[..12].to_string()
    }

    /// Runs the experiment, without looking for a stored result of the whole.
    ///
    /// # Errors
    /// Whatever the experiment reports, with the exhibit's name.
    pub fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        self.configured.experiment.run(environment).with_context(|| self.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALES: [Scale; 4] = [Scale::Quick, Scale::Standard, Scale::Long, Scale::Paper];

    #[test]
    fn built_in_settings_are_read_at_every_scale_and_each_of_them_has_an_effect() {
        for (exhibit, own) in built_in() {
            assert!(own.is_at(Scale::Quick) && own.is_at(Scale::Standard), "{}", own.name);
            for scale in SCALES.into_iter().filter(|scale| own.is_at(*scale)) {
                let task = Task::built_in(exhibit, own, scale, 1);
                let task = task.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(task.warnings(), Vec::<String>::new());
                assert!(task.configured.seconds.is_some(), "{}", own.name);
                assert_eq!(task.scale, scale);
            }
        }
    }

    #[test]
    fn quick_settings_fit_into_four_gigabytes() {
        for (exhibit, own) in built_in() {
            let quick = Task::built_in(exhibit, own, Scale::Quick, 1).unwrap();
            assert!(quick.check_memory(Some(4_000_000_000)).is_ok(), "{}", own.name);
        }
    }

    #[test]
    fn the_key_changes_with_scale_seed_and_images() {
        let task = |scale, seed| Task::new("matmul-error", scale, seed).unwrap();
        let key = |scale, seed| task(scale, seed).key(None);
        assert_ne!(key(Scale::Quick, 1), key(Scale::Quick, 2));
        assert_ne!(key(Scale::Quick, 1), key(Scale::Standard, 1));
        assert_ne!(key(Scale::Quick, 1), task(Scale::Quick, 1).key(Some("12ab")));
        assert_eq!(key(Scale::Quick, 1), key(Scale::Quick, 1));
    }
}
