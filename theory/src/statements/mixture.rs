//! T12: what mixing the probabilities with the uniform distribution buys, and what it costs.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form::{column_row, column_row_best, second_moment};
use crate::controls::Mistake;
use crate::extremes::largest;
use crate::matrices::{Factors, norm_squared, squared};
use crate::moments::{Case, Moments, ROUNDINGS, cases};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;
use kernels::probability::{mix_with_uniform, proportional};
use nalgebra::DMatrix;

/// T12, the scale.
pub static SCALE: Claim = Claim::new(
    "T12.scale",
    "Bounded scale of the mixture",
    "No draw from the mixture is scaled by more than n over epsilon k, so no kept pair by more than \
     n over epsilon.",
    r"\frac{1}{kp_i}\le\frac{n}{\varepsilon k},\quad p_i=(1-\varepsilon)\frac{w_i}{W}+\frac{\varepsilon}{n}",
    "the authors' released code; from the definition",
    "mixture.md",
);

/// T12, the second moment.
pub static SECOND_MOMENT: Claim = Claim::new(
    "T12.second-moment",
    "Second moment of the mixture",
    "The second moment of a draw grows by at most the factor 1 / (1 - epsilon).",
    r"\sum_i\frac{w_i^2}{p_i}\le\frac{W^2}{1-\varepsilon}",
    "proved in paper-notes/mixture.md",
    "mixture.md",
);

/// T12, the variance.
pub static NO_RATIO: Claim = Claim::new(
    "T12.variance",
    "The variance of the mixture has no such bound",
    "For parallel pairs the best variance is zero and that of the mixture is not.",
    r"A_iB^i=w_iG\ \Rightarrow\ V_{\text{best}}=0<V_{\text{mixture}}\ \text{unless all}\ w_i\ \text{are equal}",
    "proved in paper-notes/mixture.md",
    "mixture.md",
);

const EPSILONS: [f64; 3] = [0.01, 0.1, 0.5];

/// The largest scale of any outcome times epsilon / n, against one.
fn scale(settings: &Settings, estimator: impl Fn(f64) -> Estimator) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        for epsilon in EPSILONS {
            let sampler = Sampler::right(estimator(epsilon));
            let outcomes = sampler.outcomes(&case.factors.scores(), case.k)?;
            let scales = outcomes.iter().flat_map(|outcome| outcome.selection.scales());
            found.push(Verdict::at_most(
                &SCALE,
                format!("{sampler}, epsilon = {epsilon}: {}", case.name()),
                largest(scales.copied()) * epsilon / case.factors.pairs() as f64,
                1.0,
                ROUNDINGS * f64::EPSILON,
                Exact::Enumerated(outcomes.len()),
                "One unlikely pair can be blown up without bound.",
            ));
        }
    }
    worst(found)
}

/// The second moment over W^2 against 1 / (1 - epsilon), for probabilities mixed by `mixed`.
fn second_moments(
    settings: &Settings,
    name: &'static str,
    mixed: impl Fn(f64) -> f64,
) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let square = squared(scores.iter().sum());
        for epsilon in EPSILONS {
            let p = mix_with_uniform(&proportional(&scores)?, mixed(epsilon))?;
            found.push(Verdict::at_most(
                &SECOND_MOMENT,
                format!("{name}, epsilon = {epsilon}: {}", case.name()),
                second_moment(&scores, &p) / square,
                1.0 / (1.0 - epsilon),
                ROUNDINGS * f64::EPSILON,
                Exact::ClosedForm(1),
                "Mixing with the uniform distribution costs more than it is said to.",
            ));
        }
    }
    worst(found)
}

/// Parallel pairs of unequal norms, whose best column-row sampling has no variance.
pub fn parallel_pairs() -> Factors {
    let a = DMatrix::from_row_slice(1, 3, &[4.0, 2.0, 2.0]);
    Factors { name: "parallel pairs 4, 2, 2".to_owned(), a, b: DMatrix::from_element(3, 1, 1.0) }
}

