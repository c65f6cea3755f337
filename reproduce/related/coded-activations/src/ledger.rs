//! What is stored between the passes, by the allocator's count.

use crate::comparison::{ComparisonError, Place, learner};
use training::network::{Description, LayerDescription};
use training::train::TrainingConfig;

/// Steps after which every buffer of a network is there.
const STEPS: usize = 3;

/// Bytes of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Of buffers in use between the forward and the backward pass, at most.
    pub stored: usize,
    /// Of all buffers at one time, at most: these, and those that tensors share which come and go.
    pub peak: usize,
}

impl Ledger {
    /// The ledger of a training's first steps, all on the same minibatch.
    ///
    /// # Errors
    /// When the network cannot be built, or a step cannot be made.
    pub fn measure(place: &Place, config: &TrainingConfig) -> Result<Self, ComparisonError> {
        let mut learner = learner(place, config)?;
        learner.network().freeze(config.frozen(0));
        for _ in 0..STEPS {
            learner.step(place.minibatch)?;
        }
        let memory = learner.network().memory();
        Ok(Self { stored: memory.stored_bytes(), peak: memory.peak_bytes() })
    }

    /// Bytes of the buffers that are shared by tensors which come and go.
    pub fn shared(&self) -> usize {
        self.peak - self.stored
    }
}

/// Bytes of one tensor a rectified normalisation, in 32 bits a number: the least of activations that
/// an exact backward pass could do with, if it computed the layer's output again from its input.
pub fn one_tensor_a_norm(description: &Description, batch: usize) -> usize {
    size_of::<f32>() * batch * numbers(&description.layers)
}

fn numbers(layers: &[LayerDescription]) -> usize {
    let of = |layer: &LayerDescription| match layer {
        LayerDescription::BatchNorm { image, settings, .. } if settings.rectified => image.len(),
        LayerDescription::Residual { main, shortcut, .. } => numbers(main) + numbers(shortcut),
        _ => 0,
    };
    layers.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use training::layer::ImageShape;
    use training::network::{batch_norm_mlp, pre_activation_resnet};

    #[test]
    fn norms_within_residual_blocks_count() {
        let perceptron = batch_norm_mlp(784, &[10, 20], 10);
        assert_eq!(one_tensor_a_norm(&perceptron, 5), 4 * 5 * 30);
        let residual = pre_activation_resnet(11, ImageShape::new(3, 8, 8), 10).unwrap();
        // 16 channels before the first block; then three a block but the first, and the last.
        let first = 64 * (16 + 16 + 16);
        let second = 64 * 64 + 16 * (32 + 32);
        let third = 16 * 128 + 4 * (64 + 64);
        let numbers = first + second + third + 4 * 256;
        assert_eq!(one_tensor_a_norm(&residual, 1), 4 * numbers);
    }
}
