//! A constant factor.

use super::demand::Demand;
use super::elementwise::map;
use super::{Layer, StepContext};
use crate::matrix::Matrix;

/// y = factor x for every element; the factor is not learnt.
///
/// Before the loss it is the inverse temperature of softmax.
#[derive(Debug)]
pub struct Scale {
    factor: f32,
    output: Matrix,
    input_gradient: Matrix,
}

impl Scale {
    /// A layer without parameters.
    pub fn new(factor: f32) -> Self {
        Self { factor, output: Matrix::default(), input_gradient: Matrix::default() }
    }
}

impl Layer for Scale {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        let factor = self.factor;
        map(context.set, self.output.data_mut(), input.data(), |x| factor * x);
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand::GRADIENT
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(
        &mut self,
        context: &StepContext,
        _: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        if input_gradient_needed {
            let factor = self.factor;
            self.input_gradient.reshape_like_in(context.memory, output_gradient);
            let (to, from) = (self.input_gradient.data_mut(), output_gradient.data());
            map(context.set, to, from, |x| factor * x);
        }
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::InstructionSet;

    #[test]
    fn both_passes_multiply() {
        let context = StepContext::evaluation(InstructionSet::detect());
        let mut layer = Scale::new(0.25);
        let input = Matrix::from_rows(1, 2, vec![1.0, -8.0]);
        layer.forward(&context, &input);
        assert_eq!(layer.output().data(), [0.25, -2.0]);
        layer.backward(&context, &input, &Matrix::from_rows(1, 2, vec![4.0, 0.5]), true);
        assert_eq!(layer.input_gradient().data(), [1.0, 0.125]);
    }
}
