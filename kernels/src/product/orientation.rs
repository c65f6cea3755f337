//! Which side of the output runs along the vector lanes.
//!
//! C = AB and C^T = B^T A^T are the same chains of the same products, so the choice is free. It
//! is made by estimated cost: arithmetic on partly filled panels, copies of factors that cannot
//! be read in place, and reordering of outputs whose lanes are not adjacent.

use super::loop_nest::multiply_block;
use super::operands::Problem;
use super::packing::{Storage, storage_of_right};
use crate::matrix::MatrixViewMut;
use micro_kernels::{InstructionSet, OutputBlock, Real};

/// Cost of copying one number into a packed block, in fused multiply-adds of one lane.
const COPY: f64 = 12.0;
/// The same where source and destination run across each other.
const TRANSPOSE: f64 = 24.0;

/// C over the threads of the ambient pool.
pub(super) fn multiply<T: Real>(set: InstructionSet, problem: &Problem<T>, c: MatrixViewMut<T>) {
    multiply_in_parts(set, problem, c, rayon::current_num_threads());
}

/// C as about `parts` tasks of the ambient pool; how many is without effect on the numbers.
pub(crate) fn multiply_in_parts<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    c: MatrixViewMut<T>,
    parts: usize,
) {
    if problem.rows == 0 || problem.columns == 0 {
        return;
    }
    let flipped = problem.transposed();
    let straight_cost = cost(set, problem, c.column_stride());
    let flipped_cost = cost(set, &flipped, c.row_stride());
    let (problem, c) =
        if straight_cost <= flipped_cost { (problem, c) } else { (&flipped, c.transpose()) };
    let (rows, lanes) = (c.rows(), c.columns());
    let (row_stride, lane_stride) = (c.row_stride(), c.column_stride());
    let output = OutputBlock::new(c.data, rows, lanes, row_stride, lane_stride);
    multiply_block(set, problem, output, parts);
}

fn cost<T: Real>(set: InstructionSet, problem: &Problem<T>, output_lane_stride: usize) -> f64 {
    let (rows, lanes, inner) = (problem.rows as f64, problem.columns as f64, problem.inner as f64);
    let padded = problem.columns.next_multiple_of(T::lanes(set)) as f64;
    let arithmetic = rows * padded * inner;
    let left = COPY * rows * inner;
    let right = match (storage_of_right(problem), problem.right.outer_stride) {
        (Storage::InPlace, _) => 0.0,
        (Storage::PackedOnTheWay, _) | (Storage::Packed, 1) => COPY * lanes * inner,
        (Storage::Packed, _) => TRANSPOSE * lanes * inner,
    };
    let output = if output_lane_stride == 1 { 0.0 } else { TRANSPOSE * rows * lanes };
    arithmetic + left + right + output
}
