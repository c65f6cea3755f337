//! T5 for the designs: when winner-take-all beats plain draws, and a fixed number beats coins.

use crate::claim::{CheckError, Claim, Settings, Verdict};
use crate::closed_form::{bernoulli, column_row_best};
use crate::design::{Design, winner_take_all_variance};
use crate::matrices::{Factors, Family, norm_squared, squared};
use crate::moments::{ROUNDINGS, cases, worst};
use kernels::probability::{proportional, water_filling};
use kernels::selection::winners;
use nalgebra::DMatrix;

/// T5, winner-take-all.
pub static NEVER_WORSE: Claim = Claim::new(
    "T5.winner-take-all",
    "Winner-take-all is never worse than column-row sampling",
    "With the number of winners that minimises the share of the others over the draws left, the \
     variance is at most that of plain draws, whatever the directions of the pairs.",
    r"c=\arg\min\frac{R_c}{k-c}\ \Rightarrow\ V_{\text{WTA}}\le V_{\text{CRS}}",
    "Liu and others 2023; proved in paper-notes/designs.md",
    "designs.md",
);

/// T5, fixed size.
pub static FIXED_SIZE: Claim = Claim::new(
    "T5.fixed-size",
    "A fixed number of pairs against Bernoulli-CRS",
    "Where the pairs point the same way a design of fixed size that never keeps two pairs together \
     more often than coins do is better than coins of the same inclusion probabilities; where the \
     pairs cancel it can be worse.",
    r"\langle G_i,G_j\rangle>0,\ \pi_{ij}\le\pi_i\pi_j\Rightarrow V_{\text{fixed}}\le V_{\text{Bernoulli}};\quad\sum_iG_i=0\Rightarrow V_{\text{fixed}}>V_{\text{Bernoulli}}\ \text{possible}",
    "proved in paper-notes/designs.md",
    "designs.md",
);

/// A pair and two nearly parallel others of together more weight: here minimising the second
/// moment keeps the first for certain, and plain draws are better.
pub fn nearly_parallel_others() -> Factors {
    let (sine, cosine) = (libm::sin(0.1), libm::cos(0.1));
    let a = DMatrix::from_row_slice(
        2,
        3,
        &[0.4, 0.3 * cosine, 0.3 * cosine, 0.0, 0.3 * sine, -0.3 * sine],
    );
    let name = "nearly parallel others".to_owned();
    Factors { name, a, b: DMatrix::from_element(3, 1, 1.0) }
}

/// The number of winners that minimises the second moment R_c^2 / (k - c): a control.
fn winners_of_second_moment(p: &[f64], k: usize) -> usize {
    let mut sorted = p.to_vec();
    sorted.sort_by(|x, y| y.total_cmp(x));
    let moment = |c: usize| squared(sorted[c..].iter().sum()) / (k - c) as f64;
    (0..k).fold(0, |best, c| if moment(c) < moment(best) { c } else { best })
}

/// Winner-take-all less column-row sampling over W^2, at most zero.
fn never_worse(
    settings: &Settings,
    rule: fn(&[f64], usize) -> usize,
    name: &'static str,
) -> Result<Option<Verdict>, CheckError> {
    let small = cases(settings.seed).into_iter().map(|case| (case.factors, case.k));
    let large = Family::ALL
        .into_iter()
        .flat_map(|f| [4, 16, 48].map(|k| (f.factors(settings.seed, 8, 64), k)));
    let verdicts: Result<Vec<Verdict>, CheckError> = small
        .chain(large)
        .chain([(nearly_parallel_others(), 2)])
        .map(|(factors, k)| {
            let (scores, gram) = (factors.scores(), factors.gram());
            let p = proportional(&scores)?;
            let sum: f64 = scores.iter().sum();
            let norm = norm_squared(&factors.exact(settings.set));
            let with = winner_take_all_variance(&scores, &gram, rule(&p, k), k)?;
            Ok(Verdict::at_most(
                &NEVER_WORSE,
                format!("{name}: {}, k = {k}", factors.name),
                (with - column_row_best(&scores, k, norm)) / (sum * sum),
                0.0,
                ROUNDINGS * f64::EPSILON,
                1,
                "Keeping the likeliest pairs for certain made the error larger.",
            ))
        })
        .collect();
    Ok(worst(verdicts?))
}

/// Equal pairs in turn of one sign and the other: they cancel.
fn alternating(pairs: usize) -> Factors {
    let a = DMatrix::from_fn(1, pairs, |_, i| if i % 2 == 0 { 1.0 } else { -1.0 });
    Factors { name: "alternating signs".to_owned(), a, b: DMatrix::from_element(pairs, 1, 1.0) }
}

/// Variance of a design over that of Bernoulli-CRS at the same budget.
///
/// # Errors
/// When the scores give no probabilities.
pub fn over_bernoulli(design: Design, factors: &Factors, k: usize) -> Result<f64, CheckError> {
    let scores = factors.scores();
    let coins = water_filling(&scores, k as f64)?;
    Ok(design.variance(factors, k)? / bernoulli(&scores, &coins))
}

fn fixed_size(design: Design, factors: &Factors, better: bool) -> Result<Verdict, CheckError> {
    let k = factors.pairs() / 4;
    let ratio = over_bernoulli(design, factors, k)?;
    let (side, value) = if better { ("", ratio) } else { ("the inverse of ", 1.0 / ratio) };
    Ok(Verdict::at_most(
        &FIXED_SIZE,
        format!("{side}variance of {design} over Bernoulli-CRS: {}, k = {k}", factors.name),
        value,
        1.0,
        f64::EPSILON,
        1,
        "The rule for choosing between coins and a fixed number is wrong.",
    ))
}

/// Winner-take-all against plain draws, and a fixed number against coins on pairs that point the
/// same way and on pairs that cancel.
///
/// # Errors
/// When the scores give no probabilities.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let shifted = Family::Shifted.factors(settings.seed, 8, 64);
    let mut found: Vec<Verdict> =
        never_worse(settings, winners, "winners by their share")?.into_iter().collect();
    for design in [Design::Systematic, Design::ConditionalPoisson] {
        found.push(fixed_size(design, &shifted, true)?);
        found.push(fixed_size(design, &alternating(64), false)?);
    }
    Ok(found)
}

/// Winners by the second moment, and a fixed number called better where pairs cancel: each must
/// fail.
///
/// # Errors
/// When the scores give no probabilities.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let rule = winners_of_second_moment;
    let mut found: Vec<Verdict> =
        never_worse(settings, rule, "winners by second moment")?.into_iter().collect();
    for design in [Design::Systematic, Design::ConditionalPoisson] {
        found.push(fixed_size(design, &alternating(64), true)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn comparisons_hold_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
