//! What a run depends on, beside its seed.

use crate::layers::MOST_UNITS;
use crate::obstacle::Obstacle;
use regression::Sampling;
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, LARGEST_COUNT, POSITIVE, count, count_within, number};

/// How the network is trained after it has been fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Further steps on the objective alone.
    Unconstrained,
    /// A step on the objective and one on the collisions of the reachable set, in turns.
    Constrained,
    /// The same with a penalty on sampled outputs in the place of the reachable set.
    SampledPenalty,
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unconstrained, Self::Constrained, Self::SampledPenalty];

    /// The name in settings and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unconstrained => "unconstrained",
            Self::Constrained => "constrained",
            Self::SampledPenalty => "sampled-penalty",
        }
    }
}

/// The settings of a run.
///
/// ```
/// use zonotope_training::Settings;
/// let wrong = Settings { rate: -1.0, ..Settings::published() };
/// let sentence = "rate is -1, expected a finite number above 0";
/// assert_eq!(wrong.check().unwrap_err().to_string(), sentence);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Hidden units n.
    pub hidden: usize,
    /// Examples to train with, and as many to test with.
    pub examples: usize,
    /// Full-batch steps on the objective before the obstacle is known.
    pub fit_steps: usize,
    /// Steps after that, each on the objective and, in two arms, on the constraint.
    pub constrained_steps: usize,
    /// Steps on the constraint alone at the end, at most.
    pub repair_steps: usize,
    /// The rate of every step; after the fit that of the objective falls to zero along a line.
    pub rate: f64,
    /// The least scale of a collision is pushed up to 1 + margin; a certificate needs half of it.
    pub margin: f64,
    /// What the outputs are to avoid.
    pub obstacle: Obstacle,
    /// Random inputs for the falsifier.
    pub falsifier_inputs: usize,
    /// Steps from one point of the history to the next.
    pub history_interval: usize,
    /// Whether the weight gradients of the objective are sampled products, and how.
    #[serde(default)]
    pub sampling: Option<Sampling>,
}

impl Settings {
    /// The published experiment, as far as it is known, with our margin: 10 hidden units, 1,000
    /// steps, the obstacle [1, 2]^2, then 900 steps in turns. The released code has 10,000 examples.
    pub fn published() -> Self {
        Self {
            hidden: 10,
            examples: 1000,
            fit_steps: 1000,
            constrained_steps: 900,
            repair_steps: 2000,
            rate: 0.1,
            margin: 0.02,
            obstacle: Obstacle { centre: [1.5, 1.5], half_width: 0.5 },
            falsifier_inputs: 1_000_000,
            history_interval: 25,
            sampling: None,
        }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// When one makes no sense, by the name of its field.
    pub fn check(&self) -> Result<(), FieldError> {
        count_within("hidden", self.hidden, 1..=MOST_UNITS)?;
        count("examples", self.examples)?;
        count("falsifier_inputs", self.falsifier_inputs)?;
        count("history_interval", self.history_interval)?;
        for (field, steps) in [
            ("fit_steps", self.fit_steps),
            ("constrained_steps", self.constrained_steps),
            ("repair_steps", self.repair_steps),
        ] {
            count_within(field, steps, 0..=LARGEST_COUNT)?;
        }
        number("rate", self.rate, POSITIVE)?;
        number("margin", self.margin, POSITIVE)?;
        self.obstacle.check().map_err(|error| error.within("obstacle"))?;
        let Some(sampling) = &self.sampling else { return Ok(()) };
        let fewest = 1.0 / self.examples as f64;
        number("sampling.ratio", sampling.ratio, fewest..=1.0)?;
        sampling.estimator.check().map_err(|error| {
            FieldError::new("sampling.estimator", sampling.estimator, error.to_string())
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kernels::Estimator;

    /// The experiment at a size of a fraction of a second.
    pub fn small() -> Settings {
        Settings {
            hidden: 6,
            examples: 200,
            fit_steps: 400,
            constrained_steps: 100,
            repair_steps: 300,
            falsifier_inputs: 20_000,
            ..Settings::published()
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let published = Settings::published();
        assert_eq!(published.check(), Ok(()));
        let named = |settings: Settings| settings.check().unwrap_err().field;
        assert_eq!(named(Settings { hidden: 0, ..published.clone() }), "hidden");
        assert_eq!(named(Settings { hidden: 33, ..published.clone() }), "hidden");
        assert_eq!(named(Settings { margin: f64::NAN, ..published.clone() }), "margin");
        let obstacle = Obstacle { half_width: 0.0, ..published.obstacle };
        assert_eq!(named(Settings { obstacle, ..published.clone() }), "obstacle.half_width");
        let obstacle = Obstacle { centre: [0.0, f64::INFINITY], ..published.obstacle };
        assert_eq!(named(Settings { obstacle, ..published.clone() }), "obstacle.centre[1]");
        let few = Some(Sampling { estimator: Estimator::TopK, ratio: 1e-4 });
        assert_eq!(named(Settings { sampling: few, ..published.clone() }), "sampling.ratio");
        let wrong = Estimator::ColumnRowMixture { epsilon: 2.0 };
        let wrong = Some(Sampling { estimator: wrong, ratio: 0.5 });
        assert_eq!(named(Settings { sampling: wrong, ..published }), "sampling.estimator");
    }

    #[test]
    fn settings_are_read_back_and_unknown_fields_refused() {
        let written = serde_yaml::to_string(&Settings::published()).unwrap();
        assert_eq!(serde_yaml::from_str::<Settings>(&written).unwrap(), Settings::published());
        let more = format!("{written}colour: red\n");
        assert!(
            serde_yaml::from_str::<Settings>(&more).unwrap_err().to_string().contains("colour")
        );
    }
}
