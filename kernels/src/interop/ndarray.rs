//! Views of ndarray whose elements follow each other in memory.

use super::layout::Layout;
use crate::matrix::{MatrixView, MatrixViewMut, ViewError};
use micro_kernels::Real;
use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2};

impl Layout {
    fn of_array<T>(array: &ArrayRef2<T>) -> Self {
        let ((rows, columns), strides) = (array.dim(), array.strides());
        Self { rows, columns, row_stride: strides[0], column_stride: strides[1] }
    }
}

impl<'a, T: Real> TryFrom<ArrayView2<'a, T>> for MatrixView<'a, T> {
    type Error = ViewError;

    /// # Errors
    /// [`ViewError::Gaps`] for a block of a larger array, or one that repeats elements.
    fn try_from(array: ArrayView2<'a, T>) -> Result<Self, ViewError> {
        let layout = Layout::of_array(&array);
        let data = if layout.is_empty() { Some(&[][..]) } else { array.to_slice_memory_order() };
        layout.view(data.ok_or(layout.gaps())?)
    }
}

impl<'a, T: Real> TryFrom<ArrayViewMut2<'a, T>> for MatrixViewMut<'a, T> {
    type Error = ViewError;

    /// # Errors
    /// [`ViewError::Gaps`] for a block of a larger array.
    fn try_from(array: ArrayViewMut2<'a, T>) -> Result<Self, ViewError> {
        let layout = Layout::of_array(&array);
        let data =
            if layout.is_empty() { Some(&mut [][..]) } else { array.into_slice_memory_order() };
        layout.view_mut(data.ok_or(layout.gaps())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn counted(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (10 * i + j) as f64)
    }

    #[track_caller]
    fn assert_same(array: ArrayView2<f64>) {
        let view = MatrixView::try_from(array).unwrap();
        assert_eq!((view.rows(), view.columns()), array.dim());
        assert!(array.indexed_iter().all(|((i, j), &x)| view.at(i, j) == x), "{array}");
    }

    #[test]
    fn every_order_of_the_elements_passes_without_a_copy() {
        for (rows, columns) in [(3, 4), (1, 5), (5, 1), (1, 1), (0, 3), (3, 0)] {
            let array = counted(rows, columns);
            for array in [array.view(), array.t()] {
                assert_same(array);
                assert_same(array.slice(s![..;-1, ..]));
                assert_same(array.slice(s![.., ..;-1]));
                assert_same(array.slice(s![..;-1, ..;-1]));
            }
        }
        let array = counted(3, 4);
        let view = MatrixView::try_from(array.view()).unwrap();
        assert_eq!(view.data().as_ptr(), array.as_ptr());
    }

    #[test]
    fn a_block_of_an_array_is_refused_and_is_a_part_of_its_view() {
        let array = counted(4, 5);
        for block in [s![.., 1..3], s![.., ..;2], s![.., ..;-2], s![..;2, ..]] {
            let error = MatrixView::try_from(array.slice(block)).unwrap_err();
            assert!(matches!(error, ViewError::Gaps { .. }), "{error}");
        }
        let part = MatrixView::try_from(array.view()).unwrap().part(1..4, 1..3);
        let expected = array.slice(s![1..4, 1..3]);
        assert!(expected.indexed_iter().all(|((i, j), &x)| part.at(i, j) == x));
        let repeated = Array2::<f64>::zeros((1, 3));
        assert!(MatrixView::try_from(repeated.broadcast((2, 3)).unwrap()).is_err());
    }

    #[test]
    fn what_is_written_is_in_the_array() {
        let mut array = Array2::zeros((2, 3));
        let mut reversed = MatrixViewMut::try_from(array.slice_mut(s![.., ..;-1])).unwrap();
        reversed.copy_from_row_major(&[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(array, ndarray::array![[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]]);
        assert!(MatrixViewMut::try_from(array.slice_mut(s![.., ..2])).is_err());
    }
}
