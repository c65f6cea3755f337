//! How each layer of a network is sampled, by name.

use super::{PolicyError, SamplingPolicy};
use crate::names::unknown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    /// The least ratio of all policies; none without one that is in its range.
    pub fn least_ratio(&self) -> Option<f64> {
        let ratios = self.default.iter().chain(self.overrides.values()).map(|policy| policy.ratio);
        ratios.filter(|ratio| (f64::MIN_POSITIVE..=1.0).contains(ratio)).reduce(f64::min)
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
    use crate::sampling::Mode;
    use kernels::Estimator;

    const POLICY: SamplingPolicy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);

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
