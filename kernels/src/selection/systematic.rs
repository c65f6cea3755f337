//! Systematic sampling: a fixed number of pairs with given inclusion probabilities from one uniform
//! number (Madow 1949).

use super::{Selection, SelectionError, fixed_size, inverse};
use crate::random::uniform;
use rand::Rng;

/// Lays the probabilities one after another on a line, puts a comb of distance one at a random
/// offset on it, keeps the pairs that a tooth falls on, and scales each by 1/p_i.
///
/// Exactly sum p_i pairs are kept, pair i with probability p_i. Pairs near each other in index
/// order exclude each other, so the variance depends on the order.
///
/// ```
/// use kernels::{random::Stream, selection::draw_systematic};
/// let p = [0.5, 0.5, 0.5, 0.5];
/// let selection = draw_systematic(&p, &mut Stream::new(0, "comb").at(0))?;
/// assert!(selection.indices() == [0, 2] || selection.indices() == [1, 3]);
/// # Ok::<(), kernels::selection::SelectionError>(())
/// ```
///
/// # Errors
/// When a probability lies outside [0, 1], or they do not sum to a whole number within 1e-9 and the
/// rounding of so many terms.
pub fn draw_systematic(p: &[f64], rng: &mut impl Rng) -> Result<Selection, SelectionError> {
    fixed_size(p)?;
    let mut selection = Selection::default();
    draw_systematic_into(p, rng, &mut selection);
    Ok(selection)
}

/// [`draw_systematic`] by checked probabilities, into memory that is used again.
pub(crate) fn draw_systematic_into(p: &[f64], rng: &mut impl Rng, selection: &mut Selection) {
    // Certain pairs are kept outright, so that rounding of the running sum cannot lose them.
    let uncertain = |p: f64| p > 0.0 && p < 1.0;
    let teeth = p.iter().filter(|&&p| uncertain(p)).sum::<f64>().round();
    let last = p.iter().rposition(|&p| uncertain(p));
    let mut tooth = uniform(rng);
    let (mut sum, mut missing) = (0.0, teeth as usize);
    let keep = |index: usize| {
        if !uncertain(p[index]) {
            return p[index] == 1.0;
        }
        sum += p[index];
        // The last pair takes what rounding of the sum would leave out.
        let kept = missing > 0 && (sum > tooth || last == Some(index));
        if kept {
            tooth += 1.0;
            missing -= 1;
        }
        kept
    };
    selection.set(p.len(), keep, |index| inverse(p[index]));
}

/// The chance of each two pairs to be kept together by [`draw_systematic`], n x n, with the
/// inclusion probabilities on the diagonal.
///
/// # Errors
/// As [`draw_systematic`].
pub fn systematic_joint_inclusion(p: &[f64]) -> Result<Vec<f64>, SelectionError> {
    fixed_size(p)?;
    Ok(common_arcs(p))
}

/// [`systematic_joint_inclusion`] of checked probabilities.
pub(crate) fn common_arcs(p: &[f64]) -> Vec<f64> {
    // Each pair is an arc of the circle of length one; both are kept where the offset is in both.
    let mut sum = 0.0;
    let arcs: Vec<(f64, f64)> = p
        .iter()
        .map(|&p| {
            let start = sum;
            if p < 1.0 {
                sum += p;
            }
            (start - f64::floor(start), p)
        })
        .collect();
    let common = |(first, first_length): (f64, f64), (second, second_length): (f64, f64)| {
        let turns = [-1.0, 0.0, 1.0].map(|turn| {
            let begin = first.max(second + turn);
            let end = (first + first_length).min(second + turn + second_length);
            (end - begin).max(0.0)
        });
        turns.iter().sum::<f64>()
    };
    let n = p.len();
    (0..n * n)
        .map(|at| match (at / n, at % n) {
            (i, j) if i == j => p[i],
            (i, j) if p[i] == 1.0 || p[j] == 1.0 => p[i] * p[j],
            (i, j) => common(arcs[i], arcs[j]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn the_number_kept_is_fixed_and_certain_pairs_are_kept() {
        let p = [0.3, 1.0, 0.7, 0.0, 0.1, 0.1, 0.8];
        for step in 0..200 {
            let selection = draw_systematic(&p, &mut Stream::new(1, "comb").at(step)).unwrap();
            assert_eq!(selection.len(), 3);
            assert!(selection.indices().contains(&1) && !selection.indices().contains(&3));
        }
    }

    #[test]
    fn joint_inclusion_sums_to_the_size_less_one() {
        // sum_{j != i} pi_ij = (k - 1) pi_i for any design of fixed size.
        let p = [0.3, 1.0, 0.7, 0.0, 0.1, 0.1, 0.8];
        let joint = systematic_joint_inclusion(&p).unwrap();
        for (i, row) in joint.chunks(p.len()).enumerate() {
            assert!((row.iter().sum::<f64>() - 3.0 * p[i]).abs() < 1e-12, "{i} {row:?}");
        }
    }

    #[test]
    fn a_fractional_size_is_refused() {
        let error = draw_systematic(&[0.5, 0.2], &mut Stream::new(1, "comb").at(0)).unwrap_err();
        assert_eq!(error, SelectionError::FractionalSize { sum: 0.7 });
    }
}
