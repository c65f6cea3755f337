//! Networks: layers in a row.

mod mlp;

pub use mlp::mlp;

use crate::counting::Computations;
use crate::layer::{Context, Layer, Parameter};
use crate::matrix::Matrix;
use crate::optimizer::Optimizer;

/// Layers one after another.
pub struct Network {
    layers: Vec<Box<dyn Layer>>,
}

impl Network {
    /// A network of at least one layer.
    ///
    /// # Panics
    /// When there is no layer.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        assert!(!layers.is_empty(), "a network has a layer");
        Self { layers }
    }

    /// The output of a minibatch.
    pub fn forward(&mut self, context: &Context, input: &Matrix) -> &Matrix {
        for position in 0..self.layers.len() {
            let (before, from) = self.layers.split_at_mut(position);
            from[0].forward(context, before.last().map_or(input, |layer| layer.output()));
        }
        self.layers[self.layers.len() - 1].output()
    }

    /// The gradients of all parameters, from that of the output of the last forward pass.
    pub fn backward(&mut self, context: &Context, input: &Matrix, output_gradient: &Matrix) {
        for position in (0..self.layers.len()).rev() {
            let (before, from) = self.layers.split_at_mut(position);
            let (layer, after) = from.split_at_mut(1);
            let input = before.last().map_or(input, |layer| layer.output());
            let gradient = after.first().map_or(output_gradient, |layer| layer.input_gradient());
            layer[0].backward(context, input, gradient, position > 0);
        }
    }

    /// Turns sampling on or off; while off, every product is exact.
    pub fn set_sampling(&mut self, on: bool) {
        self.layers.iter_mut().for_each(|layer| layer.set_sampling(on));
    }

    /// One step of an optimiser on every parameter.
    pub fn update(&mut self, optimizer: &mut Optimizer) {
        optimizer.begin_step();
        for layer in &mut self.layers {
            layer.visit_parameters(&mut |parameter| optimizer.update(parameter));
        }
    }

    /// Calls `visit` on each parameter, always in the same order; they may be changed.
    pub fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.layers.iter_mut().for_each(|layer| layer.visit_parameters(visit));
    }

    /// All parameters, in order.
    pub fn parameters(&mut self) -> Vec<f32> {
        let mut all = Vec::new();
        self.visit_parameters(&mut |parameter| all.extend_from_slice(parameter.values));
        all
    }

    /// Replaces all parameters by those of a network of the same shape.
    ///
    /// # Panics
    /// When there are fewer numbers than parameters.
    pub fn set_parameters(&mut self, mut all: &[f32]) {
        self.visit_parameters(&mut |parameter| {
            let (first, rest) = all.split_at(parameter.values.len());
            parameter.values.copy_from_slice(first);
            all = rest;
        });
    }

    /// Takes the multiply-adds counted since the last call.
    pub fn take_computations(&mut self) -> Computations {
        let mut sum = Computations::default();
        for layer in &mut self.layers {
            sum += layer.take_computations();
        }
        sum
    }
}
