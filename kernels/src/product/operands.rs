//! Where the numbers of a product come from.

use crate::matrix::MatrixView;
use crate::selection::Selection;
use micro_kernels::{Real, SelectedColumns};

/// One factor of a product, seen from its inner index (the one that is summed over) and its outer
/// one: number (inner, outer) is `data[inner' * inner_stride + outer' * outer_stride]`, times
/// `inner_scales[inner]` and `outer_scales[outer]` where there are scales; inner' and outer' go
/// through the indices where there are some.
///
/// Indices come in runs of `inner_run` and `outer_run`, counted from the first, whose entries are
/// one apart: what packing may copy at once. A run of 1 says nothing.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) inner_stride: usize,
    pub(crate) outer_stride: usize,
    pub(crate) inner_index: Option<&'a [u32]>,
    pub(crate) outer_index: Option<&'a [u32]>,
    pub(crate) inner_run: usize,
    pub(crate) outer_run: usize,
    pub(crate) inner_scales: Option<&'a [f64]>,
    /// Only together with an index, and with runs of one.
    pub(crate) outer_scales: Option<&'a [f64]>,
    /// The inner indices of the block that is packed and their scales, where they are dense.
    pub(crate) columns: Option<&'a SelectedColumns<T>>,
}

impl<'a, T: Real> Factor<'a, T> {
    /// A as the left factor: its rows are the outer index.
    pub(crate) fn of_left(a: &MatrixView<'a, T>) -> Self {
        Self {
            data: a.data(),
            inner_stride: a.column_stride(),
            outer_stride: a.row_stride(),
            inner_index: None,
            outer_index: None,
            inner_run: 1,
            outer_run: 1,
            inner_scales: None,
            outer_scales: None,
            columns: None,
        }
    }

    /// Outer index by outer index side by side, from where `starts` says for each inner one.
    pub(crate) fn from_starts(data: &'a [T], starts: &'a [u32]) -> Self {
        Self {
            data,
            inner_stride: 1,
            outer_stride: 1,
            inner_index: Some(starts),
            outer_index: None,
            inner_run: 1,
            outer_run: 1,
            inner_scales: None,
            outer_scales: None,
            columns: None,
        }
    }

    /// B as the right factor: its columns are the outer index.
    pub(crate) fn of_right(b: &MatrixView<'a, T>) -> Self {
        Self::of_left(&b.transpose())
    }

    pub(crate) fn inner_offset(&self, inner: usize) -> usize {
        self.inner_index.map_or(inner, |index| index[inner] as usize) * self.inner_stride
    }

    pub(crate) fn outer_offset(&self, outer: usize) -> usize {
        self.outer_index.map_or(outer, |index| index[outer] as usize) * self.outer_stride
    }

    /// What the numbers at an inner index are multiplied with.
    pub(crate) fn inner_scale(&self, inner: usize) -> T {
        self.inner_scales.map_or(T::ONE, |scales| T::from_f64(scales[inner]))
    }

    /// What the numbers at an outer index are multiplied with.
    pub(crate) fn outer_scale(&self, outer: usize) -> T {
        self.outer_scales.map_or(T::ONE, |scales| T::from_f64(scales[outer]))
    }

    /// Whether numbers are multiplied on the way.
    pub(crate) fn is_scaled(&self) -> bool {
        self.inner_scales.is_some() || self.outer_scales.is_some()
    }
}

/// C (rows x columns) = left (rows x inner) times right (inner x columns), the chain of each
/// element going on from what C holds when `accumulate` and starting from zero otherwise.
pub(crate) struct Problem<'a, T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) inner: usize,
    pub(crate) left: Factor<'a, T>,
    pub(crate) right: Factor<'a, T>,
    pub(crate) accumulate: bool,
}

impl<'a, T: Real> Problem<'a, T> {
    /// The same product as C^T = B^T A^T.
    pub(crate) fn transposed(&self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            inner: self.inner,
            left: self.right,
            right: self.left,
            accumulate: self.accumulate,
        }
    }
}

/// The scales of a selection that has other ones than one.
pub(super) fn scales_of(selection: &Selection) -> Option<&[f64]> {
    (!selection.is_unscaled()).then(|| selection.scales())
}
