//! T4: top-k without scaling: its bias, when it is optimal, and when it is not.

use crate::claim::{CheckError, Claim, Settings, Verdict};
use crate::matrices::{Factors, Family, squared, squared_distance};
use crate::moments::{Case, Moments, ROUNDINGS, cases, worst};
use crate::sampler::Sampler;
use crate::statistics::Sample;
use kernels::scores::pair_scores;
use kernels::{Estimator, InstructionSet, Selection};
use std::ops::RangeInclusive;

/// T4, the error.
pub static ERROR: Claim = Claim::new(
    "T4.error",
    "Error of top-k",
    "The squared error is the squared norm of the sum of the pairs left out.",
    r"\|\hat C-C\|_F^2=\Bigl\|\sum_{i\notin S}A_iB^i\Bigr\|_F^2",
    "from the definition",
    "top-k.md",
);

/// T4, optimality.
pub static OPTIMAL: Claim = Claim::new(
    "T4.optimal",
    "Optimality of top-k for independent pairs of mean zero",
    "Where the pairs are independent with mean zero, no sum of k scaled pairs has a smaller \
     expected error than the k largest with scale one.",
    r"\arg\min_{|S|\le k,\,c}\mathbb{E}\Bigl\|\sum_{i\in S}c_iA_iB^i-C\Bigr\|_F^2=(\text{top-}k,\,1)",
    "abstract of the paper; proved in paper-notes/top-k.md",
    "top-k.md",
);

/// T4, the limit of optimality.
pub static NOT_OPTIMAL: Claim = Claim::new(
    "T4.not-optimal",
    "Top-k is not optimal where the mean is not zero",
    "With entries N(1, 1) in matrices of many rows and columns and k > 3, the same k pairs with the \
     scale W over the sum of their scores have a smaller error.",
    r"\mathbb{E}\Bigl\|\tfrac{W}{W_S}\hat C-C\Bigr\|_F^2<\mathbb{E}\|\hat C-C\|_F^2,\quad A_{ij},B_{ij}\sim N(1,1)",
    "proved in paper-notes/top-k.md",
    "top-k.md",
);

/// The squared error of top-k from the inner products of the pairs left out.
pub fn left_out(factors: &Factors, kept: &Selection) -> f64 {
    let n = factors.pairs();
    let gram = factors.gram();
    let out: Vec<usize> = (0..n).filter(|&i| !kept.indices().contains(&(i as u32))).collect();
    out.iter().flat_map(|&i| out.iter().map(move |&j| (i, j))).map(|(i, j)| gram[i * n + j]).sum()
}

fn error_of(
    settings: &Settings,
    estimator: Estimator,
    cases: &[Case],
) -> Result<Option<Verdict>, CheckError> {
    let sampler = Sampler::right(estimator);
    let verdicts: Result<Vec<Verdict>, CheckError> = cases
        .iter()
        .map(|case| {
            let moments = Moments::enumerate(settings.set, case, &sampler)?;
            let scores = case.factors.scores();
            let square = squared(scores.iter().sum());
            let kept = kernels::selection::top_k(&scores, case.k)?;
            Ok(Verdict::exact(
                &ERROR,
                format!("{sampler}: {}", case.name()),
                moments.mean_squared_error / square,
                left_out(&case.factors, &kept) / square,
                ROUNDINGS * f64::EPSILON * squared(moments.magnitude) / square,
                moments.outcomes,
                "The error of top-k is not what is left out: it keeps other pairs or scales them.",
            ))
        })
        .collect();
    Ok(worst(verdicts?))
}

/// The pairs of some factors with random signs: how the signs are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signs {
    /// Independent and fair: the pairs are independent with mean zero.
    Independent,
    /// All the same: each pair has mean zero but they are not independent.
    Common,
}

/// The expected squared error of a selection of signed pairs, over every choice of signs.
fn expected_error(set: InstructionSet, factors: &Factors, signs: Signs, kept: &Selection) -> f64 {
    let patterns: RangeInclusive<u32> = match signs {
        Signs::Independent => 0..=(1 << factors.pairs()) - 1,
        Signs::Common => 0..=0,
    };
    let count = f64::from(*patterns.end()) + 1.0;
    let errors = patterns.map(|pattern| {
        let mut signed = factors.clone();
        for (index, mut column) in signed.a.column_iter_mut().enumerate() {
            if pattern >> index & 1 == 1 {
                column.neg_mut();
            }
        }
        squared_distance(&signed.estimate(set, kept), &signed.exact(set))
    });
    errors.sum::<f64>() / count
}

