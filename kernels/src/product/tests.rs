//! Products against the specification: a naive chain of fused multiply-adds.

use super::*;
use crate::random::{Stream, below, standard_normal};
use crate::selection::Selection;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

/// C over the selection, element by element as the specification says.
fn naive<T: Real>(a: MatrixView<T>, b: MatrixView<T>, selection: &Selection) -> Vec<T> {
    let mut c = Vec::new();
    for row in 0..a.rows() {
        for column in 0..b.columns() {
            let pairs = selection.indices().iter().zip(selection.scales());
            c.push(pairs.fold(T::ZERO, |sum, (&pair, &scale)| {
                let left = a.at(row, pair as usize);
                let left = if scale == 1.0 { left } else { T::from_f64(scale).times(left) };
                left.mul_add(b.at(pair as usize, column), sum)
            }));
        }
    }
    c
}

/// One element of a product: the chain over all pairs.
fn chain<T: Real>(inner: usize, left: impl Fn(usize) -> T, right: impl Fn(usize) -> T) -> T {
    (0..inner).fold(T::ZERO, |sum, pair| left(pair).mul_add(right(pair), sum))
}

fn numbers<T: Real>(seed: u64, count: usize) -> Vec<T> {
    let mut rng = Stream::new(seed, "product").at(0);
    (0..count).map(|_| T::from_f64(standard_normal(&mut rng))).collect()
}

fn some_pairs(seed: u64, pairs: usize, scaled: bool) -> Selection {
    let mut rng = Stream::new(seed, "pairs").at(0);
    let mut indices: Vec<u32> = (0..pairs as u32).filter(|_| below(&mut rng, 3) > 0).collect();
    if indices.len() == pairs && pairs > 1 {
        indices.remove(0);
    }
    let scales = indices.iter().map(|&i| if scaled { 1.0 + f64::from(i) / 7.0 } else { 1.0 });
    Selection::new(indices.clone(), scales.collect(), pairs).unwrap()
}

fn view<T: Real>(data: &[T], rows: usize, columns: usize, transposed: bool) -> MatrixView<'_, T> {
    if transposed {
        MatrixView::row_major(data, columns, rows).transpose()
    } else {
        MatrixView::row_major(data, rows, columns)
    }
}

fn view_mut<T: Real>(
    data: &mut [T],
    rows: usize,
    columns: usize,
    transposed: bool,
) -> MatrixViewMut<'_, T> {
    if transposed {
        MatrixViewMut::row_major(data, columns, rows).transpose()
    } else {
        MatrixViewMut::row_major(data, rows, columns)
    }
}

fn bits<T: Real>(matrix: MatrixView<T>) -> Vec<u64> {
    (0..matrix.rows() * matrix.columns())
        .map(|i| matrix.at(i / matrix.columns(), i % matrix.columns()).to_f64().to_bits())
        .collect()
}

