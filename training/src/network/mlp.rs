//! The multilayer perceptron of the released code.

use super::Description;
use super::layers::{self, LayerConfig};
use crate::layer::{Activation, ImageShape};

/// inputs - hidden - ... - classes with ReLU and dropout after every hidden layer; all linear
/// layers are sampled.
///
/// The released code's network is `mlp(784, &[500, 500], 10, 0.1)`.
pub fn mlp(inputs: usize, hidden: &[usize], classes: usize, dropout: f64) -> Description {
    let input = ImageShape::new(inputs, 1, 1);
    match layers::describe(&mlp_layers(hidden, dropout), input, classes) {
        Ok(description) => description,
        Err(_) => unreachable!("linear layers fit any input"),
    }
}

/// The layers of [`mlp`].
pub(super) fn mlp_layers(hidden: &[usize], dropout: f64) -> Vec<LayerConfig> {
    let linear = |number: usize, outputs| LayerConfig::Linear {
        name: Some(format!("linear-{number}")),
        outputs,
        bias: true,
        sampled: true,
    };
    let mut layers = Vec::new();
    for (number, &width) in (1..).zip(hidden) {
        layers.push(linear(number, Some(width)));
        layers.push(LayerConfig::Activation { function: Activation::Relu });
        let name = Some(format!("dropout-{number}"));
        layers.push(LayerConfig::Dropout { name, rate: dropout });
    }
    layers.push(linear(hidden.len() + 1, None));
    layers
}
