//! Inference in 8-bit integers, as the hardware makes it.
//!
//! Pixels are unsigned codes as they are. A layer's products come from a table and are summed in 32-bit
//! integers; the sum times the two steps, plus the bias, is rounded to an unsigned code of the hidden
//! unit, whose step leaves the largest value on some calibration images its place. Biases and steps
//! are numbers in registers, where no bit flips.

use crate::hardware::{Hardware, HardwareError, transposed, unsigned_code};
use crate::images::input;
use crate::memory::Stored;
use crate::network::Network;
use crate::pass::Pass;
use kernels::random::Stream;
use kernels::table_product::{ProductTable, TableError};
use rand::Rng;
use training::data::Dataset;

/// What a pixel of one stands for.
const PIXEL: f32 = 1.0 / 255.0;

/// A network in codes.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerNetwork {
    /// The weights of both layers.
    pub weights: [Stored; 2],
    /// The biases of both layers.
    pub biases: [Vec<f32>; 2],
    /// What a hidden code of one stands for.
    pub hidden_step: f32,
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
        let hidden = Pass::forward(network, &Hardware::Exact, &input(calibration), rng)?.hidden;
        let largest = hidden.data().iter().copied().fold(0.0, f32::max);
        let step = largest / 255.0;
        let layers = network.layers.each_ref();
        Ok(Self {
            weights: layers.map(|layer| Stored::new(&layer.weights, bits)),
            biases: layers.map(|layer| layer.biases.clone()),
            hidden_step: if step.is_normal() { step } else { 1.0 },
        })
    }

    /// The same on a chip whose memory reads each bit wrong with this probability.
    pub fn misread(&self, probability: f64, rng: &mut impl Rng) -> Self {
        let weights = self.weights.each_ref().map(|stored| stored.misread(probability, rng));
        Self { weights, ..self.clone() }
    }

    /// Inputs, hidden units and outputs.
    pub fn widths(&self) -> [usize; 3] {
        let [hidden, outputs] = self.biases.each_ref().map(Vec::len);
        [self.weights[0].codes.len() / hidden, hidden, outputs]
    }

    /// The outputs (images x outputs) for images one after another, multiplied by a table.
    ///
    /// # Errors
    /// When the pixels are not whole images, or sums do not fit into 32 bits.
    pub fn logits(&self, table: &ProductTable, pixels: &[u8]) -> Result<Vec<f32>, TableError> {
        let units = self.layer(0, table, pixels, PIXEL)?;
        let code = |unit: f32| unsigned_code(unit, self.hidden_step);
        let codes: Vec<u8> = units.into_iter().map(code).collect();
        self.layer(1, table, &codes, self.hidden_step)
    }

    /// The outputs of a layer for the codes of all images, of which one stands for `step`.
    fn layer(
        &self,
        place: usize,
        table: &ProductTable,
        codes: &[u8],
        step: f32,
    ) -> Result<Vec<f32>, TableError> {
        let (stored, biases) = (&self.weights[place], &self.biases[place]);
        let outputs = biases.len();
        let inputs = stored.codes.len() / outputs;
        let images = codes.len() / inputs;
        let mut sums = vec![0; images * outputs];
        let right = transposed(&stored.codes, inputs);
        table.multiply(codes, &right, [images, inputs, outputs], &mut sums)?;
        let unit = stored.step * step;
        let number = |(sum, bias): (i32, &f32)| sum as f32 * unit + bias;
        Ok(sums.into_iter().zip(biases.iter().cycle()).map(number).collect())
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
    use crate::multiplier::Multiplier;
    use training::data::generated_digits;

    fn example() -> (Network, Dataset) {
        let images = generated_digits(1, 40, 1, 1).train;
        (Network::random([784, 12, 10], Stream::new(1, "inference")), images)
    }

    #[test]
    fn eight_bits_give_nearly_the_outputs_of_the_network() {
        let (network, images) = example();
        let codes = IntegerNetwork::new(&network, 8, &images).unwrap();
        let rng = &mut Stream::new(0, "exact").at(0);
        let exact = Pass::forward(&network, &Hardware::Exact, &input(&images), rng).unwrap();
        let found = codes.logits(&Multiplier::EXACT.table(), &images.pixels).unwrap();
        let error = |codes: &[f32]| {
            let errors =
                codes.iter().zip(exact.logits.data()).map(|(x, y)| f64::from((x - y).abs()));
            theory::extremes::largest(errors)
        };
        assert!(error(&found) < 0.02, "{}", error(&found));
        let coarse = IntegerNetwork::new(&network, 3, &images).unwrap();
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
        let codes = IntegerNetwork::new(&network, 8, &images).unwrap();
        let error = codes.logits(&Multiplier::EXACT.table(), &[0; 785]).unwrap_err();
        assert_eq!(error.to_string(), "A has 785 elements, expected 1 x 784");
    }
}
