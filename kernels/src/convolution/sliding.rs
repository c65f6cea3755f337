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

/// Positions of a group: enough to share the packed kernels among, as many as a block of lanes.
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

    /// Images of a group; it depends on the shape alone.
    pub(super) fn group(&self) -> usize {
        (GROUP_POSITIONS / self.count()).max(1)
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

/// output (images x rows x positions) = weights (rows x inner) times the patches of each image,
/// where the patch numbers of inner index i lie at `taps[i]` from the position.
pub(super) fn multiply_patches<T: Real>(
    set: InstructionSet,
    (rows, weights): (usize, &Factor<T>),
    taps: &[u32],
    planes: &Planes<T>,
    positions: &Positions,
    output: &mut [T],
) {
    let (image_len, count) = (planes.image_len(), positions.count());
    let batch = planes.data.len() / image_len;
    let group = positions.group().min(batch);
    let in_image: Vec<usize> = positions.offsets(planes.padded_width(), 1).collect();
    let offsets: Vec<u32> = (0..group)
        .flat_map(|image| in_image.iter().map(move |offset| image * planes.read_len() + offset))
        .map(|offset| offset as u32)
        .collect();
    let run = positions.run(planes.padded_width());
    let groups = batch.div_ceil(group);
    let parts = rayon::current_num_threads().div_ceil(groups);
    let stored = planes.data.par_chunks(group * image_len);
    stored.zip(output.par_chunks_mut(group * rows * count)).for_each(|(stored, output)| {
        let images = stored.len() / image_len;
        let columns = images * count;
        TensorBuffers::lend(|buffers| {
            let data = if planes.needs_copy() {
                let copy = buffers.input.first(images * planes.read_len());
                planes.copy_padded(stored, copy);
                copy
            } else {
                stored
            };
            let (start, outer_index) = if run == columns {
                (offsets[0] as usize, None)
            } else {
                (0, Some(&offsets[..columns]))
            };
            let patches = Factor {
                data: &data[start..],
                inner_stride: 1,
                outer_stride: 1,
                inner_index: Some(taps),
                outer_index,
                outer_run: run,
                scales: None,
            };
            let problem =
                Problem { rows, columns, inner: taps.len(), left: *weights, right: patches };
            if images == 1 {
                let output = MatrixViewMut::row_major(output, rows, columns);
                return multiply_in_parts(set, &problem, output, parts);
            }
            let together = buffers.output.first(rows * columns);
            let view = MatrixViewMut::row_major(together, rows, columns);
            multiply_in_parts(set, &problem, view, parts);
            for (row, from) in together.chunks_exact(columns).enumerate() {
                for (image, from) in from.chunks_exact(count).enumerate() {
                    let start = (image * rows + row) * count;
                    output[start..start + count].copy_from_slice(from);
                }
            }
        });
    });
}
