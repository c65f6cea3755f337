//! Ranks that train together, and the exchange of their gradients (the paper's setting of several
//! nodes).
//!
//! Every rank has the same weights and a share of the minibatch, and the gradients of all are
//! averaged. A layer sampled in the forward mode has a gradient in the selected slices of its
//! weights only: rows S of a linear layer's, channels \[:, S\] of a convolution's. Where all ranks
//! select the same S, it is enough to send those; no index is sent. With
//! [`Scores::Weights`](crate::sampling::Scores::Weights) they do: top-k is a function of the
//! weights, and estimators that draw have one stream for all ranks. So they do where they share the
//! column norms of their activations, with [`Scores::Shared`](crate::sampling::Scores::Shared) or
//! [`Scores::SharedBefore`](crate::sampling::Scores::SharedBefore): n numbers a layer. That the
//! selections are equal is checked in every step, by their digests.
//!
//! A step of W ranks, what they send each other as a [`Collective`]:
//!
//! 1. where norms are shared in the step, each those of every sampled layer, as its turn comes, and
//!    where batch normalisation is synchronised, each its sums, twice in the forward pass of such a layer
//!    and once in the backward one;
//! 2. each its loss and its samples, for the loss of the minibatch and the shares s_r of the ranks;
//! 3. for layers that have a quarter of a million numbers together, the last ones first, while those
//!    before them still compute: each the digest of its selections; each to rank q segment q of their
//!    gradients g_r, of W segments as equal as can be; rank q adds up sum_r s_r g_r there, in f64 from
//!    -0, r = 0, 1, ..., W - 1, and rounds to f32; each its averaged segment to all;
//! 4. each what it has computed, and norms that are shared for the next step. Then every rank makes the
//!    same step of its optimiser.

mod averaging;
mod collective;
pub mod launcher;
mod message;
#[cfg(feature = "mpi")]
mod mpi;
mod norms;
mod peer;
#[cfg(test)]
mod tests;
mod threads;

pub use averaging::average_over_ranks;
pub use collective::{Alone, Collective, CollectiveError};
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
pub use peer::{Peer, StepTotals};
pub use threads::Threads;

use crate::learner::StepError;
use serde::{Deserialize, Serialize};

/// What ranks send of their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exchange {
    /// Every number, whatever was selected; also the zeros.
    Whole,
    /// Of layers sampled in the forward mode the selected slices, of everything else every
    /// number. All ranks must select the same slices.
    Slices,
}

/// Why ranks cannot make a step together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExchangeError {
    /// There is no step of this rank, or of the whole minibatch.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A rank has started with other weights.
    #[error("rank {rank} has other weights than rank 0; all start with the same")]
    WeightsDiffer {
        /// Which, from 0.
        rank: usize,
    },
    /// A rank has selected other slices. Sending whole gradients instead would hide that
    /// nothing is saved, so that is left to the one who chooses the [`Exchange`].
    #[error(
        "rank {rank} has selected other slices of parameter {parameter} than rank 0, and their \
         gradients cannot be added up; share the norms (scores: shared) or select by the weights \
         alone (scores: weights), or send whole gradients (exchange: whole)"
    )]
    SelectionsDiffer {
        /// Which, from 0.
        rank: usize,
        /// The parameter's place in the network's order, from 0.
        parameter: usize,
    },
    /// The ranks do not reach each other.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
}
