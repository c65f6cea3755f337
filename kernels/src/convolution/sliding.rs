//! A sliding window as a matrix product, group of images by group of images.
//!
//! Number (inner, outer) of the patch matrix is one number of the padded images, at the sum of
//! an offset of the inner index (channel and tap) and one of the outer index (image and
//! position). So the matrix is never formed: the product reads the images through two tables.

use super::ConvolutionShape;
use super::padding::Planes;
use crate::matrix::MatrixViewMut;
use crate::product::{Factor, Problem, multiply_in_parts};
use crate::raw::{InstructionSet, Real, TensorBuffers};
use rayon::prelude::*;

/// Positions of a group: enough to share the packed weights among, as many as a block of lanes.
const GROUP_POSITIONS: usize = 1024;

/// The positions of a window in one image: rows x columns of them, `step` pixels apart.
#[derive(Clone, Copy)]
pub(super) struct Positions {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) step: usize,
    /// Row and column of the first one in the padded plane.
    pub(super) first: (usize, usize),
}

impl Positions {
    /// Where the kernel stands in a padded input image.
    pub(super) fn of_output(shape: &ConvolutionShape) -> Self {
        Self {
            rows: shape.output_height(),
            columns: shape.output_width(),
            step: shape.stride(),
            first: (0, 0),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// How many successive positions lie side by side in memory.
    fn run(&self, padded_width: usize) -> usize {
        match self.step {
            1 if self.columns == padded_width => self.count(),
            1 => self.columns,
            _ => 1,
        }
    }

    /// The offsets of the positions in an image with rows `row_stride` numbers apart and columns
    /// `column_stride`.
    pub(super) fn offsets(
        &self,
        row_stride: usize,
        column_stride: usize,
    ) -> impl Iterator<Item = usize> {
        (0..self.rows).flat_map(move |row| {
            let start = (self.first.0 + row * self.step) * row_stride;
            let column = move |column: usize| (self.first.1 + column * self.step) * column_stride;
            (0..self.columns).map(move |index| start + column(index))
        })
    }
}

/// The weights of a window: `rows` output planes, the numbers of each `stride` from those of the
/// one before, or at its index where there is one.
pub(super) struct Weights<'a, T> {
    pub(super) data: &'a [T],
    pub(super) rows: usize,
    pub(super) stride: usize,
    pub(super) index: Option<&'a [u32]>,
}

/// One window over the planes: which numbers it multiplies, where it stands, and where the
/// results go.
pub(super) struct Window {
    /// Where the weight of each inner index lies in a row; side by side without it.
    pub(super) weights: Option<Vec<u32>>,
    /// What each weight is multiplied with.
    pub(super) scales: Option<Vec<f64>>,
    /// Where the number of each inner index lies, from the position.
    pub(super) taps: Vec<u32>,
    pub(super) positions: Positions,
    /// Where the result of each position goes in its output plane; in order without it.
    pub(super) targets: Option<Vec<u32>>,
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
    if weights.rows == 0 {
        return;
    }
    let image_len = planes.image_len();
    let batch = planes.data.len() / image_len;
    // The group depends on the shape alone.
    let largest = windows.iter().map(|window| window.positions.count()).max().unwrap_or(1);
    let group = (GROUP_POSITIONS / largest.max(1)).clamp(1, batch);
    let offsets: Vec<Vec<u32>> =
        windows.iter().map(|window| position_offsets(&window.positions, group, planes)).collect();
    let parts = rayon::current_num_threads().div_ceil(batch.div_ceil(group));
    let stored = planes.data.par_chunks(group * image_len);
    stored.zip(output.par_chunks_mut(group * weights.rows * plane)).for_each(|(stored, output)| {
        let images = stored.len() / image_len;
        TensorBuffers::lend(|buffers| {
            let data = if planes.needs_copy() {
                let copy = buffers.input.first(images * planes.read_len());
                planes.copy_padded(stored, copy);
                copy
            } else {
                stored
            };
            for (window, offsets) in windows.iter().zip(&offsets) {
                let count = window.positions.count();
                let columns = images * count;
                let problem = Problem {
                    rows: weights.rows,
                    columns,
                    inner: window.taps.len(),
                    left: weights.factor(window),
                    right: window.patches(data, &offsets[..columns], planes.padded_width()),
                };
                if images == 1 && window.targets.is_none() {
                    let output = MatrixViewMut::row_major(output, weights.rows, columns);
                    multiply_in_parts(set, &problem, output, parts);
                    continue;
                }
                let product = buffers.output.first(weights.rows * columns);
                let view = MatrixViewMut::row_major(product, weights.rows, columns);
                multiply_in_parts(set, &problem, view, parts);
                for (image, output) in output.chunks_exact_mut(weights.rows * plane).enumerate() {
                    for (row, output) in output.chunks_exact_mut(plane).enumerate() {
                        window.place(&product[row * columns + image * count..][..count], output);
                    }
                }
            }
        });
    });
}

impl<'a, T: Real> Weights<'a, T> {
    fn factor(&self, window: &'a Window) -> Factor<'a, T> {
        Factor {
            data: self.data,
            inner_stride: 1,
            outer_stride: self.stride,
            inner_index: window.weights.as_deref(),
            outer_index: self.index,
            outer_run: 1,
            scales: window.scales.as_deref(),
        }
    }
}

impl Window {
    /// The patches of some images as a right factor.
    fn patches<'a, T: Real>(
        &'a self,
        data: &'a [T],
        offsets: &'a [u32],
        padded_width: usize,
    ) -> Factor<'a, T> {
        let outer_run = self.positions.run(padded_width);
        // A single run needs no table.
        let start = offsets.first().map_or(0, |&offset| offset as usize);
        let (data, outer_index) =
            if outer_run == offsets.len() { (&data[start..], None) } else { (data, Some(offsets)) };
        let inner_index = Some(&self.taps[..]);
        Factor {
            data,
            inner_stride: 1,
            outer_stride: 1,
            inner_index,
            outer_index,
            outer_run,
            scales: None,
        }
    }

    /// Copies the results of one image and row into their plane.
    fn place<T: Real>(&self, results: &[T], plane: &mut [T]) {
        match &self.targets {
            None => plane.copy_from_slice(results),
            Some(targets) => {
                for (&target, result) in targets.iter().zip(results) {
                    plane[target as usize] = *result;
                }
            }
        }
    }
}

fn position_offsets<T: Real>(positions: &Positions, images: usize, planes: &Planes<T>) -> Vec<u32> {
    let in_image: Vec<usize> = positions.offsets(planes.padded_width(), 1).collect();
    (0..images)
        .flat_map(|image| in_image.iter().map(move |offset| image * planes.read_len() + offset))
        .map(|offset| offset as u32)
        .collect()
}
