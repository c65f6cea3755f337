//! A ratio for every layer, from the variance of its gradient.

use crate::setting::{FieldError, POSITIVE, count, number};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// Moves the ratio of each layer so that what sampling adds to the error of its weight gradient
/// stays at a share of the variance that the gradient has anyway, being one of a minibatch (after
/// Wang et al. 2024, VCAS).
///
/// At every step whose number is a multiple of `every`, counted from 0, and that is sampled, let G
/// be the exact weight gradient of the step's minibatch, S_1, ..., S_m as many sampled ones,
/// m = `repeats`, each of a selection of its own, and G_a and G_b the exact ones of the first and
/// the other samples of the minibatch, a and b of them as equal as can be. Then
///
/// > e = sum_i |S_i - G|^2 / m,  v = a b |G_a - G_b|^2 / (a + b)^2,
///
/// and the layer's ratio becomes `factor` r if e < `share` v, r / `factor` otherwise, at least
/// `least` and at most 1. v estimates E|G - E G|^2 without bias where samples are independent and
/// G is the mean of theirs, with a = b it is |G_a - G_b|^2 / 4. Batch normalisation couples the
/// samples: each half then has statistics of its own, and v includes what these differ by.
///
/// All have the same dropout, but for the halves, which have one each; running statistics are left
/// alone. A control takes m + 2 passes of the minibatch, all of them counted as performed. A layer
/// whose weights are not learnt in a step, or a minibatch of one sample, changes no ratio.
///
/// VCAS samples in backward mode only, and sets two kinds of ratios: that of the gradients that go
/// from layer to layer, one number for all, and that of each weight gradient given these. Here a
/// layer has one ratio, its error includes what the sampling of other layers adds, and the mode is
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceControl {
    /// Steps from one look to the next.
    pub every: usize,
    /// Sampled gradients of a look.
    pub repeats: usize,
    /// What sampling may add, as a share of the variance.
    pub share: f64,
    /// What a ratio is multiplied with or divided by, in (0, 1).
    pub factor: f64,
    /// The least ratio, in (0, 1].
    pub least: f64,
}

impl Default for VarianceControl {
    /// The numbers of VCAS, which has no least ratio.
    fn default() -> Self {
        Self { every: 100, repeats: 2, share: 0.025, factor: 0.95, least: 0.05 }
    }
}

impl VarianceControl {
    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("every", self.every)?;
        count("repeats", self.repeats)?;
        number("share", self.share, 0.0..)?;
        number("factor", self.factor, (POSITIVE.0, Bound::Excluded(1.0)))?;
        number("least", self.least, (POSITIVE.0, Bound::Included(1.0)))
    }

    /// The ratio after a look, from the squared error that sampling adds and the variance.
    pub fn next(&self, ratio: f64, error: f64, variance: f64) -> f64 {
        let is_small = error < self.share * variance;
        let next = if is_small { ratio * self.factor } else { ratio / self.factor };
        next.clamp(self.least, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_fall_while_the_error_is_small_and_rise_where_it_is_not() {
        let control = VarianceControl { least: 0.3, ..VarianceControl::default() };
        assert_eq!(control.next(0.5, 0.024, 1.0), 0.5 * 0.95);
        assert_eq!(control.next(0.5, 0.025, 1.0), 0.5 / 0.95);
        assert_eq!(control.next(0.98, 1.0, 1.0), 1.0);
        assert_eq!(control.next(0.31, 0.0, 1.0), 0.3);
        // No error is not less than none.
        assert_eq!(VarianceControl { share: 0.0, ..control }.next(0.5, 0.0, 1.0), 0.5 / 0.95);
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let refused = |text: &str| {
            let control: VarianceControl = serde_yaml::from_str(text).unwrap();
            control.check().unwrap_err().field
        };
        for (text, field) in [
            ("{every: 0}", "every"),
            ("{repeats: 0}", "repeats"),
            ("{share: -0.1}", "share"),
            ("{share: .inf}", "share"),
            ("{factor: 1}", "factor"),
            ("{factor: 0}", "factor"),
            ("{least: 0}", "least"),
            ("{least: 1.1}", "least"),
        ] {
            assert_eq!(refused(text), field, "{text}");
        }
    }
}
