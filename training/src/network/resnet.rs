//! Residual networks (He et al. 2016) in the form of torchvision.

use super::NetworkError;
use super::description::{Description, LayerDescription};
use super::image_layers::{ConvolutionStyle, ImageLayers};
use crate::layer::{Activation, BatchNormSettings, ImageShape, Initialization, Window};

const PLAIN: BatchNormSettings = BatchNormSettings::new(false);
const RECTIFIED: BatchNormSettings = BatchNormSettings::new(true);
const STYLE: ConvolutionStyle =
    ConvolutionStyle { bias: false, initialization: Initialization::HeNormalFanOut, sampled: true };

/// ResNet-18, 34, 50, 101 or 152: a 7x7 convolution of 64 channels and stride 2, max-pooling,
/// four groups of blocks with 64, 128, 256 and 512 channels (in the three deepest four times as
/// many between blocks), the mean of every channel and a linear layer.
///
/// The first convolution and the linear layer are not sampled ("too much is lost with 3
/// channels", released code). In blocks of three convolutions the 3x3 one has the stride.
///
/// # Errors
/// When there is no such depth or no class, or the images are too small.
pub fn resnet(
    depth: usize,
    image: ImageShape,
    classes: usize,
) -> Result<Description, NetworkError> {
    let (blocks, bottleneck) = match depth {
        18 => ([2, 2, 2, 2], false),
        34 => ([3, 4, 6, 3], false),
        50 => ([3, 4, 6, 3], true),
        101 => ([3, 4, 23, 3], true),
        152 => ([3, 8, 36, 3], true),
        _ => {
            let known = "18, 34, 50, 101 or 152";
            return Err(NetworkError::Depth { family: "ResNet", depth, known });
        }
    };
    NetworkError::unless_positive("number of classes", classes)?;
    let exact = ConvolutionStyle { sampled: false, ..STYLE };
    let mut layers = ImageLayers::new(image)
        .convolution("convolution", 64, Window::square(7, 2, 3), exact)?
        .batch_norm("norm", RECTIFIED)
        .max_pool(Window::square(3, 2, 1))?;
    for (group, (channels, blocks)) in (1..).zip([64, 128, 256, 512].into_iter().zip(blocks)) {
        for block in 1..=blocks {
            let stride = if group > 1 && block == 1 { 2 } else { 1 };
            let before = layers.image();
            let name = |layer: &str| format!("group-{group}.block-{block}.{layer}");
            let main = if bottleneck {
                wide_block(ImageLayers::new(before), channels, stride, &name)?
            } else {
                narrow_block(ImageLayers::new(before), channels, stride, &name)?
            };
            let (mut shortcut, after) = (ImageLayers::new(before), main.image());
            if after != before {
                let window = Window::square(1, stride, 0);
                shortcut = shortcut
                    .convolution(&name("shortcut-convolution"), after.channels, window, STYLE)?
                    .batch_norm(&name("shortcut-norm"), PLAIN);
            }
            layers = layers
                .residual(main, shortcut)
                .push(LayerDescription::Activation(Activation::Relu));
        }
    }
    Ok(layers.average_pool().linear("linear", classes, true).finish())
}

/// Two 3x3 convolutions.
fn narrow_block(
    layers: ImageLayers,
    channels: usize,
    stride: usize,
    name: &impl Fn(&str) -> String,
) -> Result<ImageLayers, NetworkError> {
    Ok(layers
        .convolution(&name("convolution-1"), channels, Window::square(3, stride, 1), STYLE)?
        .batch_norm(&name("norm-1"), RECTIFIED)
        .convolution(&name("convolution-2"), channels, Window::square(3, 1, 1), STYLE)?
        .batch_norm(&name("norm-2"), PLAIN))
}

/// A 1x1, a 3x3 and a 1x1 convolution, the last to four times the channels.
fn wide_block(
    layers: ImageLayers,
    channels: usize,
    stride: usize,
    name: &impl Fn(&str) -> String,
) -> Result<ImageLayers, NetworkError> {
    Ok(layers
        .convolution(&name("convolution-1"), channels, Window::square(1, 1, 0), STYLE)?
        .batch_norm(&name("norm-1"), RECTIFIED)
        .convolution(&name("convolution-2"), channels, Window::square(3, stride, 1), STYLE)?
        .batch_norm(&name("norm-2"), RECTIFIED)
        .convolution(&name("convolution-3"), 4 * channels, Window::square(1, 1, 0), STYLE)?
        .batch_norm(&name("norm-3"), PLAIN))
}
