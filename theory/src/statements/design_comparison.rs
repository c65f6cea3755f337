//! T5 for the designs: when winner-take-all beats plain draws, and a fixed number beats coins.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form::{bernoulli, column_row_best, horvitz_thompson, winner_take_all};
use crate::extremes::{largest, least};
use crate::matrices::{Factors, Family, norm_squared, squared};
use crate::moments::{ROUNDINGS, cases};
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;
use kernels::probability::proportional;
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
    "Where no two pairs point apart, a design of fixed size that never keeps two pairs together more \
     often than coins do is at least as good as coins of the same inclusion probabilities; where \
     either condition fails it can be worse.",
    r"\langle G_i,G_j\rangle\ge0,\ \pi_{ij}\le\pi_i\pi_j\ (i\ne j)\Rightarrow V_{\text{fixed}}\le V_{\text{coins}}",
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
) -> Result<Verdict, CheckError> {
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
            let with = winner_take_all(&scores, &gram, rule(&p, k), k)?;
            Ok(Verdict::at_most(
                &NEVER_WORSE,
                format!("{name}: {}, k = {k}", factors.name),
                (with - column_row_best(&scores, k, norm)) / (sum * sum),
                0.0,
                ROUNDINGS * f64::EPSILON,
                Exact::ClosedForm(1),
                "Keeping the likeliest pairs for certain made the error larger.",
            ))
        })
        .collect();
    worst(verdicts?)
}

/// Factors of a family without their signs: all pairs point into one orthant.
fn without_signs(family: Family, seed: u64) -> Factors {
    let Factors { name, a, b } = family.factors(seed, 8, 64);
    Factors { name: format!("{name}, without signs"), a: a.abs(), b: b.abs() }
}

/// Equal pairs in turn of one sign and the other: they cancel.
fn alternating(pairs: usize) -> Factors {
    let a = DMatrix::from_fn(1, pairs, |_, i| if i % 2 == 0 { 1.0 } else { -1.0 });
    Factors { name: "alternating signs".to_owned(), a, b: DMatrix::from_element(pairs, 1, 1.0) }
}

/// Four equal pairs, the first like the third and the second like the fourth, all with positive
/// inner products: the comb keeps like with like.
fn in_phase() -> Factors {
    let a = DMatrix::from_row_slice(2, 4, &[1.0, 0.05, 1.0, 0.05, 0.05, 1.0, 0.05, 1.0]);
    Factors { name: "like pairs in phase".to_owned(), a, b: DMatrix::from_element(4, 1, 1.0) }
}

/// A design of fixed size on some factors.
struct FixedSize {
    design: Estimator,
    factors: Factors,
    k: usize,
}

impl FixedSize {
    fn new(design: Estimator, factors: Factors, k: usize) -> Self {
        Self { design, factors, k }
    }

    fn verdict(&self, what: &str, value: f64, bound: f64) -> Verdict {
        let Self { design, factors, k } = self;
        Verdict::at_most(
            &FIXED_SIZE,
            format!("{what}, {design}: {}, k = {k}", factors.name),
            value,
            bound,
            ROUNDINGS * f64::EPSILON,
            Exact::ClosedForm(1),
            "The rule for choosing between coins and a fixed number is wrong.",
        )
    }

    /// First and second order, from the kernels.
    fn probabilities(&self) -> Result<(Vec<f64>, Vec<f64>), CheckError> {
        let law = self.design.law(&self.factors.scores(), self.k)?;
        Ok((law.inclusion(), law.joint_inclusion()))
    }

    /// That no two pairs point apart: the least inner product of two, over W^2.
    fn pairs_agree(&self) -> Verdict {
        let (gram, n) = (self.factors.gram(), self.factors.pairs());
        let square = squared(self.factors.scores().iter().sum());
        let apart = least((0..n * n).filter(|at| at % (n + 1) != 0).map(|at| gram[at]));
        self.verdict("minus the least inner product of two pairs", -apart / square, 0.0)
    }

