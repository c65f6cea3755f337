//! T4: top-k without scaling: its bias, when it is optimal, and when it is not.

use crate::claim::{CheckError, Claim, Scale, Settings};
use crate::extremes::{largest, least};
use crate::matrices::{Factors, squared, squared_distance};
use crate::moments::{Case, Moments, ROUNDINGS, cases};
use crate::sampler::Sampler;
use crate::special::bessel_ratio;
use crate::statistics::Sample;
use crate::verdict::{Exact, Verdict, worst};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::{Estimator, InstructionSet, Selection};
use nalgebra::DMatrix;

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
    "With entries N(1, 1) the pairs kept and the pairs left out point the same way on average, by a \
     known amount, so that the same k pairs with a scale slightly above one have a smaller error.",
    r"\mathbb{E}\bigl[\langle C_S,C_R\rangle\mid\text{norms}\bigr]=\sum_{i\in S}v_i\sum_{j\in R}v_j>0,\quad v_i=w_i\,h_m(\sqrt m|A_i|)\,h_p(\sqrt p|B^i|),\ h_m=\frac{I_{m/2}}{I_{m/2-1}}",
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
) -> Result<Verdict, CheckError> {
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
                Exact::Enumerated(moments.outcomes),
                "The error of top-k is not what is left out: it keeps other pairs or scales them.",
            ))
        })
        .collect();
    worst(verdicts?)
}

/// The pairs of some factors with random signs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signs {
    /// The chance of each sign to be minus, independently. At a half the pairs are independent with
    /// mean zero; at zero they are what they are.
    minus: f64,
}

impl Signs {
    const FAIR: Self = Self { minus: 0.5 };

    /// The mean of a number of the signed factors over every choice of signs.
    fn mean(self, factors: &Factors, number: impl Fn(&Factors) -> Vec<f64>) -> Vec<f64> {
        let pairs = factors.pairs();
        let mut sum: Vec<f64> = Vec::new();
        for pattern in 0u32..1 << pairs {
            let mut signed = factors.clone();
            let mut probability = 1.0;
            for (index, mut column) in signed.a.column_iter_mut().enumerate() {
                let is_minus = pattern >> index & 1 == 1;
                probability *= if is_minus { self.minus } else { 1.0 - self.minus };
                if is_minus {
                    column.neg_mut();
                }
            }
            let numbers = number(&signed);
            sum.resize(numbers.len(), 0.0);
            sum.iter_mut().zip(&numbers).for_each(|(sum, x)| *sum = probability.mul_add(*x, *sum));
        }
        sum
    }

    /// The expected squared error of a selection.
    fn error(self, set: InstructionSet, factors: &Factors, kept: &Selection) -> f64 {
        let error = |signed: &Factors| {
            vec![squared_distance(&signed.estimate(set, kept), &signed.exact(set))]
        };
        self.mean(factors, error)[0]
    }
}

/// The least of |sum_i c_i G_i - sum_j G_j|^2 over all real scales c_i of the pairs in a set, from
/// the (expected) inner products of all pairs, n x n: what is left of the sum's square after
/// elimination of the set. A pair that is a combination of others adds nothing.
fn least_squares(gram: &[f64], set: &[usize]) -> f64 {
    let n = gram.len().isqrt();
    let row_sum = |i: usize| gram[i * n..(i + 1) * n].iter().sum::<f64>();
    let size = set.len();
    let mut rows: Vec<Vec<f64>> = set
        .iter()
        .map(|&i| set.iter().map(|&j| gram[i * n + j]).chain([row_sum(i)]).collect())
        .collect();
    rows.push(set.iter().map(|&i| row_sum(i)).chain([gram.iter().sum()]).collect());
    let negligible = ROUNDINGS * f64::EPSILON * largest((0..n).map(|i| gram[i * (n + 1)]));
    for pivot in 0..size {
        if rows[pivot][pivot] <= negligible {
            continue;
        }
        for below in pivot + 1..=size {
            let factor = rows[below][pivot] / rows[pivot][pivot];
            for column in pivot..=size {
                rows[below][column] -= factor * rows[pivot][column];
            }
        }
    }
    rows[size][size]
}

