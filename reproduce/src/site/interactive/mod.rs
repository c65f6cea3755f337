//! The interactive figures: that of some exhibits, and those of notes.
//!
//! Scripts in the page draw with the kernels' random numbers, made from the same addresses, and show
//! what the kernels compute: a test moves the controls in a browser and compares.

mod entry;
mod product;
mod sampling;
mod small_training;

use kernels::Estimator;
use kernels::selection::SelectionError;
use serde::Serialize;

pub use entry::{Entry, EntryLaw};
pub use product::SmallProduct;
pub use sampling::{Directions, Norms, PAIRS, SamplingFigure, Setting, setting};
pub use small_training::{SmallTraining, SmallTrainingError, losses};

use crate::exhibit::style;

/// The colours that the page has for series.
const COLOURS: usize = 7;

/// An estimator that one can choose, or that a row is of.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Choice {
    /// Its name in the code.
    pub name: &'static str,
    /// Text of the control.
    pub label: &'static str,
    /// Its colour, as in the figures.
    pub style: usize,
}

impl Choice {
    fn of(estimator: Estimator) -> Self {
        let label = match estimator {
            Estimator::ColumnRow => "column-row (CRS)",
            Estimator::Bernoulli => "Bernoulli, water-filling",
            Estimator::BernoulliAsReleased => "Bernoulli, as released",
            other => other.name(),
        };
        Choice { name: estimator.name(), label, style: style::of(estimator) % COLOURS }
    }
}

/// An interactive figure of a note, which stands where the note has a paragraph that is a link to
/// `#try-NAME`.
#[derive(Clone, Copy, Debug)]
pub struct NoteFigure {
    /// What it is called in links and by its template and script.
    pub name: &'static str,
    /// Its template.
    pub template: &'static str,
    /// What its script reads.
    numbers: fn() -> Result<serde_json::Value, NumbersError>,
}

/// Why there are no numbers for a figure.
#[derive(Debug, thiserror::Error)]
pub enum NumbersError {
    /// An estimator refuses its scores.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// They cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl NoteFigure {
    /// What its script reads.
    ///
    /// # Errors
    /// [`NumbersError`].
    pub fn numbers(&self) -> Result<serde_json::Value, NumbersError> {
        (self.numbers)()
    }
}

/// The interactive figures of the notes.
pub const NOTE_FIGURES: [NoteFigure; 4] = [
    NoteFigure {
        name: "outer-products",
        template: "interactive/outer-products.html",
        numbers: || {
            let shown = [Estimator::ColumnRow, Estimator::Bernoulli, Estimator::TopK];
            Ok(serde_json::to_value(SmallProduct::new(&shown)?)?)
        },
    },
    NoteFigure {
        name: "side-by-side",
        template: "interactive/side-by-side.html",
        numbers: || Ok(serde_json::to_value(SmallProduct::new(&DRAWN)?)?),
    },
    NoteFigure {
        name: "histogram",
        template: "interactive/histogram.html",
        numbers: || Ok(serde_json::to_value(Entry::new(&DRAWN)?)?),
    },
    NoteFigure {
        name: "training",
        template: "interactive/training.html",
        numbers: || Ok(serde_json::to_value(SmallTraining::new())?),
    },
];

/// The estimators that are shown side by side.
const DRAWN: [Estimator; 4] =
    [Estimator::ColumnRow, Estimator::Bernoulli, Estimator::Systematic, Estimator::TopK];
