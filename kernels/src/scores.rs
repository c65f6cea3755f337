//! Step one of four: how much each column-row pair matters.
//!
//! The score of pair i of a product AB is w_i = |A_i| |B^i|, the Euclidean norm of the i-th
//! column of A times that of the i-th row of B. It is the Frobenius norm of the rank-one matrix
//! A_i B^i, and every sampler of the paper starts from it. Norms are kept apart from scores
//! because the norms of a weight matrix change only when the weights do.

use crate::matrix::MatrixView;
use crate::random::below;
use crate::raw::{InstructionSet, Real};
use rand::Rng;
use rayon::prelude::*;

/// The Euclidean norm of every column, summed in f64.
///
/// The order of the sum follows the memory: where the elements of a column are adjacent, in
/// sixteen interleaved partial sums, otherwise from the first row to the last. It is fixed by the
/// view alone.
///
/// ```
/// use kernels::{MatrixView, scores::column_norms};
/// let a = MatrixView::row_major(&[3.0f32, 0.0, 4.0, 2.0], 2, 2);
/// assert_eq!(column_norms(a), [5.0, 2.0]);
/// ```
pub fn column_norms<T: Real>(a: MatrixView<T>) -> Vec<f64> {
    let mut norms = vec![0.0; a.columns()];
    column_norms_into(InstructionSet::detect(), a, &mut norms);
    norms
}

/// Elements of a task: some microseconds of work.
const ELEMENTS_A_TASK: usize = 1 << 14;
/// Columns of a task, at least: whole cache lines of every row.
const SHORTEST_TASK: usize = 128;

/// [`column_norms`] into a buffer of one number a column, without allocation.
///
/// # Panics
/// When the buffer's length is not the number of columns.
pub fn column_norms_into<T: Real>(set: InstructionSet, a: MatrixView<T>, norms: &mut [f64]) {
    assert_eq!(norms.len(), a.columns(), "one norm a column");
    // Columns are shared among threads; each is summed by one of them, in its own order.
    let columns_a_task = (ELEMENTS_A_TASK / a.rows().max(1)).max(SHORTEST_TASK);
    if norms.len() <= columns_a_task {
        return norms_of_columns(set, a, 0, norms);
    }
    norms
        .par_chunks_mut(columns_a_task)
        .enumerate()
        .for_each(|(task, norms)| norms_of_columns(set, a, task * columns_a_task, norms));
}

/// Norms of the columns from `first` on.
fn norms_of_columns<T: Real>(
    set: InstructionSet,
    a: MatrixView<T>,
    first: usize,
    norms: &mut [f64],
) {
    if a.column_stride() == 1 && a.row_stride() != 1 {
        norms.fill(0.0);
        for row in 0..a.rows() {
            let start = row * a.row_stride() + first;
            let elements = &a.data()[start..start + norms.len()];
            set.run(
                #[inline(always)]
                || {
                    for (norm, x) in norms.iter_mut().zip(elements) {
                        let x = x.to_f64();
                        *norm += x * x;
                    }
                },
            );
        }
        norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        return;
    }
    for (column, norm) in (first..).zip(norms) {
        let start = column * a.column_stride();
        let sum = match a.row_stride() {
            _ if a.rows() == 0 => 0.0,
            1 => sum_of_squares(set, &a.data()[start..start + a.rows()]),
            stride => {
                let elements = a.data()[start..].iter().step_by(stride.max(1)).take(a.rows());
                elements.fold(0.0, |sum, x| sum + x.to_f64() * x.to_f64())
            }
        };
        *norm = sum.sqrt();
    }
}

