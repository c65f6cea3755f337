//! What an exhibit found about a claim of the paper.

use serde::{Deserialize, Serialize};

use super::Standing;

/// A claim of the paper's abstract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperClaim {
    /// That training converges as it does with exact products.
    Convergence,
    /// How many computations are saved.
    Computation,
    /// How much communication is saved.
    Communication,
    /// What it costs in accuracy.
    Accuracy,
    /// How much faster a whole training is.
    Time,
}

impl PaperClaim {
    /// In the order of the page.
    pub const ALL: [Self; 5] =
        [Self::Convergence, Self::Computation, Self::Communication, Self::Accuracy, Self::Time];

    /// What it is about.
    pub fn title(self) -> &'static str {
        match self {
            Self::Convergence => "Guarantee of convergence",
            Self::Computation => "Computation",
            Self::Communication => "Communication",
            Self::Accuracy => "Accuracy",
            Self::Time => "Training time",
        }
    }

    /// The words of the abstract, as far as the sources at hand have them.
    pub fn words(self) -> &'static str {
        match self {
            Self::Convergence => "same convergence guarantees",
            Self::Computation => "up to 66 % fewer computations",
            Self::Communication => "up to 66 % less communication",
            Self::Accuracy => "negligible or no impact",
            Self::Time => "up to 1.37x faster training",
        }
    }
}

/// What an exhibit found about a claim of the paper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The claim.
    pub claim: PaperClaim,
    /// What follows for the claim; undecided where the exhibit cannot or does not yet decide it.
    pub standing: Standing,
    /// The number that it follows from, with its interval.
    pub number: String,
    /// The network, the data and the sampling that it was found with.
    pub setting: String,
    /// What a reader has to know before relying on it.
    pub caveat: String,
}
