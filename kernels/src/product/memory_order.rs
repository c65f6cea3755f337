//! Views without a reversed axis, which is what packing reads and the micro-kernel writes.

use crate::matrix::{MatrixView, MatrixViewMut};
use micro_kernels::Real;

/// Calls `multiply` with factors and an output that are all in the order of the memory: where an axis
/// of one is reversed, with a copy.
pub(super) fn in_memory_order<T: Real>(
    a: MatrixView<T>,
    b: MatrixView<T>,
    mut c: MatrixViewMut<T>,
    accumulate: bool,
    multiply: impl FnOnce(MatrixView<T>, MatrixView<T>, MatrixViewMut<T>),
) {
    let copy = |view: MatrixView<T>| (!view.is_in_memory_order()).then(|| view.to_row_major());
    let (left, right) = (copy(a), copy(b));
    let a = left.as_ref().map_or(a, |left| MatrixView::row_major(left, a.rows(), a.columns()));
    let b = right.as_ref().map_or(b, |right| MatrixView::row_major(right, b.rows(), b.columns()));
    if c.is_in_memory_order() {
        return multiply(a, b, c);
    }
    let (rows, columns) = (c.rows(), c.columns());
    let mut result =
        if accumulate { c.as_view().to_row_major() } else { vec![T::ZERO; rows * columns] };
    multiply(a, b, MatrixViewMut::row_major(&mut result, rows, columns));
    c.copy_from_row_major(&result);
}
