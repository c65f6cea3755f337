//! Borrowed matrix views: a slice, a shape and two strides, so that a transpose costs nothing.

use micro_kernels::Real;
use std::ops::Range;

/// Why a slice cannot be seen as a matrix of the given shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The last element lies beyond the end of the slice.
    #[error(
        "a {rows} x {columns} matrix with strides {row_stride} and {column_stride} needs \
         {needed} elements, the slice has {available}"
    )]
    TooShort {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Elements from one row to the next.
        row_stride: usize,
        /// Elements from one column to the next.
        column_stride: usize,
        /// Elements the view would reach.
        needed: usize,
        /// Elements there are.
        available: usize,
    },
    /// A matrix of another library has something between its elements that need not be its own.
    #[error(
        "there are gaps between the elements of a {rows} x {columns} matrix with strides \
         {row_stride} and {column_stride}; copy it, or take a part of a view of the whole matrix"
    )]
    Gaps {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// Elements from one row to the next, negative where they run against the memory.
        row_stride: isize,
        /// Elements from one column to the next.
        column_stride: isize,
    },
    /// Two elements of a mutable view would share memory.
    #[error(
        "strides {row_stride} and {column_stride} let elements of a {rows} x {columns} matrix overlap"
    )]
    Overlap {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Elements from one row to the next.
        row_stride: usize,
        /// Elements from one column to the next.
        column_stride: usize,
    },
}

/// How far a strided matrix reaches into its slice; `None` when that overflows.
fn extent(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Option<usize> {
    if rows == 0 || columns == 0 {
        return Some(0);
    }
    let down = (rows - 1).checked_mul(row_stride)?;
    let across = (columns - 1).checked_mul(column_stride)?;
    down.checked_add(across)?.checked_add(1)
}

/// Which axes of a view run against the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reversed {
    rows: bool,
    columns: bool,
}

impl Reversed {
    fn transpose(self) -> Self {
        Self { rows: self.columns, columns: self.rows }
    }
}

/// A matrix borrowed from a slice: element (i, j) is `data[i * row_stride + j * column_stride]`, with
/// rows - 1 - i in the place of i where the rows are reversed, and columns alike.
///
/// ```
/// use kernels::MatrixView;
/// let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let a = MatrixView::row_major(&data, 2, 3);
/// assert_eq!(a.at(1, 0), 4.0);
/// assert_eq!(a.transpose().at(0, 1), 4.0);
/// assert_eq!(a.reverse_rows().at(0, 0), 4.0);
/// assert_eq!(a.part(0..2, 1..3).at(1, 0), 5.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatrixView<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
    reversed: Reversed,
}

impl<'a, T: Real> MatrixView<'a, T> {
    /// A view with any strides, counted in elements.
    ///
    /// # Errors
    /// [`ViewError::TooShort`] when the slice does not hold the last element.
    pub fn with_strides(
        data: &'a [T],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Result<Self, ViewError> {
        let needed = extent(rows, columns, row_stride, column_stride).unwrap_or(usize::MAX);
        if needed > data.len() {
            let available = data.len();
            return Err(ViewError::TooShort {
                rows,
                columns,
                row_stride,
                column_stride,
                needed,
                available,
            });
        }
        Ok(Self { data, rows, columns, row_stride, column_stride, reversed: Reversed::default() })
    }

