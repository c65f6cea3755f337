//! Which products of a step are sampled, over what, and what their pairs are scored by.

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
    /// |A_i| |B^i| with the activations of all ranks that train together, which send each other
    /// their |A_i| in the step: they select the same pairs, by the norms of the whole minibatch.
    Shared,
    /// The same with the activations of the step before, whose norms go with its loss: nobody
    /// waits for them. The first step selects by the weights alone, and so does every step of a
    /// learner that trains by itself.
    SharedBefore,
}

impl Scores {
    /// The name used in settings and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Weights => "weights",
            Self::Shared => "shared",
            Self::SharedBefore => "shared-before",
        }
    }

    /// Whether all ranks that train together select the same by them.
    pub fn are_agreed(self) -> bool {
        self != Self::Both
    }

    /// The default is not written: stored settings from before there was a choice stay the same
    /// texts.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the weight gradient of a convolution is sampled over in the backward mode. That of a linear
/// layer is over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightGradient {
    /// The images of the minibatch: a pair is all of an image, scored by |X_b| |dY_b|.
    #[default]
    Images,
    /// The positions of all images: a pair is the output gradient at a position and the patch under
    /// the kernel there, scored by the product of their norms.
    Positions,
}

impl WeightGradient {
    /// The default is not written.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
