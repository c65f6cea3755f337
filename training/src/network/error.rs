//! Why a network cannot be made.

use crate::layer::PoolError;
use crate::sampling::PolicyError;
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
    #[error("there is no {family} of depth {depth}; {known}")]
    Depth {
        /// The family.
        family: &'static str,
        /// What was asked for.
        depth: usize,
        /// The depths there are.
        known: &'static str,
    },
    /// A size is zero.
    #[error("the {0} of a network is 0; it is at least 1")]
    Zero(&'static str),
    /// A network has no layer.
    #[error("a network without layers was asked for")]
    Empty,
}

impl NetworkError {
    pub(super) fn shape(layer: &str, source: ShapeError) -> Self {
        Self::Shape { layer: layer.to_owned(), source }
    }

    /// Refuses a size of zero.
    pub(super) fn unless_positive(name: &'static str, size: usize) -> Result<(), Self> {
        if size == 0 { Err(Self::Zero(name)) } else { Ok(()) }
    }
}
