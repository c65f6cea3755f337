//! The networks of the experiments, by name.

use super::batch_norm_mlp::batch_norm_mlp_layers;
use super::cnn::cnn_layers;
use super::error::MOST_MULTIPLY_ADDS;
use super::fast_cifar::fast_cifar_layers;
use super::language_model::{LstmModel, TransformerModel};
use super::layers::{self, LayerConfig, Misfit, check_all};
use super::mlp::mlp_layers;
use super::pre_activation_resnet::pre_activation_resnet_layers;
use super::resnet::resnet_layers;
use super::wrn::wrn_layers;
use super::{Description, FastCifar, NetworkError};
use crate::layer::{Activation, ImageShape};
use crate::setting::{FieldError, count, count_within, number};
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
    /// Linear layers with batch normalisation and ReLU between them.
    BatchNormMlp {
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
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
    /// A residual network for small images, normalised and rectified before each convolution.
    PreActivationResnet {
        /// Layers: 9n + 2.
        depth: usize,
    },
    /// The fastest known networks for CIFAR-10.
    FastCifar {
        /// Channels of the three groups: 64, 128, 128 or 64, 256, 256.
        widths: [usize; 3],
        /// The activation.
        #[serde(default = "gelu")]
        activation: Activation,
        /// Training images that the whitening filters are made from.
        #[serde(default = "usual_whitening_images")]
        whitening_images: usize,
    },
    /// A language model of long short-term memory.
    Lstm(LstmModel),
    /// A language model of the transformer kind.
    Transformer(TransformerModel),
    /// A network of one's own.
    Layers {
        /// Its layers, from input to logits.
        layers: Vec<LayerConfig>,
    },
}

fn gelu() -> Activation {
    Activation::Gelu
}

fn usual_whitening_images() -> usize {
    5_000
}

/// Checks the widths of hidden layers.
fn check_widths(hidden: &[usize]) -> Result<(), FieldError> {
    let mut widths = hidden.iter().enumerate();
    widths.try_for_each(|(layer, &width)| count(&format!("hidden[{layer}]"), width))
}

/// Labels have 16 bits.
const MOST_CLASSES: usize = 1 << 16;

