//! The numbers of a rule: those with the most right decisions on samples that are not tested on.

use crate::rule::{FittedRule, Rule};
use crate::similarity::Similarities;
use crate::tally::Tally;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, POSITIVE, count_within, distinct, number};

/// What is tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Bandwidths of the density.
    pub bandwidths: Vec<f64>,
    /// How often the share of the read-outs above a threshold is halved, from one on.
    pub halvings: usize,
    /// Thresholds tried a halving.
    pub thresholds_a_halving: usize,
    /// How often the threshold of each class is chosen anew, given those of the others.
    pub sweeps: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        let bandwidths = vec![0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5];
        Self { bandwidths, halvings: 10, thresholds_a_halving: 8, sweeps: 3 }
    }
}

/// Read-outs with the right classes, to tune on.
pub type Labelled<'a> = (Similarities, &'a [usize]);

impl Tuning {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When there is nothing to try, or a bandwidth is not above zero.
    pub fn check(&self) -> Result<(), FieldError> {
        distinct("bandwidths", &self.bandwidths)?;
        for (index, &bandwidth) in self.bandwidths.iter().enumerate() {
            number(&format!("bandwidths[{index}]"), bandwidth, POSITIVE)?;
        }
        count_within("halvings", self.halvings, 1..=60)?;
        count_within("thresholds_a_halving", self.thresholds_a_halving, 1..=100)?;
        count_within("sweeps", self.sweeps, 1..=1_000)
    }

    /// The best numbers for a rule on all of these read-outs together; the first of equally good
    /// ones.
    ///
    /// # Panics
    /// When there is no read-out to tune on.
    pub fn fit(&self, rule: Rule, labelled: &[Labelled]) -> FittedRule {
        let classes = labelled[0].0.classes();
        match rule {
            Rule::Density => FittedRule::Density { bandwidth: self.bandwidth(labelled) },
            Rule::HalfHeight => FittedRule::at_half_height(self.bandwidth(labelled), classes),
            Rule::OneThreshold => {
                let shares = Shares::of(self.thresholds(labelled), labelled);
                let best = shares.best_for_all();
                FittedRule::Gates { thresholds: vec![shares.thresholds[best]; classes] }
            }
            Rule::ClassThresholds => {
                let shares = Shares::of(self.thresholds(labelled), labelled);
                let chosen = shares.best_for_each(self.sweeps);
                let threshold = |&index: &usize| shares.thresholds[index];
                FittedRule::Gates { thresholds: chosen.iter().map(threshold).collect() }
            }
            Rule::Window => {
                // Half as many, since these are tried in pairs.
                let thresholds = self.thresholds(labelled).into_iter().step_by(2).collect();
                let shares = Shares::of(thresholds, labelled);
                let (low, high) = shares.best_window();
                FittedRule::Window { low: shares.thresholds[low], high: shares.thresholds[high] }
            }
            Rule::NearestNeighbour => FittedRule::NearestNeighbour,
        }
    }

    fn bandwidth(&self, labelled: &[Labelled]) -> f64 {
        let tally = |&bandwidth: &f64| tally_all(&FittedRule::Density { bandwidth }, labelled);
        let tallies: Vec<Tally> = self.bandwidths.par_iter().map(tally).collect();
        self.bandwidths[best(&tallies)]
    }

    /// Thresholds, ascending: each has a share of 2^(-g / steps) of all read-outs above it, and lies
    /// half-way between two of them.
    fn thresholds(&self, labelled: &[Labelled]) -> Vec<f64> {
        let all = labelled.iter().flat_map(|(similarities, _)| similarities.all());
        let mut all: Vec<f64> = all.copied().collect();
        all.par_sort_unstable_by(f64::total_cmp);
        let steps = self.thresholds_a_halving;
        let threshold = |step: usize| {
            let share = libm::exp2(-(step as f64) / steps as f64);
            let above = (share * all.len() as f64).round() as usize;
            let first = (all.len() - above.max(1)).max(1);
            all.get(first - 1..=first).map_or(all[0], |pair| (pair[0] + pair[1]) / 2.0)
        };
        let mut thresholds: Vec<f64> = (0..=self.halvings * steps).map(threshold).collect();
        thresholds.dedup();
        thresholds
    }
}

/// The decisions of a rule on read-outs.
pub(crate) fn tally(rule: &FittedRule, similarities: &Similarities, labels: &[usize]) -> Tally {
    let scores: Vec<Vec<f64>> = (0..labels.len())
        .into_par_iter()
        .map(|query| {
            let score = |class| rule.score(similarities, query, class);
            (0..similarities.classes()).map(score).collect()
        })
        .collect();
    let mut tally = Tally::default();
    for (scores, &label) in scores.iter().zip(labels) {
        tally.count(scores, label);
    }
    tally
}

fn tally_all(rule: &FittedRule, labelled: &[Labelled]) -> Tally {
    let mut sum = Tally::default();
    for (similarities, labels) in labelled {
        sum += tally(rule, similarities, labels);
    }
    sum
}

