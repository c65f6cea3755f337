//! T11: column-row sampling is seldom far from the exact product.

use crate::claim::{CheckError, Claim, Scale, Settings, Verdict};
use crate::closed_form::concentration_radius;
use crate::matrices::{Factors, Family, norm_squared, squared_distance};
use crate::moments::{ROUNDINGS, cases, worst};
use crate::monte_carlo::{Experiment, sizes};
use crate::sampler::Sampler;
use kernels::Estimator;

/// T11.
pub static CLAIM: Claim = Claim::new(
    "T11.concentration",
    "Concentration of column-row sampling",
    "At probabilities proportional to the scores, the distance from the exact product exceeds the \
     radius with probability at most delta.",
    r"\Pr\Bigl(\|\hat C-C\|_F>\bigl(1+\sqrt{8\ln(1/\delta)}\bigr)\frac{\|A\|_F\|B\|_F}{\sqrt k}\Bigr)\le\delta",
    "Drineas, Kannan, Mahoney 2006, theorem 1",
    "concentration.md",
);

const MEANING: &str =
    "Column-row sampling is farther from the exact product, and more often, than the bound says.";

/// The chances of a miss that are looked at.
const DELTAS: [f64; 3] = [0.5, 0.1, 0.01];

/// The radius of the claim, or a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Radius {
    /// The theorem's.
    Right,
    /// The bound on the root mean square alone, without the term in delta: a control.
    RootMeanSquare,
    /// Falling with k in the place of its root: a control.
    WrongRate,
}

impl Radius {
    fn at(self, factors: &Factors, k: usize, delta: f64) -> f64 {
        let norms = (norm_squared(&factors.a) * norm_squared(&factors.b)).sqrt();
        match self {
            Self::Right => concentration_radius(norms, k, delta),
            Self::RootMeanSquare => concentration_radius(norms, k, 1.0),
            Self::WrongRate => concentration_radius(norms, k * k, delta),
        }
    }
}

fn enumerated(settings: &Settings, radius: Radius) -> Result<Option<Verdict>, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        let exact = case.factors.exact(settings.set);
        let outcomes =
            Sampler::right(Estimator::ColumnRow).outcomes(&case.factors.scores(), case.k)?;
        for delta in DELTAS {
            let limit = radius.at(&case.factors, case.k, delta);
            let beyond = outcomes.iter().filter(|outcome| {
                let estimate = case.factors.estimate(settings.set, &outcome.selection);
                squared_distance(&estimate, &exact).sqrt() > limit
            });
            found.push(Verdict::at_most(
                &CLAIM,
                format!("enumeration, {radius:?} radius, delta = {delta}: {}", case.name()),
                beyond.fold(0.0, |sum, outcome| sum + outcome.probability),
                delta,
                ROUNDINGS * f64::EPSILON,
                outcomes.len(),
                MEANING,
            ));
        }
    }
    Ok(worst(found))
}

fn sampled(
    settings: &Settings,
    radius: Radius,
    families: &[Family],
    deltas: &[f64],
) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for &size in sizes(settings.scale) {
        for &family in families {
            let sampler = Sampler::right(Estimator::ColumnRow);
            let experiment = Experiment::new(settings, sampler, family, size);
            let exact = experiment.factors.exact(settings.set);
            let distances = experiment
                .observe("concentration", |estimate| squared_distance(estimate, &exact).sqrt())?;
            found.extend(deltas.iter().map(|&delta| {
                let limit = radius.at(&experiment.factors, size.k, delta);
                let check = format!("{radius:?} radius, delta = {delta}, {}", experiment.name());
                Verdict::seldom(&CLAIM, check, distances.iter().map(|d| *d > limit), delta, MEANING)
            }));
        }
    }
    Ok(found)
}

/// The exact chance of a miss.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(enumerated(settings, Radius::Right)?.into_iter().collect())
}

/// A radius without the term in delta: it must fail. (The bound is so wide that one falling with k
/// in the place of its root fails only from about k = 10 on, beyond the enumeration.)
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(enumerated(settings, Radius::RootMeanSquare)?.into_iter().collect())
}

/// The exact binomial test of the number of misses.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    sampled(settings, Radius::Right, &Family::ALL, &DELTAS)
}

/// Radii that are too small: each must fail.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    let mut found = sampled(&settings, Radius::RootMeanSquare, &[Family::Gaussian], &[0.01])?;
    found.extend(sampled(&settings, Radius::WrongRate, &[Family::Gaussian], &[0.5])?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_radius_holds_and_smaller_ones_do_not() {
        assert_passed(exact_checks);
        assert_rejected(exact_controls);
    }

    #[test]
    fn draws_agree_and_reject_the_controls() {
        assert_passed(sampled_checks);
        assert_rejected(sampled_controls);
    }
}
