//! Training runs that go on where they were interrupted.

use super::{Progress, Trainer, TrainingConfig, TrainingError, TrainingReport};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::data::{Share, Splits};
use crate::exchange::CollectiveError;
use crate::network::{SampledState, StateError};
use crate::optimizer::{AveragesError, Lookahead};
use crate::sampling::LayerRatios;
use kernels::InstructionSet;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// Why a run cannot go on from a checkpoint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ResumeError {
    /// The checkpoint is of a run with other settings.
    #[error("it is of a run with other settings: '{found}' instead of '{expected}'")]
    OtherSettings {
        /// The first line that differs, in the checkpoint.
        found: String,
        /// The same line of this run.
        expected: String,
    },
    /// The checkpoint is of a run on other data.
    #[error("it is of a run on other data: SHA-256 {found} instead of {expected}")]
    OtherData {
        /// The checksum in the checkpoint.
        found: String,
        /// The checksum of this run's data.
        expected: String,
    },
    /// The checkpoint has more or fewer steps than its epochs have.
    #[error("it has made {steps} steps in {epochs} epochs, of which each has {steps_an_epoch}")]
    Position {
        /// Steps of the checkpoint.
        steps: u64,
        /// Its finished epochs.
        epochs: usize,
        /// Steps of an epoch of this run.
        steps_an_epoch: usize,
    },
    /// The checkpoint has ratios of other layers or epochs than it should.
    #[error("it has not one ratio an epoch and layer whose ratio the run controls")]
    Ratios,
    /// The network has other layers.
    #[error(transparent)]
    Network(#[from] StateError),
    /// The optimiser has averages of other parameters.
    #[error(transparent)]
    Averages(#[from] AveragesError),
}

/// Why a run with checkpoints cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run itself cannot.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is not of the run that was to go on.
    #[error("the run cannot go on from the checkpoint {}: {source}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ResumeError,
    },
}

impl From<CollectiveError> for RunError {
    fn from(error: CollectiveError) -> Self {
        Self::Training(error.into())
    }
}

