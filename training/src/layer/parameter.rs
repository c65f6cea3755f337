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
    /// A number for every number of the parameter, those of all but some channels zero.
    Channels {
        /// Which channels, in increasing order.
        indices: &'a [u32],
        /// Numbers of a channel in a row, side by side.
        block: usize,
        /// All numbers.
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
            | Self::Channels { values, .. } => values,
        }
    }

    /// One row of so many numbers, or none where it is zero.
    pub fn row(&self, row: usize, length: usize) -> Option<GradientRow<'a>> {
        let numbers = |values: &'a [f32], position: usize, length: usize| {
            &values[position * length..(position + 1) * length]
        };
        match *self {
            Self::Dense(values) | Self::Channels { values, .. } => {
                Some(GradientRow::Whole(numbers(values, row, length)))
            }
            Self::Rows { indices, values } => {
                let position = indices.binary_search(&(row as u32)).ok()?;
                Some(GradientRow::Whole(numbers(values, position, length)))
            }
            Self::Block { rows, columns, values } => {
                let position = rows.binary_search(&(row as u32)).ok()?;
                let numbers = numbers(values, position, columns.len());
                Some(GradientRow::Columns { columns, numbers })
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
        let begin = to.len();
        to.resize(begin + self.values.len(), 0.0);
        for (row, to) in to[begin..].chunks_exact_mut(self.row_length.max(1)).enumerate() {
            if let Some(row) = self.gradient.row(row, self.row_length) {
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
