//! The gradient of the input: a product that sums over output channels and taps.
//!
//! Pixel y of an axis is reached by tap k from output position (y + padding - k) / stride where
//! that is a whole number. So the pixels fall into stride x stride phases, those of one phase
//! being reached by the same taps, and each phase is a convolution of stride one of the output
//! gradient, surrounded by zeros, with those taps in reverse.

use super::padding::{Margins, Planes};
use super::sliding::{Positions, Weights, Window, multiply_patches};
use super::{ConvolutionShape, check_len};
use crate::raw::{InstructionSet, Real};
use crate::selection::Selection;

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
    carry_back(set, shape, output_gradient, kernels, None, None, gradient);
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
    carry_back(set, shape, output_gradient, kernels, selection, None, gradient);
}

/// The input gradient of the selected input channels, each times its scale: a B x |S| x H x W
/// tensor whose channel j is s_j times channel c_j of the gradient.
///
/// This is the gradient of a layer sampled in the forward pass: that of the other channels is
/// zero.
///
/// # Panics
/// When the length of a slice is not the one of the shape, or the selection is not over the
/// input channels.
pub fn input_gradient_of_channels<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    output_gradient: &[T],
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
    output_gradient: &[T],
    kernels: &[T],
    selection: Option<&Selection>,
    kept: Option<&Selection>,
    gradient: &mut [T],
) {
    let channels = kept.map_or(shape.input_channels(), Selection::len);
    check_len("output gradient", output_gradient, shape.output_len());
    check_len("kernels", kernels, shape.kernel_len());
    check_len("gradient", gradient, shape.batch() * channels * shape.pixels());
    let rows = Axis::new(shape.height(), shape.kernel_height(), shape.output_height(), shape);
    let columns = Axis::new(shape.width(), shape.kernel_width(), shape.output_width(), shape);
    let planes = Planes {
        data: output_gradient,
        channels: shape.output_channels(),
        height: shape.output_height(),
        width: shape.output_width(),
        kept: selection.map(Selection::indices),
        margins: Margins {
            top: rows.before,
            bottom: rows.after,
            left: columns.before,
            right: columns.after,
        },
    };
    let windows: Vec<Window> = rows
        .phases
        .iter()
        .flat_map(|row| columns.phases.iter().map(move |column| (row, column)))
        .filter(|(row, column)| row.pixels > 0 && column.pixels > 0)
        .map(|(row, column)| window(shape, &planes, selection, row, column))
        .collect();
    let weights = Weights {
        data: kernels,
        rows: channels,
        stride: shape.taps(),
        index: kept.map(Selection::indices),
        plane_scales: kept.filter(|kept| !kept.is_unscaled()).map(Selection::scales),
    };
    multiply_patches(set, &weights, &planes, &windows, shape.pixels(), gradient);
}

/// The pixels of one axis that are reached by the same taps.
struct Phase {
    first_pixel: usize,
    pixels: usize,
    first_tap: usize,
    taps: usize,
    /// The padded position from which the last tap reaches the first pixel.
    position: usize,
}

/// One axis of the input: its phases, and the zeros around the output gradient.
struct Axis {
    phases: Vec<Phase>,
    before: usize,
    after: usize,
}

impl Axis {
    fn new(size: usize, kernel: usize, output: usize, shape: &ConvolutionShape) -> Self {
        let (stride, padding) = (shape.stride(), shape.padding());
        let mut phases: Vec<Phase> = (0..stride)
            .map(|tap| {
                // Tap `tap` reaches pixel `position * stride + tap - padding`.
                let position = (padding + stride - 1 - tap) / stride;
                let first_pixel = position * stride + tap - padding;
                let pixels = size.saturating_sub(first_pixel).div_ceil(stride);
                let taps = kernel.saturating_sub(tap).div_ceil(stride);
                Phase { first_pixel, pixels, first_tap: tap, taps, position }
            })
            .collect();
        let reached = || phases.iter().filter(|phase| phase.pixels > 0 && phase.taps > 0);
        let before = reached().map(|phase| (phase.taps - 1).saturating_sub(phase.position));
        let before = before.max().unwrap_or(0);
        let after = reached().map(|phase| (phase.position + phase.pixels).saturating_sub(output));
        let after = after.max().unwrap_or(0);
        for phase in &mut phases {
            // Where a phase has no tap its positions are never read.
            phase.position = match phase.taps {
                0 => 0,
                taps => phase.position + before + 1 - taps,
            };
        }
        Self { phases, before, after }
    }
}

/// The window that carries the output gradient back to the pixels of one phase of each axis.
fn window<T: Real>(
    shape: &ConvolutionShape,
    planes: &Planes<T>,
    selection: Option<&Selection>,
    row: &Phase,
    column: &Phase,
) -> Window {
    let channel_weights = shape.input_channels() * shape.taps();
    let count = planes.kept_channels() * row.taps * column.taps;
    let (mut weights, mut taps) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for kept in 0..planes.kept_channels() {
        for i in 0..row.taps {
            for j in 0..column.taps {
                let kernel_row = row.first_tap + i * shape.stride();
                let kernel_column = column.first_tap + j * shape.stride();
                let tap = kernel_row * shape.kernel_width() + kernel_column;
                weights.push((planes.channel(kept) * channel_weights + tap) as u32);
                let (up, left) = (row.taps - 1 - i, column.taps - 1 - j);
                taps.push((planes.plane_offset(kept) + up * planes.padded_width() + left) as u32);
            }
        }
    }
    let scales = selection.filter(|selection| !selection.is_unscaled()).map(|selection| {
        let repeated = |&scale| std::iter::repeat_n(scale, row.taps * column.taps);
        selection.scales().iter().flat_map(repeated).collect()
    });
    let pixels =
        Positions { rows: row.pixels, columns: column.pixels, step: shape.stride(), first: (0, 0) };
    let start = row.first_pixel * shape.width() + column.first_pixel;
    let targets = pixels.offsets(shape.width(), 1).map(|offset| (start + offset) as u32);
    Window {
        weights: Some(weights),
        scales,
        taps,
        positions: Positions { step: 1, first: (row.position, column.position), ..pixels },
        targets: (shape.stride() > 1).then(|| targets.collect()),
    }
}
