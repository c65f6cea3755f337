//! Matrices of nalgebra that store all their elements side by side.

use crate::matrix::{MatrixView, MatrixViewMut};
use micro_kernels::Real;
use nalgebra::{Dim, IsContiguous, Matrix, RawStorage, RawStorageMut};

impl<'a, T: Real, R: Dim, C: Dim, S> From<&'a Matrix<T, R, C, S>> for MatrixView<'a, T>
where
    S: RawStorage<T, R, C> + IsContiguous,
{
    fn from(matrix: &'a Matrix<T, R, C, S>) -> Self {
        Self::column_major(matrix.as_slice(), matrix.nrows(), matrix.ncols())
    }
}

impl<'a, T: Real, R: Dim, C: Dim, S> From<&'a mut Matrix<T, R, C, S>> for MatrixViewMut<'a, T>
where
    S: RawStorageMut<T, R, C> + IsContiguous,
{
    fn from(matrix: &'a mut Matrix<T, R, C, S>) -> Self {
        let (rows, columns) = matrix.shape();
        Self::column_major(matrix.as_mut_slice(), rows, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, Matrix2x3};

    #[test]
    fn matrices_pass_without_a_copy() {
        for (rows, columns) in [(2, 3), (1, 5), (5, 1), (0, 3), (3, 0)] {
            let matrix = DMatrix::from_fn(rows, columns, |i, j| (10 * i + j) as f64);
            let view = MatrixView::from(&matrix);
            assert_eq!((view.rows(), view.columns()), (rows, columns));
            assert_eq!(view.data().as_ptr(), matrix.as_slice().as_ptr());
            let same = |(i, j): (usize, usize)| view.at(i, j) == matrix[(i, j)];
            assert!((0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).all(same));
        }
        let fixed = Matrix2x3::new(1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0);
        assert_eq!(MatrixView::from(&fixed).at(1, 2), 6.0);
    }

    #[test]
    fn what_is_written_is_in_the_matrix() {
        let mut matrix = DMatrix::zeros(2, 3);
        MatrixViewMut::from(&mut matrix)
            .reverse_rows()
            .copy_from_row_major(&[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(matrix, DMatrix::from_row_slice(2, 3, &[4.0, 5.0, 6.0, 1.0, 2.0, 3.0]));
    }
}
