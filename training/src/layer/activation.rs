//! Activations: functions that are applied to every element.

mod functions;

pub(super) use functions::{exponential, logistic, relu, relu_gradient, tanh};

use super::demand::{Demand, ExpectedChannels};
use super::elementwise::{map, map_gradient};
use super::{Layer, StepContext};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

/// A function that is applied to every element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0), the rectified linear unit.
    #[default]
    Relu,
    /// x Phi(x) = x (1 + erf(x / sqrt(2))) / 2, the Gaussian error linear unit (Hendrycks and
    /// Gimpel 2016), within 5e-7 max(1, |x|); its derivative is as close.
    Gelu,
    /// x / (1 + exp(-x)), the sigmoid linear unit, also called swish, within 5e-7 max(1, |x|); its
    /// derivative is as close.
    Silu,
}

/// y = f(x) for every element; what is no number (NaN) stays so, and the loss reports it.
#[derive(Debug)]
pub struct ActivationLayer {
    activation: Activation,
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
}

impl ActivationLayer {
    /// A layer without parameters.
    pub fn new(activation: Activation) -> Self {
        Self {
            activation,
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
        }
    }
}

impl Layer for ActivationLayer {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        let (set, to, from) = (context.set, self.output.data_mut(), input.data());
        match self.activation {
            Activation::Relu => map(set, to, from, relu),
            Activation::Gelu => map(set, to, from, functions::gelu),
            Activation::Silu => map(set, to, from, functions::silu),
        }
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

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        if !input_gradient_needed {
            return;
        }
        let (set, to) = (context.set, &mut self.input_gradient);
        to.reshape_like_in(context.memory, output_gradient);
        match self.activation {
            Activation::Relu => {
                map_gradient(set, to, output_gradient, input, relu_gradient);
            }
            Activation::Gelu => {
                let through = |gradient, x| gradient * functions::gelu_derivative(x);
                map_gradient(set, to, output_gradient, input, through);
            }
            Activation::Silu => {
                let through = |gradient, x| gradient * functions::silu_derivative(x);
                map_gradient(set, to, output_gradient, input, through);
            }
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
    use kernels::random::{Stream, standard_normal};

    const ALL: [Activation; 3] = [Activation::Relu, Activation::Gelu, Activation::Silu];

    /// The definitions, in f64 and with the error function of libm.
    fn definition(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Relu => x.max(0.0),
            Activation::Gelu => x * 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
            Activation::Silu => x / (1.0 + libm::exp(-x)),
        }
    }

    /// Output of a row, and the gradient of its sum.
    fn pass(activation: Activation, set: InstructionSet, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut layer, context) = (ActivationLayer::new(activation), StepContext::evaluation(set));
        let input = Matrix::from_rows(1, x.len(), x.to_vec());
        layer.forward(&context, &input);
        layer.backward(&context, &input, &Matrix::from_rows(1, x.len(), vec![1.0; x.len()]), true);
        (layer.output().data().to_vec(), layer.input_gradient().data().to_vec())
    }

    #[test]
    fn values_and_derivatives_are_as_close_as_is_said() {
        // Every 1/1024 from -20 to 20, without the corner of ReLU.
        let x: Vec<f32> =
            (-20_480..=20_480).filter(|&i| i != 0).map(|i| i as f32 / 1024.0).collect();
        for activation in ALL {
            let (values, derivatives) = pass(activation, InstructionSet::detect(), &x);
            for ((&x, value), derivative) in x.iter().zip(values).zip(derivatives) {
                let x = f64::from(x);
                let bound = 5e-7 * x.abs().max(1.0);
                let expected = definition(activation, x);
                let error = (f64::from(value) - expected).abs();
                assert!(error <= bound, "{activation:?}({x}) is {expected}, found {value}");
                // A central difference in f64: its own error is below 1e-9.
                let at = |step: f64| definition(activation, x + step);
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                let error = (f64::from(derivative) - slope).abs();
                assert!(error <= bound, "{activation:?}'({x}) is {slope}, found {derivative}");
            }
        }
    }

    #[test]
    fn far_from_zero_is_the_line_or_nothing() {
        for activation in ALL {
            let (values, derivatives) =
                pass(activation, InstructionSet::detect(), &[1e6, -1e6, f32::INFINITY]);
            assert_eq!((values[0], values[2]), (1e6, f32::INFINITY));
            assert!(values[1].abs() < 1e-20, "{activation:?}: {}", values[1]);
            assert_eq!(derivatives[0], 1.0);
            assert!(derivatives[1].abs() < 1e-20, "{activation:?}: {}", derivatives[1]);
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        for activation in ALL {
            assert!(pass(activation, InstructionSet::detect(), &[f32::NAN]).0[0].is_nan());
        }
    }

    #[test]
    fn instruction_sets_change_no_bit() {
        let mut rng = Stream::new(1, "activation").at(0);
        let x: Vec<f32> = (0..40_000).map(|_| 3.0 * standard_normal(&mut rng) as f32).collect();
        for activation in ALL {
            let reference = pass(activation, InstructionSet::detect(), &x);
            for set in InstructionSet::available() {
                assert!(pass(activation, set, &x) == reference, "{activation:?}, {set}");
            }
        }
    }

    #[test]
    fn no_gradient_is_computed_that_nobody_needs() {
        let context = StepContext::evaluation(InstructionSet::detect());
        let mut layer = ActivationLayer::new(Activation::Gelu);
        let input = Matrix::from_rows(1, 2, vec![1.0, -1.0]);
        layer.forward(&context, &input);
        layer.backward(&context, &input, &input, false);
        assert_eq!(layer.input_gradient(), &Matrix::default());
    }
}
