//! What a training learns from: images or a text.

use anyhow::Context as _;
use kernels::InstructionSet;
use training::data::Source as _;
use training::train::{Trainer, TrainingConfig, TrainingError};

use crate::exhibit::Environment;
use crate::images::Images;
use crate::texts::Text;

/// What is in memory to be learnt.
#[derive(Clone, Copy, Debug)]
pub enum Learnt<'a> {
    /// Images with classes.
    Images(&'a Images),
    /// A text, of which the next word is to be told.
    Text(&'a Text),
}

impl<'a> Learnt<'a> {
    /// The images of an experiment.
    ///
    /// # Errors
    /// When it has none.
    pub fn images(environment: &'a Environment) -> anyhow::Result<Self> {
        environment.images.map(Learnt::Images).context("images were not loaded")
    }

    /// In words, with the numbers of samples.
    pub fn description(self) -> &'a str {
        match self {
            Learnt::Images(images) => &images.description,
            Learnt::Text(text) => &text.description,
        }
    }

    /// SHA-256 of all that is learnt and judged by.
    pub fn checksum(self) -> &'a str {
        match self {
            Learnt::Images(images) => &images.checksum,
            Learnt::Text(text) => &text.checksum,
        }
    }

    /// A training before its first step.
    ///
    /// # Errors
    /// When its settings do not fit.
    pub fn trainer(
        self,
        config: &'a TrainingConfig,
        set: InstructionSet,
    ) -> Result<Trainer<'a>, TrainingError> {
        match self {
            Learnt::Images(images) => Trainer::new(config, &images.splits, set),
            Learnt::Text(text) => Trainer::on_text(config, &text.corpus, set),
        }
    }

    /// The steps of a whole training.
    pub fn steps(self, config: &TrainingConfig) -> usize {
        let an_epoch = match self {
            Learnt::Images(images) => images.splits.train.len().div_ceil(config.batch_size),
            // Settings that do not fit the text are refused when the training begins.
            Learnt::Text(text) => config
                .text_source(&text.corpus)
                .map_or(0, |source| source.samples() / config.batch_size),
        };
        config.epochs * an_epoch
    }
}
