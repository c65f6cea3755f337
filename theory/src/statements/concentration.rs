//! T11: column-row sampling is seldom far from the exact product.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form::concentration_radius;
use crate::matrices::{Factors, norm_squared, squared_distance};
use crate::moments::{Case, ROUNDINGS, cases};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;
use nalgebra::DMatrix;

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

/// Two opposite pairs among eleven of score zero, k = 12: few outcomes, many draws. The bound is so
/// wide that at the small budgets of the other cases hardly an outcome comes near it.
fn opposite_pairs() -> Case {
    let a = DMatrix::from_fn(1, 13, |_, pair| [1.0, -1.0].get(pair).copied().unwrap_or(0.0));
    let b = DMatrix::from_fn(13, 1, |pair, _| if pair < 2 { 1.0 } else { 0.0 });
    Case { factors: Factors { name: "two opposite pairs".to_owned(), a, b }, k: 12 }
}

fn enumerated(settings: &Settings, radius: Radius) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed).into_iter().chain([opposite_pairs()]) {
        let exact = case.factors.exact(settings.set);
        let outcomes =
            Sampler::right(Estimator::ColumnRow).outcomes(&case.factors.scores(), case.k)?;
        for delta in DELTAS {
            let limit = radius.at(&case.factors, case.k, delta);
            let beyond = outcomes.iter().filter(|outcome| {
                let estimate = case.factors.estimate(settings.set, &outcome.selection);
                // A distance that is not a number is beyond every limit.
                let distance = squared_distance(&estimate, &exact).sqrt();
                distance > limit || distance.is_nan()
            });
            found.push(Verdict::at_most(
                &CLAIM,
                format!("enumeration, {radius:?} radius, delta = {delta}: {}", case.name()),
                beyond.fold(0.0, |sum, outcome| sum + outcome.probability),
                delta,
                ROUNDINGS * f64::EPSILON,
                Exact::Enumerated(outcomes.len()),
                MEANING,
            ));
        }
    }
    worst(found)
}

/// The exact chance of a miss. It is not drawn too: the bound is so wide that no sampler near the
/// right one breaks it, and draws that cannot fail tell nothing.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![enumerated(settings, Radius::Right)?])
}

/// Radii without the term in delta, and falling with k in the place of its root: each must fail.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    [Radius::RootMeanSquare, Radius::WrongRate]
        .into_iter()
        .map(|radius| enumerated(settings, radius))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_radius_holds_and_smaller_ones_do_not() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
