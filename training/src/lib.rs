//! SGD training with sampled products: layers, networks, optimisers, data sets, and the loop.
//!
//! Minibatches are row-major matrices of f32, one sample a row. Every random draw is addressed by
//! seed, name and step, and every sum has one order, so a training run gives the same bits for
//! any thread count, instruction set, optimisation level and machine.

pub mod channels;
pub mod checkpoint;
pub mod counting;
pub mod data;
pub mod digest;
pub mod eigen;
pub mod exchange;
mod exponential;
pub mod file;
pub mod layer;
pub mod learner;
pub mod loss;
pub mod machine;
pub mod matrix;
pub mod memory;
pub mod metrics;
pub mod names;
pub mod network;
pub mod optimizer;
pub mod sampling;
pub mod setting;
pub mod train;
pub mod whitening;
