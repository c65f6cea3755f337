//! The random convolution that an exhibit samples, and how far an estimate is from it.

use kernels::InstructionSet;
use kernels::convolution::scores::{input_channel_norms_into, kernel_input_norms_into};
use kernels::convolution::{ConvolutionShape, convolve, convolve_selected};
use kernels::matrix::{MatrixView, MatrixViewMut};
use kernels::product::matmul;
use kernels::random::{Stream, standard_normal};
use kernels::scores::pair_scores;
use kernels::selection::{Selection, SelectionError};

use super::matrices::{Distribution, norm};

/// Images X (B x C x H x W), kernels K (O x C x kh x kw), their exact convolution Y and what the
/// closed forms need of its sum over channels, Y = sum_c Y_c.
pub struct RandomConvolution {
    shape: ConvolutionShape,
    input: Vec<f64>,
    kernels: Vec<f64>,
    exact: Vec<f64>,
    /// w_c = |X_c|_F |K_c|_F.
    pub scores: Vec<f64>,
    /// <Y_c, Y_d>, C x C.
    pub inner_products: Vec<f64>,
    /// sqrt(kh kw) |X|_F |K|_F, by which errors are divided.
    pub scale: f64,
}

impl RandomConvolution {
    /// The convolution that belongs to the seed; entries of X and K are N(1, 1) for
    /// [`Distribution::UnitMean`], else N(0, 1).
    ///
    /// # Errors
    /// Never for a shape with at least one channel: a single channel is a selection.
    pub fn generate(
        distribution: Distribution,
        shape: ConvolutionShape,
        seed: u64,
        instructions: InstructionSet,
    ) -> Result<Self, SelectionError> {
        let stream = Stream::new(seed, "convolution").child(distribution.name());
        let mean = if distribution == Distribution::UnitMean { 1.0 } else { 0.0 };
        let draw = |name: &str, count: usize| -> Vec<f64> {
            let mut generator = stream.child(name).at(0);
            (0..count).map(|_| mean + standard_normal(&mut generator)).collect()
        };
        let input = draw("input", shape.input_len());
        let kernels = draw("kernels", shape.kernel_len());
        let channels = shape.input_channels();
        let (mut of_input, mut of_kernels) = (vec![0.0; channels], vec![0.0; channels]);
        input_channel_norms_into(instructions, &shape, &input, &mut of_input);
        kernel_input_norms_into(instructions, &shape, &kernels, &mut of_kernels);
        let mut exact = vec![0.0; shape.output_len()];
        convolve(instructions, &shape, &input, &kernels, &mut exact);
        // Row c is Y_c, the contribution of channel c.
        let mut contributions = vec![0.0; channels * shape.output_len()];
        for (channel, row) in contributions.chunks_exact_mut(shape.output_len()).enumerate() {
            let alone = Selection::new(vec![channel as u32], vec![1.0], channels)?;
            convolve_selected(instructions, &shape, &input, &kernels, &alone, row);
        }
        let rows = MatrixView::row_major(&contributions, channels, shape.output_len());
        let mut inner_products = vec![0.0; channels * channels];
        let square = MatrixViewMut::row_major(&mut inner_products, channels, channels);
        matmul(instructions, rows, rows.transpose(), square);
        let scale = (shape.taps() as f64).sqrt() * norm(&input) * norm(&kernels);
        let scores = pair_scores(&of_input, &of_kernels);
        Ok(Self { shape, input, kernels, exact, scores, inner_products, scale })
    }

    /// Puts the sampled convolution minus the exact one into `error` (B x O x Ho x Wo).
    pub fn error_into(
        &self,
        selection: &Selection,
        instructions: InstructionSet,
        error: &mut Vec<f64>,
    ) {
        error.resize(self.exact.len(), 0.0);
        convolve_selected(instructions, &self.shape, &self.input, &self.kernels, selection, error);
        for (entry, exact) in error.iter_mut().zip(&self.exact) {
            *entry -= exact;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Estimator;

    fn convolution(distribution: Distribution) -> RandomConvolution {
        let shape = ConvolutionShape::new(2, [8, 5, 4], [3, 3, 3], 1, 1).unwrap();
        RandomConvolution::generate(distribution, shape, 1, InstructionSet::Portable).unwrap()
    }

    /// Mean of the squared error over draws and its standard error.
    fn measured(estimator: Estimator, k: usize) -> (f64, f64) {
        let convolution = convolution(Distribution::UnitMean);
        let stream = Stream::new(3, estimator.name());
        let mut error = Vec::new();
        let draws = 4_000;
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for draw in 0..draws {
            let selection = estimator.select(&convolution.scores, k, &mut stream.at(draw)).unwrap();
            convolution.error_into(&selection, InstructionSet::Portable, &mut error);
            let square = norm(&error) * norm(&error);
            sum += square;
            sum_of_squares += square * square;
        }
        let mean = sum / draws as f64;
        let variance = (sum_of_squares / draws as f64 - mean * mean).max(0.0);
        (mean, (variance / draws as f64).sqrt())
    }

    fn closed_form(estimator: Estimator, k: usize) -> f64 {
        let convolution = convolution(Distribution::UnitMean);
        let law = estimator.law(&convolution.scores, k).unwrap();
        law.expected_squared_error(&convolution.inner_products)
    }

    #[test]
    fn every_formula_is_the_mean_over_many_draws() {
        for estimator in Estimator::ALL {
            let ((mean, deviation), formula) = (measured(estimator, 3), closed_form(estimator, 3));
            assert!(
                (mean - formula).abs() <= 5.0 * deviation + 1e-9 * formula,
                "{estimator}: measured {mean} ± {deviation}, closed form {formula}"
            );
        }
    }

    #[test]
    fn the_formula_of_another_estimator_is_rejected() {
        let (mean, deviation) = measured(Estimator::Bernoulli, 3);
        for other in [Estimator::ColumnRow, Estimator::UniformWithoutReplacement, Estimator::TopK] {
            let wrong = closed_form(other, 3);
            assert!((mean - wrong).abs() > 5.0 * deviation, "{other}");
        }
    }

    #[test]
    fn the_contributions_sum_to_the_convolution_and_keep_their_bound() {
        for distribution in [Distribution::ZeroMean, Distribution::UnitMean] {
            let convolution = convolution(distribution);
            let total: f64 = convolution.inner_products.iter().sum();
            assert!((total / norm(&convolution.exact).powi(2) - 1.0).abs() < 1e-12);
            let squares = convolution.inner_products.iter().step_by(9);
            for (square, score) in squares.zip(&convolution.scores) {
                assert!(*square <= 9.0 * score * score);
            }
        }
    }
}
