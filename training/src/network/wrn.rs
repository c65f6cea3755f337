//! Wide residual networks (Zagoruyko and Komodakis 2016), as the released code has them.

use super::layers::{self, LayerConfig, Misfit};
use super::{Description, NetworkError};
use crate::layer::{BatchNormSettings, ImageShape, Initialization};
use crate::setting::count;
use std::f64::consts::SQRT_2;

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
    NetworkError::unless_positive("number of classes", classes)?;
    layers::describe(&wrn_layers(depth, width)?, image, classes).map_err(Misfit::of_preset)
}

/// The layers of [`wrn`].
///
/// # Errors
/// When the depth is not 6n + 4 or above 10,000, or the width is zero.
pub(super) fn wrn_layers(depth: usize, width: usize) -> Result<Vec<LayerConfig>, NetworkError> {
    let blocks = depth.saturating_sub(4) / 6;
    if blocks == 0 || depth != 6 * blocks + 4 || depth > DEEPEST {
        let known = "6n + 4 with n of at least 1, and at most 10000";
        return Err(NetworkError::Depth { family: "WRN", depth, known });
    }
    NetworkError::unless_positive("widening factor", width)?;
    count("width", width)?;
    let mut channels = 16;
    let mut layers = vec![convolution("convolution".to_owned(), channels, 3, 1)];
    for (group, wider) in (1..).zip([16 * width, 32 * width, 64 * width]) {
        for block in 1..=blocks {
            let stride = if group > 1 && block == 1 { 2 } else { 1 };
            let name = |layer: &str| format!("group-{group}.block-{block}.{layer}");
            let main = vec![
                norm(name("norm-1"), 0.1),
                convolution(name("convolution-1"), wider, 3, 1),
                norm(name("norm-2"), 0.1),
                convolution(name("convolution-2"), wider, 3, stride),
            ];
            let shape_changes = stride > 1 || channels != wider;
            let shortcut = shape_changes.then(|| convolution(name("shortcut"), wider, 1, stride));
            let shortcut = shortcut.into_iter().collect();
            layers.push(LayerConfig::Residual { main, shortcut, rectified: false });
            channels = wider;
        }
    }
    let linear = Some("linear".to_owned());
    layers.extend([
        norm("norm".to_owned(), 0.9),
        LayerConfig::AveragePool {},
        LayerConfig::Linear { name: linear, outputs: None, bias: true, sampled: false },
    ]);
    Ok(layers)
}

fn convolution(name: String, channels: usize, kernel: usize, stride: usize) -> LayerConfig {
    LayerConfig::Convolution {
        name: Some(name),
        channels,
        kernel,
        stride,
        padding: kernel / 2,
        bias: true,
        initialization: Initialization::XavierUniform { gain: SQRT_2 },
        sampled: true,
    }
}

fn norm(name: String, momentum: f32) -> LayerConfig {
    let settings = BatchNormSettings { momentum, ..BatchNormSettings::new(true) };
    LayerConfig::BatchNorm { name: Some(name), settings }
}
