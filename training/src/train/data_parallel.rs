//! Training runs of several workers, each with a share of every minibatch.

use super::{
    EpochMetrics, Progress, TrainingConfig, TrainingError, TrainingReport, check_splits, checksum,
    evaluate, fill_minibatch, mean,
};
use crate::counting::{Computations, GradientNumbers};
use crate::data::Splits;
use crate::exchange::{Exchange, ExchangeError, Workers};
use crate::layer::Context;
use crate::loss::Loss;
use crate::setting::FieldError;
use kernels::InstructionSet;
use kernels::random::{Stream, shuffle};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

#[cfg(test)]
mod tests;

/// How many workers train together, and what they send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataParallel {
    /// Workers; each minibatch is divided among them as evenly as can be.
    pub workers: usize,
    /// What they send of their gradients.
    pub exchange: Exchange,
}

/// What a run of several workers came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataParallelReport {
    /// The run. Evaluations are those of the first worker, whose running statistics are of its
    /// own shares; computations are those of all workers.
    pub training: TrainingReport,
    /// Numbers of gradients that each worker sent, of all steps.
    pub sent: GradientNumbers,
    /// Steps made.
    pub steps: u64,
    /// The share of the parameters that are not as they started. What is never selected has no
    /// gradient: without weight decay it stays as it was, and so does its norm.
    pub moved: f64,
}

impl DataParallelReport {
    /// Bytes of gradient that a worker sends in a step, and those of a whole gradient: four a
    /// number. A ring all-reduce of W workers moves 2 (W - 1)/W times as many over each link, of
    /// either.
    pub fn bytes_a_step(&self) -> (f64, f64) {
        let bytes = |numbers: u64| 4.0 * numbers as f64 / self.steps as f64;
        (bytes(self.sent.sent), bytes(self.sent.all))
    }
}

impl DataParallel {
    /// Refuses workers without a sample.
    fn check(self, batch: usize, samples: usize) -> Result<(), TrainingError> {
        let last = if samples.is_multiple_of(batch) { batch } else { samples % batch };
        if (1..=last).contains(&self.workers) {
            return Ok(());
        }
        let expected = "a whole number of at least 1, at most the samples of the smallest \
                        minibatch, the last of an epoch";
        Err(FieldError::new("workers", self.workers, expected).into())
    }

    /// Refuses settings that this training does not know what to do with.
    ///
    /// # Errors
    /// When evaluations are to have statistics of batch normalisation that are estimated anew.
    pub fn check_settings(config: &TrainingConfig) -> Result<(), FieldError> {
        if config.batch_norm_statistics.is_running() {
            return Ok(());
        }
        let expected = "running: workers evaluate with the running statistics of the first one";
        Err(FieldError::new("batch_norm_statistics", "re-estimated", expected))
    }

    /// The samples of a minibatch that are one worker's.
    fn share(self, samples: &[usize], worker: usize) -> &[usize] {
        let start = |worker| samples.len() * worker / self.workers;
        &samples[start(worker)..start(worker + 1)]
    }
}

