//! The gradient of the kernels: a product that sums over the minibatch and its positions.
//!
//! Some images at a time are copied channels last, `[image][row][column][channel]` with their
//! zeros. The numbers under a row of the kernel are then side by side in memory, so that packing
//! the patches copies slices; the copy itself is a kh kw-th of them. The sums go on from one group
//! of images to the next.

use super::planes::Planes;
use super::{ConvolutionShape, check_len};
use crate::matrix::MatrixViewMut;
use crate::product::{Factor, Problem, multiply_in_parts};
use crate::raw::{InstructionSet, Real, TensorBuffers};
use crate::selection::Selection;
use rayon::prelude::*;
use std::iter::repeat_n;
use std::ops::Range;

/// Numbers of the images copied at a time: they stay in the second-level cache.
const GROUP_NUMBERS: usize = 1 << 18;
/// Positions of the images copied at a time, at least: enough for whole blocks of a product.
const GROUP_POSITIONS: usize = 1024;

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
    let pairs = Pairs::of_images(&Selection::all(shape.batch()), shape.positions());
    sum_over(set, shape, input, output_gradient, &pairs, None, gradient);
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
    let pairs = Pairs::of_images(selection, shape.positions());
    sum_over(set, shape, input, output_gradient, &pairs, None, gradient);
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
    let pairs = Pairs::of_positions(selection, shape.positions());
    sum_over(set, shape, input, output_gradient, &pairs, None, gradient);
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
    let pairs = Pairs::of_images(&Selection::all(shape.batch()), shape.positions());
    let kept = Some(selection.indices());
    sum_over(set, shape, input, output_gradient, &pairs, kept, gradient);
    if !selection.is_unscaled() {
        let scales = selection.scales().iter().cycle();
        for (weights, &scale) in gradient.chunks_exact_mut(shape.taps()).zip(scales) {
            weights.iter_mut().for_each(|weight| *weight = weight.times(T::from_f64(scale)));
        }
    }
}

/// The positions a product sums over, image by image.
struct Pairs {
    /// The images, and which of `positions` are taken in each.
    images: Vec<(usize, Range<usize>)>,
    positions: Vec<u32>,
    /// One scale a pair; None where every scale is one.
    scales: Option<Vec<f64>>,
    /// How many successive pairs are successive positions.
    run: usize,
}

impl Pairs {
    /// All positions of some images.
    fn of_images(images: &Selection, positions: usize) -> Self {
        let repeated = |&scale| repeat_n(scale, positions);
        Self {
            images: images.indices().iter().map(|&image| (image as usize, 0..positions)).collect(),
            positions: (0..positions as u32).collect(),
            scales: (!images.is_unscaled())
                .then(|| images.scales().iter().flat_map(repeated).collect()),
            run: positions,
        }
    }

    /// Some of the positions of all images, which have `count` each.
    fn of_positions(pairs: &Selection, count: usize) -> Self {
        let image = |pair: u32| pair as usize / count;
        let mut taken = 0;
        let by_image = pairs.indices().chunk_by(|&pair, &next| image(pair) == image(next));
        let images = by_image.map(|pairs| {
            taken += pairs.len();
            (image(pairs[0]), taken - pairs.len()..taken)
        });
        Self {
            images: images.collect(),
            positions: pairs.indices().iter().map(|&pair| pair % count as u32).collect(),
            scales: (!pairs.is_unscaled()).then(|| pairs.scales().to_vec()),
            run: 1,
        }
    }
}

