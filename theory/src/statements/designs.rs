//! T1, T2 and T5 for the designs added to the paper's: winner-take-all, systematic and conditional
//! Poisson sampling.

use crate::claim::{CheckError, Claim, Settings, Verdict};
use crate::closed_form::{bernoulli, column_row_best};
use crate::controls::Mistake;
use crate::design::{Design, winner_take_all_variance};
use crate::matrices::{Factors, Family, norm_squared};
use crate::moments::{Moments, ROUNDINGS, cases, worst};
use kernels::probability::{proportional, water_filling};
use kernels::selection::winners;
use nalgebra::DMatrix;

/// T1.
pub static UNBIASED: Claim = Claim::new(
    "T1.designs",
    "Unbiasedness of winner-take-all and of designs of fixed size",
    "The mean of the estimate is the exact product.",
    r"\mathbb{E}\,\hat C=AB",
    "Liu and others 2023, Madow 1949, Hajek 1964; proved in paper-notes/designs.md",
    "designs.md",
);

/// The inclusion probabilities.
pub static INCLUSION: Claim = Claim::new(
    "T1.inclusion",
    "Inclusion probabilities of the designs of fixed size",
    "Each pair and each two pairs are kept with the probabilities that the design computes.",
    r"\Pr(i\in S)=\pi_i,\quad\Pr(i,j\in S)=\pi_{ij}",
    "Madow 1949, Hajek 1964; proved in paper-notes/designs.md",
    "designs.md",
);

/// T2.
pub static VARIANCE: Claim = Claim::new(
    "T2.designs",
    "Variance of winner-take-all and of designs of fixed size",
    "The mean squared error is that of column-row sampling of the pairs that are not certain, or \
     the formula of Horvitz and Thompson.",
    r"\frac{W_R^2-\|C_R\|_F^2}{k-c},\quad\sum_{ij}\frac{\pi_{ij}-\pi_i\pi_j}{\pi_i\pi_j}\langle G_i,G_j\rangle",
    "Horvitz and Thompson 1952; proved in paper-notes/designs.md",
    "designs.md",
);

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
    "Where the pairs point the same way a design of fixed size is better than independent coins; \
     where they cancel it can be worse.",
    r"\langle G_i,G_j\rangle>0\Rightarrow V_{\text{fixed}}<V_{\text{Bernoulli}};\quad\sum_iG_i=0\Rightarrow V_{\text{fixed}}>V_{\text{Bernoulli}}\ \text{possible}",
    "proved in paper-notes/designs.md",
    "designs.md",
);

/// Bias and variance of a design by enumeration, with or without a mistake.
fn moments(
    settings: &Settings,
    design: Design,
    mistake: Option<Mistake>,
) -> Result<Vec<Verdict>, CheckError> {
    let (mut biases, mut variances) = (Vec::new(), Vec::new());
    let name = mistake.map_or(design.to_string(), |m| format!("{design} with {}", m.name()));
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let outcomes = design.outcomes(&scores, case.k, mistake)?;
        let moments = Moments::of(settings.set, &case.factors, &outcomes);
        let sum: f64 = scores.iter().sum();
        let check = format!("enumeration of {name}: {}", case.name());
        let rounding = ROUNDINGS * f64::EPSILON * moments.magnitude / sum;
        biases.push(Verdict::exact(
            &UNBIASED,
            check.clone(),
            moments.bias() / sum,
            0.0,
            rounding,
            moments.outcomes,
            "The mean of this design is not the exact product.",
        ));
        variances.push(Verdict::exact(
            &VARIANCE,
            check,
            moments.mean_squared_error / (sum * sum),
            design.variance(&case.factors, case.k)? / (sum * sum),
            rounding * moments.magnitude / sum,
            moments.outcomes,
            "The error of this design is not what the formula says.",
        ));
    }
    Ok([worst(biases), worst(variances)].into_iter().flatten().collect())
}

/// The largest difference of enumerated and computed inclusion probabilities, first and second
/// order, of a design against those of another (itself, or for a control another).
fn inclusion(
    settings: &Settings,
    design: Design,
    computed: Design,
) -> Result<Option<Verdict>, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed) {
        let scores = case.factors.scores();
        let n = scores.len();
        let outcomes = design.outcomes(&scores, case.k, None)?;
        let mut together = vec![0.0; n * n];
        for outcome in &outcomes {
            for &i in outcome.selection.indices() {
                for &j in outcome.selection.indices() {
                    together[i as usize * n + j as usize] += outcome.probability;
                }
            }
        }
        let Some((_, joint)) = computed.inclusion(&scores, case.k)? else { continue };
        let differences = together.iter().zip(&joint).map(|(x, y)| (x - y).abs());
        found.push(Verdict::exact(
            &INCLUSION,
            format!("enumeration of {design}: {}", case.name()),
            differences.fold(0.0, f64::max),
            0.0,
            ROUNDINGS * f64::EPSILON,
            outcomes.len(),
            "Pairs are kept with other probabilities than their scales assume.",
        ));
    }
    Ok(worst(found))
}

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
    let moment = |c: usize| sorted[c..].iter().sum::<f64>().powi(2) / (k - c) as f64;
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

/// Bias, variance, inclusion probabilities and comparisons.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for design in Design::ALL {
        found.extend(moments(settings, design, None)?);
    }
    for design in [Design::Systematic, Design::ConditionalPoisson] {
        found.extend(inclusion(settings, design, design)?);
        let shifted = Family::Shifted.factors(settings.seed, 8, 64);
        found.push(fixed_size(design, &shifted, true)?);
    }
    found.push(fixed_size(Design::ConditionalPoisson, &alternating(64), false)?);
    found.push(fixed_size(Design::Systematic, &alternating(64), false)?);
    found.extend(never_worse(settings, winners, "winners by their share")?);
    Ok(found)
}

/// Designs with a mistake, the inclusion probabilities of another design, winners by the second
/// moment, and fixed size called better where pairs cancel: each must fail.
///
/// # Errors
/// When a design cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for design in Design::ALL {
        for mistake in [Mistake::MissingScale, Mistake::ScaleOfNextBudget, Mistake::IndexOffByOne] {
            found.extend(moments(settings, design, Some(mistake))?);
        }
    }
    found.extend(inclusion(settings, Design::Systematic, Design::ConditionalPoisson)?);
    found.extend(inclusion(settings, Design::ConditionalPoisson, Design::Systematic)?);
    found.extend(never_worse(settings, winners_of_second_moment, "winners by second moment")?);
    found.push(fixed_size(Design::ConditionalPoisson, &alternating(64), true)?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn designs_have_their_moments_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
