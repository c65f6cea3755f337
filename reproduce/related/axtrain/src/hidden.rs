//! What is between the images and the outputs of a network, as settings say it.

use crate::network::{ORDINALS, Shape};
use crate::patches::{Patches, Planes};
use serde::{Deserialize, Serialize};
use std::fmt;
use training::layer::ImageShape;
use training::setting::{FieldError, count};

/// The most convolutions: tables have names for the layers, of which the last is linear.
const MOST_CONVOLUTIONS: usize = ORDINALS.len() - 1;

/// The hidden layers; a rectifier is behind each, and a linear layer gives the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of hidden units, or {channels: [...], kernel: ..., stride: ...}"
)]
pub enum Hidden {
    /// One layer of so many units: a perceptron.
    Units(usize),
    /// Convolutions.
    Convolutions(Convolutions),
}

/// Convolutions one after another. Their stride makes planes smaller, so that no pooling is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolutions {
    /// Output channels, one number a layer.
    pub channels: Vec<usize>,
    /// Rows and columns of every kernel.
    pub kernel: usize,
    /// Pixels from one position to the next, along both axes.
    pub stride: usize,
}

impl Hidden {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the field that is out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::Units(units) => count("hidden", *units),
            Self::Convolutions(it) => it.check().map_err(|error| error.within("hidden")),
        }
    }

    /// The layers from images to the outputs.
    ///
    /// # Errors
    /// When the kernels do not fit.
    pub fn layers(&self, image: ImageShape, outputs: usize) -> Result<Vec<Shape>, FieldError> {
        match self {
            Self::Units(units) => {
                Ok(vec![Shape::linear(image.len(), *units), Shape::linear(*units, outputs)])
            }
            Self::Convolutions(it) => {
                it.layers(image, outputs).map_err(|error| error.within("hidden"))
            }
        }
    }
}

impl Convolutions {
    fn check(&self) -> Result<(), FieldError> {
        if !(1..=MOST_CONVOLUTIONS).contains(&self.channels.len()) {
            let expected = format!("1 to {MOST_CONVOLUTIONS} numbers of channels");
            return Err(FieldError::new("channels", format!("{:?}", self.channels), expected));
        }
        for (place, &channels) in self.channels.iter().enumerate() {
            count(&format!("channels[{place}]"), channels)?;
        }
        count("kernel", self.kernel)?;
        count("stride", self.stride)
    }

    fn layers(&self, image: ImageShape, outputs: usize) -> Result<Vec<Shape>, FieldError> {
        let mut planes = Planes::of_image(image);
        let mut layers = Vec::with_capacity(self.channels.len() + 1);
        for (place, &channels) in self.channels.iter().enumerate() {
            let patches = Patches::new(planes, self.kernel, self.stride).map_err(|error| {
                let expected = format!("one that fits into layer {}: {error}", place + 1);
                FieldError::new("kernel", self.kernel, expected)
            })?;
            let [height, width] = patches.positions;
            planes = Planes::of_product(ImageShape::new(channels, height, width));
            layers.push(Shape::convolution(patches, channels));
        }
        layers.push(Shape::linear(planes.shape.len(), outputs));
        Ok(layers)
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Units(units) => write!(f, "{units} hidden units"),
            Self::Convolutions(Convolutions { channels, kernel, stride }) => {
                let channels: Vec<String> = channels.iter().map(usize::to_string).collect();
                let channels = channels.join(" and ");
                write!(
                    f,
                    "{kernel} x {kernel} convolutions with stride {stride} to {channels} channels"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convolutions() -> Convolutions {
        Convolutions { channels: vec![8, 16], kernel: 5, stride: 2 }
    }

    #[test]
    fn strides_make_planes_smaller_from_layer_to_layer() {
        let hidden = Hidden::Convolutions(convolutions());
        let layers = hidden.layers(ImageShape::new(1, 28, 28), 10).unwrap();
        let sizes: Vec<[usize; 3]> =
            layers.iter().map(|it| [it.inputs, it.positions(), it.outputs]).collect();
        assert_eq!(sizes, [[25, 144, 8], [200, 16, 16], [256, 1, 10]]);
        assert_eq!(hidden.to_string(), "5 x 5 convolutions with stride 2 to 8 and 16 channels");
        let layers = Hidden::Units(64).layers(ImageShape::new(3, 32, 32), 10).unwrap();
        assert_eq!(layers, [Shape::linear(3072, 64), Shape::linear(64, 10)]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error = |change: fn(&mut Convolutions)| {
            let mut changed = convolutions();
            change(&mut changed);
            Hidden::Convolutions(changed).check().unwrap_err().to_string()
        };
        assert_eq!(Hidden::Convolutions(convolutions()).check(), Ok(()));
        assert!(error(|it| it.channels[1] = 0).starts_with("hidden.channels[1] is 0, expected"));
        assert!(error(|it| it.kernel = 0).starts_with("hidden.kernel is 0"));
        assert!(error(|it| it.stride = 0).starts_with("hidden.stride is 0"));
        let sentence = "hidden.channels is [], expected 1 to 4 numbers of channels";
        assert_eq!(error(|it| it.channels.clear()), sentence);
        assert!(error(|it| it.channels = vec![1; 5]).starts_with("hidden.channels is [1, 1, 1,"));
        assert!(Hidden::Units(0).check().unwrap_err().to_string().starts_with("hidden is 0"));
    }

    #[test]
    fn kernels_that_do_not_fit_are_named_with_their_layer() {
        let hidden = Hidden::Convolutions(Convolutions { kernel: 13, ..convolutions() });
        let error = hidden.layers(ImageShape::new(1, 28, 28), 10).unwrap_err().to_string();
        let sentence = "hidden.kernel is 13, expected one that fits into layer 2: a 13 x 13 kernel";
        assert!(error.starts_with(sentence), "{error}");
    }
}
