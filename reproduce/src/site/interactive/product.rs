//! A product of matrices that are small enough to be read, with whole numbers in them.

use kernels::selection::SelectionError;
use kernels::{Estimator, MatrixView, scores::column_row_scores};
use serde::Serialize;

use super::Choice;

/// Columns of A and rows of B.
const PAIRS: usize = 6;
/// Rows of A, and columns of B.
const SIDE: usize = 3;

/// A, of norms that fall and directions that partly agree.
const A: [[f64; PAIRS]; SIDE] = [
    [3.0, 1.0, 0.0, 2.0, 1.0, -1.0],
    [1.0, 2.0, 1.0, 0.0, 1.0, 1.0],
    [2.0, 0.0, 3.0, 1.0, 1.0, 0.0],
];
/// B likewise.
const B: [[f64; SIDE]; PAIRS] = [
    [2.0, 1.0, 3.0],
    [1.0, 3.0, 0.0],
    [-2.0, 1.0, 2.0],
    [1.0, 0.0, 2.0],
    [1.0, 1.0, 1.0],
    [0.0, 2.0, 1.0],
];

/// The product, and what estimators make of it.
#[derive(Clone, Debug, Serialize)]
pub struct SmallProduct {
    /// A, row by row.
    pub a: [[f64; PAIRS]; SIDE],
    /// B, row by row.
    pub b: [[f64; SIDE]; PAIRS],
    /// The scores of the pairs.
    pub scores: Vec<f64>,
    /// The estimators.
    pub estimators: Vec<Choice>,
    /// The root of the expected squared error, of each estimator for every k from 1 to n.
    pub errors: Vec<Vec<f64>>,
}

impl SmallProduct {
    /// With these estimators.
    ///
    /// # Errors
    /// When one of them refuses the scores.
    pub fn new(estimators: &[Estimator]) -> Result<Self, SelectionError> {
        let (a, b) = (A, B);
        let scores = column_row_scores(
            MatrixView::row_major(a.as_flattened(), SIDE, PAIRS),
            MatrixView::row_major(b.as_flattened(), PAIRS, SIDE),
        );
        let products = inner_products();
        let error = |estimator: &Estimator, k: usize| -> Result<f64, SelectionError> {
            Ok(estimator.law(&scores, k)?.expected_squared_error(&products).max(0.0).sqrt())
        };
        let errors = estimators.iter().map(|one| (1..=PAIRS).map(|k| error(one, k)).collect());
        Ok(SmallProduct {
            a,
            b,
            errors: errors.collect::<Result<_, SelectionError>>()?,
            estimators: estimators.iter().map(|one| Choice::of(*one)).collect(),
            scores,
        })
    }

    /// The estimate of these scales, row by row: pairs are added in their order.
    pub fn estimate(scales: &[f64]) -> [[f64; SIDE]; SIDE] {
        let mut sum = [[0.0; SIDE]; SIDE];
        for (pair, scale) in scales.iter().enumerate().filter(|(_, scale)| **scale != 0.0) {
            for (row, to) in sum.iter_mut().enumerate() {
                for (column, to) in to.iter_mut().enumerate() {
                    *to += scale * (A[row][pair] * B[pair][column]);
                }
            }
        }
        sum
    }
}

/// <A_i B^i, A_j B^j> of all pairs, row by row.
fn inner_products() -> Vec<f64> {
    let of_a = |i: usize, j: usize| A.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let of_b = |i: usize, j: usize| B[i].iter().zip(&B[j]).map(|(x, y)| x * y).sum::<f64>();
    let places = (0..PAIRS).flat_map(|i| (0..PAIRS).map(move |j| (i, j)));
    places.map(|(i, j)| of_a(i, j) * of_b(i, j)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_all_pairs_every_estimate_is_the_exact_product() {
        let exact = SmallProduct::estimate(&[1.0; PAIRS]);
        assert_eq!(exact, [[10.0, 5.0, 13.0], [3.0, 11.0, 7.0], [0.0, 6.0, 15.0]]);
        let product = SmallProduct::new(&[Estimator::ColumnRow, Estimator::TopK]).unwrap();
        assert!(product.errors.iter().all(|row| row[PAIRS - 1] == 0.0 && row[0] > 5.0));
    }

    #[test]
    fn what_top_k_leaves_out_is_its_error() {
        let product = SmallProduct::new(&[Estimator::TopK]).unwrap();
        // Of the scores 14, 7.07, 9.49, 5, 3 and 3.16 the first and the third.
        let left_out = SmallProduct::estimate(&[0.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        let norm = left_out.as_flattened().iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((product.errors[0][1] - norm).abs() < 1e-12, "{norm}: {:?}", product.errors);
    }
}