/// Trains as [`train`](super::train) does, and keeps a checkpoint in the file `path`: from before
/// the first step, from the end of every epoch, from where `observe` stopped the run, and, if
/// asked, from every so many steps. If the file is there already, the run goes on from it.
///
/// The report of a run that was killed at any moment and started again, however often, is the
/// same in every bit as that of a run that was not. The file stays when the run is finished;
/// starting that run again only reads it.
///
/// ```
/// # use std::{num::NonZeroUsize, ops::ControlFlow};
/// # use kernels::InstructionSet;
/// # use training::{data::generated_digits, train::{TrainingConfig, train_with_checkpoints}};
/// let config: TrainingConfig = serde_yaml::from_str(
///     "{network: {name: mlp, hidden: [16], dropout: 0}, batch_size: 10, epochs: 2,
///       optimizer: {name: adam, learning_rate: 0.001}, seed: 1}",
/// )?;
/// let (splits, set) = (generated_digits(1, 50, 10, 10), InstructionSet::detect());
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.checkpoint");
/// let mut run = |last| {
///     train_with_checkpoints(&config, &splits, set, &path, NonZeroUsize::new(2), &mut |at| {
///         if at.steps == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     })
/// };
/// assert!(run(3).is_err(), "stopped after 3 of 10 steps");
/// assert_eq!(run(10)?.epochs.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When [`train`](super::train) has one, the checkpoint cannot be written, or there is a file
/// that is not a whole checkpoint of this run; it is then left as it is.
pub fn train_with_checkpoints(
    config: &TrainingConfig,
    splits: &Splits,
    set: InstructionSet,
    path: &Path,
    every_steps: Option<NonZeroUsize>,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<TrainingReport, RunError> {
    Trainer::new(config, splits, set)?.finish_with_checkpoints(path, every_steps, observe)
}

impl Trainer<'_> {
    /// Runs what is left of all epochs, as [`train_with_checkpoints`] does. Of several ranks, rank
    /// 0 alone reads and writes the file.
    ///
    /// # Errors
    /// As [`train_with_checkpoints`].
    pub fn finish_with_checkpoints(
        self,
        path: &Path,
        every_steps: Option<NonZeroUsize>,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<TrainingReport, RunError> {
        Ok(self.finished_with_checkpoints(path, every_steps, observe)?.report())
    }

    /// The same, for those who have more to ask than the report.
    pub(super) fn finished_with_checkpoints(
        mut self,
        path: &Path,
        every_steps: Option<NonZeroUsize>,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self, RunError> {
        let is_first = self.peer.share().rank == 0;
        let mut trainer = match self.shared_checkpoint(path)? {
            Some(checkpoint) => self
                .resume(checkpoint)
                .map_err(|source| RunError::Resume { path: path.to_owned(), source })?,
            None => {
                // A place that cannot be written to shows before the work of an epoch is lost.
                if is_first {
                    self.checkpoint().save(path)?;
                }
                self
            }
        };
        let steps = every_steps.map_or(usize::MAX, NonZeroUsize::get);
        while !trainer.is_finished() {
            let outcome = trainer.advance(steps, observe);
            if is_first && matches!(outcome, Ok(()) | Err(TrainingError::Stopped { .. })) {
                trainer.checkpoint().save(path)?;
            }
            outcome?;
        }
        Ok(trainer)
    }

    /// The checkpoint in a file that rank 0 has, on every rank; none where there is no file.
    fn shared_checkpoint(&mut self, path: &Path) -> Result<Option<Checkpoint>, RunError> {
        let Share { rank, size } = self.peer.share();
        let found = if rank == 0 { stored(path)? } else { None };
        if size == 1 {
            return Ok(found);
        }
        let mut bytes = found.map_or(Vec::new(), |checkpoint| checkpoint.to_bytes());
        self.peer.collective().broadcast(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Checkpoint::read(&bytes[..], bytes.len() as u64, path)?))
    }

    /// All that the run is now. Of several ranks, each has running statistics of its own; those of
    /// rank 0 are the ones that evaluations use.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let data = self.source.checksum();
        let lookahead = self.lookahead.as_ref().map(Lookahead::average);
        let lookahead = lookahead.cloned().unwrap_or_default();
        let (network, optimizer) = self.peer.learner().parts();
        Checkpoint {
            settings: settings(self.config),
            data,
            epochs: self.epochs.clone(),
            epoch_loss: self.epoch_loss,
            computations: self.computations,
            sent: self.sent,
            network: network.state(),
            sampled: network.sampled_state(),
            ratios: self.ratios.clone(),
            lookahead,
            optimizer: optimizer.state(),
        }
    }

    /// Checks that there is a ratio of every epoch and every layer with a policy, if the run
    /// controls them.
    fn check_ratios(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        let epochs = checkpoint.epochs.len();
        let is_recorded = self.config.course.ratios.is_controlled() && epochs > 0;
        let layers = if is_recorded { self.network().sampled_state() } else { Vec::new() };
        let is_of = |(ratios, own): (&LayerRatios, &SampledState)| {
            ratios.layer == own.layer && ratios.epochs.len() == epochs
        };
        let ratios = &checkpoint.ratios;
        let is_right = ratios.len() == layers.len() && ratios.iter().zip(&layers).all(is_of);
        if is_right { Ok(()) } else { Err(ResumeError::Ratios) }
    }

    /// This run as it was when the checkpoint was made.
    ///
    /// # Errors
    /// When the checkpoint is of another run.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self, ResumeError> {
        self.check_run(&checkpoint)?;
        self.check_position(&checkpoint)?;
        self.check_ratios(&checkpoint)?;
        let (network, optimizer) = self.peer.learner().parts();
        network.load_state(&checkpoint.network)?;
        network.load_sampled_state(&checkpoint.sampled)?;
        let mut lengths = Vec::new();
        network.visit_parameters(&mut |parameter| lengths.push(parameter.values.len()));
        optimizer.load_state(checkpoint.optimizer, &lengths)?;
        if let Some(lookahead) = &mut self.lookahead {
            lookahead.load_average(checkpoint.lookahead)?;
        }
        self.computations = checkpoint.computations;
        self.sent = checkpoint.sent;
        self.epochs = checkpoint.epochs;
        self.ratios = checkpoint.ratios;
        self.epoch_loss = checkpoint.epoch_loss;
        Ok(self)
    }

    fn check_run(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        let settings = settings(self.config);
        if checkpoint.settings != settings {
            let (found, expected) = first_difference(&checkpoint.settings, &settings);
            return Err(ResumeError::OtherSettings { found, expected });
        }
        let expected = self.source.checksum();
        if checkpoint.data != expected {
            return Err(ResumeError::OtherData { found: checkpoint.data.clone(), expected });
        }
        Ok(())
    }

    /// Checks that the steps of a checkpoint are all in finished epochs but for those of an
    /// unfinished one.
    fn check_position(&self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        let (epochs, steps_an_epoch) = (checkpoint.epochs.len(), self.steps_an_epoch());
        let (last, steps) = (self.config.epochs, checkpoint.steps());
        let is_right = usize::try_from(steps).is_ok_and(|steps| {
            let within = epochs < last || steps == last * steps_an_epoch;
            steps / steps_an_epoch == epochs && within
        });
        if is_right { Ok(()) } else { Err(ResumeError::Position { steps, epochs, steps_an_epoch }) }
    }
}

/// The checkpoint in a file; none where there is no file.
fn stored(path: &Path) -> Result<Option<Checkpoint>, CheckpointError> {
    match Checkpoint::load(path) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(CheckpointError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn settings(config: &TrainingConfig) -> String {
    // Numbers, texts and maps of them under texts, all of which YAML has.
    serde_yaml::to_string(config).expect("settings can be written as YAML")
}

/// The first lines in which two different texts differ.
fn first_difference(one: &str, other: &str) -> (String, String) {
    let (mut one, mut other) = (one.lines(), other.lines());
    loop {
        let lines = (one.next(), other.next());
        if lines.0 != lines.1 || lines.0.is_none() {
            let trimmed = |line: Option<&str>| line.unwrap_or_default().trim().to_owned();
            return (trimmed(lines.0), trimmed(lines.1));
        }
    }
}