/// All four products of one shape and layout, on every instruction set, against the naive chain.
fn check<T: Real>(rows: usize, inner: usize, columns: usize, layout: [bool; 3], seed: u64) {
    let (x, y) = (numbers::<T>(seed, rows * inner), numbers::<T>(seed + 1, inner * columns));
    let a = view(&x, rows, inner, layout[0]);
    let b = view(&y, inner, columns, layout[1]);
    let expect = |c: MatrixView<T>, naive: &[T], what: &str| {
        let expected = bits(MatrixView::row_major(naive, c.rows(), c.columns()));
        assert!(bits(c) == expected, "{what}, {rows} x {inner} x {columns}, {layout:?}");
    };
    let all = naive(a, b, &Selection::all(inner));
    for set in InstructionSet::available() {
        let mut c = vec![T::from_f64(f64::NAN); rows * columns];
        matmul(set, a, b, view_mut(&mut c, rows, columns, layout[2]));
        expect(view(&c, rows, columns, layout[2]), &all, &format!("exact, {set}"));
    }
    for scaled in [false, true] {
        let scale =
            |value: T, scale: f64| if scaled { value.times(T::from_f64(scale)) } else { value };
        let pairs = some_pairs(seed, inner, scaled);
        let sampled = naive(a, b, &pairs);

        let kept_rows = some_pairs(seed, rows, scaled);
        let by_rows: Vec<T> = (0..kept_rows.len() * columns)
            .map(|i| (kept_rows.indices()[i / columns] as usize, i / columns, i % columns))
            .map(|(row, j, column)| {
                let left = |pair| scale(a.at(row, pair), kept_rows.scales()[j]);
                chain(inner, left, |pair| b.at(pair, column))
            })
            .collect();

        let kept_columns = some_pairs(seed, columns, scaled);
        let of_columns = |element: &dyn Fn(usize, usize, f64) -> T| -> Vec<T> {
            (0..rows * kept_columns.len())
                .map(|i| (i / kept_columns.len(), i % kept_columns.len()))
                .map(|(row, j)| {
                    element(row, kept_columns.indices()[j] as usize, kept_columns.scales()[j])
                })
                .collect()
        };
        let by_columns = of_columns(&|row, column, factor| {
            chain(inner, |pair| a.at(row, pair), |pair| scale(b.at(pair, column), factor))
        });
        let stored = some_pairs(seed + 2, inner, false);
        let few = stored.indices();
        let by_stored = of_columns(&|row, column, factor| {
            few.iter().map(|&pair| pair as usize).fold(T::ZERO, |sum, pair| {
                a.at(row, pair).mul_add(scale(b.at(pair, column), factor), sum)
            })
        });
        let among: Vec<T> = (0..rows * few.len())
            .map(|i| a.at(i / few.len(), few[i % few.len()] as usize))
            .collect();
        let a_stored = MatrixView::row_major(&among, rows, few.len());

        for set in InstructionSet::available() {
            let mut c = vec![T::from_f64(f64::NAN); rows * columns];
            matmul_selected(set, a, b, &pairs, view_mut(&mut c, rows, columns, layout[2]));
            expect(view(&c, rows, columns, layout[2]), &sampled, &format!("selected, {set}"));

            let (few_rows, few_columns) = (kept_rows.len(), kept_columns.len());
            let mut c = vec![T::ZERO; few_rows * columns];
            let c_view = view_mut(&mut c, few_rows, columns, layout[2]);
            matmul_selected_rows(set, a, b, &kept_rows, c_view);
            expect(view(&c, few_rows, columns, layout[2]), &by_rows, &format!("rows, {set}"));

            let mut c = vec![T::ZERO; rows * few_columns];
            let c_view = view_mut(&mut c, rows, few_columns, layout[2]);
            matmul_selected_columns(set, a, b, &kept_columns, c_view);
            expect(view(&c, rows, few_columns, layout[2]), &by_columns, &format!("columns, {set}"));

            let mut c = vec![T::ZERO; rows * few_columns];
            let c_view = view_mut(&mut c, rows, few_columns, layout[2]);
            matmul_stored_selected_columns(set, a_stored, few, b, &kept_columns, c_view);
            let what = format!("stored columns, {set}");
            expect(view(&c, rows, few_columns, layout[2]), &by_stored, &what);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn products_are_the_naive_chain_bit_for_bit(
        rows in 0usize..40, inner in 0usize..60, columns in 0usize..140,
        layout in any::<[bool; 3]>(), seed in 0u64..1000,
    ) {
        check::<f32>(rows, inner, columns, layout, seed);
        check::<f64>(rows, inner, columns, layout, seed);
    }
}

#[test]
fn shapes_that_cross_every_block_boundary() {
    for layout in [[false; 3], [true, false, false], [false, true, true], [true; 3]] {
        check::<f32>(203, 261, 197, layout, 1);
        check::<f32>(7, 517, 65, layout, 2);
        check::<f32>(1, 300, 1, layout, 3);
        check::<f64>(199, 259, 201, layout, 4);
    }
}

#[test]
fn panels_packed_on_the_way_are_those_packed_first() {
    // Enough rows for panels, in every layout of factors and output.
    for layout in 0..8 {
        check::<f32>(118, 70, 131, [0, 1, 2].map(|bit| layout >> bit & 1 == 1), 5);
    }
}

#[test]
fn every_thread_count_gives_the_same_bits() {
    let (rows, inner, columns) = (96, 300, 210);
    let (x, y) = (numbers::<f32>(7, rows * inner), numbers::<f32>(8, inner * columns));
    let (a, b) = (view(&x, rows, inner, false), view(&y, inner, columns, false));
    let pairs = some_pairs(9, inner, true);
    let run = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut c = vec![0.0; rows * columns];
        let set = InstructionSet::detect();
        pool.install(|| {
            matmul_selected(set, a, b, &pairs, MatrixViewMut::row_major(&mut c, rows, columns));
        });
        bits(MatrixView::row_major(&c, rows, columns))
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

/// Debug and release builds, and every machine, are held to the same constant.
#[test]
fn products_are_pinned() {
    let (x, y) = (numbers::<f32>(1, 37 * 300), numbers::<f32>(2, 300 * 70));
    let (a, b) = (view(&x, 37, 300, false), view(&y, 300, 70, false));
    let mut c = vec![0.0; 37 * 70];
    let pairs = some_pairs(3, 300, true);
    matmul_selected(InstructionSet::detect(), a, b, &pairs, view_mut(&mut c, 37, 70, false));
    let hash = bits(MatrixView::row_major(&c, 37, 70))
        .into_iter()
        .fold(0u64, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(5));
    assert_eq!(hash, PINNED);
}
const PINNED: u64 = 1_995_283_686_384_562_070;

#[test]
fn a_wrong_order_of_summation_is_seen() {
    // The control of all bit comparisons above: summing backwards gives other bits.
    let (x, y) = (numbers::<f32>(1, 300), numbers::<f32>(2, 300));
    let backwards = (0..300).rev().fold(0.0f32, |sum, i| x[i].mul_add(y[i], sum));
    let (a, b) = (view(&x, 1, 300, false), view(&y, 300, 1, false));
    assert_ne!(naive(a, b, &Selection::all(300))[0].to_bits(), backwards.to_bits());
}

#[test]
#[should_panic(expected = "the columns of A are not the rows of B")]
fn shapes_that_do_not_fit_are_refused() {
    let a = MatrixView::row_major(&[0.0f32; 6], 2, 3);
    matmul(InstructionSet::detect(), a, a, MatrixViewMut::row_major(&mut [0.0; 6], 2, 3));
}

#[test]
fn a_copy_over_is_right_in_its_length_and_reaches_less_than_a_piece_beyond() {
    for len in 1..40 {
        for (more_from, more_to) in [(0, 0), (3, 20), (20, 3), (20, 20)] {
            let from: Vec<u32> = (1..=(len + more_from) as u32).collect();
            let mut to = vec![0; len + more_to];
            copy_over(&from, &mut to, len);
            assert_eq!(to[..len], from[..len], "{len} {more_from} {more_to}");
            let untouched = to.get(len + 15..).unwrap_or_default();
            assert!(untouched.iter().all(|&x| x == 0), "{len} {more_from} {more_to}");
        }
    }
}
