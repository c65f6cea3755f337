//! Views with any strides, of zero or overlapping too: norms, scores, selections and products are
//! all those of element (i, j) = data[i * row stride + j * column stride].

use kernels::product::{
    matmul, matmul_selected, matmul_selected_columns, matmul_selected_rows,
    matmul_stored_selected_columns,
};
use kernels::random::{Stream, below};
use kernels::scores::{
    column_norms, column_norms_into, column_row_scores, estimated_scores, pair_scores, row_norms,
    row_norms_into,
};
use kernels::selection::top_k;
use kernels::{
    Estimator, InstructionSet, MatrixView, MatrixViewMut, Real, Selection, approximate_product,
};
use proptest::prelude::*;

/// A matrix of integers up to 9 with the strides it is stored by. Sums of their squares are exact,
/// so that every order of summation gives the same norm.
struct Strided<T> {
    data: Vec<T>,
    size: [usize; 2],
    strides: [usize; 2],
}

impl<T: Real> Strided<T> {
    fn new(seed: u64, size: [usize; 2], strides: [usize; 2]) -> Self {
        let reach = |axis: usize| size[axis].saturating_sub(1) * strides[axis];
        let mut rng = Stream::new(seed, "strided").at(0);
        let number = |_| T::from_f64(below(&mut rng, 19) as f64 - 9.0);
        Self { data: (0..=reach(0) + reach(1)).map(number).collect(), size, strides }
    }

    fn view(&self) -> MatrixView<'_, T> {
        let ([rows, columns], [down, across]) = (self.size, self.strides);
        MatrixView::with_strides(&self.data, rows, columns, down, across).unwrap()
    }

    /// The element, without the view.
    fn at(&self, row: usize, column: usize) -> T {
        self.data[row * self.strides[0] + column * self.strides[1]]
    }
}

fn norm<T: Real>(elements: impl Iterator<Item = T>) -> f64 {
    elements.map(|x| x.to_f64() * x.to_f64()).sum::<f64>().sqrt()
}

/// C[i, j] = sum over (pair, scale) of (scale A[i, pair]) B[pair, j], a chain from zero.
fn chain<T: Real>(pairs: impl Iterator<Item = (T, T)>) -> T {
    pairs.fold(T::ZERO, |sum, (x, y)| x.mul_add(y, sum))
}

fn some(seed: u64, count: usize) -> Selection {
    let mut rng = Stream::new(seed, "some").at(0);
    let indices: Vec<u32> = (0..count as u32).filter(|_| below(&mut rng, 2) > 0).collect();
    let scales = indices.iter().map(|&i| 1.0 + f64::from(i) / 4.0).collect();
    Selection::new(indices, scales, count).unwrap()
}

fn check<T: Real>(sizes: [usize; 3], strides: [[usize; 2]; 2], seed: u64) {
    let [rows, inner, columns] = sizes;
    let a = Strided::<T>::new(seed, [rows, inner], strides[0]);
    let b = Strided::<T>::new(seed + 1, [inner, columns], strides[1]);
    let case = format!("{sizes:?}, strides {strides:?}");
    let left: Vec<f64> = (0..inner).map(|i| norm((0..rows).map(|row| a.at(row, i)))).collect();
    let right: Vec<f64> = (0..inner).map(|i| norm((0..columns).map(|j| b.at(i, j)))).collect();
    let scores: Vec<f64> = left.iter().zip(&right).map(|(x, y)| x * y).collect();
    assert_eq!(column_row_scores(a.view(), b.view()), scores, "{case}");

    let mut rng = Stream::new(seed, "few").at(0);
    let few = estimated_scores(a.view(), b.view(), 3, 2, &mut rng.clone());
    let mut drawn = |length: usize, count: usize| -> Vec<usize> {
        if length == 0 { vec![] } else { (0..count).map(|_| below(&mut rng, length)).collect() }
    };
    let (few_rows, few_columns) = (drawn(rows, 3), drawn(columns, 2));
    for pair in 0..inner {
        let left = norm(few_rows.iter().map(|&row| a.at(row, pair)));
        assert_eq!(few[pair], left * norm(few_columns.iter().map(|&j| b.at(pair, j))), "{case}");
    }

    let pairs = some(seed, inner);
    let scale = |scale: f64, x: T| T::from_f64(scale).times(x);
    let expected = |pairs: &Selection| -> Vec<T> {
        let of = |row, column| {
            let kept = pairs.indices().iter().zip(pairs.scales());
            chain(kept.map(|(&i, &s)| (scale(s, a.at(row, i as usize)), b.at(i as usize, column))))
        };
        (0..rows * columns).map(|at| of(at / columns, at % columns)).collect()
    };
    for set in InstructionSet::available() {
        let mut norms = vec![f64::NAN; inner];
        column_norms_into(set, a.view(), &mut norms);
        assert_eq!(norms, left, "columns, {set}, {case}");
        row_norms_into(set, b.view(), &mut norms);
        assert_eq!(norms, right, "rows, {set}, {case}");
        assert_eq!(pair_scores(&left, &norms), scores);

        let mut c = vec![T::from_f64(f64::NAN); rows * columns];
        matmul(set, a.view(), b.view(), MatrixViewMut::row_major(&mut c, rows, columns));
        assert!(c == expected(&Selection::all(inner)), "exact, {set}, {case}");
        let to = MatrixViewMut::row_major(&mut c, rows, columns);
        matmul_selected(set, a.view(), b.view(), &pairs, to);
        assert!(c == expected(&pairs), "selected, {set}, {case}");
        // The transpose, (AB)^T = B^T A^T, into the transpose of the same memory.
        let mut c = vec![T::from_f64(f64::NAN); rows * columns];
        let to = MatrixViewMut::row_major(&mut c, rows, columns).transpose();
        matmul(set, b.view().transpose(), a.view().transpose(), to);
        assert!(c == expected(&Selection::all(inner)), "transposed, {set}, {case}");

        let few = some(seed + 2, rows);
        let mut c = vec![T::from_f64(f64::NAN); few.len() * columns];
        let to = MatrixViewMut::row_major(&mut c, few.len(), columns);
        matmul_selected_rows(set, a.view(), b.view(), &few, to);
        for (at, c) in c.iter().enumerate() {
            let (j, column) = (at / columns, at % columns);
            let (row, s) = (few.indices()[j] as usize, few.scales()[j]);
            let terms = (0..inner).map(|i| (scale(s, a.at(row, i)), b.at(i, column)));
            assert!(*c == chain(terms), "rows, {set}, {case}");
        }

        let few = some(seed + 3, columns);
        let mut c = vec![T::from_f64(f64::NAN); rows * few.len()];
        let to = MatrixViewMut::row_major(&mut c, rows, few.len());
        matmul_selected_columns(set, a.view(), b.view(), &few, to);
        let stored: Vec<u32> = (0..inner as u32).collect();
        let mut by_stored = vec![T::from_f64(f64::NAN); rows * few.len()];
        let to = MatrixViewMut::row_major(&mut by_stored, rows, few.len());
        matmul_stored_selected_columns(set, a.view(), &stored, b.view(), &few, to);
        for (at, c) in c.iter().enumerate() {
            let (row, j) = (at / few.len(), at % few.len());
            let (column, s) = (few.indices()[j] as usize, few.scales()[j]);
            let terms = (0..inner).map(|i| (a.at(row, i), scale(s, b.at(i, column))));
            assert!(*c == chain(terms), "columns, {set}, {case}");
            assert!(by_stored[at] == *c, "stored columns, {set}, {case}");
        }
    }

    let k = inner.div_ceil(2).max(1);
    let mut rng = Stream::new(seed, "top").at(0);
    let estimate = approximate_product(a.view(), b.view(), &Estimator::TopK, k, &mut rng).unwrap();
    let kept = if scores.iter().all(|&score| score == 0.0) {
        Selection::all(inner)
    } else {
        top_k(&scores, k).unwrap()
    };
    assert_eq!(estimate.selection, kept, "{case}");
    assert!(estimate.product == expected(&kept), "{case}");
}

