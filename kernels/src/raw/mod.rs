//! The only unsafe code that a product or a training step runs: vector instructions, the
//! micro-kernel, and output blocks that threads share. Everything above works through the safe
//! functions exported here.
//!
//! The workspace denies unsafe code. The modules that have some allow it and say why: those below,
//! the views of faer's matrices in `interop`, and in `reproduce bench` the calls of other libraries.
//!
//! [`micro_kernel`] holds the algorithm once, over the [`vector::Vector`] trait; `portable` and
//! `x86` are thin instances of it. All of them execute the same fused multiply-adds in the same
//! order on every output element, so they agree bit for bit.

mod instruction_set;
mod interleave;
mod micro_kernel;
mod output;
mod portable;
mod real;
mod scratch;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use instruction_set::{InstructionSet, UnknownInstructionSet};
pub(crate) use interleave::{
    SelectedColumns, interleave_at, interleave_blocks, interleave_selected,
};
pub(crate) use micro_kernel::{MAXIMUM_ROWS, RightBlock, accumulate_tiles, tile_rows};
pub(crate) use output::OutputBlock;
pub use real::Real;
pub(crate) use scratch::TensorBuffers;
