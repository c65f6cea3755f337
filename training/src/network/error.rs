//! Why a network cannot be made.

use crate::layer::{ImageShape, PoolAndPadError, PoolError};
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
    #[error("layer '{layer}': {source}")]
    Pool {
        /// The layer's name.
        layer: String,
        /// What does not fit.
        source: PoolError,
    },
    /// A shortcut does not fit the images it is given.
    #[error("layer '{layer}': {source}")]
    PoolAndPad {
        /// The layer's name.
        layer: String,
        /// What does not fit.
        source: PoolAndPadError,
    },
    /// Two layers have one name.
    #[error("another layer called '{name}'")]
    Twice {
        /// The name.
        name: String,
    },
    /// The branches of a block end in different shapes, which cannot be added.
    #[error(
        "a block whose main branch ends in {} and whose shortcut in {}",
        in_words(.main),
        in_words(.shortcut)
    )]
    Branches {
        /// Where the main branch ends.
        main: ImageShape,
        /// Where the other one ends.
        shortcut: ImageShape,
    },
    /// The last layer does not put out one number a class.
    #[error("the last layer, which puts out {}, and there are {classes} classes", in_words(.outputs))]
    Outputs {
        /// What it puts out.
        outputs: ImageShape,
        /// The classes.
        classes: usize,
    },
    /// A convolution that whitens is not the first layer, or has not the channels for it.
    #[error(
        "'{layer}' with {channels} channels, which is to whiten; what whitens is the first layer and \
         has two channels for each number of a patch, {filters} here"
    )]
    Whitening {
        /// The layer's name.
        layer: String,
        /// Channels of its output.
        channels: usize,
        /// Those it would have.
        filters: usize,
    },
    /// A layer of a list.
    #[error("{place} is {source}")]
    Layer {
        /// Its place in the list.
        place: String,
        /// What is wrong with it.
        source: Box<NetworkError>,
    },
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

/// "64 x 7 x 7".
fn in_words(shape: &ImageShape) -> String {
    let ImageShape { channels, height, width } = shape;
    format!("{channels} x {height} x {width}")
}

impl NetworkError {
    /// The error as one of settings with the fields `network`, `image` and `classes`.
    pub fn in_settings(self) -> FieldError {
        match self {
            Self::Setting(error) => error,
            Self::Layer { place, source } => {
                let expected = "a layer that fits what it is given";
                FieldError::new(format!("network.{place}"), source, expected)
            }
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
