//! A layer of long short-term memory.

mod cell;
#[cfg(test)]
mod tests;

use self::cell::{Cell, CellGradient};
use super::demand::Demand;
use super::initialization::uniform_within;
use super::{Gradient, Layer, Linear, Parameter, ParameterName, SampledLayer, StepContext};
use crate::counting::Computations;
use crate::matrix::Matrix;
use crate::sampling::SamplingPolicy;
use kernels::product::matmul;
use kernels::random::Stream;
use kernels::{MatrixView, MatrixViewMut, Product};

/// Gates of a unit, in the order of their columns: input, forget, output, and the new content.
const GATES: usize = 4;

/// Sizes of a layer of long short-term memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LstmShape {
    /// Numbers of an input.
    pub inputs: usize,
    /// Units: numbers of an output.
    pub units: usize,
    /// Steps of a window, after which the gradient is cut off.
    pub steps: usize,
    /// Sequences of a training minibatch.
    pub sequences: usize,
}

/// Long short-term memory (Hochreiter and Schmidhuber 1997) without peepholes, in the form of
/// Zaremba, Sutskever and Vinyals (2014, arXiv 1409.2329, section 3.1):
///
/// ```text
/// i, f, o = logistic(x W_x + h W_h + b), g = tanh(the same)    of their own columns
/// c <- f c + i g,  h <- o tanh(c)
/// ```
///
/// Input and output have a row a step and sequence, steps first: row t B + b is step t of sequence
/// b of B. `W_x` and `W_h` have 4 columns a unit, gate after gate. The product of all inputs with
/// `W_x` is a [`Linear`] layer's, called `inputs` behind the layer's name, and sampled like one; its
/// selection is shared by all steps of the window. That of the outputs with `W_h`, one step after
/// the other, is exact. The first step goes on from the last one of the minibatch before where
/// [`StepContext::continues`] says so, and from zeros elsewhere; the gradient goes back to the first
/// step of the window alone (truncated backpropagation through time). Evaluations have a memory of
/// their own.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::layer::{Layer, Lstm, LstmShape, StepContext};
/// use training::matrix::Matrix;
/// let shape = LstmShape { inputs: 3, units: 5, steps: 4, sequences: 2 };
/// let stream = Stream::new(1, "example");
/// let mut layer = Lstm::new("lstm", shape, 0.1, None, stream);
/// let context = StepContext::training(InstructionSet::detect(), stream, 0);
/// layer.forward(&context, &Matrix::zeros(4 * 2, 3));
/// assert_eq!((layer.output().rows(), layer.output().columns()), (4 * 2, 5));
/// ```
#[derive(Debug)]
pub struct Lstm {
    name: String,
    shape: LstmShape,
    /// X W_x + b of all steps.
    inputs: Linear,
    /// W_h (units x 4 units).
    weight: Vec<f32>,
    weight_gradient: Vec<f32>,
    training: Carried,
    evaluation: Carried,
    /// What the window of the last forward pass began with.
    first: Carried,
    /// The gates' values, then their gradients: of every step and sequence.
    gates: Matrix,
    cells: Matrix,
    output: Matrix,
}

/// Output and cells of every sequence after a step.
#[derive(Clone, Debug, Default)]
struct Carried {
    output: Vec<f32>,
    cells: Vec<f32>,
}

impl Carried {
    /// As many zeros of each.
    fn clear(&mut self, numbers: usize) {
        for numbers_of in [&mut self.output, &mut self.cells] {
            numbers_of.clear();
            numbers_of.resize(numbers, 0.0);
        }
    }

    /// The last step of a window.
    fn follow(&mut self, output: &Matrix, cells: &Matrix) {
        let numbers = self.output.len();
        let last = |of: &Matrix| of.data().len() - numbers;
        self.output.copy_from_slice(&output.data()[last(output)..]);
        self.cells.copy_from_slice(&cells.data()[last(cells)..]);
    }

    fn copy_from(&mut self, other: &Self) {
        self.output.clone_from(&other.output);
        self.cells.clone_from(&other.cells);
    }
}

