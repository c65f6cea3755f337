//! The pair of random matrices that the error exhibits multiply, and how far a
//! sampled product is from the exact one.

use kernels::InstructionSet;
use kernels::matrix::{MatrixView, MatrixViewMut};
use kernels::product::{matmul, matmul_selected};
use kernels::random::{LibmFloat, Stream, sample, standard_normal};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::selection::Selection;
use rand_distr::LogNormal;
use serde::{Deserialize, Serialize};

/// How the entries of A and B are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Entries N(0, 1): the pairs point in all directions.
    ZeroMean,
    /// Entries N(1, 1): the pairs point the same way, as activations after ReLU do.
    UnitMean,
    /// Entries N(0, 1), column i of A times exp(1.5 z_i) with z_i from N(0, 1): a few pairs
    /// carry most of the product.
    HeavyTailed,
    /// Entries N(0, 1), but every second pair is nearly the negative of the one before it: the
    /// pairs cancel.
    Opposing,
}

impl Distribution {
    /// Name in tables and file names.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::ZeroMean => "zero-mean",
            Distribution::UnitMean => "unit-mean",
            Distribution::HeavyTailed => "heavy-tailed",
            Distribution::Opposing => "opposing",
        }
    }

    /// Heading of a panel.
    pub fn title(self) -> &'static str {
        match self {
            Distribution::ZeroMean => "entries N(0, 1)",
            Distribution::UnitMean => "entries N(1, 1)",
            Distribution::HeavyTailed => "N(0, 1), column norms log-normal",
            Distribution::Opposing => "N(0, 1), neighbours cancel",
        }
    }
}

/// A (m x n), B (n x p), their exact product and what the closed forms need of them.
pub struct MatrixPair {
    m: usize,
    n: usize,
    p: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    exact: Vec<f64>,
    /// w_i = |A_i| |B^i|.
    pub scores: Vec<f64>,
    /// <G_i, G_j> = <A_i, A_j> <B^i, B^j> for the pair products G_i = A_i B^i, n x n.
    pub inner_products: Vec<f64>,
    /// |A|_F |B|_F, by which errors are divided.
    pub scale: f64,
}

impl MatrixPair {
    /// The pair that belongs to the seed.
    pub fn generate(
        distribution: Distribution,
        (m, n, p): (usize, usize, usize),
        seed: u64,
        instructions: InstructionSet,
    ) -> Self {
        let stream = Stream::new(seed, "matrices").child(distribution.name());
        let mean = if distribution == Distribution::UnitMean { 1.0 } else { 0.0 };
        let draw = |name: &str, count: usize| -> Vec<f64> {
            let mut rng = stream.child(name).at(0);
            (0..count).map(|_| mean + standard_normal(&mut rng)).collect()
        };
        let mut a = draw("a", m * n);
        let mut b = draw("b", n * p);
        if distribution == Distribution::HeavyTailed {
            let mut rng = stream.child("column norms").at(0);
            let log_normal = LogNormal::new(LibmFloat(0.0), LibmFloat(1.5));
            let log_normal = log_normal.expect("a finite deviation");
            let factors: Vec<f64> = (0..n).map(|_| sample(&log_normal, &mut rng)).collect();
            for (entry, factor) in a.iter_mut().zip(factors.iter().cycle()) {
                *entry *= factor;
            }
        }
        if distribution == Distribution::Opposing {
            for pair in (1..n).step_by(2) {
                for row in a.chunks_exact_mut(n) {
                    row[pair] = 0.3 * row[pair] - row[pair - 1];
                }
                let (before, from) = b.split_at_mut(pair * p);
                for (entry, neighbour) in from[..p].iter_mut().zip(&before[(pair - 1) * p..]) {
                    *entry = 0.3 * *entry + neighbour;
                }
            }
        }
        let left = MatrixView::row_major(&a, m, n);
        let right = MatrixView::row_major(&b, n, p);
        let scores = pair_scores(&column_norms(left), &row_norms(right));
        let mut exact = vec![0.0; m * p];
        matmul(instructions, left, right, MatrixViewMut::row_major(&mut exact, m, p));
        let mut inner_products = vec![0.0; n * n];
        let mut of_rows = vec![0.0; n * n];
        let square = |c| MatrixViewMut::row_major(c, n, n);
        matmul(instructions, left.transpose(), left, square(&mut inner_products));
        matmul(instructions, right, right.transpose(), square(&mut of_rows));
        for (entry, factor) in inner_products.iter_mut().zip(&of_rows) {
            *entry *= factor;
        }
        let scale = norm(&a) * norm(&b);
        MatrixPair { m, n, p, a, b, exact, scores, inner_products, scale }
    }

