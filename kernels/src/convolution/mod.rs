//! Convolutions, exact and over a selection of channels or of the minibatch.
//!
//! A convolution is a sum over input channels, Y[:, o] = sum_c X[:, c] * K[o, c], as a matrix
//! product is one over column-row pairs, and the same samplers apply.
//!
//! Tensors are slices, row-major, in the order a [`ConvolutionShape`] names. Every output element
//! is one chain of fused multiply-adds in a fixed order, from zero: of the channels, rows and
//! columns of the kernel in the convolution. Images, threads and instruction sets change nothing,
//! and a selection of all channels with scale one gives the bits of the exact convolution.

mod forward;
mod input_gradient;
mod kernel_gradient;
mod pairs;
mod planes;
pub mod scores;
mod shape;
mod sliding;

pub use forward::{convolve, convolve_selected};
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
