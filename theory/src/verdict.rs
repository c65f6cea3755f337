//! What one check of a claim found, and the one rule by which it passes.
//!
//! A verdict holds numbers only: whether it passes is computed from them by [`Verdict::passed`],
//! never stored or set, so that neither a constructor nor a file can say otherwise.

use crate::claim::{CheckError, Claim, Text};
use crate::extremes::least;
use crate::statistics::{FAMILY_WISE_LEVEL, Sample, Test, TestResult, holm};
use serde::{Deserialize, Serialize};

/// How an exact check found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// A sampler was run over every outcome it can have: how many.
    Enumerated(usize),
    /// A number computed without a sampler was held against a formula or a bound: in how many
    /// cases.
    ClosedForm(usize),
}

/// The kinds of checks, to be counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A sampler run over every outcome.
    Enumerated,
    /// A computed number against a formula or a bound.
    ClosedForm,
    /// Draws, with a p-value.
    Drawn,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enumerated, Self::ClosedForm, Self::Drawn];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enumerated => "enumerated",
            Self::ClosedForm => "closed form",
            Self::Drawn => "drawn",
        }
    }
}

/// A test that was made of draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Drawn {
    test: Test,
    #[serde(with = "number")]
    p_value: f64,
    /// The p-value after Holm's procedure over all tests that are judged together.
    #[serde(with = "number")]
    adjusted: f64,
}

/// What one check of a claim found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    claim: Claim,
    check: Text,
    kind: Kind,
    #[serde(with = "number")]
    estimate: f64,
    #[serde(with = "number")]
    prediction: f64,
    #[serde(with = "number")]
    low: f64,
    #[serde(with = "number")]
    high: f64,
    #[serde(with = "number")]
    statistic: f64,
    /// The test of a check by drawing. A check that calls itself drawn and has none fails.
    test: Option<Drawn>,
    sample_size: u64,
    meaning: Text,
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
        how: Exact,
        meaning: impl Into<Text>,
    ) -> Self {
        let error = (estimate - prediction).abs();
        Self::settled(claim, check, (estimate, prediction), error, allowed, how, meaning)
    }

    /// A bound: the estimate is at most `bound`, up to `allowed` for rounding.
    pub fn at_most(
        claim: &Claim,
        check: impl Into<Text>,
        estimate: f64,
        bound: f64,
        allowed: f64,
        how: Exact,
        meaning: impl Into<Text>,
    ) -> Self {
        let error = if estimate <= bound { 0.0 } else { estimate - bound };
        Self::settled(claim, check, (estimate, bound), error, allowed, how, meaning)
    }

    /// What an exact check found, with its error against what rounding allows.
    fn settled(
        claim: &Claim,
        check: impl Into<Text>,
        (estimate, prediction): (f64, f64),
        error: f64,
        allowed: f64,
        how: Exact,
        meaning: impl Into<Text>,
    ) -> Self {
        let (kind, size) = match how {
            Exact::Enumerated(outcomes) => (Kind::Enumerated, outcomes),
            Exact::ClosedForm(cases) => (Kind::ClosedForm, cases),
        };
        let is_known = estimate.is_finite() && prediction.is_finite();
        let statistic = match error / allowed {
            // A bound or an allowance without limit, or one below zero, would pass anything.
            _ if !is_known || !allowed.is_finite() || allowed.is_sign_negative() => f64::NAN,
            _ if error == 0.0 => 0.0,
            ratio => finite(ratio),
        };
        Self {
            claim: claim.clone(),
            check: check.into(),
            kind,
            estimate,
            prediction,
            low: estimate - allowed,
            high: estimate + allowed,
            statistic,
            test: None,
            sample_size: size as u64,
            meaning: meaning.into(),
        }
    }

    /// A check by drawing, of the mean of a sample by a test with a known null distribution.
    ///
    /// Taken alone it passes at [`FAMILY_WISE_LEVEL`]; [`judge`] decides over all p-values.
    pub fn drawn(
        claim: &Claim,
        check: impl Into<Text>,
        sample: &Sample,
        prediction: f64,
        result: TestResult,
        meaning: impl Into<Text>,
    ) -> Self {
        let TestResult { test, statistic, p_value } = result;
        let (low, high) = sample.interval();
        Self {
            claim: claim.clone(),
            check: check.into(),
            kind: Kind::Drawn,
            estimate: sample.mean(),
            prediction,
            low,
            high,
            statistic: finite(statistic),
            test: Some(Drawn { test, p_value, adjusted: p_value }),
            sample_size: sample.count(),
            meaning: meaning.into(),
        }
    }

    /// Whether the claim stands: what was found is a number, and either its error is at most what
    /// rounding allows, or the chance of it, after Holm's procedure, is above
    /// [`FAMILY_WISE_LEVEL`].
    pub fn passed(&self) -> bool {
        let is_known =
            [self.estimate, self.prediction, self.statistic].iter().all(|x| x.is_finite());
        is_known
            && match (self.kind, self.test) {
                (Kind::Drawn, Some(Drawn { p_value, adjusted, .. })) => {
                    (0.0..=1.0).contains(&p_value)
                        && adjusted >= p_value
                        && adjusted > FAMILY_WISE_LEVEL
                }
                (Kind::Drawn, None) => false,
                (Kind::Enumerated | Kind::ClosedForm, _) => self.statistic <= 1.0,
            }
    }

    /// Whether a check found a mistake out: all is known, and it did not pass. What could not be
    /// computed is no evidence against anything.
    pub fn rejected(&self) -> bool {
        let is_known = |x: f64| x.is_finite();
        let p_value = self.p_value().unwrap_or(0.0);
        [self.estimate, self.prediction, self.statistic, p_value].into_iter().all(is_known)
            && !self.passed()
    }

    /// The claim.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Which check, with the case it looked at.
    pub fn check(&self) -> &str {
        &self.check
    }

    /// How it was found out.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was measured.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// What the claim says it is, or at most is.
    pub fn prediction(&self) -> f64 {
        self.prediction
    }

    /// Where the true value lies: the estimate give or take rounding (exact checks) or a
    /// confidence interval at the level of [`crate::statistics::INTERVAL_LEVEL`].
    pub fn interval(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The number that decides: error over allowed rounding (at most one passes) for an exact
    /// check, the test statistic otherwise.
    pub fn statistic(&self) -> f64 {
        self.statistic
    }

    /// The test that a check by drawing made.
    pub fn test(&self) -> Option<Test> {
        self.test.map(|drawn| drawn.test)
    }

    /// The chance of a statistic at least as extreme if the claim holds; none for exact checks.
    pub fn p_value(&self) -> Option<f64> {
        self.test.map(|drawn| drawn.p_value)
    }

    /// Number of outcomes enumerated, of cases computed or of draws made.
    pub fn sample_size(&self) -> u64 {
        self.sample_size
    }

    /// What it means if the check fails, in a sentence.
    pub fn meaning(&self) -> &str {
        &self.meaning
    }

    /// The same, judged as the least p-value among this many tests: the strictest step of Holm's
    /// procedure. Exact verdicts stay what they are.
    #[must_use]
    pub fn as_first_of(mut self, tests: usize) -> Self {
        if let Some(drawn) = &mut self.test {
            drawn.adjusted = least([drawn.p_value * tests as f64, 1.0]);
        }
        self
    }
}

