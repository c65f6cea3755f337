//! Which products of training are sampled, and how.

use crate::names::unknown;
use kernels::estimator::{Estimator, budget};
use kernels::selection::SelectionError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where in a training step products are sampled (released code, README).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Sample the forward product and send gradients through the sampled entries only.
    Forward,
    /// Exact forward product; sample both gradient products.
    Backward,
    /// Sample the forward product; compute gradients as if it had been exact.
    BlackBox,
}

impl Mode {
    /// The name used in settings and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::BlackBox => "black-box",
        }
    }
}

/// Which norms make the score of a pair of the forward product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scores {
    /// |A_i| |B^i|, of activations and weights.
    #[default]
    Both,
    /// |B^i|, of the weights alone (released code, for several nodes): whoever has the same
    /// weights, and the same stream where the estimator draws, selects the same pairs.
    Weights,
}

impl Scores {
    /// The name used in settings and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Weights => "weights",
        }
    }

    /// The default is not written: stored settings from before there was a choice stay the same
    /// texts.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

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
    /// Scores by the weights alone are for the forward mode.
    #[error(
        "scores by weights in the {} mode; they serve to send slices of the gradient, which only \
         the forward mode has",
        .0.name()
    )]
    WeightScores(Mode),
    /// One policy of several is out of range.
    #[error("policies.{policy}: {reason}")]
    Of {
        /// Which, as a field of [`LayerPolicies`].
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
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a parameter of the estimator is out of range, the ratio is outside (0, 1], `minimal_k`
    /// is zero, or scores are by the weights alone in another mode than forward.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.estimator.check()?;
        if !(self.ratio > 0.0 && self.ratio <= 1.0) {
            return Err(PolicyError::Ratio(self.ratio));
        }
        if self.minimal_k == 0 {
            return Err(PolicyError::MinimalK);
        }
        if self.scores == Scores::Weights && self.mode != Mode::Forward {
            return Err(PolicyError::WeightScores(self.mode));
        }
        Ok(())
    }

    /// The number of pairs to keep of a product over `pairs` of them.
    pub fn budget(&self, pairs: usize) -> usize {
        budget(pairs, self.ratio, self.minimal_k)
    }
}

/// How each layer of a network is sampled.
///
/// ```
/// use training::sampling::LayerPolicies;
/// let text = "
/// default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}
/// overrides:
///   group-3.block-1.shortcut: {estimator: bernoulli, ratio: 0.25, minimal_k: 8, mode: forward}
/// never: [convolution]
/// ";
/// let policies: LayerPolicies = serde_yaml::from_str(text)?;
/// assert_eq!(policies.of("group-1.block-1.convolution-1", true).unwrap().ratio, 0.5);
/// assert_eq!(policies.of("group-3.block-1.shortcut", true).unwrap().ratio, 0.25);
/// assert_eq!(policies.of("convolution", true), None);
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerPolicies {
    /// The policy of the layers that the network samples and that are not named below; without
    /// it they are exact.
    pub default: Option<SamplingPolicy>,
    /// Policies of single layers, by name; also of those the network by itself never samples.
    pub overrides: BTreeMap<String, SamplingPolicy>,
    /// Layers that are exact, by name.
    pub never: Vec<String>,
}

impl LayerPolicies {
    /// Every layer that the network samples by one policy.
    pub fn uniform(policy: Option<SamplingPolicy>) -> Self {
        Self { default: policy, ..Self::default() }
    }

    /// The policy of a layer; `sampled` says whether the network samples it by itself.
    pub fn of(&self, layer: &str, sampled: bool) -> Option<SamplingPolicy> {
        let never = self.never.iter().any(|name| name == layer);
        let default = self.default.filter(|_| sampled && !never);
        self.overrides.get(layer).copied().or(default)
    }

