//! One file a statement: the closed form or claim, its checks, its negative controls.

pub mod unbiasedness;
pub mod variance;
