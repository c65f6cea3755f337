//! Describing layers in a row, each given the images of the one before.

use super::NetworkError;
use super::description::{Description, LayerDescription};
use crate::layer::{
    BatchNormSettings, ConvolutionGeometry, ImageShape, Initialization, PoolError, Window,
};

/// Convolutions as a network has them.
#[derive(Clone, Copy)]
pub(super) struct ConvolutionStyle {
    pub(super) bias: bool,
    pub(super) initialization: Initialization,
    pub(super) sampled: bool,
}

/// Layers so far, and the images that come out of them.
pub(super) struct ImageLayers {
    image: ImageShape,
    layers: Vec<LayerDescription>,
}

impl ImageLayers {
    pub(super) fn new(image: ImageShape) -> Self {
        Self { image, layers: Vec::new() }
    }

    pub(super) fn image(&self) -> ImageShape {
        self.image
    }

    pub(super) fn convolution(
        mut self,
        name: &str,
        outputs: usize,
        window: Window,
        style: ConvolutionStyle,
    ) -> Result<Self, NetworkError> {
        let geometry = ConvolutionGeometry { image: self.image, outputs, window };
        self.image = geometry.output().map_err(|source| NetworkError::shape(name, source))?;
        let ConvolutionStyle { bias, initialization, sampled } = style;
        let name = name.to_owned();
        Ok(self.push(LayerDescription::Convolution {
            name,
            geometry,
            bias,
            initialization,
            sampled,
        }))
    }

    pub(super) fn batch_norm(self, name: &str, settings: BatchNormSettings) -> Self {
        let (name, image) = (name.to_owned(), self.image);
        self.push(LayerDescription::BatchNorm { name, image, settings })
    }

    pub(super) fn max_pool(mut self, window: Window) -> Result<Self, NetworkError> {
        let image = self.image;
        self.image = image.after(window, image.channels).map_err(PoolError::Shape)?;
        Ok(self.push(LayerDescription::MaxPool { image, window }))
    }

    /// The mean of every channel, as images of one pixel.
    pub(super) fn average_pool(mut self) -> Self {
        let image = self.image;
        self.image = ImageShape::new(image.channels, 1, 1);
        self.push(LayerDescription::AveragePool { image })
    }

    pub(super) fn dropout_channels(self, name: &str, rate: f64) -> Self {
        let (name, image) = (name.to_owned(), self.image);
        self.push(LayerDescription::DropoutChannels { name, image, rate })
    }

    /// A residual block of two branches from the images so far.
    pub(super) fn residual(mut self, main: Self, shortcut: Self) -> Self {
        self.image = main.image;
        self.push(LayerDescription::Residual { main: main.layers, shortcut: shortcut.layers })
    }

    /// A layer that leaves the shape of the images.
    pub(super) fn push(mut self, layer: LayerDescription) -> Self {
        self.layers.push(layer);
        self
    }

    /// An exact linear layer of all numbers of the images.
    pub(super) fn linear(mut self, name: &str, outputs: usize, bias: bool) -> Self {
        let (name, inputs) = (name.to_owned(), self.image.len());
        self.image = ImageShape::new(outputs, 1, 1);
        self.push(LayerDescription::Linear { name, inputs, outputs, bias, sampled: false })
    }

    pub(super) fn finish(self) -> Description {
        Description { layers: self.layers }
    }
}