    /// Rows one after another.
    ///
    /// # Panics
    /// When the slice is shorter than `rows * columns`.
    pub fn row_major(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::with_strides(data, rows, columns, columns, 1)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Columns one after another, as nalgebra stores them.
    ///
    /// # Panics
    /// When the slice is shorter than `rows * columns`.
    pub fn column_major(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::with_strides(data, rows, columns, 1, rows).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from one row to the next in memory, whichever comes first.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Elements from one column to the next in memory, whichever comes first.
    pub fn column_stride(&self) -> usize {
        self.column_stride
    }

    /// The slice behind the view, in the order of the memory.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// Element (row, column).
    ///
    /// # Panics
    /// When the element is outside the matrix.
    pub fn at(&self, row: usize, column: usize) -> T {
        assert!(
            row < self.rows && column < self.columns,
            "({row}, {column}) is outside the matrix"
        );
        let row = if self.reversed.rows { self.rows - 1 - row } else { row };
        let column = if self.reversed.columns { self.columns - 1 - column } else { column };
        self.data[row * self.row_stride + column * self.column_stride]
    }

    /// The elements of a column, from the first row to the last.
    pub(crate) fn column(self, column: usize) -> impl Iterator<Item = T> + 'a {
        (0..self.rows).map(move |row| self.at(row, column))
    }

    /// The transpose, without a copy.
    pub fn transpose(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            reversed: self.reversed.transpose(),
            ..self
        }
    }

    /// The last row first, without a copy.
    pub fn reverse_rows(self) -> Self {
        let reversed = Reversed { rows: !self.reversed.rows, ..self.reversed };
        Self { reversed, ..self }
    }

    /// The last column first, without a copy.
    pub fn reverse_columns(self) -> Self {
        let reversed = Reversed { columns: !self.reversed.columns, ..self.reversed };
        Self { reversed, ..self }
    }

    /// Whether no axis is reversed: element (i, j) is then `data[i * row_stride + j * column_stride]`.
    pub fn is_in_memory_order(&self) -> bool {
        self.reversed == Reversed::default()
    }

    /// Some rows and columns that follow each other, without a copy.
    ///
    /// # Panics
    /// When they are not all in the matrix.
    pub fn part(self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let inside = |part: &Range<usize>, count| part.start <= part.end && part.end <= count;
        assert!(inside(&rows, self.rows) && inside(&columns, self.columns), "a part lies inside");
        let first = |part: &Range<usize>, count: usize, is_reversed: bool| {
            if is_reversed { count - part.end } else { part.start }
        };
        let row = first(&rows, self.rows, self.reversed.rows);
        let column = first(&columns, self.columns, self.reversed.columns);
        let (rows, columns) = (rows.len(), columns.len());
        let is_empty = rows == 0 || columns == 0;
        let start = if is_empty { 0 } else { row * self.row_stride + column * self.column_stride };
        Self { data: &self.data[start..], rows, columns, ..self }
    }

    /// The elements row after row.
    pub(crate) fn to_row_major(self) -> Vec<T> {
        (0..self.rows)
            .flat_map(|row| (0..self.columns).map(move |column| self.at(row, column)))
            .collect()
    }

    /// The first element that is NaN or infinite, as (row, column, value).
    pub fn first_non_finite(&self) -> Option<(usize, usize, f64)> {
        (0..self.rows)
            .flat_map(|row| (0..self.columns).map(move |column| (row, column)))
            .map(|(row, column)| (row, column, self.at(row, column).to_f64()))
            .find(|(_, _, value)| !value.is_finite())
    }
}

/// A matrix borrowed for writing; no two of its elements share memory.
#[derive(Debug)]
pub struct MatrixViewMut<'a, T> {
    pub(crate) data: &'a mut [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
    reversed: Reversed,
}

impl<'a, T: Real> MatrixViewMut<'a, T> {
    /// A view with any strides that keep the elements apart: one stride is at least the reach of
    /// the other axis.
    ///
    /// # Errors
    /// [`ViewError::TooShort`] or [`ViewError::Overlap`].
    pub fn with_strides(
        data: &'a mut [T],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Result<Self, ViewError> {
        MatrixView::with_strides(data, rows, columns, row_stride, column_stride)?;
        let apart = |outer: usize, outer_count: usize, inner: usize, inner_count: usize| {
            (inner > 0 || inner_count <= 1)
                && (outer_count <= 1 || outer > (inner_count - 1).saturating_mul(inner))
        };
        let empty = rows == 0 || columns == 0;
        if !empty
            && !apart(row_stride, rows, column_stride, columns)
            && !apart(column_stride, columns, row_stride, rows)
        {
            return Err(ViewError::Overlap { rows, columns, row_stride, column_stride });
        }
        Ok(Self { data, rows, columns, row_stride, column_stride, reversed: Reversed::default() })
    }

