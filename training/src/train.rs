//! The training loop.

mod data_parallel;
mod resume;
mod statistics;
#[cfg(test)]
mod tests;

pub use data_parallel::{DataParallel, DataParallelReport, train_data_parallel};
pub use resume::{ResumeError, train_with_checkpoints};
pub use statistics::BatchNormStatistics;

use crate::counting::Computations;
use crate::data::{Augmentation, Dataset, EpochAugmentation, Splits};
use crate::exchange::ExchangeError;
use crate::layer::{Context, ImageShape, SelectionFailure};
use crate::loss::{Loss, softmax_cross_entropy};
use crate::matrix::Matrix;
use crate::network::{Description, Network, NetworkConfig, NetworkError};
use crate::optimizer::{Optimizer, OptimizerConfig, Schedule};
use crate::sampling::LayerPolicies;
use crate::setting::{FieldError, count};
use kernels::InstructionSet;
use kernels::random::{Stream, shuffle};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;

/// A training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// What is trained.
    pub network: NetworkConfig,
    /// Samples in a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// How gradients change parameters.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes from epoch to epoch.
    #[serde(default)]
    pub schedule: Schedule,
    /// How the products of each layer are sampled.
    #[serde(default)]
    pub policies: LayerPolicies,
    /// First epochs that are exact whatever the policies.
    #[serde(default)]
    pub exact_epochs: usize,
    /// How training images are changed at random, every epoch anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The statistics that batch normalisation uses in evaluations.
    #[serde(default, skip_serializing_if = "BatchNormStatistics::is_running")]
    pub batch_norm_statistics: BatchNormStatistics,
    /// Where all randomness of the run starts.
    pub seed: u64,
}

/// Why a run cannot start or go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// The network cannot be built, or not be sampled so.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// A data set has no samples.
    #[error("the {0} set has no samples")]
    Empty(&'static str),
    /// The loss became infinite or not a number.
    #[error("the loss became {loss} at step {step} of epoch {epoch}; try a smaller learning rate")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The minibatch of that epoch, from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// A selection could not be drawn.
    #[error("step {step} of epoch {epoch}: {failure}")]
    Selection {
        /// The epoch, from 1.
        epoch: usize,
        /// The minibatch of that epoch, from 1.
        step: usize,
        /// Of which layer, and why.
        failure: SelectionFailure,
    },
    /// The workers of the run cannot train together.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The observer asked to stop.
    #[error("stopped after {epochs} epochs")]
    Stopped {
        /// Epochs that were finished.
        epochs: usize,
    },
}

impl TrainingConfig {
    /// Checks every setting but for those that depend on the data.
    ///
    /// # Errors
    /// On the first one out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("batch_size", self.batch_size)?;
        count("epochs", self.epochs)?;
        self.network.check().map_err(|error| error.within("network"))?;
        self.optimizer.check().map_err(|error| error.within("optimizer"))?;
        self.schedule.check().map_err(|error| error.within("schedule"))?;
        if let BatchNormStatistics::ReEstimated { minibatches } = self.batch_norm_statistics {
            let within = |error: FieldError| error.within("batch_norm_statistics");
            count("minibatches", minibatches).map_err(within)?;
        }
        Ok(())
    }

    /// Checks the settings that depend on the images' shorter side.
    ///
    /// # Errors
    /// When the augmentation makes no sense for them.
    pub fn check_images(&self, side: usize) -> Result<(), FieldError> {
        let augmentation = self.augmentation.unwrap_or_default();
        augmentation.check(side).map_err(|error| error.within("augmentation"))
    }

    /// The network for so many images of this shape, which can compute every minibatch of a run.
    ///
    /// # Errors
    /// When the network does not exist in this size, or does not fit the images, minibatches or
    /// evaluations.
    pub fn describe(
        &self,
        image: ImageShape,
        classes: usize,
        images: usize,
    ) -> Result<Description, NetworkError> {
        let description = self.network.describe(image, classes)?;
        let batch = self.batch_size.min(images);
        description.check_batch(batch).map_err(|error| {
            let expected = format!("a minibatch that fits the network: {error}");
            FieldError::new("batch_size", self.batch_size, expected)
        })?;
        description.check_batch(EVALUATION_BATCH)?;
        Ok(description)
    }

    /// The network before its first step.
    fn build_network(&self, data: &Dataset, stream: Stream) -> Result<Network, NetworkError> {
        let image = ImageShape::new(data.channels, data.height, data.width);
        let description = self.describe(image, data.classes, data.len())?;
        description.build(&self.policies, stream.child("initialisation"))
    }
}

