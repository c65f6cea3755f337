//! The training loop.

use crate::counting::Computations;
use crate::data::{Dataset, Splits};
use crate::layer::Context;
use crate::loss::{Loss, softmax_cross_entropy};
use crate::matrix::Matrix;
use crate::network::{Network, mlp};
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::sampling::{PolicyError, SamplingPolicy};
use kernels::InstructionSet;
use kernels::random::{Stream, shuffle};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;

/// A training run of a multilayer perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Dropout rate after each hidden layer, in [0, 1).
    pub dropout: f64,
    /// Samples in a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// How gradients change parameters.
    pub optimizer: OptimizerConfig,
    /// How products are sampled; exact when there is no policy.
    pub policy: Option<SamplingPolicy>,
    /// First epochs that are exact whatever the policy.
    #[serde(default)]
    pub exact_epochs: usize,
    /// Where all randomness of the run starts.
    pub seed: u64,
}

/// Why a run cannot start or go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// The sampling policy cannot be used.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// A setting is out of its range.
    #[error("{field} is {value}; {requirement}")]
    Setting {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        requirement: &'static str,
    },
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
    /// The observer asked to stop.
    #[error("stopped after {epochs} epochs")]
    Stopped {
        /// Epochs that were finished.
        epochs: usize,
    },
}

impl TrainingConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// On the first one out of its range.
    pub fn check(&self) -> Result<(), TrainingError> {
        let setting = |valid: bool, field, value, requirement| {
            if valid { Ok(()) } else { Err(TrainingError::Setting { field, value, requirement }) }
        };
        let (batch, rate) = (self.batch_size as f64, self.optimizer.learning_rate());
        setting(batch >= 1.0, "batch_size", batch, "it is at least 1")?;
        setting(self.epochs >= 1, "epochs", self.epochs as f64, "it is at least 1")?;
        setting((0.0..1.0).contains(&self.dropout), "dropout", self.dropout, "it lies in [0, 1)")?;
        let positive = rate.is_finite() && rate > 0.0;
        setting(positive, "learning_rate", f64::from(rate), "it is finite and above 0")?;
        let narrow = self.hidden.iter().all(|&width| width > 0);
        setting(narrow, "hidden", 0.0, "a layer has at least 1 unit")?;
        self.policy.map_or(Ok(()), |policy| Ok(policy.check()?))
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
/// Mean and standard deviation of MNIST's training pixels, as commonly used; generated digits
/// are normalised the same way.
const MEAN: f32 = 0.1307;
const DEVIATION: f32 = 0.3081;

/// Trains a multilayer perceptron and says how it went, epoch by epoch.
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
    config.check()?;
    for (name, data) in
        [("training", &splits.train), ("held-out", &splits.held_out), ("test", &splits.test)]
    {
        if data.is_empty() {
            return Err(TrainingError::Empty(name));
        }
    }
    let stream = Stream::new(config.seed, "training");
    let mut network = mlp(
        splits.train.features(),
        &config.hidden,
        splits.train.classes,
        config.dropout,
        config.policy,
        stream.child("initialisation"),
    );
    let mut optimizer = Optimizer::new(config.optimizer, set);
    let mut order: Vec<usize> = (0..splits.train.len()).collect();
    let steps_an_epoch = order.len().div_ceil(config.batch_size);
    let (mut steps, total) = (0, config.epochs * steps_an_epoch);
    let mut computations = Computations::default();
    let mut epochs = Vec::with_capacity(config.epochs);
    let (mut input, mut labels) = (Matrix::default(), Vec::new());
    let mut gradient = Matrix::default();
    for epoch in 0..config.epochs {
        network.set_sampling(epoch >= config.exact_epochs);
        shuffle(&mut stream.child("order").at(epoch as u64), &mut order);
        let mut sum = Loss::default();
        for (step, samples) in order.chunks(config.batch_size).enumerate() {
            fill_minibatch(&splits.train, samples.iter().copied(), &mut input, &mut labels);
            let context = Context { set, training: Some((stream, steps as u64)) };
            let logits = network.forward(&context, &input);
            let loss = softmax_cross_entropy(logits, &labels, &mut gradient);
            if !loss.sum.is_finite() {
                return Err(TrainingError::Diverged {
                    epoch: epoch + 1,
                    step: step + 1,
                    loss: loss.sum / samples.len() as f64,
                });
            }
            network.backward(&context, &input, &gradient);
            network.update(&mut optimizer);
            computations += network.take_computations();
            sum.sum += loss.sum;
            sum.correct += loss.correct;
            steps += 1;
            if steps % steps_an_epoch != 0
                && observe(Progress { steps, total, epoch: None }).is_break()
            {
                return Err(TrainingError::Stopped { epochs: epoch });
            }
        }
        let metrics = EpochMetrics {
            train: mean(sum, order.len()),
            held_out: evaluate(&mut network, &splits.held_out, set),
            test: evaluate(&mut network, &splits.test, set),
        };
        epochs.push(metrics);
        let stop = observe(Progress { steps, total, epoch: Some(metrics) }).is_break();
        if stop && epoch + 1 < config.epochs {
            return Err(TrainingError::Stopped { epochs: epoch + 1 });
        }
    }
    let mut hash = Sha256::new();
    for parameter in network.parameters() {
        hash.update(parameter.to_bits().to_le_bytes());
    }
    let parameters = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(TrainingReport { epochs, computations, parameters })
}

/// Loss and accuracy of a network on a set, computed exactly.
pub fn evaluate(network: &mut Network, data: &Dataset, set: InstructionSet) -> Metrics {
    let (mut input, mut labels) = (Matrix::default(), Vec::new());
    let mut gradient = Matrix::default();
    let mut sum = Loss::default();
    for start in (0..data.len()).step_by(EVALUATION_BATCH) {
        let samples = start..data.len().min(start + EVALUATION_BATCH);
        fill_minibatch(data, samples, &mut input, &mut labels);
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

fn fill_minibatch(
    data: &Dataset,
    samples: impl ExactSizeIterator<Item = usize>,
    input: &mut Matrix,
    labels: &mut Vec<u16>,
) {
    let features = data.features();
    input.reshape(samples.len(), features);
    labels.clear();
    for (row, sample) in input.data_mut().chunks_exact_mut(features).zip(samples) {
        labels.push(data.labels[sample]);
        for (to, &pixel) in row.iter_mut().zip(data.image(sample)) {
            *to = (f32::from(pixel) / 255.0 - MEAN) / DEVIATION;
        }
    }
}

#[cfg(test)]
mod tests;
