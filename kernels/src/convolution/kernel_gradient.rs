//! The gradient of the kernels: a product that sums over the minibatch and its positions.
//!
//! The images are first copied channels last, `[image][row][column][channel]` with their zeros.
//! The numbers under a row of the kernel are then side by side in memory, so that packing the
//! patches copies slices; the copy itself is a kh kw-th of them.

use super::planes::Planes;
use super::{ConvolutionShape, check_len};
use crate::matrix::MatrixViewMut;
use crate::product::{Factor, Problem, multiply_in_parts};
use crate::raw::{InstructionSet, Real, TensorBuffers};
use crate::selection::Selection;
use rayon::prelude::*;

/// dK[o, c, i, j] = sum_{b, y, x} dY[b, o, y, x] X[b, c, y stride + i - padding,
/// x stride + j - padding], with zeros outside the image.
///
/// The chain of every element runs over images, then rows, then columns of the output.
///
/// ```
/// use kernels::InstructionSet;
/// use kernels::convolution::{ConvolutionShape, kernel_gradient};
/// let shape = ConvolutionShape::new(1, [1, 1, 3], [1, 1, 2], 1, 0)?;
/// let mut gradient = [0.0f32; 2];
/// let set = InstructionSet::detect();
/// kernel_gradient(set, &shape, &[1.0, 2.0, 3.0], &[1.0, 10.0], &mut gradient);
/// assert_eq!(gradient, [21.0, 32.0]);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn kernel_gradient<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    gradient: &mut [T],
) {
    let images = Selection::all(shape.batch());
    sum_over(set, shape, input, output_gradient, Pairs::Images(&images), None, gradient);
}

/// The estimate of the kernel gradient over a selection of images, sum_{b in S} s_b dY[b] X[b].
///
/// 2 |S| O Ho Wo C kh kw floating-point operations; images outside S are not touched. The scale
/// is multiplied (and rounded) into the output gradient.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// images.
pub fn kernel_gradient_selected<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    selection: &Selection,
    gradient: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.batch(), "the selection is over the images");
    sum_over(set, shape, input, output_gradient, Pairs::Images(selection), None, gradient);
}

/// The estimate of the kernel gradient over a selection of positions of all images: pair
/// b Ho Wo + y Wo + x is position (y, x) of image b.
///
/// 2 |S| O C kh kw floating-point operations. The scale is multiplied (and rounded) into the
/// output gradient.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// positions of the minibatch.
pub fn kernel_gradient_selected_positions<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    selection: &Selection,
    gradient: &mut [T],
) {
    let pairs = shape.batch() * shape.positions();
    assert_eq!(selection.pairs(), pairs, "the selection is over the positions of the minibatch");
    sum_over(set, shape, input, output_gradient, Pairs::Positions(selection), None, gradient);
}

/// The kernel gradient of the selected input channels, each times its scale: an
/// O x |S| x kh x kw tensor whose channel j is s_j times channel c_j of the gradient.
///
/// This is the gradient of a layer sampled in the forward pass: that of the other channels is
/// zero.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// input channels.
pub fn kernel_gradient_of_channels<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    selection: &Selection,
    gradient: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.input_channels(), "the selection is over input channels");
    let images = Selection::all(shape.batch());
    let kept = Some(selection.indices());
    sum_over(set, shape, input, output_gradient, Pairs::Images(&images), kept, gradient);
    if !selection.is_unscaled() {
        let scales = selection.scales().iter().cycle();
        for (weights, &scale) in gradient.chunks_exact_mut(shape.taps()).zip(scales) {
            weights.iter_mut().for_each(|weight| *weight = weight.times(T::from_f64(scale)));
        }
    }
}

