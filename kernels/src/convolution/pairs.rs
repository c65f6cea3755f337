//! The kernel gradient as a product that sums over pairs: positions of images.
//!
//! Some images at a time are copied channels last, `[image][row][column][channel]` with their
//! zeros. The numbers under a row of the kernel are then side by side in memory, so that packing
//! the patches copies slices; the copy itself is a kh kw-th of them. The sums go on from one group
//! of images to the next.

use super::images::Images;
use super::planes::Planes;
use super::{ConvolutionShape, check_len};
use crate::matrix::MatrixViewMut;
use crate::product::{Factor, Problem, multiply_in_parts};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real, TensorBuffers};
use rayon::prelude::*;
use std::iter::repeat_n;
use std::ops::Range;

/// Numbers of the images copied at a time: they stay in the second-level cache.
const GROUP_NUMBERS: usize = 1 << 18;
/// Positions of the images copied at a time, at least: enough for whole blocks of a product.
const GROUP_POSITIONS: usize = 1024;

/// The positions a product sums over, image by image.
pub(super) struct Pairs {
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
    pub(super) fn of_images(images: &Selection, positions: usize) -> Self {
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
    pub(super) fn of_positions(pairs: &Selection, count: usize) -> Self {
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

/// The kernel gradient over some pairs, from all stored channels of the output gradient to the
/// kept ones of those the input has.
pub(super) fn sum_over_pairs<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: Images<'_, T>,
    output_gradient: Images<'_, T>,
    pairs: &Pairs,
    kept: Option<&[u32]>,
    gradient: &mut [T],
) {
    let (images, outputs) = (shape.batch(), output_gradient.stored(shape.output_channels()));
    input.check("input", images, shape.input_channels(), shape.pixels());
    output_gradient.check("output gradient", images, shape.output_channels(), shape.positions());
    let planes = Planes {
        data: input.data,
        channels: input.stored(shape.input_channels()),
        height: shape.height(),
        width: shape.width(),
        kept,
    };
    let (channels, taps) = (planes.kept_channels(), shape.taps());
    let columns = channels * taps;
    check_len("gradient", gradient, outputs * columns);
    if gradient.is_empty() || pairs.images.is_empty() {
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
                let start = (image * outputs * shape.positions()) as u32;
                left.extend(positions.iter().map(|position| start + position));
                let start = if patches.are_pixels {
                    image * planes.image_len()
                } else {
                    copy * patches.image_len
                };
                let offset = |&position: &u32| start as u32 + patches.positions[position as usize];
                right.extend(positions.iter().map(offset));
            }
            let patches = if patches.are_pixels {
                Factor {
                    outer_stride: shape.pixels(),
                    outer_index: kept,
                    inner_run: pairs.run,
                    ..Factor::from_starts(input.data, &right)
                }
            } else {
                Factor {
                    outer_index: (shape.kernel_height() > 1).then_some(&patches.taps),
                    outer_run: shape.kernel_width() * channels,
                    ..Factor::from_starts(copy, &right)
                }
            };
            let problem = Problem {
                rows: outputs,
                columns,
                inner: left.len(),
                left: Factor {
                    outer_stride: shape.positions(),
                    inner_run: pairs.run,
                    inner_scales: pairs
                        .scales
                        .as_ref()
                        .map(|scales| &scales[summed..][..left.len()]),
                    ..Factor::from_starts(output_gradient.data, &left)
                },
                right: patches,
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
        let are_pixels = shape.is_pixelwise();
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
