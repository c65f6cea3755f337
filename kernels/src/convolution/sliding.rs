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

/// Positions of an image from which on its patches are read in place.
const FEWEST_IN_LINES: usize = 256;
/// Cost of copying one number of a patch, in fused multiply-adds.
const COPY: usize = 12;

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

    /// Whether to compute whole lines of the padded plane, the numbers between two rows of
    /// positions thrown away: the patches are then read where they are.
    fn worth_whole_lines(&self, weight_rows: usize, padded_width: usize) -> bool {
        let waste = weight_rows * (padded_width - self.columns);
        let worth = self.count() >= FEWEST_IN_LINES && waste < COPY * self.columns;
        self.step == 1 && (padded_width == self.columns || worth)
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
    /// What each output plane is multiplied with at the end.
    pub(super) plane_scales: Option<&'a [f64]>,
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
    if weights.rows == 0 || planes.kept_channels() == 0 {
        return output.fill(T::ZERO);
    }
    let image_len = planes.image_len();
    let batch = planes.data.len() / image_len;
    let width = planes.padded_width();
    let in_lines =
        windows.iter().all(|window| window.positions.worth_whole_lines(weights.rows, width));
    let largest = windows.iter().map(|window| window.positions.count()).max().unwrap_or(1);
    let group = if in_lines { 1 } else { (GROUP_POSITIONS / largest.max(1)).clamp(1, batch) };
    let layouts: Vec<Layout> = windows
        .iter()
        .map(|window| Layout::new(&window.positions, group, planes, in_lines))
        .collect();
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
            for (window, layout) in windows.iter().zip(&layouts) {
                if window.taps.is_empty() {
                    window.fill_with_zero(plane, output);
                    continue;
                }
                let columns = layout.columns(images, window);
                let problem = Problem {
                    rows: weights.rows,
                    columns,
                    inner: window.taps.len(),
                    left: weights.factor(window),
                    right: layout.patches(data, &window.taps, columns),
                };
                if columns == plane && window.targets.is_none() {
                    let output = MatrixViewMut::row_major(output, weights.rows, columns);
                    multiply_in_parts(set, &problem, output, parts);
                    continue;
                }
                let product = buffers.output.first(weights.rows * columns);
                let view = MatrixViewMut::row_major(product, weights.rows, columns);
                multiply_in_parts(set, &problem, view, parts);
                for (image, output) in output.chunks_exact_mut(weights.rows * plane).enumerate() {
                    for (row, output) in output.chunks_exact_mut(plane).enumerate() {
                        let results = &product[row * columns..][..columns];
                        layout.place(window, image, results, output);
                    }
                }
            }
        });
        if let Some(scales) = weights.plane_scales {
            set.run(|| scale_planes(scales, plane, output));
        }
    });
}

/// Multiplies each plane of some images with its scale.
#[inline(always)]
fn scale_planes<T: Real>(scales: &[f64], plane: usize, output: &mut [T]) {
    for (numbers, &scale) in output.chunks_exact_mut(plane).zip(scales.iter().cycle()) {
        let scale = T::from_f64(scale);
        numbers.iter_mut().for_each(|x| *x = x.times(scale));
    }
}

impl<'a, T: Real> Weights<'a, T> {
    fn factor(&self, window: &'a Window) -> Factor<'a, T> {
        Factor {
            data: self.data,
            inner_stride: 1,
            outer_stride: self.stride,
            inner_index: window.weights.as_deref(),
            outer_index: self.index,
            inner_run: 1,
            outer_run: 1,
            scales: window.scales.as_deref(),
        }
    }
}

impl Window {
    /// Writes the results of a window without taps.
    fn fill_with_zero<T: Real>(&self, plane: usize, output: &mut [T]) {
        match &self.targets {
            None => output.fill(T::ZERO),
            Some(targets) => {
                for plane in output.chunks_exact_mut(plane) {
                    targets.iter().for_each(|&target| plane[target as usize] = T::ZERO);
                }
            }
        }
    }
}

/// How the positions of a group of images become the columns of a product.
enum Layout {
    /// One image, its rows of positions so far apart as in memory, from the first position on.
    Lines { first: usize, line: usize },
    /// Position after position, each at its offset, in runs of adjacent ones.
    Table { offsets: Vec<u32>, run: usize },
}

impl Layout {
    fn new<T: Real>(
        positions: &Positions,
        images: usize,
        planes: &Planes<T>,
        in_lines: bool,
    ) -> Self {
        let line = planes.padded_width();
        if in_lines {
            return Self::Lines { first: positions.first.0 * line + positions.first.1, line };
        }
        let in_image: Vec<usize> = positions.offsets(line, 1).collect();
        let offsets = (0..images)
            .flat_map(|image| in_image.iter().map(move |offset| image * planes.read_len() + offset))
            .map(|offset| offset as u32)
            .collect();
        Self::Table { offsets, run: if positions.step == 1 { positions.columns } else { 1 } }
    }

    /// Columns of the product for some images.
    fn columns(&self, images: usize, window: &Window) -> usize {
        let Positions { rows, columns, .. } = window.positions;
        match self {
            Self::Lines { line, .. } => (rows - 1) * line + columns,
            Self::Table { .. } => images * window.positions.count(),
        }
    }

    /// The patches as a right factor.
    fn patches<'a, T: Real>(
        &'a self,
        data: &'a [T],
        taps: &'a [u32],
        columns: usize,
    ) -> Factor<'a, T> {
        let (first, outer_index, outer_run) = match self {
            Self::Lines { first, .. } => (*first, None, 1),
            Self::Table { offsets, run } => (0, Some(&offsets[..columns]), *run),
        };
        Factor {
            data: &data[first..],
            inner_stride: 1,
            outer_stride: 1,
            inner_index: Some(taps),
            outer_index,
            inner_run: 1,
            outer_run,
            scales: None,
        }
    }

    /// Copies one row of the product, as far as it is of one image, into its output plane.
    fn place<T: Real>(&self, window: &Window, image: usize, results: &[T], plane: &mut [T]) {
        let Positions { rows, columns, .. } = window.positions;
        let (start, line) = match self {
            Self::Lines { line, .. } => (0, *line),
            Self::Table { .. } => (image * rows * columns, columns),
        };
        for row in 0..rows {
            let results = &results[start + row * line..][..columns];
            match &window.targets {
                None => plane[row * columns..][..columns].copy_from_slice(results),
                Some(targets) => {
                    for (&target, result) in targets[row * columns..].iter().zip(results) {
                        plane[target as usize] = *result;
                    }
                }
            }
        }
    }
}
