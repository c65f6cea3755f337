//! T10: stochastic gradient descent with sampled gradients stays below the bound of the textbook.
//!
//! The problem is linear regression, f(beta) = |X beta - y|^2 / (2N), whose constants L, f* are
//! known; the gradient X^T r / N is a product over the samples and is drawn by column-row sampling.
//! Its variance at each step is the closed form of T2.

use crate::claim::{CheckError, Claim, Scale, Settings, Verdict};
use crate::closed_form::column_row_best;
use crate::matrices::{Factors, norm_squared};
use crate::statistics::Sample;
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// T10, the bound.
pub static BOUND: Claim = Claim::new(
    "T10.bound",
    "Convergence of SGD with sampled gradients",
    "For steps eta of at most 1/L, the mean squared gradient norm along the run is at most the \
     initial excess over eta T and the variance along the run times L eta.",
    r"\frac1T\sum_t\mathbb{E}\|\nabla f(\beta_t)\|^2\le\frac{2(f_0-f^*)}{\eta T}+L\eta\,\frac1T\sum_t\mathbb{E}\sigma_t^2",
    "Bottou, Curtis, Nocedal 2018, theorem 4.8; proved in paper-notes/sgd-convergence.md",
    "sgd-convergence.md",
);

/// T10, the rate.
pub static RATE: Claim = Claim::new(
    "T10.rate",
    "Rate of SGD with the best step",
    "With steps proportional to the inverse root of T, the mean squared gradient norm falls as the \
     inverse root of T or faster.",
    r"\eta\propto T^{-1/2}\ \Rightarrow\ \frac1T\sum_t\mathbb{E}\|\nabla f(\beta_t)\|^2=O(T^{-1/2})",
    "from T10.bound",
    "sgd-convergence.md",
);

/// The regression with its constants.
#[derive(Clone, Debug)]
pub struct Problem {
    input: DMatrix<f64>,
    target: DVector<f64>,
    /// L, the largest eigenvalue of X^T X / N.
    pub smoothness: f64,
    /// f*, the least loss.
    pub least: f64,
}

/// What is summed along a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// The mean of |grad f|^2 over the steps.
    pub gradient: f64,
    /// The mean of the variance of the sampled gradient over the steps.
    pub variance: f64,
}

const SAMPLES: usize = 32;
const FEATURES: usize = 8;
const BUDGET: usize = 4;

impl Problem {
    /// A random problem, N(0, 1) entries, whose least loss is not zero.
    pub fn random(seed: u64) -> Self {
        let mut rng = Stream::new(seed, "regression problem").at(0);
        let input = DMatrix::from_fn(SAMPLES, FEATURES, |_, _| standard_normal(&mut rng));
        let target = DVector::from_fn(SAMPLES, |_, _| 3.0 * standard_normal(&mut rng));
        // By the kernels: nalgebra's product of larger matrices depends on the processor.
        let factors =
            Factors { name: "Hessian".to_owned(), a: input.transpose(), b: input.clone() };
        let hessian = factors.exact(InstructionSet::detect()) / SAMPLES as f64;
        let eigenvalues = hessian.clone().symmetric_eigenvalues();
        let mut problem = Self { input, target, smoothness: eigenvalues.max(), least: 0.0 };
        let right = problem.input.transpose() * &problem.target / SAMPLES as f64;
        // A Gaussian matrix of four times as many rows as columns has full column rank.
        if let Some(factor) = hessian.cholesky() {
            problem.least = problem.loss(&factor.solve(&right));
        }
        problem
    }

    fn loss(&self, weights: &DVector<f64>) -> f64 {
        (&self.input * weights - &self.target).norm_squared() / (2.0 * SAMPLES as f64)
    }

    /// The excess of the starting point, all weights zero.
    pub fn excess(&self) -> f64 {
        self.loss(&DVector::zeros(FEATURES)) - self.least
    }

