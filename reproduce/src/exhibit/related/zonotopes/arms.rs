//! What is run with every seed, and what came of it.

use zonotope_training::run::Run;
use zonotope_training::{Arm, Obstacle, Settings};

use super::settings::Zonotopes;
use crate::exhibit::related::ranking::Way;
use crate::exhibit::statistics::Estimate;

/// Which question an arm belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Constrained training.
    Constrained,
    /// Further training without the constraint.
    Unconstrained,
    /// A penalty on sampled outputs.
    Penalty,
    /// Constrained training with sampled products.
    Sampled,
    /// Constrained training with an obstacle of this half-width.
    Size(f64),
}

/// Settings and a way to train.
#[derive(Clone, Debug)]
pub struct ArmOf {
    /// The question.
    pub part: Part,
    /// What it is called.
    pub name: String,
    /// What it is run with.
    pub settings: Settings,
    /// How the network is trained on.
    pub arm: Arm,
}

/// An arm with a run a seed.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The arm.
    pub arm: ArmOf,
    /// Its runs, seed by seed.
    pub runs: Vec<Run>,
}

impl Zonotopes {
    /// Everything that is run but the control with an obstacle out of reach.
    pub fn arms(&self) -> Vec<ArmOf> {
        let own = &self.training;
        let with = |part, name: &str, settings: &Settings, arm| ArmOf {
            part,
            name: name.to_string(),
            settings: settings.clone(),
            arm,
        };
        let mut arms = vec![
            with(Part::Constrained, "constrained", own, Arm::Constrained),
            with(Part::Unconstrained, "unconstrained", own, Arm::Unconstrained),
            with(Part::Penalty, "penalty on samples", own, Arm::SampledPenalty),
        ];
        for &sampling in &self.samplings {
            let name = format!("constrained, {} of {}", sampling.estimator, sampling.ratio);
            let settings = Settings { sampling: Some(sampling), ..own.clone() };
            arms.push(with(Part::Sampled, &name, &settings, Arm::Constrained));
        }
        for &half_width in &self.half_widths {
            let obstacle = Obstacle { half_width, ..own.obstacle };
            let name = format!("constrained, half-width {half_width}");
            let settings = Settings { obstacle, ..own.clone() };
            arms.push(with(Part::Size(half_width), &name, &settings, Arm::Constrained));
        }
        arms
    }
}

impl Measured {
    /// A number of every run.
    pub fn each(&self, number: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(number).collect()
    }

    /// Its mean and interval.
    pub fn mean(&self, number: impl Fn(&Run) -> f64) -> Estimate {
        Estimate::of(&self.each(number))
    }

    /// Runs that ended in a certificate.
    pub fn certified(&self) -> usize {
        self.runs.iter().filter(|run| run.certificate.is_ok()).count()
    }

    /// Runs that ended without one random input that led into the obstacle.
    pub fn without_unsafe_samples(&self) -> usize {
        self.runs.iter().filter(|run| run.after.samples.unsafe_outputs == 0).count()
    }

    /// The arm among others that are ranked, by the test error at the end.
    pub fn way(&self) -> Way {
        Way { name: self.arm.name.clone(), values: self.each(|run| run.after.test_error) }
    }
}

/// Constrained training by the obstacle's half-width, that of the settings among the others.
pub fn by_size(measured: &[Measured]) -> Vec<&Measured> {
    let is_size = |it: &&Measured| matches!(it.arm.part, Part::Size(_) | Part::Constrained);
    let mut sizes: Vec<&Measured> = measured.iter().filter(is_size).collect();
    let half_width = |it: &Measured| it.arm.settings.obstacle.half_width;
    sizes.sort_by(|one, other| half_width(one).total_cmp(&half_width(other)));
    sizes
}
