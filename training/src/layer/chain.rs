//! Layers one after another.

use super::{Context, Layer, Parameter};
use crate::counting::Computations;
use crate::matrix::Matrix;

/// Layers one after another, itself a layer.
pub struct Chain {
    layers: Vec<Box<dyn Layer>>,
}

impl Chain {
    /// A chain of at least one layer.
    ///
    /// # Panics
    /// When there is no layer.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        assert!(!layers.is_empty(), "a chain has a layer");
        Self { layers }
    }
}

impl Layer for Chain {
    fn forward(&mut self, context: &Context, input: &Matrix) {
        for position in 0..self.layers.len() {
            let (before, from) = self.layers.split_at_mut(position);
            from[0].forward(context, before.last().map_or(input, |layer| layer.output()));
        }
    }

    fn output(&self) -> &Matrix {
        self.layers[self.layers.len() - 1].output()
    }

    fn backward(
        &mut self,
        context: &Context,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        for position in (0..self.layers.len()).rev() {
            let (before, from) = self.layers.split_at_mut(position);
            let (layer, after) = from.split_at_mut(1);
            let input = before.last().map_or(input, |layer| layer.output());
            let gradient = after.first().map_or(output_gradient, |layer| layer.input_gradient());
            layer[0].backward(context, input, gradient, position > 0 || input_gradient_needed);
        }
    }

    fn input_gradient(&self) -> &Matrix {
        self.layers[0].input_gradient()
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.layers.iter_mut().for_each(|layer| layer.visit_parameters(visit));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.layers.iter_mut().for_each(|layer| layer.visit_state(visit));
    }

    fn set_sampling(&mut self, on: bool) {
        self.layers.iter_mut().for_each(|layer| layer.set_sampling(on));
    }

    fn set_statistics_share(&mut self, share: Option<f32>) {
        self.layers.iter_mut().for_each(|layer| layer.set_statistics_share(share));
    }

    fn take_computations(&mut self) -> Computations {
        let mut sum = Computations::default();
        self.layers.iter_mut().for_each(|layer| sum += layer.take_computations());
        sum
    }
}
