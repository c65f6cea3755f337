//! What a layer's product is computed by in a forward pass, and what its gradients are computed with.
//!
//! Hardware makes another function of a layer, and often one with steps. Its backward pass goes
//! straight through: the exact product rule with the factors as the hardware had them.

use crate::memory::{Memory, Stored};
use crate::network::{Layer, Shape};
use kernels::estimator::{Estimator, budget};
use kernels::scores::column_row_scores;
use kernels::selection::SelectionError;
use kernels::table_product::{ProductTable, TableError};
use kernels::{MatrixView, Product, Selection};
use rand::Rng;
use training::matrix::Matrix;

/// The largest unsigned code.
const LARGEST_CODE: f32 = 255.0;

/// What multiplies.
#[derive(Clone, Copy, Debug)]
pub enum Hardware<'a> {
    /// Numbers as they are.
    Exact,
    /// Weights from a memory with weak bits, every time from another chip.
    Memory(Memory),
    /// 8-bit codes, multiplied by a table.
    Multiplier(&'a ProductTable),
    /// Some of the column-row pairs: about `ratio` of them.
    Sampling {
        /// How they are chosen and scaled.
        estimator: Estimator,
        /// The share that is kept, in (0, 1].
        ratio: f64,
    },
}

/// Why hardware cannot compute a product.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HardwareError {
    /// No pairs could be chosen.
    #[error("no column-row pairs could be chosen: {0}")]
    Selection(#[from] SelectionError),
    /// Codes do not fit the table.
    #[error("codes cannot be multiplied by a table: {0}")]
    Table(#[from] TableError),
}

/// The factors of a layer's product as the hardware had them.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    /// X ((batch x positions) x inputs): what the gradient by the weights is a product with.
    pub(crate) input: Matrix,
    /// W (outputs x inputs): what the gradient by the inputs is a product with.
    pub(crate) weights: Vec<f32>,
}

impl Hardware<'_> {
    /// X W^T, without the biases, for what a layer reads, of at least zero, and the factors.
    pub(crate) fn multiply(
        &self,
        layer: &Layer,
        input: Matrix,
        rng: &mut impl Rng,
    ) -> Result<(Matrix, Factors), HardwareError> {
        let Shape { inputs, outputs, .. } = layer.shape;
        let with = |input: Matrix, weights: Vec<f32>| {
            let view = MatrixView::row_major(&weights, outputs, inputs);
            (product(input.view(), view.transpose(), None), Factors { input, weights })
        };
        match *self {
            Self::Exact => Ok(with(input, layer.weights.clone())),
            Self::Memory(Memory { bits, probability }) => {
                let misread = Stored::new(&layer.weights, bits).misread(probability, rng);
                Ok(with(input, misread.weights()))
            }
            Self::Multiplier(table) => {
                let stored = Stored::new(&layer.weights, 8);
                let codes = Codes::of(&input);
                let mut sums = vec![0; input.rows() * outputs];
                let shape = [input.rows(), inputs, outputs];
                let right = transposed(&stored.codes, inputs);
                table.multiply(&codes.codes, &right, shape, &mut sums)?;
                let unit = codes.step * stored.step;
                let numbers = sums.into_iter().map(|sum| sum as f32 * unit).collect();
                let output = Matrix::from_rows(input.rows(), outputs, numbers);
                let factors = Factors { input: codes.values(&input), weights: stored.weights() };
                Ok((output, factors))
            }
            Self::Sampling { estimator, ratio } => {
                let (x, w) = (input.view(), layer.matrix());
                let scores = column_row_scores(x, w.transpose());
                let k = budget(inputs, ratio, 1);
                let pairs = estimator.select(&scores, k, rng)?;
                let output = product(x, w.transpose(), Some(&pairs));
                let mut scaled = input;
                scale_columns(scaled.data_mut(), inputs, &pairs);
                let mut weights = layer.weights.clone();
                scale_columns(&mut weights, inputs, &pairs);
                Ok((output, Factors { input: scaled, weights }))
            }
        }
    }
}

/// AB as a matrix, over some pairs where there is a selection.
pub(crate) fn product(a: MatrixView<f32>, b: MatrixView<f32>, pairs: Option<&Selection>) -> Matrix {
    let mut c = Matrix::zeros(a.rows(), b.columns());
    let product = Product::new(a, b);
    let product = pairs.map_or(product, |pairs| product.over(pairs));
    product.write_to(c.view_mut()).unwrap_or_else(|error| panic!("{error}"));
    c
}

/// Multiplies each column by the scale of its pair, which is zero where the pair is not selected.
fn scale_columns(numbers: &mut [f32], columns: usize, pairs: &Selection) {
    let mut scales = vec![0.0; columns];
    for (&index, &scale) in pairs.indices().iter().zip(pairs.scales()) {
        scales[index as usize] = scale as f32;
    }
    for row in numbers.chunks_exact_mut(columns) {
        row.iter_mut().zip(&scales).for_each(|(number, scale)| *number *= scale);
    }
}

