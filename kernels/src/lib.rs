//! Sampled matrix products on a CPU.
//!
//! A product AB = sum_i A_i B^i over column-row pairs is approximated by a few of them,
//! sum_{i in S} s_i A_i B^i, in four visible steps: [`scores`], [`probability`], [`selection`],
//! [`product`]. [`estimator`] names the combinations of the paper, [`law`] is what each draws from and
//! the error that follows, [`approximate`] runs all four steps with every input checked.
//!
//! Matrices of nalgebra, ndarray and faer become a [`MatrixView`] without a copy, by the feature of
//! the library's name; nalgebra's is on by default.
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
mod interop;
pub mod law;
pub mod matrix;
pub mod probability;
pub mod product;
pub mod quantised;
pub mod random;
pub mod scores;
pub mod selection;
pub mod table_product;
mod wide;

pub use approximate::{approximate_product, approximate_product_into};
pub use estimator::Estimator;
pub use law::Law;
pub use matrix::{MatrixView, MatrixViewMut};
pub use micro_kernels::{ColumnSet, InstructionSet, Real, UnknownInstructionSet};
pub use product::Product;
pub use selection::Selection;
