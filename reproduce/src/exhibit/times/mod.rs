//! Exhibits whose numbers are times on this machine.

pub(crate) mod layer_timing;
pub(crate) mod resnet_step;
pub(crate) mod roofline;
pub(crate) mod steps;
pub(crate) mod training_step;