/// The sum of squares in f64, in sixteen interleaved partial sums that are then added in order.
pub fn sum_of_squares<T: Real>(set: InstructionSet, elements: &[T]) -> f64 {
    const PARTS: usize = 16;
    let sums = set.run(
        #[inline(always)]
        || {
            let mut sums = [0.0; PARTS];
            let (blocks, rest) = elements.as_chunks::<PARTS>();
            for block in blocks {
                for (sum, x) in sums.iter_mut().zip(block) {
                    let x = x.to_f64();
                    *sum += x * x;
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                let x = x.to_f64();
                *sum += x * x;
            }
            sums
        },
    );
    sums.iter().sum()
}

/// The Euclidean norm of every row, summed in f64 from the first column to the last.
pub fn row_norms<T: Real>(b: MatrixView<T>) -> Vec<f64> {
    column_norms(b.transpose())
}

/// [`row_norms`] into a buffer of one number a row, without allocation.
///
/// # Panics
/// When the buffer's length is not the number of rows.
pub fn row_norms_into<T: Real>(set: InstructionSet, b: MatrixView<T>, norms: &mut [f64]) {
    column_norms_into(set, b.transpose(), norms);
}

/// w_i = left_i * right_i.
///
/// # Panics
/// When the lengths differ.
pub fn pair_scores(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut scores = vec![0.0; left.len()];
    pair_scores_into(left, right, &mut scores);
    scores
}

/// [`pair_scores`] into a buffer.
///
/// # Panics
/// When the lengths differ.
pub fn pair_scores_into(left: &[f64], right: &[f64], scores: &mut [f64]) {
    assert!(
        left.len() == right.len() && left.len() == scores.len(),
        "one norm of each side and one score a pair: {}, {}, {}",
        left.len(),
        right.len(),
        scores.len()
    );
    for ((score, x), y) in scores.iter_mut().zip(left).zip(right) {
        *score = x * y;
    }
}

/// Scores estimated from a random few of the rows of A and of the columns of B (the released
/// code takes 10 of each): the norms of the restricted column and row, cheap and noisy.
///
/// Rows and columns are drawn with replacement. Scores are relative; they are not rescaled.
///
/// # Panics
/// When the inner dimensions differ.
pub fn estimated_scores<T: Real>(
    a: MatrixView<T>,
    b: MatrixView<T>,
    sampled_rows: usize,
    sampled_columns: usize,
    rng: &mut impl Rng,
) -> Vec<f64> {
    assert_eq!(a.columns(), b.rows(), "the inner dimensions of a product agree");
    let rows = draw_positions(a.rows(), sampled_rows, rng);
    let columns = draw_positions(b.columns(), sampled_columns, rng);
    let norm =
        |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |sum: f64, x| sum + x * x).sqrt();
    (0..a.columns())
        .map(|pair| {
            let left = norm(&mut rows.iter().map(|&row| a.at(row, pair).to_f64()));
            let right = norm(&mut columns.iter().map(|&column| b.at(pair, column).to_f64()));
            left * right
        })
        .collect()
}

fn draw_positions(length: usize, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    if length == 0 { Vec::new() } else { (0..count).map(|_| below(rng, length)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, standard_normal};

    #[test]
    fn both_memory_layouts_give_the_same_norms() {
        let mut rng = Stream::new(1, "scores").at(0);
        let data: Vec<f32> = (0..77 * 53).map(|_| standard_normal(&mut rng) as f32).collect();
        let rows = MatrixView::row_major(&data, 77, 53);
        let copy: Vec<f32> = (0..53 * 77).map(|i| rows.at(i % 77, i / 77)).collect();
        let columns = MatrixView::column_major(&copy, 77, 53);
        for (x, y) in column_norms(rows).iter().zip(column_norms(columns)) {
            assert!((x - y).abs() <= 77.0 * f64::EPSILON * x, "{x} {y}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut rng = Stream::new(2, "scores").at(0);
        let data: Vec<f32> = (0..31 * 45).map(|_| standard_normal(&mut rng) as f32).collect();
        let a = MatrixView::row_major(&data, 31, 45);
        for view in [a, a.transpose()] {
            let mut portable = vec![0.0; view.columns()];
            column_norms_into(InstructionSet::Portable, view, &mut portable);
            for set in InstructionSet::available() {
                let mut norms = vec![0.0; view.columns()];
                column_norms_into(set, view, &mut norms);
                assert_eq!(norms, portable, "{set}");
            }
        }
    }

    #[test]
    fn empty_matrices_have_norm_zero() {
        assert_eq!(column_norms(MatrixView::<f32>::row_major(&[], 0, 3)), [0.0; 3]);
        assert!(row_norms(MatrixView::<f64>::row_major(&[], 0, 3)).is_empty());
    }

    #[test]
    fn estimated_scores_of_all_rows_rank_like_exact_ones() {
        let a = MatrixView::row_major(&[1.0f64, 2.0, 3.0], 1, 3);
        let b = MatrixView::row_major(&[1.0f64, 1.0, 1.0], 3, 1);
        let scores = estimated_scores(a, b, 1, 1, &mut Stream::new(0, "slice").at(0));
        assert_eq!(scores, [1.0, 2.0, 3.0]);
    }
}
