//! Eigenvectors of small symmetric matrices, with the same bits everywhere.

/// An eigenvalue with its eigenvector.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigenpair {
    /// The eigenvalue.
    pub value: f64,
    /// The eigenvector, of length 1; of its elements of largest magnitude the first is positive.
    pub vector: Vec<f64>,
}

/// Rotations of every pair of rows and columns; the off-diagonal elements fall quadratically in the
/// end, so that matrices of this size need fewer than ten.
const MOST_SWEEPS: usize = 50;

/// The eigenvalues of a symmetric matrix of `size` x `size`, the largest first, and orthonormal
/// eigenvectors: the cyclic Jacobi method (Golub and Van Loan 2013, section 8.5).
///
/// Its rotations come in one order and are made of additions, multiplications, divisions and square
/// roots, so no platform rounds them otherwise. The upper triangle is not read.
///
/// ```
/// use training::eigen::symmetric_eigen;
/// let pairs = symmetric_eigen(&[2.0, 1.0, 1.0, 2.0], 2);
/// assert!((pairs[0].value - 3.0).abs() < 1e-15 && (pairs[1].value - 1.0).abs() < 1e-15);
/// assert!((pairs[0].vector[0] - 0.5f64.sqrt()).abs() < 1e-15);
/// ```
///
/// # Panics
/// When the matrix has another number of elements.
pub fn symmetric_eigen(matrix: &[f64], size: usize) -> Vec<Eigenpair> {
    assert_eq!(matrix.len(), size * size, "elements of a square matrix");
    let at = |row: usize, column: usize| row * size + column;
    let mut a: Vec<f64> = (0..size * size)
        .map(|i| matrix[at((i / size).max(i % size), (i / size).min(i % size))])
        .collect();
    // A row an eigenvector.
    let mut vectors: Vec<f64> =
        (0..size * size).map(|i| f64::from(u8::from(i / size == i % size))).collect();
    let norm: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..MOST_SWEEPS {
        let off_diagonal: f64 = (0..size)
            .flat_map(|row| (0..row).map(move |column| (row, column)))
            .map(|(row, column)| a[at(row, column)] * a[at(row, column)])
            .sum();
        if off_diagonal <= f64::EPSILON * f64::EPSILON * norm {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                let Some((cosine, sine)) = rotation(a[at(p, p)], a[at(q, q)], a[at(p, q)]) else {
                    continue;
                };
                let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
                for k in 0..size {
                    (a[at(k, p)], a[at(k, q)]) = turn(a[at(k, p)], a[at(k, q)]);
                }
                for k in 0..size {
                    (a[at(p, k)], a[at(q, k)]) = turn(a[at(p, k)], a[at(q, k)]);
                    (vectors[at(p, k)], vectors[at(q, k)]) =
                        turn(vectors[at(p, k)], vectors[at(q, k)]);
                }
            }
        }
    }
    let mut pairs: Vec<Eigenpair> = vectors
        .chunks_exact(size.max(1))
        .enumerate()
        .map(|(i, vector)| Eigenpair { value: a[at(i, i)], vector: with_sign(vector) })
        .collect();
    // A stable sort: of equal eigenvalues the first stays the first.
    pairs.sort_by(|one, other| other.value.total_cmp(&one.value));
    pairs
}

/// Cosine and sine of the rotation that makes the off-diagonal element of a symmetric 2 x 2 matrix
/// zero, or none where it is.
fn rotation(first: f64, second: f64, off_diagonal: f64) -> Option<(f64, f64)> {
    if off_diagonal == 0.0 {
        return None;
    }
    let ratio = (second - first) / (2.0 * off_diagonal);
    // The smaller root of t^2 + 2 ratio t - 1.
    let root = (ratio * ratio + 1.0).sqrt();
    let tangent = if ratio < 0.0 { -1.0 / (root - ratio) } else { 1.0 / (root + ratio) };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    Some((cosine, tangent * cosine))
}

/// The vector or its negative, see [`Eigenpair`].
fn with_sign(vector: &[f64]) -> Vec<f64> {
    let largest =
        vector.iter().fold(0.0f64, |most, x| if x.abs() > most.abs() { *x } else { most });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    vector.iter().map(|x| sign * x).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{Stream, standard_normal};
    use nalgebra::{DMatrix, SymmetricEigen};

    /// A random covariance matrix of fewer samples than elements, so that some eigenvalues are 0.
    fn covariance(seed: u64, size: usize, samples: usize) -> Vec<f64> {
        let mut rng = Stream::new(seed, "eigen").at(0);
        let x: Vec<f64> = (0..samples * size).map(|_| standard_normal(&mut rng)).collect();
        let product = |i: usize, j: usize| x.chunks(size).map(|x| x[i] * x[j]).sum();
        (0..size * size).map(|place| product(place / size, place % size)).collect()
    }

    #[test]
    fn pairs_are_those_of_nalgebra() {
        for (seed, (size, samples)) in (0..).zip([(1, 3), (2, 2), (5, 3), (12, 40), (27, 20)]) {
            let matrix = covariance(seed, size, samples);
            let found = symmetric_eigen(&matrix, size);
            let expected = SymmetricEigen::new(DMatrix::from_row_slice(size, size, &matrix));
            let mut values: Vec<f64> = expected.eigenvalues.iter().copied().collect();
            values.sort_by(|one, other| other.total_cmp(one));
            let scale = values[0].max(1.0);
            for (found, expected) in found.iter().zip(&values) {
                assert!(
                    (found.value - expected).abs() < 1e-12 * scale,
                    "{} {expected}",
                    found.value
                );
            }
            // Vectors of simple eigenvalues are unique but for their sign.
            for (column, value) in expected.eigenvalues.iter().enumerate() {
                let near = |other: &&f64| (*other - value).abs() < 1e-6 * scale;
                if values.iter().filter(near).count() > 1 {
                    continue;
                }
                let place = values.iter().position(|other| other == value).unwrap();
                let vector = expected.eigenvectors.column(column);
                let product: f64 =
                    vector.iter().zip(&found[place].vector).map(|(x, y)| x * y).sum();
                assert!((product.abs() - 1.0).abs() < 1e-9, "{size}: {product}");
            }
        }
    }

    #[test]
    fn vectors_are_orthonormal_and_have_their_sign() {
        let pairs = symmetric_eigen(&covariance(7, 12, 9), 12);
        for (i, one) in pairs.iter().enumerate() {
            for (j, other) in pairs.iter().enumerate() {
                let product: f64 = one.vector.iter().zip(&other.vector).map(|(x, y)| x * y).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13, "{i} {j} {product}");
            }
            let magnitude = one.vector.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            assert_eq!(one.vector.iter().find(|x| x.abs() == magnitude), Some(&magnitude));
        }
    }

    #[test]
    fn a_diagonal_matrix_is_only_sorted() {
        let pairs = symmetric_eigen(&[1.0, 0.0, 0.0, 3.0], 2);
        assert_eq!(pairs[0], Eigenpair { value: 3.0, vector: vec![0.0, 1.0] });
        assert_eq!(pairs[1], Eigenpair { value: 1.0, vector: vec![1.0, 0.0] });
    }
}
