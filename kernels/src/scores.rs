//! Step one of four: how much each column-row pair matters.
//!
//! The score of pair i of a product AB is w_i = |A_i| |B^i|, the Euclidean norm of the i-th
//! column of A times that of the i-th row of B. It is the Frobenius norm of the rank-one matrix
//! A_i B^i, and every sampler of the paper starts from it. Norms are kept apart from scores
//! because the norms of a weight matrix change only when the weights do.
//!
//! Squares and products of finite numbers may lie beyond the range of f64. Sums are taken as they
//! come, and only where one is too large or too small for full precision it is taken again with a
//! wider exponent. So ordinary numbers cost nothing more, and all finite numbers have right scores.

use crate::matrix::MatrixView;
use crate::random::below;
use crate::wide::{HELD, Wide};
use micro_kernels::{InstructionSet, Real};
use rand::Rng;
use rayon::prelude::*;

/// The Euclidean norm of every column, summed in f64.
///
/// The order of the sum follows the memory: where the elements of a column are adjacent, in
/// sixteen interleaved partial sums, otherwise (as in a reversed view) from the first row to the last. It is fixed by the
/// view alone. Every norm is that of its elements to rounding, infinite if that is above
/// [`f64::MAX`].
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
    if norms.is_empty() {
        // The data of a view without columns may be shorter than its strides.
        return;
    }
    let in_memory_order = a.is_in_memory_order();
    if in_memory_order && a.column_stride() == 1 && a.row_stride() != 1 {
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
        for (column, norm) in (first..).zip(norms) {
            *norm = norm_of(*norm, || a.column(column));
        }
        return;
    }
    for (column, norm) in (first..).zip(norms) {
        let sum = if in_memory_order && a.row_stride() == 1 && a.rows() > 0 {
            let start = column * a.column_stride();
            sum_of_squares(set, &a.data()[start..start + a.rows()])
        } else {
            sum_in_order(a.column(column))
        };
        *norm = norm_of(sum, || a.column(column));
    }
}

/// The sum of squares in f64 from the first element to the last.
fn sum_in_order<T: Real>(elements: impl Iterator<Item = T>) -> f64 {
    elements.fold(0.0, |sum, x| sum + x.to_f64() * x.to_f64())
}

/// The Euclidean norm of elements whose sum of squares came to `sum` in f64.
#[inline(always)]
pub(crate) fn norm_of<T: Real, I: Iterator<Item = T>>(
    sum: f64,
    elements: impl FnOnce() -> I,
) -> f64 {
    if T::SQUARES_FIT || HELD.contains(&sum) || sum.is_nan() {
        sum.sqrt()
    } else {
        wide_norm(elements()).into()
    }
}

fn wide_norm<T: Real>(elements: impl Iterator<Item = T>) -> Wide {
    Wide::norm(elements.map(T::to_f64))
}

/// The Euclidean norm of adjacent elements, to rounding for any finite ones; their squares are
/// added as [`sum_of_squares`] does.
///
/// ```
/// use kernels::{InstructionSet, scores::norm};
/// assert_eq!(norm(InstructionSet::detect(), &[3e-200, 4e-200]), 5e-200);
/// ```
pub fn norm<T: Real>(set: InstructionSet, elements: &[T]) -> f64 {
    norm_of(sum_of_squares(set, elements), || elements.iter().copied())
}

/// The sum of squares in f64, in sixteen interleaved partial sums that are then added in order. Of
/// f64 it may be infinite, or zero, where the [`norm`] is not.
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

/// w_i = left_i * right_i, up to a factor in common: scores are relative.
///
/// Where a product is too large or too small for a normal f64, all are multiplied with the power of
/// two that puts the largest near 2^960, the largest of which 2^63 can be summed. Those below
/// 2^-2030 of the largest are then zero.
///
/// ```
/// use kernels::scores::pair_scores;
/// assert_eq!(pair_scores(&[2.0, 3.0], &[5.0, 7.0]), [10.0, 21.0]);
/// let tiny = pair_scores(&[2e-200, 2e-200], &[2e-200, 1e-200]);
/// assert_eq!(tiny[0] / tiny[1], 2.0);
/// ```
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
    let mut out_of_range = 0;
    for ((score, &x), &y) in scores.iter_mut().zip(left).zip(right) {
        *score = x * y;
        out_of_range += usize::from(!is_held(*score) && x != 0.0 && y != 0.0);
    }
    if out_of_range > 0 {
        fill_in_common(scores, |pair| Wide::from(left[pair]) * Wide::from(right[pair]));
    }
}

/// Whether f64 holds a number in full precision, if it is not zero.
fn is_held(number: f64) -> bool {
    (f64::MIN_POSITIVE..=f64::MAX).contains(&number.abs())
}

/// The scores, all times the power of two that puts the largest near 2^960.
fn fill_in_common(scores: &mut [f64], score: impl Fn(usize) -> Wide) {
    const LARGEST: i32 = 960;
    let largest = (0..scores.len()).filter_map(|pair| score(pair).exponent()).max().unwrap_or(0);
    for (pair, to) in scores.iter_mut().enumerate() {
        *to = score(pair).times_two_to(LARGEST - largest).into();
    }
}

/// The scores of the pairs of AB, |A_i| |B^i| up to a factor in common, for all finite elements: as
/// [`pair_scores`] of [`column_norms`] and [`row_norms`], and right where a norm itself is beyond
/// the range of f64.
///
/// ```
/// use kernels::{MatrixView, scores::column_row_scores};
/// let a = MatrixView::row_major(&[3.0, 0.0, 4.0, 2.0], 2, 2);
/// let b = MatrixView::row_major(&[2.0, 1.0], 2, 1);
/// assert_eq!(column_row_scores(a, b), [10.0, 2.0]);
/// ```
///
/// # Panics
/// When the inner dimensions differ.
pub fn column_row_scores<T: Real>(a: MatrixView<T>, b: MatrixView<T>) -> Vec<f64> {
    assert_eq!(a.columns(), b.rows(), "the inner dimensions of a product agree");
    let rows = b.transpose();
    let wide = |pair| wide_norm(a.column(pair)) * wide_norm(rows.column(pair));
    scores_from(&column_norms(a), &row_norms(b), wide)
}

/// [`pair_scores`], or what `wide` says of each pair where a norm has lost precision.
fn scores_from(left: &[f64], right: &[f64], wide: impl Fn(usize) -> Wide) -> Vec<f64> {
    if left.iter().chain(right).all(|&norm| norm == 0.0 || is_held(norm)) {
        return pair_scores(left, right);
    }
    let mut scores = vec![0.0; left.len()];
    fill_in_common(&mut scores, wide);
    scores
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
    let of_a = |pair| rows.iter().map(move |&row| a.at(row, pair));
    let of_b = |pair| columns.iter().map(move |&column| b.at(pair, column));
    let pairs = 0..a.columns();
    let left: Vec<f64> =
        pairs.clone().map(|pair| norm_of(sum_in_order(of_a(pair)), || of_a(pair))).collect();
    let right: Vec<f64> =
        pairs.map(|pair| norm_of(sum_in_order(of_b(pair)), || of_b(pair))).collect();
    scores_from(&left, &right, |pair| wide_norm(of_a(pair)) * wide_norm(of_b(pair)))
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
