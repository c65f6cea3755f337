//! The convolutional network for MNIST of the released code.

use super::layers::{self, LayerConfig, Misfit};
use super::{Description, NetworkError};
use crate::layer::{Activation, ImageShape, Initialization};

/// Two 5x5 convolutions of 32 and 64 channels, each followed by max-pooling and ReLU, and two
/// linear layers with 1024 units between them; dropout of rate 0.5 of channels after the second
/// convolution and of units after the first linear layer. The convolutions are sampled.
///
/// ```
/// use training::layer::ImageShape;
/// use training::network::cnn;
/// let network = cnn(ImageShape::new(1, 28, 28), 10)?;
/// assert_eq!(network.parameters(), 3_274_634);
/// # Ok::<(), training::network::NetworkError>(())
/// ```
///
/// # Errors
/// When the images are too small or there is no class.
pub fn cnn(image: ImageShape, classes: usize) -> Result<Description, NetworkError> {
    NetworkError::unless_positive("number of classes", classes)?;
    layers::describe(&cnn_layers(), image, classes).map_err(Misfit::of_preset)
}

/// The layers of [`cnn`].
pub(super) fn cnn_layers() -> Vec<LayerConfig> {
    let convolution = |name: &str, channels| LayerConfig::Convolution {
        name: Some(name.to_owned()),
        channels,
        kernel: 5,
        stride: 1,
        padding: 2,
        bias: true,
        initialization: Initialization::UniformFanIn,
        sampled: true,
    };
    let pool = LayerConfig::MaxPool { kernel: 2, stride: None, padding: 0 };
    let relu = LayerConfig::Activation { function: Activation::Relu };
    let linear = |name: &str, outputs| LayerConfig::Linear {
        name: Some(name.to_owned()),
        outputs,
        bias: true,
        sampled: false,
    };
    vec![
        convolution("convolution-1", 32),
        pool.clone(),
        relu.clone(),
        convolution("convolution-2", 64),
        LayerConfig::DropoutChannels { name: Some("dropout-channels".to_owned()), rate: 0.5 },
        pool,
        relu.clone(),
        linear("linear-1", Some(1024)),
        relu,
        LayerConfig::Dropout { name: Some("dropout".to_owned()), rate: 0.5 },
        linear("linear-2", None),
    ]
}
