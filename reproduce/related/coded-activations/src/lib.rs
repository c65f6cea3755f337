//! Networks whose backward pass reads codes of a few bits in the place of activations.
//!
//! After Chakrabarti and Moseley, "Backprop with Approximate Activations for Memory-efficient Network
//! Training", arXiv 1901.07988 (2019). From the abstract and the released program: the forward pass
//! is exact, codes of normalised activations are kept for the backward pass, and zero is an edge of
//! their bins, so that the rectifier's mask is exact. Ours: the networks, the arms with sampled
//! products, and every bound. No error table of the paper was at hand, so no number here is one of its
//! numbers.
//!
//! Codes are settings of the `training` crate; here is what they are compared by. [`arm`] has the ways
//! of training, [`comparison`] what their gradients are at the same weights, [`ledger`] what is stored
//! between the passes, [`norm`] what holds of a single layer, and [`statements`] what is claimed and
//! checked.

pub mod arm;
pub mod comparison;
pub mod ledger;
pub mod norm;
pub mod outcome;
pub mod statements;
