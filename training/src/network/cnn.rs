//! The convolutional network for MNIST of the released code.

use super::NetworkError;
use super::description::{Description, LayerDescription};
use super::image_layers::{ConvolutionStyle, ImageLayers};
use crate::layer::{Activation, ImageShape, Initialization, Window};

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
    let style = ConvolutionStyle {
        bias: true,
        initialization: Initialization::UniformFanIn,
        sampled: true,
    };
    let (window, pool) = (Window::square(5, 1, 2), Window::square(2, 2, 0));
    Ok(ImageLayers::new(image)
        .convolution("convolution-1", 32, window, style)?
        .max_pool(pool)?
        .push(LayerDescription::Activation(Activation::Relu))
        .convolution("convolution-2", 64, window, style)?
        .dropout_channels("dropout-channels", 0.5)
        .max_pool(pool)?
        .push(LayerDescription::Activation(Activation::Relu))
        .linear("linear-1", 1024, true)
        .push(LayerDescription::Activation(Activation::Relu))
        .push(LayerDescription::Dropout { name: "dropout".to_owned(), rate: 0.5 })
        .linear("linear-2", classes, true)
        .finish())
}
