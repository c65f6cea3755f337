//! What is sampled of a layer, for those who control, store and restore it.

use super::{KeptSelection, LaterNorms};
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
    /// Features or channels that a kept selection is of: the input's, in the backward mode the
    /// output's.
    pub kept_of: usize,
    /// The selection that several steps use, where one was drawn.
    pub kept: &'a mut Option<KeptSelection>,
    /// The norms for the next step, of a layer that selects by those of the step before.
    pub later: &'a mut LaterNorms,
}
