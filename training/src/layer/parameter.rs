//! Parameters, and their gradients.

use super::ParameterName;

/// The gradient of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Gradient<'a> {
    /// A number for every number of the parameter.
    Dense(&'a [f32]),
    /// Some rows of the parameter, in increasing order; all others are zero.
    Rows {
        /// Which rows.
        indices: &'a [u32],
        /// Their numbers, one row after another.
        values: &'a [f32],
    },
    /// Some rows of the parameter, of which some columns; all else is zero. What a layer sampled in
    /// the forward pass learns where the next one is sampled, too.
    Block {
        /// Which rows, in increasing order.
        rows: &'a [u32],
        /// Which columns, in increasing order.
        columns: &'a [u32],
        /// Numbers of these columns, one row after another.
        values: &'a [f32],
    },
    /// Some columns of the parameter, of all its rows or of some; all else is zero. What a
    /// convolution sampled in the forward pass learns: the taps of the selected channels.
    Columns {
        /// Which rows, in increasing order; without a list, all.
        rows: Option<&'a [u32]>,
        /// Which columns, in increasing order.
        columns: &'a [u32],
        /// Numbers of these columns, one row after another.
        values: &'a [f32],
    },
}

impl<'a> Gradient<'a> {
    /// All numbers that may not be zero, in the order of the parameter's.
    pub fn numbers(&self) -> &'a [f32] {
        match *self {
            Self::Dense(values)
            | Self::Rows { values, .. }
            | Self::Block { values, .. }
            | Self::Columns { values, .. } => values,
        }
    }

    /// The rows from one on, each of so many numbers, or none where it is zero: what
    /// [`Gradient::row`] says of each, in less time.
    pub fn rows_from(
        self,
        first: usize,
        length: usize,
    ) -> impl Iterator<Item = Option<GradientRow<'a>>> {
        let listed = match self {
            Self::Dense(_) => None,
            Self::Rows { indices, .. } | Self::Block { rows: indices, .. } => Some(indices),
            Self::Columns { rows, .. } => rows,
        };
        let mut position = listed.map(|rows| rows.partition_point(|&row| (row as usize) < first));
        (first..).map(move |row| {
            let (Some(rows), Some(position)) = (listed, &mut position) else {
                return Some(self.at(row, length));
            };
            let is_next = rows.get(*position).is_some_and(|&next| next as usize == row);
            is_next.then(|| {
                *position += 1;
                self.at(*position - 1, length)
            })
        })
    }

    /// One row of so many numbers, or none where it is zero.
    pub fn row(self, row: usize, length: usize) -> Option<GradientRow<'a>> {
        match self {
            Self::Dense(_) | Self::Columns { rows: None, .. } => Some(self.at(row, length)),
            Self::Rows { indices, .. }
            | Self::Block { rows: indices, .. }
            | Self::Columns { rows: Some(indices), .. } => {
                let position = indices.binary_search(&(row as u32)).ok()?;
                Some(self.at(position, length))
            }
        }
    }

    /// The row that is stored at a position.
    fn at(self, position: usize, length: usize) -> GradientRow<'a> {
        let numbers =
            |values: &'a [f32], length: usize| &values[position * length..(position + 1) * length];
        match self {
            Self::Dense(values) | Self::Rows { values, .. } => {
                GradientRow::Whole(numbers(values, length))
            }
            Self::Block { columns, values, .. } | Self::Columns { columns, values, .. } => {
                GradientRow::Columns { columns, numbers: numbers(values, columns.len()) }
            }
        }
    }
}

/// One row of a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GradientRow<'a> {
    /// A number for every column.
    Whole(&'a [f32]),
    /// Numbers of some columns; those of all others are zero.
    Columns {
        /// Which columns, in increasing order.
        columns: &'a [u32],
        /// Their numbers.
        numbers: &'a [f32],
    },
}

impl GradientRow<'_> {
    /// Writes the whole row, zeros included.
    ///
    /// # Panics
    /// When the row is of another length.
    pub fn copy_to(self, to: &mut [f32]) {
        match self {
            Self::Whole(numbers) => to.copy_from_slice(numbers),
            Self::Columns { columns, numbers } => {
                to.fill(0.0);
                let places = columns.iter().zip(numbers);
                places.for_each(|(&column, &number)| to[column as usize] = number);
            }
        }
    }
}

/// A parameter with the gradient of the last backward pass.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: ParameterName<'a>,
    /// The numbers, row by row.
    pub values: &'a mut [f32],
    /// Numbers in a row.
    pub row_length: usize,
    /// The gradient.
    pub gradient: Gradient<'a>,
    /// The norms of the rows, where the layer keeps them.
    pub row_norms: Option<RowNorms<'a>>,
    /// Whether it is not learnt in this step; the gradient is then not that of this step.
    pub is_frozen: bool,
}

impl<'a> Parameter<'a> {
    /// A parameter that is learnt, and of which no norms are kept.
    pub fn new(
        name: ParameterName<'a>,
        values: &'a mut [f32],
        row_length: usize,
        gradient: Gradient<'a>,
    ) -> Self {
        Self { name, values, row_length, gradient, row_norms: None, is_frozen: false }
    }

    /// Appends the whole gradient, zeros included.
    ///
    /// ```
    /// use training::layer::{Gradient, Parameter, ParameterName};
    /// let (rows, columns, numbers) = ([1], [0, 2], [5.0, 6.0]);
    /// let gradient = Gradient::Block { rows: &rows, columns: &columns, values: &numbers };
    /// let (name, mut values) = (ParameterName::new("layer", "weight"), [0.0; 6]);
    /// let mut whole = Vec::new();
    /// Parameter::new(name, &mut values, 3, gradient).append_gradient(&mut whole);
    /// assert_eq!(whole, [0.0, 0.0, 0.0, 5.0, 0.0, 6.0]);
    /// ```
    pub fn append_gradient(&self, to: &mut Vec<f32>) {
        if let Gradient::Dense(values) = self.gradient {
            assert_eq!(values.len(), self.values.len(), "a number for every number");
            return to.extend_from_slice(values);
        }
        let begin = to.len();
        to.resize(begin + self.values.len(), 0.0);
        let rows = to[begin..].chunks_exact_mut(self.row_length.max(1));
        for (to, row) in rows.zip(self.gradient.rows_from(0, self.row_length)) {
            if let Some(row) = row {
                row.copy_to(to);
            }
        }
    }
}

/// The Euclidean norms of a parameter's rows. Whoever changes the parameter may bring them up to
/// date on the way, which costs less than to read the parameter once more, and then says so.
#[derive(Debug)]
pub struct RowNorms<'a> {
    /// A norm for every row.
    pub norms: &'a mut [f64],
    /// Whether they were those of the parameter before the visit.
    pub were_current: bool,
    /// Whether they are those of the parameter as it is; false on a visit.
    pub are_current: &'a mut bool,
}
