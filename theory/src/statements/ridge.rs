//! T7: sampling the forward pass of a linear regression adds a ridge penalty to its loss.
//!
//! The loss is (1/N) |X diag(Z/p) beta - Y|_F^2, the gradient goes through the sampled entries
//! only. Squared losses see the variance of the prediction, and that variance is the penalty.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form::{bernoulli_best_uncapped, regression_ridge};
use crate::controls::Mistake;
use crate::enumeration::Outcome;
use crate::extremes::largest;
use crate::matrices::{Factors, norm_squared, small, squared_distance};
use crate::moments::ROUNDINGS;
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::product::{matmul, matmul_selected_rows};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms, row_norms};
use kernels::{Estimator, InstructionSet, MatrixView, MatrixViewMut, Selection};
use nalgebra::DMatrix;

/// T7, the loss.
pub static LOSS: Claim = Claim::new(
    "T7.loss",
    "Sampled linear regression is ridge regression",
    "The expected loss of linear regression with Bernoulli-CRS in the forward pass is the exact \
     loss plus a ridge penalty that depends on the data.",
    r"\mathbb{E}\hat L=L+\frac1N\sum_i\frac{1-p_i}{p_i}\|X_i\|^2\|\beta^i\|^2",
    "proved in paper-notes/ridge.md",
    "ridge.md",
);

/// T7, the gradient.
pub static GRADIENT: Claim = Claim::new(
    "T7.gradient",
    "Sampled linear regression descends the ridge loss",
    "The gradient through the sampled entries is an unbiased estimate of the gradient of the \
     expected loss, with the probabilities held fixed and positive for every feature that is not \
     zero, also where its weights are.",
    r"\mathbb{E}\nabla\hat L=\nabla L+\frac2N\sum_i\frac{1-p_i}{p_i}\|X_i\|^2\,e_i\beta^i",
    "proved in paper-notes/ridge.md",
    "ridge.md",
);

/// T7, the penalty of probabilities that follow the weights.
pub static ADAPTIVE: Claim = Claim::new(
    "T7.adaptive",
    "With the best probabilities the penalty is a squared weighted 1-norm",
    "Where the probabilities follow the weights by water-filling and none is cut off, the penalty \
     is the squared sum of the scores over k less the sum of their squares.",
    r"\mathbb{E}\hat L-L=\frac1N\Bigl(\frac1k\bigl(\textstyle\sum_i\|X_i\|\|\beta^i\|\bigr)^2-\sum_i\|X_i\|^2\|\beta^i\|^2\Bigr)",
    "proved in paper-notes/ridge.md",
    "ridge.md",
);

/// T7, the gradient where the probabilities follow the weights.
pub static ENVELOPE: Claim = Claim::new(
    "T7.envelope",
    "The gradient stays right where the best probabilities follow the weights",
    "Water-filling minimises the penalty at a fixed budget, so to first order a change of the \
     probabilities does not change it: the gradient through the sampled entries is also that of \
     the expected loss with the probabilities as a function of the weights.",
    r"\mathbb{E}\nabla_\beta\hat L\big|_{p}=\nabla_\beta\,\mathbb{E}\hat L\big|_{p=p(\beta)}",
    "proved in paper-notes/ridge.md (envelope theorem)",
    "ridge.md",
);

/// A regression of Y (N x c) on X (N x n) at the weights beta (n x c).
#[derive(Clone, Debug)]
struct Regression {
    factors: Factors,
    target: DMatrix<f64>,
}

impl Regression {
    fn new(settings: &Settings, factors: Factors) -> Self {
        let mut rng = Stream::new(settings.seed, "regression").child(&factors.name).at(0);
        let shape = (factors.a.nrows(), factors.b.ncols());
        let target = DMatrix::from_fn(shape.0, shape.1, |_, _| standard_normal(&mut rng));
        Self { factors, target }
    }

    fn samples(&self) -> usize {
        self.target.nrows()
    }