/// Whether the selection of a rule has the least expected error of all sets of at most k pairs,
/// each with the best scale for every pair.
fn least_error(
    settings: &Settings,
    chosen: impl Fn(&[f64], usize) -> Result<Selection, CheckError>,
    name: &'static str,
    signs: Signs,
) -> Result<Verdict, CheckError> {
    let mut small = cases(settings.seed);
    small.retain(|case| case.factors.pairs() == 4);
    let verdicts: Result<Vec<Verdict>, CheckError> = small
        .iter()
        .map(|case| {
            let scores = case.factors.scores();
            let pairs = scores.len();
            let gram = signs.mean(&case.factors, Factors::gram);
            let sets = (0u32..1 << pairs).filter(|set| set.count_ones() as usize <= case.k);
            let errors: Vec<f64> = sets
                .map(|set| (0..pairs).filter(|index| set >> index & 1 == 1).collect::<Vec<_>>())
                .map(|set| least_squares(&gram, &set))
                .collect();
            let square = squared(scores.iter().sum());
            let kept = chosen(&scores, case.k)?;
            Ok(Verdict::at_most(
                &OPTIMAL,
                format!(
                    "{name} against the best scales of every set, signs minus with probability \
                     {}: {}",
                    signs.minus,
                    case.name()
                ),
                signs.error(settings.set, &case.factors, &kept) / square,
                least(errors.iter().copied()) / square,
                ROUNDINGS * f64::EPSILON,
                Exact::ClosedForm(errors.len()),
                "Another choice of k pairs or other scales have a smaller expected error.",
            ))
        })
        .collect();
    worst(verdicts?)
}

/// Rows of A and columns of B, pairs, and pairs kept, of the random matrices.
const DRAWN: (usize, usize, usize) = (16, 64, 16);

/// E[<C_S, C_R> | norms] for entries N(1, 1): given its norm, a column has the mean
/// |A_i| h_m(sqrt(m) |A_i|) along the vector of ones, a row likewise.
fn expected_agreement(factors: &Factors, kept: &Selection) -> f64 {
    let along_ones = |norms: Vec<f64>, dimension: usize| -> Vec<f64> {
        let root = (dimension as f64).sqrt();
        norms.iter().map(|norm| norm * bessel_ratio(dimension as f64 / 2.0, root * norm)).collect()
    };
    let columns = along_ones(column_norms((&factors.a).into()), factors.a.nrows());
    let rows = along_ones(row_norms((&factors.b).into()), factors.b.ncols());
    let weights = pair_scores(&columns, &rows);
    let inside: f64 = kept.indices().iter().map(|&i| weights[i as usize]).sum();
    inside * (weights.iter().sum::<f64>() - inside)
}

/// Student's test that the measured <C_S, C_R> of top-k over the predicted one has mean one, on
/// independent matrices with entries N(mean, 1).
fn agreement(settings: &Settings, mean: f64) -> Result<Verdict, CheckError> {
    let matrices = if settings.scale == Scale::Quick { 100 } else { 1_000 };
    let (outer, pairs, k) = DRAWN;
    let stream = Stream::new(settings.seed, "top-k with a mean");
    let mut ratios = Sample::default();
    for matrix in 0..matrices {
        let mut rng = stream.at(matrix);
        let a = DMatrix::from_fn(outer, pairs, |_, _| mean + standard_normal(&mut rng));
        let b = DMatrix::from_fn(pairs, outer, |_, _| mean + standard_normal(&mut rng));
        let factors = Factors { name: "entries with a mean".to_owned(), a, b };
        let kept = kernels::selection::top_k(&factors.scores(), k)?;
        let inside = factors.estimate(settings.set, &kept);
        let outside = factors.exact(settings.set) - &inside;
        ratios.push(inside.dot(&outside) / expected_agreement(&factors, &kept));
    }
    Ok(Verdict::drawn(
        &NOT_OPTIMAL,
        format!(
            "inner product of kept and left out over that predicted for N(1, 1), entries N({mean}, \
             1), {matrices} matrices with {pairs} pairs, k = {k}"
        ),
        &ratios,
        1.0,
        ratios.student(1.0),
        "The pairs that top-k leaves out do not point where the kept ones do.",
    ))
}