/// Judges checks together: the chance that any of those by drawing fails although all claims hold
/// is at most [`FAMILY_WISE_LEVEL`] (Holm's procedure). Gives the number of such checks.
pub fn judge(verdicts: &mut [Verdict]) -> usize {
    let mut tests: Vec<&mut Drawn> = verdicts.iter_mut().filter_map(|v| v.test.as_mut()).collect();
    let p_values: Vec<f64> = tests.iter().map(|drawn| drawn.p_value).collect();
    for (drawn, adjusted) in tests.iter_mut().zip(holm(&p_values)) {
        drawn.adjusted = adjusted;
    }
    p_values.len()
}

/// The exact verdict with the largest statistic, standing for all; the sample sizes are added.
///
/// A statistic that is not a number is larger than every number.
///
/// # Errors
/// [`CheckError::NothingChecked`] when there is none: no case is no evidence.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Result<Verdict, CheckError> {
    let rank = |v: &Verdict| if v.statistic.is_nan() { f64::INFINITY } else { v.statistic };
    let worse = |worst: Verdict, next: Verdict| {
        let sample_size = worst.sample_size + next.sample_size;
        let chosen = if rank(&next) > rank(&worst) { next } else { worst };
        Verdict { sample_size, ..chosen }
    };
    verdicts.into_iter().reduce(worse).ok_or(CheckError::NothingChecked)
}

/// Infinity as the largest number, which JSON can hold.
fn finite(statistic: f64) -> f64 {
    statistic.clamp(-f64::MAX, f64::MAX)
}

