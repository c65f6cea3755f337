//! What trainings came to.

use crate::arm::Arm;

/// What an arm came to with a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The way of training.
    pub arm: Arm,
    /// The share of wrong answers on the test images, in percent, epoch by epoch.
    pub errors: Vec<f64>,
}

impl Outcome {
    /// The test error after the last epoch, in percent.
    pub fn error(&self) -> f64 {
        self.errors.last().copied().unwrap_or(f64::NAN)
    }
}

/// All arms with a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// One an arm.
    pub outcomes: Vec<Outcome>,
}

impl Run {
    /// The test error of an arm after the last epoch, in percent; not a number where it is none of
    /// the run's.
    pub fn error(&self, arm: Arm) -> f64 {
        let outcome = self.outcomes.iter().find(|outcome| outcome.arm == arm);
        outcome.map_or(f64::NAN, Outcome::error)
    }
}
