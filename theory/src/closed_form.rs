//! The formulas of the statements, each a function of the pair norms and probabilities.
//!
//! Notation: C = AB = sum_i G_i with G_i = A_i B^i, w_i = |G_i|_F = |A_i| |B^i| (the score),
//! W = sum_i w_i, k the budget of pairs out of n. Mean squared errors are E|C_hat - C|_F^2.
//! A pair of score zero contributes nothing whatever its probability, also where that is zero.

use crate::extremes::least;
use kernels::Selection;
use kernels::selection::{SelectionError, top_k};

/// sum_i w_i^2 / p_i = E|G_i / p_i|_F^2, the second moment of one column-row draw.
///
/// Infinite where a pair that matters has probability zero.
pub fn second_moment(scores: &[f64], p: &[f64]) -> f64 {
    scores.iter().zip(p).filter(|(w, _)| **w != 0.0).map(|(w, p)| w * w / p).sum()
}

/// Column-row sampling with replacement: (1/k) (sum_i w_i^2 / p_i - |C|_F^2) (Drineas, Kannan,
/// Mahoney 2006, lemma 3).
///
/// ```
/// // Two pairs of norm 1 that cancel, C = 0, one uniform draw: the estimate is +2 or -2.
/// assert_eq!(theory::closed_form::column_row(&[1.0, 1.0], &[0.5, 0.5], 1, 0.0), 4.0);
/// ```
pub fn column_row(scores: &[f64], p: &[f64], k: usize, product_norm_squared: f64) -> f64 {
    (second_moment(scores, p) - product_norm_squared) / k as f64
}

/// Column-row sampling at its best probabilities p_i = w_i / W: (1/k) (W^2 - |C|_F^2).
pub fn column_row_best(scores: &[f64], k: usize, product_norm_squared: f64) -> f64 {
    let sum: f64 = scores.iter().sum();
    (sum * sum - product_norm_squared) / k as f64
}

/// Bernoulli-CRS: sum_i ((1 - p_i)/p_i) w_i^2.
///
/// ```
/// assert_eq!(theory::closed_form::bernoulli(&[3.0, 1.0], &[1.0, 0.25]), 3.0);
/// ```
pub fn bernoulli(scores: &[f64], p: &[f64]) -> f64 {
    let terms = scores.iter().zip(p).filter(|(w, _)| **w != 0.0);
    terms.map(|(w, p)| (1.0 - p) / p * w * w).sum()
}

/// Bernoulli-CRS at its best probabilities where none is capped: W^2/k - sum_i w_i^2.
pub fn bernoulli_best_uncapped(scores: &[f64], k: usize) -> f64 {
    let sum: f64 = scores.iter().sum();
    sum * sum / k as f64 - scores.iter().map(|w| w * w).sum::<f64>()
}

/// Bernoulli minus column-row sampling, both at their best, no probability capped:
/// |C|_F^2 / k - sum_i w_i^2. Its sign is decided by the data.
pub fn bernoulli_minus_column_row(scores: &[f64], k: usize, product_norm_squared: f64) -> f64 {
    product_norm_squared / k as f64 - scores.iter().map(|w| w * w).sum::<f64>()
}

/// k of n pairs uniformly without replacement, scale n/k:
/// (n - k) / (k (n - 1)) * (n sum_i w_i^2 - |C|_F^2) (Cochran, Sampling Techniques, theorem 2.2,
/// for totals).
///
/// # Panics
/// When there are fewer than two pairs.
pub fn uniform_without_replacement(scores: &[f64], k: usize, product_norm_squared: f64) -> f64 {
    assert!(scores.len() > 1, "the variance of sampling without replacement needs two pairs");
    let (n, k) = (scores.len() as f64, k as f64);
    let squares: f64 = scores.iter().map(|w| w * w).sum();
    (n - k) / (k * (n - 1.0)) * (n * squares - product_norm_squared)
}

/// Any design with scale 1/pi_i (Horvitz and Thompson 1952):
/// sum_ij (pi_ij - pi_i pi_j) / (pi_i pi_j) <G_i, G_j>, with pi_ii = pi_i.
///
/// `joint` and `gram` are n x n, row after row: the chance that both pairs are kept, and the inner
/// products of the pairs. Pairs that are never kept are left out: they are a bias, not a variance.
///
/// # Panics
/// When `joint` or `gram` is smaller than n x n.
pub fn horvitz_thompson(inclusion: &[f64], joint: &[f64], gram: &[f64]) -> f64 {
    let n = inclusion.len();
    let mut sum = 0.0;
    for i in (0..n).filter(|&i| inclusion[i] != 0.0) {
        for j in (0..n).filter(|&j| inclusion[j] != 0.0) {
            let product = inclusion[i] * inclusion[j];
            let both = if i == j { inclusion[i] } else { joint[i * n + j] };
            sum += (both - product) / product * gram[i * n + j];
        }
    }
    sum
}

/// Winner-take-all with any number of winners at p proportional to the scores:
/// (W_R^2 - |C_R|_F^2) / (k - winners) over the other pairs R.
///
/// # Errors
/// When a score is not a finite number of at least 0.
pub fn winner_take_all(
    scores: &[f64],
    gram: &[f64],
    winners: usize,
    k: usize,
) -> Result<f64, SelectionError> {
    let n = scores.len();
    let kept = if winners == 0 { Selection::default() } else { top_k(scores, winners)? };
    let others: Vec<usize> = (0..n).filter(|&i| !kept.indices().contains(&(i as u32))).collect();
    let rest: Vec<f64> = others.iter().map(|&i| scores[i]).collect();
    let square = others.iter().flat_map(|&i| others.iter().map(move |&j| gram[i * n + j])).sum();
    Ok(column_row_best(&rest, k - winners, square))
}

