//! What was measured, as tables, figures and sentences ask for it.

use axtrain::arm::{Arm, Penalties};
use axtrain::experiment::{Outcome, Run};
use axtrain::statements::drop_place;

use super::settings::AxTrain;
use crate::exhibit::related::ranking::Way;
use crate::exhibit::statistics::{Estimate, apart_from_rounding};

/// All runs on one set of images.
pub struct Measured<'a> {
    /// The settings.
    pub settings: &'a AxTrain,
    /// The images, as tables name them.
    pub data: String,
    /// The weights of the penalty that were chosen.
    pub penalties: Penalties,
    /// One a seed.
    pub runs: Vec<Run>,
}

/// What the networks of all arms are tested with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// 8-bit integers without any fault.
    Faultless,
    /// A tested probability that a bit is flipped, by its place: the mean over chips.
    Chips(usize),
    /// The same: the chip of which a twentieth are worse.
    WeakChip(usize),
    /// A tested number of columns that a multiplier leaves out, by its place.
    Truncated(usize),
    /// The multiplier that some are trained for.
    TrainedFor,
    /// Mitchell's multiplier.
    Mitchell,
    /// Sampled inference at a tested ratio, by its place, and by which of the estimators.
    Sampled(usize, usize),
}

impl Test {
    /// The accuracy of an outcome, in percent.
    pub fn accuracy(self, outcome: &Outcome) -> f64 {
        let share = match self {
            Self::Faultless => outcome.clean,
            Self::Chips(place) => outcome.faulty(place),
            Self::WeakChip(place) => fifth_percentile(&outcome.chips[place]),
            Self::Truncated(place) => outcome.truncated[place],
            Self::TrainedFor => outcome.trained_for[0],
            Self::Mitchell => outcome.mitchell,
            Self::Sampled(place, estimator) => outcome.sampled[place][estimator],
        };
        100.0 * share
    }
}

/// The value of which a twentieth are below, by the nearest rank.
fn fifth_percentile(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(sorted.len().div_ceil(20)).saturating_sub(1)]
}

impl Measured<'_> {
    /// A number of an arm, seed by seed.
    pub fn values(&self, arm: Arm, number: impl Fn(&Outcome) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| number(run.of(arm))).collect()
    }

    /// The accuracy of an arm, in percent.
    pub fn accuracy(&self, arm: Arm, test: Test) -> Estimate {
        apart_from_rounding(&self.values(arm, |it| test.accuracy(it)))
    }

    /// An arm among others that are compared.
    pub fn way(&self, arm: Arm, test: Test) -> Way {
        Way {
            name: arm.name().to_string(),
            values: self.values(arm, |outcome| test.accuracy(outcome)),
        }
    }

    /// The tested probability at which arms are compared: the least that costs the baseline ten
    /// points, or the last where none does.
    pub fn compared_at(&self) -> usize {
        let probabilities = &self.settings.networks.tested.probabilities;
        let last = probabilities.len() - 1;
        drop_place(&self.settings.networks, &self.runs).unwrap_or(last)
    }

    /// The ratio of sampled inference at which arms are compared: the least.
    pub fn least_ratio(&self) -> usize {
        let ratios = &self.settings.networks.tested.ratios;
        let least = (0..ratios.len()).min_by(|one, other| ratios[*one].total_cmp(&ratios[*other]));
        least.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_of_the_chips_are_no_better() {
        let values: Vec<f64> = (1..=50).rev().map(f64::from).collect();
        assert_eq!(fifth_percentile(&values), 3.0);
        assert_eq!(fifth_percentile(&[0.5, 0.25]), 0.25);
    }
}
