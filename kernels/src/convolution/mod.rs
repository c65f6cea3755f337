//! Convolutions, exact and over a selection of channels or of the minibatch.
//!
//! A convolution is a sum over input channels, Y[:, o] = sum_c X[:, c] * K[o, c], as a matrix
//! product is one over column-row pairs, and the same samplers apply.
//!
//! | product | sums over | estimate | gradient of a layer sampled in the forward pass |
//! | --- | --- | --- | --- |
//! | [`convolve`] | input channels and taps | [`convolve_selected`] | |
//! | [`input_gradient`] | output channels and taps | [`input_gradient_selected`] | [`input_gradient_of_channels`] |
//! | [`kernel_gradient`] | images and positions | [`kernel_gradient_selected`], [`kernel_gradient_selected_positions`] | [`kernel_gradient_of_channels`] |
//!
//! The functions panic where a length is not that of the shape; [`ConvolutionProduct`] returns an
//! error instead.
//!
//! The gradients of a layer sampled in the forward pass take [`Images`] of which some channels are
//! stored: where the next layer is sampled as well, the gradient of the others is zero.
//!
//! Tensors are slices, row-major, in the order a [`ConvolutionShape`] names. Every output element
//! is one chain of fused multiply-adds in a fixed order, from zero: over channels, then rows, then
//! columns of the kernel in the convolution and its input gradient, over images, then rows, then
//! columns of the output in the kernel gradient. Images, threads and instruction sets change
//! nothing, and a selection of all pairs with scale one gives the bits of the exact product. Zeros
//! of the padding are multiplied like any number: an infinite weight on one gives NaN.
//!
//! Each product is one of matrices that are never formed. `planes` copies the pixels so that
//! neighbours in the product are neighbours in memory, `sliding` (convolution and input gradient)
//! and `pairs` (kernel gradient) say where each number lies, and the blocked product of
//! [`crate::product`] reads them there. Only selected channels, images or positions are touched;
//! copies are of a group of images at a time.
//!
//! ```
//! use kernels::convolution::{ConvolutionShape, convolve_selected, scores};
//! use kernels::{InstructionSet, scores::pair_scores, selection::top_k};
//! let set = InstructionSet::detect();
//! let shape = ConvolutionShape::new(1, [2, 1, 2], [1, 1, 1], 1, 0)?;
//! let (input, kernels) = ([1.0f32, 2.0, 30.0, 40.0], [1.0f32, 1.0]);
//! let (mut x, mut k) = ([0.0; 2], [0.0; 2]);
//! scores::input_channel_norms_into(set, &shape, &input, &mut x);
//! scores::kernel_input_norms_into(set, &shape, &kernels, &mut k);
//! let channels = top_k(&pair_scores(&x, &k), 1)?;
//! let mut output = [0.0; 2];
//! convolve_selected(set, &shape, &input, &kernels, &channels, &mut output);
//! assert_eq!(output, [30.0, 40.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checked;
mod forward;
mod images;
mod input_gradient;
mod kernel_gradient;
mod pairs;
mod planes;
pub mod scores;
mod shape;
mod sliding;

pub use checked::{ConvolutionError, ConvolutionProduct};
pub use forward::{convolve, convolve_selected};
pub use images::Images;
pub use input_gradient::{input_gradient, input_gradient_of_channels, input_gradient_selected};
pub use kernel_gradient::{
    kernel_gradient, kernel_gradient_of_channels, kernel_gradient_selected,
    kernel_gradient_selected_positions,
};
pub use shape::{ConvolutionShape, ShapeError};

fn check_len<T>(name: &str, numbers: &[T], expected: usize) {
    assert_eq!(numbers.len(), expected, "the length of the {name} is that of the shape");
}

#[cfg(test)]
mod tests;