/// Checks that there is something to learn from and to judge by.
fn check_splits(splits: &Splits) -> Result<(), TrainingError> {
    let sets =
        [("training", &splits.train), ("held-out", &splits.held_out), ("test", &splits.test)];
    match sets.iter().find(|(_, data)| data.is_empty()) {
        Some((name, _)) => Err(TrainingError::Empty(name)),
        None => Ok(()),
    }
}

/// Mean loss and share of right answers on a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean cross-entropy, in nats a sample.
    pub loss: f64,
    /// Right answers over samples.
    pub accuracy: f64,
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// On the training set while it was being learnt from (sampled, with dropout).
    pub train: Metrics,
    /// On the held-out part of the training set (exact).
    pub held_out: Metrics,
    /// On the test set (exact).
    pub test: Metrics,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Epoch by epoch.
    pub epochs: Vec<EpochMetrics>,
    /// Multiply-adds of all training steps.
    pub computations: Computations,
    /// SHA-256 of the bits of all parameters, in hexadecimal.
    pub parameters: String,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps made.
    pub steps: usize,
    /// Steps there will be.
    pub total: usize,
    /// The epoch that just ended, if one did.
    pub epoch: Option<EpochMetrics>,
}

/// Samples of an evaluation pass.
const EVALUATION_BATCH: usize = 500;

/// Trains a network and says how it went, epoch by epoch.
///
/// `observe` is called after every step; breaking stops the run.
///
/// # Errors
/// When a setting is out of range, a set is empty, the loss diverges, or `observe` breaks.
pub fn train(
    config: &TrainingConfig,
    splits: &Splits,
    set: InstructionSet,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<TrainingReport, TrainingError> {
    let mut trainer = Trainer::new(config, splits, set)?;
    while !trainer.is_finished() {
        trainer.epoch(observe)?;
    }
    Ok(trainer.report())
}

/// A training run that can be looked at between its steps.
pub struct Trainer<'a> {
    config: &'a TrainingConfig,
    splits: &'a Splits,
    set: InstructionSet,
    stream: Stream,
    network: Network,
    optimizer: Optimizer,
    /// The training samples as the epoch to be finished goes through them.
    order: Vec<usize>,
    steps: usize,
    computations: Computations,
    epochs: Vec<EpochMetrics>,
    /// The loss so far of the epoch to be finished.
    epoch_loss: Loss,
    /// Of the data, once it was asked for.
    data_checksum: Option<String>,
}

impl<'a> Trainer<'a> {
    /// A run before its first step.
    ///
    /// # Errors
    /// When a setting is out of range or a set is empty.
    pub fn new(
        config: &'a TrainingConfig,
        splits: &'a Splits,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        config.check()?;
        check_splits(splits)?;
        config.check_images(splits.train.height.min(splits.train.width))?;
        let stream = Stream::new(config.seed, "training");
        let network = config.build_network(&splits.train, stream)?;
        let mut trainer = Self {
            config,
            splits,
            set,
            stream,
            network,
            optimizer: Optimizer::new(config.optimizer, set),
            order: (0..splits.train.len()).collect(),
            steps: 0,
            computations: Computations::default(),
            epochs: Vec::new(),
            epoch_loss: Loss::default(),
            data_checksum: None,
        };
        trainer.shuffle();
        Ok(trainer)
    }

    /// Whether all epochs have been run.
    pub fn is_finished(&self) -> bool {
        self.epochs.len() == self.config.epochs
    }

