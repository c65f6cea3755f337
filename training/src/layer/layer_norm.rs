//! Layer normalisation (Ba, Kiros and Hinton 2016).

use super::demand::Demand;
use super::sums::Sum;
use super::{Gradient, Layer, Parameter, ParameterName, StepContext};
use crate::matrix::Matrix;
use kernels::InstructionSet;
use rayon::prelude::*;

/// y = gain (x - mean) / sqrt(variance + epsilon) + shift, row by row (equation 4).
///
/// Mean and (biased) variance are those of the d features of a row, so that rows have nothing to do
/// with each other and an evaluation is as a training step. Gain and shift are parameters of d
/// numbers each.
///
/// ```
/// use kernels::InstructionSet;
/// use training::layer::{Layer, LayerNorm, StepContext};
/// use training::matrix::Matrix;
///
/// let mut norm = LayerNorm::new("norm", 2);
/// let context = StepContext::evaluation(InstructionSet::detect());
/// norm.forward(&context, &Matrix::from_rows(2, 2, vec![1.0, 3.0, 40.0, 20.0]));
/// let rounded: Vec<f32> = norm.output().data().iter().map(|y| y.round()).collect();
/// assert_eq!(rounded, [-1.0, 1.0, 1.0, -1.0]);
/// ```
#[derive(Debug)]
pub struct LayerNorm {
    name: String,
    gain: Vec<f32>,
    shift: Vec<f32>,
    gain_gradient: Vec<f32>,
    shift_gradient: Vec<f32>,
    /// What the last forward pass found, row by row.
    rows: Vec<Row>,
    output: Matrix,
    input_gradient: Matrix,
}

/// What is added to the variance: that of the networks of Radford et al. (2019).
const EPSILON: f64 = 1e-5;

/// Features whose parameters' gradients are summed in one task.
const FEATURES: usize = 64;

/// The moments of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    mean: f32,
    /// 1 / sqrt(variance + epsilon).
    inverse_deviation: f32,
}

impl Row {
    fn of(set: InstructionSet, x: &[f32]) -> Self {
        let count = x.len() as f64;
        let (mut sum, mut squares) = (Sum::new(), Sum::new());
        sum.add(set, x, |x| x);
        let mean = sum.total() / count;
        squares.add(set, x, move |x| (x - mean) * (x - mean));
        let inverse_deviation = 1.0 / (squares.total() / count + EPSILON).sqrt();
        Self { mean: mean as f32, inverse_deviation: inverse_deviation as f32 }
    }

    /// (x - mean) / sqrt(variance + epsilon).
    #[inline(always)]
    fn normalise(self, x: f32) -> f32 {
        (x - self.mean) * self.inverse_deviation
    }
}

impl LayerNorm {
    /// A layer for rows of so many features, with gain one and shift zero.
    pub fn new(name: &str, features: usize) -> Self {
        Self {
            name: name.to_owned(),
            gain: vec![1.0; features],
            shift: vec![0.0; features],
            gain_gradient: vec![0.0; features],
            shift_gradient: vec![0.0; features],
            rows: Vec::new(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }

    /// The gradients of gain and shift: sums over the rows in their order.
    fn sum_parameter_gradients(&mut self, set: InstructionSet, input: &Matrix, gradient: &Matrix) {
        let rows = &self.rows;
        let pieces = self.gain_gradient.par_chunks_mut(FEATURES);
        let pieces = pieces.zip(self.shift_gradient.par_chunks_mut(FEATURES)).enumerate();
        pieces.for_each(|(piece, (gain, shift))| {
            let (start, count) = (piece * FEATURES, gain.len());
            let (mut of_gain, mut of_shift) = ([0.0f64; FEATURES], [0.0f64; FEATURES]);
            for (place, &row) in rows.iter().enumerate() {
                let x = &input.row(place)[start..][..count];
                let dy = &gradient.row(place)[start..][..count];
                let sums = of_gain.iter_mut().zip(&mut of_shift);
                set.run(move || {
                    for ((of_gain, of_shift), (&x, &dy)) in sums.zip(x.iter().zip(dy)) {
                        *of_gain += f64::from(dy * row.normalise(x));
                        *of_shift += f64::from(dy);
                    }
                });
            }
            gain.iter_mut().zip(of_gain).for_each(|(to, sum)| *to = sum as f32);
            shift.iter_mut().zip(of_shift).for_each(|(to, sum)| *to = sum as f32);
        });
    }

    /// With n = (x - mean) / deviation and g = gain dy, the gradient of a row is
    /// (g - mean(g) - n mean(g n)) / deviation.
    fn propagate(&mut self, context: &StepContext, input: &Matrix, gradient: &Matrix) {
        let (set, columns) = (context.set, input.columns().max(1));
        self.input_gradient.reshape_in(context.memory, input.rows(), input.columns());
        let (gain, count) = (&self.gain, columns as f64);
        let rows = self.input_gradient.data_mut().par_chunks_exact_mut(columns);
        let rows = rows.zip(input.data().par_chunks_exact(columns));
        let rows = rows.zip(gradient.data().par_chunks_exact(columns)).zip(&self.rows);
        rows.for_each(|(((dx, x), dy), &row)| {
            set.run(|| {
                dx.iter_mut().zip(dy.iter().zip(gain)).for_each(|(g, (dy, gain))| *g = dy * gain);
            });
            let mut sums = [Sum::new(), Sum::new()];
            super::sums::add_gradient(set, &mut sums, dx, x, row.mean, |_| true);
            let [mean, products] = sums.map(|sum| sum.total() / count);
            let deviation = f64::from(row.inverse_deviation);
            let (mean, slope) = (mean as f32, (products * deviation) as f32);
            set.run(move || {
                for (g, &x) in dx.iter_mut().zip(x) {
                    *g = (*g - mean - row.normalise(x) * slope) * row.inverse_deviation;
                }
            });
        });
    }
}

impl Layer for LayerNorm {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.gain.len(), "{}: features of a row", self.name);
        let (set, columns) = (context.set, input.columns().max(1));
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        self.rows.resize(input.rows(), Row::default());
        let (gain, shift) = (&self.gain, &self.shift);
        let rows = self.output.data_mut().par_chunks_exact_mut(columns);
        let rows = rows.zip(input.data().par_chunks_exact(columns)).zip(&mut self.rows);
        rows.for_each(|((to, x), moments)| {
            let row = Row::of(set, x);
            *moments = row;
            let parameters = gain.iter().zip(shift);
            set.run(move || {
                for ((y, &x), (gain, shift)) in to.iter_mut().zip(x).zip(parameters) {
                    *y = row.normalise(x) * gain + shift;
                }
            });
        });
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn learns(&self, context: &StepContext) -> bool {
        context.learns(&self.name, "gain") || context.learns(&self.name, "shift")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        self.sum_parameter_gradients(context.set, input, output_gradient);
        if input_gradient_needed {
            self.propagate(context, input, output_gradient);
        }
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let Self { name, gain, shift, gain_gradient, shift_gradient, .. } = self;
        for (part, values, gradient) in
            [("gain", gain, gain_gradient), ("shift", shift, shift_gradient)]
        {
            let (name, row_length) = (ParameterName::new(name, part), values.len());
            visit(Parameter::new(name, values, row_length, Gradient::Dense(gradient)));
        }
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.gain", self.name), &mut self.gain);
        visit(&format!("{}.shift", self.name), &mut self.shift);
    }
}

#[cfg(test)]
mod tests;