    /// Rows one after another.
    ///
    /// # Panics
    /// When the slice is shorter than `rows * columns`.
    pub fn row_major(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        Self::with_strides(data, rows, columns, columns, 1)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Columns one after another, as nalgebra stores them.
    ///
    /// # Panics
    /// When the slice is shorter than `rows * columns`.
    pub fn column_major(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        Self::with_strides(data, rows, columns, 1, rows).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from one row to the next in memory, whichever comes first.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Elements from one column to the next in memory, whichever comes first.
    pub fn column_stride(&self) -> usize {
        self.column_stride
    }

    /// The slice behind the view.
    pub fn data(&mut self) -> &mut [T] {
        self.data
    }

    /// The same matrix for reading.
    pub fn as_view(&self) -> MatrixView<'_, T> {
        MatrixView {
            data: self.data,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.row_stride,
            column_stride: self.column_stride,
            reversed: self.reversed,
        }
    }

    /// The same matrix borrowed for a shorter time.
    pub fn reborrow(&mut self) -> MatrixViewMut<'_, T> {
        MatrixViewMut { data: self.data, ..*self }
    }

    /// The transpose, without a copy.
    pub fn transpose(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            reversed: self.reversed.transpose(),
            data: self.data,
        }
    }

    /// The last row first, without a copy.
    pub fn reverse_rows(self) -> Self {
        let reversed = Reversed { rows: !self.reversed.rows, ..self.reversed };
        Self { reversed, ..self }
    }

    /// The last column first, without a copy.
    pub fn reverse_columns(self) -> Self {
        let reversed = Reversed { columns: !self.reversed.columns, ..self.reversed };
        Self { reversed, ..self }
    }

    /// Whether no axis is reversed: element (i, j) is then `data[i * row_stride + j * column_stride]`.
    pub fn is_in_memory_order(&self) -> bool {
        self.reversed == Reversed::default()
    }

    /// Puts in the elements of a matrix of the same shape, given row after row.
    pub(crate) fn copy_from_row_major(&mut self, elements: &[T]) {
        let Reversed { rows, columns } = self.reversed;
        for (index, &element) in elements.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let row = if rows { self.rows - 1 - row } else { row };
            let column = if columns { self.columns - 1 - column } else { column };
            self.data[row * self.row_stride + column * self.column_stride] = element;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_slice_is_refused_with_both_lengths() {
        let error = MatrixView::with_strides(&[0.0f32; 5], 2, 3, 3, 1).unwrap_err();
        assert!(error.to_string().contains("needs 6 elements, the slice has 5"), "{error}");
    }

    #[test]
    fn overlapping_writes_are_refused() {
        for (row_stride, column_stride) in [(2, 1), (0, 1), (1, 1), (3, 0)] {
            let mut data = [0.0f32; 16];
            let view = MatrixViewMut::with_strides(&mut data, 3, 3, row_stride, column_stride);
            assert!(matches!(view, Err(ViewError::Overlap { .. })), "{row_stride} {column_stride}");
        }
        assert!(MatrixViewMut::with_strides(&mut [0.0f32; 16], 3, 3, 1, 4).is_ok());
    }

    #[test]
    fn huge_strides_do_not_wrap_around() {
        assert!(MatrixView::with_strides(&[0.0f64; 4], 3, 2, usize::MAX / 2, 1).is_err());
    }

    #[test]
    fn reversed_axes_and_parts_are_those_of_the_elements() {
        let data: Vec<f64> = (0..12).map(f64::from).collect();
        let whole = MatrixView::row_major(&data, 3, 4);
        for (rows, columns) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut view = whole;
            if rows {
                view = view.reverse_rows();
            }
            if columns {
                view = view.reverse_columns();
            }
            assert_eq!(view.is_in_memory_order(), !rows && !columns);
            let at = |i: usize, j: usize| {
                let (i, j) = (if rows { 2 - i } else { i }, if columns { 3 - j } else { j });
                (4 * i + j) as f64
            };
            for (i, j) in (0..3).flat_map(|i| (0..4).map(move |j| (i, j))) {
                assert_eq!(view.at(i, j), at(i, j));
                assert_eq!(view.transpose().at(j, i), at(i, j));
            }
            let part = view.part(1..3, 1..3);
            assert_eq!(part.to_row_major(), [at(1, 1), at(1, 2), at(2, 1), at(2, 2)]);
            assert_eq!(view.part(3..3, 0..4).rows(), 0);

            let mut copy = vec![0.0; 12];
            let mut to = MatrixViewMut::column_major(&mut copy, 3, 4);
            if rows {
                to = to.reverse_rows();
            }
            if columns {
                to = to.reverse_columns();
            }
            to.copy_from_row_major(&view.to_row_major());
            let copied = MatrixView::column_major(&copy, 3, 4);
            assert_eq!(copied.to_row_major(), data, "reversed twice");
        }
    }

    #[test]
    fn an_element_outside_the_matrix_is_refused_although_the_slice_has_it() {
        let data = [0.0f64; 16];
        let view = MatrixView::with_strides(&data, 2, 2, 4, 1).unwrap();
        for (row, column) in [(0, 2), (2, 0), (2, 2)] {
            let found = std::panic::catch_unwind(|| view.at(row, column));
            assert!(found.is_err(), "({row}, {column})");
        }
    }

    #[test]
    fn the_first_element_that_is_no_number_is_found_row_by_row() {
        let data = [0.0, 1.0, f64::NAN, f64::INFINITY, 2.0, 3.0];
        let view = MatrixView::row_major(&data, 2, 3);
        assert!(matches!(view.first_non_finite(), Some((0, 2, value)) if value.is_nan()));
        assert_eq!(view.transpose().first_non_finite(), Some((0, 1, f64::INFINITY)));
        assert_eq!(MatrixView::row_major(&data[4..], 1, 2).first_non_finite(), None);
    }

    #[test]
    fn elements_of_a_mutable_view_may_touch_but_not_overlap() {
        // (rows, columns, row stride, column stride), of which the last is one less than is needed.
        let kinds = [
            ([2, 3, 3, 1], true),
            ([2, 3, 2, 1], false),
            ([3, 2, 1, 3], true),
            ([3, 2, 1, 2], false),
            // A single row or column is never stepped over.
            ([1, 3, 0, 1], true),
            ([3, 1, 1, 0], true),
            ([1, 3, 1, 0], false),
            ([0, 3, 0, 0], true),
            ([3, 0, 0, 0], true),
        ];
        for ([rows, columns, down, across], is_apart) in kinds {
            let mut data = [0.0f32; 16];
            let view = MatrixViewMut::with_strides(&mut data, rows, columns, down, across);
            assert_eq!(view.is_ok(), is_apart, "{rows} x {columns}, strides {down}, {across}");
        }
    }

    #[cfg(feature = "nalgebra")]
    #[test]
    fn a_mutable_view_says_what_it_is_and_writes_where_it_should() {
        let mut matrix = nalgebra::DMatrix::<f64>::zeros(2, 3);
        let mut view = MatrixViewMut::from(&mut matrix);
        assert_eq!((view.rows(), view.columns()), (2, 3));
        assert_eq!((view.row_stride(), view.column_stride()), (1, 2));
        view.reborrow().transpose().data()[4] = 7.0;
        assert_eq!(view.as_view().at(0, 2), 7.0);
        assert_eq!(matrix[(0, 2)], 7.0);
    }
}