/// Mean and variance of the number of pairs that Bernoulli sampling keeps: sum p_i and
/// sum p_i (1 - p_i).
pub fn number_kept(p: &[f64]) -> (f64, f64) {
    (p.iter().sum(), p.iter().map(|p| p * (1.0 - p)).sum())
}

/// A bound on P(number kept >= mean + excess): Chernoff's exp(-mean h(excess/mean)) with
/// h(x) = (1 + x) ln(1 + x) - x.
pub fn chernoff_upper_tail(mean: f64, excess: f64) -> f64 {
    let x = excess / mean;
    libm::exp(-mean * ((1.0 + x) * libm::log1p(x) - x))
}

/// A bound on P(|number kept - mean| >= excess) over n coins: Hoeffding's 2 exp(-2 excess^2 / n).
pub fn hoeffding_tail(pairs: usize, excess: f64) -> f64 {
    least([2.0 * libm::exp(-2.0 * excess * excess / pairs as f64), 1.0])
}

/// The distance that column-row sampling at p_i = w_i / W exceeds with probability at most delta:
/// (1 + sqrt(8 ln(1/delta))) |A|_F |B|_F / sqrt(k) (Drineas, Kannan, Mahoney 2006, theorem 1).
pub fn concentration_radius(norm_of_factors: f64, k: usize, delta: f64) -> f64 {
    (1.0 + (8.0 * libm::log(1.0 / delta)).sqrt()) * norm_of_factors / (k as f64).sqrt()
}

/// The penalty that sampling a linear regression in the forward pass adds to the mean squared
/// loss: sum_i ((1 - p_i)/p_i) |X_i|^2 beta_i^2 / N, for N samples.
pub fn regression_ridge(feature_norms: &[f64], p: &[f64], weights: &[f64], samples: usize) -> f64 {
    let scores: Vec<f64> = feature_norms.iter().zip(weights).map(|(x, w)| x * w.abs()).collect();
    bernoulli(&scores, p) / samples as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrices::{Factors, Family, norm_squared};
    use kernels::probability::{
        as_released, mix_with_uniform, proportional, uniform, water_filling,
    };
    use kernels::selection::winners;
    use kernels::{Estimator, InstructionSet};

    const K: usize = 5;

    /// The formula of a statement for an unbiased estimator.
    fn formula(estimator: Estimator, factors: &Factors) -> f64 {
        let (w, k) = (factors.scores(), K as f64);
        let square = norm_squared(&factors.exact(InstructionSet::Portable));
        let draws = |p: &[f64]| column_row(&w, p, K, square);
        match estimator {
            Estimator::ColumnRow => column_row_best(&w, K, square),
            Estimator::ColumnRowMixture { epsilon } => {
                draws(&mix_with_uniform(&proportional(&w).unwrap(), epsilon).unwrap())
            }
            Estimator::UniformWithReplacement => draws(&uniform(w.len())),
            Estimator::UniformWithoutReplacement => uniform_without_replacement(&w, K, square),
            Estimator::Bernoulli => bernoulli(&w, &water_filling(&w, k).unwrap()),
            Estimator::BernoulliAsReleased => bernoulli(&w, &as_released(&w, k).unwrap()),
            Estimator::WinnerTakeAll => {
                let kept = winners(&proportional(&w).unwrap(), K);
                winner_take_all(&w, &factors.gram(), kept, K).unwrap()
            }
            design => {
                let law = design.law(&w, K).unwrap();
                horvitz_thompson(&law.inclusion(), &law.joint_inclusion(), &factors.gram())
            }
        }
    }

    #[test]
    fn the_laws_of_the_kernels_have_the_errors_of_the_statements() {
        for family in Family::ALL {
            let factors = family.factors(1, 3, 12);
            let (w, square) = (factors.scores(), factors.gram().iter().sum::<f64>());
            for estimator in Estimator::ALL.into_iter().filter(Estimator::is_unbiased) {
                let law = estimator.law(&w, K).unwrap();
                let expected = formula(estimator, &factors);
                let of_norms = factors.expected_squared_error(InstructionSet::Portable, &law);
                let of_products = law.expected_squared_error(&factors.gram());
                for error in [of_norms, of_products] {
                    assert!(
                        (error - expected).abs() <= 1e-12 * (expected + square),
                        "{estimator}, {}: {error}, {expected}",
                        factors.name
                    );
                }
            }
        }
    }

    #[test]
    fn no_formula_passes_over_what_is_not_a_number() {
        let (unknown, known) = ([f64::NAN, 1.0], [0.5, 0.5]);
        for formula in [second_moment, bernoulli] {
            assert!(formula(&unknown, &known).is_nan() && formula(&known, &unknown).is_nan());
        }
        assert!(horvitz_thompson(&unknown, &[0.5; 4], &[1.0; 4]).is_nan());
        assert!(horvitz_thompson(&known, &[0.5, f64::NAN, 0.5, 0.5], &[1.0; 4]).is_nan());
        assert!(hoeffding_tail(3, f64::NAN).is_nan());
    }
}
