//! The pieces that an exhibit is made of: a data set, a seed, a way of storing.

use crate::classifier::{Outcome, evaluate};
use crate::crossbar::Storage;
use crate::error::ClassifierError;
use crate::rule::Rule;
use crate::samples::{Samples, UnitLength};
use crate::split::{Folds, Images, Split};
use crate::tuning::Tuning;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::data::Splits;
use training::setting::FieldError;

/// How accuracies are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Tables: stratified cross-validation.
    pub folds: Folds,
    /// Images: parts of the published sets.
    pub images: Images,
    /// How vectors are brought to length one.
    #[serde(default)]
    pub length: UnitLength,
    /// What is tried for bandwidths and thresholds.
    pub tuning: Tuning,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folds: Folds { folds: 10, tuning_folds: 5 },
            images: Images { stored_a_class: 300, tuning: 2_000, test: 10_000 },
            length: UnitLength::Direction,
            tuning: Tuning::default(),
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the field, its value, and what would have been right.
    pub fn check(&self) -> Result<(), FieldError> {
        self.folds.check().map_err(|error| error.within("folds"))?;
        self.images.check().map_err(|error| error.within("images"))?;
        self.tuning.check().map_err(|error| error.within("tuning"))
    }

    /// What the accuracy of one seed is measured on.
    ///
    /// # Errors
    /// When a class has too few samples.
    pub fn splits(&self, data: Data, seed: u64) -> Result<Vec<Split>, ClassifierError> {
        match data {
            Data::Table(samples) => self.folds.splits(samples, self.length, seed),
            Data::Images(images) => Ok(vec![self.images.split(images, self.length, seed)?]),
        }
    }
}

/// A data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// Samples without a test part.
    Table(&'a Samples),
    /// Images in their published parts.
    Images(&'a Splits),
}

/// One piece: some rules on a data set with one way of storing and one seed. The rules share the
/// products, which are most of the work.
///
/// ```
/// use memristor_classifier::crossbar::{Levels, Storage};
/// use memristor_classifier::experiment::{Data, Settings, run};
/// use memristor_classifier::rule::Rule;
/// use memristor_classifier::split::Images;
///
/// let digits = training::data::generated_digits(1, 200, 50, 50);
/// let images = Images { stored_a_class: 8, tuning: 50, test: 50 };
/// let settings = Settings { images, ..Settings::default() };
/// let rules = [Rule::Density, Rule::ClassThresholds];
/// let (data, storage) = (Data::Images(&digits), Storage::Levels(Levels::SIXTEEN));
/// let outcomes = run(&settings, data, storage, &rules, 1)?;
/// assert_eq!(outcomes[0].cost.exponentials, 80);
/// assert_eq!(outcomes[1].cost.exponentials, 0);
/// # Ok::<(), memristor_classifier::error::ClassifierError>(())
/// ```
///
/// # Errors
/// When a setting is out of range, a class has too few samples, or weights cannot be stored.
pub fn run(
    settings: &Settings,
    data: Data,
    storage: Storage,
    rules: &[Rule],
    seed: u64,
) -> Result<Vec<Outcome>, ClassifierError> {
    settings.check()?;
    storage.check()?;
    let splits = settings.splits(data, seed)?;
    evaluate(&splits, storage, rules, &settings.tuning, Stream::new(seed, "storage"))
}
