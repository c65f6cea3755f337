//! Data sets: MNIST from its IDX files, and digits drawn by code where there are none.

mod dataset;
mod digits;
mod error;
mod idx;

pub use dataset::{Dataset, Splits};
pub use digits::generated_digits;
pub use error::DataError;
pub use idx::{has_mnist, load_mnist};
