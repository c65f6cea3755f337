//! Why a network cannot be made.

use crate::layer::PoolError;
use crate::sampling::PolicyError;
use crate::setting::FieldError;
use kernels::convolution::ShapeError;

/// Why a network cannot be described or built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// A convolution does not fit the images it is given.
    #[error("layer '{layer}': {source}")]
    Shape {
        /// The layer's name.
        layer: String,
        /// What does not fit.
        source: ShapeError,
    },
    /// A pooling layer does not fit the images it is given.
    #[error("pooling: {0}")]
    Pool(#[from] PoolError),
    /// The sampling policies are not of this network.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No network of the family has this depth.
    #[error("there is no {family} of depth {depth}; the depth is {known}")]
    Depth {
        /// The family.
        family: &'static str,
        /// What was asked for.
        depth: usize,
        /// The depths there are.
        known: &'static str,
    },
    /// A size is out of its range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// Its products cannot be counted any more.
    #[error(
        "a sample takes {multiply_adds:.1e} multiply-adds; at most {:.1e} are counted",
        MOST_MULTIPLY_ADDS
    )]
    TooLarge {
        /// Of the forward pass.
        multiply_adds: f64,
    },
    /// A size is zero.
    #[error("the {0} of a network is 0; it is at least 1")]
    Zero(&'static str),
    /// A network has no layer.
    #[error("a network without layers was asked for")]
    Empty,
}

/// Multiply-adds of a sample's forward pass that a network may have: thousands of times those of
/// ResNet-152, and little enough for those of a minibatch to be counted in 64 bits.
pub(super) const MOST_MULTIPLY_ADDS: f64 = (1u64 << 50) as f64;

impl NetworkError {
    /// The error as one of settings with the fields `network`, `image` and `classes`.
    pub fn in_settings(self) -> FieldError {
        match self {
            Self::Setting(error) => error,
            Self::Depth { depth, known, .. } => FieldError::new("network.depth", depth, known),
            other => FieldError::new("network", other, "a network that fits its images"),
        }
    }

    pub(super) fn shape(layer: &str, source: ShapeError) -> Self {
        Self::Shape { layer: layer.to_owned(), source }
    }

    /// Refuses a size of zero.
    pub(super) fn unless_positive(name: &'static str, size: usize) -> Result<(), Self> {
        if size == 0 { Err(Self::Zero(name)) } else { Ok(()) }
    }
}
