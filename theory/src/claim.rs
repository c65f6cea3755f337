//! What is claimed, and what a check of it depends on.

use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that is usually written in the source code.
pub type Text = Cow<'static, str>;

/// A statement that can be checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Number of the statement and of its part, as in "T1.column-row".
    pub id: Text,
    /// The name of the field for it.
    pub name: Text,
    /// The statement in words.
    pub statement: Text,
    /// The statement in LaTeX, without delimiters.
    pub latex: Text,
    /// Where it is from.
    pub source: Text,
    /// The file of `paper-notes` that proves and explains it.
    pub note: Text,
}

impl Claim {
    /// A claim from text in the source code.
    pub const fn new(
        id: &'static str,
        name: &'static str,
        statement: &'static str,
        latex: &'static str,
        source: &'static str,
        note: &'static str,
    ) -> Self {
        Self {
            id: Cow::Borrowed(id),
            name: Cow::Borrowed(name),
            statement: Cow::Borrowed(statement),
            latex: Cow::Borrowed(latex),
            source: Cow::Borrowed(source),
            note: Cow::Borrowed(note),
        }
    }
}

/// How much work the checks do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// For `cargo test`: the enumeration whole, the Monte Carlo small.
    Quick,
    /// The default of `reproduce run claims`.
    Standard,
}

/// What a run of the suite depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed of every draw.
    pub seed: u64,
    /// How much work.
    pub scale: Scale,
    /// The vector instructions; without effect on the numbers.
    pub set: InstructionSet,
}

/// Why a check could not be made (which is not a failed claim).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// A sampler refused its input.
    #[error("no selection could be drawn: {0}")]
    Selection(#[from] kernels::selection::SelectionError),
    /// Scores gave no probabilities.
    #[error("no probabilities could be formed: {0}")]
    Probability(#[from] kernels::probability::ProbabilityError),
    /// A convolution has no such shape.
    #[error("the convolution of a check has no valid shape: {0}")]
    Shape(#[from] kernels::convolution::ShapeError),
    /// A check had no case to look at.
    #[error("a check looked at no case, so it shows nothing")]
    NothingChecked,
    /// A run over seeds had none.
    #[error("checks were to be run over no seed, so they show nothing")]
    NoSeeds,
    /// A sampler asked for another number of random words within one interval of them.
    #[error("the sampler asked for {asked} random words where {scripted} were scripted")]
    WordsAsked {
        /// How many it asked for.
        asked: usize,
        /// How many there were.
        scripted: usize,
    },
    /// Two random words of one interval led to different selections.
    #[error("the sampler's selection changes within the intervals that begin with {words:?}")]
    NotConstant {
        /// The first word of each interval.
        words: Vec<u64>,
    },
}
