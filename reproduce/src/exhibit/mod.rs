//! What an exhibit is: how its settings become numbers, and what it says of itself.
//!
//! The exhibits are in folders by kind, the list of them in [`crate::exhibits`]. What the page shows
//! of an exhibit stands in its [`Exhibit`] and in its result, and nowhere else.

pub(crate) mod difference;
pub(crate) mod finding;
pub(crate) mod networks;
pub(crate) mod products;
pub(crate) mod related;
mod section;
pub mod settings;
pub(crate) mod statements;
pub(crate) mod statistics;
pub(crate) mod style;
pub(crate) mod times;

use std::path::Path;

use kernels::InstructionSet;
use kernels::estimator::Estimator;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::progress::Progress;
use crate::result::ExhibitResult;
use crate::team::Team;
pub use section::Section;
use settings::{ConfigError, Configured, FieldError, Scale, Source};

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
    /// The part of the page that it stands in.
    pub section: Section,
    /// The note that explains it: `SLUG` of `paper-notes/SLUG.md`.
    pub note: &'static str,
    /// The numbers of the theory's statements that its figures show, such as "T3", or the name of
    /// those of its own.
    pub statements: &'static [&'static str],
    /// The estimators of the interactive figure beside it; none where there is no such figure.
    pub interactive: &'static [Estimator],
    /// Whether its numbers are times: those are never compared or snapshotted.
    pub is_timing: bool,
    /// The built-in settings.
    pub settings: &'static [BuiltIn],
    /// Reads settings of one scale.
    pub configure: fn(&Source, Scale) -> Result<Configured, ConfigError>,
}

/// Built-in settings of an exhibit.
pub struct BuiltIn {
    /// Name on the command line and of their files.
    pub name: &'static str,
    /// What sets them apart from the exhibit's first settings, for behind its title; empty of those.
    pub apart: &'static str,
    /// The commented file.
    pub yaml: &'static str,
    /// Whether they take too long for a run of everything, and are run and checked when they are
    /// named.
    pub is_long: bool,
}

impl BuiltIn {
    /// Whether there is something to run at this scale. Settings that cannot be read are said to
    /// be there, so that whoever reads them says why.
    pub fn is_at(&self, scale: Scale) -> bool {
        let there = Source::new(format!("{}.yaml", self.name), self.yaml).scales();
        there.map_or(true, |there| scale.block(&there).is_some())
    }
}

/// Built-in settings, by the name of their file in `exhibits/`: those of every run, or as `long`
/// those that are run when they are named. All but the first of an exhibit say what sets them apart.
macro_rules! built_in {
    ($name:literal) => {
        $crate::exhibit::built_in!($name, "", false)
    };
    ($name:literal, long) => {
        $crate::exhibit::built_in!($name, "", true)
    };
    ($name:literal, long: $apart:literal) => {
        $crate::exhibit::built_in!($name, $apart, true)
    };
    ($name:literal, $apart:literal, $is_long:literal) => {
        $crate::exhibit::BuiltIn {
            name: $name,
            apart: $apart,
            yaml: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/exhibits/", $name, ".yaml")),
            is_long: $is_long,
        }
    };
}
pub(crate) use built_in;

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

    /// Chooses, where settings leave that open, which of the data it is computed with, from what the
    /// data directory holds.
    fn settle(&mut self, _directory: &Path) {}

    /// The folder of the data directory that it reads, besides image sets.
    fn folder(&self) -> Option<&'static str> {
        None
    }

    /// What shows its committed results, where runs of it take hours and are committed: it makes no
    /// run, and recomputes how they begin.
    fn shown(self: Box<Self>) -> Option<Box<dyn Experiment>> {
        None
    }

    /// How many workers train together in each of its runs, where several can.
    fn workers(&self) -> &[usize] {
        &[]
    }

    /// Whether it has something to say where the data directory does not hold its images.
    fn can_do_without_images(&self) -> bool {
        false
    }

    /// What it cannot do without, by its name, where the data directory does not hold it.
    fn missing_from(&self, directory: &Path) -> Option<&'static str> {
        let images = self.images().filter(|_| !self.can_do_without_images());
        let set = images.and_then(|images| images.set.missing_from(directory));
        set.or(self.folder().filter(|folder| !directory.join(folder).is_dir()))
    }

    /// Computes the numbers.
    ///
    /// # Errors
    /// When data are missing or damaged, or results cannot be stored.
    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult>;
}

/// Which runs are made of an experiment at long scale; it says nothing at the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongRuns {
    /// Those that are neither committed nor stored.
    Missing,
    /// Those that are committed, to be compared with what is committed.
    Again,
    /// None: what is finished is collected.
    Finished,
}

/// What an experiment may depend on besides its settings.
pub struct Environment<'a> {
    /// Where all randomness starts.
    pub seed: u64,
    /// How products are computed; never changes a number.
    pub instructions: InstructionSet,
    /// The images that the experiment asked for.
    pub images: Option<&'a Images>,
    /// The data directory, for images that do not fit in memory.
    pub data: &'a Path,
    /// The committed record of its long runs, where there is one.
    pub record: Option<&'a str>,
    /// Which of its long runs are made.
    pub long_runs: LongRuns,
    /// Who trains where several workers do; never changes a number.
    pub team: &'a dyn Team,
    /// Finished parts of long experiments.
    pub cache: &'a Cache,
    /// Where to say how far the experiment is.
    pub progress: &'a Progress,
}

impl Environment<'_> {
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
