//! Softmax cross-entropy over the class dimension.
//!
//! The released MLP takes its logarithm of softmax over the minibatch dimension; that couples the
//! samples of a minibatch and is taken here as a slip. The class dimension is used throughout.

use crate::matrix::Matrix;
use std::ops::AddAssign;

/// What some samples lost, and how many of them were right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// The sum of -log softmax(logits)\[label\] over the samples, in f64.
    pub sum: f64,
    /// Samples whose largest logit is their label's; the first of equal ones counts.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

impl Loss {
    /// The mean over the samples, in nats.
    pub fn mean(&self) -> f64 {
        self.sum / self.samples as f64
    }
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.correct += other.correct;
        self.samples += other.samples;
    }
}

/// The loss of a minibatch of logits (batch x classes); writes the gradient of the mean loss.
///
/// # Panics
/// When there is not one label a row, or a label is no class.
pub fn softmax_cross_entropy(logits: &Matrix, labels: &[u16], gradient: &mut Matrix) -> Loss {
    smoothed_softmax_cross_entropy(logits, labels, 0.0, gradient)
}

/// The cross-entropy with smoothed labels (Szegedy et al. 2016): each sample's target is its label
/// with probability 1 - `smoothing` and otherwise any of all classes, each as likely.
///
/// ```
/// use training::loss::smoothed_softmax_cross_entropy;
/// use training::matrix::Matrix;
/// let (logits, mut gradient) = (Matrix::from_rows(1, 2, vec![0.0, 0.0]), Matrix::default());
/// smoothed_softmax_cross_entropy(&logits, &[0], 0.5, &mut gradient);
/// // Softmax is (1/2, 1/2), the target (3/4, 1/4).
/// assert_eq!(gradient.data(), [-0.25, 0.25]);
/// ```
///
/// # Panics
/// When there is not one label a row, or a label is no class.
pub fn smoothed_softmax_cross_entropy(
    logits: &Matrix,
    labels: &[u16],
    smoothing: f32,
    gradient: &mut Matrix,
) -> Loss {
    assert_eq!(logits.rows(), labels.len(), "one label a sample");
    gradient.reshape(logits.rows(), logits.columns());
    let (batch, classes) = (logits.rows() as f32, logits.columns() as f32);
    let (of_label, of_each) = (1.0 - smoothing, smoothing / classes);
    let mut loss = Loss { samples: labels.len(), ..Loss::default() };
    let rows = gradient.data_mut().chunks_exact_mut(logits.columns().max(1));
    for ((row, gradient), &label) in rows.enumerate().zip(labels) {
        let logits = logits.row(row);
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (to, logit) in gradient.iter_mut().zip(logits) {
            *to = libm::expf(logit - largest);
            sum += *to;
        }
        for to in gradient.iter_mut() {
            *to = *to / (sum * batch) - of_each / batch;
        }
        let label = usize::from(label);
        gradient[label] -= of_label / batch;
        let below = |logit: f32| f64::from(logit - largest);
        let mut expected = f64::from(of_label) * below(logits[label]);
        if smoothing > 0.0 {
            let sum: f64 = logits.iter().map(|&logit| below(logit)).sum();
            expected += f64::from(of_each) * sum;
        }
        loss.sum += libm::log(f64::from(sum)) - expected;
        loss.correct += usize::from(logits.iter().position(|&x| x == largest) == Some(label));
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let logits = Matrix::from_rows(2, 3, vec![0.1, -0.5, 2.0, 1.0, 0.0, -1.0]);
        let labels = [2, 1];
        for smoothing in [0.0, 0.2, 0.9] {
            let mut gradient = Matrix::default();
            smoothed_softmax_cross_entropy(&logits, &labels, smoothing, &mut gradient);
            for element in 0..6 {
                let at = |step: f32| {
                    let mut data = logits.data().to_vec();
                    data[element] += step;
                    let (moved, mut unused) = (Matrix::from_rows(2, 3, data), Matrix::default());
                    let loss =
                        smoothed_softmax_cross_entropy(&moved, &labels, smoothing, &mut unused);
                    loss.sum / 2.0
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - f64::from(gradient.data()[element])).abs() < 1e-4, "{element}");
            }
        }
    }

    #[test]
    fn smoothed_labels_lose_their_share_of_every_class() {
        let logits = Matrix::from_rows(1, 4, vec![1.0, 2.0, 0.5, -1.0]);
        let of = |label: u16| softmax_cross_entropy(&logits, &[label], &mut Matrix::default()).sum;
        let mean = (0..4).map(of).sum::<f64>() / 4.0;
        let smoothed = smoothed_softmax_cross_entropy(&logits, &[1], 0.2, &mut Matrix::default());
        assert!((smoothed.sum - (0.8 * of(1) + 0.2 * mean)).abs() < 1e-6);
        assert_eq!(smoothed.correct, 1);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Matrix::from_rows(1, 2, vec![1000.0, -1000.0]);
        let loss = softmax_cross_entropy(&logits, &[1], &mut Matrix::default());
        assert_eq!((loss.sum, loss.correct), (2000.0, 0));
    }
}
