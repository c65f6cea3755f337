//! The expected squared error E|C_hat - C|_F^2 of every estimator, for given matrices.
//!
//! With the pair products G_i = A_i B^i and the weight c_i that an estimator gives
//! to pair i (its scale, or zero where it is not kept), the error is
//! sum_ij (c_i - 1)(c_j - 1) <G_i, G_j>; each formula below is the expectation of that.

use kernels::estimator::Estimator;
use kernels::probability::{
    ProbabilityError, as_released, mix_with_uniform, proportional, water_filling,
};
use kernels::random::Stream;
use kernels::selection::{ConditionalPoisson, systematic_joint_inclusion, winners};
use theory::claim::CheckError;
use theory::closed_form::horvitz_thompson;
use theory::law::winner_take_all_variance;

/// What the formulas need to know of the terms G_i that a sampled sum chooses from.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// w_i, by which terms are chosen; |G_i|_F itself where the terms have rank one.
    pub scores: &'a [f64],
    /// <G_i, G_j>, n x n.
    pub inner_products: &'a [f64],
}

/// E|C_hat - C|_F^2 for the estimator with a budget of `k` terms.
///
/// Winner-take-all takes the score of a term for its norm; the others take terms of any norm.
///
/// # Errors
/// When the estimator itself cannot work with these scores or this budget.
pub fn expected_square_error(
    estimator: Estimator,
    terms: Terms,
    k: usize,
) -> Result<f64, CheckError> {
    let n = terms.scores.len();
    if k >= n && !matches!(estimator, Estimator::AdaptiveTopK { .. }) {
        return Ok(0.0);
    }
    let w = terms.scores;
    let (n_real, budget) = (n as f64, k as f64);
    let square_norms: Vec<f64> = terms.inner_products.iter().step_by(n + 1).copied().collect();
    let squares: f64 = square_norms.iter().sum();
    let exact_square: f64 = terms.inner_products.iter().sum();
    let cross = exact_square - squares;
    // (1/k) (sum_i |G_i|^2 / p_i - |C|^2)
    let with_replacement = |p: &[f64]| {
        let second_moment: f64 =
            square_norms.iter().zip(p).filter(|(g, _)| **g > 0.0).map(|(g, p)| g / p).sum();
        (second_moment - exact_square) / budget
    };
    Ok(match estimator {
        Estimator::TopK | Estimator::AdaptiveTopK { .. } => {
            // Nothing is random: the error is |sum of the pairs left out|^2.
            let selection = estimator.select(w, k, &mut Stream::new(0, "unused").at(0))?;
            let mut left_out = vec![true; n];
            for index in selection.indices() {
                left_out[*index as usize] = false;
            }
            let mut sum = 0.0;
            for i in (0..n).filter(|i| left_out[*i]) {
                for j in (0..n).filter(|j| left_out[*j]) {
                    sum += terms.inner_products[i * n + j];
                }
            }
            sum
        }
        Estimator::ColumnRow => with_replacement(&proportional(w)?),
        Estimator::ColumnRowMixture { epsilon } => {
            with_replacement(&mix_with_uniform(&proportional(w)?, epsilon)?)
        }
        Estimator::UniformWithReplacement => with_replacement(&vec![1.0 / n_real; n]),
        Estimator::Bernoulli => independent_coins(&square_norms, &water_filling(w, budget)?),
        Estimator::BernoulliAsReleased => {
            independent_coins(&square_norms, &as_released(w, budget)?)
        }
        Estimator::UniformWithoutReplacement => {
            let kept = budget / n_real;
            let both = kept * (budget - 1.0) / (n_real - 1.0);
            (1.0 / kept - 1.0) * squares + (both / (kept * kept) - 1.0) * cross
        }
        Estimator::UniformWithReplacementUnscaled => {
            // The counts are multinomial: mean k/n, covariance k (delta_ij / n - 1 / n^2).
            let mean = budget / n_real;
            (mean - 1.0) * (mean - 1.0) * exact_square + mean * squares
                - mean / n_real * exact_square
        }
        Estimator::UniformWithoutReplacementUnscaled => {
            let out = 1.0 - budget / n_real;
            let both_out = out * (n_real - budget - 1.0) / (n_real - 1.0);
            out * squares + both_out * cross
        }
        Estimator::WinnerTakeAll => {
            let kept = winners(&proportional(w)?, k);
            winner_take_all_variance(w, terms.inner_products, kept, k)?
        }
        Estimator::Systematic => {
            let p = water_filling(w, budget)?;
            horvitz_thompson(&p, &systematic_joint_inclusion(&p)?, terms.inner_products)
        }
        Estimator::ConditionalPoisson => {
            let design = ConditionalPoisson::new(&water_filling(w, budget)?)?;
            let joint = design.joint_inclusion();
            horvitz_thompson(design.inclusion(), &joint, terms.inner_products)
        }
    })
}

