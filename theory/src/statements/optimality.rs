//! T3: which probabilities have the least variance.
//!
//! The mean squared errors are convex in the probabilities and separate over the pairs, so
//! probabilities are optimal for their sum exactly if no exchange between two pairs lowers the
//! error. The check tries every exchange, with the best amount found by a line search: it is a
//! certificate of optimality, not a comparison with a few others.

use crate::claim::{CheckError, Claim, Settings};
use crate::closed_form;
use crate::extremes::{largest, least};
use crate::matrices::Family;
use crate::moments::cases;
use crate::verdict::{Exact, Verdict, worst};
use kernels::probability::{as_released, proportional, water_filling};

/// T3 for draws with replacement.
pub static COLUMN_ROW: Claim = Claim::new(
    "T3.column-row",
    "Optimal probabilities of column-row sampling",
    "Among all distributions the one proportional to the scores has the least variance.",
    r"p_i=\frac{w_i}{W}\ \text{minimises}\ \sum_i\frac{w_i^2}{p_i}\ \text{over}\ \sum_i p_i=1",
    "Drineas, Kannan, Mahoney 2006, lemma 4",
    "optimality.md",
);

/// T3 for Bernoulli coins.
pub static BERNOULLI: Claim = Claim::new(
    "T3.bernoulli",
    "Optimality of water-filling",
    "Among all inclusion probabilities of the same sum, those proportional to the scores and cut \
     off at one, at the level that meets the budget, have the least variance.",
    r"p_i=\min(1,w_i/\sqrt\mu),\ \sum_i p_i=k\ \text{minimises}\ \sum_i\frac{1-p_i}{p_i}w_i^2",
    "proved in paper-notes/optimality.md",
    "optimality.md",
);

/// T3, the budget.
pub static BUDGET: Claim = Claim::new(
    "T3.budget",
    "Water-filling keeps its budget",
    "The probabilities sum to the budget, or to the number of pairs that are not zero if that is \
     less.",
    r"\sum_i p_i=\min(k,\#\{i:w_i>0\})",
    "proved in paper-notes/optimality.md",
    "optimality.md",
);

/// T3, clipping.
pub static CLIPPED: Claim = Claim::new(
    "T3.clipped",
    "Clipping is water-filling of a smaller budget",
    "Clipped probabilities min(1, k w / W) miss the budget but are optimal for the number of pairs \
     that they do keep.",
    r"p_i=\min(1,kw_i/W)\ \text{minimises}\ \sum_i\frac{1-p_i}{p_i}w_i^2\ \text{at its own}\ \sum_i p_i\le k",
    "proved in paper-notes/optimality.md",
    "optimality.md",
);

/// T3, the released code.
pub static AS_RELEASED: Claim = Claim::new(
    "T3.as-released",
    "Cost of the released probabilities",
    "The released probabilities keep at most 0.9 k + 0.1 pairs on average and have at least the \
     variance of water-filling at the number that they keep.",
    r"\sum_i p_i\le 0.9k+0.1,\quad V_{\text{water-filling}}(\textstyle\sum_i p_i)\le V_{\text{released}}",
    "the authors' released code; proved in paper-notes/optimality.md",
    "optimality.md",
);

/// A way from scores and budget to probabilities, right or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// w_i / W.
    Proportional,
    /// Water-filling.
    WaterFilling,
    /// w_i^2 over their sum: a control.
    SquaredScores,
    /// Water-filling of the squared scores: a control.
    WaterFillingSquared,
    /// min(1, k w_i / W), what is cut off being lost: a control.
    Clipped,
    /// The released code's.
    AsReleased,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Self::Proportional => "scores over their sum",
            Self::WaterFilling => "water-filling",
            Self::SquaredScores => "squared scores over their sum",
            Self::WaterFillingSquared => "water-filling of squared scores",
            Self::Clipped => "clipping without renormalising",
            Self::AsReleased => "as released",
        }
    }

    fn probabilities(self, scores: &[f64], k: usize) -> Result<Vec<f64>, CheckError> {
        let squares: Vec<f64> = scores.iter().map(|w| w * w).collect();
        Ok(match self {
            Self::Proportional => proportional(scores)?,
            Self::WaterFilling => water_filling(scores, k as f64)?,
            Self::SquaredScores => proportional(&squares)?,
            Self::WaterFillingSquared => water_filling(&squares, k as f64)?,
            Self::Clipped => {
                proportional(scores)?.iter().map(|p| least([k as f64 * p, 1.0])).collect()
            }
            Self::AsReleased => as_released(scores, k as f64)?,
        })
    }
}

/// Scores and budgets to check on: those of the enumeration and those of the large families.
fn scored_cases(settings: &Settings) -> Vec<(String, Vec<f64>, usize)> {
    let small = cases(settings.seed).into_iter().map(|c| (c.name(), c.factors.scores(), c.k));
    let large = Family::ALL.into_iter().flat_map(|family| {
        let factors = family.factors(settings.seed, 8, 64);
        [4, 16, 48].map(|k| (format!("{}, k = {k}", factors.name), factors.scores(), k))
    });
    small.chain(large).collect()
}

