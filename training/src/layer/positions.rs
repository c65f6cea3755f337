//! Learned positions of a text's tokens.

use super::demand::Demand;
use super::elementwise::{add_rows, map_pairs};
use super::{Gradient, Layer, Parameter, ParameterName, StepContext};
use crate::matrix::Matrix;
use kernels::random::{Stream, standard_normal};
use rayon::prelude::*;

/// y = x + p_t: to the row of a token a learned vector of its time step is added (Gehring et al.
/// 2017; Vaswani et al. 2017, section 3.5).
///
/// Rows are those of T time steps and B sequences, time by time: row t B + b. All rows of a time
/// step have the same p_t, of d numbers.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::layer::{Layer, Positions, StepContext};
/// use training::matrix::Matrix;
///
/// let mut positions = Positions::new("positions", 2, 3, Stream::new(1, "example"));
/// let context = StepContext::evaluation(InstructionSet::detect());
/// positions.forward(&context, &Matrix::zeros(4, 3));
/// let y = positions.output();
/// assert_eq!(y.row(0), y.row(1), "two sequences at time 0");
/// assert_ne!(y.row(0), y.row(2), "times 0 and 1");
/// ```
#[derive(Debug)]
pub struct Positions {
    name: String,
    steps: usize,
    width: usize,
    /// T rows of d numbers.
    vectors: Vec<f32>,
    gradient: Vec<f32>,
    output: Matrix,
    input_gradient: Matrix,
}

/// The standard deviation of the first vectors: that of Radford et al. (2019).
const DEVIATION: f64 = 0.02;

impl Positions {
    /// A layer for texts of `steps` tokens of `width` numbers, with normal vectors of deviation
    /// 0.02 from stream `weight`.
    ///
    /// # Panics
    /// When there is no time step.
    pub fn new(name: &str, steps: usize, width: usize, stream: Stream) -> Self {
        assert!(steps > 0, "{name}: there is a time step");
        let mut generator = stream.child("weight").at(0);
        let draw = |_| (DEVIATION * standard_normal(&mut generator)) as f32;
        Self {
            name: name.to_owned(),
            steps,
            width,
            vectors: (0..steps * width).map(draw).collect(),
            gradient: vec![0.0; steps * width],
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }
}

impl Layer for Positions {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.width, "{}: numbers of a token", self.name);
        assert_eq!(input.rows() % self.steps, 0, "{}: rows of {} steps", self.name, self.steps);
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        let (width, sequences) = (self.width.max(1), input.rows() / self.steps);
        let rows = self.output.data_mut().par_chunks_exact_mut(width);
        let rows = rows.zip(input.data().par_chunks_exact(width)).enumerate();
        rows.for_each(|(row, (to, from))| {
            let position = &self.vectors[row / sequences * width..][..width];
            map_pairs(context.set, to, from, position, |x, position| x + position);
        });
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

    fn learns(&self, context: &StepContext) -> bool {
        context.learns(&self.name, "weight")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        _: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        let (dy, of_a_step) = (output_gradient, output_gradient.data().len() / self.steps);
        let steps = self.gradient.par_chunks_exact_mut(self.width.max(1));
        steps.zip(dy.data().par_chunks(of_a_step.max(1))).for_each(|(sums, rows)| {
            sums.fill(0.0);
            add_rows(context.set, sums, rows);
        });
        if input_gradient_needed {
            self.input_gradient.reshape_in(context.memory, dy.rows(), dy.columns());
            self.input_gradient.data_mut().copy_from_slice(dy.data());
        }
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let gradient = Gradient::Dense(&self.gradient);
        let name = ParameterName::new(&self.name, "weight");
        visit(Parameter::new(name, &mut self.vectors, self.width, gradient));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.weight", self.name), &mut self.vectors);
    }
}

#[cfg(test)]
mod tests;
