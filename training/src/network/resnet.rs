//! Residual networks (He et al. 2016) in the form of torchvision.

use super::layers::{self, LayerConfig, Misfit};
use super::{Description, NetworkError};
use crate::layer::{BatchNormSettings, ImageShape, Initialization};

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
    NetworkError::unless_positive("number of classes", classes)?;
    layers::describe(&resnet_layers(depth)?, image, classes).map_err(Misfit::of_preset)
}

/// The layers of [`resnet`].
///
/// # Errors
/// When there is no such depth.
pub(super) fn resnet_layers(depth: usize) -> Result<Vec<LayerConfig>, NetworkError> {
    let (blocks, has_bottlenecks) = match depth {
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
    let mut layers = vec![
        convolution("convolution".to_owned(), 64, 7, 2, false),
        norm("norm".to_owned(), true),
        LayerConfig::MaxPool { kernel: 3, stride: Some(2), padding: 1 },
    ];
    let mut channels = 64;
    for (group, (inner, blocks)) in (1..).zip([64, 128, 256, 512].into_iter().zip(blocks)) {
        for block in 1..=blocks {
            let stride = if group > 1 && block == 1 { 2 } else { 1 };
            let name = |layer: &str| format!("group-{group}.block-{block}.{layer}");
            let wider = if has_bottlenecks { 4 * inner } else { inner };
            let main = if has_bottlenecks {
                bottleneck(inner, stride, &name)
            } else {
                plain_block(inner, stride, &name)
            };
            let mut shortcut = Vec::new();
            if stride > 1 || channels != wider {
                shortcut.extend([
                    convolution(name("shortcut-convolution"), wider, 1, stride, true),
                    norm(name("shortcut-norm"), false),
                ]);
            }
            layers.push(LayerConfig::Residual { main, shortcut, rectified: true });
            channels = wider;
        }
    }
    let linear = Some("linear".to_owned());
    layers.extend([
        LayerConfig::AveragePool {},
        LayerConfig::Linear { name: linear, outputs: None, bias: true, sampled: false },
    ]);
    Ok(layers)
}

/// Two 3x3 convolutions.
fn plain_block(channels: usize, stride: usize, name: &impl Fn(&str) -> String) -> Vec<LayerConfig> {
    vec![
        convolution(name("convolution-1"), channels, 3, stride, true),
        norm(name("norm-1"), true),
        convolution(name("convolution-2"), channels, 3, 1, true),
        norm(name("norm-2"), false),
    ]
}

/// A 1x1, a 3x3 and a 1x1 convolution, the last to four times the channels.
fn bottleneck(channels: usize, stride: usize, name: &impl Fn(&str) -> String) -> Vec<LayerConfig> {
    vec![
        convolution(name("convolution-1"), channels, 1, 1, true),
        norm(name("norm-1"), true),
        convolution(name("convolution-2"), channels, 3, stride, true),
        norm(name("norm-2"), true),
        convolution(name("convolution-3"), 4 * channels, 1, 1, true),
        norm(name("norm-3"), false),
    ]
}

fn convolution(
    name: String,
    channels: usize,
    kernel: usize,
    stride: usize,
    sampled: bool,
) -> LayerConfig {
    LayerConfig::Convolution {
        name: Some(name),
        channels,
        kernel,
        stride,
        padding: kernel / 2,
        bias: false,
        initialization: Initialization::HeNormalFanOut,
        sampled,
    }
}

fn norm(name: String, rectified: bool) -> LayerConfig {
    LayerConfig::BatchNorm { name: Some(name), settings: BatchNormSettings::new(rectified) }
}
