//! Uniform sampling without replacement, with or without the scale n/k.

use super::{Selection, SelectionError};
use crate::random::below;
use rand::Rng;

/// Keeps k of n pairs, each set of k equally likely; the scale is n/k (unbiased) or one.
///
/// The first k steps of a Fisher-Yates shuffle. When k is at least n, all pairs are kept.
///
/// # Errors
/// When k is zero.
pub fn draw_uniform_without_replacement(
    pairs: usize,
    k: usize,
    scaled: bool,
    rng: &mut impl Rng,
) -> Result<Selection, SelectionError> {
    if k == 0 {
        return Err(SelectionError::ZeroBudget);
    }
    let mut selection = Selection::default();
    draw_uniform_without_replacement_into(pairs, k, scaled, rng, &mut selection);
    Ok(selection)
}

/// [`draw_uniform_without_replacement`] of at least one pair, into memory that is used again.
pub(crate) fn draw_uniform_without_replacement_into(
    pairs: usize,
    k: usize,
    scaled: bool,
    rng: &mut impl Rng,
    selection: &mut Selection,
) {
    selection.set_all(pairs);
    if k >= pairs {
        return;
    }
    let order = &mut selection.indices;
    for position in 0..k {
        order.swap(position, position + below(rng, pairs - position));
    }
    order.truncate(k);
    order.sort_unstable();
    let scale = if scaled { pairs as f64 / k as f64 } else { 1.0 };
    selection.scales.clear();
    selection.scales.resize(k, scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn keeps_exactly_k_distinct_pairs() {
        for step in 0..50 {
            let mut rng = Stream::new(4, "uniform").at(step);
            let selection = draw_uniform_without_replacement(20, 7, true, &mut rng).unwrap();
            assert_eq!(selection.len(), 7);
            assert!(selection.indices().windows(2).all(|pair| pair[0] < pair[1]));
            assert!(selection.scales().iter().all(|&scale| scale == 20.0 / 7.0));
        }
    }
}
