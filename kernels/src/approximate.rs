//! The checking entry point: all four steps, with every input looked at first.

use crate::estimator::Estimator;
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::product::matmul_selected;
use crate::raw::{InstructionSet, Real};
use crate::scores::column_row_scores;
use crate::selection::{Selection, SelectionError};
use rand::Rng;
use std::any::type_name;

/// Why an approximate product cannot be formed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ApproximationError {
    /// The inner dimensions differ.
    #[error(
        "A is {left_rows} x {left_columns} and B is {right_rows} x {right_columns}: the columns of A are not the rows of B"
    )]
    ShapeMismatch {
        /// Rows of A.
        left_rows: usize,
        /// Columns of A.
        left_columns: usize,
        /// Rows of B.
        right_rows: usize,
        /// Columns of B.
        right_columns: usize,
    },
    /// An element is NaN or infinite.
    #[error("{matrix}[{row}, {column}] is {value}; elements are finite numbers")]
    NonFinite {
        /// Which factor, "A" or "B".
        matrix: &'static str,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A scaled element of A, or a sum over finite elements, leaves the range of their type.
    #[error(
        "C[{row}, {column}] is {value}: a scaled element of A or the sum leaves the range of \
         {number}, though every element of A and B is finite"
    )]
    Overflow {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// What the sum came to.
        value: f64,
        /// The type of the elements.
        number: &'static str,
    },
    /// No selection can be drawn.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// An approximate product and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct ApproximateProduct<T> {
    /// The m x p estimate of AB, row-major.
    pub product: Vec<T>,
    /// The pairs it sums.
    pub selection: Selection,
}

/// Estimates AB by about k of its column-row pairs.
///
/// ```
/// use kernels::{Estimator, MatrixView, approximate_product, random::Stream};
/// let a = MatrixView::row_major(&[1.0, 9.0], 1, 2);
/// let b = MatrixView::row_major(&[1.0, 1.0], 2, 1);
/// let estimate = approximate_product(a, b, &Estimator::TopK, 1, &mut Stream::new(0, "doc").at(0))?;
/// assert_eq!(estimate.product, [9.0]);
/// # Ok::<(), kernels::approximate::ApproximationError>(())
/// ```
///
/// # Errors
/// When the shapes do not fit, k is zero, or an element is NaN or infinite, of A, B or the estimate.
pub fn approximate_product<T: Real>(
    a: MatrixView<T>,
    b: MatrixView<T>,
    estimator: &Estimator,
    k: usize,
    rng: &mut impl Rng,
) -> Result<ApproximateProduct<T>, ApproximationError> {
    if a.columns() != b.rows() {
        return Err(ApproximationError::ShapeMismatch {
            left_rows: a.rows(),
            left_columns: a.columns(),
            right_rows: b.rows(),
            right_columns: b.columns(),
        });
    }
    for (matrix, view) in [("A", &a), ("B", &b)] {
        if let Some((row, column, value)) = view.first_non_finite() {
            return Err(ApproximationError::NonFinite { matrix, row, column, value });
        }
    }
    let selection = estimator.select(&column_row_scores(a, b), k, rng)?;
    let mut product = vec![T::ZERO; a.rows() * b.columns()];
    let c = MatrixViewMut::row_major(&mut product, a.rows(), b.columns());
    matmul_selected(InstructionSet::detect(), a, b, &selection, c);
    let estimate = MatrixView::row_major(&product, a.rows(), b.columns());
    if let Some((row, column, value)) = estimate.first_non_finite() {
        return Err(ApproximationError::Overflow { row, column, value, number: type_name::<T>() });
    }
    Ok(ApproximateProduct { product, selection })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn estimate(a: &[f64], b: &[f64], n: usize, k: usize) -> Result<Vec<f64>, ApproximationError> {
        let a = MatrixView::row_major(a, a.len() / n, n);
        let b = MatrixView::row_major(b, n, b.len() / n);
        let mut rng = Stream::new(0, "test").at(0);
        Ok(approximate_product(a, b, &Estimator::Bernoulli, k, &mut rng)?.product)
    }

    #[test]
    fn elements_that_are_not_numbers_are_named() {
        let error = estimate(&[1.0, 2.0, f64::NAN, 4.0], &[1.0, 1.0], 2, 1).unwrap_err();
        assert_eq!(error.to_string(), "A[1, 0] is NaN; elements are finite numbers");
        let error = estimate(&[1.0, 2.0], &[1.0, f64::INFINITY], 2, 1).unwrap_err();
        assert_eq!(error.to_string(), "B[1, 0] is inf; elements are finite numbers");
    }

    #[test]
    fn shapes_and_budgets_are_checked() {
        assert_eq!(
            estimate(&[1.0], &[1.0], 1, 0),
            Err(ApproximationError::Selection(SelectionError::ZeroBudget))
        );
        let a = MatrixView::row_major(&[1.0f32; 6], 2, 3);
        let result = approximate_product(a, a, &Estimator::TopK, 1, &mut Stream::new(0, "t").at(0));
        assert!(matches!(result, Err(ApproximationError::ShapeMismatch { .. })));
    }

    #[test]
    fn k_of_at_least_n_is_exact() {
        assert_eq!(estimate(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 3, 5), Ok(vec![32.0]));
    }
}
