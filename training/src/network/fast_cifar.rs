//! The fastest known networks for CIFAR-10 at 93 and 94 % (Jordan 2024, arXiv 2404.00498).

use super::NetworkError;
use super::description::{Description, LayerDescription};
use super::image_layers::{ConvolutionStyle, ImageLayers};
use crate::layer::{Activation, BatchNormSettings, ImageShape, Initialization, Window};
use crate::setting::count;

/// Added to the eigenvalues of whitening.
const WHITENING_EPSILON: f64 = 5e-4;

/// The settings of [`fast_cifar`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FastCifar {
    /// Channels of the three groups: 64, 128, 128 is the network for 93 %, 64, 256, 256 that for
    /// 94 %.
    pub widths: [usize; 3],
    /// The activation of all of them.
    pub activation: Activation,
    /// Training images that the whitening filters are made from.
    pub whitening_images: usize,
}

/// A whitening convolution of 2x2 without padding, three groups, and a linear layer.
///
/// A group is a 3x3 convolution, a max-pool of 2x2, batch normalisation, activation, a second 3x3
/// convolution, normalisation, activation. The scales of normalisation are 1; running statistics
/// take 0.4 of each minibatch. Convolutions start as the identity as far as they can. The linear
/// layer reads the maximum over 3x3 pixels, has no bias, and its output is divided by 9. Sampled
/// are all convolutions but for the first two; nothing else is.
///
/// ```
/// use training::layer::{Activation, ImageShape};
/// use training::network::{FastCifar, fast_cifar};
/// let settings = FastCifar {
///     widths: [64, 128, 128],
///     activation: Activation::Gelu,
///     whitening_images: 5_000,
/// };
/// let network = fast_cifar(settings, ImageShape::new(3, 32, 32), 10)?;
/// assert_eq!(network.parameters(), 568_728);
/// assert_eq!(network.forward_multiply_adds(), 54_223_904);
/// # Ok::<(), training::network::NetworkError>(())
/// ```
///
/// # Errors
/// When a number is zero or the images are too small, which they are below 25 x 25.
pub fn fast_cifar(
    settings: FastCifar,
    image: ImageShape,
    classes: usize,
) -> Result<Description, NetworkError> {
    let FastCifar { widths, activation, whitening_images } = settings;
    for (group, &width) in widths.iter().enumerate() {
        count(&format!("widths[{group}]"), width)?;
    }
    count("whitening_images", whitening_images)?;
    NetworkError::unless_positive("number of classes", classes)?;
    let norm = BatchNormSettings {
        momentum: 0.4,
        epsilon: 1e-12,
        learns_scale: false,
        rectified: false,
    };
    let patch = Window::square(2, 1, 0);
    let whitening = ConvolutionStyle {
        bias: true,
        initialization: Initialization::Whitening {
            images: whitening_images,
            epsilon: WHITENING_EPSILON,
        },
        sampled: false,
    };
    let filters = 2 * image.channels * patch.taps();
    let mut layers = ImageLayers::new(image)
        .convolution("whitening", filters, patch, whitening)?
        .push(LayerDescription::Activation(activation));
    for (group, width) in (1..).zip(widths) {
        let name = |layer: &str| format!("group-{group}.{layer}");
        let window = Window::square(3, 1, 1);
        let (bias, initialization) = (false, Initialization::Dirac);
        let first = ConvolutionStyle { bias, initialization, sampled: group > 1 };
        layers = layers
            .convolution(&name("convolution-1"), width, window, first)?
            .max_pool(Window::square(2, 2, 0))?
            .batch_norm(&name("norm-1"), norm)
            .push(LayerDescription::Activation(activation))
            .convolution(
                &name("convolution-2"),
                width,
                window,
                ConvolutionStyle { sampled: true, ..first },
            )?
            .batch_norm(&name("norm-2"), norm)
            .push(LayerDescription::Activation(activation));
    }
    Ok(layers
        .max_pool(Window::square(3, 3, 0))?
        .linear("linear", classes, false)
        .push(LayerDescription::Scale(1.0 / 9.0))
        .finish())
}
