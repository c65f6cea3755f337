//! Why nothing can be classified.

use kernels::quantised::QuantiserError;
use training::setting::FieldError;

/// Why nothing can be classified.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClassifierError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// Weights cannot be stored at these levels.
    #[error("weights cannot be stored: {0}")]
    Levels(#[from] QuantiserError),
    /// A class has nothing to be recognised by.
    #[error("{name}: class {class} has no sample to be stored")]
    NothingStored {
        /// The set.
        name: String,
        /// The class.
        class: String,
    },
    /// A class cannot be in every part.
    #[error(
        "{name}: class {class} has {samples} samples, fewer than the {parts} that are asked for"
    )]
    TooFew {
        /// The set.
        name: String,
        /// The class.
        class: String,
        /// Its samples.
        samples: usize,
        /// Samples needed.
        parts: usize,
    },
}
