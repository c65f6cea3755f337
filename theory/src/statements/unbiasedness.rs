//! T1: the samplers that scale by the inverse of their probabilities are unbiased.

use crate::claim::{CheckError, Claim, Scale, Settings};
use crate::controls::Mistake;
use crate::matrices::{Family, norm_squared};
use crate::moments::{Case, Moments, ROUNDINGS, cases};
use crate::monte_carlo::{Experiment, sizes};
use crate::sampler::{Sampler, unbiased_estimators};
use crate::statements::designs;
use crate::statistics::{Sample, hotelling};
use crate::verdict::{Exact, Verdict, worst};
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet, Selection};
use nalgebra::DVector;

/// T1 for draws with replacement.
pub static COLUMN_ROW: Claim = Claim::new(
    "T1.column-row",
    "Unbiasedness of column-row sampling",
    "The mean of the estimate over all draws is the exact product, for any probabilities that are \
     positive where the pairs are not zero.",
    r"\mathbb{E}\,\frac1k\sum_{t=1}^{k}\frac{A_{i_t}B^{i_t}}{p_{i_t}} = AB",
    "Drineas, Kannan, Mahoney 2006, lemma 3",
    "unbiasedness.md",
);

/// T1 for Bernoulli coins.
pub static BERNOULLI: Claim = Claim::new(
    "T1.bernoulli",
    "Unbiasedness of Bernoulli-CRS",
    "The mean of the estimate over all outcomes of the coins is the exact product.",
    r"\mathbb{E}\sum_{i}\frac{Z_i}{p_i}A_iB^i = AB,\quad Z_i\sim\mathrm{Bernoulli}(p_i)",
    "proved in paper-notes/unbiasedness.md",
    "unbiasedness.md",
);

/// T1 for designs that keep a pair at most once.
pub static HORVITZ_THOMPSON: Claim = Claim::new(
    "T1.horvitz-thompson",
    "Unbiasedness of the Horvitz-Thompson estimator",
    "For any design without replacement with positive inclusion probabilities, scaling by their \
     inverse makes the mean of the estimate the exact product.",
    r"\mathbb{E}\sum_{i\in S}\frac{A_iB^i}{\pi_i} = AB,\quad \pi_i=\Pr(i\in S)>0",
    "Horvitz and Thompson 1952; proved in paper-notes/unbiasedness.md",
    "unbiasedness.md",
);

/// The claim about an estimator.
pub fn claim_about(estimator: &Estimator) -> &'static Claim {
    match estimator {
        Estimator::Bernoulli | Estimator::BernoulliAsReleased => &BERNOULLI,
        Estimator::UniformWithoutReplacement => &HORVITZ_THOMPSON,
        Estimator::WinnerTakeAll | Estimator::Systematic | Estimator::ConditionalPoisson => {
            &designs::UNBIASED
        }
        _ => &COLUMN_ROW,
    }
}

/// Relative bias |E C_hat - C|_F / W of a sampler on the worst of the cases, against zero.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn exact_bias(
    set: InstructionSet,
    sampler: &Sampler,
    cases: &[Case],
) -> Result<Verdict, CheckError> {
    let verdicts: Result<Vec<Verdict>, CheckError> = cases
        .iter()
        .map(|case| {
            let moments = Moments::enumerate(set, case, sampler)?;
            let sum: f64 = case.factors.scores().iter().sum();
            Ok(Verdict::exact(
                claim_about(&sampler.estimator),
                format!("enumeration of {sampler}: {}", case.name()),
                moments.bias() / sum,
                0.0,
                ROUNDINGS * f64::EPSILON * moments.magnitude / sum,
                Exact::Enumerated(moments.outcomes),
                failure(sampler),
            ))
        })
        .collect();
    worst(verdicts?)
}

/// A test that the mean error of an experiment is zero: Hotelling's statistic of the error's
/// components along the product, along its trend over the index (where a wrong generator or an
/// index shows), and along random directions of rank one.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_bias(experiment: &Experiment) -> Result<Verdict, CheckError> {
    const RANDOM_DIRECTIONS: u64 = 2;
    let Experiment { settings, sampler, factors, .. } = experiment;
    let exact = factors.exact(settings.set);
    let middle = (factors.pairs() as f64 - 1.0) / 2.0;
    let tilt = (0..factors.pairs()).map(|i| (i as f64 - middle) / middle);
    let tilted =
        Selection::new((0..factors.pairs() as u32).collect(), tilt.collect(), factors.pairs())?;
    let mut directions = vec![exact.clone(), factors.estimate(settings.set, &tilted)];
    directions.extend((0..RANDOM_DIRECTIONS).map(|step| {
        let mut rng = Stream::new(settings.seed, "directions").child(&factors.name).at(step);
        let mut normal = |length| DVector::from_fn(length, |_, _| standard_normal(&mut rng));
        normal(exact.nrows()) * normal(exact.ncols()).transpose()
    }));
    directions.iter_mut().for_each(|direction| {
        let norm = norm_squared(direction).sqrt();
        direction.scale_mut(1.0 / norm);
    });
    let errors = experiment.observe("bias", |estimate| {
        let error = estimate - &exact;
        DVector::from_iterator(directions.len(), directions.iter().map(|d| d.dot(&error)))
    })?;
    let norm = norm_squared(&exact).sqrt();
    let along_product = Sample::of(errors.iter().map(|error| 1.0 + error[0] / norm));
    Ok(Verdict::drawn(
        claim_about(&sampler.estimator),
        experiment.name(),
        &along_product,
        1.0,
        hotelling(&errors),
        failure(sampler),
    ))
}

