//! The network as matrices, and the sets that its layers map the input square to.

use crate::pattern::Pattern;
use crate::zonotope::{ConstrainedZonotope, SetError};
use nalgebra::{DMatrix, DVector};
use regression::{Activation, Architecture, Network};

/// The most hidden units that are analysed: patterns are counted in 64 bits.
pub const MOST_UNITS: usize = 32;

/// Why a network is not one of this analysis.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// Not two inputs, one to [`MOST_UNITS`] hidden ReLU units and two outputs.
    #[error(
        "the network has {inputs} inputs, {hidden} hidden units of {activation:?} and {outputs} \
         outputs; reachable sets are computed for 2 inputs, 1 to {MOST_UNITS} units of Relu and 2 \
         outputs"
    )]
    Shape {
        /// Its inputs.
        inputs: usize,
        /// Its hidden units.
        hidden: usize,
        /// Their function.
        activation: Activation,
        /// Its outputs.
        outputs: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("parameter {index} of the network is {value}; parameters are finite numbers")]
    NonFinite {
        /// Which one.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A number has left the range of f64 on the way through the layers.
    #[error(transparent)]
    Set(#[from] SetError),
}

/// y = W_2 max(0, W_1 x + b_1) + b_2 on the square [-1, 1]^2, with two outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Layers {
    /// W_1 (n x 2).
    pub first_weights: DMatrix<f64>,
    /// b_1 (n).
    pub first_biases: DVector<f64>,
    /// W_2 (2 x n).
    pub second_weights: DMatrix<f64>,
    /// b_2 (2).
    pub second_biases: DVector<f64>,
    /// W_1 [-1, 1]^2 + b_1, the sums of the hidden units.
    pub sums: ConstrainedZonotope,
}

impl Layers {
    /// The layers of a network.
    ///
    /// # Errors
    /// When it has another shape, or a parameter is not finite.
    pub fn of(network: &Network) -> Result<Self, NetworkError> {
        let Architecture { inputs, hidden, outputs, activation } = network.architecture();
        let known = (1..=MOST_UNITS).contains(&hidden);
        if (inputs, outputs, activation) != (2, 2, Activation::Relu) || !known {
            return Err(NetworkError::Shape { inputs, hidden, activation, outputs });
        }
        let mut parameters = network.parameters().iter().copied().enumerate();
        if let Some((index, value)) = parameters.find(|(_, value)| !value.is_finite()) {
            return Err(NetworkError::NonFinite { index, value });
        }
        let first_weights = DMatrix::from_row_slice(hidden, 2, network.first_weights().data());
        let first_biases = DVector::from_column_slice(network.first_biases());
        // For the input square the sums are centred at the biases, with the weights as generators.
        let none = (DMatrix::zeros(0, 2), DVector::zeros(0));
        let sums =
            ConstrainedZonotope::new(first_biases.clone(), first_weights.clone(), none.0, none.1)?;
        Ok(Self {
            second_weights: DMatrix::from_row_slice(2, hidden, network.second_weights().data()),
            second_biases: DVector::from_column_slice(network.second_biases()),
            first_weights,
            first_biases,
            sums,
        })
    }

    /// The number n of hidden units.
    pub fn units(&self) -> usize {
        self.first_biases.len()
    }

    /// W_2 D, D being the identity on active units and zero on the others.
    pub fn masked_weights(&self, pattern: &Pattern) -> DMatrix<f64> {
        let mut masked = self.second_weights.clone();
        for (unit, &active) in pattern.units().iter().enumerate() {
            if !active {
                masked.column_mut(unit).fill(0.0);
            }
        }
        masked
    }

    /// The outputs of the inputs with this pattern, exactly, as the image of a cut; None when a
    /// unit cannot have its sign.
    ///
    /// # Panics
    /// When the pattern is not one of all units.
    pub fn image(&self, pattern: &Pattern) -> Option<ConstrainedZonotope> {
        assert_eq!(pattern.len(), self.units(), "a pattern of all units");
        let cell = self.sums.with_signs(pattern)?;
        Some(cell.affine(&self.masked_weights(pattern), &self.second_biases))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kernels::random::Stream;

    /// A random network of the experiment's shape.
    pub fn random(case: u64, hidden: usize) -> Network {
        let architecture =
            Architecture { inputs: 2, hidden, outputs: 2, activation: Activation::Relu };
        Network::random(architecture, &mut Stream::new(23, "random network").at(case))
    }

    #[test]
    fn other_shapes_and_infinite_parameters_are_refused() {
        let architecture =
            Architecture { inputs: 3, hidden: 4, outputs: 2, activation: Activation::Relu };
        let network = Network::random(architecture, &mut Stream::new(0, "shape").at(0));
        let error = Layers::of(&network).unwrap_err().to_string();
        assert!(error.starts_with("the network has 3 inputs, 4 hidden units of Relu"), "{error}");
        let mut network = random(0, 4);
        network.parameters_mut()[5] = f64::NEG_INFINITY;
        let error = Layers::of(&network).unwrap_err().to_string();
        assert_eq!(error, "parameter 5 of the network is -inf; parameters are finite numbers");
        assert!(Layers::of(&random(0, MOST_UNITS + 1)).is_err());
    }

    #[test]
    fn the_image_of_a_pattern_is_what_the_network_puts_out() {
        let network = random(1, 6);
        let layers = Layers::of(&network).unwrap();
        let x = [0.3, -0.7];
        let pass = network.forward(kernels::MatrixView::row_major(&x, 1, 2));
        let image = layers.image(&Pattern::of(&pass.sums)).unwrap();
        let (constraints, offsets) = image.constraints();
        // The input is the first part of z; the rest follows from the constraints.
        let mut z = DVector::zeros(2 + 6);
        z.rows_mut(0, 2).copy_from_slice(&x);
        for unit in 0..6 {
            let known = constraints.row(unit).columns(0, 2).dot(&z.rows(0, 2).transpose());
            z[2 + unit] = (offsets[unit] - known) / constraints[(unit, 2 + unit)];
        }
        assert!(z.amax() <= 1.0);
        let output = image.point(&z);
        assert!((output - DVector::from_vec(pass.outputs)).amax() < 1e-14);
    }
}
