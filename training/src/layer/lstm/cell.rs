//! One step of the memory cells, and its gradient.

use crate::layer::activation::{logistic, tanh};
use kernels::InstructionSet;

/// The cells of some sequences before a step, a row a sequence.
pub(super) struct Cell<'a> {
    pub(super) set: InstructionSet,
    pub(super) units: usize,
    pub(super) before: &'a [f32],
}

/// The four gates of a sequence: input, forget, output, new content.
fn split(gates: &mut [f32], units: usize) -> [&mut [f32]; 4] {
    let (input, rest) = gates.split_at_mut(units);
    let (forget, rest) = rest.split_at_mut(units);
    let (output, content) = rest.split_at_mut(units);
    [input, forget, output, content]
}

impl Cell<'_> {
    /// Makes of the gates' sums their values, and of these the cells and outputs of the step.
    pub(super) fn advance(&self, gates: &mut [f32], cells: &mut [f32], outputs: &mut [f32]) {
        let units = self.units;
        let rows = gates.chunks_exact_mut(4 * units).zip(self.before.chunks_exact(units));
        let to = cells.chunks_exact_mut(units).zip(outputs.chunks_exact_mut(units));
        for ((gates, before), (cells, outputs)) in rows.zip(to) {
            let [input, forget, output, content] = split(gates, units);
            self.set.run(move || {
                let gates = input.iter_mut().zip(forget).zip(output.iter_mut().zip(content));
                let cells = before.iter().zip(cells).zip(outputs);
                for (((i, f), (o, g)), ((before, cell), output)) in gates.zip(cells) {
                    (*i, *f, *o, *g) = (logistic(*i), logistic(*f), logistic(*o), tanh(*g));
                    *cell = *f * before + *i * *g;
                    *output = *o * tanh(*cell);
                }
            });
        }
    }
}

/// What the gradient of a step depends on besides its gates.
pub(super) struct CellGradient<'a> {
    pub(super) set: InstructionSet,
    pub(super) units: usize,
    /// After the step.
    pub(super) cells: &'a [f32],
    /// Before the step.
    pub(super) before: &'a [f32],
    /// The gradient of the step's outputs by all that reads them but the next step.
    pub(super) output: &'a [f32],
}

impl CellGradient<'_> {
    /// Makes of the gates' values the gradients of their sums, and of the gradient of the cells
    /// after the step that of the cells before it. `by_next` is the gradient of the outputs by the
    /// next step.
    pub(super) fn propagate(&self, gates: &mut [f32], by_next: &[f32], of_cells: &mut [f32]) {
        let units = self.units;
        let rows = gates.chunks_exact_mut(4 * units).zip(of_cells.chunks_exact_mut(units));
        let cells = self.cells.chunks_exact(units).zip(self.before.chunks_exact(units));
        let outputs = self.output.chunks_exact(units).zip(by_next.chunks_exact(units));
        for (((gates, of_cells), (cells, before)), (outputs, by_next)) in
            rows.zip(cells).zip(outputs)
        {
            let [input, forget, output, content] = split(gates, units);
            self.set.run(move || {
                let gates = input.iter_mut().zip(forget).zip(output.iter_mut().zip(content));
                let cells = of_cells.iter_mut().zip(cells.iter().zip(before));
                let outputs = outputs.iter().zip(by_next);
                for ((((i, f), (o, g)), (of_cell, (cell, before))), (one, other)) in
                    gates.zip(cells).zip(outputs)
                {
                    let (of_output, squashed) = (one + other, tanh(*cell));
                    let through = *of_cell + of_output * *o * (1.0 - squashed * squashed);
                    let of_gates = (
                        through * *g * *i * (1.0 - *i),
                        through * before * *f * (1.0 - *f),
                        of_output * squashed * *o * (1.0 - *o),
                        through * *i * (1.0 - *g * *g),
                    );
                    *of_cell = through * *f;
                    (*i, *f, *o, *g) = of_gates;
                }
            });
        }
    }
}
