//! The estimators by name, and the law that each draws from.

use crate::law::Law;
use crate::probability::{
    ProbabilityError, as_released_into, check_scores, mix_in_place, proportional_into,
    water_filling_into,
};
use crate::selection::{
    ConditionalPoisson, LawMemory, Scratch, Selection, SelectionError, Workspace,
    adaptive_top_k_into, top_k_into, winners,
};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the pairs of a sampled product are chosen and scaled.
///
/// ```
/// use kernels::{estimator::Estimator, random::Stream};
/// let scores = [4.0, 1.0, 3.0, 2.0];
/// let mut rng = Stream::new(0, "example").at(0);
/// assert_eq!(Estimator::TopK.select(&scores, 2, &mut rng)?.indices(), [0, 2]);
/// # Ok::<(), kernels::selection::SelectionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The k largest scores, unscaled. Biased.
    TopK,
    /// The largest scores up to a share of their sum, unscaled. Biased; ignores the budget.
    AdaptiveTopK {
        /// The share of W to reach, in (0, 1].
        share: f64,
    },
    /// Column-row sampling: k draws with replacement, p proportional to the scores. Unbiased.
    ColumnRow,
    /// Column-row sampling from a mixture with the uniform distribution. Unbiased, bounded scale.
    ColumnRowMixture {
        /// The weight of the uniform part, in [0, 1].
        epsilon: f64,
    },
    /// Bernoulli-CRS with the probabilities of least variance (water-filling). Unbiased.
    Bernoulli,
    /// Bernoulli-CRS with the probabilities of the released code. Unbiased, below its budget.
    BernoulliAsReleased,
    /// k uniform draws with replacement, scaled. Unbiased.
    UniformWithReplacement,
    /// k uniform draws without replacement, scaled by n/k. Unbiased.
    UniformWithoutReplacement,
    /// k uniform draws with replacement, each with scale one. Biased.
    UniformWithReplacementUnscaled,
    /// k uniform draws without replacement, scale one. Biased.
    UniformWithoutReplacementUnscaled,
    /// The most probable pairs for certain, column-row sampling of the others (WTA-CRS, after Liu
    /// and others 2023). Unbiased.
    WinnerTakeAll,
    /// Exactly k pairs by systematic sampling with the probabilities of water-filling (Madow
    /// 1949). Unbiased.
    Systematic,
    /// Exactly k pairs by the coins of water-filling, given their number (Hajek 1964). Unbiased.
    ConditionalPoisson,
}

impl Estimator {
    /// Every estimator, with the released code's parameters where it has some.
    pub const ALL: [Self; 13] = [
        Self::TopK,
        Self::AdaptiveTopK { share: 0.9 },
        Self::ColumnRow,
        Self::ColumnRowMixture { epsilon: 0.1 },
        Self::Bernoulli,
        Self::BernoulliAsReleased,
        Self::UniformWithReplacement,
        Self::UniformWithoutReplacement,
        Self::UniformWithReplacementUnscaled,
        Self::UniformWithoutReplacementUnscaled,
        Self::WinnerTakeAll,
        Self::Systematic,
        Self::ConditionalPoisson,
    ];