    /// Checks all ranges, and the names against the layers with products.
    ///
    /// # Errors
    /// When a policy is out of range, a name is no layer's, or a layer is both sampled and not.
    pub fn check(&self, layers: &[&str]) -> Result<(), PolicyError> {
        let default = self.default.iter().map(|policy| ("default".to_owned(), policy));
        let named = self.overrides.iter();
        let overrides = named.map(|(layer, policy)| (format!("overrides.{layer}"), policy));
        for (name, policy) in default.chain(overrides) {
            let of = |reason| PolicyError::Of { policy: name, reason: Box::new(reason) };
            policy.check().map_err(of)?;
        }
        for name in self.overrides.keys().chain(&self.never) {
            if !layers.contains(&name.as_str()) {
                return Err(PolicyError::UnknownLayer(unknown("layer", name, layers)));
            }
        }
        match self.never.iter().find(|name| self.overrides.contains_key(*name)) {
            Some(name) => Err(PolicyError::Contradiction(name.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_outside_the_unit_interval_are_refused() {
        for ratio in [0.0, -0.1, 1.1, f64::NAN] {
            let policy = SamplingPolicy {
                estimator: Estimator::TopK,
                ratio,
                minimal_k: 1,
                mode: Mode::Forward,
                scores: Scores::Both,
            };
            assert!(policy.check().unwrap_err().to_string().starts_with("ratio is"));
        }
    }

    const POLICY: SamplingPolicy = SamplingPolicy {
        estimator: Estimator::TopK,
        ratio: 0.5,
        minimal_k: 1,
        mode: Mode::Forward,
        scores: Scores::Both,
    };

    #[test]
    fn parameters_of_the_estimator_out_of_range_are_refused() {
        for parameter in [2.0, 5.0, -1.0, f64::NAN] {
            for estimator in [
                Estimator::AdaptiveTopK { share: parameter },
                Estimator::ColumnRowMixture { epsilon: parameter },
            ] {
                let policies = LayerPolicies::uniform(Some(SamplingPolicy { estimator, ..POLICY }));
                let error = policies.check(&["linear"]).unwrap_err().to_string();
                assert!(error.starts_with("policies.default: estimator: "), "{error}");
                assert!(error.contains(&parameter.to_string()), "{error}");
            }
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
    fn scores_by_weights_are_refused_but_in_the_forward_mode() {
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            let policy = SamplingPolicy { scores: Scores::Weights, mode, ..POLICY };
            assert_eq!(policy.check().is_ok(), mode == Mode::Forward, "{mode:?}");
        }
        let policy = SamplingPolicy { scores: Scores::Weights, mode: Mode::BlackBox, ..POLICY };
        let error = policy.check().unwrap_err().to_string();
        assert!(error.starts_with("scores by weights in the black-box mode"), "{error}");
    }

    #[test]
    fn names_of_no_layer_are_refused_with_the_nearest_ones() {
        let mut policies = LayerPolicies::uniform(Some(POLICY));
        policies.never = vec!["blok-1.convolution-1".to_owned()];
        let layers = ["linear", "block-1.convolution-2", "block-1.convolution-1"];
        let error = policies.check(&layers).unwrap_err().to_string();
        assert!(error.starts_with("unknown layer \"blok-1.convolution-1\""), "{error}");
        assert!(error.contains("did you mean block-1.convolution-1 or"), "{error}");
    }

    #[test]
    fn contradictions_and_ranges_are_found() {
        let mut policies = LayerPolicies::default();
        policies.overrides.insert("linear".to_owned(), SamplingPolicy { ratio: 2.0, ..POLICY });
        let error = policies.check(&["linear"]).unwrap_err().to_string();
        assert!(error.starts_with("policies.overrides.linear: ratio is 2;"), "{error}");
        policies.overrides.insert("linear".to_owned(), POLICY);
        assert_eq!(policies.check(&["linear"]), Ok(()));
        policies.never.push("linear".to_owned());
        let error = policies.check(&["linear"]).unwrap_err();
        assert_eq!(error, PolicyError::Contradiction("linear".to_owned()));
    }

    #[test]
    fn layers_that_are_exact_by_themselves_need_an_override() {
        let mut policies = LayerPolicies::uniform(Some(POLICY));
        assert_eq!(policies.of("linear", false), None);
        policies.overrides.insert("linear".to_owned(), POLICY);
        assert_eq!(policies.of("linear", false), Some(POLICY));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_yaml::from_str::<LayerPolicies>("nevr: [linear]").unwrap_err();
        assert!(error.to_string().contains("nevr"), "{error}");
    }
}