/// Numbers in files: JSON has no word for "not a number" but null.
mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        if number.is_finite() { to.serialize_f64(*number) } else { to.serialize_none() }
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CLAIM: Claim = Claim::new("T0", "name", "statement", "x", "source", "note.md");
    const HOW: Exact = Exact::Enumerated(1);

    fn exact(estimate: f64, prediction: f64, allowed: f64) -> Verdict {
        Verdict::exact(&CLAIM, "exact", estimate, prediction, allowed, HOW, "no")
    }

    fn bound(estimate: f64, prediction: f64, allowed: f64) -> Verdict {
        Verdict::at_most(&CLAIM, "bound", estimate, prediction, allowed, HOW, "no")
    }

    fn drawn(numbers: &[f64], prediction: f64) -> Verdict {
        let sample = Sample::of(numbers.iter().copied());
        Verdict::drawn(&CLAIM, "drawn", &sample, prediction, sample.student(prediction), "no")
    }

    fn read_back(verdict: &Verdict) -> Verdict {
        serde_json::from_str(&serde_json::to_string(verdict).unwrap()).unwrap()
    }

    #[test]
    fn right_numbers_pass_and_survive_json() {
        for verdict in [exact(1.0, 1.0, 0.0), bound(0.5, 1.0, 0.0), drawn(&[1.0, 2.0, 3.0], 2.1)] {
            assert!(verdict.passed(), "{verdict:?}");
            assert_eq!(read_back(&verdict), verdict);
        }
    }

    #[test]
    fn wrong_numbers_fail_also_after_json_and_where_the_statistic_is_infinite() {
        for verdict in [exact(2.0, 1.0, 0.0), bound(2.0, 1.0, 0.0), drawn(&[1.0, 1.0], 0.0)] {
            assert!(!verdict.passed(), "{verdict:?}");
            assert_eq!(read_back(&verdict), verdict);
        }
    }

    #[test]
    fn what_is_not_a_number_fails_in_every_place_also_after_json() {
        let unknown = f64::NAN;
        for verdict in [
            exact(unknown, 1.0, 1.0),
            exact(1.0, unknown, 1.0),
            exact(1.0, 1.0, unknown),
            exact(1.0, 2.0, f64::INFINITY),
            exact(f64::INFINITY, f64::INFINITY, 1.0),
            bound(unknown, 1.0, 1.0),
            bound(0.0, unknown, 1.0),
            bound(0.0, f64::INFINITY, 1.0),
            bound(0.0, 1.0, unknown),
            drawn(&[unknown, 1.0], 0.0),
            drawn(&[1.0, 2.0], unknown),
            drawn(&[1.0], 1.0),
            drawn(&[], 1.0),
        ] {
            assert!(!verdict.passed(), "{verdict:?}");
            assert!(!read_back(&verdict).passed(), "{verdict:?}");
            assert!(!verdict.as_first_of(10).passed());
        }
    }

    #[test]
    fn the_worst_of_some_is_not_a_number_if_one_is_wherever_it_stands() {
        for order in [[0.1, f64::NAN, 0.2], [f64::NAN, 0.1, 0.2], [0.1, 0.2, f64::NAN]] {
            let found = worst(order.map(|error| exact(error, 0.0, 1.0))).unwrap();
            assert!(found.statistic().is_nan() && !found.passed(), "{found:?}");
            assert_eq!(found.sample_size(), 3);
        }
        let found = worst([0.1, 0.3, 0.2].map(|error| exact(error, 0.0, 1.0))).unwrap();
        assert_eq!(found.statistic(), 0.3);
        assert_eq!(worst([]), Err(CheckError::NothingChecked));
    }

    #[test]
    fn a_file_cannot_say_that_a_check_passed() {
        let text = serde_json::to_string(&exact(2.0, 1.0, 0.5)).unwrap();
        let forged = text.replacen('{', r#"{"passed":true,"#, 1);
        assert!(!serde_json::from_str::<Verdict>(&forged).unwrap().passed());
        let text = serde_json::to_string(&drawn(&[1.0, 2.0, 3.0], 2.0)).unwrap();
        let (before, _) = text.split_once(r#""test":"#).unwrap();
        let forged = format!(r#"{before}"test":null,"sample_size":3,"meaning":"no"}}"#);
        assert!(!serde_json::from_str::<Verdict>(&forged).unwrap().passed());
    }

    #[test]
    fn one_unknown_p_value_among_many_fails_alone() {
        let mut verdicts = [drawn(&[1.0, 2.0, 3.0], 2.1), drawn(&[f64::NAN, 1.0], 0.0)];
        assert_eq!(judge(&mut verdicts), 2);
        assert_eq!(verdicts.map(|verdict| verdict.passed()), [true, false]);
    }

    #[test]
    fn a_bound_or_an_allowance_that_passes_anything_passes_nothing() {
        let at_most = |estimate, bound, allowed| {
            let how = Exact::ClosedForm(1);
            Verdict::at_most(&CLAIM, "bound", estimate, bound, allowed, how, "no")
        };
        let wrong = [
            at_most(0.0, f64::INFINITY, 1.0),
            at_most(f64::NEG_INFINITY, 1.0, 1.0),
            at_most(5.0, 0.0, -1.0),
            at_most(5.0, 0.0, -0.0),
        ];
        let right = at_most(0.5, 1.0, 0.0);
        assert!(right.passed());
        for wrong in wrong {
            assert!(!wrong.passed() && !wrong.rejected(), "{wrong:?}");
            for order in [[right.clone(), wrong.clone()], [wrong.clone(), right.clone()]] {
                assert!(!worst(order).unwrap().passed(), "{wrong:?}");
            }
        }
    }

    #[test]
    fn a_control_that_could_not_be_computed_is_not_rejected() {
        let exact = |estimate| {
            let how = Exact::ClosedForm(1);
            Verdict::exact(&CLAIM, "control", estimate, 1.0, 0.1, how, "no")
        };
        assert!(exact(2.0).rejected());
        assert!(!exact(1.0).rejected());
        assert!(!exact(f64::NAN).rejected() && !exact(f64::NAN).passed());
    }
}