impl Lstm {
    /// A layer whose weights are uniform in plus or minus `bound`, biases 0; the policy is of the
    /// product with the inputs.
    pub fn new(
        name: &str,
        shape: LstmShape,
        bound: f64,
        policy: Option<SamplingPolicy>,
        stream: Stream,
    ) -> Self {
        let columns = GATES * shape.units;
        let weights = |rows: usize, stream: Stream| {
            uniform_within(bound, rows * columns, stream.child("weight"))
        };
        let of_inputs = (weights(shape.inputs, stream.child("inputs")), vec![0.0; columns]);
        let sides = [shape.inputs, columns];
        let inputs = Linear::with_parameters(&format!("{name}.inputs"), sides, of_inputs, policy);
        let weight = weights(shape.units, stream);
        let mut training = Carried::default();
        training.clear(shape.sequences * shape.units);
        Self {
            name: name.to_owned(),
            shape,
            inputs,
            weight_gradient: vec![0.0; weight.len()],
            weight,
            training,
            evaluation: Carried::default(),
            first: Carried::default(),
            gates: Matrix::default(),
            cells: Matrix::default(),
            output: Matrix::default(),
        }
    }

    fn columns(&self) -> usize {
        GATES * self.shape.units
    }

    fn recurrent(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(&self.weight, self.shape.units, self.columns())
    }

    fn sequences(&self, rows: usize) -> usize {
        let steps = self.shape.steps;
        assert!(rows.is_multiple_of(steps), "{}: {rows} rows of {steps} steps", self.name);
        rows / steps
    }

    /// Makes `first` what the window begins with.
    fn begin(&mut self, context: &StepContext, sequences: usize) {
        let numbers = sequences * self.shape.units;
        let carried = if context.training.is_some() {
            assert_eq!(sequences, self.shape.sequences, "{}: sequences", self.name);
            &self.training
        } else {
            &self.evaluation
        };
        if context.continues && carried.output.len() == numbers {
            self.first.copy_from(carried);
        } else {
            self.first.clear(numbers);
        }
    }

    /// Remembers the end of the window.
    fn end(&mut self, context: &StepContext) {
        if context.is_rehearsal {
            return;
        }
        let carried = match context.training {
            Some(_) => &mut self.training,
            None => &mut self.evaluation,
        };
        carried.output.resize(self.first.output.len(), 0.0);
        carried.cells.resize(self.first.cells.len(), 0.0);
        carried.follow(&self.output, &self.cells);
    }

    /// The gradient of the gates, in the place of their values: from the last step to the first.
    fn gate_gradients(&mut self, context: &StepContext, output_gradient: &Matrix) {
        let (units, columns) = (self.shape.units, self.columns());
        let sequences = self.sequences(output_gradient.rows());
        let numbers = sequences * units;
        let mut gates = std::mem::take(&mut self.gates);
        let recurrent = self.recurrent();
        let mut later = Carried::default();
        later.clear(numbers);
        for step in (0..self.shape.steps).rev() {
            let at = step * numbers;
            let before = match at.checked_sub(numbers) {
                Some(before) => &self.cells.data()[before..at],
                None => &self.first.cells,
            };
            let gradient = CellGradient {
                set: context.set,
                units,
                cells: &self.cells.data()[at..][..numbers],
                before,
                output: &output_gradient.data()[at..][..numbers],
            };
            let of_step =
                &mut gates.data_mut()[step * sequences * columns..][..sequences * columns];
            gradient.propagate(of_step, &later.output, &mut later.cells);
            if step > 0 {
                let of_gates = MatrixView::row_major(of_step, sequences, columns);
                let to = MatrixViewMut::row_major(&mut later.output, sequences, units);
                matmul(context.set, of_gates, recurrent.transpose(), to);
            }
        }
        self.gates = gates;
        let all = [(self.shape.steps - 1) * sequences, columns, units];
        context.count(Computations::of_product(all, all));
    }

