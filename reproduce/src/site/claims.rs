//! What the study concludes, as the page shows it: the claims and the headline numbers.

use serde::Serialize;

/// A statement of the paper or of the study, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Short name, unique among the claims: letters, digits and hyphens.
    pub id: String,
    /// What is claimed, in a sentence.
    pub statement: String,
    /// Where it is claimed.
    pub source: String,
    /// What the study finds.
    pub verdict: Verdict,
    /// The measured value with its interval and unit.
    pub estimate: String,
    /// What the claim says the value is.
    pub prediction: String,
    /// Probability of a value at least as far off if the claim holds; none for an exact check.
    pub p_value: Option<f64>,
    /// The note, or the part of a note, that proves it: `SLUG` or `SLUG#PART`.
    pub proof: Option<String>,
    /// Path of the code that tests it, from the root of the repository.
    pub code: Option<String>,
    /// Name of the exhibit that shows it.
    pub exhibit: Option<String>,
}

/// What the study finds about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proved, or not rejected by a test that could have rejected it.
    Holds,
    /// True under a condition that the claim does not state.
    HoldsInPart,
    /// Disproved, or rejected by a test.
    Fails,
    /// Nothing at hand can tell.
    Undecided,
}

impl Verdict {
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

/// A number of the study beside the same number in the sources.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadlineRow {
    /// What is measured, on what.
    pub quantity: String,
    /// The study's value with its interval and unit.
    pub ours: String,
    /// What the sources state and where; none where they do not state it.
    pub stated: Option<String>,
    /// Name of the exhibit the study's value is from.
    pub exhibit: Option<String>,
}
