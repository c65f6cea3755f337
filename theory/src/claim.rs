//! What is claimed, and what a check found.

use crate::special::binomial_upper;
use crate::statistics::{INTERVAL_LEVEL, Sample};
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

/// What one check of a claim found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The claim.
    pub claim: Claim,
    /// Which check, with the case it looked at.
    pub check: Text,
    /// What was measured.
    pub estimate: f64,
    /// What the claim says it is.
    pub prediction: f64,
    /// Whether the prediction is a bound, so that the p-value is not uniform where the claim holds.
    pub is_bound: bool,
    /// Where the true value lies: the estimate give or take rounding (exact checks) or a
    /// confidence interval at the level of [`crate::statistics::INTERVAL_LEVEL`].
    pub interval: (f64, f64),
    /// The number that decides: error over allowed rounding (at most one passes) for an exact
    /// check, the test statistic otherwise.
    pub statistic: f64,
    /// The chance of a statistic at least as extreme if the claim holds; none for exact checks.
    pub p_value: Option<f64>,
    /// Number of outcomes enumerated or of draws made.
    pub sample_size: u64,
    /// Whether the claim stands. For a check with p-value the suite decides, over all p-values.
    pub passed: bool,
    /// What it means if the check fails, in a sentence.
    pub meaning: Text,
}

impl Verdict {
    /// An exact check: the estimate may differ from the prediction by `allowed`, a stated
    /// multiple of the machine epsilon times the magnitudes that were summed.
    pub fn exact(
        claim: &Claim,
        check: impl Into<Text>,
        estimate: f64,
        prediction: f64,
        allowed: f64,
        sample_size: usize,
        meaning: impl Into<Text>,
    ) -> Self {
        let error = (estimate - prediction).abs();
        let statistic = if error == 0.0 { 0.0 } else { finite(error / allowed) };
        Self {
            claim: claim.clone(),
            check: check.into(),
            estimate,
            prediction,
            is_bound: false,
            interval: (estimate - allowed, estimate + allowed),
            statistic,
            p_value: None,
            sample_size: sample_size as u64,
            passed: statistic <= 1.0,
            meaning: meaning.into(),
        }
    }

    /// A bound: the estimate is at most `bound`, up to `allowed` for rounding.
    pub fn at_most(
        claim: &Claim,
        check: impl Into<Text>,
        estimate: f64,
        bound: f64,
        allowed: f64,
        sample_size: usize,
        meaning: impl Into<Text>,
    ) -> Self {
        let statistic = if estimate <= bound { 0.0 } else { finite((estimate - bound) / allowed) };
        Self {
            claim: claim.clone(),
            check: check.into(),
            estimate,
            prediction: bound,
            is_bound: true,
            interval: (estimate - allowed, estimate + allowed),
            statistic,
            p_value: None,
            sample_size: sample_size as u64,
            // Not a number is not at most one.
            passed: statistic <= 1.0,
            meaning: meaning.into(),
        }
    }

    /// A statistical check of the mean of a sample, with the statistic and p-value of a test.
    ///
    /// Taken alone it passes at [`INTERVAL_LEVEL`]; the suite decides over all p-values.
    pub fn tested(
        claim: &Claim,
        check: impl Into<Text>,
        sample: &Sample,
        prediction: f64,
        (statistic, p_value): (f64, f64),
        meaning: impl Into<Text>,
    ) -> Self {
        Self {
            claim: claim.clone(),
            check: check.into(),
            estimate: sample.mean(),
            prediction,
            is_bound: false,
            interval: sample.interval(),
            statistic: finite(statistic),
            p_value: Some(p_value),
            sample_size: sample.count(),
            passed: p_value >= INTERVAL_LEVEL,
            meaning: meaning.into(),
        }
    }

    /// The exact binomial test that something happens with at most this probability.
    pub fn seldom(
        claim: &Claim,
        check: impl Into<Text>,
        happened: impl IntoIterator<Item = bool>,
        probability: f64,
        meaning: impl Into<Text>,
    ) -> Self {
        let sample = Sample::of(happened.into_iter().map(|yes| f64::from(u8::from(yes))));
        let count = (sample.mean() * sample.count() as f64).round();
        let p_value = binomial_upper(count as u64, sample.count(), probability);
        let test = (count, p_value);
        Self { is_bound: true, ..Self::tested(claim, check, &sample, probability, test, meaning) }
    }
}

/// Infinity as the largest number, which JSON can hold.
fn finite(statistic: f64) -> f64 {
    statistic.clamp(-f64::MAX, f64::MAX)
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
    /// A sampler asked for another number of random words than its law says.
    #[error("the sampler asked for {asked} random words where {scripted} were scripted")]
    WordsAsked {
        /// How many it asked for.
        asked: usize,
        /// How many its law provides.
        scripted: usize,
    },
    /// Two random words of one interval led to different selections.
    #[error("the sampler's selection changes within the interval of outcome {outcome:?}")]
    NotConstant {
        /// The outcome of each draw.
        outcome: Vec<usize>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    static CLAIM: Claim = Claim::new("T0", "name", "statement", "x", "source", "note.md");

    #[test]
    fn verdicts_survive_json_also_where_the_statistic_is_infinite() {
        let constant = Sample::of([1.0, 1.0]);
        for verdict in [
            Verdict::tested(&CLAIM, "constant", &constant, 0.0, constant.student(0.0), "no"),
            Verdict::at_most(&CLAIM, "bound", 2.0, 1.0, 0.0, 1, "no"),
            Verdict::exact(&CLAIM, "exact", 2.0, 1.0, 0.0, 1, "no"),
            Verdict::seldom(&CLAIM, "seldom", [true; 99], 0.01, "no"),
        ] {
            assert!(!verdict.passed, "{verdict:?}");
            let text = serde_json::to_string(&verdict).unwrap();
            assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
        }
    }

    #[test]
    fn what_is_not_a_number_does_not_pass() {
        assert!(!Verdict::exact(&CLAIM, "exact", f64::NAN, 1.0, 1.0, 1, "no").passed);
        assert!(!Verdict::at_most(&CLAIM, "bound", f64::NAN, 1.0, 1.0, 1, "no").passed);
        let sample = Sample::of([f64::NAN, 1.0]);
        let test = sample.student(0.0);
        assert!(!Verdict::tested(&CLAIM, "mean", &sample, 0.0, test, "no").passed);
    }
}
