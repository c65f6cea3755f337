//! What a network is judged by.

use crate::loss::Loss;
use serde::{Deserialize, Serialize};

/// Mean loss and share of right answers on a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean cross-entropy, in nats a sample.
    pub loss: f64,
    /// Right answers over samples.
    pub accuracy: f64,
}

impl From<Loss> for Metrics {
    fn from(loss: Loss) -> Self {
        Self { loss: loss.mean(), accuracy: loss.correct as f64 / loss.samples as f64 }
    }
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// On the training set while it was being learnt from (sampled, with dropout).
    pub train: Metrics,
    /// On the held-out part of the training set (exact).
    pub held_out: Metrics,
    /// On the test set (exact).
    pub test: Metrics,
}
