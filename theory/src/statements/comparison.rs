//! T5: Bernoulli-CRS against column-row sampling. Neither is always better.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form;
use crate::extremes::{largest, least};
use crate::matrices::{norm_squared, squared};
use crate::moments::{Case, Moments, ROUNDINGS, cases};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;

/// T5, the difference.
pub static DIFFERENCE: Claim = Claim::new(
    "T5.difference",
    "Bernoulli-CRS minus column-row sampling",
    "At the best probabilities of each, where none is cut off at one, the mean squared errors \
     differ by the squared norm of the product over k less the sum of the squared scores.",
    r"V_{\text{Bernoulli}}-V_{\text{CRS}}=\frac{\|C\|_F^2}{k}-\sum_i w_i^2",
    "proved in paper-notes/comparison.md",
    "comparison.md",
);

/// T5, the sign.
pub static BOTH_SIGNS: Claim = Claim::new(
    "T5.sign",
    "Neither sampler dominates",
    "Bernoulli-CRS is better where the pairs cancel, column-row sampling where they point the \
     same way.",
    r"\operatorname{sign}(V_{\text{Bernoulli}}-V_{\text{CRS}})\ \text{takes both values}",
    "proved in paper-notes/comparison.md",
    "comparison.md",
);

/// Cases of the enumeration where no best probability is cut off at one, or where one is.
fn cases_by_cap(settings: &Settings, capped: bool) -> Vec<Case> {
    let mut found = cases(settings.seed);
    found.retain(|case| {
        let scores = case.factors.scores();
        (largest(scores.iter().copied()) * case.k as f64 > scores.iter().sum()) == capped
    });
    found
}

/// The enumerated difference of mean squared errors over W^2 against the closed form.
fn differences(
    settings: &Settings,
    coins: Estimator,
    draws: Estimator,
    cases: &[Case],
) -> Result<Vec<Verdict>, CheckError> {
    cases
        .iter()
        .map(|case| {
            let with_coins = Moments::enumerate(settings.set, case, &Sampler::right(coins))?;
            let with_draws = Moments::enumerate(settings.set, case, &Sampler::right(draws))?;
            let scores = case.factors.scores();
            let square = squared(scores.iter().sum());
            let norm = norm_squared(&with_coins.exact);
            let magnitude = largest([with_coins.magnitude, with_draws.magnitude]);
            Ok(Verdict::exact(
                &DIFFERENCE,
                format!("enumeration of {coins} minus {draws}: {}", case.name()),
                (with_coins.mean_squared_error - with_draws.mean_squared_error) / square,
                closed_form::bernoulli_minus_column_row(&scores, case.k, norm) / square,
                ROUNDINGS * f64::EPSILON * squared(magnitude) / square,
                Exact::Enumerated(with_coins.outcomes + with_draws.outcomes),
                "The rule for choosing between the two samplers is wrong.",
            ))
        })
        .collect()
}

/// The difference, and that it has both signs.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let cases = cases_by_cap(settings, false);
    let all = differences(settings, Estimator::Bernoulli, Estimator::ColumnRow, &cases)?;
    let [negative, positive] = both_signs(&all);
    Ok(vec![worst(all)?, negative, positive])
}

/// That the least of some differences is clearly negative, and the largest clearly positive.
fn both_signs(all: &[Verdict]) -> [Verdict; 2] {
    let outcomes = all.iter().map(|verdict| verdict.sample_size() as usize).sum();
    let (lowest, highest) =
        (least(all.iter().map(Verdict::estimate)), largest(all.iter().map(Verdict::estimate)));
    let sign = |check: &'static str, value| {
        let meaning = "One of the two samplers was better in every case looked at.";
        Verdict::at_most(
            &BOTH_SIGNS,
            check,
            value,
            -0.01,
            f64::EPSILON,
            Exact::Enumerated(outcomes),
            meaning,
        )
    };
    [
        sign("least difference over the squared sum of scores", lowest),
        sign("minus the largest difference over the squared sum of scores", -highest),
    ]
}

/// The difference where a probability is cut off, for the released probabilities, and for the
/// mixture; and the sign on parallel pairs alone: each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let (free, capped) = (cases_by_cap(settings, false), cases_by_cap(settings, true));
    let mixture = Estimator::ColumnRowMixture { epsilon: 0.1 };
    let found = [
        differences(settings, Estimator::Bernoulli, Estimator::ColumnRow, &capped)?,
        differences(settings, Estimator::BernoulliAsReleased, Estimator::ColumnRow, &free)?,
        differences(settings, Estimator::Bernoulli, mixture, &free)?,
    ];
    let mut parallel = free.clone();
    parallel.retain(|case| case.factors.name == "parallel pairs");
    let alike = differences(settings, Estimator::Bernoulli, Estimator::ColumnRow, &parallel)?;
    let [never_negative, _] = both_signs(&alike);
    let found: Result<Vec<Verdict>, CheckError> = found.into_iter().map(worst).collect();
    Ok(found?.into_iter().chain([never_negative]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_difference_holds_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
