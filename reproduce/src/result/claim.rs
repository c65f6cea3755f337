//! What became of a claim.

use serde::{Deserialize, Serialize};

/// A statement of the paper or of the study, and what an exhibit found about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimRow {
    /// Short name, unique among the claims: letters, digits and hyphens.
    pub id: String,
    /// The number of the statement that it is a part of, such as "T3".
    pub number: String,
    /// What is claimed, in a sentence.
    pub statement: String,
    /// Where it is claimed.
    pub source: String,
    /// What is found.
    pub standing: Standing,
    /// The measured value with its interval and unit.
    pub estimate: String,
    /// How what was found relates to what is predicted: "=", "≤", or "≠" where it does not hold.
    pub relation: String,
    /// What the claim says the value is, or at most is.
    pub prediction: String,
    /// Probability of a value at least as far off if the claim holds; none for an exact check.
    pub p_value: Option<f64>,
    /// The note, or the part of a note, that proves it: `SLUG` or `SLUG#PART`.
    pub proof: Option<String>,
    /// Path of the code that tests it, from the root of the repository.
    pub code: Option<String>,
}

/// What is found about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Proved, or not rejected by a test that could have rejected it.
    Holds,
    /// True under a condition that the claim does not state.
    HoldsInPart,
    /// Disproved, or rejected by a test.
    Fails,
    /// Nothing at hand can tell.
    Undecided,
}

impl Standing {
    /// A sign that does not rely on colour, and the words beside it.
    pub fn sign_and_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Holds => ("✓", "holds"),
            Self::HoldsInPart => ("◐", "holds in part"),
            Self::Fails => ("✗", "does not hold"),
            Self::Undecided => ("?", "undecided"),
        }
    }
}
