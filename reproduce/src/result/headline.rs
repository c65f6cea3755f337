//! What an exhibit has to say in the headline.

use serde::{Deserialize, Serialize};

/// What sampling saved and what it cost in one setting: everything in a row was measured or
/// counted in the same runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadlineRow {
    /// The network.
    pub network: String,
    /// What it learns or is timed on, with how many images.
    pub data: String,
    /// Estimator, ratio and whatever else was chosen.
    pub sampling: String,
    /// Multiply-adds of exact products that were not made, in percent.
    pub computation_saved: f64,
    /// Gradient numbers that a worker of these runs need not send, in percent.
    pub communication_saved: f64,
    /// What it cost or gained.
    pub found: Found,
}

/// What a row of the headline found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Of whole trainings: test accuracy after the last epoch, in percent.
    Accuracy {
        /// Sampled, with its interval over the seeds.
        sampled: String,
        /// Of exact products, with its interval.
        exact: String,
        /// Sampled less exact, paired over the seeds, and what that says.
        difference: String,
        /// How many seeds.
        seeds: usize,
    },
    /// Of single training steps on this machine: time of the exact step over that of the sampled
    /// one, with its quartiles.
    SpeedUp(String),
}

/// What became of the claim of a related system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelatedRow {
    /// The system and its source.
    pub system: String,
    /// What it claims, in a sentence.
    pub claim: String,
    /// What it was tried on.
    pub data: String,
    /// Whether the claim was reproduced.
    pub found: Reproduced,
    /// By what.
    pub measured: String,
}

/// Whether a claim in words was reproduced; no table of a related system was at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reproduced {
    /// By every check.
    Yes,
    /// By some.
    InPart,
    /// By none.
    No,
}

impl Reproduced {
    /// For a cell.
    pub fn words(self) -> &'static str {
        match self {
            Self::Yes => "qualitative claim reproduced",
            Self::InPart => "qualitative claim reproduced in part",
            Self::No => "qualitative claim not reproduced",
        }
    }
}
