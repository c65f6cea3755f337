//! Training: stochastic gradient descent with momentum on an objective.

use crate::hardware::HardwareError;
use crate::hidden::Hidden;
use crate::network::Network;
use crate::objective::Objective;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::data::{DataError, Dataset, Epoch, InMemory, Minibatch, Source, Splits};
use training::layer::ImageShape;
use training::setting::{FieldError, POSITIVE, count, number};

/// What every way of training has in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The hidden layers.
    pub hidden: Hidden,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a minibatch.
    pub batch: usize,
    /// The learning rate.
    pub rate: f64,
    /// The momentum, at least 0, below 1.
    pub momentum: f64,
}

impl Default for Training {
    fn default() -> Self {
        let hidden = Hidden::Units(64);
        Self { hidden, epochs: 15, batch: 64, rate: 0.05, momentum: 0.9 }
    }
}

/// Why nothing can be trained or measured.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// Hardware cannot compute a product.
    #[error(transparent)]
    Hardware(#[from] HardwareError),
    /// Images cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Training came to parameters that are no numbers.
    #[error("a parameter is not finite after epoch {epoch} at rate {rate}; try a lower rate")]
    Diverged {
        /// After which epoch, from 1.
        epoch: usize,
        /// The learning rate.
        rate: f64,
    },
}

impl Training {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the field that is out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        self.hidden.check()?;
        count("epochs", self.epochs)?;
        count("batch", self.batch)?;
        number("rate", self.rate, POSITIVE)?;
        number("momentum", self.momentum, 0.0..1.0)
    }

    /// A network trained on these images, whose pixels are read from 0 to 1.
    ///
    /// Networks of one seed begin with the same weights and see the same minibatches, whatever the
    /// objective. Where `norms` are given, the weights of each layer are scaled to its norm after
    /// every step: an L2 penalty in the form of a constraint.
    ///
    /// # Errors
    /// When kernels do not fit, the hardware cannot compute a product, or a parameter is no longer
    /// finite.
    pub fn train(
        &self,
        splits: &Splits,
        objective: &Objective,
        norms: Option<&[f64]>,
        seed: u64,
    ) -> Result<Network, TrainingError> {
        let stream = Stream::new(seed, "axtrain");
        let (order, noise) = (stream.child("order"), stream.child("noise"));
        let Dataset { channels, height, width, classes, .. } = splits.train;
        let shapes = self.hidden.layers(ImageShape::new(channels, height, width), classes)?;
        let mut network = Network::random(&shapes, stream.child("weights"));
        let mut velocity = network.zeros_like();
        let mut source = InMemory::new(splits, None);
        let (mut minibatch, mut step) = (Minibatch::default(), 0);
        for epoch in 0..self.epochs {
            let mut minibatches = source.epoch(&Epoch::new(order, epoch as u64, self.batch))?;
            while minibatches.next_into(&mut minibatch)? {
                let rng = &mut noise.at(step);
                let (_, gradient) = objective.gradient(&network, &minibatch, rng)?;
                self.descend(&mut network, &mut velocity, &gradient);
                if let Some(norms) = norms {
                    network.scale_to(norms);
                }
                step += 1;
            }
            if !network.parameters().all(|parameter| parameter.is_finite()) {
                return Err(TrainingError::Diverged { epoch: epoch + 1, rate: self.rate });
            }
        }
        Ok(network)
    }

    /// velocity <- momentum velocity + gradient, parameter <- parameter - rate velocity.
    fn descend(&self, network: &mut Network, velocity: &mut Network, gradient: &Network) {
        let (rate, momentum) = (self.rate as f32, self.momentum as f32);
        let slopes = velocity.parameters_mut().zip(gradient.parameters());
        for (parameter, (velocity, slope)) in network.parameters_mut().zip(slopes) {
            *velocity = momentum * *velocity + slope;
            *parameter -= rate * *velocity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::without_offset;
    use training::data::generated_digits;

    fn training() -> Training {
        Training { hidden: Hidden::Units(8), epochs: 2, batch: 20, ..Training::default() }
    }

    #[test]
    fn norms_are_kept_where_they_are_given() {
        let splits = without_offset(&generated_digits(1, 100, 1, 1));
        let train =
            |norms: Option<&[f64]>| training().train(&splits, &Objective::PLAIN, norms, 1).unwrap();
        for (found, asked) in train(Some(&[3.0, 2.0])).norms().into_iter().zip([3.0, 2.0]) {
            assert!((found - asked).abs() < 1e-5, "{found}");
        }
        assert_ne!(train(None), train(Some(&[3.0, 2.0])));
    }

    #[test]
    fn training_that_diverges_is_an_error() {
        let splits = without_offset(&generated_digits(1, 100, 1, 1));
        let wild = Training { rate: 1e30, ..training() };
        let error = wild.train(&splits, &Objective::PLAIN, None, 1).unwrap_err().to_string();
        assert!(error.starts_with("a parameter is not finite after epoch 1 at rate 1"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error = |training: Training| training.check().unwrap_err().to_string();
        let none = Training { hidden: Hidden::Units(0), ..training() };
        assert!(error(none).starts_with("hidden is 0"));
        assert!(error(Training { batch: 0, ..training() }).starts_with("batch is 0"));
        assert!(error(Training { rate: 0.0, ..training() }).starts_with("rate is 0"));
        assert!(error(Training { momentum: 1.0, ..training() }).starts_with("momentum is 1"));
    }
}
