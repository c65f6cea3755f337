//! Step one of four for convolutions: the norms that scores are made of.
//!
//! Channel c of the convolution has score |X[:, c]|_F |K[:, c]|_F, output channel o of the input
//! gradient |K_o|_F |dY[:, o]|_F, and image b of the kernel gradient |X_b|_F |dY_b|_F; see
//! [`crate::scores::pair_scores_into`]. For kernels of one tap these are the norms of the terms
//! of a matrix product. With more taps the score of a channel times sqrt(kh kw) bounds the norm
//! of its contribution: |Y_c|^2 <= sum over patches of |patch|^2 |K_c|^2, and no pixel is in more
//! than kh kw patches.
//!
//! Sums are in f64. Those of a plane or an image are [`sum_of_squares`]; planes are then added
//! from the first image to the last. Every norm is that of its elements to rounding, infinite if
//! that is above [`f64::MAX`].

use super::{ConvolutionShape, check_len};
use crate::scores::{norm, norm_of, sum_of_squares};
use micro_kernels::{InstructionSet, Real};
use rayon::prelude::*;

/// |X[:, c]|_F of every input channel, over all images and pixels.
///
/// ```
/// use kernels::InstructionSet;
/// use kernels::convolution::{ConvolutionShape, scores::input_channel_norms_into};
/// let shape = ConvolutionShape::new(2, [2, 1, 1], [1, 1, 1], 1, 0)?;
/// let mut norms = [0.0; 2];
/// let set = InstructionSet::detect();
/// input_channel_norms_into(set, &shape, &[3.0f32, 0.0, 4.0, 2.0], &mut norms);
/// assert_eq!(norms, [5.0, 2.0]);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn input_channel_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    norms: &mut [f64],
) {
    check_len("input", input, shape.input_len());
    check_len("norms", norms, shape.input_channels());
    channel_norms_into(set, input, shape.pixels(), norms);
}

/// |dY[:, o]|_F of every output channel, over all images and positions.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn output_channel_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: &[T],
    norms: &mut [f64],
) {
    check_len("output gradient", output_gradient, shape.output_len());
    check_len("norms", norms, shape.output_channels());
    channel_norms_into(set, output_gradient, shape.positions(), norms);
}

fn channel_norms_into<T: Real>(set: InstructionSet, tensor: &[T], plane: usize, norms: &mut [f64]) {
    let image = norms.len() * plane;
    norms.par_iter_mut().enumerate().for_each(|(channel, norm)| {
        let planes = tensor[channel * plane..].chunks(image).map(|planes| &planes[..plane]);
        let sum = planes.clone().fold(0.0, |sum, plane| sum + sum_of_squares(set, plane));
        *norm = norm_of(sum, || planes.flatten().copied());
    });
}

/// |K[:, c]|_F of every input channel, over all kernels and taps in the order of memory.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn kernel_input_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    kernels: &[T],
    norms: &mut [f64],
) {
    check_len("kernels", kernels, shape.kernel_len());
    check_len("norms", norms, shape.input_channels());
    let (taps, kernel) = (shape.taps(), shape.input_channels() * shape.taps());
    // As few stretches of a kernel as there are threads: the longer ones come faster from memory.
    let together = norms.len().div_ceil(rayon::current_num_threads()).max(CHANNELS);
    norms.par_chunks_mut(together).enumerate().for_each(|(task, norms)| {
        let channels = &kernels[task * together * taps..];
        norms.fill(0.0);
        set.run(
            #[inline(always)]
            || {
                for weights in channels.chunks(kernel) {
                    add_squares_of_taps(&weights[..norms.len() * taps], taps, norms);
                }
            },
        );
        for (channel, norm) in norms.iter_mut().enumerate() {
            let weights = channels[channel * taps..].chunks(kernel);
            *norm = norm_of(*norm, || weights.flat_map(|weights| &weights[..taps]).copied());
        }
    });
}

/// Input channels of a task, at the least.
const CHANNELS: usize = 64;

/// Adds the squares of the taps of each channel to its sum.
#[inline(always)]
fn add_squares_of_taps<T: Real>(weights: &[T], taps: usize, sums: &mut [f64]) {
    if taps == 1 {
        // Apart, so that it becomes vector instructions.
        return add_squares(weights, sums);
    }
    for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(taps)) {
        *sum = weights.iter().fold(*sum, |sum, x| sum + x.to_f64() * x.to_f64());
    }
}

