//! Inference in 8-bit integers, as the hardware makes it.
//!
//! Pixels are unsigned codes as they are. A layer's products come from a table and are summed in 32-bit
//! integers; the sum times the two steps, plus the bias, is rounded to an unsigned code of the hidden
//! unit. The step of these codes, one a layer, leaves the largest value on some calibration images its
//! place. Biases and steps are numbers in registers, where no bit flips.

use crate::hardware::{Hardware, HardwareError, step_of, transposed, unsigned_code};
use crate::images::{in_parts, input};
use crate::memory::Stored;
use crate::network::{Layer, Network, Shape};
use crate::pass::Pass;
use kernels::random::Stream;
use kernels::table_product::{ProductTable, TableError};
use rand::Rng;
use std::borrow::Cow;
use training::data::Dataset;

/// What a pixel of one stands for.
const PIXEL: f32 = 1.0 / 255.0;

/// A layer in codes.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerLayer {
    /// Its sizes.
    pub shape: Shape,
    /// The weights.
    pub weights: Stored,
    /// The biases.
    pub biases: Vec<f32>,
    /// What a code of one stands for in what it reads.
    pub step: f32,
}

/// A network in codes.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerNetwork {
    /// The hidden layers and the output layer.
    pub layers: Vec<IntegerLayer>,
}

impl IntegerNetwork {
    /// A network with weights of so many bits, its hidden units calibrated on these images.
    ///
    /// # Errors
    /// Never of finite weights.
    ///
    /// # Panics
    /// When the number of bits is not within 1 to 8.
    pub fn new(network: &Network, bits: u32, calibration: &Dataset) -> Result<Self, HardwareError> {
        let rng = &mut Stream::new(0, "exact").at(0);
        let mut largest = vec![0.0f32; network.layers.len() - 1];
        for part in in_parts(&input(calibration)) {
            let pass = Pass::forward(network, &Hardware::Exact, &part, rng)?;
            for (largest, hidden) in largest.iter_mut().zip(&pass.hidden) {
                *largest = hidden.data().iter().copied().fold(*largest, f32::max);
            }
        }
        let steps = std::iter::once(PIXEL).chain(largest.into_iter().map(|it| step_of(&[it])));
        let layer = |(layer, step): (&Layer, f32)| IntegerLayer {
            shape: layer.shape,
            weights: Stored::new(&layer.weights, bits),
            biases: layer.biases.clone(),
            step,
        };
        Ok(Self { layers: network.layers.iter().zip(steps).map(layer).collect() })
    }

    /// The same on a chip whose memory reads each bit wrong with this probability.
    pub fn misread(&self, probability: f64, rng: &mut impl Rng) -> Self {
        let mut misread = self.clone();
        for layer in &mut misread.layers {
            layer.weights = layer.weights.misread(probability, rng);
        }
        misread
    }

    /// The outputs (images x outputs) for images one after another, multiplied by a table.
    ///
    /// # Errors
    /// When the pixels are not whole images, or sums do not fit into 32 bits.
    pub fn logits(&self, table: &ProductTable, pixels: &[u8]) -> Result<Vec<f32>, TableError> {
        let mut codes = Cow::Borrowed(pixels);
        let mut values = Vec::new();
        for (place, layer) in self.layers.iter().enumerate() {
            if place > 0 {
                codes = values.iter().map(|&value| unsigned_code(value, layer.step)).collect();
            }
            values = layer.values(table, &codes)?;
        }
        Ok(values)
    }

    /// The share of images whose largest output is their label's; of equal ones the first counts.
    ///
    /// # Errors
    /// When the images are not the network's, or sums do not fit into 32 bits.
    pub fn accuracy(&self, table: &ProductTable, images: &Dataset) -> Result<f64, TableError> {
        let logits = self.logits(table, &images.pixels)?;
        Ok(share_right(&logits, &images.labels))
    }
}

