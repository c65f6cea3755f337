//! All checks under one budget of false alarms, and the checks of the checks.
//!
//! [`run`] gives a verdict a check and a verdict a negative control. [`calibration`] shows that
//! p-values are uniform where the claims hold, [`power`] that the controls are rejected nearly
//! always: a suite that passes too easily fails one of the two.

use crate::claim::{CheckError, Scale, Settings, Verdict};
use crate::controls::Mistake;
use crate::matrices::Factors;
use crate::monte_carlo::{Experiment, Size};
use crate::sampler::{Sampler, unbiased_estimators};
use crate::statements::{ALL, Check, unbiasedness, variance};
use crate::statistics::{anderson_darling, holm, kolmogorov_smirnov};
use kernels::{Estimator, InstructionSet};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The chance that the suite rejects any claim although all hold.
pub const FAMILY_WISE_LEVEL: f64 = 1e-6;

/// The verdicts of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// One a check; each should have passed.
    pub verdicts: Vec<Verdict>,
    /// One a negative control; none should have passed.
    pub controls: Vec<Verdict>,
    /// The chance of any false rejection, shared out by Holm's procedure.
    pub family_wise_level: f64,
}

impl Suite {
    /// Whether every claim stands and every control is rejected.
    pub fn stands(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.passed)
            && self.controls.iter().all(|control| !control.passed)
    }

    /// What is wrong, a sentence each.
    pub fn failures(&self) -> Vec<String> {
        let claims = self.verdicts.iter().filter(|verdict| !verdict.passed);
        let claims = claims.map(|v| format!("{} ({}): {}", v.claim.id, v.check, v.meaning));
        let controls = self.controls.iter().filter(|control| control.passed);
        let controls = controls.map(|control| {
            let (id, check) = (&control.claim.id, &control.check);
            format!("{id} ({check}): a wrong estimator passed, so this check shows nothing.")
        });
        claims.chain(controls).collect()
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
    let p_values: Vec<f64> = verdicts.iter().filter_map(|verdict| verdict.p_value).collect();
    let mut rejected = holm(&p_values, FAMILY_WISE_LEVEL).into_iter();
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.p_value.is_some()) {
        verdict.passed = rejected.next() == Some(false);
    }
    let mut controls =
        gather(settings, |statement| [statement.exact_controls, statement.sampled_controls])?;
    let mistake = Some(Mistake::MissingScale);
    for experiment in products.iter().flat_map(|factors| experiments(settings, factors, mistake)) {
        controls.push(unbiasedness::sampled_bias(&experiment)?);
    }
    judge_controls(&mut controls, p_values.len());
    Ok(Suite { verdicts, controls, family_wise_level: FAMILY_WISE_LEVEL })
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
    which: impl Fn(&crate::statements::Statement) -> [Check; 2],
) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for check in ALL.iter().flat_map(which) {
        found.extend(check(settings)?);
    }
    Ok(found)
}

/// A control is rejected where it would be as the smallest of the suite's p-values: the strictest
/// step of Holm's procedure.
fn judge_controls(controls: &mut [Verdict], tests: usize) {
    for control in controls {
        if let Some(p_value) = control.p_value {
            control.passed = p_value > FAMILY_WISE_LEVEL / (tests + 1) as f64;
        }
    }
}

/// How uniform the p-values of a claim are over many seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The claim's identifier.
    pub claim: String,
    /// Its p-values, ascending.
    pub p_values: Vec<f64>,
    /// Kolmogorov-Smirnov distance from the uniform distribution and its p-value.
    pub kolmogorov_smirnov: (f64, f64),
    /// Anderson-Darling statistic and its p-value.
    pub anderson_darling: (f64, f64),
}

