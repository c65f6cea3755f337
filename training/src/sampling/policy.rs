//! How the products of one layer are sampled.

use super::{Mode, Scores, WeightGradient};
use kernels::estimator::{Estimator, budget};
use kernels::selection::SelectionError;
use serde::{Deserialize, Serialize};

/// How the products of a layer are sampled during training. Evaluation is always exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingPolicy {
    /// How pairs are chosen and scaled.
    pub estimator: Estimator,
    /// The share of pairs to keep, in (0, 1].
    pub ratio: f64,
    /// The least number of pairs to keep.
    pub minimal_k: usize,
    /// Which products are sampled.
    pub mode: Mode,
    /// What the pairs of the forward product are scored by.
    #[serde(default, skip_serializing_if = "Scores::is_default")]
    pub scores: Scores,
    /// The share of the pairs kept that are drawn uniformly, whatever their scores, in [0, 1): what
    /// is scored by its weights alone is else learnt only where it is already large.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exploration: f64,
    /// Steps that a selection of features or channels is used for. It is drawn at steps whose
    /// number is a multiple of it, or at the first sampled one after, with the scales and at the
    /// ratio of that step. In the backward mode it is the selection of output features or channels
    /// that is kept; samples are others in every step, and so is their selection.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub keep_for: usize,
    /// What the weight gradient of a convolution is sampled over in the backward mode.
    #[serde(default, skip_serializing_if = "WeightGradient::is_default")]
    pub weight_gradient: WeightGradient,
}

fn one() -> usize {
    1
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

fn is_one(steps: &usize) -> bool {
    *steps == 1
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The ratio is outside (0, 1].
    #[error("ratio is {0}; it lies above 0 and is at most 1")]
    Ratio(f64),
    /// A parameter of the estimator is out of its range.
    #[error("estimator: {0}")]
    Estimator(#[from] SelectionError),
    /// No pair might be kept.
    #[error("minimal_k is 0; at least one pair is kept")]
    MinimalK,
    /// A selection is used for no step.
    #[error("keep_for is 0; a selection is used for at least 1 step")]
    KeepFor,
    /// The weight gradient is sampled by itself in the backward mode only.
    #[error(
        "weight_gradient: positions in the {} mode; only the backward mode samples the weight \
         gradient by itself",
        .0.name()
    )]
    Positions(Mode),
    /// Scores by which ranks agree are for the forward mode.
    #[error(
        "scores: {} in the {} mode; they serve to send slices of the gradient, which only the \
         forward mode has",
        .0.name(), .1.name()
    )]
    AgreedScores(Scores, Mode),
    /// The share of uniform draws is outside [0, 1), or not of the forward product.
    #[error("exploration is {0}; it is at least 0 and below 1, and 0 in the backward mode")]
    Exploration(f64),
    /// Norms of the step before are of the step before.
    #[error("scores: shared-before with keep_for {0}; a selection is then drawn in every step")]
    KeptBefore(usize),
    /// One policy of several is out of range.
    #[error("policies.{policy}: {reason}")]
    Of {
        /// Which, as a field of [`LayerPolicies`](super::LayerPolicies).
        policy: String,
        /// Why.
        reason: Box<PolicyError>,
    },
    /// A policy names a layer that the network does not have, or that has no product.
    #[error("{0}")]
    UnknownLayer(String),
    /// A layer is to be sampled and never to be sampled.
    #[error("layer '{0}' has a policy of its own and is among those never sampled")]
    Contradiction(String),
}

impl SamplingPolicy {
    /// A policy by the norms of both factors, with a new selection in every step.
    pub const fn new(estimator: Estimator, ratio: f64, minimal_k: usize, mode: Mode) -> Self {
        let (scores, weight_gradient) = (Scores::Both, WeightGradient::Images);
        let (exploration, keep_for) = (0.0, 1);
        Self { estimator, ratio, minimal_k, mode, scores, exploration, keep_for, weight_gradient }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// When a parameter of the estimator is out of range, the ratio is outside (0, 1], `minimal_k`
    /// or `keep_for` is zero, ranks are to agree on scores in another mode than forward,
    /// `exploration` is outside [0, 1) or of the backward mode, a selection by the norms of the step
    /// before is to be kept, or the weight gradient is sampled over positions in another mode than
    /// backward.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.estimator.check()?;
        if !(self.ratio > 0.0 && self.ratio <= 1.0) {
            return Err(PolicyError::Ratio(self.ratio));
        }
        if self.minimal_k == 0 {
            return Err(PolicyError::MinimalK);
        }
        if self.scores.are_agreed() && self.mode != Mode::Forward {
            return Err(PolicyError::AgreedScores(self.scores, self.mode));
        }
        let is_explored = (f64::MIN_POSITIVE..1.0).contains(&self.exploration);
        if self.exploration != 0.0 && (!is_explored || self.mode == Mode::Backward) {
            return Err(PolicyError::Exploration(self.exploration));
        }
        if self.scores == Scores::SharedBefore && self.keep_for > 1 {
            return Err(PolicyError::KeptBefore(self.keep_for));
        }
        if self.keep_for == 0 {
            return Err(PolicyError::KeepFor);
        }
        if self.weight_gradient == WeightGradient::Positions && self.mode != Mode::Backward {
            return Err(PolicyError::Positions(self.mode));
        }
        Ok(())
    }

