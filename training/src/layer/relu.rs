//! The rectified linear unit.

use super::demand::{Demand, ExpectedChannels};
use super::elementwise::{map, map_gradient};
use super::{Layer, StepContext};
use crate::matrix::Matrix;

/// max(x, 0), element by element; what is no number (NaN) stays so, and the loss reports it.
#[derive(Debug, Default)]
pub struct Relu {
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
}

impl Layer for Relu {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        let rectify = |from: f32| if from <= 0.0 { 0.0 } else { from };
        map(context.set, self.output.data_mut(), input.data(), rectify);
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand { reads: self.expected.channels(), sends: self.expected.channels() }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        self.expected.only(demand.sends)
    }

    fn takes_gradients_of(&self, _: &StepContext, _channels: usize) -> bool {
        true
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        _input_gradient_needed: bool,
    ) {
        self.input_gradient.reshape_like_in(context.memory, output_gradient);
        let pass = |gradient: f32, input: f32| if input > 0.0 { gradient } else { 0.0 };
        map_gradient(context.set, &mut self.input_gradient, output_gradient, input, pass);
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }
}
