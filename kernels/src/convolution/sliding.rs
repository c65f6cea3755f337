//! A sliding window as a matrix product, group of images by group of images.
//!
//! Number (inner, outer) of the patch matrix is one number of the padded images, at the sum of
//! an offset of the inner index (channel and tap) and one of the outer index (image and
//! position). So the matrix is never formed: the product reads the images through two tables.

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

    /// The offsets of the positions of some images in memory.
    pub(super) fn offsets<T: Real>(&self, images: usize, planes: &Planes<T>) -> Vec<u32> {
        let width = planes.padded_width();
        let mut offsets = Vec::with_capacity(images * self.count());
        for image in 0..images {
            for row in 0..self.rows {
                let row = self.first.0 + row * self.step;
                let start = image * planes.read_len() + row * width + self.first.1;
                offsets.extend((0..self.columns).map(|column| (start + column * self.step) as u32));
            }
        }
        offsets
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
    let offsets = positions.offsets(group, planes);
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
