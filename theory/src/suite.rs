//! All checks under one budget of false alarms.
//!
//! [`run`] gives a verdict a check and a verdict a negative control; [`crate::calibration`] checks
//! the checks.

use crate::claim::{CheckError, Scale, Settings};
use crate::controls::Mistake;
use crate::matrices::Factors;
use crate::monte_carlo::{Experiment, Size};
use crate::sampler::{Sampler, unbiased_estimators};
use crate::statements::{ALL, Check, Statement, unbiasedness, variance};
use crate::verdict::{Kind, Verdict, judge};
use kernels::Estimator;
use serde::{Deserialize, Serialize};

/// The verdicts of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// One a check; each should have passed.
    pub verdicts: Vec<Verdict>,
    /// One a negative control; none should have passed.
    pub controls: Vec<Verdict>,
}

impl Suite {
    /// Whether every claim stands and every control is rejected, each claim with a control.
    pub fn stands(&self) -> bool {
        self.failures().is_empty()
    }

    /// The number of checks of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.kind() == kind).count()
    }

    /// What is wrong, a sentence each.
    pub fn failures(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.verdicts.is_empty() {
            found.push("nothing was checked.".to_owned());
        }
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.passed()) {
            let (id, check) = (&verdict.claim().id, verdict.check());
            found.push(format!("{id} ({check}): {}", verdict.meaning()));
        }
        for control in self.controls.iter().filter(|control| !control.rejected()) {
            let (id, check) = (&control.claim().id, control.check());
            found.push(format!(
                "{id} ({check}): a wrong estimator was not rejected, so this check shows nothing."
            ));
        }
        let mut claims: Vec<&str> = self.verdicts.iter().map(|v| v.claim().id.as_ref()).collect();
        claims.sort_unstable();
        claims.dedup();
        let is_tried = |id: &str| self.controls.iter().any(|control| control.claim().id == id);
        for id in claims.into_iter().filter(|id| !is_tried(id)) {
            found.push(format!("{id}: no wrong estimator was tried, so its checks show nothing."));
        }
        found
    }
}

/// Runs every check and every negative control.
///
/// # Errors
/// When a sampler refuses its input or cannot be enumerated; a claim that fails is no error.
pub fn run(settings: &Settings) -> Result<Suite, CheckError> {
    run_with(settings, &[])
}

/// [`run`], with mean and error of every unbiased estimator also tested on products from elsewhere,
/// such as those of a trained network's activations with its weights.
///
/// # Errors
/// As [`run`].
pub fn run_with(settings: &Settings, products: &[Factors]) -> Result<Suite, CheckError> {
    let mut verdicts = gather(settings, |statement| [statement.exact, statement.sampled])?;
    for experiment in products.iter().flat_map(|factors| experiments(settings, factors, None)) {
        verdicts.push(unbiasedness::sampled_bias(&experiment)?);
        verdicts.push(variance::sampled_variance(&experiment)?);
    }
    let tests = judge(&mut verdicts);
    let mut controls =
        gather(settings, |statement| [statement.exact_controls, statement.sampled_controls])?;
    let mistake = Some(Mistake::MissingScale);
    for experiment in products.iter().flat_map(|factors| experiments(settings, factors, mistake)) {
        controls.push(unbiasedness::sampled_bias(&experiment)?);
    }
    // A control is rejected where it would be as one test more, the first to be judged.
    let controls = controls.into_iter().map(|control| control.as_first_of(tests + 1)).collect();
    Ok(Suite { verdicts, controls })
}

/// Draws of every unbiased estimator on one product, a quarter of its pairs; with a mistake only
/// column-row and Bernoulli sampling.
fn experiments(
    settings: &Settings,
    factors: &Factors,
    mistake: Option<Mistake>,
) -> Vec<Experiment> {
    let pairs = factors.pairs();
    let repeats = if settings.scale == Scale::Quick { 500 } else { 2_000 };
    let size = Size { outer: factors.a.nrows(), pairs, k: (pairs / 4).max(1), repeats };
    let sampler = |estimator| match mistake {
        None => Sampler::right(estimator),
        Some(mistake) => Sampler::wrong(estimator, mistake),
    };
    let spoilt = [Estimator::ColumnRow, Estimator::Bernoulli];
    unbiased_estimators()
        .filter(|estimator| mistake.is_none() || spoilt.contains(estimator))
        .map(|estimator| Experiment {
            settings: *settings,
            sampler: sampler(estimator),
            factors: factors.clone(),
            size,
        })
        .collect()
}

fn gather(
    settings: &Settings,
    which: impl Fn(&Statement) -> [Check; 2],
) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for check in ALL.iter().flat_map(which) {
        found.extend(check(settings)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::InstructionSet;
    use std::sync::LazyLock;

    fn with(set: InstructionSet) -> Suite {
        run(&Settings { seed: 1, scale: Scale::Quick, set }).unwrap()
    }

    static SUITE: LazyLock<Suite> = LazyLock::new(|| with(InstructionSet::detect()));

    #[test]
    fn all_claims_stand_and_all_controls_are_rejected() {
        let suite = &*SUITE;
        assert!(suite.stands(), "{:#?}", suite.failures());
        let counted: usize = Kind::ALL.into_iter().map(|kind| suite.count(kind)).sum();
        assert_eq!(counted, suite.verdicts.len());
        let text = serde_json::to_string(&suite).unwrap();
        let read: Suite = serde_json::from_str(&text).unwrap();
        let passed = |suite: &Suite| -> Vec<bool> {
            suite.verdicts.iter().chain(&suite.controls).map(Verdict::passed).collect()
        };
        assert_eq!(passed(&read), passed(suite));
    }

    #[test]
    #[ignore = "slow"]
    fn threads_and_instruction_sets_do_not_change_a_bit() {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(alone.install(|| with(InstructionSet::Portable)), *SUITE);
    }

    #[test]
    fn a_false_claim_is_named_with_its_meaning() {
        let settings = Settings { seed: 1, scale: Scale::Quick, set: InstructionSet::Portable };
        let false_claims = crate::statements::mixture::controls(&settings).unwrap();
        let suite = Suite { verdicts: false_claims, controls: Vec::new() };
        assert!(!suite.stands());
        assert!(suite.failures()[0].contains("blown up without bound"));
    }

    #[test]
    fn a_suite_of_nothing_and_a_claim_without_control_do_not_stand() {
        assert!(!Suite { verdicts: Vec::new(), controls: Vec::new() }.stands());
        let settings = Settings { seed: 1, scale: Scale::Quick, set: InstructionSet::Portable };
        let verdicts = crate::statements::mixture::checks(&settings).unwrap();
        assert!(verdicts.iter().all(Verdict::passed));
        let suite = Suite { verdicts, controls: Vec::new() };
        assert!(suite.failures()[0].contains("no wrong estimator was tried"));
    }
}