/// 0, 1, a number below the size (overlapping), the size, and more.
fn stride(size: usize) -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), Just(size), 0..=size, size..=size + 3]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_function_agrees_with_the_definition_of_a_view(
        (sizes, strides) in [0usize..20, 0usize..40, 0usize..60].prop_flat_map(|sizes| {
            let [rows, inner, columns] = sizes;
            let a = [stride(inner), stride(rows)];
            let b = [stride(columns), stride(inner)];
            (Just(sizes), [a, b].map(|[down, across]| (down, across).prop_map(|(d, a)| [d, a])))
        }),
        seed in 0u64..1000,
    ) {
        check::<f32>(sizes, strides, seed);
        check::<f64>(sizes, strides, seed);
    }
}

#[test]
fn products_that_cross_blocks_have_any_strides() {
    for strides in [[0, 0], [0, 1], [1, 0], [1, 1], [2, 1], [3, 2]] {
        check::<f32>([118, 530, 131], [strides, strides], 1);
        check::<f64>([118, 270, 131], [strides, strides], 2);
    }
}

#[test]
fn one_element_seen_five_times_has_the_norm_of_five() {
    let view = MatrixView::with_strides(&[3.0f64], 5, 2, 0, 0).unwrap();
    assert_eq!(column_norms(view), [45f64.sqrt(); 2]);
    assert_eq!(row_norms(view), [18f64.sqrt(); 5]);
}

#[test]
fn a_stride_that_is_never_taken_may_be_of_any_size() {
    let far = usize::MAX / 2;
    let numbers = [1.0f32, 2.0, 3.0];
    let row = MatrixView::with_strides(&numbers, 1, 3, far, 1).unwrap();
    let column = MatrixView::with_strides(&numbers, 3, 1, 1, far).unwrap();
    assert_eq!(column_norms(row), [1.0, 2.0, 3.0]);
    assert_eq!(row_norms(column), [1.0, 2.0, 3.0]);
    for set in InstructionSet::available() {
        let mut c = [0.0; 1];
        matmul(set, row, column, MatrixViewMut::row_major(&mut c, 1, 1));
        assert_eq!(c, [14.0], "{set}");
        let mut c = [0.0; 9];
        let to = MatrixViewMut::with_strides(&mut c, 3, 3, 3, 1).unwrap();
        matmul(set, row.transpose(), column.transpose(), to);
        assert_eq!(c, [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0, 6.0, 9.0], "{set}");
        let mut c = [0.0; 3];
        let to = MatrixViewMut::with_strides(&mut c, 1, 3, far, 1).unwrap();
        let one = MatrixView::with_strides(&[2.0f32], 1, 1, far, far).unwrap();
        matmul(set, one, row, to);
        assert_eq!(c, [2.0, 4.0, 6.0], "{set}");
    }
}

#[test]
fn a_view_without_columns_or_rows_has_no_norms_whatever_its_strides() {
    for (rows, columns, row_stride) in [(5, 0, 10), (5, 0, usize::MAX), (0, 5, 10), (0, 0, 1)] {
        let a = MatrixView::<f64>::with_strides(&[], rows, columns, row_stride, 1).unwrap();
        assert_eq!(column_norms(a), vec![0.0; columns]);
        assert_eq!(row_norms(a), vec![0.0; rows]);
    }
}
