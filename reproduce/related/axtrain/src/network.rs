//! The network that is trained: a chain of layers with a rectifier between each two.
//!
//! A layer is a product of its weights W, with the features x of the layer before or with patches of
//! its planes, y = W x + b. A perceptron of one hidden layer is y = W_2 max(0, W_1 x + b_1) + b_2.
//!
//! It is not one of the `training` crate, whose step is one forward pass and one backward pass: here
//! two passes of one minibatch share their noise, and what they differ by has a gradient through both.

use crate::patches::Patches;
use kernels::random::{Stream, uniform};
use kernels::scores::sum_of_squares;
use kernels::{InstructionSet, MatrixView};
use training::matrix::Matrix;

/// The names of the layers in tables: as many as there can be.
pub const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// The sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of inputs of an output: features, or numbers of a patch.
    pub inputs: usize,
    /// Number of outputs, at every position.
    pub outputs: usize,
    /// What a convolution reads; without, a layer reads all features.
    pub patches: Option<Patches>,
}

impl Shape {
    /// A layer that reads all features.
    pub fn linear(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, patches: None }
    }

    /// A layer that reads patches.
    pub fn convolution(patches: Patches, outputs: usize) -> Self {
        Self { inputs: patches.len(), outputs, patches: Some(patches) }
    }

    /// How often the weights are multiplied with an image.
    pub fn positions(&self) -> usize {
        self.patches.map_or(1, |patches| patches.count())
    }

    /// Numbers of an image that it reads from.
    pub fn features(&self) -> usize {
        self.patches.map_or(self.inputs, |patches| patches.planes.shape.len())
    }

    /// What the weights are multiplied with ((images x positions) x inputs).
    pub(crate) fn read(&self, features: &Matrix) -> Matrix {
        self.patches.map_or_else(
            || features.clone(),
            |patches| matrix(self.inputs, patches.of(features.data())),
        )
    }

    /// The derivatives by the features from those by what was read of them.
    pub(crate) fn by_features(&self, by_read: Matrix) -> Matrix {
        match self.patches {
            None => by_read,
            Some(patches) => matrix(self.features(), patches.sums(by_read.data())),
        }
    }
}

/// Rows of so many columns.
fn matrix(columns: usize, numbers: Vec<f32>) -> Matrix {
    Matrix::from_rows(numbers.len() / columns, columns, numbers)
}

/// A layer's weights (outputs x inputs, row-major) and biases; or the derivatives by these.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its sizes.
    pub shape: Shape,
    /// One an output and input.
    pub weights: Vec<f32>,
    /// One an output.
    pub biases: Vec<f32>,
}

impl Layer {
    fn zeros(shape: Shape) -> Self {
        let Shape { inputs, outputs, .. } = shape;
        Self { shape, weights: vec![0.0; inputs * outputs], biases: vec![0.0; outputs] }
    }

    /// Weights and biases uniform within 1 / sqrt(inputs) of zero.
    fn random(shape: Shape, stream: Stream) -> Self {
        let Shape { inputs, outputs, .. } = shape;
        let bound = 1.0 / (inputs as f64).sqrt();
        let draw = |name: &str, count: usize| -> Vec<f32> {
            let mut rng = stream.child(name).at(0);
            (0..count).map(|_| (bound * (2.0 * uniform(&mut rng) - 1.0)) as f32).collect()
        };
        let (weights, biases) = (draw("weight", inputs * outputs), draw("bias", outputs));
        Self { shape, weights, biases }
    }

    /// The weights as a matrix, outputs x inputs.
    pub fn matrix(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(&self.weights, self.shape.outputs, self.shape.inputs)
    }

    /// The Euclidean norm of the weights.
    pub fn norm(&self) -> f64 {
        sum_of_squares(InstructionSet::detect(), &self.weights).sqrt()
    }
}

/// All layers; or the derivatives by all of their parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The hidden layers and the output layer.
    pub layers: Vec<Layer>,
}

impl Network {
    /// A network of layers that fit each other, drawn from the streams `0`, `1` and so on.
    pub fn random(shapes: &[Shape], stream: Stream) -> Self {
        let layer = |(place, shape): (usize, &Shape)| {
            Layer::random(*shape, stream.child(&place.to_string()))
        };
        Self { layers: shapes.iter().enumerate().map(layer).collect() }
    }

    /// A perceptron of so many inputs, hidden units and outputs.
    pub fn perceptron([inputs, hidden, outputs]: [usize; 3], stream: Stream) -> Self {
        Self::random(&[Shape::linear(inputs, hidden), Shape::linear(hidden, outputs)], stream)
    }

    /// One of the same shape, all zero.
    pub fn zeros_like(&self) -> Self {
        Self { layers: self.layers.iter().map(|layer| Layer::zeros(layer.shape)).collect() }
    }

    /// The Euclidean norm of the weights of each layer.
    pub fn norms(&self) -> Vec<f64> {
        self.layers.iter().map(Layer::norm).collect()
    }

    /// Scales the weights of each layer to a norm; those that are all zero stay so.
    pub fn scale_to(&mut self, norms: &[f64]) {
        for (layer, norm) in self.layers.iter_mut().zip(norms) {
            let now = layer.norm();
            let factor = if now > 0.0 { (norm / now) as f32 } else { 1.0 };
            layer.weights.iter_mut().for_each(|weight| *weight *= factor);
        }
    }

    /// Weights and biases, layer after layer.
    pub fn parameters(&self) -> impl Iterator<Item = &f32> {
        self.layers.iter().flat_map(|layer| layer.weights.iter().chain(&layer.biases))
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.layers.iter_mut().flat_map(|layer| layer.weights.iter_mut().chain(&mut layer.biases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_scaled_to_the_norm_that_is_asked_for() {
        let mut network = Network::perceptron([5, 4, 3], Stream::new(1, "network"));
        let biases = network.layers[0].biases.clone();
        network.scale_to(&[2.0, 0.5]);
        for (found, asked) in network.norms().into_iter().zip([2.0, 0.5]) {
            assert!((found - asked).abs() < 1e-6, "{found}");
        }
        assert_eq!(network.layers[0].biases, biases);
        let mut zero = network.zeros_like();
        zero.scale_to(&[1.0, 1.0]);
        assert!(zero.parameters().all(|parameter| *parameter == 0.0));
        assert_eq!(zero.parameters().count(), 4 * 6 + 3 * 5);
    }
}