/// The p-values of every claim that predicts a value (not a bound), at quick scale, over seeds.
///
/// # Errors
/// As [`run`].
pub fn calibration(seeds: Range<u64>) -> Result<Vec<Calibration>, CheckError> {
    let runs = over_seeds(seeds, |statement| statement.sampled)?;
    let tested: Vec<&Verdict> = runs.iter().flatten().filter(|v| !v.is_bound).collect();
    let mut claims: Vec<&str> = tested.iter().map(|verdict| verdict.claim.id.as_ref()).collect();
    claims.sort_unstable();
    claims.dedup();
    let found = claims.into_iter().map(|claim| {
        let of_claim = tested.iter().filter(|verdict| verdict.claim.id == claim);
        let mut p_values: Vec<f64> = of_claim.filter_map(|verdict| verdict.p_value).collect();
        p_values.sort_by(f64::total_cmp);
        Calibration {
            claim: claim.to_owned(),
            kolmogorov_smirnov: kolmogorov_smirnov(&p_values),
            anderson_darling: anderson_darling(&p_values),
            p_values,
        }
    });
    Ok(found.collect())
}

/// How often a negative control is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// The claim and the check that should reject it.
    pub control: String,
    /// The number of seeds for which it was rejected.
    pub rejected: usize,
    /// The number of seeds.
    pub seeds: usize,
}

/// How often each control that is checked by drawing is rejected, at quick scale, over seeds, as
/// one of `tests` hypotheses.
///
/// # Errors
/// As [`run`].
pub fn power(seeds: Range<u64>, tests: usize) -> Result<Vec<Power>, CheckError> {
    let mut runs = over_seeds(seeds, |statement| statement.sampled_controls)?;
    runs.iter_mut().for_each(|controls| judge_controls(controls, tests));
    let names = runs.first().map_or(&[][..], Vec::as_slice).iter();
    let found = names.enumerate().map(|(position, control)| Power {
        control: format!("{}: {}", control.claim.id, control.check),
        rejected: runs.iter().filter(|run| !run[position].passed).count(),
        seeds: runs.len(),
    });
    Ok(found.collect())
}

/// The verdicts of some checks of all statements, for each seed at quick scale.
fn over_seeds(
    seeds: Range<u64>,
    which: impl Fn(&crate::statements::Statement) -> Check + Sync,
) -> Result<Vec<Vec<Verdict>>, CheckError> {
    let run = |seed| {
        let settings = Settings { seed, scale: Scale::Quick, set: InstructionSet::detect() };
        let mut found = Vec::new();
        for check in ALL.iter().map(&which) {
            found.extend(check(&settings)?);
        }
        Ok(found)
    };
    seeds.into_par_iter().map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_claims_stand_and_all_controls_are_rejected() {
        let set = InstructionSet::detect();
        let suite = run(&Settings { seed: 1, scale: Scale::Quick, set }).unwrap();
        assert!(suite.stands(), "{:#?}", suite.failures());
    }

    #[test]
    fn threads_and_instruction_sets_do_not_change_a_bit() {
        let at = |set| run(&Settings { seed: 2, scale: Scale::Quick, set }).unwrap();
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let portable = alone.install(|| at(InstructionSet::Portable));
        assert_eq!(portable, at(InstructionSet::detect()));
    }

    #[test]
    fn a_false_claim_is_named_with_its_meaning() {
        let settings = Settings { seed: 1, scale: Scale::Quick, set: InstructionSet::Portable };
        let false_claims = crate::statements::mixture::controls(&settings).unwrap();
        let suite = Suite { verdicts: false_claims, controls: Vec::new(), family_wise_level: 1e-6 };
        assert!(!suite.stands());
        assert!(suite.failures()[0].contains("blown up without bound"));
    }

    #[test]
    fn p_values_are_uniform_over_two_hundred_seeds() {
        for claim in calibration(0..200).unwrap() {
            let Calibration { claim, p_values, kolmogorov_smirnov, anderson_darling } = claim;
            assert!(p_values.len() >= 200);
            assert!(kolmogorov_smirnov.1 > 1e-4, "{claim}: {kolmogorov_smirnov:?}");
            assert!(anderson_darling.1 > 1e-4, "{claim}: {anderson_darling:?}");
        }
    }

    #[test]
    fn controls_are_rejected_at_least_99_times_in_100() {
        for control in power(0..100, 1_000).unwrap() {
            assert!(control.rejected >= 99, "{control:?}");
        }
    }
}