    /// That no two pairs are kept together more often than by coins.
    fn pairs_exclude(&self) -> Result<Verdict, CheckError> {
        let ((one, two), n) = (self.probabilities()?, self.factors.pairs());
        let others = (0..n * n).filter(|at| at % (n + 1) != 0);
        let excess = largest(others.map(|at| two[at] - one[at / n] * one[at % n]));
        Ok(self.verdict("largest joint probability less that of coins", excess, 0.0))
    }

    /// The variance over that of coins with the same inclusion probabilities.
    fn ratio(&self) -> Result<f64, CheckError> {
        let (one, two) = self.probabilities()?;
        let fixed = horvitz_thompson(&one, &two, &self.factors.gram());
        Ok(fixed / bernoulli(&self.factors.scores(), &one))
    }

    fn is_better(&self) -> Result<Verdict, CheckError> {
        Ok(self.verdict("variance over that of coins", self.ratio()?, 1.0))
    }

    fn is_worse(&self) -> Result<Verdict, CheckError> {
        Ok(self.verdict("variance of coins over that", 1.0 / self.ratio()?, 0.99))
    }
}

/// Designs and factors for which both conditions hold. Systematic sampling keeps no two pairs
/// together at k = 1, and some too often at the larger k here.
fn favourable(settings: &Settings) -> Vec<FixedSize> {
    let designs = [
        (Estimator::ConditionalPoisson, &[4, 16, 48][..]),
        (Estimator::UniformWithoutReplacement, &[4, 16, 48]),
        (Estimator::Systematic, &[1]),
    ];
    let mut found = Vec::new();
    for (design, budgets) in designs {
        for (&k, family) in budgets.iter().flat_map(|k| Family::ALL.map(|family| (k, family))) {
            found.push(FixedSize::new(design, without_signs(family, settings.seed), k));
        }
    }
    found
}

/// Designs and factors for which one condition fails, and the statement with it: pairs that point
/// apart, and pairs that are kept together.
fn unfavourable() -> [FixedSize; 3] {
    [
        FixedSize::new(Estimator::Systematic, alternating(64), 16),
        FixedSize::new(Estimator::ConditionalPoisson, alternating(64), 16),
        FixedSize::new(Estimator::Systematic, in_phase(), 2),
    ]
}

/// Winner-take-all against plain draws; a fixed number against coins where the conditions hold,
/// which are checked too, and where they do not.
///
/// # Errors
/// When the scores give no probabilities.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = vec![never_worse(settings, winners, "winners by their share")?];
    let favourable = favourable(settings);
    let of_all = |check: fn(&FixedSize) -> Result<Verdict, CheckError>| {
        worst(favourable.iter().map(check).collect::<Result<Vec<_>, _>>()?)
    };
    found.push(of_all(|case| Ok(case.pairs_agree()))?);
    found.push(of_all(FixedSize::pairs_exclude)?);
    found.push(of_all(FixedSize::is_better)?);
    for case in unfavourable() {
        found.push(case.is_worse()?);
    }
    Ok(found)
}

/// Winners by the second moment; the conditions, and a fixed number called better, where they do
/// not hold: each must fail.
///
/// # Errors
/// When the scores give no probabilities.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found =
        vec![never_worse(settings, winners_of_second_moment, "winners by second moment")?];
    let [apart, also_apart, together] = unfavourable();
    found.push(apart.pairs_agree());
    found.push(together.pairs_exclude()?);
    for case in [apart, also_apart, together] {
        found.push(case.is_better()?);
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

    #[test]
    fn the_examples_of_the_note() {
        // Systematic sampling keeps two like pairs: 7.22 against 4.01 for coins.
        let ratio = FixedSize::new(Estimator::Systematic, in_phase(), 2).ratio().unwrap();
        assert!((ratio - 7.22 / 4.01).abs() < 1e-12, "{ratio}");
        // Uniform sampling of alternating pairs: n / (n - 1).
        let uniform = FixedSize::new(Estimator::ConditionalPoisson, alternating(64), 16);
        assert!((uniform.ratio().unwrap() - 64.0 / 63.0).abs() < 1e-12);
    }
}
