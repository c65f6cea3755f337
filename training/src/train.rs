//! The training loop: one, over a source of minibatches and the ranks that train together.

mod config;
mod control;
mod data_parallel;
mod error;
mod resume;
mod statistics;
#[cfg(test)]
mod tests;

pub use config::TrainingConfig;
pub use data_parallel::{DataParallel, DataParallelReport, train_data_parallel, train_rank};
pub use error::TrainingError;
pub use resume::{ResumeError, RunError, train_with_checkpoints};
pub use statistics::BatchNormStatistics;

use self::control::{check_ranks, check_sequences, control_ratios};
use self::data_parallel::check_workers;
use crate::counting::{Computations, GradientNumbers};
use crate::data::{Corpus, Epoch, EvaluationSet, InMemory, Minibatch, Source, Splits};
use crate::digest::hexadecimal;
use crate::exchange::{Alone, Collective, Exchange, Peer};
use crate::layer::ImageShape;
use crate::learner::Learner;
use crate::loss::Loss;
use crate::metrics::{EpochMetrics, Metrics};
use crate::network::Network;
use crate::optimizer::{Lookahead, Moment};
use crate::sampling::LayerRatios;
use crate::setting::FieldError;
use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Epoch by epoch.
    pub epochs: Vec<EpochMetrics>,
    /// Multiply-adds of all training steps; those performed include what it took to control
    /// ratios.
    pub computations: Computations,
    /// The ratio of every layer with a policy, in a run that controls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<LayerRatios>,
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

/// Trains a network on images in memory and says how it went, epoch by epoch.
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
    Trainer::new(config, splits, set)?.finish(observe)
}

/// A training run that can be looked at between its steps; of several ranks, the part of one.
///
/// All ranks of a run have the same settings and call the same methods in the same order. Rank 0
/// evaluates, and its observer decides when to stop.
pub struct Trainer<'a> {
    config: &'a TrainingConfig,
    source: Box<dyn Source + 'a>,
    /// The images that the source has, if it has images of one shape.
    image: Option<ImageShape>,
    set: InstructionSet,
    peer: Peer<'a>,
    lookahead: Option<Lookahead>,
    minibatch: Minibatch,
    computations: Computations,
    sent: GradientNumbers,
    epochs: Vec<EpochMetrics>,
    ratios: Vec<LayerRatios>,
    /// The loss so far of the epoch to be finished.
    epoch_loss: Loss,
    evaluation_time: Duration,
}

impl<'a> Trainer<'a> {
    /// A run on images in memory before its first step.
    ///
    /// # Errors
    /// When a setting is out of range or a set is empty.
    pub fn new(
        config: &'a TrainingConfig,
        splits: &'a Splits,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        Self::on_images(config, splits, Box::new(Alone), Exchange::Whole, set)
    }

