//! T2: the mean squared errors in closed form, as the laws of the kernels give them.

use crate::claim::{CheckError, Claim, Settings};
use crate::controls::Mistake;
use crate::matrices::{squared, squared_distance};
use crate::moments::{Case, Moments, ROUNDINGS, cases};
use crate::monte_carlo::Experiment;
use crate::sampler::{Sampler, unbiased_estimators};
use crate::statements::designs;
use crate::statements::unbiasedness::{control_experiments, experiments, mistaken_samplers};
use crate::statistics::Sample;
use crate::verdict::{Exact, Verdict, worst};
use kernels::{Estimator, InstructionSet};

/// T2 for draws with replacement.
pub static COLUMN_ROW: Claim = Claim::new(
    "T2.column-row",
    "Variance of column-row sampling",
    "The mean squared error is the second moment of one draw less the squared norm of the \
     product, over the number of draws.",
    r"\mathbb{E}\|\hat C-C\|_F^2=\frac1k\Bigl(\sum_i\frac{w_i^2}{p_i}-\|C\|_F^2\Bigr)",
    "Drineas, Kannan, Mahoney 2006, lemma 3",
    "variance.md",
);

/// T2 for Bernoulli coins.
pub static BERNOULLI: Claim = Claim::new(
    "T2.bernoulli",
    "Variance of Bernoulli-CRS",
    "The coins are independent, so the mean squared error is a sum over the pairs and does not \
     depend on their directions.",
    r"\mathbb{E}\|\hat C-C\|_F^2=\sum_i\frac{1-p_i}{p_i}w_i^2",
    "proved in paper-notes/variance.md",
    "variance.md",
);

/// T2 for uniform sampling without replacement.
pub static WITHOUT_REPLACEMENT: Claim = Claim::new(
    "T2.uniform-without-replacement",
    "Variance of uniform sampling without replacement",
    "The mean squared error is that of the sample total of a finite population.",
    r"\mathbb{E}\|\hat C-C\|_F^2=\frac{n-k}{k(n-1)}\Bigl(n\sum_i w_i^2-\|C\|_F^2\Bigr)",
    "Cochran, Sampling Techniques, theorem 2.2; proved in paper-notes/variance.md",
    "variance.md",
);

/// The claim about an unbiased estimator.
pub fn claim_about(estimator: &Estimator) -> &'static Claim {
    match estimator {
        Estimator::Bernoulli | Estimator::BernoulliAsReleased => &BERNOULLI,
        Estimator::UniformWithoutReplacement => &WITHOUT_REPLACEMENT,
        Estimator::WinnerTakeAll | Estimator::Systematic | Estimator::ConditionalPoisson => {
            &designs::VARIANCE
        }
        _ => &COLUMN_ROW,
    }
}

/// Mean squared error over W^2 of a sampler on the worst of the cases, against the closed form of
/// the estimator that it is or claims to be.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn exact_variance(
    set: InstructionSet,
    sampler: &Sampler,
    cases: &[Case],
) -> Result<Verdict, CheckError> {
    let verdicts: Result<Vec<Verdict>, CheckError> = cases
        .iter()
        .map(|case| {
            let moments = Moments::enumerate(set, case, sampler)?;
            let scores = case.factors.scores();
            let square = squared(scores.iter().sum());
            let law = sampler.estimator.law(&scores, case.k)?;
            let prediction = case.factors.expected_squared_error(set, &law);
            Ok(Verdict::exact(
                claim_about(&sampler.estimator),
                format!("enumeration of {sampler}: {}", case.name()),
                moments.mean_squared_error / square,
                prediction / square,
                ROUNDINGS * f64::EPSILON * squared(moments.magnitude) / square,
                Exact::Enumerated(moments.outcomes),
                failure(sampler),
            ))
        })
        .collect();
    worst(verdicts?)
}

/// Student's test that the mean squared error of an experiment is the prediction. The error of the
/// sample mean is estimated by its jackknife, which for a mean is the usual standard error.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_variance(experiment: &Experiment) -> Result<Verdict, CheckError> {
    let Experiment { settings, sampler, factors, size } = experiment;
    let law = sampler.estimator.law(&factors.scores(), size.k)?;
    let prediction = factors.expected_squared_error(settings.set, &law);
    let exact = factors.exact(settings.set);
    let errors = experiment.observe("variance", |estimate| squared_distance(estimate, &exact))?;
    let relative = Sample::of(errors.iter().map(|error| error / prediction));
    Ok(Verdict::drawn(
        claim_about(&sampler.estimator),
        format!("error over prediction, {}", experiment.name()),
        &relative,
        1.0,
        relative.student(1.0),
        failure(sampler),
    ))
}

fn failure(sampler: &Sampler) -> String {
    format!(
        "The error of {sampler} is not what the formula says, so budgets chosen by it are wrong."
    )
}

/// Checks the closed form of every unbiased estimator by enumeration.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let unbiased = unbiased_estimators();
    all(settings, unbiased.map(Sampler::right))
}

/// The same check on estimators with a mistake: each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    // All pairs are alike to a uniform sampler, also with an index off by one.
    let is_harmless = |sampler: &Sampler| {
        sampler.mistake == Some(Mistake::IndexOffByOne)
            && matches!(
                sampler.estimator,
                Estimator::UniformWithReplacement | Estimator::UniformWithoutReplacement
            )
    };
    all(settings, mistaken_samplers().filter(|sampler| !is_harmless(sampler)))
}

/// Checks every unbiased estimator by Monte Carlo.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    experiments(settings).iter().map(sampled_variance).collect()
}

/// The same test on estimators with a mistake: each must fail.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found =
        control_experiments(settings, unbiased_estimators(), Mistake::ScaleOfNextBudget);
    let estimators = [Estimator::ColumnRow, Estimator::Bernoulli];
    let shifted = control_experiments(settings, estimators, Mistake::IndexOffByOne);
    found.extend(shifted.into_iter().filter(|e| e.factors.name.starts_with("heavy-tailed")));
    found.iter().map(sampled_variance).collect()
}

fn all(
    settings: &Settings,
    samplers: impl Iterator<Item = Sampler>,
) -> Result<Vec<Verdict>, CheckError> {
    let cases = cases(settings.seed);
    samplers.map(|sampler| exact_variance(settings.set, &sampler, &cases)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn enumeration_agrees_and_rejects_the_controls() {
        assert_passed(exact_checks);
        assert_rejected(exact_controls);
    }

    #[test]
    fn draws_agree_and_reject_the_controls() {
        assert_passed(sampled_checks);
        assert_rejected(sampled_controls);
    }
}
