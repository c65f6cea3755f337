//! The multilayer perceptron of the released code.

use super::description::{Description, LayerDescription};
use crate::layer::Activation;

/// inputs - hidden - ... - classes with ReLU and dropout after every hidden layer; all linear
/// layers are sampled.
///
/// The released code's network is `mlp(784, &[500, 500], 10, 0.1)`.
pub fn mlp(inputs: usize, hidden: &[usize], classes: usize, dropout: f64) -> Description {
    let linear = |number: usize, inputs: usize, outputs: usize| LayerDescription::Linear {
        name: format!("linear-{number}"),
        inputs,
        outputs,
        bias: true,
        sampled: true,
    };
    let (mut layers, mut width) = (Vec::new(), inputs);
    for (number, &next) in (1..).zip(hidden) {
        layers.push(linear(number, width, next));
        layers.push(LayerDescription::Activation(Activation::Relu));
        layers.push(LayerDescription::Dropout { name: format!("dropout-{number}"), rate: dropout });
        width = next;
    }
    layers.push(linear(hidden.len() + 1, width, classes));
    Description { layers }
}
