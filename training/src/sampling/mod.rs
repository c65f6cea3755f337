//! Which products of training are sampled, and how: layer by layer, and in the course of a run.

mod budget;
mod course;
pub(crate) mod exploration;
mod layer_ratios;
mod mode;
mod policies;
mod policy;
mod step;
mod variance;

pub use budget::{BudgetedLayer, GreedyBudget};
pub use course::{Course, RatioCourse};
pub use layer_ratios::LayerRatios;
pub use mode::{Mode, Scores, WeightGradient};
pub use policies::LayerPolicies;
pub use policy::{PolicyError, SamplingPolicy};
pub use step::StepSampling;
pub use variance::VarianceControl;
