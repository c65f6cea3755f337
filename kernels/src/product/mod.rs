//! Step four of four: exact and selected matrix products.
//!
//! Every output element is one chain of fused multiply-adds in increasing order of the inner
//! index, c <- fma(a, b, c) from zero. That sentence is the whole specification: blocking, thread
//! count, instruction set and memory layout change nothing. A selected product is the same chain
//! over the selected pairs, with the scale multiplied (and rounded) into the element of A, so a
//! selection of all pairs with scale one gives the bits of the exact product.
//!
//! [`Product`] is a product as a value: checked, over all pairs or selected ones, written to C or
//! added to it. The functions beside it are for inner loops and panic where the shapes do not fit.
//!
//! Work is parallel over blocks of the output on the ambient rayon pool. `operands` says where
//! the numbers of a factor come from, `packing` copies them into the order the micro-kernel
//! reads, `orientation` chooses which side of the output runs along the vector lanes, `loop_nest` is
//! the blocked product itself, and `memory_order` copies what is reversed before all that.

mod blocking;
mod checked;
mod loop_nest;
mod memory_order;
mod operands;
mod orientation;
mod packing;

use crate::matrix::{MatrixView, MatrixViewMut};
use crate::selection::Selection;
pub(crate) use checked::check_factors;
pub use checked::{Product, ProductError};
use memory_order::in_memory_order;
use micro_kernels::{InstructionSet, Real};
use operands::scales_of;
pub(crate) use operands::{Factor, Problem};
pub(crate) use orientation::multiply_in_parts;
pub(crate) use packing::{copy_over, copy_run, interleave};

/// C = AB, with A m x n, B n x p and C m x p. [`Product`] is the same with errors in the place of
/// panics.
///
/// 2mnp floating-point operations. Any strides; a transposed view costs no copy, a reversed one does.
///
/// ```
/// use kernels::{InstructionSet, MatrixView, MatrixViewMut, product::matmul};
/// let a = MatrixView::row_major(&[1.0f32, 2.0, 3.0, 4.0], 2, 2);
/// let mut c = [0.0; 4];
/// let set = InstructionSet::detect();
/// matmul(set, a, a.transpose(), MatrixViewMut::row_major(&mut c, 2, 2));
/// assert_eq!(c, [5.0, 11.0, 11.0, 25.0]);
/// ```
///
/// # Panics
/// When the shapes do not fit.
pub fn matmul<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    b: MatrixView<T>,
    c: MatrixViewMut<T>,
) {
    expect_shapes(Product::new(a, b).instructions(set).write_to(c));
}

/// The estimate of AB over a selection: C = sum_{i in S} s_i A_i B^i. [`Product::over`] is the same
/// with errors in the place of panics.
///
/// 2 m |S| p floating-point operations. The selected columns of A and rows of B are gathered and
/// scaled on their way into the packed blocks, or read in place; pairs outside S are not touched.
///
/// # Panics
/// When the shapes do not fit, or the selection is not over the inner dimension.
pub fn matmul_selected<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    b: MatrixView<T>,
    selection: &Selection,
    c: MatrixViewMut<T>,
) {
    expect_shapes(Product::new(a, b).over(selection).instructions(set).write_to(c));
}

/// The selected rows of AB, each times its scale: row j of C (|S| x p) is s_j times row i_j, the
/// scale multiplied (and rounded) into the elements of A. [`Product::rows`] is the same with errors
/// in the place of panics.
///
/// This is the weight gradient of a layer sampled in the forward pass (A = X^T): only the rows
/// of sampled input features are not zero.
///
/// # Panics
/// When the shapes do not fit, or the selection is not over the rows of A.
pub fn matmul_selected_rows<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    b: MatrixView<T>,
    selection: &Selection,
    c: MatrixViewMut<T>,
) {
    expect_shapes(Product::new(a, b).rows(selection).instructions(set).write_to(c));
}

/// The selected columns of AB, each times its scale: column j of C (m x |S|) is s_j times column
/// i_j, the scale multiplied (and rounded) into the elements of B. [`Product::columns`] is the same
/// with errors in the place of panics.
///
/// This is the input gradient of a layer sampled in the forward pass (B = W^T): only the columns
/// of sampled input features are not zero.
///
/// # Panics
/// When the shapes do not fit, or the selection is not over the columns of B.
pub fn matmul_selected_columns<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    b: MatrixView<T>,
    selection: &Selection,
    c: MatrixViewMut<T>,
) {
    expect_shapes(Product::new(a, b).columns(selection).instructions(set).write_to(c));
}

/// [`matmul_selected_columns`] of a matrix A of which only some columns are stored, all others
/// being zero: column j of A is column `stored[j]` of the whole one, and of B the rows `stored`
/// are read. The bits are those of the whole product but for the sign of zeros, unless an element is
/// infinite or NaN.
///
/// This is the input gradient of a sampled layer whose output gradient comes from another one.
///
/// # Panics
/// When the shapes do not fit, a stored index is not below the rows of B, or the selection is not
/// over the columns of B.
pub fn matmul_stored_selected_columns<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    stored: &[u32],
    b: MatrixView<T>,
    selection: &Selection,
    c: MatrixViewMut<T>,
) {
    assert_eq!(a.columns(), stored.len(), "an index a stored column");
    assert!(stored.iter().all(|&index| (index as usize) < b.rows()), "indices are rows of B");
    assert_eq!((c.rows(), c.columns()), (a.rows(), selection.len()), "the shape of C");
    assert_eq!(selection.pairs(), b.columns(), "the selection is over the columns of B");
    in_memory_order(a, b, c, false, |a, b, c| {
        let problem = Problem {
            rows: a.rows(),
            columns: selection.len(),
            inner: stored.len(),
            left: Factor::of_left(&a),
            right: Factor {
                inner_index: Some(stored),
                outer_index: Some(selection.indices()),
                outer_scales: scales_of(selection),
                ..Factor::of_right(&b)
            },
            accumulate: false,
        };
        orientation::multiply(set, &problem, c);
    });
}

fn expect_shapes(done: Result<(), ProductError>) {
    done.unwrap_or_else(|error| panic!("{error}"));
}

#[cfg(test)]
mod tests;
