//! What every measurement may depend on.

use std::time::Duration;

use kernels::InstructionSet;
use rayon::ThreadPool;

use super::peer::Peer;
use crate::progress::Progress;
use crate::timing::Patience;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Time of each comparison: one shape on one number of threads.
    pub patience: Patience,
    /// Products of more operations than this are measured on all threads only, and sampled at
    /// the smallest ratio only.
    pub large: f64,
    /// Products of more operations than this are not measured with narrower instructions.
    pub narrow: f64,
}

impl Effort {
    /// For figures.
    pub const FULL: Self = Self {
        patience: Patience {
            turn: Duration::from_millis(5),
            total: Duration::from_millis(3500),
            rounds: 3,
        },
        large: f64::INFINITY,
        narrow: 1.1e9,
    };
    /// Shorter turns, fewer of the large products, and steps of one small network.
    pub const QUICK: Self = Self {
        patience: Patience {
            turn: Duration::from_millis(5),
            total: Duration::from_millis(400),
            rounds: 3,
        },
        large: 2e9,
        narrow: 3e8,
    };

    /// Whether nothing is left out.
    pub fn is_full(&self) -> bool {
        self.large.is_infinite()
    }
}

/// What every measurement may depend on.
pub struct Setting<'a> {
    /// Where all randomness starts.
    pub seed: u64,
    /// How products are computed.
    pub set: InstructionSet,
    /// How much is measured.
    pub effort: Effort,
    /// Other libraries.
    pub peers: &'a [Peer],
    /// One thread, and all of them where there are more.
    pub pools: &'a [ThreadPool],
    /// Where to say how far it is.
    pub progress: &'a Progress,
}
