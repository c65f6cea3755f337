//! Dropout: in training each activation is zeroed with a probability, the others are scaled up.

use super::demand::{Demand, keep};
use super::{Context, Layer};
use crate::matrix::Matrix;
use rand::Rng as _;

/// Zeroes each element with probability `rate` and divides the others by `1 - rate`; the identity
/// during evaluation (Srivastava et al. 2014, in the inverted form).
#[derive(Debug)]
pub struct Dropout {
    name: String,
    rate: f64,
    factors: Vec<f32>,
    output: Matrix,
    input_gradient: Matrix,
}

impl Dropout {
    /// A dropout layer with a name (its stream of randomness) and a rate in [0, 1).
    ///
    /// # Panics
    /// When the rate is outside [0, 1).
    pub fn new(name: &str, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate lies in [0, 1), this is {rate}");
        Self {
            name: name.to_owned(),
            rate,
            factors: Vec::new(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }
}

fn multiply(context: &Context, to: &mut Matrix, from: &Matrix, factors: &[f32]) {
    to.reshape_in(context.memory, from.rows(), from.columns());
    for ((to, from), factor) in to.data_mut().iter_mut().zip(from.data()).zip(factors) {
        *to = from * factor;
    }
}

impl Layer for Dropout {
    fn forward(&mut self, context: &Context, input: &Matrix) {
        self.factors.resize(input.data().len(), 1.0);
        match context.generator_of_samples(&self.name) {
            None => self.factors.fill(1.0),
            Some(mut generator) => {
                let kept = (1.0 / (1.0 - self.rate)) as f32;
                let threshold = (self.rate * 2f64.powi(32)) as u32;
                for factor in &mut self.factors {
                    *factor = if generator.next_u32() < threshold { 0.0 } else { kept };
                }
            }
        }
        multiply(context, &mut self.output, input, &self.factors);
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand::GRADIENT
    }

    fn keep(&mut self, context: &Context, demand: Demand<'_>) -> bool {
        keep(context, &mut self.output, demand.reads);
        false
    }

    fn backward(&mut self, context: &Context, _: &Matrix, output_gradient: &Matrix, _: bool) {
        multiply(context, &mut self.input_gradient, output_gradient, &self.factors);
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &Context) {
        self.input_gradient.release(context.memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::InstructionSet;
    use kernels::random::Stream;

    #[test]
    fn keeps_the_mean_and_drops_its_share() {
        let mut dropout = Dropout::new("dropout", 0.25);
        let input = Matrix::from_rows(1, 40_000, vec![1.0; 40_000]);
        let set = InstructionSet::detect();
        dropout.forward(&Context::training(set, Stream::new(1, "t"), 0), &input);
        let dropped = dropout.output().data().iter().filter(|&&x| x == 0.0).count() as f64;
        let deviation = (40_000.0f64 * 0.25 * 0.75).sqrt();
        assert!((dropped - 10_000.0).abs() < 5.0 * deviation, "{dropped}");
        assert!(dropout.output().data().iter().all(|&x| x == 0.0 || x == 4.0 / 3.0));
        dropout.forward(&Context::evaluation(set), &input);
        assert_eq!(dropout.output(), &input);
    }
}
