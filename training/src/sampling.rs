//! Which products of training are sampled, and how.

use kernels::estimator::{Estimator, budget};
use serde::{Deserialize, Serialize};

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
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The ratio is outside (0, 1].
    #[error("ratio is {0}; it lies above 0 and is at most 1")]
    Ratio(f64),
    /// No pair might be kept.
    #[error("minimal_k is 0; at least one pair is kept")]
    MinimalK,
}

impl SamplingPolicy {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When the ratio is outside (0, 1] or `minimal_k` is zero.
    pub fn check(&self) -> Result<(), PolicyError> {
        if !(self.ratio > 0.0 && self.ratio <= 1.0) {
            return Err(PolicyError::Ratio(self.ratio));
        }
        if self.minimal_k == 0 {
            return Err(PolicyError::MinimalK);
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

    #[test]
    fn ratios_outside_the_unit_interval_are_refused() {
        for ratio in [0.0, -0.1, 1.1, f64::NAN] {
            let policy = SamplingPolicy {
                estimator: Estimator::TopK,
                ratio,
                minimal_k: 1,
                mode: Mode::Forward,
            };
            assert!(policy.check().unwrap_err().to_string().starts_with("ratio is"));
        }
    }
}