/// |K_o|_F of every output channel.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn kernel_output_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    kernels: &[T],
    norms: &mut [f64],
) {
    check_len("kernels", kernels, shape.kernel_len());
    check_len("norms", norms, shape.output_channels());
    block_norms_into(set, kernels, norms);
}

/// |X_b|_F of every image of the input.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn input_image_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    norms: &mut [f64],
) {
    check_len("input", input, shape.input_len());
    check_len("norms", norms, shape.batch());
    block_norms_into(set, input, norms);
}

/// |dY_b|_F of every image of the output.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn output_image_norms_into<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: &[T],
    norms: &mut [f64],
) {
    check_len("output gradient", output_gradient, shape.output_len());
    check_len("norms", norms, shape.batch());
    block_norms_into(set, output_gradient, norms);
}

fn block_norms_into<T: Real>(set: InstructionSet, tensor: &[T], norms: &mut [f64]) {
    let blocks = tensor.par_chunks_exact(tensor.len() / norms.len());
    norms.par_iter_mut().zip(blocks).for_each(|(to, block)| *to = norm(set, block));
}

/// The norm of the patch X_b under the kernel at every position, pair b Ho Wo + y Wo + x: with
/// [`output_position_norms_into`] the scores of
/// [`kernel_gradient_selected_positions`](super::kernel_gradient_selected_positions).
///
/// The squares of a pixel are added over channels first, then over the patch, row by row.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn patch_norms_into<T: Real>(shape: &ConvolutionShape, input: &[T], norms: &mut [f64]) {
    check_len("input", input, shape.input_len());
    check_len("norms", norms, shape.batch() * shape.positions());
    let images = input.par_chunks_exact(shape.input_channels() * shape.pixels());
    norms.par_chunks_exact_mut(shape.positions()).zip(images).for_each(|(norms, image)| {
        let mut squares = vec![0.0; shape.pixels()];
        add_squares(image, &mut squares);
        let covered = |start: usize, taps: usize, size: usize| {
            let end = (start + taps).saturating_sub(shape.padding()).min(size);
            start.saturating_sub(shape.padding()).min(end)..end
        };
        for (position, norm) in norms.iter_mut().enumerate() {
            let row = position / shape.output_width() * shape.stride();
            let column = position % shape.output_width() * shape.stride();
            let columns = covered(column, shape.kernel_width(), shape.width());
            let rows = covered(row, shape.kernel_height(), shape.height());
            let pixels = rows.map(|row| {
                let start = row * shape.width();
                start + columns.start..start + columns.end
            });
            let covered = pixels.clone().flat_map(|pixels| &squares[pixels]);
            let sum = covered.fold(0.0, |sum: f64, square| sum + square);
            let elements = |pixel| channels_of(image, pixel, shape.pixels());
            *norm = norm_of(sum, || pixels.flatten().flat_map(elements));
        }
    });
}

/// The norm of dY[b, :, y, x] over output channels at every position, pair b Ho Wo + y Wo + x.
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn output_position_norms_into<T: Real>(
    shape: &ConvolutionShape,
    output_gradient: &[T],
    norms: &mut [f64],
) {
    check_len("output gradient", output_gradient, shape.output_len());
    check_len("norms", norms, shape.batch() * shape.positions());
    let images = output_gradient.par_chunks_exact(shape.output_channels() * shape.positions());
    norms.par_chunks_exact_mut(shape.positions()).zip(images).for_each(|(norms, image)| {
        norms.fill(0.0);
        add_squares(image, norms);
        for (position, norm) in norms.iter_mut().enumerate() {
            *norm = norm_of(*norm, || channels_of(image, position, shape.positions()));
        }
    });
}

/// The numbers of a pixel from the first channel to the last.
fn channels_of<T: Real>(image: &[T], pixel: usize, pixels: usize) -> impl Iterator<Item = T> {
    image[pixel..].iter().step_by(pixels).copied()
}

/// Adds the squares of each pixel from the first channel to the last.
fn add_squares<T: Real>(image: &[T], sums: &mut [f64]) {
    for plane in image.chunks_exact(sums.len()) {
        for (sum, x) in sums.iter_mut().zip(plane) {
            *sum += x.to_f64() * x.to_f64();
        }
    }
}
