//! Residual networks for small images in the pre-activation form (He et al. 2016b), as the program
//! of Chakrabarti and Moseley (arXiv 1901.07988) has them.

use super::layers::{self, LayerConfig, Misfit};
use super::{Description, NetworkError};
use crate::layer::{BatchNormSettings, ImageShape, Initialization};

/// Layers of the deepest network that is described.
const DEEPEST: usize = 10_000;
/// Channels between two blocks for each of those within.
const WIDER: usize = 4;

/// A network of 9n + 2 layers: a 3x3 convolution of 16 channels, norm, ReLU, three groups of n blocks
/// with 16, 32 and 64 channels, norm, ReLU, the mean of every channel and a linear layer. All
/// convolutions but the first are sampled; the linear layer is exact.
///
/// A block adds norm, ReLU, 1x1 convolution, norm, ReLU, 3x3 convolution, norm, ReLU, 1x1 convolution
/// to four times the channels to its input; the norm and ReLU before the first block are its input's.
/// The first convolution of the second and the third group has a stride of 2. Where the shape
/// changes, the input is averaged over squares and padded by channels of zeros. Norms add 1e-3 to the
/// variance.
///
/// # Errors
/// When the depth is not 9n + 2 or above 10,000, the images are too small or have an odd side, or
/// there is no class.
pub fn pre_activation_resnet(
    depth: usize,
    image: ImageShape,
    classes: usize,
) -> Result<Description, NetworkError> {
    NetworkError::unless_positive("number of classes", classes)?;
    let layers = pre_activation_resnet_layers(depth)?;
    layers::describe(&layers, image, classes).map_err(Misfit::of_preset)
}

/// The layers of [`pre_activation_resnet`].
///
/// # Errors
/// When the depth is not 9n + 2 or above 10,000.
pub(super) fn pre_activation_resnet_layers(depth: usize) -> Result<Vec<LayerConfig>, NetworkError> {
    let blocks = depth.saturating_sub(2) / 9;
    if blocks == 0 || depth != 9 * blocks + 2 || depth > DEEPEST {
        let known = "9n + 2 with n of at least 1, and at most 10000";
        return Err(NetworkError::Depth { family: "pre-activation ResNet", depth, known });
    }
    let mut channels = 16;
    let mut layers = vec![
        convolution("convolution".to_owned(), channels, 3, 1, false),
        norm("norm-1".to_owned()),
    ];
    for (group, inner) in (1..).zip([16, 32, 64]) {
        for block in 1..=blocks {
            let stride = if group > 1 && block == 1 { 2 } else { 1 };
            let name = |layer: &str| format!("group-{group}.block-{block}.{layer}");
            let mut main = vec![
                norm(name("norm-1")),
                convolution(name("convolution-1"), inner, 1, stride, true),
                norm(name("norm-2")),
                convolution(name("convolution-2"), inner, 3, 1, true),
                norm(name("norm-3")),
                convolution(name("convolution-3"), WIDER * inner, 1, 1, true),
            ];
            if group == 1 && block == 1 {
                main.remove(0);
            }
            let shape_changes = channels != WIDER * inner;
            channels = WIDER * inner;
            let shortcut =
                shape_changes.then_some(LayerConfig::PoolAndPad { side: stride, channels });
            let shortcut = shortcut.into_iter().collect();
            layers.push(LayerConfig::Residual { main, shortcut, rectified: false });
        }
    }
    let linear = Some("linear".to_owned());
    layers.extend([
        norm("norm-2".to_owned()),
        LayerConfig::AveragePool {},
        LayerConfig::Linear { name: linear, outputs: None, bias: true, sampled: false },
    ]);
    Ok(layers)
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
        initialization: Initialization::HeNormalFanIn,
        sampled,
    }
}

fn norm(name: String) -> LayerConfig {
    let settings = BatchNormSettings { epsilon: 1e-3, ..BatchNormSettings::new(true) };
    LayerConfig::BatchNorm { name: Some(name), settings }
}
