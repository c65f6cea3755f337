//! The rectified linear unit.

use super::elementwise::{map, map_pairs};
use super::{Context, Layer};
use crate::matrix::Matrix;

/// max(x, 0), element by element; what is no number (NaN) stays so, and the loss reports it.
#[derive(Debug, Default)]
pub struct Relu {
    output: Matrix,
    input_gradient: Matrix,
}

impl Layer for Relu {
    fn forward(&mut self, context: &Context, input: &Matrix) {
        self.output.reshape(input.rows(), input.columns());
        let rectify = |from: f32| if from <= 0.0 { 0.0 } else { from };
        map(context.set, self.output.data_mut(), input.data(), rectify);
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn backward(
        &mut self,
        context: &Context,
        input: &Matrix,
        output_gradient: &Matrix,
        _input_gradient_needed: bool,
    ) {
        self.input_gradient.reshape(input.rows(), input.columns());
        let pass = |gradient: f32, input: f32| if input > 0.0 { gradient } else { 0.0 };
        let to = self.input_gradient.data_mut();
        map_pairs(context.set, to, output_gradient.data(), input.data(), pass);
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }
}
