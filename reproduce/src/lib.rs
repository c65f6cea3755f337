//! Regenerates every figure and table of the study of sampled matrix products.
//!
//! An exhibit is a file of `exhibit/`, its settings are `exhibits/NAME.yaml`, and
//! its numbers are an [`result::ExhibitResult`], from which all files are made.

// Printing may fail: see `output`.
#![deny(clippy::print_stdout)]

pub mod bench;
pub mod cache;
pub mod check;
pub mod cli;
pub mod data;
pub mod exhibit;
pub mod files;
pub mod images;
pub mod lock;
pub mod memory;
pub mod names;
pub mod new;
pub mod output;
pub mod parallel;
pub mod plot;
pub mod progress;
pub mod result;
pub mod run;
pub mod site;
pub mod snapshot;
pub mod stop;
pub mod timing;
