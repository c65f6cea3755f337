//! Layers one after another.

use super::{Demand, Layer, Parameter, SampledLayer, StepContext};
use crate::matrix::Matrix;

/// Layers one after another, itself a layer.
pub struct Chain {
    layers: Vec<Box<dyn Layer>>,
    /// A gradient of some channels, filled with zeros for a layer that takes whole ones.
    whole_gradient: Matrix,
}

impl Chain {
    /// A chain of at least one layer.
    ///
    /// # Panics
    /// When there is no layer.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        assert!(!layers.is_empty(), "a chain has a layer");
        Self { layers, whole_gradient: Matrix::default() }
    }

    /// Tells the layers before `position` what is demanded of them, from there on backwards, as
    /// far as that changes anything. Returns whether the first layer's demand became smaller.
    fn demand_before(&mut self, context: &StepContext, position: usize) -> bool {
        (1..=position).rev().all(|position| {
            let (before, from) = self.layers.split_at_mut(position);
            before[position - 1].keep(context, from[0].demand())
        })
    }

    /// Whether the last layer can end a residual block.
    pub(super) fn is_adding(&mut self) -> bool {
        self.layers.last_mut().is_some_and(|last| last.adding().is_some())
    }

    /// The forward passes of all layers but the last.
    pub(super) fn forward_but_last(&mut self, context: &StepContext, input: &Matrix) {
        for position in 0..self.layers.len() - 1 {
            self.forward_at(context, input, position, |layer, input| layer.forward(context, input));
        }
    }

    /// The forward pass of the last layer, after those of the others.
    pub(super) fn forward_last(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        forward: impl FnOnce(&mut dyn Layer, &Matrix),
    ) {
        self.forward_at(context, input, self.layers.len() - 1, forward);
    }

    /// One layer's forward pass, and what the layers before it need no longer keep.
    fn forward_at(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        position: usize,
        forward: impl FnOnce(&mut dyn Layer, &Matrix),
    ) {
        let (before, from) = self.layers.split_at_mut(position);
        forward(&mut *from[0], before.last().map_or(input, |layer| layer.output()));
        if context.training.is_some() {
            self.demand_before(context, position);
        } else if let Some(before) = self.layers[..position].last_mut() {
            // No backward pass follows where the memory is shared.
            if context.memory.is_some() {
                before.keep(context, Demand::GRADIENT);
            }
        }
    }

    /// [`Layer::backward`], which calls `done` with each layer once it has the gradients of its
    /// parameters: from the last one to the first.
    pub(crate) fn backward_each(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
        done: &mut dyn FnMut(&mut dyn Layer),
    ) {
        for position in (0..self.layers.len()).rev() {
            let (before, from) = self.layers.split_at_mut(position);
            let (layer, after) = from.split_at_mut(1);
            let needed = input_gradient_needed || before.iter().any(|layer| layer.learns(context));
            if needed || layer[0].learns(context) {
                let reads = layer[0].demand().reads;
                if let Some(before) = before.last_mut()
                    && reads.is_none_or(|channels| !channels.indices.is_empty())
                {
                    before.restore(context);
                }
                let input = before.last().map_or(input, |layer| layer.output());
                let mut gradient =
                    after.first().map_or(output_gradient, |layer| layer.input_gradient());
                if gradient
                    .channel_count()
                    .is_some_and(|count| !layer[0].takes_gradients_of(context, count))
                {
                    gradient.expand_into(context.memory, &mut self.whole_gradient);
                    gradient = &self.whole_gradient;
                }
                layer[0].backward(context, input, gradient, needed);
            }
            // The gradient of the output and the input have been used.
            self.whole_gradient.release(context.memory);
            if let Some(after) = after.first_mut() {
                after.release_input_gradient(context);
            }
            if let Some(before) = before.last_mut() {
                before.keep(context, Demand::GRADIENT);
            }
            done(&mut *self.layers[position]);
        }
    }
}

impl Layer for Chain {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.forward_but_last(context, input);
        self.forward_last(context, input, |layer, input| layer.forward(context, input));
    }

    fn learns(&self, context: &StepContext) -> bool {
        self.layers.iter().any(|layer| layer.learns(context))
    }

    fn output(&self) -> &Matrix {
        self.layers[self.layers.len() - 1].output()
    }

    fn demand(&self) -> Demand<'_> {
        self.layers[0].demand()
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        let last = self.layers.len() - 1;
        self.layers[last].keep(context, demand) && self.demand_before(context, last)
    }

    fn restore(&mut self, context: &StepContext) {
        let last = self.layers.len() - 1;
        self.layers[last].restore(context);
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        self.backward_each(context, input, output_gradient, input_gradient_needed, &mut |_| {});
    }

    fn input_gradient(&self) -> &Matrix {
        self.layers[0].input_gradient()
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.layers[0].release_input_gradient(context);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.layers.iter_mut().for_each(|layer| layer.visit_parameters(visit));
    }

    fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        self.layers.iter_mut().for_each(|layer| layer.visit_sampled(visit));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.layers.iter_mut().for_each(|layer| layer.visit_state(visit));
    }

    fn visit_carried(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.layers.iter_mut().for_each(|layer| layer.visit_carried(visit));
    }
}
