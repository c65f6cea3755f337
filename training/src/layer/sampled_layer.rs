//! What a control of ratios sees of a layer, and changes.

use crate::sampling::SamplingPolicy;

/// A layer with a policy.
#[derive(Debug)]
pub struct SampledLayer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its policy; the ratio is the one in force.
    pub policy: &'a mut SamplingPolicy,
    /// Multiply-adds of its exact forward product for one sample.
    pub multiply_adds: u64,
    /// |A_i| of the pairs of the forward product, in the backward mode of the weight gradient: those
    /// of the last step that needed them. Empty before.
    pub left_norms: &'a [f64],
    /// |B^i| of the same pairs.
    pub right_norms: &'a [f64],
}
