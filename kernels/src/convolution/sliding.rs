//! A sliding window as a matrix product, group of images by group of images.
//!
//! Column (y, image, x) of the patch matrix holds the numbers under the window at position
//! (y, x) of an image. With the planes copied once for each column of the window, every row of
//! that matrix (a channel and a tap) is a run of adjacent numbers of the copy, and the product
//! reads it there through a table of where the rows start. So the matrix is never formed: of its
//! kh kw copies of each number there are kw.

use super::planes::{Pixels, Planes};
use crate::matrix::MatrixViewMut;
use crate::product::{Factor, Problem, copy_over, copy_run, multiply_in_parts};
use micro_kernels::{InstructionSet, Real, TensorBuffers};
use rayon::prelude::*;

/// Positions of a group: enough to share the packed weights among.
const GROUP_POSITIONS: usize = 1024;

/// Images of a group with so many positions each; it depends on the shape alone.
pub(super) fn group_of(positions: usize, batch: usize) -> usize {
    (GROUP_POSITIONS / positions.max(1)).clamp(1, batch)
}

/// The weights of a window: `rows` output planes, the numbers of each `stride` from those of the
/// one before, or at its index where there is one.
pub(super) struct Weights<'a, T> {
    pub(super) data: &'a [T],
    pub(super) rows: usize,
    pub(super) stride: usize,
    pub(super) index: Option<&'a [u32]>,
    /// What the weights of each output plane are multiplied with.
    pub(super) scales: Option<&'a [f64]>,
}

/// One number under a window, in every channel.
pub(super) struct Tap {
    /// Which start of the columns.
    pub(super) column_start: usize,
    /// Which start of the rows.
    pub(super) row_start: usize,
    /// How many rows further down.
    pub(super) row: usize,
}

/// One window over the planes: which numbers it multiplies, where it stands, and where the
/// results go.
pub(super) struct Window {
    /// Where the weight of each inner index lies in a row; side by side without it.
    pub(super) weights: Option<Vec<u32>>,
    /// How many entries of that table are one apart.
    pub(super) weight_run: usize,
    /// What each weight is multiplied with.
    pub(super) scales: Option<Vec<f64>>,
    /// The rows that are read, those of the last taps included.
    pub(super) rows: Pixels,
    pub(super) columns: Pixels,
    pub(super) taps: Vec<Tap>,
    /// Rows of positions.
    pub(super) height: usize,
    pub(super) target: Target,
}

/// Position (y, x) of a window goes to number `first + y row_step + x column_step` of its plane.
pub(super) struct Target {
    pub(super) first: usize,
    pub(super) row_step: usize,
    pub(super) column_step: usize,
}

/// output (images x weight rows x `plane` numbers): for every image and window, the weights
/// times the patches at its positions.
pub(super) fn multiply_patches<T: Real>(
    set: InstructionSet,
    weights: &Weights<T>,
    planes: &Planes<T>,
    windows: &[Window],
    plane: usize,
    output: &mut [T],
) {
    if weights.rows == 0 || planes.kept_channels() == 0 {
        return output.fill(T::ZERO);
    }
    let image_len = planes.image_len();
    let batch = planes.data.len() / image_len;
    let group = group_of(windows.iter().map(Window::positions).max().unwrap_or(1), batch);
    let parts = rayon::current_num_threads().div_ceil(batch.div_ceil(group));
    let stored = planes.data.par_chunks(group * image_len);
    stored.zip(output.par_chunks_mut(group * weights.rows * plane)).for_each(|(stored, output)| {
        TensorBuffers::lend(|buffers| {
            // Pixels that no tap reaches.
            if windows.iter().any(|window| window.taps.is_empty()) {
                output.fill(T::ZERO);
            }
            for window in windows.iter().filter(|window| !window.taps.is_empty()) {
                window.multiply(set, weights, planes, stored, plane, parts, buffers, output);
            }
        });
    });
}

impl Window {
    /// Positions in one image.
    fn positions(&self) -> usize {
        self.height * self.columns.count
    }

    fn multiply<T: Real>(
        &self,
        set: InstructionSet,
        weights: &Weights<T>,
        planes: &Planes<T>,
        stored: &[T],
        plane: usize,
        parts: usize,
        buffers: &mut TensorBuffers<T>,
        output: &mut [T],
    ) {
        let images = stored.len() / planes.image_len();
        let columns = images * self.positions();
        let in_place = images == 1 && planes.are_read_whole(&self.rows, &self.columns);
        // Numbers of one start of rows and columns.
        let block = self.rows.count * images * self.columns.count;
        let channel_len = self.rows.starts.len() * self.columns.starts.len() * block;
        let data = if in_place {
            stored
        } else {
            let copy = buffers.input.first(planes.kept_channels() * channel_len);
            planes.copy_aligned(set, stored, &self.rows, &self.columns, copy);
            copy
        };
        let mut starts = Vec::with_capacity(planes.kept_channels() * self.taps.len());
        for kept in 0..planes.kept_channels() {
            let channel = if in_place { planes.channel(kept) } else { kept } * channel_len;
            starts.extend(self.taps.iter().map(|tap| {
                let start = tap.column_start * self.rows.starts.len() + tap.row_start;
                (channel + start * block + tap.row * images * self.columns.count) as u32
            }));
        }
        let problem = Problem {
            rows: weights.rows,
            columns,
            inner: starts.len(),
            left: Factor {
                data: weights.data,
                inner_stride: 1,
                outer_stride: weights.stride,
                inner_index: self.weights.as_deref(),
                outer_index: weights.index,
                inner_run: self.weight_run,
                outer_run: 1,
                inner_scales: self.scales.as_deref(),
                outer_scales: weights.scales,
                columns: None,
            },
            right: Factor::from_starts(data, &starts),
            accumulate: false,
        };
        if images == 1 && self.target.column_step == 1 {
            let view = MatrixViewMut::row_major(output, weights.rows, columns);
            return multiply_in_parts(set, &problem, view, parts);
        }
        let product = buffers.output.first(weights.rows * columns);
        let view = MatrixViewMut::row_major(product, weights.rows, columns);
        multiply_in_parts(set, &problem, view, parts);
        for (image, output) in output.chunks_exact_mut(weights.rows * plane).enumerate() {
            for (row, output) in output.chunks_exact_mut(plane).enumerate() {
                let results = &product[row * columns + image * self.columns.count..];
                set.run(
                    #[inline(always)]
                    || self.place(results, images * self.columns.count, output),
                );
            }
        }
    }

    /// Copies the results of one plane, whose rows are `row_len` numbers apart, to their target.
    #[inline(always)]
    fn place<T: Real>(&self, results: &[T], row_len: usize, plane: &mut [T]) {
        let Target { first, row_step, column_step } = self.target;
        for y in 0..self.height {
            let results = &results[y * row_len..];
            let to = &mut plane[first + y * row_step..];
            let count = self.columns.count;
            if column_step > 1 {
                let to = to.iter_mut().step_by(column_step);
                to.zip(&results[..count]).for_each(|(to, result)| *to = *result);
            } else if row_step == count {
                // What it writes beyond the row is written again by the next one.
                copy_over(results, to, count);
            } else {
                copy_run(&results[..count], &mut to[..count]);
            }
        }
    }
}
