//! The rectified linear unit.

use super::{Context, Layer};
use crate::matrix::Matrix;

/// max(x, 0), element by element.
#[derive(Debug, Default)]
pub struct Relu {
    output: Matrix,
    input_gradient: Matrix,
}

impl Layer for Relu {
    fn forward(&mut self, context: &Context, input: &Matrix) {
        self.output.reshape(input.rows(), input.columns());
        let output = self.output.data_mut();
        context.set.run(|| {
            for (to, &from) in output.iter_mut().zip(input.data()) {
                *to = if from > 0.0 { from } else { 0.0 };
            }
        });
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
        let gradient = self.input_gradient.data_mut();
        context.set.run(|| {
            let passed = output_gradient.data().iter().zip(input.data());
            for (to, (&from, &input)) in gradient.iter_mut().zip(passed) {
                *to = if input > 0.0 { from } else { 0.0 };
            }
        });
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }
}
