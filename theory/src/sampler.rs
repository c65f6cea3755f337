//! A sampler under test: an estimator of the kernels, right as it is or spoiled by one mistake.

use crate::claim::CheckError;
use crate::controls::{BiasedGenerator, Mistake};
use crate::enumeration::{Outcome, outcomes};
use kernels::selection::SelectionError;
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
    /// Those of [`outcomes`].
    pub fn outcomes(&self, scores: &[f64], k: usize) -> Result<Vec<Outcome>, CheckError> {
        // The law that every draw is from is found once. What is spoiled after it was drawn may hide
        // how it was drawn, so it is enumerated before.
        let law = self.estimator.law(scores, k)?;
        let mut found = outcomes(|rng| match self.mistake {
            Some(Mistake::BiasedGenerator) => Ok(law.draw(&mut BiasedGenerator(rng))),
            _ => Ok(law.draw(rng)),
        })?;
        if let Some(mistake) = self.mistake {
            for outcome in &mut found {
                outcome.selection = mistake.spoil(std::mem::take(&mut outcome.selection), k)?;
            }
        }
        Ok(found)
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

/// The estimators of the kernels whose expected estimate is the exact product.
pub fn unbiased_estimators() -> impl Iterator<Item = Estimator> {
    Estimator::ALL.into_iter().filter(Estimator::is_unbiased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_estimator_is_enumerated_through_the_function_that_training_calls() {
        let scores = [4.0, 2.0, 1.0, 0.0, 1.0];
        for estimator in Estimator::ALL {
            let found = Sampler::right(estimator).outcomes(&scores, 2).unwrap();
            let sum: f64 = found.iter().map(|outcome| outcome.probability).sum();
            assert!((sum - 1.0).abs() < 1e-14, "{estimator} {sum}");
            let is_drawn = |mut rng| {
                let drawn = estimator.select(&scores, 2, &mut rng).unwrap();
                found.iter().any(|outcome| outcome.selection == drawn)
            };
            let stream = kernels::random::Stream::new(1, "enumerated");
            assert!((0..100).all(|step| is_drawn(stream.at(step))), "{estimator}");
        }
    }
}
