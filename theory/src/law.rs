//! The laws of the estimators: with which probabilities each chooses, by the functions of the
//! kernels, and the error that follows.

use crate::claim::CheckError;
use crate::closed_form::{
    bernoulli, column_row, column_row_best, horvitz_thompson, uniform_without_replacement,
};
use crate::matrices::{Factors, norm_squared};
use kernels::probability::{as_released, mix_with_uniform, proportional, uniform, water_filling};
use kernels::selection::{ConditionalPoisson, systematic_joint_inclusion, top_k, winners};
use kernels::{Estimator, InstructionSet, Selection};

/// The probabilities of one draw of an estimator that draws with replacement.
///
/// # Errors
/// When a score is invalid or all are zero.
pub fn draw_probabilities(estimator: &Estimator, scores: &[f64]) -> Result<Vec<f64>, CheckError> {
    Ok(match *estimator {
        Estimator::ColumnRow => proportional(scores)?,
        Estimator::ColumnRowMixture { epsilon } => {
            mix_with_uniform(&proportional(scores)?, epsilon)?
        }
        _ => uniform(scores.len()),
    })
}

/// The chance of each pair to be kept by Bernoulli sampling.
///
/// # Errors
/// When a score is invalid or all are zero.
pub fn coins(estimator: &Estimator, scores: &[f64], k: usize) -> Result<Vec<f64>, CheckError> {
    Ok(match estimator {
        Estimator::BernoulliAsReleased => as_released(scores, k as f64)?,
        _ => water_filling(scores, k as f64)?,
    })
}

/// Inclusion probabilities of each pair (n) and of each two pairs (n x n).
pub type Inclusion = (Vec<f64>, Vec<f64>);

/// First- and second-order inclusion probabilities of a design that keeps a fixed number of
/// different pairs; none of other estimators.
///
/// # Errors
/// When the scores give no probabilities.
pub fn inclusion(
    estimator: &Estimator,
    scores: &[f64],
    k: usize,
) -> Result<Option<Inclusion>, CheckError> {
    Ok(match estimator {
        Estimator::Systematic => {
            let p = water_filling(scores, k as f64)?;
            let joint = systematic_joint_inclusion(&p)?;
            Some((p, joint))
        }
        Estimator::ConditionalPoisson => {
            let design = ConditionalPoisson::new(&water_filling(scores, k as f64)?)?;
            Some((design.inclusion().to_vec(), design.joint_inclusion()))
        }
        Estimator::UniformWithoutReplacement => {
            let (n, k) = (scores.len(), k as f64);
            let (one, two) = (k / n as f64, k * (k - 1.0) / (n * (n - 1)) as f64);
            let joint = (0..n * n).map(|at| if at % (n + 1) == 0 { one } else { two });
            Some((vec![one; n], joint.collect()))
        }
        _ => None,
    })
}

/// E|C_hat - C|_F^2 of an unbiased estimator in closed form.
///
/// # Errors
/// When the scores give no probabilities.
pub fn variance(
    set: InstructionSet,
    estimator: &Estimator,
    factors: &Factors,
    k: usize,
) -> Result<f64, CheckError> {
    let scores = factors.scores();
    let product = || norm_squared(&factors.exact(set));
    Ok(match estimator {
        Estimator::Bernoulli | Estimator::BernoulliAsReleased => {
            bernoulli(&scores, &coins(estimator, &scores, k)?)
        }
        Estimator::UniformWithoutReplacement => uniform_without_replacement(&scores, k, product()),
        Estimator::WinnerTakeAll => {
            let kept = winners(&proportional(&scores)?, k);
            winner_take_all_variance(&scores, &factors.gram(), kept, k)?
        }
        _ => match inclusion(estimator, &scores, k)? {
            Some((inclusion, joint)) => horvitz_thompson(&inclusion, &joint, &factors.gram()),
            None => column_row(&scores, &draw_probabilities(estimator, &scores)?, k, product()),
        },
    })
}

/// The variance of winner-take-all with any number of winners:
/// (W_R^2 - |C_R|_F^2) / (k - winners) over the other pairs R.
///
/// # Errors
/// When a score is invalid.
pub fn winner_take_all_variance(
    scores: &[f64],
    gram: &[f64],
    winners: usize,
    k: usize,
) -> Result<f64, CheckError> {
    let n = scores.len();
    let kept = if winners == 0 { Selection::default() } else { top_k(scores, winners)? };
    let others: Vec<usize> = (0..n).filter(|&i| !kept.indices().contains(&(i as u32))).collect();
    let rest: Vec<f64> = others.iter().map(|&i| scores[i]).collect();
    let square = others.iter().flat_map(|&i| others.iter().map(move |&j| gram[i * n + j])).sum();
    Ok(column_row_best(&rest, k - winners, square))
}