/// Every set of at most k pairs with a common scale, to compare with.
fn alternatives(pairs: usize, k: usize) -> Result<Vec<Selection>, CheckError> {
    let ratio = pairs as f64 / k as f64;
    let sets = (0u32..1 << pairs).filter(|set| set.count_ones() as usize <= k);
    let mut found = Vec::new();
    for set in sets {
        let indices: Vec<u32> = (0..pairs as u32).filter(|index| set >> index & 1 == 1).collect();
        for scale in [0.9, 1.0, 1.1, ratio.sqrt(), ratio] {
            found.push(Selection::new(indices.clone(), vec![scale; indices.len()], pairs)?);
        }
    }
    Ok(found)
}

/// Whether the selection of an estimator has the least expected error of all alternatives.
fn least_error(
    settings: &Settings,
    chosen: impl Fn(&[f64], usize) -> Result<Selection, CheckError>,
    name: &'static str,
    signs: Signs,
) -> Result<Option<Verdict>, CheckError> {
    let mut small = cases(settings.seed);
    small.retain(|case| case.factors.pairs() == 4);
    let verdicts: Result<Vec<Verdict>, CheckError> = small
        .iter()
        .map(|case| {
            let scores = case.factors.scores();
            let error = |kept: &Selection| expected_error(settings.set, &case.factors, signs, kept);
            let others = alternatives(scores.len(), case.k)?;
            let least = others.iter().map(error).fold(f64::INFINITY, f64::min);
            let square = squared(scores.iter().sum());
            Ok(Verdict::at_most(
                &OPTIMAL,
                format!("{name} against every set and scale, {signs:?} signs: {}", case.name()),
                error(&chosen(&scores, case.k)?) / square,
                least / square,
                ROUNDINGS * f64::EPSILON,
                others.len(),
                "Another choice of k pairs or another scale has a smaller expected error.",
            ))
        })
        .collect();
    Ok(worst(verdicts?))
}

/// Upper confidence limit of the mean of log(error with scale / error without) of the top-k pairs,
/// over random factors of a family; below zero the scale is an improvement.
fn gain_of_scale(settings: &Settings, family: Family) -> Result<Verdict, CheckError> {
    const MATRICES: u64 = 60;
    let (outer, pairs, k) = (16, 64, 16);
    let mut ratios = Sample::default();
    for matrix in 0..MATRICES {
        let factors = family.factors(settings.seed.wrapping_add(matrix), outer, pairs);
        let scores = factors.scores();
        let kept = kernels::selection::top_k(&scores, k)?;
        let share: f64 = kept.indices().iter().map(|&i| scores[i as usize]).sum();
        let scale = scores.iter().sum::<f64>() / share;
        let scaled = Selection::new(kept.indices().to_vec(), vec![scale; kept.len()], pairs)?;
        let exact = factors.exact(settings.set);
        let error =
            |kept: &Selection| squared_distance(&factors.estimate(settings.set, kept), &exact);
        ratios.push(libm::log(error(&scaled) / error(&kept)));
    }
    Ok(Verdict {
        interval: ratios.interval(),
        ..Verdict::at_most(
            &NOT_OPTIMAL,
            format!("upper limit of the mean log ratio of errors: {}", family.name()),
            ratios.interval().1,
            0.0,
            f64::EPSILON,
            MATRICES as usize,
            "Scaling the top-k pairs does not help even where all pairs point the same way.",
        )
    })
}

fn largest(scores: &[f64], k: usize) -> Result<Selection, CheckError> {
    Ok(kernels::selection::top_k(scores, k)?)
}

/// The k largest of the reciprocal scores: a control.
fn smallest(scores: &[f64], k: usize) -> Result<Selection, CheckError> {
    let reciprocals: Vec<f64> = scores.iter().map(|w| 1.0 / w.max(f64::MIN_POSITIVE)).collect();
    largest(&pair_scores(&reciprocals, &vec![1e-300; scores.len()]), k)
}

/// Error, optimality and its limit.
///
/// # Errors
/// When a selection is refused.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let found = [
        error_of(settings, Estimator::TopK, &cases(settings.seed))?,
        least_error(settings, largest, "top-k", Signs::Independent)?,
        Some(gain_of_scale(settings, Family::Shifted)?),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// A random choice called top-k, the smallest pairs called optimal, top-k called optimal for pairs
/// that are not independent, and a scale called a gain for entries of mean zero: each must fail.
///
/// # Errors
/// When a selection is refused.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let found = [
        error_of(settings, Estimator::UniformWithoutReplacementUnscaled, &cases(settings.seed))?,
        least_error(settings, smallest, "bottom-k", Signs::Independent)?,
        least_error(settings, largest, "top-k", Signs::Common)?,
        Some(gain_of_scale(settings, Family::Gaussian)?),
    ];
    Ok(found.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn top_k_is_optimal_where_it_is_said_to_be_and_not_elsewhere() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