/// sum_i (1 - p_i) / p_i w_i^2: independent coins for terms of norm w_i.
pub fn bernoulli(scores: &[f64], p: &[f64]) -> f64 {
    let squares: Vec<f64> = scores.iter().map(|w| w * w).collect();
    independent_coins(&squares, p)
}

/// sum_i (1 - p_i) / p_i |G_i|^2.
fn independent_coins(square_norms: &[f64], p: &[f64]) -> f64 {
    square_norms.iter().zip(p).filter(|(_, p)| **p > 0.0).map(|(g, p)| (1.0 - p) / p * g).sum()
}

/// The Bernoulli probabilities of both rules, and water-filling at the count that the released
/// rule expects.
///
/// # Errors
/// When the scores give no probabilities.
pub fn bernoulli_rules(
    scores: &[f64],
    k: usize,
) -> Result<[(&'static str, Vec<f64>); 3], ProbabilityError> {
    let released = as_released(scores, k as f64)?;
    let count: f64 = released.iter().sum();
    Ok([
        ("water-filling", water_filling(scores, k as f64)?),
        ("as-released", released),
        ("water-filling-same-count", water_filling(scores, count)?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::products::matrices::{Distribution, MatrixPair, norm};
    use kernels::InstructionSet;

    /// Mean of the squared error over draws, its standard error, and the closed form.
    fn measured(estimator: Estimator, k: usize) -> (f64, f64, f64) {
        let set = InstructionSet::Portable;
        let pair = MatrixPair::generate(Distribution::UnitMean, (4, 8, 5), 1, set);
        let stream = Stream::new(3, estimator.name());
        let mut error = Vec::new();
        let draws = 20_000;
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for draw in 0..draws {
            let selection = estimator.select(&pair.scores, k, &mut stream.at(draw)).unwrap();
            pair.error_into(&selection, set, &mut error);
            let square = norm(&error) * norm(&error);
            sum += square;
            sum_of_squares += square * square;
        }
        let count = draws as f64;
        let mean = sum / count;
        let variance = (sum_of_squares / count - mean * mean).max(0.0);
        (
            mean,
            (variance / count).sqrt(),
            expected_square_error(estimator, pair.terms(), k).unwrap(),
        )
    }

    #[test]
    fn every_formula_is_the_mean_over_many_draws() {
        for estimator in Estimator::ALL {
            let (mean, deviation, formula) = measured(estimator, 3);
            assert!(
                (mean - formula).abs() <= 5.0 * deviation + 1e-9 * formula,
                "{estimator}: measured {mean} ± {deviation}, closed form {formula}"
            );
        }
    }

    #[test]
    fn the_formula_of_another_estimator_is_rejected() {
        let (mean, deviation, _) = measured(Estimator::UniformWithReplacement, 3);
        let (_, _, wrong) = measured(Estimator::UniformWithoutReplacement, 3);
        assert!((mean - wrong).abs() > 5.0 * deviation);
    }
}
