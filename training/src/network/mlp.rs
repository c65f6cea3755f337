//! The multilayer perceptron of the released code.

use super::Network;
use crate::layer::{Dropout, Layer, Linear, Relu};
use crate::sampling::SamplingPolicy;
use kernels::random::Stream;

/// inputs - hidden - ... - classes with ReLU and dropout after every hidden layer; all linear
/// layers are sampled by the same policy.
///
/// The released code's network is `mlp(784, &[500, 500], 10, 0.1, ...)`.
pub fn mlp(
    inputs: usize,
    hidden: &[usize],
    classes: usize,
    dropout: f64,
    policy: Option<SamplingPolicy>,
    stream: Stream,
) -> Network {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    let mut width = inputs;
    for (number, &next) in (1..).zip(hidden) {
        let name = format!("linear-{number}");
        layers.push(Box::new(Linear::new(&name, width, next, policy, stream.child(&name))));
        layers.push(Box::new(Relu::default()));
        layers.push(Box::new(Dropout::new(&format!("dropout-{number}"), dropout)));
        width = next;
    }
    let name = format!("linear-{}", hidden.len() + 1);
    layers.push(Box::new(Linear::new(&name, width, classes, policy, stream.child(&name))));
    Network::new(layers)
}
