//! Networks that tolerate approximate hardware, because they were trained for it.
//!
//! After He, Ke, Lu, Yan and Zhang, "AxTrain: Hardware-Oriented Neural Network Training for
//! Approximate Inference", arXiv 1805.08309 (2018). From the abstract and the introduction: an *active*
//! method that looks for weights with a high tolerance, a *passive* one that has the noise of the
//! hardware in the forward pass of training, and both at once. Ours: the exact penalty, the models of
//! the noise, and every bound. The full paper was not at hand, so no number here is one of its
//! numbers.
//!
//! Noise comes from a [`memory`] whose bits flip and from an approximate [`multiplier`]; [`hardware`]
//! is what a layer's product is computed by, a sampled product among others, and [`pass`](mod@pass)
//! goes through the [`network`] on it, whose layers are linear or, over [`patches`], convolutions, as
//! [`hidden`] says. [`objective`] is what a step of [`train`](mod@train) descends,
//! [`sensitivity`] what the active method penalises, [`inference`] what the hardware makes of a
//! trained network. [`arm`] has the ways of training that are compared, [`experiment`] the pieces that
//! an exhibit is made of, [`statements`] what is claimed and checked.

pub mod arm;
pub mod experiment;
pub mod hardware;
pub mod hidden;
pub mod images;
pub mod inference;
pub mod memory;
pub mod multiplier;
pub mod network;
pub mod objective;
pub mod pass;
pub mod patches;
pub mod sensitivity;
pub mod statements;
pub mod train;
