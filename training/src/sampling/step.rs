//! What one step samples.

use super::SamplingPolicy;

/// What a step samples where a layer has a policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepSampling {
    /// Nothing: every product is exact.
    Nothing,
    /// What the policies say, at their ratios times this factor, at most 1.
    AtRatios {
        /// The factor, above 0.
        factor: f64,
    },
    /// Nothing, but every layer with a policy computes what the scores of its pairs are made of,
    /// for [`SampledLayer`](crate::layer::SampledLayer).
    OnlyScores,
}

impl StepSampling {
    /// The policies as they are.
    pub const AS_POLICIES_SAY: Self = Self::AtRatios { factor: 1.0 };

    /// A layer's policy with its ratio in this step; none where the products are exact whatever
    /// their sizes.
    ///
    /// ```
    /// use training::sampling::{SamplingPolicy, StepSampling};
    /// let text = "{estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}";
    /// let policy: SamplingPolicy = serde_yaml::from_str(text)?;
    /// let ratio = |factor| StepSampling::AtRatios { factor }.policy(policy).map(|p| p.ratio);
    /// assert_eq!([0.5, 1.5, 2.0, 3.0].map(ratio), [Some(0.25), Some(0.75), None, None]);
    /// # Ok::<(), serde_yaml::Error>(())
    /// ```
    pub fn policy(self, policy: SamplingPolicy) -> Option<SamplingPolicy> {
        match self {
            Self::Nothing => None,
            Self::OnlyScores => Some(policy),
            Self::AtRatios { factor } => {
                let ratio = factor * policy.ratio;
                (ratio < 1.0).then_some(SamplingPolicy { ratio, ..policy })
            }
        }
    }
}
