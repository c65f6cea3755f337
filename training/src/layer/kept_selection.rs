//! A selection that is used for several steps.

use kernels::Selection;

/// A selection drawn once and used until a whole number of steps has passed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptSelection {
    /// The number of the step, divided by that of the steps that it is kept for and rounded down.
    pub period: u64,
    /// What was drawn in that period.
    pub selection: Selection,
}
