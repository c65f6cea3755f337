//! Shapes and strides with signs.

use crate::matrix::{MatrixView, MatrixViewMut, ViewError};
use micro_kernels::Real;

/// Where element (i, j) lies from element (0, 0): at i times the stride of the rows plus j times that
/// of the columns, in elements.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: isize,
    pub(super) column_stride: isize,
}

impl Layout {
    pub(super) fn gaps(&self) -> ViewError {
        let Self { rows, columns, row_stride, column_stride } = *self;
        ViewError::Gaps { rows, columns, row_stride, column_stride }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 || self.columns == 0
    }

    /// The strides without signs, and whether each axis is reversed.
    fn parts(&self) -> ([usize; 2], [bool; 2]) {
        let strides = [self.row_stride, self.column_stride];
        (strides.map(isize::unsigned_abs), strides.map(|stride| stride < 0))
    }

    /// The view of the slice that starts with the element of the lowest address.
    pub(super) fn view<T: Real>(self, data: &[T]) -> Result<MatrixView<'_, T>, ViewError> {
        let ([down, across], [rows, columns]) = self.parts();
        let view = MatrixView::with_strides(data, self.rows, self.columns, down, across)?;
        let view = if rows { view.reverse_rows() } else { view };
        Ok(if columns { view.reverse_columns() } else { view })
    }

    /// [`Self::view`] for writing.
    pub(super) fn view_mut<T: Real>(
        self,
        data: &mut [T],
    ) -> Result<MatrixViewMut<'_, T>, ViewError> {
        let ([down, across], [rows, columns]) = self.parts();
        let view = MatrixViewMut::with_strides(data, self.rows, self.columns, down, across)?;
        let view = if rows { view.reverse_rows() } else { view };
        Ok(if columns { view.reverse_columns() } else { view })
    }
}
