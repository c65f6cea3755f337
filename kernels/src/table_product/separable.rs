//! Tables whose products are those of two whole numbers, one a code, as an exact multiplier's are.
//!
//! Matrices of these numbers are multiplied as any others, so many pairs at a time that no sum leaves
//! the whole numbers up to 2^24, which are exact in 32 bits of floating point whatever their order.

use super::{CODES, Row};
use crate::{MatrixView, MatrixViewMut, Product};
use rayon::prelude::*;

/// Rows of the output that are one task; their numbers take no more than a few megabytes.
const ROWS_A_TASK: usize = 256;

/// Up to here every whole number is a floating-point number of 32 bits.
const EXACT: u32 = 1 << 24;

/// What the codes stand for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Separable {
    left: [i32; CODES],
    right: [i32; CODES],
    /// Pairs whose sum is exact.
    pairs: usize,
}

impl Separable {
    /// The numbers of a table, if it has a product of one, and all others are products of the numbers
    /// in its row and its column, of this magnitude at most.
    pub(super) fn of(rows: &[Row], largest: u32) -> Option<Self> {
        let unit = |row: &Row| row.products.iter().position(|product| *product == 1);
        let (row, column) = rows.iter().enumerate().find_map(|(at, row)| Some((at, unit(row)?)))?;
        let left: [i32; CODES] = std::array::from_fn(|a| rows[a].products[column]);
        let right = rows[row].products;
        let is_product = |(row, left): (&Row, &i32)| {
            let pairs = row.products.iter().zip(&right);
            let mut pairs = pairs.map(|(product, right)| (i64::from(*product), i64::from(*right)));
            pairs.all(|(product, right)| product == i64::from(*left) * right)
        };
        let pairs = (EXACT / largest) as usize;
        let is_separable = pairs > 0 && rows.iter().zip(&left).all(is_product);
        is_separable.then_some(Self { left, right, pairs })
    }

    /// Adds AB to C, of codes that are as many as the shape says, where no sum needs more than 32 bits.
    pub(super) fn add(&self, a: &[u8], b: &[u8], [pairs, columns]: [usize; 2], c: &mut [i32]) {
        let right = numbers(&self.right, b);
        let right = MatrixView::row_major(&right, pairs, columns);
        let tasks = c.par_chunks_mut(ROWS_A_TASK * columns).zip(a.par_chunks(ROWS_A_TASK * pairs));
        tasks.for_each(|(c, a)| {
            let rows = c.len() / columns;
            let (left, mut sums) = (numbers(&self.left, a), vec![0.0; c.len()]);
            let left = MatrixView::row_major(&left, rows, pairs);
            for first in (0..pairs).step_by(self.pairs) {
                let block = first..pairs.min(first + self.pairs);
                Product::new(left.part(0..rows, block.clone()), right.part(block, 0..columns))
                    .write_to(MatrixViewMut::row_major(&mut sums, rows, columns))
                    .unwrap_or_else(|error| panic!("{error}"));
                c.iter_mut().zip(&sums).for_each(|(c, sum)| *c += *sum as i32);
            }
        });
    }
}

fn numbers(meanings: &[i32; CODES], codes: &[u8]) -> Vec<f32> {
    let meanings = meanings.map(|number| number as f32);
    codes.iter().map(|code| meanings[usize::from(*code)]).collect()
}
