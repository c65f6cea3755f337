//! Training runs of several workers, each with a share of every minibatch.

use super::{Progress, RunError, Trainer, TrainingConfig, TrainingError, TrainingReport};
use crate::counting::GradientNumbers;
use crate::data::Splits;
use crate::exchange::{Collective, Exchange, Threads};
use crate::setting::FieldError;
use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;

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
    /// Numbers of gradients that each worker sent, of all steps; one by itself sends none.
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
}

/// Refuses workers without a sample.
pub(super) fn check_workers(
    workers: usize,
    batch: usize,
    samples: usize,
) -> Result<(), FieldError> {
    let last = if samples.is_multiple_of(batch) { batch } else { samples % batch };
    if (1..=last).contains(&workers) {
        return Ok(());
    }
    let expected = "a whole number of at least 1, at most the samples of the smallest minibatch, \
                    the last of an epoch";
    Err(FieldError::new("workers", workers, expected))
}

/// Trains a network as [`train`](super::train) does, with its minibatches divided among workers.
///
/// With one worker the report is that of [`train`](super::train), bit for bit. With a path there is
/// a checkpoint, from which a run that was stopped goes on: see
/// [`train_with_checkpoints`](super::train_with_checkpoints). It is of the run, whatever its workers
/// are: ranks of another kind ([`train_rank`]) go on from it to the same bits.
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
/// let set = InstructionSet::detect();
/// let report = train_data_parallel(&config, four, &splits, set, None, &mut |_| {
///     ControlFlow::Continue(())
/// })?;
/// let (sent, whole) = report.bytes_a_step();
/// assert_eq!((sent, whole), (4.0 * 3_202.0, 4.0 * 12_730.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When a setting is out of range, a set is empty, a worker would be without a sample, slices are
/// exchanged that are not the same on all workers, the loss diverges, `observe` breaks, or there is
/// something wrong with the checkpoint.
pub fn train_data_parallel(
    config: &TrainingConfig,
    parallel: DataParallel,
    splits: &Splits,
    set: InstructionSet,
    checkpoint: Option<&Path>,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<DataParallelReport, RunError> {
    let checked = config
        .check()
        .and_then(|()| check_workers(parallel.workers, config.batch_size, splits.train.len()));
    checked.map_err(TrainingError::from)?;
    let exchange = parallel.exchange;
    Threads::run(
        parallel.workers,
        |rank| train_rank(config, splits, Box::new(rank), exchange, set, checkpoint, observe),
        |rank| {
            let mut go_on = |_| ControlFlow::Continue(());
            train_rank(config, splits, Box::new(rank), exchange, set, checkpoint, &mut go_on)
                .map(drop)
        },
    )
}

/// The part of one rank in such a run, whatever the ranks are; the report is the same on all. The
/// observer of rank 0 is the one that can stop the run. All have a path of a checkpoint or none has,
/// and rank 0 alone looks there.
///
/// # Errors
/// As [`train_data_parallel`], and when another rank fails. Whoever started the ranks then tells
/// the others by [`Collective::abort`].
pub fn train_rank(
    config: &TrainingConfig,
    splits: &Splits,
    collective: Box<dyn Collective + '_>,
    exchange: Exchange,
    set: InstructionSet,
    checkpoint: Option<&Path>,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<DataParallelReport, RunError> {
    let checked = config.check().and_then(|()| DataParallel::check_settings(config));
    checked.map_err(TrainingError::from)?;
    let mut trainer = Trainer::on_images(config, splits, collective, exchange, set)?;
    let first = trainer.network().parameters();
    match checkpoint {
        Some(path) => trainer = trainer.finished_with_checkpoints(path, None, observe)?,
        None => {
            while !trainer.is_finished() {
                trainer.epoch(observe)?;
            }
        }
    }
    let last = trainer.network().parameters();
    let moved = first.iter().zip(&last).filter(|(first, last)| first != last).count();
    Ok(DataParallelReport {
        sent: trainer.sent,
        steps: trainer.peer.steps(),
        moved: moved as f64 / last.len() as f64,
        training: trainer.report(),
    })
}
