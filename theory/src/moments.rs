//! Mean and mean squared error of an estimate, exactly, from every outcome of its sampler.

use crate::claim::CheckError;
use crate::enumeration::Outcome;
use crate::extremes::largest;
use crate::matrices::{Factors, norm_squared, small, squared_distance};
use crate::sampler::Sampler;
use kernels::InstructionSet;
use nalgebra::DMatrix;

/// The multiple of machine epsilon, times the magnitudes summed, by which an exact check may miss.
///
/// An outcome's probability is a product of at most twelve interval lengths, each off by the roundings
/// of a cumulative sum of a few terms; estimate and square add one each, and the weighted sum runs
/// over a few thousand outcomes, whose roundings largely cancel.
pub const ROUNDINGS: f64 = 64.0;

/// Factors and a budget to enumerate.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The factors.
    pub factors: Factors,
    /// The budget, below the number of pairs.
    pub k: usize,
}

impl Case {
    /// What it is called in a verdict.
    pub fn name(&self) -> String {
        format!("{}, n = {}, k = {}", self.factors.name, self.factors.pairs(), self.k)
    }
}

/// Every case of the enumeration: n from 2 to 6, k from 1 to 4 and below n, six kinds of factors.
pub fn cases(seed: u64) -> Vec<Case> {
    let sizes = (2..=6).flat_map(|n| (1..=4.min(n - 1)).map(move |k| (n, k)));
    sizes
        .flat_map(|(n, k)| small(seed, n).into_iter().map(move |factors| Case { factors, k }))
        .collect()
}

/// The exact moments of an estimate C_hat of C = AB.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// E C_hat.
    pub mean: DMatrix<f64>,
    /// C.
    pub exact: DMatrix<f64>,
    /// E|C_hat - C|_F^2.
    pub mean_squared_error: f64,
    /// The largest |C_hat|_F of any outcome plus W: the magnitude that roundings refer to.
    pub magnitude: f64,
    /// The number of outcomes.
    pub outcomes: usize,
}

impl Moments {
    /// The moments over outcomes and their probabilities.
    pub fn of(set: InstructionSet, factors: &Factors, outcomes: &[Outcome]) -> Self {
        let exact = factors.exact(set);
        let mut mean = DMatrix::zeros(exact.nrows(), exact.ncols());
        let (mut mean_squared_error, mut norms) = (0.0, vec![0.0]);
        for outcome in outcomes {
            let estimate = factors.estimate(set, &outcome.selection);
            mean.zip_apply(&estimate, |sum, x| *sum = outcome.probability.mul_add(x, *sum));
            let error = squared_distance(&estimate, &exact);
            mean_squared_error = outcome.probability.mul_add(error, mean_squared_error);
            norms.push(norm_squared(&estimate).sqrt());
        }
        let magnitude = largest(norms) + factors.scores().iter().sum::<f64>();
        Self { mean, exact, mean_squared_error, magnitude, outcomes: outcomes.len() }
    }

    /// The moments of a sampler on a case.
    ///
    /// # Errors
    /// Those of [`Sampler::outcomes`].
    pub fn enumerate(
        set: InstructionSet,
        case: &Case,
        sampler: &Sampler,
    ) -> Result<Self, CheckError> {
        let outcomes = sampler.outcomes(&case.factors.scores(), case.k)?;
        Ok(Self::of(set, &case.factors, &outcomes))
    }

    /// |E C_hat - C|_F.
    pub fn bias(&self) -> f64 {
        squared_distance(&self.mean, &self.exact).sqrt()
    }
}
