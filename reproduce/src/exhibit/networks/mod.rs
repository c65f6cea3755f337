//! Exhibits of networks that are trained, or whose products are counted.

pub(crate) mod accuracy;
pub(crate) mod compute_communication;
pub(crate) mod forest;
pub(crate) mod gradient_error;
pub(crate) mod headline;
pub(crate) mod judgement;
pub(crate) mod learnt;
pub(crate) mod mlp_modes;
pub(crate) mod multi_node;
pub(crate) mod one_run;
pub(crate) mod run_settings;
pub(crate) mod runs;
pub(crate) mod sampling;
pub(crate) mod whole_training;
