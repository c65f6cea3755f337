//! Evaluation, with the running statistics of batch normalisation or with exact ones.

use super::Trainer;
use crate::data::{DataError, Epoch, EvaluationSet};
use crate::layer::StepContext;
use crate::metrics::Metrics;
use crate::network::TestTimeViews;
use crate::sampling::StepSampling;
use serde::{Deserialize, Serialize};

/// Which mean and variance batch normalisation uses in an evaluation.
///
/// The running ones are averages over training steps. Where these are sampled they are those of
/// sampled sums - too small with top-k, of too large a variance with Bernoulli-CRS - whereas the
/// evaluation is exact, so that what it normalises has neither mean zero nor variance one.
///
/// ```
/// use training::train::BatchNormStatistics;
/// let statistics: BatchNormStatistics =
///     serde_yaml::from_str("{name: re-estimated, minibatches: 20}")?;
/// assert_eq!(statistics, BatchNormStatistics::ReEstimated { minibatches: 20 });
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BatchNormStatistics {
    /// The averages of the training steps, as in the released code.
    #[default]
    Running,
    /// The mean over exact passes of some minibatches of training images that are not augmented.
    /// Only the evaluation sees them: training goes on as with the running ones, bit for bit.
    ReEstimated {
        /// How many; all whole ones of the training set if it has fewer.
        minibatches: usize,
    },
}

impl BatchNormStatistics {
    /// Whether they are the running ones.
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }
}

impl Trainer<'_> {
    /// Loss and accuracy on held-out and test images, computed exactly by this rank. The run is
    /// the same afterwards, whatever the statistics.
    ///
    /// # Errors
    /// When a sample cannot be read.
    pub fn evaluate(&mut self, statistics: BatchNormStatistics) -> Result<[Metrics; 2], DataError> {
        let BatchNormStatistics::ReEstimated { minibatches } = statistics else {
            return self.evaluate_as_it_is();
        };
        let state = self.network().state();
        let metrics = self.re_estimate(minibatches).and_then(|()| self.evaluate_as_it_is());
        self.network().load_state(&state).expect("the state is of the same network");
        metrics
    }

    fn evaluate_as_it_is(&mut self) -> Result<[Metrics; 2], DataError> {
        let is_last = self.epochs.len() + 1 >= self.config.epochs;
        let views = if is_last { self.config.test_time_views } else { TestTimeViews::Image };
        let Self { source, image, peer, .. } = self;
        let mut evaluate = |set| {
            let (learner, mut minibatches) = (peer.learner(), source.evaluation(set)?);
            match *image {
                Some(image) if !views.is_image() => {
                    learner.evaluate_views(&mut *minibatches, views, image)
                }
                _ => learner.evaluate(&mut *minibatches),
            }
        };
        Ok([evaluate(EvaluationSet::HeldOut)?, evaluate(EvaluationSet::Test)?])
    }

    /// Makes the running statistics the means over exact passes of the first minibatches of the
    /// epoch's order. Drawn at random, they are right for data sorted by class as well.
    fn re_estimate(&mut self, minibatches: usize) -> Result<(), DataError> {
        let stream = self.config.stream().child("statistics");
        // What is left over after whole minibatches would count as much as one of them.
        let whole = (self.source.samples() / self.config.batch_size).max(1);
        let epoch = Epoch { augmented: false, ..self.this_epoch() };
        let mut chosen = self.source.epoch(&epoch)?;
        let network = self.peer.learner().network();
        for before in 0..minibatches.min(whole) {
            chosen.next_into(&mut self.minibatch)?;
            let context = StepContext {
                sampling: StepSampling::Nothing,
                // Shares of 1, 1/2, 1/3, ... make the average the mean.
                statistics_share: Some(1.0 / (before + 1) as f32),
                ..StepContext::training(self.set, stream, before as u64)
            };
            network.forward(&context, &self.minibatch.input);
        }
        // No part of a training step.
        network.take_computations();
        Ok(())
    }
}
