//! Exhibits of related systems, each a small reproduction of its own.
//!
//! The methods are in crates of their own (`reproduce/related`). Of the papers only abstracts were at
//! hand, and of two the code: what is reproduced is what they claim, never a number of theirs.

pub(crate) mod axtrain;
pub(crate) mod coded;
mod differences;
pub(crate) mod ensemble_kalman;
pub(crate) mod memristor;
mod ranking;
mod verdicts;
pub(crate) mod zonotope_times;
pub(crate) mod zonotopes;
