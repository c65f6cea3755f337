//! A probabilistic neural network in a memristive crossbar: gates in the place of exponentials, 16
//! levels in the place of weights.
//!
//! After Krestinskaya and James, "Approximate Probabilistic Neural Networks with Gated Threshold
//! Logic", arXiv 1808.00733 (2018). From the abstract: the exponential is replaced by gated
//! threshold logic, weights are normalised training samples in 16 levels, the product is done by a
//! memristive crossbar. Ours: the exact form of both kinds of gate, how thresholds are chosen, what
//! a tie counts for, the model of a device, and every bound. The full paper was not at hand, so no
//! number here is one of its numbers.
//!
//! Samples of unit length are stored, a column each ([`crossbar`]); a query is multiplied with all
//! of them by the exact products of the kernels crate ([`similarity`]); a [`rule`] makes a score of
//! the columns of each class; the largest score wins ([`tally`]). [`tuning`] chooses what a rule
//! leaves open on samples that are not tested on ([`split`]). [`experiment`] has the pieces that an
//! exhibit is made of, [`statements`] what is claimed and checked: that 16 levels and gates cost
//! little, that exactly 16 values are stored, that currents are dot products, that shuffled labels
//! leave chance and open gates nothing but ties.

pub mod classifier;
pub mod crossbar;
pub mod error;
pub mod experiment;
pub mod generated;
pub mod rule;
pub mod samples;
pub mod similarity;
pub mod split;
pub mod statements;
pub mod table;
pub mod tally;
pub mod tuning;
