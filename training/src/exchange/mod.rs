//! The exchange of gradients between workers that train side by side (the paper's setting of
//! several nodes).
//!
//! Every worker has the same weights and a share of the minibatch, and the gradients of all are
//! averaged. A layer sampled in the forward mode has a gradient in the selected slices of its
//! weights only: rows S of a linear layer's, channels \[:, S\] of a convolution's. Where all
//! workers select the same S, it is enough to send those; no index is sent. With
//! [`Scores::Weights`](crate::sampling::Scores::Weights) they do: top-k is a function of the
//! weights, and estimators that draw have one stream for all workers.
//!
//! The workers are threads of one process, so what is counted is what would be sent, and that the
//! selections are equal is checked by comparing them.

mod message;
#[cfg(test)]
mod tests;
mod workers;

pub use workers::Workers;

use crate::layer::SelectionFailure;
use serde::{Deserialize, Serialize};

/// What workers send of their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exchange {
    /// Every number, whatever was selected; also the zeros.
    Whole,
    /// Of layers sampled in the forward mode the selected slices, of everything else every
    /// number. All workers must select the same slices.
    Slices,
}

/// Why workers cannot train together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExchangeError {
    /// There is no network to train.
    #[error("no worker has a network; there is at least 1")]
    NoWorker,
    /// A worker has started with other weights.
    #[error("worker {worker} has other weights than worker 0; all start with the same")]
    WeightsDiffer {
        /// The worker, from 0.
        worker: usize,
    },
    /// A worker could not draw a selection.
    #[error("worker {worker}: {failure}")]
    Selection {
        /// The worker, from 0.
        worker: usize,
        /// Of which layer, and why.
        failure: SelectionFailure,
    },
    /// A worker has selected other slices. Sending whole gradients instead would hide that
    /// nothing is saved, so that is left to the one who chooses the [`Exchange`].
    #[error(
        "worker {worker} has selected other slices of parameter {parameter} than worker 0, and \
         their gradients cannot be added up; select by the weights alone (scores: weights), or \
         send whole gradients (exchange: whole)"
    )]
    SelectionsDiffer {
        /// The worker, from 0.
        worker: usize,
        /// The parameter's place in the network's order, from 0.
        parameter: usize,
    },
}