/// The relative fall of sum_i w_i^2 / p_i by the best exchange between two pairs, with each
/// probability at most `cap`.
pub fn best_exchange(scores: &[f64], p: &[f64], cap: f64) -> f64 {
    let total = closed_form::second_moment(scores, p);
    let mut gains = vec![0.0];
    for i in 0..scores.len() {
        for j in (0..i).filter(|&j| scores[i] > 0.0 || scores[j] > 0.0) {
            let sum = p[i] + p[j];
            let pair = |x: f64| {
                closed_form::second_moment(&[scores[i], scores[j]], &[x, largest([sum - x, 0.0])])
            };
            let (mut low, mut high) = (largest([sum - cap, 0.0]), least([sum, cap]));
            // Ternary search on a convex function: (2/3)^100 of the range remains.
            for _ in 0..100 {
                let third = (high - low) / 3.0;
                if pair(low + third) < pair(high - third) { high -= third } else { low += third }
            }
            gains.push(pair(p[i]) - pair((low + high) / 2.0));
        }
    }
    largest(gains) / total
}

/// No exchange lowers the variance, on the worst case.
fn certificate(settings: &Settings, claim: &Claim, rule: Rule) -> Result<Verdict, CheckError> {
    let cap = if claim.id == COLUMN_ROW.id { f64::INFINITY } else { 1.0 };
    let verdicts: Result<Vec<Verdict>, CheckError> = scored_cases(settings)
        .into_iter()
        .map(|(name, scores, k)| {
            let p = rule.probabilities(&scores, k)?;
            Ok(Verdict::exact(
                claim,
                format!("best exchange between two pairs, {}: {name}", rule.name()),
                best_exchange(&scores, &p, cap),
                0.0,
                scores.len() as f64 * f64::EPSILON,
                Exact::ClosedForm(scores.len() * (scores.len() - 1) / 2),
                format!("There are better probabilities than {}: the same budget could give a smaller error.", rule.name()),
            ))
        })
        .collect();
    worst(verdicts?)
}

/// The probabilities sum to the budget, on the worst case.
fn keeps_budget(settings: &Settings, rule: Rule) -> Result<Verdict, CheckError> {
    let verdicts: Result<Vec<Verdict>, CheckError> = scored_cases(settings)
        .into_iter()
        .map(|(name, scores, k)| {
            let p = rule.probabilities(&scores, k)?;
            let possible = scores.iter().filter(|&&w| w > 0.0).count();
            Ok(Verdict::exact(
                &BUDGET,
                format!("sum of {}: {name}", rule.name()),
                p.iter().sum(),
                k.min(possible) as f64,
                scores.len() as f64 * f64::EPSILON * k as f64,
                Exact::ClosedForm(1),
                format!("The number of pairs kept by {} is not the budget, so comparisons at equal budget are not fair.", rule.name()),
            ))
        })
        .collect();
    worst(verdicts?)
}

/// The number kept by a rule, and the variance of water-filling, at a share of that number, against
/// the rule's; both over W^2 / k, since a variance may be zero.
fn is_dearer(settings: &Settings, rule: Rule, share: f64) -> Result<Vec<Verdict>, CheckError> {
    let (mut counts, mut ratios) = (Vec::new(), Vec::new());
    for (name, scores, k) in scored_cases(settings) {
        let released = rule.probabilities(&scores, k)?;
        let count: f64 = released.iter().sum();
        let sum: f64 = scores.iter().sum();
        let over = sum * sum / k as f64;
        let least = closed_form::bernoulli(&scores, &water_filling(&scores, share * count)?);
        let dearer = closed_form::bernoulli(&scores, &released);
        let allowed = scores.len() as f64 * f64::EPSILON;
        counts.push(Verdict::at_most(
            &AS_RELEASED,
            format!("expected number kept, {}: {name}", rule.name()),
            count,
            0.9 * k as f64 + 0.1,
            allowed * k as f64,
            Exact::ClosedForm(1),
            "The released probabilities keep more than the budget that they are compared at.",
        ));
        ratios.push(Verdict::at_most(
            &AS_RELEASED,
            format!(
                "variance of water-filling of {share} times the number kept against that of {}: {name}",
                rule.name()
            ),
            least / over,
            dearer / over,
            allowed,
            Exact::ClosedForm(1),
            "The released probabilities beat the ones that are proved optimal.",
        ));
    }
    Ok(vec![worst(counts)?, worst(ratios)?])
}

/// Certificates of optimality, the budget, and the cost of the released probabilities.
///
/// # Errors
/// When scores give no probabilities.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = vec![
        certificate(settings, &COLUMN_ROW, Rule::Proportional)?,
        certificate(settings, &BERNOULLI, Rule::WaterFilling)?,
        certificate(settings, &CLIPPED, Rule::Clipped)?,
        keeps_budget(settings, Rule::WaterFilling)?,
    ];
    found.extend(is_dearer(settings, Rule::AsReleased, 1.0)?);
    Ok(found)
}

/// Probabilities that are not optimal, or not of the budget: each must fail.
///
/// # Errors
/// When scores give no probabilities.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = vec![
        certificate(settings, &COLUMN_ROW, Rule::SquaredScores)?,
        certificate(settings, &BERNOULLI, Rule::WaterFillingSquared)?,
        certificate(settings, &CLIPPED, Rule::AsReleased)?,
        keeps_budget(settings, Rule::Clipped)?,
        keeps_budget(settings, Rule::AsReleased)?,
    ];
    found.extend(is_dearer(settings, Rule::Clipped, 0.99)?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn optimal_probabilities_are_certified_and_controls_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }

    #[test]
    fn the_best_exchange_is_found() {
        // 4/0.5 + 1/0.5 = 10 against (2 + 1)^2 = 9.
        assert!((best_exchange(&[2.0, 1.0], &[0.5, 0.5], 1.0) - 0.1).abs() < 1e-12);
    }
}
