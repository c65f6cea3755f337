//! A small network trained without gradients: the ensemble Kalman filter and the ensemble smoother
//! with multiple data assimilation.
//!
//! After Chen and others, "A novel neural network training framework with data assimilation", The
//! Journal of Supercomputing 2022, doi 10.1007/s11227-022-04629-7. From the abstract: the two methods, the
//! sine and the Mexican hat, the claims that they do better than gradient descent and that the
//! parameters' uncertainty shrinks. The updates are the field's standard ones (Evensen 1994;
//! Emerick and Reynolds 2013). Ours: sizes, priors, noise, every bound, Adam beside plain descent,
//! sampled forward passes, and the finding that a prior around zero does not work. The full paper
//! was not at hand, so no number here is one of its numbers.
//!
//! An [`ensemble`] of networks is drawn around one; [`update`] moves its members by their sample
//! covariance with what they predict; [`assimilation`] goes through the data, all at once several
//! times or a few at a time. [`bayes`] is the exact answer where the model is linear. [`experiment`]
//! has the pieces that an exhibit is made of, [`statements`] what is claimed and checked: fits of
//! smoother and filter, the comparison with gradient descent, the shrinking variance, and the
//! approach to the exact posterior of a linear model.

pub mod assimilation;
pub mod bayes;
pub mod ensemble;
pub mod experiment;
pub mod statements;
pub mod update;
