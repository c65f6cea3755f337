//! Views of faer whose elements follow each other in memory.

#![allow(unsafe_code, reason = "faer gives a pointer to the elements, not a slice")]

use super::layout::Layout;
use crate::matrix::{MatrixView, MatrixViewMut, ViewError};
use faer::{MatMut, MatRef};
use micro_kernels::Real;
use std::slice;

impl Layout {
    fn of_matrix<T>(matrix: MatRef<T>) -> Self {
        let (rows, columns) = matrix.shape();
        let (row_stride, column_stride) = (matrix.row_stride(), matrix.col_stride());
        // faer may step anywhere along an axis that has one element.
        let stride = |count, stride| if count > 1 { stride } else { 1 };
        Self {
            rows,
            columns,
            row_stride: stride(rows, row_stride),
            column_stride: stride(columns, column_stride),
        }
    }

    /// Whether there are elements, and each address from the lowest to the highest is one.
    fn is_dense(&self) -> bool {
        let rows = (self.row_stride.unsigned_abs(), self.rows);
        let columns = (self.column_stride.unsigned_abs(), self.columns);
        let follows = |inner: (usize, usize), outer: (usize, usize)| {
            (inner.0 == 1 || inner.1 == 1) && (outer.0 == inner.1 || outer.1 == 1)
        };
        follows(rows, columns) || follows(columns, rows)
    }

    /// How far below element (0, 0) the lowest address is.
    fn below_first(&self) -> usize {
        let below = |stride: isize, count: usize| {
            if stride < 0 { stride.unsigned_abs() * (count - 1) } else { 0 }
        };
        below(self.row_stride, self.rows) + below(self.column_stride, self.columns)
    }
}

impl<'a, T: Real> TryFrom<MatRef<'a, T>> for MatrixView<'a, T> {
    type Error = ViewError;

    /// # Errors
    /// [`ViewError::Gaps`] for a block of a larger matrix, and for one whose columns faer has padded.
    fn try_from(matrix: MatRef<'a, T>) -> Result<Self, ViewError> {
        let layout = Layout::of_matrix(matrix);
        if layout.is_empty() {
            return layout.view(&[]);
        }
        if !layout.is_dense() {
            return Err(layout.gaps());
        }
        let length = layout.rows * layout.columns;
        // SAFETY: the matrix is borrowed for 'a, and its elements are all from the lowest address on.
        let data =
            unsafe { slice::from_raw_parts(matrix.as_ptr().sub(layout.below_first()), length) };
        layout.view(data)
    }
}

impl<'a, T: Real> TryFrom<MatMut<'a, T>> for MatrixViewMut<'a, T> {
    type Error = ViewError;

    /// # Errors
    /// As for [`MatRef`].
    fn try_from(matrix: MatMut<'a, T>) -> Result<Self, ViewError> {
        let layout = Layout::of_matrix(matrix.as_ref());
        if layout.is_empty() {
            return layout.view_mut(&mut []);
        }
        if !layout.is_dense() {
            return Err(layout.gaps());
        }
        let length = layout.rows * layout.columns;
        // SAFETY: the matrix is borrowed alone for 'a and is not used again; its elements are all
        // from the lowest address on.
        let data = unsafe {
            slice::from_raw_parts_mut(matrix.as_ptr_mut().sub(layout.below_first()), length)
        };
        layout.view_mut(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_same(matrix: MatRef<f64>) {
        let view = MatrixView::try_from(matrix).unwrap();
        assert_eq!((view.rows(), view.columns()), matrix.shape());
        for (i, j) in (0..view.rows()).flat_map(|i| (0..view.columns()).map(move |j| (i, j))) {
            assert_eq!(view.at(i, j), matrix[(i, j)]);
        }
    }

    #[test]
    fn every_order_of_the_elements_passes_without_a_copy() {
        let numbers: Vec<f64> = (0..12).map(f64::from).collect();
        for (rows, columns) in [(3, 4), (1, 5), (5, 1), (1, 1), (0, 3), (3, 0)] {
            let matrix = MatRef::from_column_major_slice(&numbers[..rows * columns], rows, columns);
            for matrix in [matrix, matrix.transpose()] {
                assert_same(matrix);
                assert_same(matrix.reverse_rows());
                assert_same(matrix.reverse_cols());
                assert_same(matrix.reverse_rows_and_cols());
            }
        }
        let matrix = MatRef::from_column_major_slice(&numbers, 3, 4);
        assert_eq!(MatrixView::try_from(matrix).unwrap().data().as_ptr(), numbers.as_ptr());
        // One row or one column of a larger matrix has gaps or none.
        assert_same(matrix.subcols(1, 2));
        assert_same(matrix.submatrix(1, 2, 2, 1));
        assert!(MatrixView::try_from(matrix.submatrix(1, 1, 1, 3)).is_err());
    }

    #[test]
    fn a_block_of_a_matrix_is_refused_and_is_a_part_of_its_view() {
        let numbers: Vec<f64> = (0..12).map(f64::from).collect();
        let matrix = MatRef::from_column_major_slice(&numbers, 4, 3);
        let block = matrix.submatrix(1, 1, 2, 2);
        let error = MatrixView::try_from(block).unwrap_err();
        assert!(matches!(error, ViewError::Gaps { .. }), "{error}");
        let part = MatrixView::try_from(matrix).unwrap().part(1..3, 1..3);
        assert!((0..4).all(|at| part.at(at / 2, at % 2) == block[(at / 2, at % 2)]));
    }

    #[test]
    fn what_is_written_is_in_the_matrix() {
        let mut numbers = [0.0f64; 6];
        let matrix = MatMut::from_column_major_slice_mut(&mut numbers, 2, 3);
        let mut view = MatrixViewMut::try_from(matrix.reverse_rows_mut()).unwrap();
        view.copy_from_row_major(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(numbers, [4.0, 1.0, 5.0, 2.0, 6.0, 3.0]);
    }
}
