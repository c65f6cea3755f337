//! Top-k: the k pairs of largest score, unscaled. Deterministic and biased (paper, section on
//! top-k without scaling).

use super::{Selection, SelectionError};
use crate::probability::{ProbabilityError, check_scores};
use crate::wide::{HELD, Number, Wide};

/// Keeps the k largest scores with scale one; ties go to the lowest index.
///
/// Partial selection, no sort: O(n) on average. When k is at least n, all pairs are kept. Scores
/// may all be zero.
///
/// ```
/// use kernels::selection::top_k;
/// assert_eq!(top_k(&[1.0, 5.0, 1.0, 3.0], 3)?.indices(), [0, 1, 3]);
/// # Ok::<(), kernels::selection::SelectionError>(())
/// ```
///
/// # Errors
/// When k is zero or a score is not a finite number of at least 0.
pub fn top_k(scores: &[f64], k: usize) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    top_k_into(scores, k, &mut Vec::new(), &mut selection)?;
    Ok(selection)
}

/// [`top_k`] into memory that is used again: keys in partial order, and the result.
pub(crate) fn top_k_into(
    scores: &[f64],
    k: usize,
    order: &mut Vec<u64>,
    selection: &mut Selection,
) -> Result<(), SelectionError> {
    if k == 0 {
        return Err(SelectionError::ZeroBudget);
    }
    check_possibly_zero(scores)?;
    if k >= scores.len() {
        selection.set_all(scores.len());
        return Ok(());
    }
    // The bits of non-negative numbers order as the numbers do once -0.0 is folded into 0.0.
    let key = |score: f64| (score + 0.0).to_bits();
    order.clear();
    order.extend(scores.iter().map(|&score| key(score)));
    let (_, &mut threshold, above) = order.select_nth_unstable(scores.len() - k);
    let mut ties = k - above.iter().filter(|&&key| key > threshold).count();
    let keep = |index: usize| {
        let key = key(scores[index]);
        let tie = key == threshold && ties > 0;
        ties -= usize::from(tie);
        key > threshold || tie
    };
    selection.set(scores.len(), keep, |_| 1.0);
    Ok(())
}

/// Keeps as many of the largest scores as are needed to reach a share of their sum W, with scale
/// one (the released code's adaptive top-k). All pairs when every score is zero.
///
/// # Errors
/// When the share is outside (0, 1] or a score is not a finite number of at least 0.
pub fn adaptive_top_k(scores: &[f64], share: f64) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    adaptive_top_k_into(scores, share, (&mut Vec::new(), &mut Vec::new()), &mut selection)?;
    Ok(selection)
}

/// [`adaptive_top_k`] into memory that is used again: the sorted scores, keys in partial order,
/// and the result.
pub(crate) fn adaptive_top_k_into(
    scores: &[f64],
    share: f64,
    (sorted, order): (&mut Vec<f64>, &mut Vec<u64>),
    selection: &mut Selection,
) -> Result<(), SelectionError> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(SelectionError::InvalidShare { share });
    }
    check_possibly_zero(scores)?;
    sorted.clear();
    sorted.extend_from_slice(scores);
    sorted.sort_unstable_by(|x, y| y.total_cmp(x));
    let sum = f64::sum_of(sorted);
    let last = if HELD.contains(&sum) {
        last_needed(sorted, share, sum)
    } else {
        last_needed(sorted, share, Wide::sum_of(sorted))
    };
    match last {
        Some(last) => top_k_into(scores, last + 1, order, selection),
        None => {
            selection.set_all(scores.len());
            Ok(())
        }
    }
}

/// The first of the descending scores at which their running sum reaches a share of the whole one.
fn last_needed<N: Number>(sorted: &[f64], share: f64, whole: N) -> Option<usize> {
    let target = N::from(share) * whole;
    let mut sum = N::from(0.0);
    sorted.iter().position(|&score| {
        sum = sum + N::from(score);
        sum >= target && sum > N::from(0.0)
    })
}

fn check_possibly_zero(scores: &[f64]) -> Result<(), SelectionError> {
    match check_scores(scores) {
        Ok(()) | Err(ProbabilityError::AllZero { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_stable_sort(scores in prop::collection::vec(prop_oneof![0.0..9.0f64, Just(1.0), Just(0.0), Just(-0.0)], 1..80), k in 1usize..90) {
            let mut order: Vec<u32> = (0..scores.len() as u32).collect();
            order.sort_by(|&i, &j| scores[j as usize].partial_cmp(&scores[i as usize]).unwrap());
            order.truncate(k);
            order.sort_unstable();
            let selection = top_k(&scores, k).unwrap();
            prop_assert_eq!(selection.indices(), &order[..]);
        }
    }

    #[test]
    fn all_zero_scores_keep_the_first() {
        assert_eq!(top_k(&[0.0; 4], 2).unwrap().indices(), [0, 1]);
        assert!(adaptive_top_k(&[0.0; 4], 0.5).unwrap().is_exact());
    }

    #[test]
    fn adaptive_top_k_reaches_its_share_and_no_more() {
        let selection = adaptive_top_k(&[1.0, 4.0, 2.0, 3.0], 0.7).unwrap();
        assert_eq!(selection.indices(), [1, 3]);
        assert!(adaptive_top_k(&[1.0], 0.0).is_err());
    }

    #[test]
    fn bad_arguments_are_refused() {
        assert_eq!(top_k(&[1.0], 0), Err(SelectionError::ZeroBudget));
        assert!(top_k(&[1.0, f64::INFINITY], 1).is_err());
        assert!(top_k(&[1.0, -1.0], 1).is_err());
    }
}