    fn loss(&self, set: InstructionSet, kept: &Selection) -> f64 {
        squared_distance(&self.factors.estimate(set, kept), &self.target) / self.samples() as f64
    }

    /// (2/N) diag(Z/p) X^T (X diag(Z/p) beta - Y), by the kernels of a layer sampled forward.
    fn gradient(&self, set: InstructionSet, kept: &Selection) -> DMatrix<f64> {
        let residual = self.factors.estimate(set, kept) - &self.target;
        let columns = residual.ncols();
        let mut rows = DMatrix::zeros(kept.len(), columns);
        let transposed = MatrixView::from(&self.factors.a).transpose();
        let output = MatrixViewMut::from(&mut rows);
        matmul_selected_rows(set, transposed, (&residual).into(), kept, output);
        let mut gradient = DMatrix::zeros(self.factors.pairs(), columns);
        for (position, &index) in kept.indices().iter().enumerate() {
            gradient.row_mut(index as usize).copy_from(&rows.row(position));
        }
        gradient * (2.0 / self.samples() as f64)
    }

    /// The gradient of the exact loss plus that of the penalty.
    fn ridge_gradient(&self, set: InstructionSet, p: &[f64], ridge: Ridge) -> DMatrix<f64> {
        let residual = self.factors.exact(set) - &self.target;
        let (n, columns) = self.factors.b.shape();
        let mut gradient = DMatrix::zeros(n, columns);
        let transposed = MatrixView::from(&self.factors.a).transpose();
        matmul(set, transposed, (&residual).into(), MatrixViewMut::from(&mut gradient));
        for (index, norm) in column_norms((&self.factors.a).into()).into_iter().enumerate() {
            let weight = match ridge {
                Ridge::Present if p[index] > 0.0 => (1.0 - p[index]) / p[index] * norm * norm,
                _ => 0.0,
            };
            let penalty = self.factors.b.row(index) * weight;
            let mut row = gradient.row_mut(index);
            row += penalty;
        }
        gradient * (2.0 / self.samples() as f64)
    }
}

/// Whether the prediction has the penalty; without it, a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ridge {
    Present,
    Forgotten,
}

/// Loss and gradient of every small regression, enumerated, against their predictions.
fn enumerated(
    settings: &Settings,
    sampler: &Sampler,
    ridge: Ridge,
) -> Result<Vec<Verdict>, CheckError> {
    let (mut losses, mut gradients, mut adaptive) = (Vec::new(), Vec::new(), Vec::new());
    let set = settings.set;
    for (factors, k) in small(settings.seed, 6).into_iter().flat_map(|f| [(f.clone(), 2), (f, 4)]) {
        let regression = Regression::new(settings, factors);
        let scores = regression.factors.scores();
        let p = Estimator::Bernoulli.law(&scores, k)?.inclusion();
        let outcomes = sampler.outcomes(&scores, k)?;
        let check = format!("enumeration of {sampler}: {}, k = {k}", regression.factors.name);
        let exact = regression.loss(set, &Selection::all(scores.len()));
        let norms = column_norms((&regression.factors.a).into());
        let weights = row_norms((&regression.factors.b).into());
        let penalty = regression_ridge(&norms, &p, &weights, regression.samples());
        let (mean, most) = expectation(&outcomes, |kept| regression.loss(set, kept));
        let allowed = ROUNDINGS * f64::EPSILON * most;
        let size = Exact::Enumerated(outcomes.len());
        let predicted = exact + if ridge == Ridge::Present { penalty } else { 0.0 };
        losses.push(Verdict::exact(
            &LOSS,
            check.clone(),
            mean,
            predicted,
            allowed,
            size,
            "Sampling a linear regression does not amount to the ridge penalty it is said to.",
        ));
        let prediction = regression.ridge_gradient(set, &p, ridge);
        let mut error = -prediction;
        let mut norms = vec![norm_squared(&error).sqrt()];
        for outcome in &outcomes {
            let gradient = regression.gradient(set, &outcome.selection);
            norms.push(norm_squared(&gradient).sqrt());
            error += gradient * outcome.probability;
        }
        gradients.push(Verdict::exact(
            &GRADIENT,
            check.clone(),
            norm_squared(&error).sqrt(),
            0.0,
            ROUNDINGS * f64::EPSILON * largest(norms),
            size,
            "Sampled training of a linear model descends another loss than the penalised one.",
        ));
        if p.iter().all(|&p| p < 1.0) {
            adaptive.push(Verdict::exact(
                &ADAPTIVE,
                check,
                mean - exact,
                bernoulli_best_uncapped(&scores, k) / regression.samples() as f64,
                allowed,
                size,
                "The penalty of probabilities that follow the weights is another one.",
            ));
        }
    }
    Ok(vec![worst(losses)?, worst(gradients)?, worst(adaptive)?])
}