fn failure(sampler: &Sampler) -> String {
    format!(
        "The mean of {sampler} is not the exact product, so training with it follows another gradient."
    )
}

/// Every unbiased estimator with every mistake.
pub fn mistaken_samplers() -> impl Iterator<Item = Sampler> {
    unbiased_estimators()
        .flat_map(|estimator| Mistake::ALL.map(|mistake| Sampler::wrong(estimator, mistake)))
}

/// Estimators that are biased, by a mistake or by nature. An index off by one gives the next pair the
/// weight Z_i / p_i, whose mean is one: it is no bias where every probability is positive.
fn biased_samplers() -> impl Iterator<Item = Sampler> {
    let biased = Estimator::ALL.into_iter().filter(|e| !e.is_unbiased()).map(Sampler::right);
    let is_harmless = |sampler: &Sampler| {
        sampler.mistake == Some(Mistake::IndexOffByOne)
            && matches!(
                sampler.estimator,
                Estimator::ColumnRowMixture { .. }
                    | Estimator::BernoulliAsReleased
                    | Estimator::UniformWithReplacement
                    | Estimator::UniformWithoutReplacement
            )
    };
    mistaken_samplers().filter(move |sampler| !is_harmless(sampler)).chain(biased)
}

/// The experiments of a scale with a sampler: at sizes for which the closed form of its error is
/// quick, and on factors for which draws can tell a wrong scale from a right one. Where scores are
/// uneven, uniform probabilities leave too much noise for that; the enumeration stands alone.
fn experiments_of(settings: &Settings, sampler: Sampler) -> Vec<Experiment> {
    let is_uniform = matches!(
        sampler.estimator,
        Estimator::UniformWithReplacement | Estimator::UniformWithoutReplacement
    );
    let is_quadratic = matches!(
        sampler.estimator,
        Estimator::WinnerTakeAll | Estimator::Systematic | Estimator::ConditionalPoisson
    );
    let is_even = |family| !matches!(family, Family::HeavyTailed | Family::Sparse);
    let families = Family::ALL.into_iter().filter(|&family| is_even(family) || !is_uniform);
    let sizes = sizes(settings.scale).iter().filter(|size| !is_quadratic || size.pairs <= 512);
    families
        .flat_map(|family| {
            sizes.clone().map(move |&size| Experiment::new(settings, sampler, family, size))
        })
        .collect()
}

/// Every check by Monte Carlo.
pub fn experiments(settings: &Settings) -> Vec<Experiment> {
    let right = unbiased_estimators().map(Sampler::right);
    right.flat_map(|sampler| experiments_of(settings, sampler)).collect()
}

/// Everything that is checked by Monte Carlo, at quick scale and with a mistake.
pub fn control_experiments(
    settings: &Settings,
    estimators: impl IntoIterator<Item = Estimator>,
    mistake: Mistake,
) -> Vec<Experiment> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    let wrong = estimators.into_iter().map(|estimator| Sampler::wrong(estimator, mistake));
    wrong.flat_map(|sampler| experiments_of(&settings, sampler)).collect()
}

/// Checks every unbiased estimator by enumeration.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    all(settings, unbiased_estimators().map(Sampler::right))
}

/// The same check on every biased sampler: each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    all(settings, biased_samplers())
}

/// Checks every unbiased estimator by Monte Carlo.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    experiments(settings).iter().map(sampled_bias).collect()
}

/// The same test on estimators with a mistake: each must fail.
///
/// # Errors
/// When a sampler refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found =
        control_experiments(settings, unbiased_estimators(), Mistake::ScaleOfNextBudget);
    let estimators = [Estimator::ColumnRow, Estimator::Bernoulli];
    let leaning = control_experiments(settings, estimators, Mistake::BiasedGenerator);
    found.extend(leaning.into_iter().filter(|e| e.factors.name.starts_with("Gaussian")));
    found.iter().map(sampled_bias).collect()
}

fn all(
    settings: &Settings,
    samplers: impl Iterator<Item = Sampler>,
) -> Result<Vec<Verdict>, CheckError> {
    let cases = cases(settings.seed);
    samplers.map(|sampler| exact_bias(settings.set, &sampler, &cases)).collect()
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
