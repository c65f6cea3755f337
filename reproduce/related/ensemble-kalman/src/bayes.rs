//! Exact Bayesian linear regression: what the smoother has to find where the model is linear.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// The posterior of w in y = F w + e, with w ~ N(0, s^2 I) and e ~ N(0, r I): normal with precision
/// F^T F / r + I / s^2 and mean (F^T F / r + I / s^2)^-1 F^T y / r.
///
/// ```
/// use ensemble_kalman::bayes::Posterior;
/// // Prior and observation equally sure: half-way between 0 and 4.
/// let posterior = Posterior::of(&[1.0], 1, &[4.0], 1.0, 1.0).unwrap();
/// assert!((posterior.mean()[0] - 2.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Posterior {
    mean: DVector<f64>,
    precision: Cholesky<f64, Dyn>,
}

impl Posterior {
    /// The posterior for features (n x m, row-major), observations, their variance r and the
    /// variance s^2 of the prior; none where the precision is not positive definite.
    pub fn of(
        features: &[f64],
        width: usize,
        observed: &[f64],
        variance: f64,
        prior_variance: f64,
    ) -> Option<Self> {
        let mut precision = DMatrix::from_diagonal_element(width, width, 1.0 / prior_variance);
        let mut right = DVector::zeros(width);
        for (row, y) in features.chunks_exact(width).zip(observed) {
            for i in 0..width {
                for j in 0..width {
                    precision[(i, j)] += row[i] * row[j] / variance;
                }
                right[i] += row[i] * y / variance;
            }
        }
        let precision = precision.cholesky()?;
        Some(Self { mean: precision.solve(&right), precision })
    }

    /// The posterior mean.
    pub fn mean(&self) -> &[f64] {
        self.mean.as_slice()
    }

    /// How far a sample (members x m) is from the posterior, in its own units: the distance of the
    /// means in posterior standard deviations, over sqrt(m), and the Frobenius distance of the
    /// sample covariance from the posterior's, both whitened, over m.
    ///
    /// For independent draws from the posterior both are of the order 1 / sqrt(members).
    pub fn distances(&self, sample: &[f64]) -> (f64, f64) {
        let width = self.mean.len();
        let members = sample.len() / width;
        // With precision L L^T the vector L^T (w - mean) is standard normal.
        let factor = self.precision.l();
        let whitened: Vec<DVector<f64>> = sample
            .chunks_exact(width)
            .map(|w| {
                let difference = DVector::from_row_slice(w) - &self.mean;
                let row = |i: usize| (i..width).map(|j| factor[(j, i)] * difference[j]).sum();
                DVector::from_iterator(width, (0..width).map(row))
            })
            .collect();
        let sum = whitened.iter().fold(DVector::zeros(width), |sum, z| sum + z);
        let mean: DVector<f64> = sum / members as f64;
        let mut square = 0.0;
        for i in 0..width {
            for j in 0..width {
                let products = whitened.iter().map(|z| (z[i] - mean[i]) * (z[j] - mean[j]));
                let covariance = products.sum::<f64>() / (members as f64 - 1.0);
                let expected = if i == j { 1.0 } else { 0.0 };
                square += (covariance - expected) * (covariance - expected);
            }
        }
        let width = width as f64;
        (mean.norm() / width.sqrt(), square.sqrt() / width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{Stream, standard_normal};

    #[test]
    fn a_sample_of_the_posterior_is_as_far_from_it_as_its_size_says() {
        let features = [1.0, 0.5, -0.3, 2.0, 0.7, 0.1];
        let posterior = Posterior::of(&features, 2, &[1.0, -1.0, 0.5], 0.2, 1.5).unwrap();
        let mut rng = Stream::new(1, "posterior").at(0);
        let factor = posterior.precision.l().transpose();
        let members = 10_000;
        let sample: Vec<f64> = (0..members)
            .flat_map(|_| {
                let z = DVector::from_fn(2, |_, _| standard_normal(&mut rng));
                let w = factor.clone().solve_upper_triangular(&z).unwrap() + &posterior.mean;
                w.as_slice().to_vec()
            })
            .collect();
        let (mean, covariance) = posterior.distances(&sample);
        assert!(mean < 0.03 && covariance < 0.03, "{mean} {covariance}");
        let wrong: Vec<f64> = sample.iter().map(|w| w * 1.5).collect();
        assert!(posterior.distances(&wrong).1 > 0.5);
    }
}