/// The variance of the mixture on parallel pairs, enumerated, against its closed form, and the
/// best variance against zero.
fn no_ratio(settings: &Settings, mistake: Option<Mistake>) -> Result<Vec<Verdict>, CheckError> {
    const EPSILON: f64 = 0.5;
    let case = Case { factors: parallel_pairs(), k: 1 };
    let scores = case.factors.scores();
    let norm = norm_squared(&case.factors.exact(settings.set));
    let p = mix_with_uniform(&proportional(&scores)?, EPSILON)?;
    let estimators = [
        (Estimator::ColumnRow, column_row_best(&scores, 1, norm)),
        (Estimator::ColumnRowMixture { epsilon: EPSILON }, column_row(&scores, &p, 1, norm)),
    ];
    estimators
        .into_iter()
        .map(|(estimator, prediction)| {
            let sampler = Sampler { estimator, mistake };
            let moments = Moments::enumerate(settings.set, &case, &sampler)?;
            Ok(Verdict::exact(
                &NO_RATIO,
                format!("enumeration of {sampler}: {}", case.name()),
                moments.mean_squared_error,
                prediction,
                ROUNDINGS * f64::EPSILON * squared(moments.magnitude),
                Exact::Enumerated(moments.outcomes),
                "The counter-example to a bounded ratio of variances is none.",
            ))
        })
        .collect()
}

/// The ratio 1 / (1 - epsilon) called a bound on the variance: a control.
fn variance_ratio(settings: &Settings) -> Result<Verdict, CheckError> {
    const EPSILON: f64 = 0.5;
    let case = Case { factors: parallel_pairs(), k: 1 };
    let variance = |estimator| {
        let moments = Moments::enumerate(settings.set, &case, &Sampler::right(estimator))?;
        Ok::<f64, CheckError>(moments.mean_squared_error)
    };
    let best = variance(Estimator::ColumnRow)?;
    Ok(Verdict::at_most(
        &SECOND_MOMENT,
        format!("the same bound on the variance: {}", case.name()),
        variance(Estimator::ColumnRowMixture { epsilon: EPSILON })?,
        best / (1.0 - EPSILON),
        ROUNDINGS * f64::EPSILON,
        Exact::Enumerated(2 * case.factors.pairs()),
        "Mixing with the uniform distribution costs more than it is said to.",
    ))
}

/// Scale, second moment and the counter-example.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = vec![
        scale(settings, |epsilon| Estimator::ColumnRowMixture { epsilon })?,
        second_moments(settings, "mixture", |epsilon| epsilon)?,
    ];
    found.extend(no_ratio(settings, None)?);
    Ok(found)
}

/// No mixture, too much of it, the bound on the second moment called one on the variance, and a
/// wrong scale: each must fail.
///
/// # Errors
/// When the sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = vec![
        scale(settings, |_| Estimator::ColumnRow)?,
        second_moments(settings, "uniform", |_| 1.0)?,
        variance_ratio(settings)?,
    ];
    found.extend(no_ratio(settings, Some(Mistake::ScaleOfNextBudget))?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_bounds_hold_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }

    #[test]
    fn the_counter_example_by_hand() {
        // Half (1/2, 1/4, 1/4) and half (1/3, 1/3, 1/3) is (5/12, 7/24, 7/24), and |C|^2 = 64.
        let p = mix_with_uniform(&[0.5, 0.25, 0.25], 0.5).unwrap();
        let variance = column_row(&[4.0, 2.0, 2.0], &p, 1, 64.0);
        assert!((variance - (16.0 * 12.0 / 5.0 + 8.0 * 24.0 / 7.0 - 64.0)).abs() < 1e-12);
        assert!(variance > 1.8);
        assert_eq!(column_row_best(&[4.0, 2.0, 2.0], 1, 64.0), 0.0);
    }
}
