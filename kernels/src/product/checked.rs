//! A product as a value, whose shapes are checked before anything is written.

use super::memory_order::in_memory_order;
use super::operands::{Factor, Problem, scales_of};
use super::orientation;
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

/// Why a product cannot be formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductError {
    /// The inner dimensions differ.
    #[error(
        "A is {left_rows} x {left_columns} and B is {right_rows} x {right_columns}: the columns of A \
         are not the rows of B"
    )]
    Factors {
        /// Rows of A.
        left_rows: usize,
        /// Columns of A.
        left_columns: usize,
        /// Rows of B.
        right_rows: usize,
        /// Columns of B.
        right_columns: usize,
    },
    /// The matrix to write to has another shape than the product.
    #[error("C is {rows} x {columns} and the product {needed_rows} x {needed_columns}")]
    Output {
        /// Rows of C.
        rows: usize,
        /// Columns of C.
        columns: usize,
        /// Rows of the product.
        needed_rows: usize,
        /// Columns of the product.
        needed_columns: usize,
    },
    /// The selection chooses from another number than there is.
    #[error("the selection is of {selected} {what}, and there are {count}")]
    Selection {
        /// What is selected: "pairs", "rows of A" or "columns of B".
        what: &'static str,
        /// What the selection chooses from.
        selected: usize,
        /// How many there are.
        count: usize,
    },
}

/// What of AB is formed.
#[derive(Clone, Copy, Debug)]
enum Kept<'a> {
    All,
    Pairs(&'a Selection),
    Rows(&'a Selection),
    Columns(&'a Selection),
}

/// The product AB, or its estimate over selected pairs, or some of its rows or columns.
///
/// ```
/// use kernels::{MatrixView, MatrixViewMut, Product, Selection};
/// let a = MatrixView::row_major(&[1.0f32, 2.0, 3.0, 4.0], 2, 2);
/// let mut c = [0.0; 4];
/// Product::new(a, a.transpose()).write_to(MatrixViewMut::row_major(&mut c, 2, 2))?;
/// assert_eq!(c, [5.0, 11.0, 11.0, 25.0]);
/// // The second pair with weight two, added to it.
/// let second = Selection::new(vec![1], vec![2.0], 2)?;
/// Product::new(a, a.transpose()).over(&second).add_to(MatrixViewMut::row_major(&mut c, 2, 2))?;
/// assert_eq!(c, [13.0, 27.0, 27.0, 57.0]);
/// // Shapes that do not fit are an error, and C stays as it is.
/// assert!(Product::new(a, a).write_to(MatrixViewMut::row_major(&mut c, 1, 4)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, T> {
    a: MatrixView<'a, T>,
    b: MatrixView<'a, T>,
    kept: Kept<'a>,
    set: Option<InstructionSet>,
}

impl<'a, T: Real> Product<'a, T> {
    /// AB, with the best instructions of the processor.
    pub fn new(a: impl Into<MatrixView<'a, T>>, b: impl Into<MatrixView<'a, T>>) -> Self {
        Self { a: a.into(), b: b.into(), kept: Kept::All, set: None }
    }

    /// Its estimate over some pairs: sum_{i in S} s_i A_i B^i.
    pub fn over(self, pairs: &'a Selection) -> Self {
        Self { kept: Kept::Pairs(pairs), ..self }
    }

    /// Some of its rows, |S| x p, each times its scale, which is multiplied into the elements of A.
    pub fn rows(self, rows: &'a Selection) -> Self {
        Self { kept: Kept::Rows(rows), ..self }
    }

    /// Some of its columns, m x |S|, each times its scale, which is multiplied into the elements of B.
    pub fn columns(self, columns: &'a Selection) -> Self {
        Self { kept: Kept::Columns(columns), ..self }
    }

    /// With these instructions; the numbers are the same with any.
    pub fn instructions(self, set: InstructionSet) -> Self {
        Self { set: Some(set), ..self }
    }

    /// C becomes the product.
    ///
    /// # Errors
    /// When the shapes do not fit; C is then as before.
    pub fn write_to<'c>(self, c: impl Into<MatrixViewMut<'c, T>>) -> Result<(), ProductError>
    where
        T: 'c,
    {
        self.form(c.into(), false)
    }

    /// C becomes C plus the product: the chain of fused multiply-adds of each element starts from
    /// what C holds.
    ///
    /// # Errors
    /// When the shapes do not fit; C is then as before.
    pub fn add_to<'c>(self, c: impl Into<MatrixViewMut<'c, T>>) -> Result<(), ProductError>
    where
        T: 'c,
    {
        self.form(c.into(), true)
    }

    fn form(self, c: MatrixViewMut<T>, accumulate: bool) -> Result<(), ProductError> {
        self.check(&c)?;
        let Self { a, b, kept, set } = self;
        if let Kept::Columns(columns) = kept {
            let transposed =
                Self { a: b.transpose(), b: a.transpose(), kept: Kept::Rows(columns), set };
            return transposed.form(c.transpose(), accumulate);
        }
        in_memory_order(a, b, c, accumulate, |a, b, c| {
            let (mut left, mut right) = (Factor::of_left(&a), Factor::of_right(&b));
            let mut inner = a.columns();
            match kept {
                Kept::Pairs(pairs) if !pairs.is_exact() => {
                    inner = pairs.len();
                    left.inner_index = Some(pairs.indices());
                    left.inner_scales = scales_of(pairs);
                    right.inner_index = Some(pairs.indices());
                }
                Kept::Rows(rows) => {
                    left.outer_index = Some(rows.indices());
                    left.outer_scales = scales_of(rows);
                }
                Kept::All | Kept::Pairs(_) | Kept::Columns(_) => {}
            }
            let (rows, columns) = (c.rows(), c.columns());
            let problem = Problem { rows, columns, inner, left, right, accumulate };
            orientation::multiply(set.unwrap_or_default(), &problem, c);
        });
        Ok(())
    }

    fn check(&self, c: &MatrixViewMut<T>) -> Result<(), ProductError> {
        let Self { a, b, kept, .. } = self;
        check_factors(a, b)?;
        let (mut needed_rows, mut needed_columns) = (a.rows(), b.columns());
        let selected = match kept {
            Kept::All => None,
            Kept::Pairs(pairs) => Some((pairs, "pairs", a.columns())),
            Kept::Rows(rows) => {
                needed_rows = rows.len();
                Some((rows, "rows of A", a.rows()))
            }
            Kept::Columns(columns) => {
                needed_columns = columns.len();
                Some((columns, "columns of B", b.columns()))
            }
        };
        if let Some((selection, what, count)) = selected
            && selection.pairs() != count
        {
            return Err(ProductError::Selection { what, selected: selection.pairs(), count });
        }
        let (rows, columns) = (c.rows(), c.columns());
        if (rows, columns) == (needed_rows, needed_columns) {
            Ok(())
        } else {
            Err(ProductError::Output { rows, columns, needed_rows, needed_columns })
        }
    }
}

/// Checks that A and B can be multiplied.
pub(crate) fn check_factors<T: Real>(
    a: &MatrixView<T>,
    b: &MatrixView<T>,
) -> Result<(), ProductError> {
    if a.columns() == b.rows() {
        return Ok(());
    }
    Err(ProductError::Factors {
        left_rows: a.rows(),
        left_columns: a.columns(),
        right_rows: b.rows(),
        right_columns: b.columns(),
    })
}
