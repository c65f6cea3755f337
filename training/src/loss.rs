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
    assert_eq!(logits.rows(), labels.len(), "one label a sample");
    gradient.reshape(logits.rows(), logits.columns());
    let batch = logits.rows() as f32;
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
            *to /= sum * batch;
        }
        let label = usize::from(label);
        gradient[label] -= 1.0 / batch;
        loss.sum += libm::log(f64::from(sum)) - f64::from(logits[label] - largest);
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
        let mut gradient = Matrix::default();
        softmax_cross_entropy(&logits, &labels, &mut gradient);
        for element in 0..6 {
            let at = |step: f32| {
                let mut data = logits.data().to_vec();
                data[element] += step;
                let moved = Matrix::from_rows(2, 3, data);
                softmax_cross_entropy(&moved, &labels, &mut Matrix::default()).sum / 2.0
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - f64::from(gradient.data()[element])).abs() < 1e-4, "{element}");
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Matrix::from_rows(1, 2, vec![1000.0, -1000.0]);
        let loss = softmax_cross_entropy(&logits, &[1], &mut Matrix::default());
        assert_eq!((loss.sum, loss.correct), (2000.0, 0));
    }
}