fn top_k(scores: &[f64], k: usize) -> Result<Selection, CheckError> {
    Ok(kernels::selection::top_k(scores, k)?)
}

/// The k largest of the reciprocal scores: a control.
fn bottom_k(scores: &[f64], k: usize) -> Result<Selection, CheckError> {
    let reciprocals: Vec<f64> = scores.iter().map(|w| 1.0 / (w + f64::MIN_POSITIVE)).collect();
    top_k(&pair_scores(&reciprocals, &vec![1e-300; scores.len()]), k)
}

/// The k largest with scale 1.01: a control.
fn scaled_top_k(scores: &[f64], k: usize) -> Result<Selection, CheckError> {
    let kept = top_k(scores, k)?;
    Ok(Selection::new(kept.indices().to_vec(), vec![1.01; kept.len()], kept.pairs())?)
}

/// Error and optimality.
///
/// # Errors
/// When a selection is refused.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![
        error_of(settings, Estimator::TopK, &cases(settings.seed))?,
        least_error(settings, top_k, "top-k", Signs::FAIR)?,
    ])
}

/// A random choice called top-k; the smallest pairs, a scale slightly off, and top-k for signs that
/// lean slightly or are all the same called optimal: each must fail.
///
/// # Errors
/// When a selection is refused.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![
        error_of(settings, Estimator::UniformWithoutReplacementUnscaled, &cases(settings.seed))?,
        least_error(settings, bottom_k, "bottom-k", Signs::FAIR)?,
        least_error(settings, scaled_top_k, "top-k with scale 1.01", Signs::FAIR)?,
        least_error(settings, top_k, "top-k", Signs { minus: 0.45 })?,
        least_error(settings, top_k, "top-k", Signs { minus: 0.0 })?,
    ])
}

/// Where the mean is not zero.
///
/// # Errors
/// When a selection is refused.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![agreement(settings, 1.0)?])
}

/// Entries of mean zero, and of a mean slightly off: each must fail.
///
/// # Errors
/// When a selection is refused.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    [0.0, 0.95].into_iter().map(|mean| agreement(&settings, mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn top_k_is_optimal_where_it_is_said_to_be_and_not_elsewhere() {
        assert_passed(exact_checks);
        assert_rejected(exact_controls);
    }

    #[test]
    fn draws_agree_and_reject_the_controls() {
        assert_passed(sampled_checks);
        assert_rejected(sampled_controls);
    }

    #[test]
    fn a_scale_a_pair_beats_every_common_scale() {
        // Orthogonal pairs (1, 0) and (0, 1) and their sum again: C = (2, 2). The first two with
        // scale 2 are exact, and so is the third with scale 2; the first alone leaves 4.
        let gram = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0];
        assert_eq!(least_squares(&gram, &[0, 1]), 0.0);
        assert_eq!(least_squares(&gram, &[2]), 0.0);
        assert_eq!(least_squares(&gram, &[0]), 4.0);
        assert_eq!(least_squares(&gram, &[]), 8.0);
        assert_eq!(least_squares(&gram, &[0, 1, 2]), 0.0);
        // Scales 1 + 1/2 and 1 + 3/2: no common scale does it.
        let unequal = [4.0, 0.0, 2.0, 0.0, 1.0, 1.5, 2.0, 1.5, 3.25];
        assert!(least_squares(&unequal, &[0, 1]).abs() < 1e-15);
    }
}