    /// The number of pairs to keep of a product over `pairs` of them.
    pub fn budget(&self, pairs: usize) -> usize {
        budget(pairs, self.ratio, self.minimal_k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: SamplingPolicy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);

    #[test]
    fn ratios_outside_the_unit_interval_are_refused() {
        for ratio in [0.0, -0.1, 1.1, f64::NAN] {
            let policy = SamplingPolicy { ratio, ..POLICY };
            assert!(policy.check().unwrap_err().to_string().starts_with("ratio is"));
        }
    }

    #[test]
    fn scores_by_both_norms_leave_stored_settings_as_they_were() {
        let text = "{estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}";
        let policy: SamplingPolicy = serde_yaml::from_str(text).unwrap();
        assert_eq!(policy, POLICY);
        let written = serde_yaml::to_string(&policy).unwrap();
        assert_eq!(written, "estimator: top-k\nratio: 0.5\nminimal_k: 1\nmode: forward\n");
        let weights = SamplingPolicy { scores: Scores::Weights, ..POLICY };
        let written = serde_yaml::to_string(&weights).unwrap();
        assert!(written.ends_with("scores: weights\n"), "{written}");
        assert_eq!(serde_yaml::from_str::<SamplingPolicy>(&written).unwrap(), weights);
    }

    #[test]
    fn a_selection_a_step_over_images_leaves_stored_settings_as_they_were() {
        let written = serde_yaml::to_string(&POLICY).unwrap();
        assert!(!written.contains("keep_for") && !written.contains("weight_gradient"), "{written}");
        let (keep_for, weight_gradient) = (10, WeightGradient::Positions);
        let mode = Mode::Backward;
        let policy = SamplingPolicy { keep_for, weight_gradient, mode, ..POLICY };
        assert_eq!(policy.check(), Ok(()));
        let written = serde_yaml::to_string(&policy).unwrap();
        assert!(written.ends_with("keep_for: 10\nweight_gradient: positions\n"), "{written}");
        assert_eq!(serde_yaml::from_str::<SamplingPolicy>(&written).unwrap(), policy);
        let none = SamplingPolicy { keep_for: 0, ..POLICY }.check().unwrap_err().to_string();
        assert!(none.starts_with("keep_for is 0"), "{none}");
        let forward = SamplingPolicy { mode: Mode::Forward, ..policy }.check().unwrap_err();
        let sentence = forward.to_string();
        assert!(
            sentence.starts_with("weight_gradient: positions in the forward mode"),
            "{sentence}"
        );
    }

    #[test]
    fn scores_that_ranks_agree_on_are_refused_but_in_the_forward_mode() {
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            for scores in [Scores::Weights, Scores::Shared, Scores::SharedBefore] {
                let policy = SamplingPolicy { scores, mode, ..POLICY };
                assert_eq!(policy.check().is_ok(), mode == Mode::Forward, "{mode:?}");
            }
        }
        let policy = SamplingPolicy { scores: Scores::Weights, mode: Mode::BlackBox, ..POLICY };
        let error = policy.check().unwrap_err().to_string();
        assert!(error.starts_with("scores: weights in the black-box mode"), "{error}");
    }

    #[test]
    fn exploration_is_a_share_and_norms_of_the_step_before_are_not_kept() {
        let explored = |exploration| SamplingPolicy { exploration, ..POLICY };
        assert_eq!(explored(0.2).check(), Ok(()));
        for exploration in [-0.1, 1.0, f64::NAN] {
            let error = explored(exploration).check().unwrap_err().to_string();
            assert!(error.starts_with("exploration is "), "{error}");
        }
        let backward = SamplingPolicy { mode: Mode::Backward, ..explored(0.2) };
        assert_eq!(backward.check(), Err(PolicyError::Exploration(0.2)));
        let before = SamplingPolicy { scores: Scores::SharedBefore, keep_for: 2, ..POLICY };
        assert_eq!(before.check(), Err(PolicyError::KeptBefore(2)));
        assert_eq!(SamplingPolicy { scores: Scores::Shared, ..before }.check(), Ok(()));
        let written = serde_yaml::to_string(&POLICY).unwrap();
        assert!(!written.contains("exploration"), "{written}");
    }
}