    /// The gradient of W_h: of the outputs one step before.
    fn recurrent_gradient(&mut self, context: &StepContext) {
        let (units, columns, rows) = (self.shape.units, self.columns(), self.gates.rows());
        let numbers = self.first.output.len();
        let gates = self.gates.view();
        let mut to = MatrixViewMut::row_major(&mut self.weight_gradient, units, columns);
        let sequences = numbers / units.max(1);
        let first = MatrixView::row_major(&self.first.output, sequences, units);
        let later = MatrixView::row_major(
            &self.output.data()[..self.output.data().len() - numbers],
            rows - sequences,
            units,
        );
        let of_first = gates.part(0..sequences, 0..columns);
        matmul(context.set, first.transpose(), of_first, to.reborrow());
        let rest = Product::new(later.transpose(), gates.part(sequences..rows, 0..columns));
        let added = rest.instructions(context.set).add_to(to);
        added.expect("both have a row a step and sequence");
        let all = [units, rows, columns];
        context.count(Computations::of_product(all, all));
    }
}

impl Layer for Lstm {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let LstmShape { units, steps, .. } = self.shape;
        let (rows, columns) = (input.rows(), self.columns());
        let sequences = self.sequences(rows);
        self.begin(context, sequences);
        self.inputs.forward(context, input);
        let mut gates = self.inputs.take_output();
        let [mut cells, mut output] = [&mut self.cells, &mut self.output].map(std::mem::take);
        cells.reshape_in(context.memory, rows, units);
        output.reshape_in(context.memory, rows, units);
        let recurrent = self.recurrent();
        let numbers = sequences * units;
        for step in 0..steps {
            let (earlier, later) = output.data_mut().split_at_mut(step * numbers);
            let (cells_before, cells_after) = cells.data_mut().split_at_mut(step * numbers);
            let (before, cells_before) = match earlier.len().checked_sub(numbers) {
                Some(last) => (&earlier[last..], &cells_before[last..]),
                None => (&self.first.output[..], &self.first.cells[..]),
            };
            let of_step =
                &mut gates.data_mut()[step * sequences * columns..][..sequences * columns];
            let before = MatrixView::row_major(before, sequences, units);
            let product = Product::new(before, recurrent).instructions(context.set);
            let added = product.add_to(MatrixViewMut::row_major(of_step, sequences, columns));
            added.expect("W has a row a unit");
            let cell = Cell { set: context.set, units, before: cells_before };
            cell.advance(of_step, &mut cells_after[..numbers], &mut later[..numbers]);
        }
        (self.gates, self.cells, self.output) = (gates, cells, output);
        self.end(context);
        if context.training.is_some() {
            let all = [rows, units, columns];
            context.count(Computations::of_product(all, all));
        }
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        self.inputs.demand()
    }

    fn learns(&self, context: &StepContext) -> bool {
        self.inputs.learns(context) || context.learns(&self.name, "weight")
    }

    /// The outputs are read again by the backward pass of this layer itself: all are kept.
    fn keep(&mut self, _context: &StepContext, _demand: Demand<'_>) -> bool {
        false
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        self.gate_gradients(context, output_gradient);
        if context.learns(&self.name, "weight") {
            self.recurrent_gradient(context);
        }
        self.inputs.backward(context, input, &self.gates, input_gradient_needed);
        self.gates.release(context.memory);
        self.cells.release(context.memory);
    }

    fn input_gradient(&self) -> &Matrix {
        self.inputs.input_gradient()
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.inputs.release_input_gradient(context);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.inputs.visit_parameters(visit);
        let columns = self.columns();
        let name = ParameterName::new(&self.name, "weight");
        let gradient = Gradient::Dense(&self.weight_gradient);
        visit(Parameter::new(name, &mut self.weight, columns, gradient));
    }

    fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        self.inputs.visit_sampled(visit);
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.inputs.visit_state(visit);
        visit(&format!("{}.weight", self.name), &mut self.weight);
    }

    fn visit_carried(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.carried-output", self.name), &mut self.training.output);
        visit(&format!("{}.carried-cells", self.name), &mut self.training.cells);
    }
}