    /// The network as it is now.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// One pass over the training samples in a new order, or what is left of it, and an exact
    /// evaluation.
    ///
    /// # Errors
    /// When the loss diverges, or `observe` breaks before the end of the last epoch.
    pub fn epoch(
        &mut self,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainingError> {
        self.advance(usize::MAX, observe)
    }

    /// At most so many steps of an epoch; the last of them is followed by an exact evaluation.
    ///
    /// # Errors
    /// When the loss diverges, or `observe` breaks before the end of the last epoch. The run can
    /// go on where it was stopped.
    pub fn advance(
        &mut self,
        steps: usize,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainingError> {
        let epoch = self.epochs.len();
        let steps_an_epoch = self.steps_an_epoch();
        let total = self.config.epochs * steps_an_epoch;
        let first = self.steps - epoch * steps_an_epoch;
        self.network.set_sampling(epoch >= self.config.exact_epochs);
        self.optimizer.set_factor(self.config.schedule.factor(epoch, self.config.epochs));
        let augmentation =
            self.config.augmentation.map(|changes| changes.epoch(self.stream, epoch as u64));
        let (mut input, mut labels) = (Matrix::default(), Vec::new());
        let mut gradient = Matrix::default();
        let minibatches = self.order.chunks(self.config.batch_size).enumerate();
        for (step, samples) in minibatches.skip(first).take(steps) {
            let samples = samples.iter().copied();
            let train = &self.splits.train;
            fill_minibatch(train, samples, augmentation.as_ref(), &mut input, &mut labels);
            let context = Context::training(self.set, self.stream, self.steps as u64);
            let logits = self.network.forward(&context, &input);
            let loss = softmax_cross_entropy(logits, &labels, &mut gradient);
            if !loss.sum.is_finite() {
                return Err(TrainingError::Diverged {
                    epoch: epoch + 1,
                    step: step + 1,
                    loss: loss.sum / labels.len() as f64,
                });
            }
            self.network.backward(&context, &input, &gradient).map_err(|failure| {
                TrainingError::Selection { epoch: epoch + 1, step: step + 1, failure }
            })?;
            self.network.update(&mut self.optimizer);
            self.computations += self.network.take_computations();
            self.epoch_loss.sum += loss.sum;
            self.epoch_loss.correct += loss.correct;
            self.steps += 1;
            let progress = Progress { steps: self.steps, total, epoch: None };
            if step + 1 < steps_an_epoch && observe(progress).is_break() {
                return Err(TrainingError::Stopped { epochs: epoch });
            }
        }
        if self.steps < (epoch + 1) * steps_an_epoch {
            return Ok(());
        }
        let train = mean(self.epoch_loss, self.order.len());
        let [held_out, test] = self.evaluate(self.config.batch_norm_statistics);
        let metrics = EpochMetrics { train, held_out, test };
        self.end_epoch(metrics);
        let progress = Progress { steps: self.steps, total, epoch: Some(metrics) };
        if observe(progress).is_break() && !self.is_finished() {
            return Err(TrainingError::Stopped { epochs: epoch + 1 });
        }
        Ok(())
    }

    fn steps_an_epoch(&self) -> usize {
        self.order.len().div_ceil(self.config.batch_size)
    }

    /// Puts the samples into the order of the next epoch, which is drawn from that of the last.
    fn shuffle(&mut self) {
        let epoch = self.epochs.len() as u64;
        shuffle(&mut self.stream.child("order").at(epoch), &mut self.order);
    }

    fn end_epoch(&mut self, metrics: EpochMetrics) {
        self.epochs.push(metrics);
        self.epoch_loss = Loss::default();
        self.shuffle();
    }

    /// What the epochs run so far came to.
    pub fn report(&mut self) -> TrainingReport {
        let parameters = checksum(&mut self.network);
        TrainingReport { epochs: self.epochs.clone(), computations: self.computations, parameters }
    }
}

/// SHA-256 of the bits of all parameters, in hexadecimal.
fn checksum(network: &mut Network) -> String {
    let mut hash = Sha256::new();
    for parameter in network.parameters() {
        hash.update(parameter.to_bits().to_le_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loss and accuracy of a network on a set, computed exactly.
pub fn evaluate(network: &mut Network, data: &Dataset, set: InstructionSet) -> Metrics {
    let (mut input, mut labels) = (Matrix::default(), Vec::new());
    let mut gradient = Matrix::default();
    let mut sum = Loss::default();
    for start in (0..data.len()).step_by(EVALUATION_BATCH) {
        let samples = start..data.len().min(start + EVALUATION_BATCH);
        fill_minibatch(data, samples, None, &mut input, &mut labels);
        let logits = network.forward(&Context::evaluation(set), &input);
        let loss = softmax_cross_entropy(logits, &labels, &mut gradient);
        sum.sum += loss.sum;
        sum.correct += loss.correct;
    }
    mean(sum, data.len())
}

fn mean(sum: Loss, samples: usize) -> Metrics {
    Metrics { loss: sum.sum / samples as f64, accuracy: sum.correct as f64 / samples as f64 }
}

/// The pixels of some samples as the network reads them, a row a sample, and their labels; the
/// images are changed first where there is an augmentation.
pub fn fill_minibatch(
    data: &Dataset,
    samples: impl ExactSizeIterator<Item = usize>,
    augmentation: Option<&EpochAugmentation>,
    input: &mut Matrix,
    labels: &mut Vec<u16>,
) {
    let features = data.features();
    input.reshape(samples.len(), features);
    labels.clear();
    let mut changed = vec![0; if augmentation.is_some() { features } else { 0 }];
    for (row, sample) in input.data_mut().chunks_exact_mut(features).zip(samples) {
        labels.push(data.labels[sample]);
        let image = match augmentation {
            Some(augmentation) => {
                let size = (data.height, data.width);
                augmentation.apply(sample, size, data.image(sample), &mut changed);
                &changed
            }
            None => data.image(sample),
        };
        data.normalisation.fill(image, row);
    }
}