/// What the inner index of the product runs over.
enum Pairs<'a> {
    /// All positions of some images.
    Images(&'a Selection),
    /// Some positions of all images.
    Positions(&'a Selection),
}

/// Where the two numbers of each inner index lie, and their scale.
struct PairTables {
    output_gradient: Vec<u32>,
    input: Vec<u32>,
    scales: Option<Vec<f64>>,
    /// How many numbers of the output gradient lie side by side.
    run: usize,
}

impl Pairs<'_> {
    /// The images that are read.
    fn images(&self, batch: usize) -> Vec<u32> {
        match self {
            Self::Images(selection) => selection.indices().to_vec(),
            Self::Positions(_) => (0..batch as u32).collect(),
        }
    }

    fn tables(
        &self,
        shape: &ConvolutionShape,
        positions: &[usize],
        image_len: usize,
    ) -> PairTables {
        let (outputs, count) = (shape.output_channels(), shape.positions());
        let (selection, taken) = match self {
            Self::Images(selection) => (selection, count),
            Self::Positions(selection) => (selection, 1),
        };
        let pairs = selection.len() * taken;
        let (mut output_gradient, mut input) =
            (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
        let mut push = |image: usize, copy: usize, position: usize| {
            output_gradient.push((image * outputs * count + position) as u32);
            input.push((copy * image_len + positions[position]) as u32);
        };
        match self {
            Self::Images(selection) => {
                for (copy, &image) in selection.indices().iter().enumerate() {
                    (0..count).for_each(|position| push(image as usize, copy, position));
                }
            }
            Self::Positions(selection) => {
                for &pair in selection.indices() {
                    let image = pair as usize / count;
                    push(image, image, pair as usize % count);
                }
            }
        }
        let scales = (!selection.is_unscaled()).then(|| {
            selection.scales().iter().flat_map(|&s| std::iter::repeat_n(s, taken)).collect()
        });
        PairTables { output_gradient, input, scales, run: taken }
    }
}

fn sum_over<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    pairs: Pairs,
    kept: Option<&[u32]>,
    gradient: &mut [T],
) {
    check_len("input", input, shape.input_len());
    check_len("output gradient", output_gradient, shape.output_len());
    let planes = Planes {
        data: input,
        channels: shape.input_channels(),
        height: shape.height(),
        width: shape.width(),
        kept,
    };
    let (channels, taps) = (planes.kept_channels(), shape.taps());
    let columns = channels * taps;
    check_len("gradient", gradient, shape.output_channels() * columns);
    if columns == 0 {
        return;
    }
    let row_len = (shape.width() + 2 * shape.padding()) * channels;
    let image_len = (shape.height() + 2 * shape.padding()) * row_len;
    let positions: Vec<usize> = (0..shape.positions())
        .map(|position| (position / shape.output_width(), position % shape.output_width()))
        .map(|(row, column)| (row * row_len + column * channels) * shape.stride())
        .collect();
    let tables = pairs.tables(shape, &positions, image_len);
    let images = pairs.images(shape.batch());
    // Outer index (i, j, c): a row of the kernel is one run.
    let run = shape.kernel_width() * channels;
    let outer_index: Vec<u32> = (0..shape.kernel_height())
        .flat_map(|row| (row * row_len..row * row_len + run).map(|offset| offset as u32))
        .collect();
    TensorBuffers::lend(|buffers| {
        let copy = buffers.input.first(images.len() * image_len);
        copy.par_chunks_exact_mut(image_len).zip(&images).for_each(|(copy, &image)| {
            planes.copy_channels_last(image as usize, shape.padding(), copy);
        });
        let problem = Problem {
            rows: shape.output_channels(),
            columns,
            inner: tables.input.len(),
            left: Factor {
                data: output_gradient,
                inner_stride: 1,
                outer_stride: shape.positions(),
                inner_index: Some(&tables.output_gradient),
                outer_index: None,
                inner_run: tables.run,
                outer_run: 1,
                scales: tables.scales.as_deref(),
            },
            right: Factor {
                data: copy,
                inner_stride: 1,
                outer_stride: 1,
                inner_index: Some(&tables.input),
                outer_index: (shape.kernel_height() > 1).then_some(&outer_index),
                inner_run: 1,
                outer_run: run,
                scales: None,
            },
        };
        let product = buffers.output.first(problem.rows * columns);
        let view = MatrixViewMut::row_major(product, problem.rows, columns);
        multiply_in_parts(set, &problem, view, rayon::current_num_threads());
        let rows = gradient.chunks_exact_mut(columns).zip(product.chunks_exact(columns));
        for (gradient, product) in rows {
            for (channel, weights) in gradient.chunks_exact_mut(taps).enumerate() {
                let product = product[channel..].iter().step_by(channels);
                weights.iter_mut().zip(product).for_each(|(weight, x)| *weight = *x);
            }
        }
    });
}