impl NetworkConfig {
    /// Checks the ranges that do not depend on what is read.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::Mlp { hidden, dropout } => {
                number("dropout", *dropout, 0.0..1.0)?;
                check_widths(hidden)
            }
            Self::BatchNormMlp { hidden } => check_widths(hidden),
            Self::Wrn { width, .. } => count("width", *width),
            Self::FastCifar { widths, whitening_images, .. } => {
                let mut groups = widths.iter().enumerate();
                groups.try_for_each(|(group, &width)| count(&format!("widths[{group}]"), width))?;
                count("whitening_images", *whitening_images)
            }
            Self::Lstm(model) => model.check(),
            Self::Transformer(model) => model.check(),
            Self::Layers { layers } => check_all("layers", layers),
            Self::Cnn | Self::Resnet { .. } | Self::PreActivationResnet { .. } => Ok(()),
        }
    }

    /// The network's layers for images of this shape.
    ///
    /// # Errors
    /// When a number is out of its range, the network does not exist in this size, or it does not
    /// fit the images or reads a text.
    pub fn describe(&self, image: ImageShape, classes: usize) -> Result<Description, NetworkError> {
        self.check().map_err(|error| error.within("network"))?;
        image.check()?;
        count_within("classes", classes, 1..=MOST_CLASSES)?;
        let layers = self.layers(image)?;
        if layers.is_empty() {
            return Err(NetworkError::Empty);
        }
        let description =
            layers::describe(&layers, image, classes).map_err(|misfit| match self {
                Self::Layers { .. } => misfit.of_list(),
                _ => Misfit::of_preset(misfit),
            })?;
        let products = description.products();
        let multiply_adds = products.iter().map(|product| product.forward as f64).sum();
        if multiply_adds > MOST_MULTIPLY_ADDS {
            return Err(NetworkError::TooLarge { multiply_adds });
        }
        Ok(description)
    }

    /// The network for such images as a list of layers, such as can be listed in settings to be
    /// changed. The number of classes is not in it.
    ///
    /// # Errors
    /// When the network does not exist in this size, or reads a text.
    pub fn layers(&self, image: ImageShape) -> Result<Vec<LayerConfig>, NetworkError> {
        match self {
            Self::Mlp { hidden, dropout } => Ok(mlp_layers(hidden, *dropout)),
            Self::BatchNormMlp { hidden } => Ok(batch_norm_mlp_layers(hidden)),
            Self::Cnn => Ok(cnn_layers()),
            Self::Wrn { depth, width } => wrn_layers(*depth, *width),
            Self::Resnet { depth } => resnet_layers(*depth),
            Self::PreActivationResnet { depth } => pre_activation_resnet_layers(*depth),
            Self::FastCifar { widths, activation, whitening_images } => {
                let (widths, activation) = (*widths, *activation);
                let whitening_images = *whitening_images;
                let settings = FastCifar { widths, activation, whitening_images };
                fast_cifar_layers(settings, image.channels)
            }
            Self::Layers { layers } => Ok(layers.clone()),
            Self::Lstm(_) | Self::Transformer(_) => Err(self.reads("images").into()),
        }
    }

    /// The usual name: "WRN-28-10".
    pub fn title(&self) -> String {
        match self {
            Self::Mlp { .. } => "MLP".to_string(),
            Self::BatchNormMlp { .. } => "batch-normalised MLP".to_string(),
            Self::Cnn => "CNN".to_string(),
            Self::Wrn { depth, width } => format!("WRN-{depth}-{width}"),
            Self::Resnet { depth } => format!("ResNet-{depth}"),
            Self::PreActivationResnet { depth } => format!("pre-activation ResNet-{depth}"),
            Self::FastCifar { widths: [first, second, third], .. } => {
                format!("fast CIFAR network {first}-{second}-{third}")
            }
            Self::Lstm(model) => format!("LSTM {} x {}", model.layers, model.width),
            Self::Transformer(model) => format!("transformer {} x {}", model.blocks, model.width),
            Self::Layers { layers } => format!("network of {} layers", layers.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

    fn refused(network: &str, image: ImageShape, classes: usize) -> String {
        let network: NetworkConfig = serde_yaml::from_str(network).unwrap();
        network.describe(image, classes).unwrap_err().in_settings().to_string()
    }

    #[test]
    fn sizes_that_no_network_has_are_refused_before_anything_is_multiplied() {
        let hidden = "{name: mlp, hidden: [8, 1000000000000000000], dropout: 0}";
        assert!(refused(hidden, GREY, 10).starts_with("network.hidden[1] is 10000000000"));
        let wide = "{name: mlp, hidden: [4294967295, 4294967295], dropout: 0}";
        assert!(refused(wide, GREY, 10).contains("1.8e19 multiply-adds"));
        let depth = "{name: wrn, depth: 600000000000000004, width: 1}";
        assert!(refused(depth, GREY, 10).starts_with("network.depth is 600000000000000004"));
        let width = "{name: wrn, depth: 10, width: 18446744073709551615}";
        assert!(refused(width, GREY, 10).starts_with("network.width is 18446744073709551615"));
        for dropout in ["1", "-0.1", ".nan", ".inf"] {
            let network = format!("{{name: mlp, hidden: [8], dropout: {dropout}}}");
            assert!(refused(&network, GREY, 10).starts_with("network.dropout is "));
        }
        let plain = "{name: mlp, hidden: [8], dropout: 0}";
        assert!(refused(plain, GREY, 65_537).starts_with("classes is 65537"));
        let vast = ImageShape::new(1 << 31, 1 << 31, 1 << 31);
        assert!(refused(plain, vast, 10).starts_with("image is "));
    }
}
