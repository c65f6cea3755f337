//! Products of views with any strides, against their definition: every element is one chain of
//! fused multiply-adds in index order, under every instruction set, and what lies between the
//! elements of the result stays as it was.
//!
//! | bytes | what |
//! | --- | --- |
//! | 3 | rows, pairs and columns, each by its remainder |
//! | 4 | the strides of A and of B, each by its remainder |
//! | 2 | elements left out between rows and between columns of C |
//! | 1 | bits: f64 for f32, C by columns, eight times the pairs where the next three are set |
//! | 2 | which pairs, rows and columns are selected, and their scales |
//! | the rest | the elements, again from the start where there are too few |

#![no_main]

use kernels::product::{
    matmul, matmul_selected, matmul_selected_columns, matmul_selected_rows,
    matmul_stored_selected_columns,
};
use kernels::{InstructionSet, MatrixView, MatrixViewMut, Real, Selection};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::on_this_thread(), |bytes: &[u8]| {
    let Some((head, elements)) = bytes.split_first_chunk::<12>() else { return };
    if head[9] & 1 == 0 {
        let elements: Vec<f32> =
            elements.as_chunks().0.iter().map(|&element| f32::from_le_bytes(element)).collect();
        check(head, &elements);
    } else {
        let elements: Vec<f64> =
            elements.as_chunks().0.iter().map(|&element| f64::from_le_bytes(element)).collect();
        check(head, &elements);
    }
});

/// A matrix and the memory that it is a view of.
struct Strided<T> {
    data: Vec<T>,
    size: [usize; 2],
    strides: [usize; 2],
}

impl<T: Real> Strided<T> {
    fn new(elements: &[T], size: [usize; 2], strides: [usize; 2]) -> Self {
        let reach = |axis: usize| size[axis].saturating_sub(1) * strides[axis];
        let length = reach(0) + reach(1) + 1;
        Self { data: elements.iter().copied().cycle().take(length).collect(), size, strides }
    }

    fn view(&self) -> MatrixView<'_, T> {
        let ([rows, columns], [down, across]) = (self.size, self.strides);
        MatrixView::with_strides(&self.data, rows, columns, down, across).expect("it is in reach")
    }

    /// The element, without the view.
    fn at(&self, row: usize, column: usize) -> T {
        self.data[row * self.strides[0] + column * self.strides[1]]
    }
}

/// Some of so many, by the bits of a number, with scales of which some are one.
fn some(bits: u8, count: usize) -> Selection {
    let is_kept = |&index: &u32| bits.rotate_left(index) & 1 == 1;
    let indices: Vec<u32> = (0..count as u32).filter(is_kept).collect();
    let scale = |&index: &u32| if bits & 2 == 0 { 1.0 } else { 1.0 + f64::from(index % 3) / 3.0 };
    let scales = indices.iter().map(scale).collect();
    Selection::new(indices, scales, count).expect("indices are in order")
}

