//! Evaluation, with the running statistics of batch normalisation or with exact ones.

use super::{Metrics, Trainer, evaluate, fill_minibatch};
use crate::layer::Context;
use crate::matrix::Matrix;
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
    /// Loss and accuracy on held-out and test images, computed exactly. The run is the same
    /// afterwards, whatever the statistics.
    pub fn evaluate(&mut self, statistics: BatchNormStatistics) -> [Metrics; 2] {
        let BatchNormStatistics::ReEstimated { minibatches } = statistics else {
            return self.evaluate_as_it_is();
        };
        let state = self.network.state();
        self.re_estimate(minibatches);
        let metrics = self.evaluate_as_it_is();
        let mut state = state.into_iter();
        self.network.visit_state(&mut |_, values| {
            if let Some((_, before)) = state.next() {
                values.copy_from_slice(&before);
            }
        });
        metrics
    }

    fn evaluate_as_it_is(&mut self) -> [Metrics; 2] {
        let splits = self.splits;
        [&splits.held_out, &splits.test].map(|data| evaluate(&mut self.network, data, self.set))
    }

    /// Makes the running statistics the means over exact passes of the first minibatches of the
    /// epoch's order. Drawn at random, they are right for data sorted by class as well.
    fn re_estimate(&mut self, minibatches: usize) {
        let (config, stream) = (self.config, self.stream.child("statistics"));
        let (mut input, mut labels) = (Matrix::default(), Vec::new());
        // What is left over after whole minibatches would count as much as one of them.
        let whole = (self.order.len() / config.batch_size).max(1);
        let chosen = self.order.chunks(config.batch_size).take(minibatches.min(whole));
        self.network.set_sampling(false);
        for (before, samples) in chosen.enumerate() {
            let samples = samples.iter().copied();
            fill_minibatch(&self.splits.train, samples, None, &mut input, &mut labels);
            // Shares of 1, 1/2, 1/3, ... make the average the mean.
            self.network.set_statistics_share(Some(1.0 / (before + 1) as f32));
            self.network.forward(&Context::training(self.set, stream, before as u64), &input);
        }
        self.network.set_statistics_share(None);
        self.network.set_sampling(self.epochs.len() >= config.exact_epochs);
        // No part of a training step.
        self.network.take_computations();
    }
}