fn sum_over<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    pairs: &Pairs,
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
    if columns == 0 || pairs.images.is_empty() {
        return gradient.fill(T::ZERO);
    }
    let patches = ChannelsLast::new(shape, channels);
    TensorBuffers::lend(|buffers| {
        let product = buffers.output.first(gradient.len());
        let mut summed = 0;
        for group in pairs.images.chunks(patches.group) {
            // Patches of one pixel are the pixels themselves, read where they are.
            let copies = if patches.are_pixels { 0 } else { group.len() };
            let copy = buffers.input.first(copies * patches.image_len);
            let copied = copy.par_chunks_exact_mut(patches.image_len);
            copied.zip(group).for_each(|(copy, (image, _))| {
                planes.copy_channels_last(*image, shape.padding(), copy);
            });
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for (copy, (image, taken)) in group.iter().enumerate() {
                let positions = &pairs.positions[taken.clone()];
                let start = (image * shape.output_channels() * shape.positions()) as u32;
                left.extend(positions.iter().map(|position| start + position));
                let start = if patches.are_pixels {
                    image * planes.image_len()
                } else {
                    copy * patches.image_len
                };
                let offset = |&position: &u32| start as u32 + patches.positions[position as usize];
                right.extend(positions.iter().map(offset));
            }
            let read = Factor {
                data: copy,
                inner_stride: 1,
                outer_stride: 1,
                inner_index: Some(&right),
                outer_index: (shape.kernel_height() > 1).then_some(&patches.taps),
                inner_run: 1,
                outer_run: shape.kernel_width() * channels,
                scales: None,
            };
            let read = if patches.are_pixels {
                Factor {
                    data: input,
                    outer_stride: shape.pixels(),
                    outer_index: kept,
                    inner_run: pairs.run,
                    outer_run: 1,
                    ..read
                }
            } else {
                read
            };
            let problem = Problem {
                rows: shape.output_channels(),
                columns,
                inner: left.len(),
                left: Factor {
                    data: output_gradient,
                    inner_stride: 1,
                    outer_stride: shape.positions(),
                    inner_index: Some(&left),
                    outer_index: None,
                    inner_run: pairs.run,
                    outer_run: 1,
                    scales: pairs.scales.as_ref().map(|scales| &scales[summed..][..left.len()]),
                },
                right: read,
                accumulate: summed > 0,
            };
            let view = MatrixViewMut::row_major(product, problem.rows, columns);
            multiply_in_parts(set, &problem, view, rayon::current_num_threads());
            summed += left.len();
        }
        let rows = gradient.chunks_exact_mut(columns).zip(product.chunks_exact(columns));
        for (gradient, product) in rows {
            for (channel, weights) in gradient.chunks_exact_mut(taps).enumerate() {
                let product = product[channel..].iter().step_by(channels);
                weights.iter_mut().zip(product).for_each(|(weight, x)| *weight = *x);
            }
        }
    });
}

/// Where the numbers of a patch lie in images copied channels last.
struct ChannelsLast {
    /// Whether a patch is one pixel and every pixel one: then nothing is copied, and the offsets
    /// are those in the images themselves.
    are_pixels: bool,
    image_len: usize,
    /// Images copied at a time.
    group: usize,
    /// The offset of each position.
    positions: Vec<u32>,
    /// The offset of each number (i, j, c) from the position; a row of the kernel is one run.
    taps: Vec<u32>,
}

impl ChannelsLast {
    fn new(shape: &ConvolutionShape, channels: usize) -> Self {
        let row_len = (shape.width() + 2 * shape.padding()) * channels;
        let image_len = (shape.height() + 2 * shape.padding()) * row_len;
        let fits = GROUP_NUMBERS / image_len;
        let fewest = GROUP_POSITIONS.div_ceil(shape.positions());
        let are_pixels = shape.taps() == 1 && shape.stride() == 1 && shape.padding() == 0;
        let position = |row: usize, column: usize| match are_pixels {
            true => (row * shape.width() + column) as u32,
            false => ((row * row_len + column * channels) * shape.stride()) as u32,
        };
        let columns = 0..shape.output_width();
        let run = shape.kernel_width() * channels;
        Self {
            are_pixels,
            image_len,
            group: fits.max(fewest),
            positions: (0..shape.output_height())
                .flat_map(|row| columns.clone().map(move |column| position(row, column)))
                .collect(),
            taps: (0..shape.kernel_height())
                .flat_map(|row| (row * row_len..row * row_len + run).map(|offset| offset as u32))
                .collect(),
        }
    }
}
