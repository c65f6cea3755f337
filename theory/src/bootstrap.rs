//! Bootstrap intervals of a mean: what Student's t assumes of the law of the numbers, they do not.

use crate::statistics::Sample;
use kernels::random::{Stream, below};

/// How often a sample is drawn again.
pub const RESAMPLES: usize = 10_000;

/// The percentile interval of the mean of `values` that misses it with chance `level`, about: the
/// quantiles of the means of [`RESAMPLES`] samples of as many values, drawn from these with
/// replacement at a fixed address (Efron 1979).
///
/// Of differences of pairs it is the paired bootstrap interval. It keeps to the side to which the
/// values are skewed, and of few values it is too narrow: of ten normal ones it misses their mean
/// eight to ten times in a hundred in the place of five. None of fewer than two values, or where one
/// is not a number.
///
/// ```
/// use theory::bootstrap::interval;
/// let differences = [0.2, 0.4, 0.3, 0.5, 0.1, 0.3];
/// let (low, high) = interval(&differences, 0.05).expect("two values at least");
/// assert!(0.1 < low && low < 0.3 && 0.3 < high && high < 0.5);
/// assert_eq!(interval(&[1.0], 0.05), None);
/// ```
pub fn interval(values: &[f64], level: f64) -> Option<(f64, f64)> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let stream = Stream::new(0, "bootstrap");
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let mut rng = stream.at(resample as u64);
            Sample::of((0..values.len()).map(|_| values[below(&mut rng, values.len())])).mean()
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let tail = (0.5 * level * RESAMPLES as f64) as usize;
    Some((means[tail], means[RESAMPLES - 1 - tail]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::standard_normal;

    /// In how many of 400 samples of 20 the interval of `of` misses the mean of the law, which is 1.
    fn misses(draw: impl Fn(f64) -> f64, of: impl Fn(&[f64]) -> Option<(f64, f64)>) -> usize {
        let stream = Stream::new(1, "coverage");
        let is_missed = |sample: u64| {
            let mut rng = stream.at(sample);
            let values: Vec<f64> = (0..20).map(|_| draw(standard_normal(&mut rng))).collect();
            of(&values).is_none_or(|(low, high)| !(low..=high).contains(&1.0))
        };
        (0..400).filter(|sample| is_missed(*sample)).count()
    }

    /// Twenty misses are what five in a hundred come to; of twenty values the percentile interval is
    /// known to be a little narrow. A binomial count of mean 28 has a deviation of 5.
    #[test]
    fn it_misses_about_as_often_as_it_says() {
        let right = |values: &[f64]| interval(values, 0.05);
        let normal = misses(|z| 1.0 + z, right);
        assert!((13..=43).contains(&normal), "{normal} of 400");
        let skewed = misses(|z| z * z, right);
        assert!((20..=60).contains(&skewed), "{skewed} of 400");
    }

    #[test]
    fn the_wrong_intervals_are_told_from_it() {
        let pairs_taken_for_more = |values: &[f64]| interval(&[values, values].concat(), 0.05);
        assert!(misses(|z| 1.0 + z, pairs_taken_for_more) > 43);
        let of_a_value = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            Some((sorted[0], sorted[sorted.len() - 1]))
        };
        assert!(misses(|z| 1.0 + z, of_a_value) < 13);
    }

    /// A resample of two values has mean a, b or their half sum: one in four is either end.
    #[test]
    fn of_two_values_it_is_known() {
        assert_eq!(interval(&[3.0, 1.0], 0.4), Some((1.0, 3.0)));
        assert_eq!(interval(&[3.0, 1.0], 0.6), Some((2.0, 2.0)));
        assert_eq!(interval(&[2.0, 2.0], 0.05), Some((2.0, 2.0)));
    }

    #[test]
    fn what_is_not_a_number_has_none() {
        for wrong in [f64::NAN, f64::INFINITY] {
            assert_eq!(interval(&[1.0, wrong], 0.05), None);
        }
        assert_eq!(interval(&[], 0.05), None);
    }
}