/// Codes in two's complement, a row an output, as a table takes them: a row an input.
pub(crate) fn transposed(codes: &[i8], inputs: usize) -> Vec<u8> {
    let column =
        |input: usize| codes[input..].iter().step_by(inputs).map(|code| code.cast_unsigned());
    (0..inputs).flat_map(column).collect()
}

/// Activations as unsigned codes.
struct Codes {
    codes: Vec<u8>,
    step: f32,
}

impl Codes {
    fn of(input: &Matrix) -> Self {
        let step = step_of(input.data());
        let codes = input.data().iter().map(|&activation| unsigned_code(activation, step));
        Self { codes: codes.collect(), step }
    }

    fn values(&self, like: &Matrix) -> Matrix {
        let values = self.codes.iter().map(|&code| f32::from(code) * self.step).collect();
        Matrix::from_rows(like.rows(), like.columns(), values)
    }
}

/// What a code of one stands for where the largest activation has the largest code.
pub(crate) fn step_of(activations: &[f32]) -> f32 {
    let step = activations.iter().copied().fold(0.0, f32::max) / LARGEST_CODE;
    if step.is_normal() { step } else { 1.0 }
}

/// The nearest unsigned code to an activation; what is above all has the largest.
pub(crate) fn unsigned_code(activation: f32, step: f32) -> u8 {
    (activation / step).round().clamp(0.0, LARGEST_CODE) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multiplier::Multiplier;
    use crate::network::Network;
    use kernels::random::Stream;
    use theory::extremes::largest;

    fn example() -> (Layer, Matrix) {
        let stream = Stream::new(4, "hardware");
        let layer = Network::perceptron([30, 20, 3], stream).layers[0].clone();
        let values = (0..7 * 30).map(|place| libm::sinf(place as f32).abs()).collect();
        (layer, Matrix::from_rows(7, 30, values))
    }

    fn multiply(hardware: Hardware) -> (Matrix, Factors) {
        let (layer, input) = example();
        hardware.multiply(&layer, input, &mut Stream::new(5, "draw").at(0)).unwrap()
    }

    fn distance(one: &[f32], other: &[f32]) -> f64 {
        largest(one.iter().zip(other).map(|(x, y)| f64::from((x - y).abs())))
    }

    #[test]
    fn hardware_without_faults_multiplies_nearly_exactly() {
        let (exact, _) = multiply(Hardware::Exact);
        let table = Multiplier::EXACT.table();
        for hardware in [
            Hardware::Memory(Memory { bits: 8, probability: 0.0 }),
            Hardware::Multiplier(&table),
            Hardware::Sampling { estimator: Estimator::Bernoulli, ratio: 1.0 },
        ] {
            let found = distance(multiply(hardware).0.data(), exact.data());
            // Thirty products of numbers up to 1 and 0.18, each rounded by half a step of 1/127.
            assert!(found < 0.01, "{hardware:?}: {found}");
        }
        let faulty = Hardware::Memory(Memory { bits: 8, probability: 0.05 });
        assert!(distance(multiply(faulty).0.data(), exact.data()) > 0.1);
    }

    #[test]
    fn the_product_of_the_factors_is_the_output() {
        let (_, input) = example();
        let table = Multiplier::EXACT.table();
        for hardware in [
            Hardware::Exact,
            Hardware::Memory(Memory { bits: 8, probability: 0.05 }),
            Hardware::Multiplier(&table),
        ] {
            let (output, factors) = multiply(hardware);
            let weights = MatrixView::row_major(&factors.weights, 20, 30);
            let again = product(factors.input.view(), weights.transpose(), None);
            assert!(distance(again.data(), output.data()) < 1e-5, "{hardware:?}");
        }
        // Of a sampled product either factor has the scales, and the other one is as it was.
        let (output, factors) =
            multiply(Hardware::Sampling { estimator: Estimator::Bernoulli, ratio: 0.5 });
        let (layer, _) = example();
        let with_input = product(factors.input.view(), layer.matrix().transpose(), None);
        let weights = MatrixView::row_major(&factors.weights, 20, 30);
        let with_weights = product(input.view(), weights.transpose(), None);
        assert!(distance(with_input.data(), output.data()) < 1e-5);
        assert!(distance(with_weights.data(), output.data()) < 1e-5);
        assert!(distance(output.data(), multiply(Hardware::Exact).0.data()) > 0.01);
    }

    #[test]
    fn an_estimator_that_cannot_choose_is_an_error() {
        let (layer, input) = example();
        let estimator = Estimator::AdaptiveTopK { share: 2.0 };
        let hardware = Hardware::Sampling { estimator, ratio: 0.5 };
        let error = hardware.multiply(&layer, input, &mut Stream::new(5, "draw").at(0));
        let sentence = "no column-row pairs could be chosen: a share of 2 of the scores was asked";
        assert!(error.unwrap_err().to_string().starts_with(sentence));
    }
}
