//! Counted multiply-adds, as the paper's savings are counted.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Multiply-adds of forward product, input gradient and weight gradient: those performed, and
/// those of the exact products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Computations {
    /// What was computed, from the selections really drawn.
    pub performed: u64,
    /// What exact products would have taken.
    pub exact: u64,
}

impl Computations {
    /// Those of a product of `rows x inner x columns`, of which a part was computed.
    pub fn of_product(performed: [usize; 3], exact: [usize; 3]) -> Self {
        let multiply = |sides: [usize; 3]| sides.iter().map(|&side| side as u64).product();
        Self { performed: multiply(performed), exact: multiply(exact) }
    }

    /// Performed over exact; one when nothing was counted.
    pub fn share(&self) -> f64 {
        if self.exact == 0 { 1.0 } else { self.performed as f64 / self.exact as f64 }
    }
}

impl AddAssign for Computations {
    fn add_assign(&mut self, other: Self) {
        self.performed += other.performed;
        self.exact += other.exact;
    }
}

/// Numbers of the gradient that one worker sends to the others, of one step or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradientNumbers {
    /// What is sent, from the budgets of the sampled layers.
    pub sent: u64,
    /// What the whole gradient has.
    pub all: u64,
    /// Numbers of 32 bits besides: column norms, by which workers agree on what they select, and twice
    /// the sums for the statistics of batch normalisation that they share.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub norms: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AddAssign for GradientNumbers {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.all += other.all;
        self.norms += other.norms;
    }
}

impl GradientNumbers {
    /// Sent over all; one when there is no parameter.
    pub fn share(&self) -> f64 {
        if self.all == 0 { 1.0 } else { self.sent as f64 / self.all as f64 }
    }
}
