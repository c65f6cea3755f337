//! T2: the mean squared errors in closed form.

use crate::claim::{CheckError, Claim, Scale, Settings, Verdict};
use crate::closed_form;
use crate::controls::Mistake;
use crate::matrices::{Family, norm_squared, squared, squared_distance};
use crate::moments::{Case, Moments, ROUNDINGS, cases, worst};
use crate::monte_carlo::{Draw, Experiment, sizes};
use crate::sampler::{Sampler, draw_probabilities, inclusion_probabilities, unbiased_estimators};
use crate::statistics::Sample;
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
        _ => &COLUMN_ROW,
    }
}

/// The closed form of E|C_hat - C|_F^2 for an unbiased estimator, given |C|_F^2.
///
/// # Errors
/// When the scores give no probabilities.
pub fn predicted(
    estimator: &Estimator,
    scores: &[f64],
    k: usize,
    product_norm_squared: f64,
) -> Result<f64, CheckError> {
    Ok(match estimator {
        Estimator::Bernoulli | Estimator::BernoulliAsReleased => {
            closed_form::bernoulli(scores, &inclusion_probabilities(estimator, scores, k)?)
        }
        Estimator::UniformWithoutReplacement => {
            closed_form::uniform_without_replacement(scores, k, product_norm_squared)
        }
        _ => {
            let p = draw_probabilities(estimator, scores)?;
            closed_form::column_row(scores, &p, k, product_norm_squared)
        }
    })
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
) -> Result<Option<Verdict>, CheckError> {
    let verdicts: Result<Vec<Verdict>, CheckError> = cases
        .iter()
        .map(|case| {
            let moments = Moments::enumerate(set, case, sampler)?;
            let scores = case.factors.scores();
            let square = squared(scores.iter().sum());
            let norm = norm_squared(&moments.exact);
            let prediction = predicted(&sampler.estimator, &scores, case.k, norm)?;
            Ok(Verdict::exact(
                claim_about(&sampler.estimator),
                format!("enumeration of {sampler}: {}", case.name()),
                moments.mean_squared_error / square,
                prediction / square,
                ROUNDINGS * f64::EPSILON * squared(moments.magnitude) / square,
                moments.outcomes,
                failure(sampler),
            ))
        })
        .collect();
    Ok(worst(verdicts?))
}

/// Student's test that the mean squared error of an experiment is the prediction. The error of the
/// sample mean is estimated by its jackknife, which for a mean is the usual standard error.
///
/// # Errors
/// When the sampler refuses its input.
pub fn variance_test(
    claim: &Claim,
    experiment: &Experiment<impl Draw>,
    prediction: f64,
) -> Result<Verdict, CheckError> {
    let exact = experiment.factors.exact(experiment.settings.set);
    let errors = experiment.observe("variance", |estimate| squared_distance(estimate, &exact))?;
    let relative = Sample::of(errors.iter().map(|error| error / prediction));
    Ok(Verdict::tested(
        claim,
        format!("error over prediction, {}", experiment.name()),
        &relative,
        1.0,
        relative.student(1.0),
        failure(&experiment.sampler),
    ))
}

/// [`variance_test`] of an estimator or a control against the closed form.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_variance(experiment: &Experiment) -> Result<Verdict, CheckError> {
    let Experiment { settings, sampler, factors, size } = experiment;
    let norm = norm_squared(&factors.exact(settings.set));
    let prediction = predicted(&sampler.estimator, &factors.scores(), size.k, norm)?;
    variance_test(claim_about(&sampler.estimator), experiment, prediction)
}

fn failure(sampler: &impl Draw) -> String {
    format!(
        "The error of {sampler} is not what the formula says, so budgets chosen by it are wrong."
    )
}

/// Every negative control by Monte Carlo. A generator that leans along the index hardly moves the
/// error of column-row sampling on exchangeable pairs; the test of the bias finds it.
pub fn control_experiments(settings: &Settings) -> Vec<Experiment> {
    let size = sizes(Scale::Quick)[0];
    let wrong = [Estimator::ColumnRow, Estimator::Bernoulli].into_iter().flat_map(|estimator| {
        Mistake::ALL
            .into_iter()
            .filter(move |&mistake| {
                (estimator, mistake) != (Estimator::ColumnRow, Mistake::BiasedGenerator)
            })
            .map(move |mistake| Sampler::wrong(estimator, mistake))
    });
    wrong.map(|sampler| Experiment::new(settings, sampler, Family::HeavyTailed, size)).collect()
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
    let estimators = [Estimator::ColumnRow, Estimator::Bernoulli].into_iter();
    let wrong = estimators.flat_map(|e| Mistake::ALL.map(|mistake| Sampler::wrong(e, mistake)));
    all(settings, wrong)
}

/// Checks every unbiased estimator by Monte Carlo.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    super::unbiasedness::experiments(settings).iter().map(sampled_variance).collect()
}

/// The same test on estimators with a mistake: each must fail.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    control_experiments(settings).iter().map(sampled_variance).collect()
}

fn all(
    settings: &Settings,
    samplers: impl Iterator<Item = Sampler>,
) -> Result<Vec<Verdict>, CheckError> {
    let cases = cases(settings.seed);
    samplers.filter_map(|s| exact_variance(settings.set, &s, &cases).transpose()).collect()
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
