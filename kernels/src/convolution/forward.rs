//! The convolution itself, exact or over a selection of input channels.

use super::planes::{Pixels, Planes};
use super::sliding::{Tap, Target, Weights, Window, multiply_patches};
use super::{ConvolutionShape, check_len};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

/// Y[b, o] = sum_c X[b, c] * K[o, c], with X the B x C x H x W input, K the O x C x kh x kw
/// kernels and Y the B x O x Ho x Wo output.
///
/// ```
/// use kernels::InstructionSet;
/// use kernels::convolution::{ConvolutionShape, convolve};
/// let shape = ConvolutionShape::new(1, [1, 2, 3], [1, 2, 2], 1, 0)?;
/// let mut output = [0.0f32; 2];
/// let (image, kernel) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 10.0]);
/// convolve(InstructionSet::detect(), &shape, &image, &kernel, &mut output);
/// assert_eq!(output, [51.0, 62.0]);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn convolve<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    kernels: &[T],
    output: &mut [T],
) {
    convolve_channels(set, shape, input, kernels, None, output);
}

/// The estimate of the convolution over a selection of input channels,
/// Y[b, o] = sum_{c in S} s_c X[b, c] * K[o, c].
///
/// 2 B O Ho Wo |S| kh kw floating-point operations; channels outside S are not touched. The
/// scale is multiplied (and rounded) into the kernels.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// input channels.
pub fn convolve_selected<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    kernels: &[T],
    selection: &Selection,
    output: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.input_channels(), "the selection is over input channels");
    let selection = (!selection.is_exact()).then_some(selection);
    convolve_channels(set, shape, input, kernels, selection, output);
}

fn convolve_channels<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: &[T],
    kernels: &[T],
    selection: Option<&Selection>,
    output: &mut [T],
) {
    let shape = shape.flattened();
    check_len("input", input, shape.input_len());
    check_len("kernels", kernels, shape.kernel_len());
    check_len("output", output, shape.output_len());
    let planes = Planes {
        data: input,
        channels: shape.input_channels(),
        height: shape.height(),
        width: shape.width(),
        kept: selection.map(Selection::indices),
    };
    let (stride, padding) = (shape.stride(), shape.padding() as isize);
    let row_starts = shape.kernel_height().min(stride);
    let taps = (0..shape.taps()).map(|tap| {
        let (row, column) = (tap / shape.kernel_width(), tap % shape.kernel_width());
        Tap { column_start: column, row_start: row % stride, row: row / stride }
    });
    let window = Window {
        weights: selection.map(|selection| weights_of_channels(selection, shape.taps())),
        weight_run: shape.taps(),
        scales: selection.filter(|selection| !selection.is_unscaled()).map(|selection| {
            let repeated = |&scale| std::iter::repeat_n(scale, shape.taps());
            selection.scales().iter().flat_map(repeated).collect()
        }),
        rows: Pixels {
            starts: (0..row_starts as isize).map(|row| row - padding).collect(),
            step: stride,
            count: shape.output_height() + (shape.kernel_height() - 1) / stride,
        },
        columns: Pixels {
            starts: (0..shape.kernel_width() as isize).map(|column| column - padding).collect(),
            step: stride,
            count: shape.output_width(),
        },
        taps: taps.collect(),
        height: shape.output_height(),
        target: Target { first: 0, row_step: shape.output_width(), column_step: 1 },
    };
    let weights = Weights {
        data: kernels,
        rows: shape.output_channels(),
        stride: shape.input_channels() * shape.taps(),
        index: None,
        scales: None,
    };
    multiply_patches(set, &weights, &planes, &[window], shape.positions(), output);
}

/// Where the weights of the selected channels lie in a kernel.
fn weights_of_channels(selection: &Selection, taps: usize) -> Vec<u32> {
    let starts = selection.indices().iter().map(|&channel| channel as usize * taps);
    starts.flat_map(|start| (start..start + taps).map(|weight| weight as u32)).collect()
}
