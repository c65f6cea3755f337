//! Exhibits of single sampled products: their error and its closed form.

pub(crate) mod bernoulli_budget;
pub(crate) mod budgets;
pub(crate) mod conv_error;
pub(crate) mod grid;
pub(crate) mod matmul_error;
pub(crate) mod matrices;
pub(crate) mod random_convolution;
