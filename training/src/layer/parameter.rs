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
    /// One row of the gradient, or none where it is zero.
    pub fn row(&self, row: usize, length: usize) -> Option<&'a [f32]> {
        let (position, values) = match *self {
            Self::Dense(values) | Self::Channels { values, .. } => (row, values),
            Self::Rows { indices, values } => (indices.binary_search(&(row as u32)).ok()?, values),
        };
        Some(&values[position * length..(position + 1) * length])
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
}

/// The Euclidean norms of a parameter's rows. Whoever changes the parameter may bring them up to
/// date on the way, which costs less than to read the parameter once more, and then says so.
#[derive(Debug)]
pub struct RowNorms<'a> {
    /// A norm for every row.
    pub norms: &'a mut [f64],
    /// Whether they are those of the parameter as it is; false on a visit.
    pub are_current: &'a mut bool,
}
