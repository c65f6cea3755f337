//! The checking entry point: all four steps, with every input looked at first.

use crate::estimator::Estimator;
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::product::{Product, ProductError, check_factors};
use crate::scores::column_row_scores;
use crate::selection::{Selection, SelectionError};
use micro_kernels::Real;
use rand::Rng;
use std::any::type_name;

/// Why an approximate product cannot be formed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ApproximationError {
    /// The shapes do not fit.
    #[error(transparent)]
    Shape(#[from] ProductError),
    /// There is not one score a pair.
    #[error("{scores} scores came for {pairs} pairs")]
    Scores {
        /// How many scores came.
        scores: usize,
        /// How many column-row pairs there are.
        pairs: usize,
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
pub fn approximate_product<'a, T: Real>(
    a: impl Into<MatrixView<'a, T>>,
    b: impl Into<MatrixView<'a, T>>,
    estimator: &Estimator,
    k: usize,
    rng: &mut impl Rng,
) -> Result<ApproximateProduct<T>, ApproximationError> {
    let (a, b) = (a.into(), b.into());
    check_factors(&a, &b)?;
    let mut product = vec![T::ZERO; a.rows() * b.columns()];
    let c = MatrixViewMut::row_major(&mut product, a.rows(), b.columns());
    let scores = column_row_scores(a, b);
    let selection = approximate_product_into(a, b, &scores, estimator, k, rng, c)?;
    Ok(ApproximateProduct { product, selection })
}

/// Estimates AB by about k of its column-row pairs, chosen by scores of one's own, and writes it to
/// C; says which pairs it took.
///
/// ```
/// use kernels::{Estimator, MatrixView, MatrixViewMut, approximate_product_into, random::Stream};
/// let a = MatrixView::row_major(&[1.0, 9.0], 1, 2);
/// let b = MatrixView::row_major(&[1.0, 1.0], 2, 1);
/// let mut c = [0.0];
/// let to = MatrixViewMut::row_major(&mut c, 1, 1);
/// // As of an importance that is known beforehand.
/// let (scores, mut rng) = ([1.0, 0.5], Stream::new(0, "doc").at(0));
/// approximate_product_into(a, b, &scores, &Estimator::TopK, 1, &mut rng, to)?;
/// assert_eq!(c, [1.0]);
/// # Ok::<(), kernels::approximate::ApproximationError>(())
/// ```
///
/// # Errors
/// As [`approximate_product`], or when there is not one score a pair that is a finite number of at
/// least 0. C is then as before, unless the estimate itself leaves the range of its elements.
pub fn approximate_product_into<'a, 'c, T: Real>(
    a: impl Into<MatrixView<'a, T>>,
    b: impl Into<MatrixView<'a, T>>,
    scores: &[f64],
    estimator: &Estimator,
    k: usize,
    rng: &mut impl Rng,
    c: impl Into<MatrixViewMut<'c, T>>,
) -> Result<Selection, ApproximationError> {
    let (a, b, mut c) = (a.into(), b.into(), c.into());
    check_factors(&a, &b)?;
    if scores.len() != a.columns() {
        return Err(ApproximationError::Scores { scores: scores.len(), pairs: a.columns() });
    }
    for (matrix, view) in [("A", &a), ("B", &b)] {
        if let Some((row, column, value)) = view.first_non_finite() {
            return Err(ApproximationError::NonFinite { matrix, row, column, value });
        }
    }
    let selection = estimator.select(scores, k, rng)?;
    Product::new(a, b).over(&selection).write_to(c.reborrow())?;
    if let Some((row, column, value)) = c.as_view().first_non_finite() {
        return Err(ApproximationError::Overflow { row, column, value, number: type_name::<T>() });
    }
    Ok(selection)
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
        assert!(matches!(result, Err(ApproximationError::Shape(ProductError::Factors { .. }))));
        let one = MatrixView::row_major(&[1.0f32], 1, 1);
        let into = |scores: &[f64], c: &mut [f32]| {
            let (columns, mut rng) = (c.len(), Stream::new(0, "t").at(0));
            let c = MatrixViewMut::row_major(c, 1, columns);
            approximate_product_into(one, one, scores, &Estimator::TopK, 1, &mut rng, c)
        };
        assert!(into(&[1.0], &mut [0.0]).is_ok());
        let error = into(&[1.0, 2.0], &mut [0.0]).unwrap_err();
        assert_eq!(error.to_string(), "2 scores came for 1 pairs");
        let error = into(&[1.0], &mut [0.0; 2]).unwrap_err();
        assert_eq!(error.to_string(), "C is 1 x 2 and the product 1 x 1");
        assert!(into(&[f64::NAN], &mut [0.0]).is_err());
    }

    #[test]
    fn k_of_at_least_n_is_exact() {
        assert_eq!(estimate(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 3, 5), Ok(vec![32.0]));
    }
}