/// The first of the best.
fn best(tallies: &[Tally]) -> usize {
    let better = |best: usize, next: usize| {
        if tallies[next].is_better_than(&tallies[best]) { next } else { best }
    };
    (0..tallies.len()).fold(0, better)
}

/// The share of each class's columns above each threshold, for each query.
struct Shares {
    thresholds: Vec<f64>,
    classes: usize,
    labels: Vec<usize>,
    /// Queries x classes x thresholds.
    shares: Vec<f64>,
}

impl Shares {
    fn of(thresholds: Vec<f64>, labelled: &[Labelled]) -> Self {
        let classes = labelled[0].0.classes();
        let mut shares = Vec::new();
        let mut labels = Vec::new();
        for (similarities, of_queries) in labelled {
            labels.extend_from_slice(of_queries);
            for query in 0..similarities.queries() {
                for class in 0..classes {
                    let share = |&t: &f64| similarities.share_at_least(query, class, t);
                    shares.extend(thresholds.iter().map(share));
                }
            }
        }
        Self { thresholds, classes, labels, shares }
    }

    /// The decisions when the score of a class is a number made of its shares.
    fn tally(&self, score: impl Fn(usize, &[f64]) -> f64) -> Tally {
        let mut tally = Tally::default();
        let mut scores = vec![0.0; self.classes];
        let count = self.thresholds.len();
        for (shares, &label) in self.shares.chunks(self.classes * count).zip(&self.labels) {
            for (class, shares) in shares.chunks(count).enumerate() {
                scores[class] = score(class, shares);
            }
            tally.count(&scores, label);
        }
        tally
    }

    fn best_for_all(&self) -> usize {
        let indices = (0..self.thresholds.len()).into_par_iter();
        let tallies: Vec<Tally> =
            indices.map(|index| self.tally(|_, shares| shares[index])).collect();
        best(&tallies)
    }

    fn best_for_each(&self, sweeps: usize) -> Vec<usize> {
        let mut chosen = vec![self.best_for_all(); self.classes];
        for class in (0..sweeps).flat_map(|_| 0..self.classes) {
            let current = self.tally(|of, shares| shares[chosen[of]]);
            let indices = (0..self.thresholds.len()).into_par_iter();
            let with = |index| {
                self.tally(|of, shares| shares[if of == class { index } else { chosen[of] }])
            };
            let tallies: Vec<Tally> = indices.map(with).collect();
            let next = best(&tallies);
            if tallies[next].is_better_than(&current) {
                chosen[class] = next;
            }
        }
        chosen
    }

    fn best_window(&self) -> (usize, usize) {
        let count = self.thresholds.len();
        let windows: Vec<(usize, usize)> =
            (0..count).flat_map(|low| (low + 1..count).map(move |high| (low, high))).collect();
        if windows.is_empty() {
            return (0, 0);
        }
        let share =
            |low: usize, high: usize| move |_: usize, shares: &[f64]| shares[low] - shares[high];
        let tallies: Vec<Tally> =
            windows.par_iter().map(|&(low, high)| self.tally(share(low, high))).collect();
        windows[best(&tallies)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::similarities;

    fn tuning() -> Tuning {
        Tuning { halvings: 3, thresholds_a_halving: 2, ..Tuning::default() }
    }

    #[test]
    fn a_threshold_that_separates_is_found() {
        // Query 0 has 0.9 of the first class against 0.7, query 1 has 0.3 against 0.3.
        let labels = [0, 1];
        let labelled = [(similarities(), &labels[..])];
        for rule in [Rule::ClassThresholds, Rule::OneThreshold] {
            let fitted = tuning().fit(rule, &labelled);
            let tally = tally_all(&fitted, &labelled);
            assert!(tally.right >= 1, "{fitted:?} {tally:?}");
        }
        let each = tally_all(&tuning().fit(Rule::ClassThresholds, &labelled), &labelled);
        let all = tally_all(&tuning().fit(Rule::OneThreshold, &labelled), &labelled);
        assert!(!all.is_better_than(&each), "{all:?} {each:?}");
    }

    #[test]
    fn thresholds_lie_between_read_outs_and_ascend() {
        let labelled = [(similarities(), &[0, 1][..])];
        let thresholds = tuning().thresholds(&labelled);
        assert!(thresholds.is_sorted() && thresholds.len() > 2, "{thresholds:?}");
    }

    #[test]
    fn nothing_to_try_is_refused() {
        let empty = Tuning { bandwidths: Vec::new(), ..tuning() }.check().unwrap_err().to_string();
        assert_eq!(empty, "bandwidths is [], expected at least one element");
        let zero = Tuning { bandwidths: vec![0.1, 0.0], ..tuning() }.check().unwrap_err();
        assert_eq!(zero.to_string(), "bandwidths[1] is 0, expected a finite number above 0");
        assert!(Tuning { sweeps: 0, ..tuning() }.check().is_err());
    }
}
