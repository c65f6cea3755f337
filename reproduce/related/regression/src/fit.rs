//! How well predictions fit their targets.

/// The mean of the squared errors over all N c numbers.
///
/// ```
/// use regression::fit::{mean_squared_error, r_squared};
/// assert_eq!(mean_squared_error(&[1.0, 2.0], &[1.0, 4.0]), 2.0);
/// assert_eq!(r_squared(&[1.0, 3.0], &[1.0, 3.0]), 1.0);
/// ```
///
/// # Panics
/// When there is not one target a prediction.
pub fn mean_squared_error(predictions: &[f64], targets: &[f64]) -> f64 {
    sum_of_squares(predictions, targets) / targets.len() as f64
}

/// The share of the targets' variance that the predictions explain, 1 - SSE / SST: at most 1, and
/// 0 for the mean of the targets as the prediction everywhere.
///
/// # Panics
/// When there is not one target a prediction.
pub fn r_squared(predictions: &[f64], targets: &[f64]) -> f64 {
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let spread = targets.iter().fold(0.0, |sum, target| sum + (target - mean) * (target - mean));
    1.0 - sum_of_squares(predictions, targets) / spread
}

fn sum_of_squares(predictions: &[f64], targets: &[f64]) -> f64 {
    assert_eq!(predictions.len(), targets.len(), "one target a prediction");
    let squares = predictions.iter().zip(targets).map(|(y, t)| (y - t) * (y - t));
    squares.fold(0.0, |sum, square| sum + square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_explains_nothing_and_worse_than_the_mean_is_negative() {
        let targets = [1.0, 2.0, 6.0];
        assert_eq!(r_squared(&[3.0; 3], &targets), 0.0);
        assert!(r_squared(&[6.0, 2.0, 1.0], &targets) < 0.0);
    }
}
