//! Sampled matrix products on a CPU.
//!
//! A product AB = sum_i A_i B^i over column-row pairs is approximated by a few of them,
//! sum_{i in S} s_i A_i B^i, in four visible steps: [`scores`], [`probability`], [`selection`],
//! [`product`]. [`estimator`] names the combinations of the paper, [`approximate`] runs all four
//! with every input checked.
//!
//! Results are the same bits for any thread count, instruction set, optimisation level and
//! machine: each output element is one chain of fused multiply-adds in index order, and all
//! randomness is addressed by seed, name and step ([`random`]).
//!
//! The crate opens no file, reads no clock or environment, and keeps no global state besides
//! scratch memory of each thread.

pub mod approximate;
pub mod convolution;
pub mod estimator;
pub mod matrix;
pub mod probability;
pub mod product;
pub mod quantised;
pub mod random;
mod raw;
pub mod scores;
pub mod selection;
mod wide;

pub use approximate::approximate_product;
pub use estimator::Estimator;
pub use matrix::{MatrixView, MatrixViewMut};
pub use raw::{InstructionSet, Real, UnknownInstructionSet};
pub use selection::Selection;
