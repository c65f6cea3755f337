//! The convolution itself, exact or over a selection of input channels.

use super::padding::{Margins, Planes};
use super::sliding::{Positions, Weights, Window, multiply_patches};
use super::{ConvolutionShape, check_len};
use crate::raw::{InstructionSet, Real};
use crate::selection::Selection;

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
    check_len("input", input, shape.input_len());
    check_len("kernels", kernels, shape.kernel_len());
    check_len("output", output, shape.output_len());
    let planes = Planes {
        data: input,
        channels: shape.input_channels(),
        height: shape.height(),
        width: shape.width(),
        kept: selection.map(Selection::indices),
        margins: Margins::even(shape.padding()),
    };
    let mut taps = Vec::with_capacity(planes.kept_channels() * shape.taps());
    for kept in 0..planes.kept_channels() {
        for row in 0..shape.kernel_height() {
            let start = planes.plane_offset(kept) + row * planes.padded_width();
            taps.extend((0..shape.kernel_width()).map(|column| (start + column) as u32));
        }
    }
    let window = Window {
        weights: selection.map(|selection| weights_of_channels(selection, shape.taps())),
        scales: selection.filter(|selection| !selection.is_unscaled()).map(|selection| {
            let repeated = |&scale| std::iter::repeat_n(scale, shape.taps());
            selection.scales().iter().flat_map(repeated).collect()
        }),
        taps,
        positions: Positions::of_output(shape),
        targets: None,
    };
    let weights = Weights {
        data: kernels,
        rows: shape.output_channels(),
        stride: shape.input_channels() * shape.taps(),
        index: None,
        plane_scales: None,
    };
    multiply_patches(set, &weights, &planes, &[window], shape.positions(), output);
}

/// Where the weights of the selected channels lie in a kernel.
fn weights_of_channels(selection: &Selection, taps: usize) -> Vec<u32> {
    let starts = selection.indices().iter().map(|&channel| channel as usize * taps);
    starts.flat_map(|start| (start..start + taps).map(|weight| weight as u32)).collect()
}
