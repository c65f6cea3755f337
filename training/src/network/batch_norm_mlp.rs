//! A multilayer perceptron with batch normalisation.

use super::Description;
use super::layers::{self, LayerConfig};
use crate::layer::{BatchNormSettings, ImageShape};

/// inputs - hidden - ... - classes with batch normalisation and ReLU after every hidden layer, which
/// has no bias; all linear layers are sampled.
///
/// The network that Chakrabarti and Moseley's method (arXiv 1901.07988) is shown on at the smallest
/// scale is `batch_norm_mlp(784, &[128; 7], 10)`.
///
/// ```
/// use training::network::batch_norm_mlp;
/// let network = batch_norm_mlp(784, &[128; 7], 10);
/// assert_eq!(network.parameters(), 784 * 128 + 6 * 128 * 128 + 7 * 2 * 128 + 10 * (128 + 1));
/// ```
pub fn batch_norm_mlp(inputs: usize, hidden: &[usize], classes: usize) -> Description {
    let input = ImageShape::new(inputs, 1, 1);
    match layers::describe(&batch_norm_mlp_layers(hidden), input, classes) {
        Ok(description) => description,
        Err(_) => unreachable!("linear layers fit any input"),
    }
}

/// The layers of [`batch_norm_mlp`].
pub(super) fn batch_norm_mlp_layers(hidden: &[usize]) -> Vec<LayerConfig> {
    let linear = |number: usize, outputs: Option<usize>| LayerConfig::Linear {
        name: Some(format!("linear-{number}")),
        outputs,
        bias: outputs.is_none(),
        sampled: true,
    };
    let mut layers = Vec::new();
    for (number, &width) in (1..).zip(hidden) {
        layers.push(linear(number, Some(width)));
        let (name, settings) = (Some(format!("norm-{number}")), BatchNormSettings::new(true));
        layers.push(LayerConfig::BatchNorm { name, settings });
    }
    layers.push(linear(hidden.len() + 1, None));
    layers
}