    /// The name used in configurations, tables and on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TopK => "top-k",
            Self::AdaptiveTopK { .. } => "adaptive-top-k",
            Self::ColumnRow => "column-row",
            Self::ColumnRowMixture { .. } => "column-row-mixture",
            Self::Bernoulli => "bernoulli",
            Self::BernoulliAsReleased => "bernoulli-as-released",
            Self::UniformWithReplacement => "uniform-with-replacement",
            Self::UniformWithoutReplacement => "uniform-without-replacement",
            Self::UniformWithReplacementUnscaled => "uniform-with-replacement-unscaled",
            Self::UniformWithoutReplacementUnscaled => "uniform-without-replacement-unscaled",
            Self::WinnerTakeAll => "winner-take-all",
            Self::Systematic => "systematic",
            Self::ConditionalPoisson => "conditional-poisson",
        }
    }

    /// Whether the expected estimate is the exact product, whatever the matrices.
    pub fn is_unbiased(&self) -> bool {
        !matches!(
            self,
            Self::TopK
                | Self::AdaptiveTopK { .. }
                | Self::UniformWithReplacementUnscaled
                | Self::UniformWithoutReplacementUnscaled
        )
    }

    /// Whether selections differ from draw to draw: not for the top-k estimators.
    pub fn is_random(&self) -> bool {
        !matches!(self, Self::TopK | Self::AdaptiveTopK { .. })
    }

    /// Checks the parameters, where the estimator has some: every selection would refuse them.
    ///
    /// ```
    /// use kernels::Estimator;
    /// let error = Estimator::AdaptiveTopK { share: 2.0 }.check().unwrap_err();
    /// assert_eq!(error.to_string(), "a share of 2 of the scores was asked for; it lies in (0, 1]");
    /// ```
    ///
    /// # Errors
    /// When the share lies outside (0, 1] or epsilon outside [0, 1].
    pub fn check(&self) -> Result<(), SelectionError> {
        match *self {
            Self::AdaptiveTopK { share } if !(share > 0.0 && share <= 1.0) => {
                Err(SelectionError::InvalidShare { share })
            }
            Self::ColumnRowMixture { epsilon } if !(0.0..=1.0).contains(&epsilon) => {
                Err(ProbabilityError::InvalidEpsilon { epsilon }.into())
            }
            _ => Ok(()),
        }
    }

    /// Chooses about k of the pairs with these scores.
    ///
    /// When k is at least the number of pairs, or every score is zero, all pairs are kept with
    /// scale one: the exact product.
    ///
    /// # Errors
    /// When k is zero, a score is not a finite number of at least 0, a parameter of the estimator is
    /// out of range, or the table of conditional Poisson sampling would be too large.
    pub fn select(
        &self,
        scores: &[f64],
        k: usize,
        rng: &mut impl Rng,
    ) -> Result<Selection, SelectionError> {
        let mut selection = Selection::default();
        self.select_into(scores, k, rng, &mut Workspace::default(), &mut selection)?;
        Ok(selection)
    }

    /// [`Estimator::select`] without allocation once `workspace` and `selection` have grown to
    /// the number of pairs; only winner-take-all and conditional Poisson sampling allocate.
    ///
    /// # Errors
    /// As [`Estimator::select`]; `selection` is then unspecified.
    pub fn select_into(
        &self,
        scores: &[f64],
        k: usize,
        rng: &mut impl Rng,
        workspace: &mut Workspace,
        selection: &mut Selection,
    ) -> Result<(), SelectionError> {
        let Workspace { law, scratch } = workspace;
        let law = self.law_in(scores, k, law, scratch)?;
        law.draw_into(rng, scratch, selection);
        Ok(())
    }

    /// The law that [`Estimator::select`] draws from: the chances of the pairs, their scales, and
    /// the error that follows.
    ///
    /// ```
    /// use kernels::Estimator;
    /// let law = Estimator::ColumnRow.law(&[3.0, 1.0], 1)?;
    /// assert_eq!(law.draw_probabilities(), Some(&[0.75, 0.25][..]));
    /// assert!(!Estimator::TopK.law(&[3.0, 1.0], 1)?.is_random());
    /// # Ok::<(), kernels::selection::SelectionError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Estimator::select`].
    pub fn law(&self, scores: &[f64], k: usize) -> Result<Law<'static>, SelectionError> {
        let Workspace { mut law, mut scratch } = Workspace::default();
        Ok(self.law_in(scores, k, &mut law, &mut scratch)?.into_owned())
    }

    /// [`Estimator::law`] in memory that is used again: the one place where an estimator's name is
    /// turned into probabilities.
    fn law_in<'a>(
        &self,
        scores: &[f64],
        k: usize,
        memory: &'a mut LawMemory,
        scratch: &mut Scratch,
    ) -> Result<Law<'a>, SelectionError> {
        let pairs = scores.len();
        self.check()?;
        if k == 0 {
            return Err(SelectionError::ZeroBudget);
        }
        let LawMemory { probabilities: p, certain } = memory;
        match check_scores(scores) {
            Ok(()) if k < pairs => {}
            Ok(()) | Err(ProbabilityError::AllZero { .. }) => {
                certain.set_all(pairs);
                return Ok(Law::of_certain(certain));
            }
            Err(error) => return Err(error.into()),
        }
        let Scratch { sorted, sums, keys, .. } = scratch;
        let budget = k as f64;
        Ok(match *self {
            Self::TopK => {
                top_k_into(scores, k, keys, certain)?;
                Law::of_certain(certain)
            }
            Self::AdaptiveTopK { share } => {
                adaptive_top_k_into(scores, share, (sorted, keys), certain)?;
                Law::of_certain(certain)
            }
            Self::ColumnRow => {
                proportional_into(scores, p)?;
                Law::of_draws(&**p, k, true)
            }
            Self::ColumnRowMixture { epsilon } => {
                proportional_into(scores, p)?;
                mix_in_place(p, epsilon)?;
                Law::of_draws(&**p, k, true)
            }
            Self::Bernoulli => {
                water_filling_into(scores, budget, (sorted, sums), p)?;
                Law::of_coins(&**p)
            }
            Self::BernoulliAsReleased => {
                as_released_into(scores, budget, p)?;
                Law::of_coins(&**p)
            }
            Self::UniformWithReplacement | Self::UniformWithReplacementUnscaled => {
                p.clear();
                p.resize(pairs, 1.0 / pairs as f64);
                Law::of_draws(&**p, k, *self == Self::UniformWithReplacement)
            }
            Self::UniformWithoutReplacement => Law::of_uniform(pairs, k, true),
            Self::UniformWithoutReplacementUnscaled => Law::of_uniform(pairs, k, false),
            Self::WinnerTakeAll => {
                proportional_into(scores, p)?;
                Law::winner_take_all(p, winners(p, k), k)?
            }
            Self::Systematic => {
                water_filling_into(scores, budget, (sorted, sums), p)?;
                Law::systematic(&**p)?
            }
            Self::ConditionalPoisson => {
                water_filling_into(scores, budget, (sorted, sums), p)?;
                Law::conditional_poisson(ConditionalPoisson::new(p)?)
            }
        })
    }
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no estimator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no estimator '{0}'")]
pub struct UnknownEstimator(pub String);

