//! Exhibits of what the theory states.

pub(crate) mod calibration;
pub(crate) mod claim_rows;
pub(crate) mod claims;
pub(crate) mod convergence;
pub(crate) mod ridge;
pub(crate) mod sgd_convergence;
