//! The settings of batch normalisation.

use super::codes::CodeSettings;
use crate::setting::{FieldError, number};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// The settings of a [`BatchNorm`](super::BatchNorm).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormSettings {
    /// The share of the newest minibatch in the running statistics.
    pub momentum: f32,
    /// What is added to the variance.
    pub epsilon: f64,
    /// Whether the scale is learnt; it is 1 otherwise, and no parameter.
    pub learns_scale: bool,
    /// Whether max(y, 0) is put out in the place of y, saving the passes of a layer of its own.
    pub rectified: bool,
    /// The codes that are kept for the backward pass in the place of the input and of the output;
    /// a layer that is not rectified has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<CodeSettings>,
}

impl BatchNormSettings {
    /// Momentum 0.1, epsilon 1e-5 and a learnt scale, without and with the rectifier.
    pub const fn new(rectified: bool) -> Self {
        Self { momentum: 0.1, epsilon: 1e-5, learns_scale: true, rectified, codes: None }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        number("momentum", self.momentum, (Bound::Excluded(0.0), Bound::Included(1.0)))?;
        number("epsilon", self.epsilon, 0.0..)?;
        let Some(codes) = self.codes else { return Ok(()) };
        codes.check().map_err(|error| error.within("codes"))?;
        if self.rectified {
            return Ok(());
        }
        let expected = "nothing where `rectified` is false: the codes are those of a rectifier";
        Err(FieldError::new("codes", codes, expected))
    }
}

impl Default for BatchNormSettings {
    fn default() -> Self {
        Self::new(false)
    }
}
