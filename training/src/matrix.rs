//! A row-major matrix whose memory is kept from step to step.

use kernels::{MatrixView, MatrixViewMut};

/// A row-major matrix of f32: one sample a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// A matrix from its rows one after another.
    ///
    /// # Panics
    /// When the length is not `rows * columns`.
    pub fn from_rows(rows: usize, columns: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), rows * columns, "one number an element");
        Self { rows, columns, data }
    }

    /// Changes the shape and keeps the memory; what the elements hold is unspecified.
    pub fn reshape(&mut self, rows: usize, columns: usize) {
        self.data.resize(rows * columns, 0.0);
        (self.rows, self.columns) = (rows, columns);
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The elements, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The elements, row by row.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// The matrix as the kernels see it.
    pub fn view(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(&self.data, self.rows, self.columns)
    }

    /// The matrix as the kernels write it.
    pub fn view_mut(&mut self) -> MatrixViewMut<'_, f32> {
        MatrixViewMut::row_major(&mut self.data, self.rows, self.columns)
    }
}
