//! The networks of the experiments, by name.

use super::{Description, NetworkError, cnn, mlp, resnet, wrn};
use crate::layer::ImageShape;
use serde::{Deserialize, Serialize};

/// A network as settings name it.
///
/// ```
/// use training::layer::ImageShape;
/// use training::network::NetworkConfig;
/// let network: NetworkConfig = serde_yaml::from_str("{name: wrn, depth: 16, width: 4}")?;
/// assert_eq!(network.describe(ImageShape::new(3, 32, 32), 10)?.parameters(), 2_751_146);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NetworkConfig {
    /// Linear layers with ReLU and dropout between them.
    Mlp {
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
        /// Dropout rate after each hidden layer, in [0, 1).
        dropout: f64,
    },
    /// The convolutional network for MNIST of the released code.
    Cnn,
    /// A wide residual network for small images.
    Wrn {
        /// Layers: 6n + 4.
        depth: usize,
        /// Factor of the channels.
        width: usize,
    },
    /// A residual network for ImageNet.
    Resnet {
        /// Layers: 18, 34, 50, 101 or 152.
        depth: usize,
    },
}

impl NetworkConfig {
    /// The network's layers for images of this shape.
    ///
    /// # Errors
    /// When the network does not exist in this size or does not fit the images.
    pub fn describe(&self, image: ImageShape, classes: usize) -> Result<Description, NetworkError> {
        match self {
            Self::Mlp { hidden, dropout } => Ok(mlp(image.len(), hidden, classes, *dropout)),
            Self::Cnn => cnn(image, classes),
            Self::Wrn { depth, width } => wrn(*depth, *width, image, classes),
            Self::Resnet { depth } => resnet(*depth, image, classes),
        }
    }

    /// The usual name: "WRN-28-10".
    pub fn title(&self) -> String {
        match self {
            Self::Mlp { .. } => "MLP".to_string(),
            Self::Cnn => "CNN".to_string(),
            Self::Wrn { depth, width } => format!("WRN-{depth}-{width}"),
            Self::Resnet { depth } => format!("ResNet-{depth}"),
        }
    }
}
