//! Tuned where it may be, tested where it counts.

use crate::crossbar::{Storage, Stored};
use crate::error::ClassifierError;
use crate::rule::{FittedRule, Rule};
use crate::similarity::Similarities;
use crate::split::{Pair, Split};
use crate::tally::Tally;
use crate::tuning::{Labelled, Tuning, tally};
use kernels::random::Stream;
use serde::{Deserialize, Serialize};

/// What one query takes, and what is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Multiply-adds of a query: columns times features. In a crossbar the current does them.
    pub multiply_adds: u64,
    /// Exponentials of a query.
    pub exponentials: u64,
    /// Comparisons of a query with a threshold, or of columns with each other.
    pub comparisons: u64,
    /// Bits of one weight.
    pub bits_a_weight: u32,
    /// Bits of all weights.
    pub bits: u64,
}

impl Cost {
    fn of(rule: Rule, stored: &Stored) -> Self {
        let (columns, weights) = (stored.columns() as u64, stored.weights.len() as u64);
        let (exponentials, comparisons) = match rule {
            Rule::Density => (columns, 0),
            Rule::HalfHeight | Rule::OneThreshold | Rule::ClassThresholds => (0, columns),
            Rule::Window => (0, 2 * columns),
            Rule::NearestNeighbour => (0, columns),
        };
        Self {
            multiply_adds: weights,
            exponentials,
            comparisons,
            bits_a_weight: stored.bits,
            bits: weights * u64::from(stored.bits),
        }
    }
}

/// What a rule came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// The numbers chosen for it, once a split.
    pub fitted: Vec<FittedRule>,
    /// Its decisions on the test samples of all splits.
    pub tally: Tally,
    /// What it takes, in the last split.
    pub cost: Cost,
}

/// Tunes and tests some rules with one way of storing, and counts the decisions over all splits.
///
/// Devices are tuned as ideal ones: their faults are not known when thresholds are set. Each split
/// has devices of its own, drawn from `stream`.
///
/// # Errors
/// When weights cannot be stored.
pub fn evaluate(
    splits: &[Split],
    storage: Storage,
    rules: &[Rule],
    tuning: &Tuning,
    stream: Stream,
) -> Result<Vec<Outcome>, ClassifierError> {
    let mut sum: Vec<Outcome> = Vec::new();
    for (index, split) in splits.iter().enumerate() {
        let stream = stream.child(&index.to_string());
        let outcomes = evaluate_one(split, storage, rules, tuning, stream)?;
        if sum.is_empty() {
            sum = outcomes;
            continue;
        }
        for (sum, outcome) in sum.iter_mut().zip(outcomes) {
            sum.fitted.extend(outcome.fitted);
            sum.tally += outcome.tally;
            sum.cost = outcome.cost;
        }
    }
    Ok(sum)
}

fn evaluate_one(
    split: &Split,
    storage: Storage,
    rules: &[Rule],
    tuning: &Tuning,
    stream: Stream,
) -> Result<Vec<Outcome>, ClassifierError> {
    let tuned_as = match storage {
        Storage::Devices { levels, .. } => Storage::Levels(levels),
        other => other,
    };
    let stored: Vec<Stored> = split
        .tuning
        .iter()
        .map(|pair| Stored::new(&pair.stored, tuned_as, stream))
        .collect::<Result<_, _>>()?;
    let labelled: Vec<Labelled> = split
        .tuning
        .iter()
        .zip(&stored)
        .flat_map(|(pair, stored)| Similarities::batches(pair, stored))
        .collect();
    let fitted: Vec<FittedRule> = rules.iter().map(|&rule| tuning.fit(rule, &labelled)).collect();
    let stored = Stored::new(&split.test.stored, storage, stream)?;
    let tallies = test(&split.test, &stored, &fitted);
    let outcome = |((&rule, fitted), tally)| {
        let cost = Cost::of(rule, &stored);
        Outcome { rule, fitted: vec![fitted], tally, cost }
    };
    Ok(rules.iter().zip(fitted).zip(tallies).map(outcome).collect())
}

/// The decisions of fitted rules on the queries of a pair.
///
/// # Panics
/// When `stored` is not of the pair, or gates have another number of classes.
pub fn test(pair: &Pair, stored: &Stored, rules: &[FittedRule]) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); rules.len()];
    for (similarities, labels) in Similarities::batches(pair, stored) {
        for (sum, rule) in tallies.iter_mut().zip(rules) {
            *sum += tally(rule, &similarities, labels);
        }
    }
    tallies
}

/// The score of every class for every query of a pair: queries x classes.
///
/// # Panics
/// As [`fn@test`].
pub fn scores(pair: &Pair, stored: &Stored, rule: &FittedRule) -> Vec<f64> {
    let mut scores = Vec::new();
    for (similarities, _) in Similarities::batches(pair, stored) {
        for query in 0..similarities.queries() {
            let score = |class| rule.score(&similarities, query, class);
            scores.extend((0..similarities.classes()).map(score));
        }
    }
    scores
}
