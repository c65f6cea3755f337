//! The ensemble Kalman update with perturbed observations.
//!
//! N members have parameters t_j and predictions g_j of n observations y with independent errors of
//! variance r. With the anomalies A_t (N x P) and A_g (N x n), each row a member less the mean, the
//! update is
//!
//! ```text
//! t_j <- t_j + K (y_j - g_j),   K = C_tg (C_gg + r I)^-1,   C_tg = A_t^T A_g / (N - 1)
//! ```
//!
//! with y_j = y + sqrt(r) times a standard normal vector of its own. Only one symmetric matrix is
//! factorised, of whichever side is shorter (n observations or N members): by the identity of
//! Woodbury, A_g (A_g^T A_g + q I)^-1 = (A_g A_g^T + q I)^-1 A_g.

use crate::ensemble::anomalies;
use kernels::product::matmul;
use kernels::random::{Stream, standard_normal};
use kernels::{InstructionSet, MatrixView, MatrixViewMut};
use nalgebra::DMatrix;

/// Why an ensemble cannot be updated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UpdateError {
    /// One member has no covariance.
    #[error("an ensemble of {members} has no covariance; at least 2 members are needed")]
    TooFewMembers {
        /// How many there are.
        members: usize,
    },
    /// Observations without error leave a matrix that cannot be inverted.
    #[error("the variance of the observations is {variance}; it is a finite number above 0")]
    Variance {
        /// What it is.
        variance: f64,
    },
    /// A member predicts no number.
    #[error("member {member} predicts {value} for observation {observation}")]
    NonFinite {
        /// Which member.
        member: usize,
        /// Which observation.
        observation: usize,
        /// What it predicts.
        value: f64,
    },
    /// Rounding left no positive definite matrix.
    #[error(
        "the covariance of {observations} observations has no Cholesky factor: their variance \
         {variance} is lost beside what the members differ by"
    )]
    NotPositiveDefinite {
        /// Observations of the update.
        observations: usize,
        /// Their variance.
        variance: f64,
    },
}

/// Perturbed observations: members x observations, y plus normal errors of this variance.
pub fn perturbed(observed: &[f64], members: usize, variance: f64, stream: Stream) -> Vec<f64> {
    let deviation = variance.sqrt();
    let member = |member| {
        let mut rng = stream.at(member);
        let perturb = |y: &f64| y + deviation * standard_normal(&mut rng);
        observed.iter().map(perturb).collect::<Vec<f64>>()
    };
    (0..members as u64).flat_map(member).collect()
}

/// Which side the factorised matrix belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// n x n: C_gg + r I.
    Observations,
    /// N x N: the form of Woodbury.
    Members,
}

impl Side {
    /// The shorter one.
    pub fn shorter(observations: usize, members: usize) -> Self {
        if observations <= members { Self::Observations } else { Self::Members }
    }
}

/// Moves the parameters (N x P) of the members: each by the gain times its own innovation.
///
/// `parameter_anomalies` are those of the parameters before the update; whoever hands over others
/// gets the wrong gain. `predictions` and `observations` are N x n, the latter perturbed.
///
/// # Errors
/// When there is one member, the variance is not above zero, a prediction is not a number, or the
/// matrix has no factor.
///
/// # Panics
/// When the shapes do not fit.
pub fn update(
    side: Side,
    parameters: &mut [f64],
    parameter_anomalies: &[f64],
    predictions: &[f64],
    observations: &[f64],
    members: usize,
    variance: f64,
) -> Result<(), UpdateError> {
    if members < 2 {
        return Err(UpdateError::TooFewMembers { members });
    }
    if !(variance.is_finite() && variance > 0.0) {
        return Err(UpdateError::Variance { variance });
    }
    let (n, p) = (predictions.len() / members, parameters.len() / members);
    let view = MatrixView::row_major(predictions, members, n);
    if let Some((member, observation, value)) = view.first_non_finite() {
        return Err(UpdateError::NonFinite { member, observation, value });
    }
    let innovations: Vec<f64> = observations.iter().zip(predictions).map(|(y, g)| y - g).collect();
    let innovations = MatrixView::row_major(&innovations, members, n);
    let spread = anomalies(predictions, members);
    let spread = MatrixView::row_major(&spread, members, n);
    let parameter_anomalies = MatrixView::row_major(parameter_anomalies, members, p);
    // (N - 1) (C_gg + r I) = A_g^T A_g + q I.
    let q = variance * (members as f64 - 1.0);
    let lost = UpdateError::NotPositiveDefinite { observations: n, variance };
    let steps = match side {
        Side::Observations => {
            let gram = product(spread.transpose(), spread);
            // The rows of the innovations are the columns of their transpose.
            let solved = solve(gram, n, q, innovations.data(), members).ok_or(lost)?;
            let solved = MatrixView::column_major(&solved, n, members);
            let covariance = product(spread.transpose(), parameter_anomalies);
            let covariance = MatrixView::row_major(&covariance, n, p);
            product(solved.transpose(), covariance)
        }
        Side::Members => {
            let gram = product(spread, spread.transpose());
            let right = product(innovations, spread.transpose());
            let solved = solve(gram, members, q, &right, members).ok_or(lost)?;
            let solved = MatrixView::column_major(&solved, members, members);
            product(solved.transpose(), parameter_anomalies)
        }
    };
    parameters.iter_mut().zip(steps).for_each(|(parameter, step)| *parameter += step);
    Ok(())
}

