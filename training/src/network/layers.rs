//! Networks as settings list them: layers without their sizes, which follow from the images.

use super::NetworkError;
use super::description::{Description, LayerDescription};
use crate::layer::{
    Activation, BatchNormSettings, ConvolutionGeometry, ImageShape, Initialization, MaxPool,
    PoolAndPad, Window,
};
use crate::setting::{FieldError, POSITIVE, count, number};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One layer of a network, as settings name it. What it is given follows from the layers before.
///
/// A layer without a name is called by its kind and its number among those of its kind:
/// `convolution-2`. Names are those that policies and groups of parameters go by.
///
/// ```
/// use training::layer::ImageShape;
/// use training::network::NetworkConfig;
/// let network: NetworkConfig = serde_yaml::from_str("
/// name: layers
/// layers:
///   - {layer: convolution, channels: 16, kernel: 3, padding: 1}
///   - {layer: activation, function: relu}
///   - {layer: max-pool, kernel: 2}
///   - {layer: linear}
/// ")?;
/// let network = network.describe(ImageShape::new(1, 28, 28), 10)?;
/// assert_eq!(network.parameters(), 16 * (9 + 1) + 10 * (16 * 14 * 14 + 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerConfig {
    /// A [`Linear`](crate::layer::Linear) layer of all numbers that it is given.
    Linear {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Output features; the classes where it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<usize>,
        /// Whether it has biases.
        #[serde(default = "yes")]
        bias: bool,
        /// Whether it is sampled where its policy does not say otherwise.
        #[serde(default = "yes")]
        sampled: bool,
    },
    /// A [`Convolution`](crate::layer::Convolution) with square kernels.
    Convolution {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Channels of its output.
        channels: usize,
        /// Rows and columns of its kernels.
        kernel: usize,
        /// Pixels from one position to the next.
        #[serde(default = "one")]
        stride: usize,
        /// Zeros around the image.
        #[serde(default)]
        padding: usize,
        /// Whether it has biases.
        #[serde(default = "yes")]
        bias: bool,
        /// How its weights start.
        #[serde(default)]
        initialization: Initialization,
        /// Whether it is sampled where its policy does not say otherwise.
        #[serde(default = "yes")]
        sampled: bool,
    },
    /// A [`BatchNorm`](crate::layer::BatchNorm).
    BatchNorm {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its settings.
        #[serde(default)]
        settings: BatchNormSettings,
    },
    /// An [`ActivationLayer`](crate::layer::ActivationLayer).
    Activation {
        /// What is applied to every number.
        function: Activation,
    },
    /// A [`MaxPool`](crate::layer::MaxPool) of square windows.
    MaxPool {
        /// Rows and columns of the window.
        kernel: usize,
        /// Pixels from one position to the next; the window's side where it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
        /// Pixels around the image, which are never the largest.
        #[serde(default)]
        padding: usize,
    },
    /// An [`AveragePool`](crate::layer::AveragePool): the mean of every channel.
    AveragePool {},
    /// A [`PoolAndPad`](crate::layer::PoolAndPad).
    PoolAndPad {
        /// Rows and columns of the squares that are averaged.
        side: usize,
        /// Channels of its output.
        channels: usize,
    },
    /// A [`Dropout`](crate::layer::Dropout) of single numbers.
    Dropout {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The probability of a zero.
        rate: f64,
    },
    /// A [`DropoutChannels`](crate::layer::DropoutChannels).
    DropoutChannels {
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The probability of a zero.
        rate: f64,
    },
    /// A [`Scale`](crate::layer::Scale).
    Scale {
        /// What every number is multiplied by.
        factor: f32,
    },
    /// A [`Residual`](crate::layer::Residual) block: the sum of two branches.
    Residual {
        /// The branch with the work.
        main: Vec<LayerConfig>,
        /// The other one; the input itself where it has no layer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shortcut: Vec<LayerConfig>,
        /// Whether max(y, 0) is put out in the place of the sum y, saving the passes of a layer of
        /// its own.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rectified: bool,
    },
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl LayerConfig {
    /// Its kind, as settings name it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Convolution { .. } => "convolution",
            Self::BatchNorm { .. } => "batch-norm",
            Self::Activation { .. } => "activation",
            Self::MaxPool { .. } => "max-pool",
            Self::AveragePool {} => "average-pool",
            Self::PoolAndPad { .. } => "pool-and-pad",
            Self::Dropout { .. } => "dropout",
            Self::DropoutChannels { .. } => "dropout-channels",
            Self::Scale { .. } => "scale",
            Self::Residual { .. } => "residual",
        }
    }

    /// The name that it is given.
    fn own_name(&self) -> Option<&str> {
        match self {
            Self::Linear { name, .. }
            | Self::Convolution { name, .. }
            | Self::BatchNorm { name, .. }
            | Self::Dropout { name, .. }
            | Self::DropoutChannels { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Checks the ranges that do not depend on the images.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub(super) fn check(&self) -> Result<(), FieldError> {
        if self.own_name().is_some_and(|name| name.is_empty() || name.contains('*')) {
            let (value, expected) = (format!("{:?}", self.own_name()), "a name without a star");
            return Err(FieldError::new("name", value, expected));
        }
        match self {
            Self::Linear { outputs, .. } => count("outputs", outputs.unwrap_or(1)),
            Self::Convolution { channels, kernel, stride, initialization, .. } => {
                count("channels", *channels)?;
                count("kernel", *kernel)?;
                count("stride", *stride)?;
                initialization.check().map_err(|error| error.within("initialization"))
            }
            Self::BatchNorm { settings, .. } => {
                settings.check().map_err(|error| error.within("settings"))
            }
            Self::MaxPool { kernel, stride, .. } => {
                count("kernel", *kernel)?;
                count("stride", stride.unwrap_or(1))
            }
            Self::PoolAndPad { side, channels } => {
                count("side", *side)?;
                count("channels", *channels)
            }
            Self::Dropout { rate, .. } | Self::DropoutChannels { rate, .. } => {
                number("rate", *rate, 0.0..1.0)
            }
            Self::Scale { factor } => number("factor", *factor, POSITIVE),
            Self::Residual { main, shortcut, .. } => {
                check_all("main", main)?;
                check_all("shortcut", shortcut)
            }
            Self::Activation { .. } | Self::AveragePool {} => Ok(()),
        }
    }
}

/// Checks the layers of a field.
///
/// # Errors
/// On the first number out of its range, with its place in the list.
pub(super) fn check_all(field: &str, layers: &[LayerConfig]) -> Result<(), FieldError> {
    let mut places = layers.iter().enumerate();
    places.try_for_each(|(place, layer)| {
        layer.check().map_err(|error| error.within(&format!("{field}[{place}]")))
    })
}

/// An error of a layer, with its place in the list: "layers\[2\].main\[0\]".
pub(super) struct Misfit {
    pub(super) place: String,
    pub(super) error: NetworkError,
}

impl Misfit {
    /// The error of a network whose list of layers nobody sees.
    pub(super) fn of_preset(self) -> NetworkError {
        self.error
    }

    /// The error of a list in settings.
    pub(super) fn of_list(self) -> NetworkError {
        NetworkError::Layer { place: self.place, source: Box::new(self.error) }
    }
}

/// The network that these layers make of such images.
///
/// # Errors
/// When a layer does not fit what it is given, branches end in different shapes, two layers have one
/// name, or the last layer does not give a number a class.
pub(super) fn describe(
    layers: &[LayerConfig],
    image: ImageShape,
    classes: usize,
) -> Result<Description, Misfit> {
    let mut shapes =
        Shapes { image, classes, numbers: BTreeMap::new(), names: BTreeSet::new(), is_first: true };
    let layers = shapes.describe_all(layers, "layers")?;
    if shapes.image.len() == classes {
        return Ok(Description { layers });
    }
    let error = NetworkError::Outputs { outputs: shapes.image, classes };
    let place = format!("layers[{}]", layers.len().saturating_sub(1));
    Err(Misfit { place, error })
}

/// What is known on the way through the layers.
struct Shapes {
    /// What the next layer is given.
    image: ImageShape,
    classes: usize,
    /// Layers so far, by kind.
    numbers: BTreeMap<&'static str, usize>,
    /// Names so far.
    names: BTreeSet<String>,
    /// Whether no layer was there yet.
    is_first: bool,
}

impl Shapes {
    fn describe_all(
        &mut self,
        layers: &[LayerConfig],
        field: &str,
    ) -> Result<Vec<LayerDescription>, Misfit> {
        let places = layers.iter().enumerate();
        places.map(|(place, layer)| self.describe(layer, &format!("{field}[{place}]"))).collect()
    }

    fn describe(&mut self, layer: &LayerConfig, place: &str) -> Result<LayerDescription, Misfit> {
        let misfit = |error| Misfit { place: place.to_owned(), error };
        if let LayerConfig::Residual { main, shortcut, rectified } = layer {
            return self.describe_block(main, shortcut, *rectified, place);
        }
        let name = self.name(layer).map_err(misfit)?;
        self.describe_single(layer, name).map_err(misfit)
    }

    /// The name of the next layer.
    fn name(&mut self, layer: &LayerConfig) -> Result<String, NetworkError> {
        let number = self.numbers.entry(layer.kind()).or_default();
        *number += 1;
        let name = match layer.own_name() {
            Some(name) => name.to_owned(),
            None => format!("{}-{number}", layer.kind()),
        };
        match self.names.insert(name.clone()) {
            true => Ok(name),
            false => Err(NetworkError::Twice { name }),
        }
    }

    fn describe_single(
        &mut self,
        layer: &LayerConfig,
        name: String,
    ) -> Result<LayerDescription, NetworkError> {
        let (image, is_first) = (self.image, std::mem::take(&mut self.is_first));
        Ok(match *layer {
            LayerConfig::Linear { outputs, bias, sampled, .. } => {
                let (inputs, outputs) = (image.len(), outputs.unwrap_or(self.classes));
                self.image = ImageShape::new(outputs, 1, 1);
                LayerDescription::Linear { name, inputs, outputs, bias, sampled }
            }
            LayerConfig::Convolution {
                channels,
                kernel,
                stride,
                padding,
                bias,
                initialization,
                sampled,
                ..
            } => {
                let window = Window::square(kernel, stride, padding);
                let geometry = ConvolutionGeometry { image, outputs: channels, window };
                let output = geometry.output();
                self.image = output.map_err(|source| NetworkError::shape(&name, source))?;
                check_whitening(&name, geometry, initialization, is_first)?;
                LayerDescription::Convolution { name, geometry, bias, initialization, sampled }
            }
            LayerConfig::BatchNorm { settings, .. } => {
                LayerDescription::BatchNorm { name, image, settings }
            }
            LayerConfig::Activation { function } => LayerDescription::Activation(function),
            LayerConfig::MaxPool { kernel, stride, padding } => {
                let window = Window::square(kernel, stride.unwrap_or(kernel), padding);
                let of = |source| NetworkError::Pool { layer: name.clone(), source };
                MaxPool::new(image, window).map_err(of)?;
                let output = image.after(window, image.channels);
                self.image = output.map_err(|source| NetworkError::shape(&name, source))?;
                LayerDescription::MaxPool { name, image, window }
            }
            LayerConfig::AveragePool {} => {
                self.image = ImageShape::new(image.channels, 1, 1);
                LayerDescription::AveragePool { image }
            }
            LayerConfig::PoolAndPad { side, channels } => {
                let of = |source| NetworkError::PoolAndPad { layer: name.clone(), source };
                self.image = PoolAndPad::new(image, side, channels).map_err(of)?.output_image();
                LayerDescription::PoolAndPad { name, image, side, channels }
            }
            LayerConfig::Dropout { rate, .. } => LayerDescription::Dropout { name, rate },
            LayerConfig::DropoutChannels { rate, .. } => {
                LayerDescription::DropoutChannels { name, image, rate }
            }
            LayerConfig::Scale { factor } => LayerDescription::Scale(factor),
            LayerConfig::Residual { .. } => unreachable!("blocks are described by their branches"),
        })
    }

    fn describe_block(
        &mut self,
        main: &[LayerConfig],
        shortcut: &[LayerConfig],
        rectified: bool,
        place: &str,
    ) -> Result<LayerDescription, Misfit> {
        let before = self.image;
        self.is_first = false;
        let shortcut_place = format!("{place}.shortcut");
        let main = self.describe_all(main, &format!("{place}.main"))?;
        let after = std::mem::replace(&mut self.image, before);
        let shortcut = self.describe_all(shortcut, &shortcut_place)?;
        if self.image == after {
            return Ok(LayerDescription::Residual { main, shortcut, rectified });
        }
        let error = NetworkError::Branches { main: after, shortcut: self.image };
        Err(Misfit { place: place.to_owned(), error })
    }
}

/// Checks that a convolution which whitens is the first layer and has a filter of each sign for
/// every number of a patch.
fn check_whitening(
    name: &str,
    geometry: ConvolutionGeometry,
    initialization: Initialization,
    is_first: bool,
) -> Result<(), NetworkError> {
    let filters = 2 * geometry.image.channels * geometry.window.taps();
    let is_whitening = matches!(initialization, Initialization::Whitening { .. });
    if is_whitening && !(is_first && geometry.outputs == filters) {
        let (layer, channels) = (name.to_owned(), geometry.outputs);
        return Err(NetworkError::Whitening { layer, channels, filters });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::layer::ImageShape;
    use crate::network::NetworkConfig;

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

    fn network(layers: &str) -> NetworkConfig {
        serde_yaml::from_str(&format!("{{name: layers, layers: [{layers}]}}")).unwrap()
    }

    fn refused(layers: &str) -> String {
        network(layers).describe(IMAGE, 10).unwrap_err().in_settings().to_string()
    }

    #[test]
    fn every_preset_is_the_list_of_its_layers() {
        for preset in [
            "{name: mlp, hidden: [20, 30], dropout: 0.1}",
            "{name: cnn}",
            "{name: wrn, depth: 16, width: 2}",
            "{name: resnet, depth: 18}",
            "{name: resnet, depth: 50}",
            "{name: pre-activation-resnet, depth: 20}",
            "{name: batch-norm-mlp, hidden: [20, 30]}",
            "{name: fast-cifar, widths: [8, 16, 16]}",
        ] {
            let preset: NetworkConfig = serde_yaml::from_str(preset).unwrap();
            let list = NetworkConfig::Layers { layers: preset.layers(IMAGE).unwrap() };
            let written = serde_yaml::to_string(&list).unwrap();
            let read: NetworkConfig = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read.describe(IMAGE, 10), preset.describe(IMAGE, 10), "{written}");
        }
    }

    #[test]
    fn sizes_follow_from_the_images_and_names_from_the_kinds() {
        let network = network(
            "{layer: convolution, channels: 8, kernel: 3},
             {layer: residual, main: [{layer: convolution, channels: 8, kernel: 3, padding: 1}]},
             {layer: max-pool, kernel: 2}, {layer: batch-norm}, {layer: linear, outputs: 5},
             {layer: linear, name: last}",
        );
        let description = network.describe(IMAGE, 10).unwrap();
        let products = description.products();
        let names: Vec<&str> = products.iter().map(|product| product.layer).collect();
        assert_eq!(names, ["convolution-1", "convolution-2", "linear-1", "last"]);
        let pairs: Vec<usize> = products.iter().map(|product| product.pairs).collect();
        assert_eq!(pairs, [3, 8, 8 * 15 * 15, 5]);
    }

    #[test]
    fn a_layer_that_does_not_fit_is_named_with_both_shapes() {
        let convolution = "{layer: convolution, channels: 8, kernel: 3}";
        let pool = "{layer: max-pool, kernel: 16}, {layer: max-pool, kernel: 3}";
        let error = refused(&format!("{convolution}, {pool}, {{layer: linear}}"));
        assert!(error.starts_with("network.layers[2] is layer 'max-pool-2': "), "{error}");
        assert!(error.contains("a 3 x 3 kernel does not fit into a 1 x 1 image"), "{error}");

        let error = refused(&format!("{{layer: residual, main: [{convolution}]}}"));
        assert!(error.contains("network.layers[0]"), "{error}");
        assert!(error.contains("8 x 30 x 30") && error.contains("3 x 32 x 32"), "{error}");

        let error = refused(convolution);
        assert!(error.contains("8 x 30 x 30") && error.contains("10 classes"), "{error}");

        let narrower = "{layer: pool-and-pad, side: 2, channels: 4}";
        let error = refused(&format!("{convolution}, {narrower}, {{layer: linear}}"));
        let expected = "network.layers[1] is layer 'pool-and-pad-1': 4 channels were asked for";
        assert!(error.starts_with(expected), "{error}");

        let twice = "{layer: dropout, name: a, rate: 0.1}, {layer: dropout, name: a, rate: 0.1}";
        assert!(refused(twice).starts_with("network.layers[1] is another layer called 'a'"));

        let whitening = "initialization: {name: whitening, images: 10, epsilon: 0.1}";
        let filters = |channels: usize| {
            format!("{{layer: convolution, channels: {channels}, kernel: 2, {whitening}}}")
        };
        let error = refused(&format!("{}, {{layer: linear}}", filters(23)));
        assert!(error.contains("23 channels") && error.contains("24"), "{error}");
        let error = refused(&format!("{convolution}, {}, {{layer: linear}}", filters(64)));
        assert!(error.starts_with("network.layers[1]"), "{error}");
        network(&format!("{}, {{layer: linear}}", filters(24))).describe(IMAGE, 10).unwrap();
        assert!(refused("").contains("a network without layers"));
    }

    #[test]
    fn numbers_out_of_their_range_are_named_with_their_place() {
        let within = |layer: &str| {
            refused(&format!("{{layer: residual, main: [{{layer: average-pool}}, {layer}]}}"))
        };
        for (layer, field) in [
            ("{layer: convolution, channels: 0, kernel: 3}", "channels is 0"),
            ("{layer: convolution, channels: 4, kernel: 3, stride: 0}", "stride is 0"),
            ("{layer: max-pool, kernel: 0}", "kernel is 0"),
            ("{layer: dropout, rate: 1}", "rate is 1"),
            ("{layer: scale, factor: .nan}", "factor is NaN"),
            ("{layer: batch-norm, settings: {momentum: 2}}", "settings.momentum is 2"),
            ("{layer: linear, outputs: 0}", "outputs is 0"),
            ("{layer: pool-and-pad, side: 0, channels: 3}", "side is 0"),
            (
                "{layer: batch-norm, settings: {rectified: true, codes: {bits: 3}}}",
                "settings.codes.bits is 3, expected 1, 2, 4 or 8",
            ),
            (
                "{layer: batch-norm, settings: {codes: {bits: 4}}}",
                "settings.codes is codes of 4 bits, expected nothing where `rectified` is false",
            ),
        ] {
            let error = within(layer);
            let expected = format!("network.layers[0].main[1].{field}");
            assert!(error.starts_with(&expected), "{error}");
        }
        let unknown = "{name: layers, layers: [{layer: linear, units: 5}]}";
        let error = serde_yaml::from_str::<NetworkConfig>(unknown).unwrap_err().to_string();
        assert!(error.contains("units"), "{error}");
    }
}
