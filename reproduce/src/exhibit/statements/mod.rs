//! Exhibits of what the theory states.

pub(crate) mod calibration;
pub mod claims;
pub(crate) mod ridge;
pub(crate) mod sgd_convergence;
