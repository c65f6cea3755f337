//! T1 and T2 for the designs added to the paper's: winner-take-all, systematic and conditional
//! Poisson sampling.

use crate::claim::{CheckError, Claim, Scale, Settings, Verdict};
use crate::controls::Mistake;
use crate::design::Design;
use crate::matrices::Family;
use crate::moments::{Moments, ROUNDINGS, cases, worst};
use crate::monte_carlo::{Draw, Experiment, sizes};
use crate::statements::unbiasedness::bias_test;
use crate::statements::variance::variance_test;
use kernels::Selection;
use kernels::random::Generator;
use kernels::selection::SelectionError;
use std::fmt;

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

/// Bias and variance of a design by enumeration, with or without a mistake.
fn moments(
    settings: &Settings,
    design: Design,
    mistake: Option<Mistake>,
) -> Result<Vec<Verdict>, CheckError> {
    let (mut biases, mut variances) = (Vec::new(), Vec::new());
    let name = mistake.map_or(design.to_string(), |m| format!("{design} with {}", m.name()));
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let outcomes = design.outcomes(&scores, case.k, mistake)?;
        let moments = Moments::of(settings.set, &case.factors, &outcomes);
        let sum: f64 = scores.iter().sum();
        let check = format!("enumeration of {name}: {}", case.name());
        let rounding = ROUNDINGS * f64::EPSILON * moments.magnitude / sum;
        biases.push(Verdict::exact(
            &UNBIASED,
            check.clone(),
            moments.bias() / sum,
            0.0,
            rounding,
            moments.outcomes,
            "The mean of this design is not the exact product.",
        ));
        variances.push(Verdict::exact(
            &VARIANCE,
            check,
            moments.mean_squared_error / (sum * sum),
            design.variance(&case.factors, case.k)? / (sum * sum),
            rounding * moments.magnitude / sum,
            moments.outcomes,
            "The error of this design is not what the formula says.",
        ));
    }
    Ok([worst(biases), worst(variances)].into_iter().flatten().collect())
}

/// The largest difference of enumerated and computed inclusion probabilities, first and second
/// order, of a design against those of another (itself, or for a control another).
fn inclusion(
    settings: &Settings,
    design: Design,
    computed: Design,
) -> Result<Option<Verdict>, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let n = scores.len();
        let outcomes = design.outcomes(&scores, case.k, None)?;
        let mut together = vec![0.0; n * n];
        for outcome in &outcomes {
            for &i in outcome.selection.indices() {
                for &j in outcome.selection.indices() {
                    together[i as usize * n + j as usize] += outcome.probability;
                }
            }
        }
        let Some((_, joint)) = computed.inclusion(&scores, case.k)? else { continue };
        let differences = together.iter().zip(&joint).map(|(x, y)| (x - y).abs());
        found.push(Verdict::exact(
            &INCLUSION,
            format!("enumeration of {design}: {}", case.name()),
            differences.fold(0.0, f64::max),
            0.0,
            ROUNDINGS * f64::EPSILON,
            outcomes.len(),
            "Pairs are kept with other probabilities than their scales assume.",
        ));
    }
    Ok(worst(found))
}

/// Bias, variance and inclusion probabilities.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for design in Design::ALL {
        found.extend(moments(settings, design, None)?);
    }
    for design in [Design::Systematic, Design::ConditionalPoisson] {
        found.extend(inclusion(settings, design, design)?);
    }
    Ok(found)
}

/// Designs with a mistake, and the inclusion probabilities of another design: each must fail.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for design in Design::ALL {
        for mistake in [Mistake::MissingScale, Mistake::ScaleOfNextBudget, Mistake::IndexOffByOne] {
            found.extend(moments(settings, design, Some(mistake))?);
        }
    }
    found.extend(inclusion(settings, Design::Systematic, Design::ConditionalPoisson)?);
    found.extend(inclusion(settings, Design::ConditionalPoisson, Design::Systematic)?);
    Ok(found)
}

/// A design as something that draws.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    design: Design,
    mistake: Option<Mistake>,
}

impl Draw for Drawn {
    fn draw(
        &self,
        scores: &[f64],
        k: usize,
        rng: &mut Generator,
    ) -> Result<Selection, SelectionError> {
        self.design.select(scores, k, self.mistake, rng)
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistake {
            None => write!(f, "{}", self.design),
            Some(mistake) => write!(f, "{} with {}", self.design, mistake.name()),
        }
    }
}

/// The experiments of a design on a family, up to 512 pairs: the formula of the variance takes
/// O(n^2 k) time.
fn experiments(settings: &Settings, drawn: Drawn, family: Family) -> Vec<Experiment<Drawn>> {
    let feasible = sizes(settings.scale).iter().filter(|size| size.pairs <= 512);
    feasible.map(|&size| Experiment::new(settings, drawn, family, size)).collect()
}

fn test_bias(experiment: &Experiment<Drawn>) -> Result<Verdict, CheckError> {
    bias_test(&UNBIASED, experiment)
}

fn test_variance(experiment: &Experiment<Drawn>) -> Result<Verdict, CheckError> {
    let design = experiment.sampler.design;
    let prediction = design.variance(&experiment.factors, experiment.size.k)?;
    variance_test(&VARIANCE, experiment, prediction)
}

/// Bias and variance of every design on every family, by drawing.
///
/// # Errors
/// When a design refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for design in Design::ALL {
        for family in Family::ALL {
            for experiment in experiments(settings, Drawn { design, mistake: None }, family) {
                found.push(test_bias(&experiment)?);
                found.push(test_variance(&experiment)?);
            }
        }
    }
    Ok(found)
}

/// Designs without scale or with that of the next budget: each must fail. The bias shows where the
/// product is large, the variance where it is small and cannot make up for a small scale.
///
/// # Errors
/// When a design refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    let mut found = Vec::new();
    for design in Design::ALL {
        for mistake in [Mistake::MissingScale, Mistake::ScaleOfNextBudget] {
            let wrong = Drawn { design, mistake: Some(mistake) };
            for experiment in experiments(&settings, wrong, Family::Shifted) {
                found.push(test_bias(&experiment)?);
            }
            for experiment in experiments(&settings, wrong, Family::Gaussian) {
                found.push(test_variance(&experiment)?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn designs_have_their_moments_and_controls_are_rejected() {
        assert_passed(exact_checks);
        assert_rejected(exact_controls);
    }

    #[test]
    fn draws_agree_and_reject_the_controls() {
        assert_passed(sampled_checks);
        assert_rejected(sampled_controls);
    }
}
