//! The ways of training that are compared.

use crate::hardware::Hardware;
use crate::memory::Memory;
use crate::objective::Objective;
use kernels::Estimator;
use kernels::table_product::ProductTable;

/// A way of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// The plain loss.
    Baseline,
    /// The plain loss with the weight norms of [`Arm::Combined`]: whether those alone do it.
    MatchedNorm,
    /// The loss with misread weights.
    Passive,
    /// The plain loss and the penalty.
    Active,
    /// The loss with misread weights and the penalty.
    Combined,
    /// The loss on the approximate multiplier.
    Multiplier,
    /// The loss on a multiplier with the same errors at other places: whether any error does it.
    Shuffled,
    /// The loss with the largest column-row pairs of every forward product.
    TopK,
    /// The loss with column-row pairs drawn by Bernoulli sampling.
    Bernoulli,
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Baseline,
        Self::MatchedNorm,
        Self::Passive,
        Self::Active,
        Self::Combined,
        Self::Multiplier,
        Self::Shuffled,
        Self::TopK,
        Self::Bernoulli,
    ];

    /// The name in tables and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::MatchedNorm => "matched norm",
            Self::Passive => "passive",
            Self::Active => "active",
            Self::Combined => "combined",
            Self::Multiplier => "multiplier",
            Self::Shuffled => "shuffled multiplier",
            Self::TopK => "top-k",
            Self::Bernoulli => "Bernoulli",
        }
    }

    /// What it descends, with what is at hand.
    pub(crate) fn objective<'a>(self, means: &Means<'a>) -> Objective<'a> {
        let sampling = |estimator| Hardware::Sampling { estimator, ratio: means.ratio };
        let passive = |hardware| Objective { hardware, ..Objective::PLAIN };
        let memory = Hardware::Memory(means.memory);
        match self {
            Self::Baseline | Self::MatchedNorm => Objective::PLAIN,
            Self::Passive => passive(memory),
            Self::Active => {
                Objective { hardware: memory, is_passive: false, penalty: means.penalties.active }
            }
            Self::Combined => {
                Objective { hardware: memory, is_passive: true, penalty: means.penalties.combined }
            }
            Self::Multiplier => passive(Hardware::Multiplier(means.table)),
            Self::Shuffled => passive(Hardware::Multiplier(means.shuffled)),
            Self::TopK => passive(sampling(Estimator::TopK)),
            Self::Bernoulli => passive(sampling(Estimator::Bernoulli)),
        }
    }
}

/// The weights of the penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalties {
    /// Without misread weights in the loss.
    pub active: f64,
    /// With them.
    pub combined: f64,
}

/// What arms are made of.
pub(crate) struct Means<'a> {
    pub(crate) memory: Memory,
    pub(crate) table: &'a ProductTable,
    pub(crate) shuffled: &'a ProductTable,
    pub(crate) ratio: f64,
    pub(crate) penalties: Penalties,
}