/// AB, row-major.
fn product(a: MatrixView<f64>, b: MatrixView<f64>) -> Vec<f64> {
    let mut c = vec![0.0; a.rows() * b.columns()];
    let view = MatrixViewMut::row_major(&mut c, a.rows(), b.columns());
    matmul(InstructionSet::detect(), a, b, view);
    c
}

/// The solutions of (gram + q I) X = B by Cholesky, for the columns of B one after another; none when
/// the matrix is not positive definite.
fn solve(gram: Vec<f64>, side: usize, q: f64, right: &[f64], columns: usize) -> Option<Vec<f64>> {
    let mut matrix = DMatrix::from_vec(side, side, gram);
    for index in 0..side {
        matrix[(index, index)] += q;
    }
    let mut right = DMatrix::from_column_slice(side, columns, right);
    matrix.cholesky()?.solve_mut(&mut right);
    Some(right.as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Generator;

    fn normal(rng: &mut Generator, count: usize) -> Vec<f64> {
        (0..count).map(|_| standard_normal(rng)).collect()
    }

    /// Parameters, predictions and observations of some members.
    fn example(members: usize, n: usize, p: usize) -> [Vec<f64>; 3] {
        let mut rng = Stream::new(1, "update").at(members as u64);
        [members * p, members * n, members * n].map(|count| normal(&mut rng, count))
    }

    fn updated(side: Side, members: usize, n: usize, p: usize, variance: f64) -> Vec<f64> {
        let [mut parameters, predictions, observations] = example(members, n, p);
        let spread = anomalies(&parameters, members);
        update(side, &mut parameters, &spread, &predictions, &observations, members, variance)
            .unwrap();
        parameters
    }

    #[test]
    fn both_sides_give_the_same_update() {
        for (members, n) in [(6, 3), (4, 9), (5, 5), (30, 1)] {
            let by_observations = updated(Side::Observations, members, n, 4, 0.3);
            let by_members = updated(Side::Members, members, n, 4, 0.3);
            for (x, y) in by_observations.iter().zip(&by_members) {
                assert!((x - y).abs() < 1e-12, "{members} {n}: {x} {y}");
            }
        }
    }

    #[test]
    fn one_observation_is_the_scalar_formula() {
        let [parameters, predictions, observations] = example(7, 1, 2);
        let after = updated(Side::Observations, 7, 1, 2, 0.5);
        let (spread, of_parameters) = (anomalies(&predictions, 7), anomalies(&parameters, 7));
        let variance = spread.iter().map(|g| g * g).sum::<f64>() / 6.0;
        for parameter in 0..2 {
            let products = (0..7).map(|j| of_parameters[2 * j + parameter] * spread[j]);
            let gain = products.sum::<f64>() / 6.0 / (variance + 0.5);
            for j in 0..7 {
                let step = gain * (observations[j] - predictions[j]);
                let expected = parameters[2 * j + parameter] + step;
                assert!((after[2 * j + parameter] - expected).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn updates_stay_in_the_span_of_the_members() {
        // Two members can only move along the line through them.
        let before = example(2, 3, 2)[0].clone();
        let after = updated(Side::Members, 2, 3, 2, 0.1);
        let line = [before[2] - before[0], before[3] - before[1]];
        for member in 0..2 {
            let step = [0, 1].map(|p| after[2 * member + p] - before[2 * member + p]);
            assert!((step[0] * line[1] - step[1] * line[0]).abs() < 1e-12);
            assert!(step[0] != 0.0);
        }
    }

    #[test]
    fn what_has_no_update_is_named() {
        let attempt = |members: usize, variance: f64, prediction: f64| {
            let mut parameters = vec![0.0; members];
            let anomalies = parameters.clone();
            let mut predictions = vec![0.0; members];
            predictions[members - 1] = prediction;
            let observations = vec![1.0; members];
            let side = Side::Observations;
            update(
                side,
                &mut parameters,
                &anomalies,
                &predictions,
                &observations,
                members,
                variance,
            )
            .unwrap_err()
            .to_string()
        };
        let alone = "an ensemble of 1 has no covariance; at least 2 members are needed";
        assert_eq!(attempt(1, 1.0, 0.0), alone);
        for variance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(attempt(2, variance, 0.0).contains(&format!("is {variance}; it is")));
        }
        assert_eq!(attempt(2, 1.0, f64::NAN), "member 1 predicts NaN for observation 0");
    }

    #[test]
    fn a_variance_lost_in_rounding_is_named() {
        // Two observations that are always alike, and no variance that would tell them apart.
        let large = 2f64.powi(20);
        let predictions = [1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0].map(|x| x * large);
        let (side, mut parameters, spread) = (Side::Observations, [0.0; 4], [0.0; 4]);
        let result = update(side, &mut parameters, &spread, &predictions, &predictions, 4, 1e-300);
        let expected = UpdateError::NotPositiveDefinite { observations: 2, variance: 1e-300 };
        assert_eq!(result, Err(expected));
    }

    #[test]
    fn perturbations_have_the_variance_of_the_observations() {
        let drawn = perturbed(&[2.0; 100], 400, 0.09, Stream::new(2, "perturbed"));
        let sample = theory::statistics::Sample::of(drawn);
        assert!((sample.mean() - 2.0).abs() < 5.0 * 0.3 / 200.0, "{}", sample.mean());
        assert!((sample.variance() / 0.09 - 1.0).abs() < 5.0 * (2.0f64 / 40_000.0).sqrt());
    }
}