/// Trains a network as [`train`](super::train) does, with its minibatches divided among workers.
///
/// With one worker the report is that of [`train`](super::train), bit for bit.
///
/// ```
/// # use std::ops::ControlFlow;
/// # use kernels::InstructionSet;
/// use training::exchange::Exchange;
/// use training::train::{DataParallel, TrainingConfig, train_data_parallel};
/// let config: TrainingConfig = serde_yaml::from_str("
/// network: {name: mlp, hidden: [16], dropout: 0}
/// batch_size: 10
/// epochs: 1
/// optimizer: {name: adam, learning_rate: 0.001}
/// policies:
///   default: {estimator: top-k, ratio: 0.25, minimal_k: 1, mode: forward, scores: weights}
/// seed: 1
/// ")?;
/// let splits = training::data::generated_digits(1, 50, 10, 10);
/// let four = DataParallel { workers: 4, exchange: Exchange::Slices };
/// let report = train_data_parallel(&config, four, &splits, InstructionSet::detect(), &mut |_| {
///     ControlFlow::Continue(())
/// })?;
/// let (sent, whole) = report.bytes_a_step();
/// assert_eq!((sent, whole), (4.0 * 3_202.0, 4.0 * 12_730.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When a setting is out of range, a set is empty, a worker would be without a sample, slices are
/// exchanged that are not the same on all workers, the loss diverges, or `observe` breaks.
pub fn train_data_parallel(
    config: &TrainingConfig,
    parallel: DataParallel,
    splits: &Splits,
    set: InstructionSet,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<DataParallelReport, TrainingError> {
    config.check()?;
    DataParallel::check_settings(config)?;
    check_splits(splits)?;
    let data = &splits.train;
    config.check_images(data.height.min(data.width))?;
    parallel.check(config.batch_size, data.len())?;
    let stream = Stream::new(config.seed, "training");
    let networks = (0..parallel.workers).map(|_| config.build_network(data, stream));
    let networks = networks.collect::<Result<_, _>>()?;
    let mut workers = Workers::new(networks, config.optimizer, set, parallel.exchange)?;

    let mut order: Vec<usize> = (0..data.len()).collect();
    let total = config.epochs * data.len().div_ceil(config.batch_size);
    let (mut steps, mut sent) = (0, GradientNumbers::default());
    let (mut epochs, mut computations) = (Vec::new(), Computations::default());
    for epoch in 0..config.epochs {
        shuffle(&mut stream.child("order").at(epoch as u64), &mut order);
        workers.set_sampling(epoch >= config.exact_epochs);
        workers.set_factor(config.schedule.factor(epoch, config.epochs));
        let augmentation = config.augmentation.map(|changes| changes.epoch(stream, epoch as u64));
        let mut epoch_loss = Loss::default();
        for (step, samples) in order.chunks(config.batch_size).enumerate() {
            let context = Context::training(set, stream, steps as u64);
            let loss = workers.backward(&context, &|worker, input, labels| {
                let share = parallel.share(samples, worker).iter().copied();
                fill_minibatch(data, share, augmentation.as_ref(), input, labels);
            });
            if !loss.sum.is_finite() {
                let loss = loss.sum / samples.len() as f64;
                return Err(TrainingError::Diverged { epoch: epoch + 1, step: step + 1, loss });
            }
            sent += workers.update().map_err(|error| match error {
                ExchangeError::Selection { failure, .. } => {
                    TrainingError::Selection { epoch: epoch + 1, step: step + 1, failure }
                }
                error => error.into(),
            })?;
            computations += workers.take_computations();
            epoch_loss.sum += loss.sum;
            epoch_loss.correct += loss.correct;
            steps += 1;
            let is_last = (step + 1) * config.batch_size >= data.len();
            if !is_last && observe(Progress { steps, total, epoch: None }).is_break() {
                return Err(TrainingError::Stopped { epochs: epoch });
            }
        }
        let first = workers.network(0);
        let metrics = EpochMetrics {
            train: mean(epoch_loss, data.len()),
            held_out: evaluate(first, &splits.held_out, set),
            test: evaluate(first, &splits.test, set),
        };
        epochs.push(metrics);
        let progress = Progress { steps, total, epoch: Some(metrics) };
        if observe(progress).is_break() && epoch + 1 < config.epochs {
            return Err(TrainingError::Stopped { epochs: epoch + 1 });
        }
    }
    let parameters = checksum(workers.network(0));
    let training = TrainingReport { epochs, computations, parameters };
    let (first, last) =
        (config.build_network(data, stream)?.parameters(), workers.network(0).parameters());
    let moved = first.iter().zip(&last).filter(|(first, last)| first != last).count();
    let moved = moved as f64 / first.len() as f64;
    Ok(DataParallelReport { training, sent, steps: steps as u64, moved })
}
