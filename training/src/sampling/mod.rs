//! Which products of training are sampled, and how: layer by layer, and in the course of a run.

mod course;
mod mode;
mod policies;
mod policy;
mod step;

pub use course::{Course, RatioCourse};
pub use mode::{Mode, Scores};
pub use policies::LayerPolicies;
pub use policy::{PolicyError, SamplingPolicy};
pub use step::StepSampling;