/// The mean of the sampled gradient, entry (0, 0), against the central difference of the expected
/// loss with the probabilities of the estimator following the weights.
fn following(settings: &Settings, estimator: Estimator) -> Result<Verdict, CheckError> {
    const STEP: f64 = 1e-5;
    let (set, sampler, k) = (settings.set, Sampler::right(estimator), 2);
    let mut found = Vec::new();
    // Two Gaussian families and one dominating pair; the others have a zero score or ties, where
    // the probabilities have kinks.
    for factors in [0, 1, 3].map(|kind| small(settings.seed, 6).swap_remove(kind)) {
        let expected = |step: f64| {
            let mut moved = factors.clone();
            moved.b[(0, 0)] += step;
            let outcomes = sampler.outcomes(&moved.scores(), k)?;
            let moved = Regression::new(settings, moved);
            Ok::<_, CheckError>(expectation(&outcomes, |kept| moved.loss(set, kept)))
        };
        let ((above, most), (below, _)) = (expected(STEP)?, expected(-STEP)?);
        let outcomes = sampler.outcomes(&factors.scores(), k)?;
        let regression = Regression::new(settings, factors);
        let gradients = outcomes.iter().map(|outcome| {
            outcome.probability * regression.gradient(set, &outcome.selection)[(0, 0)]
        });
        found.push(Verdict::exact(
            &ENVELOPE,
            format!("enumeration of {sampler}: {}, k = {k}", regression.factors.name),
            gradients.sum(),
            (above - below) / (2.0 * STEP),
            // The truncation of a central difference and the roundings of its two losses.
            (STEP * STEP + ROUNDINGS * f64::EPSILON / STEP) * most,
            Exact::Enumerated(3 * outcomes.len()),
            "Training descends another loss than the expected one as the probabilities move.",
        ));
    }
    worst(found)
}

/// The mean of a number over the outcomes, and the largest value.
fn expectation(outcomes: &[Outcome], value: impl Fn(&Selection) -> f64) -> (f64, f64) {
    let values: Vec<f64> = outcomes.iter().map(|outcome| value(&outcome.selection)).collect();
    let mean =
        outcomes.iter().zip(&values).fold(0.0, |mean, (o, x)| o.probability.mul_add(*x, mean));
    (mean, largest(values))
}

/// Loss, gradient and the penalty of the best probabilities, fixed and moving.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = enumerated(settings, &Sampler::right(Estimator::Bernoulli), Ridge::Present)?;
    found.push(following(settings, Estimator::Bernoulli)?);
    Ok(found)
}

/// The penalty forgotten, samplers with a mistake, and probabilities that are not the best and
/// follow the weights: each must fail.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let right = Sampler::right(Estimator::Bernoulli);
    let mut found = enumerated(settings, &right, Ridge::Forgotten)?;
    found.retain(|verdict| verdict.claim().id != ADAPTIVE.id);
    for mistake in [Mistake::MissingScale, Mistake::ScaleOfNextBudget] {
        let wrong = Sampler::wrong(Estimator::Bernoulli, mistake);
        found.extend(enumerated(settings, &wrong, Ridge::Present)?);
    }
    found.push(following(settings, Estimator::BernoulliAsReleased)?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn sampling_is_the_ridge_penalty_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
