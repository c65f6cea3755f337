//! The statements about sampled products, each as a claim that is checked and could fail.
//!
//! A [`claim::Claim`] says something in words and in LaTeX; a check confronts it with the very
//! functions of the kernels crate that training calls and gives a [`verdict::Verdict`]. Three kinds
//! of check exist: [`enumeration`] runs a sampler over every outcome it can have, with the outcome's
//! exact probability, so that means and variances come without noise; [`monte_carlo`] draws at
//! realistic sizes and gives a p-value; what needs no sampler is computed and held against its
//! closed form. Every check is also given wrong estimators
//! ([`controls`]), which it has to reject.

pub mod bootstrap;
pub mod calibration;
pub mod claim;
pub mod closed_form;
pub mod controls;
pub mod enumeration;
pub mod extremes;
pub mod matrices;
pub mod moments;
pub mod monte_carlo;
pub mod network;
pub mod sampler;
pub mod special;
pub mod statements;
pub mod statistics;
pub mod suite;
pub mod verdict;