fn check<T: Real>(head: &[u8; 12], elements: &[T]) {
    if elements.is_empty() {
        return;
    }
    let remainder = |at: usize, most: usize| usize::from(head[at]) % (most + 1);
    let (rows, columns) = (remainder(0, 24), remainder(2, 60));
    // More pairs than a block has take as long as eight other inputs.
    let pairs = remainder(1, 70) * if head[9] >> 2 & 7 == 7 { 8 } else { 1 };
    let strides = |at: usize, [rows, columns]: [usize; 2]| {
        [remainder(at, columns + 3), remainder(at + 1, rows + 3)]
    };
    let a = Strided::new(elements, [rows, pairs], strides(3, [rows, pairs]));
    let half = &elements[elements.len() / 2..];
    let b = Strided::new(half, [pairs, columns], strides(5, [pairs, columns]));
    let gaps = (remainder(7, 3), remainder(8, 3));
    let is_by_columns = head[9] & 2 != 0;
    let (kept, few_rows, few_columns) =
        (some(head[10], pairs), some(head[11], rows), some(head[11], columns));
    let stored: Vec<u32> = (0..pairs as u32).collect();
    let times = |scale: f64, element: T| T::from_f64(scale).times(element);
    let row =
        |(row, scale)| -> Vec<T> { (0..pairs).map(|pair| times(scale, a.at(row, pair))).collect() };
    let column = |(column, scale)| -> Vec<T> {
        (0..pairs).map(|pair| times(scale, b.at(pair, column))).collect()
    };
    let part_of_row = |row| places(&kept).map(|(pair, s)| times(s, a.at(row, pair))).collect();
    let part_of_column = |column| places(&kept).map(|(pair, _)| b.at(pair, column)).collect();
    let every = |count: usize| (0..count).map(|at| (at, 1.0));
    let all_rows: Vec<_> = every(rows).map(row).collect();
    let all_columns: Vec<_> = every(columns).map(column).collect();
    let layout = Layout { gaps, is_by_columns };
    layout.check(&all_rows, &all_columns, |set, c| matmul(set, a.view(), b.view(), c));
    layout.check(
        &(0..rows).map(part_of_row).collect::<Vec<_>>(),
        &(0..columns).map(part_of_column).collect::<Vec<_>>(),
        |set, c| matmul_selected(set, a.view(), b.view(), &kept, c),
    );
    layout.check(&places(&few_rows).map(row).collect::<Vec<_>>(), &all_columns, |set, c| {
        matmul_selected_rows(set, a.view(), b.view(), &few_rows, c)
    });
    let columns: Vec<_> = places(&few_columns).map(column).collect();
    layout.check(&all_rows, &columns, |set, c| {
        matmul_selected_columns(set, a.view(), b.view(), &few_columns, c);
    });
    layout.check(&all_rows, &columns, |set, c| {
        matmul_stored_selected_columns(set, a.view(), &stored, b.view(), &few_columns, c);
    });
}

/// What is kept, each with its scale.
fn places(kept: &Selection) -> impl Iterator<Item = (usize, f64)> {
    kept.indices().iter().map(|&index| index as usize).zip(kept.scales().iter().copied())
}

/// The definition of an element.
#[inline(always)]
fn chain<T: Real>(left: &[T], right: &[T]) -> T {
    left.iter().zip(right).fold(T::ZERO, |sum, (&one, &other)| one.mul_add(other, sum))
}

/// How a result lies in its memory.
struct Layout {
    /// Elements left out between rows and between columns.
    gaps: (usize, usize),
    is_by_columns: bool,
}

impl Layout {
    /// Makes a result in memory with gaps, by every instruction set, and looks at every place of it.
    fn check<T: Real>(
        &self,
        left: &[Vec<T>],
        right: &[Vec<T>],
        product: impl Fn(InstructionSet, MatrixViewMut<T>),
    ) {
        let (rows, columns) = (left.len(), right.len());
        let (inner, outer) = if self.is_by_columns { (rows, columns) } else { (columns, rows) };
        let step = 1 + self.gaps.1;
        let next = inner * step + self.gaps.0;
        let (down, across) = if self.is_by_columns { (step, next) } else { (next, step) };
        let untouched = vec![T::from_f64(-77.0); outer * next + 1];
        let mut wanted = untouched.clone();
        // So that a fused multiply-add is an instruction and not a call.
        InstructionSet::detect().run(|| {
            for (row, left) in left.iter().enumerate() {
                for (column, right) in right.iter().enumerate() {
                    wanted[row * down + column * across] = chain(left, right);
                }
            }
        });
        // Through f64, which holds every f32, sign of zero included. Which NaN is not specified.
        let is_same = |found: f64, wanted: f64| {
            found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan())
        };
        for set in InstructionSet::available() {
            let mut memory = untouched.clone();
            let c = MatrixViewMut::with_strides(&mut memory, rows, columns, down, across);
            product(set, c.expect("its elements are apart"));
            for (at, (found, wanted)) in memory.iter().zip(&wanted).enumerate() {
                let (found, wanted) = (found.to_f64(), wanted.to_f64());
                assert!(
                    is_same(found, wanted),
                    "{set}, {rows} x {columns}, place {at}: {found:e} instead of {wanted:e}"
                );
            }
        }
    }
}
