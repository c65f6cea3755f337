//! A ratio for every layer, from a budget of all.

use super::SamplingPolicy;
use crate::setting::{FieldError, POSITIVE, count, number};
use kernels::scores::pair_scores;
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// Divides a budget among the layers where it does the least harm (after Liu et al. 2023, RSC).
///
/// At the first step of every `every_epochs`-th epoch after the exact ones, the scores
/// w_i = |A_i| |B^i| of every layer are taken from an exact pass of the step's minibatch, and all
/// ratios start at 1. Until the sampled layers' forward products take `share` of their
/// multiply-adds, the ratio of one layer is lowered by `step`: of the one where the pairs of least
/// score that the lower ratio leaves out, besides those that are left out already, have the least
///
/// > sum w_i / (|A| |B|),
///
/// the first of equal ones. This is how much more the product of the largest scores may be off, as
/// a share of the product of the norms. No ratio is lowered to 0, nor where `minimal_k` pairs are
/// left.
///
/// RSC divides the work of backward products, weighs each pair by its own, scores by averages over
/// steps and divides by the norm of the product. Here all pairs of a layer take the same work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreedyBudget {
    /// Multiply-adds of the sampled layers' forward products, as a share of the exact ones', in
    /// (0, 1]. The modes do not matter: also in the backward mode a ratio stands for this share of
    /// its layer's forward product.
    pub share: f64,
    /// Epochs from one division to the next.
    #[serde(default = "usual_epochs")]
    pub every_epochs: usize,
    /// What a ratio is lowered by, in (0, 1).
    #[serde(default = "usual_step")]
    pub step: f64,
}

fn usual_epochs() -> usize {
    10
}

fn usual_step() -> f64 {
    0.02
}

/// A layer that takes part in the division of a budget.
#[derive(Debug)]
pub struct BudgetedLayer {
    policy: SamplingPolicy,
    multiply_adds: f64,
    /// Scores over the product of norms, in increasing order.
    scores: Vec<f64>,
}

impl BudgetedLayer {
    /// A layer with the norms of its pairs and the multiply-adds of its forward product.
    ///
    /// # Panics
    /// When there is not one norm of each side a pair.
    pub fn new(policy: SamplingPolicy, multiply_adds: u64, left: &[f64], right: &[f64]) -> Self {
        let norm = |norms: &[f64]| norms.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
        let norms = norm(left) * norm(right);
        let mut scores = pair_scores(left, right);
        // Products of zeros have no error.
        scores
            .iter_mut()
            .for_each(|score| *score = if norms == 0.0 { 0.0 } else { *score / norms });
        scores.sort_unstable_by(f64::total_cmp);
        Self { policy, multiply_adds: multiply_adds as f64, scores }
    }

    fn left_out(&self, ratio: f64) -> usize {
        self.scores.len() - SamplingPolicy { ratio, ..self.policy }.budget(self.scores.len())
    }

    fn work(&self, ratio: f64) -> f64 {
        let left_out = self.left_out(ratio) as f64 / self.scores.len().max(1) as f64;
        self.multiply_adds * (1.0 - left_out)
    }
}

impl GreedyBudget {
    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        number("share", self.share, (POSITIVE.0, Bound::Included(1.0)))?;
        count("every_epochs", self.every_epochs)?;
        number("step", self.step, (POSITIVE.0, Bound::Excluded(1.0)))
    }

    /// The ratios of the layers.
    ///
    /// # Errors
    /// When the share is less than what the least ratios leave.
    pub fn ratios(&self, layers: &[BudgetedLayer]) -> Result<Vec<f64>, FieldError> {
        let all: f64 = layers.iter().map(|layer| layer.multiply_adds).sum();
        let ratio = |lowered: usize| 1.0 - lowered as f64 * self.step;
        let mut lowered = vec![0; layers.len()];
        loop {
            let works = layers.iter().zip(&lowered).map(|(layer, &times)| layer.work(ratio(times)));
            let work: f64 = works.sum();
            if work <= self.share * all {
                return Ok(lowered.into_iter().map(ratio).collect());
            }
            let harm = |place: usize| {
                let (layer, next) = (&layers[place], ratio(lowered[place] + 1));
                let before = layer.left_out(ratio(lowered[place]));
                let can_be_lowered =
                    next > 0.0 && layer.scores.len() - before > layer.policy.minimal_k;
                let after = if next > 0.0 { layer.left_out(next) } else { before };
                can_be_lowered.then(|| layer.scores[before..after].iter().sum::<f64>())
            };
            let harms = (0..layers.len()).filter_map(|place| Some((place, harm(place)?)));
            let Some((least, _)) = harms.min_by(|one, other| one.1.total_cmp(&other.1)) else {
                let expected = format!("at least {}, what minimal_k and step leave", work / all);
                return Err(FieldError::new("share", self.share, expected));
            };
            lowered[least] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Mode;
    use kernels::Estimator;

    const POLICY: SamplingPolicy = SamplingPolicy::new(Estimator::TopK, 0.5, 2, Mode::Forward);

    fn layer(multiply_adds: u64, scores: &[f64]) -> BudgetedLayer {
        BudgetedLayer::new(POLICY, multiply_adds, scores, &vec![1.0; scores.len()])
    }

    fn budget(share: f64) -> GreedyBudget {
        GreedyBudget { share, every_epochs: 10, step: 0.125 }
    }

    #[test]
    fn a_layer_with_all_its_mass_in_few_pairs_is_lowered_first() {
        let [mut few, mut many] = [[1e-3; 16], [1.0; 16]];
        (few[3], few[7], many[0]) = (1.0, 1.0, 1.1);
        let layers = [layer(100, &many), layer(100, &few)];
        let ratios = |share| budget(share).ratios(&layers).unwrap();
        assert_eq!(ratios(1.0), [1.0, 1.0]);
        assert_eq!(ratios(0.9), [1.0, 0.75]);
        assert_eq!(ratios(0.6), [1.0, 0.125]);
        // Two pairs are left of it, and it is the other one's turn.
        assert_eq!(ratios(0.5), [0.875, 0.125]);
        assert_eq!(ratios(0.125), [0.125, 0.125]);
    }

    #[test]
    fn a_budget_that_minimal_k_does_not_leave_is_refused() {
        let layers = [layer(100, &[1.0; 10]), layer(300, &[1.0, 2.0])];
        let error = budget(0.5).ratios(&layers).unwrap_err().to_string();
        assert!(error.starts_with("share is 0.5, expected at least 0.8"), "{error}");
        assert_eq!(budget(0.5).ratios(&[]), Ok(vec![]));
        assert!(budget(0.5).ratios(&[layer(1, &[0.0; 8])]).is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let refused = |text: &str| {
            let budget: GreedyBudget = serde_yaml::from_str(text).unwrap();
            budget.check().unwrap_err().field
        };
        for (text, field) in [
            ("{share: 0}", "share"),
            ("{share: 1.1}", "share"),
            ("{share: 0.5, every_epochs: 0}", "every_epochs"),
            ("{share: 0.5, step: 0}", "step"),
            ("{share: 0.5, step: 1}", "step"),
        ] {
            assert_eq!(refused(text), field, "{text}");
        }
    }
}
