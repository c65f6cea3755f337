//! Regenerates every figure and table of the study of sampled matrix products.
//!
//! An exhibit is a file of `exhibit/`, its settings are `exhibits/NAME.yaml`, and
//! its numbers are an [`result::ExhibitResult`], from which all files are made.

// Printing may fail: see `output`.
#![deny(clippy::print_stdout)]

pub mod bench;
pub mod cache;
mod changes;
pub mod check;
pub mod cli;
mod compute;
pub mod data;
mod duration;
pub mod exhibit;
pub mod exhibits;
mod expected;
mod file_names;
mod files;
mod git;
pub mod images;
pub mod list;
pub mod lock;
pub mod memory;
pub mod new;
pub mod nodes;
pub mod output;
mod page;
pub mod paper_claims;
pub mod parallel;
mod plan;
pub mod plot;
pub mod progress;
mod provenance;
pub mod reference;
mod requests;
pub mod result;
pub mod run;
pub mod site;
pub mod snapshot;
mod sources;
pub mod stop;
pub mod stored;
mod summary;
pub mod task;
pub mod team;
pub mod text;
pub mod texts;
pub mod timing;
