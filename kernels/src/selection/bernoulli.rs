//! Bernoulli-CRS: each pair kept or not by its own coin (paper, section on Bernoulli-CRS).

use super::{Selection, SelectionError, check_probabilities, inverse};
use crate::random::fill_uniform;
use rand::Rng;

/// Keeps pair i with probability p_i, independently, and scales it by 1/p_i.
///
/// One uniform number is drawn a pair, in index order, whether or not the outcome is certain, so
/// the draws of a pair do not depend on the probabilities of others. The number kept is random,
/// with mean sum p_i and variance sum p_i (1 - p_i).
///
/// # Errors
/// When a probability lies outside [0, 1].
pub fn draw_bernoulli(p: &[f64], rng: &mut impl Rng) -> Result<Selection, SelectionError> {
    check_probabilities(p)?;
    let mut selection = Selection::default();
    draw_bernoulli_into(p, rng, &mut selection);
    Ok(selection)
}

/// Uniform numbers drawn at once.
const POINTS: usize = 64;

/// [`draw_bernoulli`] by checked probabilities, into memory that is used again.
pub(crate) fn draw_bernoulli_into(p: &[f64], rng: &mut impl Rng, selection: &mut Selection) {
    let mut points = [0.0; POINTS];
    let keep = |index: usize| {
        if index.is_multiple_of(POINTS) {
            fill_uniform(rng, &mut points[..POINTS.min(p.len() - index)]);
        }
        points[index % POINTS] < p[index]
    };
    selection.set(p.len(), keep, |index| inverse(p[index]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn certain_and_impossible_pairs() {
        for step in 0..100 {
            let mut rng = Stream::new(1, "bernoulli").at(step);
            let selection = draw_bernoulli(&[1.0, 0.0, 1.0], &mut rng).unwrap();
            assert_eq!(selection.indices(), [0, 2]);
            assert!(selection.is_unscaled());
        }
    }

    #[test]
    fn keeps_the_expected_number_of_pairs_on_average() {
        let p: Vec<f64> = (1..=50).map(|i| f64::from(i) / 51.0).collect();
        let steps = 4_000;
        let kept: usize = (0..steps)
            .map(|step| draw_bernoulli(&p, &mut Stream::new(1, "count").at(step)).unwrap().len())
            .sum();
        let variance: f64 = p.iter().map(|p| p * (1.0 - p)).sum();
        let error = kept as f64 / steps as f64 - p.iter().sum::<f64>();
        assert!(error.abs() < 5.0 * (variance / steps as f64).sqrt(), "{error}");
    }
}
