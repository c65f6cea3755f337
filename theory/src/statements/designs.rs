//! T1 and T2 for the designs added to the paper's: winner-take-all, systematic and conditional
//! Poisson sampling. Their mean and error are checked where those of the others are.

use crate::claim::{CheckError, Claim, Settings};
use crate::extremes::largest;
use crate::moments::{ROUNDINGS, cases};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;

/// T1.
pub static UNBIASED: Claim = Claim::new(
    "T1.designs",
    "Unbiasedness of winner-take-all and of designs of fixed size",
    "The mean of the estimate is the exact product.",
    r"\mathbb{E}\,\hat C=AB",
    "Liu and others 2023, Madow 1949, Hajek 1964; proved in paper-notes/designs.md",
    "designs.md",
);

/// The inclusion probabilities.
pub static INCLUSION: Claim = Claim::new(
    "T1.inclusion",
    "Inclusion probabilities of the designs of fixed size",
    "Each pair and each two pairs are kept with the probabilities that the design computes.",
    r"\Pr(i\in S)=\pi_i,\quad\Pr(i,j\in S)=\pi_{ij}",
    "Madow 1949, Hajek 1964; proved in paper-notes/designs.md",
    "designs.md",
);

/// T2.
pub static VARIANCE: Claim = Claim::new(
    "T2.designs",
    "Variance of winner-take-all and of designs of fixed size",
    "The mean squared error is that of column-row sampling of the pairs that are not certain, or \
     the formula of Horvitz and Thompson.",
    r"\frac{W_R^2-\|C_R\|_F^2}{k-c},\quad\sum_{ij}\frac{\pi_{ij}-\pi_i\pi_j}{\pi_i\pi_j}\langle G_i,G_j\rangle",
    "Horvitz and Thompson 1952; proved in paper-notes/designs.md",
    "designs.md",
);

/// The estimators that keep a fixed number of different pairs.
const FIXED_SIZE: [Estimator; 3] =
    [Estimator::Systematic, Estimator::ConditionalPoisson, Estimator::UniformWithoutReplacement];

/// The largest difference of enumerated and computed inclusion probabilities, first and second
/// order, of a design against those of another (itself, or for a control another).
fn inclusion_probabilities(
    settings: &Settings,
    design: Estimator,
    computed: Estimator,
) -> Result<Verdict, CheckError> {
    let against =
        if design == computed { String::new() } else { format!(" against those of {computed}") };
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let n = scores.len();
        let outcomes = Sampler::right(design).outcomes(&scores, case.k)?;
        let mut together = vec![0.0; n * n];
        for outcome in &outcomes {
            for &i in outcome.selection.indices() {
                for &j in outcome.selection.indices() {
                    together[i as usize * n + j as usize] += outcome.probability;
                }
            }
        }
        let joint = computed.law(&scores, case.k)?.joint_inclusion();
        let differences = together.iter().zip(&joint).map(|(x, y)| (x - y).abs());
        found.push(Verdict::exact(
            &INCLUSION,
            format!("enumeration of {design}{against}: {}", case.name()),
            largest(differences),
            0.0,
            ROUNDINGS * f64::EPSILON,
            Exact::Enumerated(outcomes.len()),
            "Pairs are kept with other probabilities than their scales assume.",
        ));
    }
    worst(found)
}

/// The inclusion probabilities; mean and error are checked with those of the other estimators.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let check = |design| inclusion_probabilities(settings, design, design);
    FIXED_SIZE.into_iter().map(check).collect()
}

/// The inclusion probabilities of another design: each must fail.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let pairs = FIXED_SIZE.into_iter().flat_map(|design| FIXED_SIZE.map(|other| (design, other)));
    let mixed = pairs.filter(|(design, other)| design != other);
    mixed.map(|(design, other)| inclusion_probabilities(settings, design, other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn designs_keep_pairs_as_computed_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
