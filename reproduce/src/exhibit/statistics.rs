//! Means and their intervals, as the exhibits report them.

use theory::special::student_quantile;

use crate::result::significant;

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the 95 % interval by Student's t distribution; none of a single seed.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Of one number a seed.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let half_width = (values.len() > 1).then(|| {
            student_quantile(0.05, count - 1.0) * (squares / (count - 1.0) / count).sqrt()
        });
        Estimate { mean, half_width }
    }
}

/// The mean of values with its interval; with none where they are equal but for the rounding of
/// their sum.
pub fn apart_from_rounding(values: &[f64]) -> Estimate {
    let mean = Estimate::of(values).mean;
    Estimate { mean, half_width: half_width_of_mean(values, mean) }
}

/// How many measured intervals hold their closed form, and how far the farthest is off, of
/// measured error, closed form and half width of the interval of each cell; cells without an
/// interval are not random and do not count. What is not a number holds nothing.
pub fn agreement(cells: impl Iterator<Item = (f64, f64, Option<f64>)>) -> String {
    let distances: Vec<f64> = cells
        .filter_map(|(error, closed_form, half)| Some((error - closed_form).abs() / half?))
        .collect();
    let inside = distances.iter().filter(|distance| **distance <= 1.0).count();
    match largest(distances.iter().copied()) {
        None => "No cell is random.".to_string(),
        Some(farthest) => format!(
            "The closed form lies in the 95 % interval of {inside} of {} random cells; the farthest \
             is {} half widths of its interval away.",
            distances.len(),
            significant(farthest, 3)
        ),
    }
}

/// The largest of the values; not a number if any of them is none, and nothing of no value.
pub fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(|x, y| if x.is_nan() || x > y { x } else { y })
}

/// Half the 95 % interval of the root of a mean of squares: that of the mean, carried through the
/// root; none where the values show no chance.
pub fn half_width_of_root(squares: &[f64], mean: f64) -> Option<f64> {
    if mean <= 0.0 {
        return None;
    }
    Some(half_width_of_mean(squares, mean)? / (2.0 * mean.sqrt()))
}

/// Half the 95 % interval of the mean of values, by Student's t; none of a single one, and none of
/// values that are equal but for the rounding of their sum: nothing is random there.
pub fn half_width_of_mean(values: &[f64], mean: f64) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
    if variance.sqrt() <= count * f64::EPSILON * mean.abs() {
        return None;
    }
    Some(student_quantile(0.05, count - 1.0) * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_the_random_cells() {
        let cells = [
            (1.0, 1.05, Some(0.1)),
            (1.0, 1.1, Some(0.1 + 1e-12)),
            (1.0, 1.3, Some(0.1)),
            (1.0, 9.0, None),
        ];
        assert_eq!(
            agreement(cells.into_iter()),
            "The closed form lies in the 95 % interval of 2 of 3 random cells; the farthest is 3 half \
             widths of its interval away."
        );
        assert_eq!(agreement([(1.0, 9.0, None)].into_iter()), "No cell is random.");
    }

    #[test]
    fn what_is_not_a_number_agrees_with_nothing() {
        let wrong = [
            (f64::NAN, 1.0, Some(0.1)),
            (1.0, f64::NAN, Some(0.1)),
            (1.0, 1.0, Some(f64::NAN)),
            (1.0, 1.0, Some(0.0)),
        ];
        for wrong in wrong {
            let cells = [(1.0, 1.0, Some(0.1)), wrong, (1.0, 1.0, Some(0.1))];
            let sentence = agreement(cells.into_iter());
            assert!(
                sentence.contains("of 2 of 3 random") && sentence.contains("NaN"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn the_largest_of_values_with_a_nan_is_a_nan_wherever_it_stands() {
        for order in [[f64::NAN, 0.1, 0.2], [0.1, f64::NAN, 0.2], [0.1, 0.2, f64::NAN]] {
            assert!(largest(order.into_iter()).is_some_and(f64::is_nan));
        }
        assert_eq!(largest([0.1, 0.3, 0.2].into_iter()), Some(0.3));
        assert_eq!(largest([-0.1, -0.3].into_iter()), Some(-0.1));
        assert_eq!(largest([].into_iter()), None);
    }

    #[test]
    fn the_interval_of_a_mean_is_students_t_and_rounding_is_no_chance() {
        // t(0.975, 1 degree of freedom) = 12.7062, standard error 1.
        assert!((half_width_of_mean(&[1.0, 3.0], 2.0).unwrap() - 12.7062).abs() < 1e-4);
        assert_eq!(half_width_of_mean(&[1.0], 1.0), None);
        // A mean of equal losses that was rounded, as that of a regression without chance.
        let losses = vec![513.1; 10_000];
        let mean = losses.iter().sum::<f64>() / 10_000.0;
        assert_ne!(mean, 513.1);
        assert_eq!(half_width_of_mean(&losses, mean), None);
        assert_eq!(apart_from_rounding(&losses), Estimate { mean, half_width: None });
        assert_eq!(apart_from_rounding(&[1.0, 3.0]), Estimate::of(&[1.0, 3.0]));
        assert!(half_width_of_mean(&[1.0, 1.0 + 1e-9], 1.0 + 0.5e-9).is_some());
        assert!(half_width_of_mean(&[1.0, f64::NAN], f64::NAN).is_some_and(f64::is_nan));
    }

    #[test]
    fn the_interval_of_two_values_is_that_of_students_t() {
        let estimate = Estimate::of(&[1.0, 3.0]);
        assert_eq!(estimate.mean, 2.0);
        // t(0.975, 1 degree of freedom) = 12.7062 (any table), standard error 1.
        assert!((estimate.half_width.unwrap() - 12.7062).abs() < 1e-4);
        assert_eq!(Estimate::of(&[1.0]).half_width, None);
    }
}
