//! A sampler under test: an estimator of the kernels, right as it is or spoiled by one mistake.

use crate::claim::CheckError;
use crate::controls::{BiasedGenerator, Mistake};
use crate::enumeration::{Interval, Outcome, ScriptedSource, intervals, outcomes};
use kernels::probability::{as_released, mix_with_uniform, proportional, uniform, water_filling};
use kernels::random::below;
use kernels::selection::{SelectionError, draw_bernoulli, draw_with_replacement};
use kernels::{Estimator, Selection};
use rand::Rng;
use std::fmt;

/// What draws selections in a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// The estimator it is, or claims to be.
    pub estimator: Estimator,
    /// What is wrong with it.
    pub mistake: Option<Mistake>,
}

impl Sampler {
    /// The estimator as the kernels have it.
    pub const fn right(estimator: Estimator) -> Self {
        Self { estimator, mistake: None }
    }

    /// The estimator with a mistake: a negative control.
    pub const fn wrong(estimator: Estimator, mistake: Mistake) -> Self {
        Self { estimator, mistake: Some(mistake) }
    }

    /// Draws about k pairs.
    ///
    /// # Errors
    /// Those of [`Estimator::select`].
    pub fn select(
        &self,
        scores: &[f64],
        k: usize,
        rng: &mut impl Rng,
    ) -> Result<Selection, SelectionError> {
        match self.mistake {
            None => self.estimator.select(scores, k, rng),
            Some(Mistake::BiasedGenerator) => {
                self.estimator.select(scores, k, &mut BiasedGenerator(rng))
            }
            Some(mistake) => mistake.spoil(self.estimator.select(scores, k, rng)?, k),
        }
    }

    /// Every selection it can draw, with its exact probability.
    ///
    /// ```
    /// use kernels::Estimator;
    /// use theory::sampler::Sampler;
    /// let outcomes = Sampler::right(Estimator::Bernoulli).outcomes(&[1.0, 1.0, 1.0], 2)?;
    /// assert_eq!(outcomes.len(), 8);
    /// # Ok::<(), theory::claim::CheckError>(())
    /// ```
    ///
    /// # Errors
    /// When the enumeration does not fit the sampler, or the sampler refuses its input.
    pub fn outcomes(&self, scores: &[f64], k: usize) -> Result<Vec<Outcome>, CheckError> {
        let draws = self.draws(scores, k)?;
        outcomes(|path| Ok(draws.get(path.len()).cloned()), |rng| self.select(scores, k, rng))
    }

    /// The intervals of each of its random draws.
    fn draws(&self, scores: &[f64], k: usize) -> Result<Vec<Vec<Interval>>, CheckError> {
        let pairs = scores.len();
        if k >= pairs || scores.iter().all(|&w| w == 0.0) {
            return Ok(Vec::new());
        }
        Ok(match self.estimator {
            Estimator::TopK | Estimator::AdaptiveTopK { .. } => Vec::new(),
            Estimator::Bernoulli | Estimator::BernoulliAsReleased => {
                let p = inclusion_probabilities(&self.estimator, scores, k)?;
                p.iter().map(|&p| self.coin(p)).collect::<Result<_, _>>()?
            }
            Estimator::UniformWithoutReplacement | Estimator::UniformWithoutReplacementUnscaled => {
                (0..k).map(|drawn| self.below(pairs - drawn)).collect::<Result<_, _>>()?
            }
            _ => vec![self.index(&draw_probabilities(&self.estimator, scores)?)?; k],
        })
    }

    fn coin(&self, p: f64) -> Result<Vec<Interval>, SelectionError> {
        self.decisions(|mut rng| Ok(usize::from(draw_bernoulli(&[p], &mut rng)?.is_empty())))
    }

    fn index(&self, p: &[f64]) -> Result<Vec<Interval>, SelectionError> {
        self.decisions(|mut rng| Ok(draw_with_replacement(p, 1, &mut rng)?.indices()[0] as usize))
    }

    fn below(&self, bound: usize) -> Result<Vec<Interval>, SelectionError> {
        self.decisions(|mut rng| Ok(below(&mut rng, bound)))
    }

    /// The intervals of one decision, seen through the sampler's own generator.
    fn decisions(
        &self,
        decide: impl Fn(&mut dyn Rng) -> Result<usize, SelectionError>,
    ) -> Result<Vec<Interval>, SelectionError> {
        intervals(|word| {
            let words = [word];
            let mut source = ScriptedSource::new(&words);
            match self.mistake {
                Some(Mistake::BiasedGenerator) => decide(&mut BiasedGenerator(&mut source)),
                _ => decide(&mut source),
            }
        })
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistake {
            None => write!(f, "{}", self.estimator),
            Some(mistake) => write!(f, "{} with {}", self.estimator, mistake.name()),
        }
    }
}

/// The unbiased estimators whose draws are independent or uniform; those with a design of their own
/// are enumerated by [`crate::design`].
pub fn unbiased_estimators() -> impl Iterator<Item = Estimator> {
    use Estimator::{ConditionalPoisson, Systematic, WinnerTakeAll};
    let has_design = |e: &Estimator| matches!(e, WinnerTakeAll | Systematic | ConditionalPoisson);
    Estimator::ALL.into_iter().filter(move |e| e.is_unbiased() && !has_design(e))
}

/// Every outcome of coins with these probabilities.
///
/// # Errors
/// When a probability lies outside [0, 1].
pub fn bernoulli_outcomes(p: &[f64]) -> Result<Vec<Outcome>, CheckError> {
    let coins = Sampler::right(Estimator::Bernoulli);
    let draws = p.iter().map(|&p| coins.coin(p)).collect::<Result<Vec<_>, _>>()?;
    outcomes(|path| Ok(draws.get(path.len()).cloned()), |rng| draw_bernoulli(p, rng))
}

/// The probabilities of one draw of an estimator that draws with replacement.
///
/// # Errors
/// When a score is invalid or all are zero.
pub fn draw_probabilities(estimator: &Estimator, scores: &[f64]) -> Result<Vec<f64>, CheckError> {
    Ok(match *estimator {
        Estimator::ColumnRow => proportional(scores)?,
        Estimator::ColumnRowMixture { epsilon } => {
            mix_with_uniform(&proportional(scores)?, epsilon)?
        }
        _ => uniform(scores.len()),
    })
}

/// The chance of each pair to be kept by an estimator that keeps it at most once.
///
/// # Errors
/// When a score is invalid or all are zero.
pub fn inclusion_probabilities(
    estimator: &Estimator,
    scores: &[f64],
    k: usize,
) -> Result<Vec<f64>, CheckError> {
    Ok(match estimator {
        Estimator::Bernoulli => water_filling(scores, k as f64)?,
        Estimator::BernoulliAsReleased => as_released(scores, k as f64)?,
        _ => vec![k as f64 / scores.len() as f64; scores.len()],
    })
}
