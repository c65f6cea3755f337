//! The image sets that exhibits train on: which, how much of them, and what they hash to.

mod config;
mod library;
mod load;
mod set;

pub use config::{ImageConfig, Moments};
pub use library::Library;
pub use load::Images;
pub use set::ImageSet;

/// Few digits, for tests.
#[cfg(test)]
const FEW: ImageConfig = ImageConfig {
    set: ImageSet::Digits,
    path: None,
    size: None,
    labels: None,
    train: 20,
    held_out: 10,
    test: 10,
    normalisation: Moments::Usual,
    seen: None,
};