    /// Puts the sampled product minus the exact one into `error` (m x p, row-major).
    pub fn error_into(
        &self,
        selection: &Selection,
        instructions: InstructionSet,
        error: &mut Vec<f64>,
    ) {
        error.resize(self.m * self.p, 0.0);
        matmul_selected(
            instructions,
            MatrixView::row_major(&self.a, self.m, self.n),
            MatrixView::row_major(&self.b, self.n, self.p),
            selection,
            MatrixViewMut::row_major(error, self.m, self.p),
        );
        for (entry, exact) in error.iter_mut().zip(&self.exact) {
            *entry -= exact;
        }
    }

    /// The largest singular value of an error matrix, by 60 steps of power iteration on E'E,
    /// which at these sizes leaves it at most about one per cent low.
    pub fn spectral_norm(&self, error: &[f64], instructions: InstructionSet) -> f64 {
        let matrix = MatrixView::row_major(error, self.m, self.p);
        let mut v = vec![1.0 / (self.p as f64).sqrt(); self.p];
        let (mut image, mut next) = (vec![0.0; self.m], vec![0.0; self.p]);
        let mut value = 0.0;
        for _ in 0..60 {
            let column = MatrixViewMut::row_major(&mut image, self.m, 1);
            matmul(instructions, matrix, MatrixView::row_major(&v, self.p, 1), column);
            let row = MatrixViewMut::row_major(&mut next, 1, self.p);
            matmul(instructions, MatrixView::row_major(&image, 1, self.m), matrix, row);
            // |E'E v| for a unit vector v tends to the square of the singular value.
            let length = norm(&next);
            if length == 0.0 {
                return 0.0;
            }
            value = length.sqrt();
            for (entry, next) in v.iter_mut().zip(&next) {
                *entry = next / length;
            }
        }
        value
    }
}

/// Frobenius norm.
pub fn norm(entries: &[f64]) -> f64 {
    entries.iter().map(|entry| entry * entry).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Estimator;

    /// Mean of the squared error over draws, its standard error, and the closed form.
    fn measured(estimator: Estimator, k: usize) -> (f64, f64, f64) {
        let set = InstructionSet::Portable;
        let pair = MatrixPair::generate(Distribution::UnitMean, (4, 8, 5), 1, set);
        let stream = Stream::new(3, estimator.name());
        let mut error = Vec::new();
        let draws = 20_000;
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for draw in 0..draws {
            let selection = estimator.select(&pair.scores, k, &mut stream.at(draw)).unwrap();
            pair.error_into(&selection, set, &mut error);
            let square = norm(&error) * norm(&error);
            sum += square;
            sum_of_squares += square * square;
        }
        let count = draws as f64;
        let mean = sum / count;
        let variance = (sum_of_squares / count - mean * mean).max(0.0);
        let law = estimator.law(&pair.scores, k).unwrap();
        (mean, (variance / count).sqrt(), law.expected_squared_error(&pair.inner_products))
    }

    #[test]
    fn every_formula_is_the_mean_over_many_draws() {
        for estimator in Estimator::ALL {
            let (mean, deviation, formula) = measured(estimator, 3);
            assert!(
                (mean - formula).abs() <= 5.0 * deviation + 1e-9 * formula,
                "{estimator}: measured {mean} ± {deviation}, closed form {formula}"
            );
        }
    }

    #[test]
    fn the_formula_of_another_estimator_is_rejected() {
        let (mean, deviation, _) = measured(Estimator::UniformWithReplacement, 3);
        let (_, _, wrong) = measured(Estimator::UniformWithoutReplacement, 3);
        assert!((mean - wrong).abs() > 5.0 * deviation);
    }

    fn pair(distribution: Distribution) -> MatrixPair {
        MatrixPair::generate(distribution, (5, 7, 6), 1, InstructionSet::Portable)
    }

    #[test]
    fn keeping_every_pair_leaves_no_error() {
        let pair = pair(Distribution::UnitMean);
        let mut error = Vec::new();
        pair.error_into(&Selection::all(7), InstructionSet::Portable, &mut error);
        assert_eq!(norm(&error), 0.0);
    }

    #[test]
    fn the_inner_products_sum_to_the_square_of_the_exact_product() {
        let pair = pair(Distribution::ZeroMean);
        let total: f64 = pair.inner_products.iter().sum();
        assert!((total / norm(&pair.exact).powi(2) - 1.0).abs() < 1e-12);
        assert!((pair.inner_products[0].sqrt() / pair.scores[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_spectral_norm_of_a_matrix_of_rank_one_is_its_frobenius_norm() {
        let pair = pair(Distribution::ZeroMean);
        let error: Vec<f64> =
            (0..30).map(|i| f64::from(i / 6 + 1) * (f64::from(i % 6) - 1.0)).collect();
        assert!(
            (pair.spectral_norm(&error, InstructionSet::Portable) / norm(&error) - 1.0).abs()
                < 1e-12
        );
    }
}
