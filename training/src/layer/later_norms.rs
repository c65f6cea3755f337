//! Column norms of a step, by which the next one selects.

/// What a layer found in its last step, and what all ranks together did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaterNorms {
    /// |A_i| of this rank's samples in the last step, until all have them.
    pub own: Vec<f64>,
    /// |A_i| of the samples of all ranks, for the next step; empty before the first.
    pub all: Vec<f64>,
}
