//! The innermost loops of sampled products, and the only unsafe code that a product or a training
//! step runs: vector instructions, the micro-kernel, and output blocks that threads share.
//!
//! Everything above works through the safe functions exported here. Of the workspace's other
//! modules with unsafe code, one views faer's matrices, and those of `reproduce bench` call other
//! libraries; each allows it and says why.
//!
//! `micro_kernel` holds the algorithm once, over the trait of a vector; `portable` and `x86` are
//! thin instances of it. All of them execute the same fused multiply-adds in the same order on
//! every output element, so they agree bit for bit. There are many instances, and they make a
//! crate of their own so that they are compiled once.
//!
//! ```
//! use micro_kernels::{InstructionSet, OutputBlock, RightBlock, accumulate_tiles};
//! // One row [1, 2] by the matrix [[3, 4], [5, 6]].
//! let set = InstructionSet::detect();
//! let (left, right, mut product) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [0.0; 2]);
//! let right = RightBlock::in_place(set, &right, 2, None, 2, 2);
//! let mut output = OutputBlock::new(&mut product, 1, 2, 2, 1);
//! accumulate_tiles(set, 1, &left, &right, &mut output, false, None);
//! assert_eq!(product, [13.0, 16.0]);
//! ```

mod columns;
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

pub use columns::ColumnSet;
pub use instruction_set::{InstructionSet, UnknownInstructionSet};
pub use interleave::{SelectedColumns, interleave_at, interleave_blocks, interleave_selected};
pub use micro_kernel::{MAXIMUM_ROWS, RightBlock, accumulate_tiles, tile_rows};
pub use output::OutputBlock;
pub use real::Real;
pub use scratch::{AlignedBuffer, TensorBuffers};
