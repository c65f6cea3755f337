//! The gradient of the kernels, over the minibatch, some of it, or some channels.

use super::ConvolutionShape;
use super::images::Images;
use super::pairs::{Pairs, sum_over_pairs};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

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
    let (input, output_gradient) = (Images::whole(input), Images::whole(output_gradient));
    sum_over_pairs(set, shape, input, output_gradient, &pairs, None, gradient);
}

/// The estimate of the kernel gradient over a selection of images, sum_{b in S} s_b dY_b X_b.
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
    let (input, output_gradient) = (Images::whole(input), Images::whole(output_gradient));
    sum_over_pairs(set, shape, input, output_gradient, &pairs, None, gradient);
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
    let (input, output_gradient) = (Images::whole(input), Images::whole(output_gradient));
    sum_over_pairs(set, shape, input, output_gradient, &pairs, None, gradient);
}

/// The kernel gradient of the selected input channels, each times its scale, and of the R output
/// channels that the output gradient has: an R x |S| x kh x kw tensor whose channel j is s_j times
/// channel c_j of the gradient, the scale multiplied (and rounded) into the result.
///
/// This is the gradient of a layer sampled in the forward pass: that of the other channels is
/// zero. 2 B Ho Wo R |S| kh kw floating-point operations.
///
/// # Panics
/// When the length of a slice is not the one of the shape, the selection is not over the input
/// channels, or the input lacks one of them.
pub fn kernel_gradient_of_channels<T: Real>(
    set: InstructionSet,
    shape: &ConvolutionShape,
    input: Images<'_, T>,
    output_gradient: Images<'_, T>,
    selection: &Selection,
    gradient: &mut [T],
) {
    assert_eq!(selection.pairs(), shape.input_channels(), "the selection is over input channels");
    let pairs = Pairs::of_images(&Selection::all(shape.batch()), shape.positions());
    let kept = input.places(selection.indices());
    sum_over_pairs(set, shape, input, output_gradient, &pairs, Some(&kept), gradient);
    if !selection.is_unscaled() {
        let scales = selection.scales().iter().cycle();
        for (weights, &scale) in gradient.chunks_exact_mut(shape.taps()).zip(scales) {
            weights.iter_mut().for_each(|weight| *weight = weight.times(T::from_f64(scale)));
        }
    }
}