    /// One run of `steps` steps of size `step`.
    ///
    /// # Errors
    /// When the sampler refuses its input.
    pub fn run(
        &self,
        settings: &Settings,
        name: &str,
        repeat: u64,
        steps: usize,
        step: f64,
    ) -> Result<Run, CheckError> {
        let stream = Stream::new(settings.seed, name).child(&steps.to_string());
        let mut rng = stream.at(repeat);
        let mut weights = DVector::zeros(FEATURES);
        let mut run = Run::default();
        let mut factors = Factors {
            name: "gradient".to_owned(),
            a: DMatrix::zeros(1, SAMPLES),
            b: self.input.clone(),
        };
        for _ in 0..steps {
            let residual = (&self.input * &weights - &self.target) / SAMPLES as f64;
            factors.a.copy_from(&residual.transpose());
            let square = norm_squared(&factors.exact(settings.set));
            let scores = factors.scores();
            run.gradient += square / steps as f64;
            run.variance += column_row_best(&scores, BUDGET, square) / steps as f64;
            let kept = Estimator::ColumnRow.select(&scores, BUDGET, &mut rng)?;
            let gradient = factors.estimate(settings.set, &kept);
            weights -= gradient.transpose() * step;
        }
        Ok(run)
    }

    /// Independent runs.
    ///
    /// # Errors
    /// When the sampler refuses its input.
    pub fn runs(
        &self,
        settings: &Settings,
        name: &str,
        steps: usize,
        step: f64,
    ) -> Result<Vec<Run>, CheckError> {
        let repeats = if settings.scale == Scale::Quick { 20 } else { 100 };
        let run = |repeat| self.run(settings, name, repeat, steps, step);
        (0..repeats).into_par_iter().map(run).collect()
    }
}

/// The numbers of steps that are run.
fn lengths(settings: &Settings) -> Vec<usize> {
    let last = if settings.scale == Scale::Quick { 10 } else { 13 };
    (6..=last).map(|power| 1 << power).collect()
}

/// Upper confidence limit of the excess over the bound, with the variance times `noise`.
fn below_bound(settings: &Settings, noise: f64) -> Result<Vec<Verdict>, CheckError> {
    let problem = Problem::random(settings.seed);
    let steps = lengths(settings).last().copied().unwrap_or(1);
    let mut found = Vec::new();
    for share in [1.0, 0.3, 0.1] {
        let step = share / problem.smoothness;
        let runs = problem.runs(settings, "bound", steps, step)?;
        let start = 2.0 * problem.excess() / (step * steps as f64);
        let excesses = runs
            .iter()
            .map(|run| run.gradient - start - noise * problem.smoothness * step * run.variance);
        let sample = Sample::of(excesses);
        found.push(Verdict::at_most(
            &BOUND,
            format!(
                "upper limit of the mean squared gradient less its bound, {} runs of {steps} steps of {share} / L",
                sample.count()
            ),
            sample.interval().1,
            0.0,
            f64::EPSILON * problem.excess(),
            runs.len() * steps,
            "Training with sampled gradients converges worse than SGD with their variance may.",
        ));
    }
    Ok(found)
}

/// The slope of log mean squared gradient over log T, with steps proportional to T^-power.
fn rate(settings: &Settings, power: f64) -> Result<Verdict, CheckError> {
    let problem = Problem::random(settings.seed);
    let lengths = lengths(settings);
    let mut points = Vec::new();
    for &steps in &lengths {
        let scale = libm::pow(lengths[0] as f64 / steps as f64, power);
        let runs = problem.runs(settings, "rate", steps, scale / problem.smoothness)?;
        let mean = Sample::of(runs.iter().map(|run| run.gradient)).mean();
        points.push((libm::log2(steps as f64), libm::log2(mean)));
    }
    let middle =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (middle(|point| point.0), middle(|point| point.1));
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = covariance / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>();
    Ok(Verdict::at_most(
        &RATE,
        format!("slope over the lengths {lengths:?}, steps as T^-{power}"),
        slope,
        -0.5,
        // Between -1/2 and the slopes of other schedules: a twentieth, for the noise of the means.
        0.05,
        lengths.iter().sum::<usize>(),
        "Training with sampled gradients converges more slowly than the inverse root of its length.",
    ))
}

/// The bound and the rate.
///
/// # Errors
/// When the sampler refuses its input.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = below_bound(settings, 1.0)?;
    found.push(rate(settings, 0.5)?);
    Ok(found)
}

/// The bound without noise, and a rate with steps that do not shrink: each must fail.
///
/// # Errors
/// When the sampler refuses its input.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    let mut found: Vec<Verdict> = below_bound(&settings, 0.0)?.into_iter().take(1).collect();
    found.push(rate(&settings, 0.0)?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn sgd_stays_below_its_bound_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