    /// A run on a text before its first step.
    ///
    /// # Errors
    /// When a setting is out of range or is for images, or a part of the text is too short.
    ///
    /// ```
    /// use kernels::InstructionSet;
    /// use training::data::generated_text;
    /// use training::train::{Trainer, TrainingConfig};
    /// let config: TrainingConfig = serde_yaml::from_str("
    /// network: {name: lstm, width: 16, layers: 1, steps: 8, bound: 0.3}
    /// batch_size: 10
    /// epochs: 1
    /// optimizer: {name: adam, learning_rate: 0.01}
    /// gradient_norm: 1.0
    /// seed: 1
    /// ")?;
    /// let corpus = generated_text(1, 2_000, 200, 200);
    /// let trainer = Trainer::on_text(&config, &corpus, InstructionSet::detect())?;
    /// let report = trainer.finish(&mut |_| std::ops::ControlFlow::Continue(()))?;
    /// assert!(report.epochs[0].test.loss.exp() < corpus.vocabulary.len() as f64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_text(
        config: &'a TrainingConfig,
        corpus: &'a Corpus,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        config.check()?;
        let source = config.text_source(corpus)?;
        let network = config.build_for_text(corpus.vocabulary.len())?;
        Self::with(config, network, Box::new(source), Box::new(Alone), set)
    }

    /// A run on images, as one of several ranks.
    fn on_images(
        config: &'a TrainingConfig,
        splits: &'a Splits,
        collective: Box<dyn Collective + 'a>,
        exchange: Exchange,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        config.check()?;
        let source = InMemory::new(splits, config.augmentation);
        check_source(&source)?;
        let data = &splits.train;
        config.check_images(data.height.min(data.width))?;
        let image = ImageShape::new(data.channels, data.height, data.width);
        config.describe(image, data.classes, data.len())?;
        let network = config.build_on(data)?;
        let source = Box::new(source);
        Self::of_rank(config, network, source, Some(image), collective, exchange, set)
    }

    /// A run of a network on whatever a source has, before its first step. Of the settings,
    /// `network`, `policies`, `codes` and `augmentation` are the caller's to follow.
    ///
    /// With several ranks, whole gradients are exchanged.
    ///
    /// # Errors
    /// When a setting is out of range, a set is empty, a rank would be without a sample, or ranks
    /// differ in their weights.
    pub fn with(
        config: &'a TrainingConfig,
        network: Network,
        source: Box<dyn Source + 'a>,
        collective: Box<dyn Collective + 'a>,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        config.check()?;
        check_source(&*source)?;
        if !config.test_time_views.is_image() {
            let (field, expected) = ("test_time_views", "image: no shape is known of the samples");
            return Err(FieldError::new(field, "several", expected).into());
        }
        Self::of_rank(config, network, source, None, collective, Exchange::Whole, set)
    }

    fn of_rank(
        config: &'a TrainingConfig,
        mut network: Network,
        source: Box<dyn Source + 'a>,
        image: Option<ImageShape>,
        collective: Box<dyn Collective + 'a>,
        exchange: Exchange,
        set: InstructionSet,
    ) -> Result<Self, TrainingError> {
        check_workers(collective.size(), config.batch_size, source.samples())?;
        check_ranks(&config.course.ratios, collective.size())?;
        if source.goes_on() {
            check_sequences(&config.course.ratios, collective.size())?;
        }
        if let (Some(most), true) = (config.gradient_norm, collective.size() > 1) {
            let expected = "none: the norm of a gradient is known to one rank alone";
            return Err(FieldError::new("gradient_norm", most, expected).into());
        }
        let lookahead = config.lookahead.map(|settings| Lookahead::new(settings, &mut network));
        let learner = Learner::new(network, config.optimizer, set, config.stream())
            .with_parameter_groups(config.parameter_groups.clone())
            .with_label_smoothing(config.label_smoothing)
            .with_gradient_norm(config.gradient_norm);
        Ok(Self {
            config,
            source,
            image,
            set,
            peer: Peer::new(learner, collective, exchange)
                .map_err(TrainingError::Exchange)?
                .with_synchronised_batch_norm(config.synchronised_batch_norm),
            lookahead,
            minibatch: Minibatch::default(),
            computations: Computations::default(),
            sent: GradientNumbers::default(),
            epochs: Vec::new(),
            ratios: Vec::new(),
            epoch_loss: Loss::default(),
            evaluation_time: Duration::ZERO,
        })
    }

    /// Whether all epochs have been run.
    pub fn is_finished(&self) -> bool {
        self.epochs.len() == self.config.epochs
    }

    /// How long this trainer has evaluated at the ends of epochs: what is no part of the time of
    /// training. No number depends on it.
    pub fn evaluation_time(&self) -> Duration {
        self.evaluation_time
    }

    /// The network as it is now.
    pub fn network(&mut self) -> &mut Network {
        self.peer.learner().network()
    }

    /// Runs what is left of all epochs.
    ///
    /// # Errors
    /// As [`Trainer::advance`].
    pub fn finish(
        mut self,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<TrainingReport, TrainingError> {
        while !self.is_finished() {
            self.epoch(observe)?;
        }
        Ok(self.report())
    }

    /// One pass over the training samples in a new order, or what is left of it, and an exact
    /// evaluation.
    ///
    /// # Errors
    /// As [`Trainer::advance`].
    pub fn epoch(
        &mut self,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainingError> {
        self.advance(usize::MAX, observe)
    }

    /// At most so many steps of an epoch; the last of them is followed by an exact evaluation.
    ///
    /// # Errors
    /// When the loss diverges, a sample cannot be read, another rank fails, or `observe` breaks
    /// before the end of the last epoch. After a break the run can go on where it was stopped.
    pub fn advance(
        &mut self,
        steps: usize,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainingError> {
        let epoch = self.epochs.len();
        let steps_an_epoch = self.steps_an_epoch();
        let total = self.config.epochs * steps_an_epoch;
        let before = epoch * steps_an_epoch;
        let first = self.peer.steps() as usize - before;
        let last = steps_an_epoch.min(first.saturating_add(steps));
        self.peer.learner().network().freeze(self.config.frozen(epoch));
        let wanted = Epoch { first, share: self.peer.share(), ..self.this_epoch() };
        let mut minibatches = self.source.epoch(&wanted)?;
        for step in first..last {
            let is_there = minibatches.next_into(&mut self.minibatch)?;
            assert!(is_there, "a source has as many minibatches as its samples make");
            let (step_of_run, epochs) = (before + step, self.config.epochs);
            let moment = Moment { step: step_of_run, steps_an_epoch, epochs };
            let learner = self.peer.learner();
            learner.set_rate_factor(self.config.schedule.factor(moment));
            learner.set_sampling(self.config.sampling(moment));
            let control = control_ratios(self.config, learner, moment, &self.minibatch)?;
            self.computations.performed += control;
            let totals = self.peer.step(&self.minibatch);
            let totals = totals.map_err(|error| TrainingError::in_step(error, epoch, step))?;
            self.computations += totals.computations;
            self.sent += totals.sent;
            self.epoch_loss += totals.loss;
            if let Some(lookahead) = &mut self.lookahead {
                lookahead.after_step(self.peer.learner().network(), step_of_run + 1, total);
            }
            let progress = Progress { steps: before + step + 1, total, epoch: None };
            if step + 1 < steps_an_epoch && is_break(&mut self.peer, progress, observe)? {
                return Err(TrainingError::Stopped { epochs: epoch });
            }
        }
        drop(minibatches);
        if last < steps_an_epoch {
            return Ok(());
        }
        let metrics = self.epoch_metrics()?;
        self.end_epoch(metrics);
        let progress = Progress { steps: before + last, total, epoch: Some(metrics) };
        if is_break(&mut self.peer, progress, observe)? && !self.is_finished() {
            return Err(TrainingError::Stopped { epochs: epoch + 1 });
        }
        Ok(())
    }

    /// The epoch to be finished, from its first minibatch on.
    fn this_epoch(&self) -> Epoch {
        Epoch::new(self.config.stream(), self.epochs.len() as u64, self.config.batch_size)
    }

    fn steps_an_epoch(&self) -> usize {
        self.this_epoch().minibatches(self.source.samples())
    }

    /// What the epoch came to, on all ranks what rank 0 finds.
    fn epoch_metrics(&mut self) -> Result<EpochMetrics, TrainingError> {
        let begun = Instant::now();
        let is_first = self.peer.share().rank == 0;
        let found = if is_first {
            self.evaluate(self.config.batch_norm_statistics)?
        } else {
            [Metrics::default(); 2]
        };
        let mut bytes =
            found.map(|Metrics { loss, accuracy }| [loss, accuracy].map(f64::to_le_bytes));
        self.peer.collective().follow_first(bytes.as_flattened_mut().as_flattened_mut())?;
        let [held_out, test] = bytes.map(|numbers| {
            let [loss, accuracy] = numbers.map(f64::from_le_bytes);
            Metrics { loss, accuracy }
        });
        self.evaluation_time += begun.elapsed();
        Ok(EpochMetrics { train: self.epoch_loss.into(), held_out, test })
    }

    fn end_epoch(&mut self, metrics: EpochMetrics) {
        self.epochs.push(metrics);
        self.epoch_loss = Loss::default();
        self.record_ratios();
    }

    /// What the epochs run so far came to.
    pub fn report(&mut self) -> TrainingReport {
        let parameters = hexadecimal(&self.network().digest());
        TrainingReport {
            epochs: self.epochs.clone(),
            computations: self.computations,
            ratios: self.ratios.clone(),
            parameters,
        }
    }
}

/// Checks that there is something to learn from and to judge by.
fn check_source(source: &dyn Source) -> Result<(), TrainingError> {
    if source.samples() == 0 {
        return Err(TrainingError::Empty("training"));
    }
    let sets = [EvaluationSet::HeldOut, EvaluationSet::Test];
    match sets.into_iter().find(|set| source.evaluation_samples(*set) == 0) {
        Some(set) => Err(TrainingError::Empty(set.name())),
        None => Ok(()),
    }
}

/// Whether rank 0 is told to stop.
fn is_break(
    peer: &mut Peer,
    progress: Progress,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<bool, TrainingError> {
    let is_first = peer.share().rank == 0;
    let mut word = [u8::from(is_first && observe(progress).is_break())];
    peer.collective().follow_first(&mut word)?;
    Ok(word != [0])
}
