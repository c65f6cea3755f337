//! What a training step descends: the loss on some hardware, and a penalty on what the hardware
//! changes.
//!
//! With f the logits, w the weights and d what a chip adds to them,
//!
//! ```text
//! J(w) = loss(f(x; w + d)) + lambda |f(x; w + d) - f(x; w)|^2,
//! ```
//!
//! means over the minibatch. The first term is the passive method, and with f(x; w) in it the second
//! is the active one alone. Both passes have one d, which is no function of w: the derivatives go
//! through either pass and nothing is differentiated twice.

use crate::hardware::{Hardware, HardwareError};
use crate::network::Network;
use crate::pass::Pass;
use rand::Rng;
use training::data::Minibatch;
use training::loss::softmax_cross_entropy;
use training::matrix::Matrix;

/// A function of the parameters on a minibatch.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// What disturbs.
    pub hardware: Hardware<'a>,
    /// Whether the loss is that of the disturbed outputs.
    pub is_passive: bool,
    /// lambda, at least 0.
    pub penalty: f64,
}

impl Objective<'_> {
    /// The loss without any hardware.
    pub const PLAIN: Objective<'static> =
        Objective { hardware: Hardware::Exact, is_passive: true, penalty: 0.0 };

    /// The value, and the derivatives by all parameters.
    ///
    /// # Errors
    /// When the hardware cannot compute a product.
    pub fn gradient(
        &self,
        network: &Network,
        minibatch: &Minibatch,
        rng: &mut impl Rng,
    ) -> Result<(f64, Network), HardwareError> {
        let Minibatch { input, labels, .. } = minibatch;
        let mut gradient = network.zeros_like();
        let disturbed = Pass::forward(network, &self.hardware, input, rng)?;
        let mut by_logits = Matrix::default();
        if self.penalty == 0.0 && self.is_passive {
            let loss = softmax_cross_entropy(&disturbed.logits, labels, &mut by_logits);
            disturbed.backward(&by_logits, &mut gradient);
            return Ok((loss.mean(), gradient));
        }
        let clean = Pass::forward(network, &Hardware::Exact, input, rng)?;
        let judged = if self.is_passive { &disturbed } else { &clean };
        let loss = softmax_cross_entropy(&judged.logits, labels, &mut by_logits);
        judged.backward(&by_logits, &mut gradient);
        let difference = difference(&disturbed.logits, &clean.logits);
        let samples = labels.len() as f64;
        let scaled = |factor: f64| {
            let scale = (factor * self.penalty / samples) as f32;
            let numbers = difference.data().iter().map(|change| scale * change).collect();
            Matrix::from_rows(difference.rows(), difference.columns(), numbers)
        };
        disturbed.backward(&scaled(2.0), &mut gradient);
        clean.backward(&scaled(-2.0), &mut gradient);
        let penalty = self.penalty * sum_of_squares(&difference) / samples;
        Ok((loss.mean() + penalty, gradient))
    }
}

/// One matrix less another of its shape.
pub(crate) fn difference(one: &Matrix, other: &Matrix) -> Matrix {
    let numbers = one.data().iter().zip(other.data()).map(|(x, y)| x - y).collect();
    Matrix::from_rows(one.rows(), one.columns(), numbers)
}

/// The sum of the squares of all elements, in f64 from the first to the last.
pub(crate) fn sum_of_squares(matrix: &Matrix) -> f64 {
    matrix.data().iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hidden::{Convolutions, Hidden};
    use kernels::Estimator;
    use kernels::random::Stream;
    use training::layer::ImageShape;

    fn samples(features: usize) -> Minibatch {
        let values = (0..4 * features).map(|place| libm::sinf(1.0 + place as f32).abs()).collect();
        Minibatch::new(Matrix::from_rows(4, features, values), vec![0, 2, 1, 2])
    }

    fn perceptron() -> (Network, Minibatch) {
        (Network::perceptron([6, 5, 3], Stream::new(2, "objective")), samples(6))
    }

    fn convolutions() -> (Network, Minibatch) {
        let hidden = Hidden::Convolutions(Convolutions { channels: vec![3], kernel: 2, stride: 1 });
        let shapes = hidden.layers(ImageShape::new(2, 3, 3), 3).unwrap();
        (Network::random(&shapes, Stream::new(2, "objective")), samples(18))
    }

    /// The largest difference between derivatives and finite differences.
    fn error(
        objective: Objective,
        (network, minibatch): &(Network, Minibatch),
        derivative: Objective,
    ) -> f64 {
        let rng = || Stream::new(3, "noise").at(0);
        let (_, gradient) = objective.gradient(network, minibatch, &mut rng()).unwrap();
        let step = 2e-3;
        let errors = gradient.parameters().enumerate().map(|(place, &slope)| {
            let moved = |by: f32| {
                let mut moved = network.clone();
                *moved.parameters_mut().nth(place).unwrap() += by;
                derivative.gradient(&moved, minibatch, &mut rng()).unwrap().0
            };
            (f64::from(slope) - (moved(step) - moved(-step)) / (2.0 * f64::from(step))).abs()
        });
        theory::extremes::largest(errors)
    }

    #[test]
    fn derivatives_are_finite_differences_where_the_hardware_has_no_steps() {
        let half =
            Hardware::Sampling { estimator: Estimator::UniformWithoutReplacement, ratio: 0.5 };
        for example in [perceptron(), convolutions()] {
            for (hardware, is_passive, penalty) in [
                (Hardware::Exact, true, 0.0),
                (half, true, 0.0),
                (half, false, 0.5),
                (half, true, 0.5),
            ] {
                let objective = Objective { hardware, is_passive, penalty };
                let found = error(objective, &example, objective);
                assert!(found < 1e-3, "{objective:?}: {found}");
                // The derivative of one pass alone is another one.
                let other = Objective { penalty: penalty + 0.1, ..objective };
                if penalty > 0.0 {
                    assert!(error(objective, &example, other) > 5e-3);
                }
            }
        }
    }

    #[test]
    fn nothing_is_penalised_where_nothing_is_disturbed() {
        for (network, minibatch) in [perceptron(), convolutions()] {
            let gradient = |objective: Objective| {
                let rng = &mut Stream::new(3, "noise").at(0);
                objective.gradient(&network, &minibatch, rng).unwrap()
            };
            for is_passive in [true, false] {
                let penalised = Objective { hardware: Hardware::Exact, is_passive, penalty: 10.0 };
                assert_eq!(gradient(penalised), gradient(Objective::PLAIN));
            }
        }
    }
}