impl IntegerLayer {
    /// What it gives for the codes of all images, before it is rectified.
    fn values(&self, table: &ProductTable, codes: &[u8]) -> Result<Vec<f32>, TableError> {
        let Shape { inputs, outputs, patches } = self.shape;
        let (images, features) = (codes.len() / self.shape.features(), self.shape.features());
        if images * features != codes.len() {
            let (found, rows, columns) = (codes.len(), images, features);
            return Err(TableError::Shape { matrix: "A", found, rows, columns });
        }
        let read = patches.map_or(Cow::Borrowed(codes), |patches| patches.of(codes).into());
        let rows = images * self.shape.positions();
        let mut sums = vec![0; rows * outputs];
        let right = transposed(&self.weights.codes, inputs);
        table.multiply(&read, &right, [rows, inputs, outputs], &mut sums)?;
        let unit = self.weights.step * self.step;
        let number = |(sum, bias): (i32, &f32)| sum as f32 * unit + bias;
        Ok(sums.into_iter().zip(self.biases.iter().cycle()).map(number).collect())
    }
}

/// The share of samples whose largest output is their label's; of equal ones the first counts.
pub(crate) fn share_right(logits: &[f32], labels: &[u16]) -> f64 {
    let outputs = logits.len() / labels.len().max(1);
    let is_right = |(logits, label): &(&[f32], &u16)| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        logits.iter().position(|logit| *logit == largest) == Some(usize::from(**label))
    };
    let right = logits.chunks_exact(outputs.max(1)).zip(labels).filter(is_right).count();
    right as f64 / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hidden::{Convolutions, Hidden};
    use crate::multiplier::Multiplier;
    use training::data::generated_digits;
    use training::layer::ImageShape;

    fn example() -> (Network, Dataset) {
        let images = generated_digits(1, 40, 1, 1).train;
        (Network::perceptron([784, 12, 10], Stream::new(1, "inference")), images)
    }

    fn convolutions() -> Network {
        let convolutions = Convolutions { channels: vec![4, 6], kernel: 5, stride: 2 };
        let hidden = Hidden::Convolutions(convolutions);
        let shapes = hidden.layers(ImageShape::new(1, 28, 28), 10).unwrap();
        Network::random(&shapes, Stream::new(1, "inference"))
    }

    #[test]
    fn eight_bits_give_nearly_the_outputs_of_the_network() {
        let (network, images) = example();
        assert_near(&network, &images);
        assert_near(&convolutions(), &images);
    }

    fn assert_near(network: &Network, images: &Dataset) {
        let codes = IntegerNetwork::new(network, 8, images).unwrap();
        let rng = &mut Stream::new(0, "exact").at(0);
        let exact = Pass::forward(network, &Hardware::Exact, &input(images), rng).unwrap();
        let found = codes.logits(&Multiplier::EXACT.table(), &images.pixels).unwrap();
        let error = |codes: &[f32]| {
            let errors =
                codes.iter().zip(exact.logits.data()).map(|(x, y)| f64::from((x - y).abs()));
            theory::extremes::largest(errors)
        };
        assert!(error(&found) < 0.02, "{}", error(&found));
        let coarse = IntegerNetwork::new(network, 3, images).unwrap();
        let coarse = coarse.logits(&Multiplier::EXACT.table(), &images.pixels).unwrap();
        assert!(error(&coarse) > 0.02, "{}", error(&coarse));
    }

    #[test]
    fn the_right_are_counted_and_of_equal_outputs_the_first() {
        assert_eq!(share_right(&[1.0, 2.0, 3.0, 3.0], &[1, 0]), 1.0);
        assert_eq!(share_right(&[1.0, 2.0, 3.0, 3.0], &[0, 1]), 0.0);
    }

    #[test]
    fn images_of_another_size_are_refused() {
        let (network, images) = example();
        for network in [network, convolutions()] {
            let codes = IntegerNetwork::new(&network, 8, &images).unwrap();
            let error = codes.logits(&Multiplier::EXACT.table(), &[0; 785]).unwrap_err();
            assert_eq!(error.to_string(), "A has 785 elements, expected 1 x 784");
        }
    }
}
