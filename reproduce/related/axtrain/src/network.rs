//! The network that is trained: one hidden layer of rectified units,
//! y = W_2 max(0, W_1 x + b_1) + b_2.
//!
//! It is not one of the `training` crate, whose step is one forward pass and one backward pass: here
//! two passes of one minibatch share their noise, and what they differ by has a gradient through both.

use kernels::random::{Stream, uniform};
use kernels::scores::sum_of_squares;
use kernels::{InstructionSet, MatrixView};

/// A layer's weights (outputs x inputs, row-major) and biases; or the derivatives by these.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// One an output and input.
    pub weights: Vec<f32>,
    /// One an output.
    pub biases: Vec<f32>,
}

impl Dense {
    fn zeros([inputs, outputs]: [usize; 2]) -> Self {
        Self { inputs, outputs, weights: vec![0.0; inputs * outputs], biases: vec![0.0; outputs] }
    }

    /// Weights and biases uniform within 1 / sqrt(inputs) of zero.
    fn random([inputs, outputs]: [usize; 2], stream: Stream) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let draw = |name: &str, count: usize| -> Vec<f32> {
            let mut rng = stream.child(name).at(0);
            (0..count).map(|_| (bound * (2.0 * uniform(&mut rng) - 1.0)) as f32).collect()
        };
        let (weights, biases) = (draw("weight", inputs * outputs), draw("bias", outputs));
        Self { inputs, outputs, weights, biases }
    }

    /// The weights as a matrix, outputs x inputs.
    pub fn matrix(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(&self.weights, self.outputs, self.inputs)
    }

    /// The Euclidean norm of the weights.
    pub fn norm(&self) -> f64 {
        sum_of_squares(InstructionSet::detect(), &self.weights).sqrt()
    }
}

/// Both layers; or the derivatives by all of their parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The hidden layer and the output layer.
    pub layers: [Dense; 2],
}

impl Network {
    /// A network of so many inputs, hidden units and outputs, drawn from the streams `0` and `1`.
    pub fn random(widths: [usize; 3], stream: Stream) -> Self {
        let [inputs, hidden, outputs] = widths;
        Self {
            layers: [
                Dense::random([inputs, hidden], stream.child("0")),
                Dense::random([hidden, outputs], stream.child("1")),
            ],
        }
    }

    /// One of the same shape, all zero.
    pub fn zeros_like(&self) -> Self {
        Self {
            layers: self.layers.each_ref().map(|layer| Dense::zeros([layer.inputs, layer.outputs])),
        }
    }

    /// Inputs, hidden units and outputs.
    pub fn widths(&self) -> [usize; 3] {
        let [first, second] = &self.layers;
        [first.inputs, second.inputs, second.outputs]
    }

    /// The Euclidean norm of the weights of each layer.
    pub fn norms(&self) -> [f64; 2] {
        self.layers.each_ref().map(Dense::norm)
    }

    /// Scales the weights of each layer to a norm; those that are all zero stay so.
    pub fn scale_to(&mut self, norms: [f64; 2]) {
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
        let mut network = Network::random([5, 4, 3], Stream::new(1, "network"));
        let biases = network.layers[0].biases.clone();
        network.scale_to([2.0, 0.5]);
        for (found, asked) in network.norms().into_iter().zip([2.0, 0.5]) {
            assert!((found - asked).abs() < 1e-6, "{found}");
        }
        assert_eq!(network.layers[0].biases, biases);
        let mut zero = network.zeros_like();
        zero.scale_to([1.0, 1.0]);
        assert!(zero.parameters().all(|parameter| *parameter == 0.0));
        assert_eq!(zero.parameters().count(), 4 * 6 + 3 * 5);
        assert_eq!(zero.widths(), [5, 4, 3]);
    }
}