impl FromStr for Estimator {
    type Err = UnknownEstimator;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|estimator| estimator.name() == name);
        found.ok_or_else(|| UnknownEstimator(name.to_owned()))
    }
}

/// k = min(n, max(minimal_k, floor(ratio n))), the number of pairs kept at a ratio (released
/// code).
pub fn budget(pairs: usize, ratio: f64, minimal_k: usize) -> usize {
    pairs.min(minimal_k.max((ratio * pairs as f64).floor() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn every_name_is_parsed_back() {
        for estimator in Estimator::ALL {
            assert_eq!(estimator.name().parse(), Ok(estimator));
        }
        assert!("topk".parse::<Estimator>().is_err());
    }

    #[test]
    fn a_budget_of_all_pairs_is_exact_and_zero_scores_are_exact() {
        for estimator in Estimator::ALL {
            let mut rng = Stream::new(0, "exact").at(0);
            assert!(estimator.select(&[1.0, 2.0], 2, &mut rng).unwrap().is_exact(), "{estimator}");
            assert!(estimator.select(&[0.0; 3], 1, &mut rng).unwrap().is_exact(), "{estimator}");
            assert_eq!(estimator.select(&[1.0; 3], 0, &mut rng), Err(SelectionError::ZeroBudget));
            assert!(estimator.select(&[1.0, f64::NAN, 2.0], 1, &mut rng).is_err(), "{estimator}");
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused_before_any_selection() {
        for parameter in [2.0, -0.5, f64::NAN] {
            assert!(Estimator::AdaptiveTopK { share: parameter }.check().is_err(), "{parameter}");
            let mixture = Estimator::ColumnRowMixture { epsilon: parameter };
            assert!(mixture.check().is_err(), "{parameter}");
            // Also where the product would be exact.
            let mut rng = Stream::new(0, "exact").at(0);
            assert!(mixture.select(&[1.0], 1, &mut rng).is_err(), "{parameter}");
            assert!(mixture.select(&[0.0; 3], 1, &mut rng).is_err(), "{parameter}");
        }
        assert!(Estimator::AdaptiveTopK { share: 0.0 }.check().is_err());
        assert!(Estimator::ALL.iter().all(|estimator| estimator.check().is_ok()));
    }

    #[test]
    fn budgets_follow_the_released_rule() {
        assert_eq!(budget(784, 0.1, 10), 78);
        assert_eq!(budget(50, 0.1, 10), 10);
        assert_eq!(budget(5, 0.1, 10), 5);
        assert_eq!(budget(10, 1.0, 1), 10);
    }
}
