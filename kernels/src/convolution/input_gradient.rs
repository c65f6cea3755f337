//! The gradient of the input: a product that sums over output channels and taps.
//!
//! Pixel y of an axis is reached by tap k from output position (y + padding - k) / stride where
//! that is a whole number. So the pixels fall into stride x stride phases, those of one phase
//! being reached by the same taps, and each phase is a convolution of stride one of the output
//! gradient, surrounded by zeros, with those taps in reverse.

use super::images::Images;
use super::planes::{Pixels, Planes};
use super::sliding::{Tap, Target, Weights, Window, multiply_patches};
use super::{ConvolutionShape, check_len};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

/// dX[b, c] = sum_o of dY[b, o] carried back through K[o, c]: dX[b, c, y, x] =
/// sum_{o, i, j} K[o, c, i, j] dY[b, o, (y + padding - i) / stride, (x + padding - j) / stride]
/// over the whole positions inside the output.
///
/// The chain of every element runs over output channels, then rows, then columns of the kernel.
///
/// ```
/// use kernels::InstructionSet;
/// use kernels::convolution::{ConvolutionShape, input_gradient};
/// let shape = ConvolutionShape::new(1, [1, 1, 3], [1, 1, 2], 1, 0)?;
/// let mut gradient = [0.0f32; 3];
/// let set = InstructionSet::detect();
/// input_gradient(set, &shape, &[1.0, 10.0], &[3.0, 4.0], &mut gradient);
/// assert_eq!(gradient, [3.0, 34.0, 40.0]);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
///
/// # Panics
/// When the length of a slice is not the one of the shape.
pub fn input_gradient<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: &[T],
    kernels: &[T],
    gradient: &mut [T],
) {
    carry_back(set, shape, Images::whole(output_gradient), kernels, None, None, gradient);
}

/// The estimate of the input gradient over a selection of output channels, s_o times the
/// contribution of each o in S.
///
/// 2 B C H W |S| kh kw / stride^2 floating-point operations; channels outside S are not touched.
/// The scale is multiplied (and rounded) into the kernels.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// output channels.
pub fn input_gradient_selected<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: &[T],
    kernels: &[T],
    selection: &Selection,
    gradient: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.output_channels(), "the selection is over output channels");
    let selection = (!selection.is_exact()).then_some(selection);
    carry_back(set, shape, Images::whole(output_gradient), kernels, selection, None, gradient);
}

/// The input gradient of the selected input channels, each times its scale: a B x |S| x H x W
/// tensor whose channel j is s_j times channel c_j of the gradient, the scale multiplied (and
/// rounded) into the kernels.
///
/// This is the gradient of a layer sampled in the forward pass: that of the other channels is
/// zero. Where the output goes on to such a layer, its gradient has some channels only, R of O,
/// and 2 B H W R |S| kh kw / stride^2 floating-point operations are left.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// input channels.
pub fn input_gradient_of_channels<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: Images<'_, T>,
    kernels: &[T],
    selection: &Selection,
    gradient: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.input_channels(), "the selection is over input channels");
    carry_back(set, shape, output_gradient, kernels, None, Some(selection), gradient);
}

