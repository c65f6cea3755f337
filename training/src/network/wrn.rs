//! Wide residual networks (Zagoruyko and Komodakis 2016), as the released code has them.

use super::NetworkError;
use super::description::Description;
use super::image_layers::{ConvolutionStyle, ImageLayers};
use crate::layer::{BatchNormSettings, ImageShape, Initialization, Window};
use crate::setting::count;

/// Layers of the deepest network that is described.
const DEEPEST: usize = 10_000;

/// WRN-depth-width for images: a 3x3 convolution of 16 channels, three groups of (depth - 4) / 6
/// blocks with 16, 32 and 64 times `width` channels, batch normalisation, ReLU, the mean of every
/// channel and a linear layer. All convolutions have biases and are sampled; the linear layer is
/// exact.
///
/// A block adds norm, ReLU, 3x3 convolution, norm, ReLU, 3x3 convolution to its input, which
/// goes through a 1x1 convolution where the shape changes. In the released code the second
/// convolution of a group's first block has the stride, and the last norm a momentum of 0.9.
///
/// # Errors
/// When the depth is not 6n + 4 or above 10,000, the width is zero, the images are too small, or there is no
/// class.
pub fn wrn(
    depth: usize,
    width: usize,
    image: ImageShape,
    classes: usize,
) -> Result<Description, NetworkError> {
    let blocks = depth.saturating_sub(4) / 6;
    if blocks == 0 || depth != 6 * blocks + 4 || depth > DEEPEST {
        let known = "6n + 4 with n of at least 1, and at most 10000";
        return Err(NetworkError::Depth { family: "WRN", depth, known });
    }
    NetworkError::unless_positive("widening factor", width)?;
    count("width", width)?;
    NetworkError::unless_positive("number of classes", classes)?;
    let gain = 2f64.sqrt();
    let initialization = Initialization::XavierUniform { gain };
    let style = ConvolutionStyle { bias: true, initialization, sampled: true };
    let (window, rectified) = (Window::square(3, 1, 1), BatchNormSettings::new(true));
    let mut layers = ImageLayers::new(image).convolution("convolution", 16, window, style)?;
    for (group, channels) in (1..).zip([16 * width, 32 * width, 64 * width]) {
        for block in 1..=blocks {
            let stride = if group > 1 && block == 1 { 2 } else { 1 };
            let before = layers.image();
            let name = |layer: &str| format!("group-{group}.block-{block}.{layer}");
            let main = ImageLayers::new(before)
                .batch_norm(&name("norm-1"), rectified)
                .convolution(&name("convolution-1"), channels, window, style)?
                .batch_norm(&name("norm-2"), rectified)
                .convolution(
                    &name("convolution-2"),
                    channels,
                    Window { stride, ..window },
                    style,
                )?;
            let mut shortcut = ImageLayers::new(before);
            if main.image() != before {
                let window = Window::square(1, stride, 0);
                shortcut = shortcut.convolution(&name("shortcut"), channels, window, style)?;
            }
            layers = layers.residual(main, shortcut);
        }
    }
    Ok(layers
        .batch_norm("norm", BatchNormSettings { momentum: 0.9, ..rectified })
        .average_pool()
        .linear("linear", classes, true)
        .finish())
}
