//! A forward pass on some hardware, and the derivatives straight through it.

use crate::hardware::{Factors, Hardware, HardwareError, product};
use crate::network::{Dense, Network};
use kernels::{MatrixView, MatrixViewMut, Product};
use rand::Rng;
use training::matrix::Matrix;

/// What a forward pass computed.
#[derive(Clone, Debug)]
pub struct Pass {
    factors: [Factors; 2],
    /// The hidden units (batch x hidden).
    pub hidden: Matrix,
    /// The outputs (batch x outputs).
    pub logits: Matrix,
}

impl Pass {
    /// Inputs of at least zero (batch x inputs) through both layers; the hardware draws from `rng`
    /// layer after layer.
    ///
    /// # Errors
    /// When the hardware cannot compute one of the products.
    ///
    /// # Panics
    /// When the inputs are not as many as the network's.
    pub fn forward(
        network: &Network,
        hardware: &Hardware,
        input: &Matrix,
        rng: &mut impl Rng,
    ) -> Result<Self, HardwareError> {
        let [first, second] = &network.layers;
        let (mut hidden, of_first) = hardware.multiply(first, input, rng)?;
        add_biases(&mut hidden, first);
        // Not by the maximum with zero, which would make a zero of what is not a number.
        hidden.data_mut().iter_mut().filter(|unit| **unit < 0.0).for_each(|unit| *unit = 0.0);
        let (mut logits, of_second) = hardware.multiply(second, &hidden, rng)?;
        add_biases(&mut logits, second);
        Ok(Self { factors: [of_first, of_second], hidden, logits })
    }

    /// Adds the derivatives by all parameters of a function whose derivatives by the logits are
    /// given.
    pub fn backward(&self, by_logits: &Matrix, gradient: &mut Network) {
        let [first, second] = &self.factors;
        let [of_first, of_second] = &mut gradient.layers;
        add_products(by_logits, second, of_second);
        let (outputs, hidden) = (by_logits.columns(), self.hidden.columns());
        let weights = MatrixView::row_major(&second.weights, outputs, hidden);
        let mut by_hidden = product(by_logits.view(), weights, None);
        for (slope, unit) in by_hidden.data_mut().iter_mut().zip(self.hidden.data()) {
            *slope = if *unit > 0.0 { *slope } else { 0.0 };
        }
        add_products(&by_hidden, first, of_first);
    }
}

fn add_biases(output: &mut Matrix, layer: &Dense) {
    for row in output.data_mut().chunks_exact_mut(layer.outputs) {
        row.iter_mut().zip(&layer.biases).for_each(|(sum, bias)| *sum += bias);
    }
}

/// Adds the derivatives by a layer's parameters, from those by its output.
fn add_products(by_output: &Matrix, factors: &Factors, gradient: &mut Dense) {
    let Dense { inputs, outputs, weights, biases } = gradient;
    let weights = MatrixViewMut::row_major(weights, *outputs, *inputs);
    Product::new(by_output.view().transpose(), factors.input.view())
        .add_to(weights)
        .unwrap_or_else(|error| panic!("{error}"));
    for row in by_output.data().chunks_exact(*outputs) {
        biases.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
    }
}