fn carry_back<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: Images<'_, T>,
    kernels: &[T],
    selection: Option<&Selection>,
    kept: Option<&Selection>,
    gradient: &mut [T],
) {
    let shape = &shape.flattened();
    let channels = kept.map_or(shape.input_channels(), Selection::len);
    output_gradient.check(
        "output gradient",
        shape.batch(),
        shape.output_channels(),
        shape.positions(),
    );
    check_len("kernels", kernels, shape.kernel_len());
    check_len("gradient", gradient, shape.batch() * channels * shape.pixels());
    let planes = Planes {
        data: output_gradient.data,
        channels: output_gradient.stored(shape.output_channels()),
        height: shape.output_height(),
        width: shape.output_width(),
        kept: selection.map(Selection::indices),
    };
    let all: Vec<u32>;
    let outputs = match planes.kept.or(output_gradient.channels) {
        Some(outputs) => outputs,
        None => {
            all = (0..shape.output_channels() as u32).collect();
            &all
        }
    };
    let phases = |size: usize, kernel: usize| {
        (0..shape.stride()).map(move |tap| Phase::new(shape, tap, size, kernel))
    };
    let windows: Vec<Window> = phases(shape.height(), shape.kernel_height())
        .flat_map(|row| {
            let columns = phases(shape.width(), shape.kernel_width());
            columns.map(move |column| (row, column))
        })
        .filter(|(row, column)| row.pixels > 0 && column.pixels > 0)
        .map(|(row, column)| window(shape, outputs, selection, row, column))
        .collect();
    let weights = Weights {
        data: kernels,
        rows: channels,
        stride: shape.taps(),
        index: kept.map(Selection::indices),
        scales: kept.filter(|kept| !kept.is_unscaled()).map(Selection::scales),
    };
    multiply_patches(set, &weights, &planes, &windows, shape.pixels(), gradient);
}

/// The pixels of one axis that are reached by the same taps.
#[derive(Clone, Copy)]
struct Phase {
    first_tap: usize,
    taps: usize,
    first_pixel: usize,
    pixels: usize,
    /// The position from which the first tap reaches the first pixel.
    position: usize,
}

impl Phase {
    /// The phase of an axis whose first tap is `first_tap`.
    fn new(shape: &ConvolutionShape, first_tap: usize, size: usize, kernel: usize) -> Self {
        let (stride, padding) = (shape.stride(), shape.padding());
        let position = (padding + stride - 1 - first_tap) / stride;
        let first_pixel = position * stride + first_tap - padding;
        Self {
            first_tap,
            taps: kernel.saturating_sub(first_tap).div_ceil(stride),
            first_pixel,
            pixels: size.saturating_sub(first_pixel).div_ceil(stride),
            position,
        }
    }
}

/// The window that carries the gradient of these outputs back to the pixels of one phase of each
/// axis: tap i of a phase reads i positions before the first tap.
fn window(
    shape: &ConvolutionShape,
    outputs: &[u32],
    selection: Option<&Selection>,
    row: Phase,
    column: Phase,
) -> Window {
    let stride = shape.stride();
    let tap_pairs = || (0..row.taps).flat_map(|i| (0..column.taps).map(move |j| (i, j)));
    let channel_weights = shape.input_channels() * shape.taps();
    let weights = outputs.iter().flat_map(|&output| {
        let start = output as usize * channel_weights;
        tap_pairs().map(move |(i, j)| {
            let (i, j) = (row.first_tap + i * stride, column.first_tap + j * stride);
            (start + i * shape.kernel_width() + j) as u32
        })
    });
    let taps =
        tap_pairs().map(|(i, j)| Tap { column_start: j, row_start: 0, row: row.taps - 1 - i });
    let last_row = row.taps.saturating_sub(1);
    Window {
        weights: Some(weights.collect()),
        weight_run: if stride == 1 { shape.taps() } else { 1 },
        scales: selection.filter(|selection| !selection.is_unscaled()).map(|selection| {
            let repeated = |&scale| std::iter::repeat_n(scale, row.taps * column.taps);
            selection.scales().iter().flat_map(repeated).collect()
        }),
        rows: Pixels {
            starts: vec![row.position as isize - last_row as isize],
            step: 1,
            count: row.pixels + last_row,
        },
        columns: Pixels {
            starts: (0..column.taps).map(|j| column.position as isize - j as isize).collect(),
            step: 1,
            count: column.pixels,
        },
        taps: taps.collect(),
        height: row.pixels,
        target: Target {
            first: row.first_pixel * shape.width() + column.first_pixel,
            row_step: stride * shape.width(),
            column_step: stride,
        },
    }
}
