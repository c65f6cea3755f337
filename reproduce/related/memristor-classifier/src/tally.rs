//! How often the class of the largest score is the right one, with ties told apart.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Decisions counted.
///
/// A tie of the largest score is no decision and counts as an error; beside it stands what a fair
/// lot among the tied classes would be right on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Queries.
    pub queries: u64,
    /// Queries whose own class alone had the largest score.
    pub right: u64,
    /// Queries for which several classes had the largest score.
    pub ties: u64,
    /// How many of the ties a fair lot gets right on average.
    pub right_by_lot: f64,
}

impl Tally {
    /// Counts the decision that these scores of the classes make.
    ///
    /// ```
    /// use memristor_classifier::tally::Tally;
    /// let mut tally = Tally::default();
    /// tally.count(&[0.0, 0.5, 0.25], 1);
    /// tally.count(&[0.5, 0.5, 0.25], 1);
    /// assert_eq!((tally.accuracy(), tally.tie_rate()), (0.5, 0.5));
    /// assert_eq!(tally.accuracy_by_lot(), 0.75);
    /// ```
    ///
    /// # Panics
    /// When there is no such class.
    pub fn count(&mut self, scores: &[f64], label: usize) {
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let winners = scores.iter().filter(|&&score| score == largest).count();
        let is_winner = scores[label] == largest;
        self.queries += 1;
        if winners > 1 {
            self.ties += 1;
            self.right_by_lot += if is_winner { 1.0 / winners as f64 } else { 0.0 };
        } else {
            self.right += u64::from(is_winner);
        }
    }

    /// The share of right decisions; ties are errors.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.queries as f64
    }

    /// The share of right decisions when a fair lot breaks ties.
    pub fn accuracy_by_lot(&self) -> f64 {
        (self.right as f64 + self.right_by_lot) / self.queries as f64
    }

    /// The share of ties.
    pub fn tie_rate(&self) -> f64 {
        self.ties as f64 / self.queries as f64
    }

    /// Whether this is the better one to choose by: more right decisions, or as many and more by
    /// lot.
    pub(crate) fn is_better_than(&self, other: &Self) -> bool {
        (self.right, self.right_by_lot) > (other.right, other.right_by_lot)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.queries += other.queries;
        self.right += other.right;
        self.ties += other.ties;
        self.right_by_lot += other.right_by_lot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_score_all_classes_are_tied() {
        let mut tally = Tally::default();
        tally.count(&[0.0; 4], 2);
        assert_eq!(tally, Tally { queries: 1, right: 0, ties: 1, right_by_lot: 0.25 });
    }

    #[test]
    fn scores_that_are_not_numbers_are_never_right() {
        let mut tally = Tally::default();
        tally.count(&[f64::NAN; 2], 0);
        tally.count(&[f64::NAN, 0.5], 0);
        assert_eq!((tally.right, tally.right_by_lot), (0, 0.0));
    }
}
