//! The memory of a training run, from shapes.

use super::description::{Description, LayerDescription};
use crate::layer::{Activation, Window};

/// Bytes that a training run cannot do without. Numbers of 64 bits with a fraction, since whole
/// ones end below what settings can ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// Of weights, and of those that are learnt the gradients and both averages of the optimiser.
    pub parameters: f64,
    /// Of activations at the fullest moment of an exact forward pass: the inputs so far of layers
    /// that learn and of smooth activations, which the backward pass will read, or the codes in the
    /// place of these, and the output that is being computed.
    pub activations: f64,
}

impl Description {
    /// What a run with minibatches of so many samples keeps at one time, at the least. Workspaces
    /// of products, gradients of activations and minibatches that wait come on top.
    ///
    /// ```
    /// use training::network::mlp;
    /// let footprint = mlp(784, &[500, 500], 10, 0.1).footprint(50);
    /// assert_eq!(footprint.parameters, 16.0 * 648_010.0);
    /// assert_eq!(footprint.activations, 4.0 * 50.0 * (784.0 + 500.0 + 500.0 + 10.0));
    /// ```
    pub fn footprint(&self, batch: usize) -> Footprint {
        let number = size_of::<f32>() as f64;
        let mut pass = Pass { size: 0, kept: 0.0, most: 0.0, is_coded: false };
        pass.go_through(&self.layers);
        let fixed = count_not_learnt(&self.layers)[0] as f64;
        Footprint {
            parameters: number * (4.0 * self.parameters() as f64 + fixed),
            activations: number * batch as f64 * pass.most,
        }
    }

    /// Numbers of the network's state: parameters, weights that are not learnt, and running
    /// statistics.
    pub fn state_numbers(&self) -> u64 {
        let [weights, statistics] = count_not_learnt(&self.layers);
        self.parameters().saturating_add(weights + statistics)
    }
}

/// Weights that are not learnt, and running statistics.
fn count_not_learnt(layers: &[LayerDescription]) -> [u64; 2] {
    let count = |layer: &LayerDescription| match layer {
        LayerDescription::Convolution { geometry, initialization, .. }
            if !initialization.is_learnt() =>
        {
            [geometry.weights() as u64, 0]
        }
        LayerDescription::BatchNorm { image, .. } => [0, 2 * image.channels as u64],
        LayerDescription::Residual { main, shortcut, .. } => {
            add(count_not_learnt(main), count_not_learnt(shortcut))
        }
        _ => [0, 0],
    };
    layers.iter().map(count).fold([0, 0], add)
}

fn add(one: [u64; 2], other: [u64; 2]) -> [u64; 2] {
    [one[0] + other[0], one[1] + other[1]]
}

/// Numbers of a sample in a forward pass.
struct Pass {
    /// Those of the last output.
    size: usize,
    /// Inputs that are kept for the backward pass.
    kept: f64,
    /// Those and the output of a layer, at most.
    most: f64,
    /// Whether the last output is kept as codes, and need not be itself.
    is_coded: bool,
}

impl Pass {
    fn go_through(&mut self, layers: &[LayerDescription]) {
        for layer in layers {
            match layer {
                LayerDescription::Linear { inputs, outputs, .. } => self.step(*inputs, *outputs),
                LayerDescription::Convolution { geometry, .. } => {
                    let outputs = geometry.output().map_or(0, |image| image.len());
                    self.step(geometry.image.len(), outputs);
                }
                LayerDescription::BatchNorm { image, settings, .. } => match settings.codes {
                    None => self.step(image.len(), image.len()),
                    Some(codes) => self.step_with_codes(image.len(), codes.bits),
                },
                LayerDescription::Activation(Activation::Gelu | Activation::Silu) => {
                    self.step(self.size, self.size);
                }
                LayerDescription::MaxPool { image, window, .. } => {
                    let output = image.after(*window, image.channels);
                    self.replace(output.map_or(0, |image| image.len()));
                }
                LayerDescription::AveragePool { image } => self.replace(image.channels),
                LayerDescription::PoolAndPad { image, side, channels, .. } => {
                    let output = image.after(Window::square(*side, *side, 0), *channels);
                    self.replace(output.map_or(0, |image| image.len()));
                }
                LayerDescription::Residual { main, shortcut, .. } => {
                    self.go_through(main);
                    // The branches share their input, which counts as the main one's.
                    self.go_through(shortcut.get(1..).unwrap_or_default());
                }
                LayerDescription::Activation(Activation::Relu)
                | LayerDescription::Scale(_)
                | LayerDescription::Dropout { .. }
                | LayerDescription::DropoutChannels { .. } => self.replace(self.size),
            }
        }
    }

    /// A layer that keeps its input.
    fn step(&mut self, inputs: usize, outputs: usize) {
        let was_coded = std::mem::take(&mut self.is_coded);
        self.size = outputs;
        self.most = self.most.max(self.kept + (inputs + outputs) as f64);
        self.kept += if was_coded { 0.0 } else { inputs as f64 };
    }

    /// A layer that keeps codes in the place of its input and of its output.
    fn step_with_codes(&mut self, size: usize, bits: u32) {
        let codes = size as f64 * f64::from(bits) / (8 * size_of::<f32>()) as f64;
        self.most = self.most.max(self.kept + codes + (2 * size) as f64);
        self.kept += codes;
        (self.size, self.is_coded) = (size, true);
    }

    /// A layer that keeps nothing.
    fn replace(&mut self, size: usize) {
        (self.size, self.is_coded) = (size, false);
    }
}
