//! Whole trainings, exact and sampled, beside exact ones that cost as little.
//!
//! An arm is a training that differs from the others in some settings; each is run with every seed.
//! The runs take hours at long scale: they are made once, committed as a record, and shown from it
//! at standard scale, where only their beginnings are computed again.

mod arms;
mod beginnings;
mod control;
mod figure;
mod finding;
mod long_run;
mod making;
mod measure;
mod record;
mod report;
mod settings;
mod shown;
#[cfg(test)]
mod tests;
mod timed;
mod times;
mod trained;
mod verdicts;

pub use settings::exact_training;

use settings::WholeTraining;
use shown::Shown;

use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::result::ExhibitResult;

const TITLE: &str = "Whole trainings, sampled and exact, at equal cost";

/// Whole trainings.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "whole-training",
    title: TITLE,
    shows: "the test accuracy of whole trainings with sampled products, with their computations, \
            time and memory, beside exact trainings of all and of fewer epochs",
    paper: "the three claims of the abstract; its accuracies are not stated in the sources at hand",
    section: Section::Training,
    note: "whole-training",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[
        built_in!("fast-cifar"),
        built_in!("fast-cifar-narrow", "at half the width", false),
        built_in!("mnist-cnn", "of the convolutional network on MNIST", false),
        built_in!("mnist-mlp", "of the perceptron on MNIST", false),
        built_in!("fashion-cnn", "of the convolutional network on Fashion-MNIST", false),
        built_in!("fashion-mlp", "of the perceptron on Fashion-MNIST", false),
        built_in!("cifar-100", "at half the width on CIFAR-100", false),
        built_in!("wrn-cifar", "of a wide residual network on CIFAR-10", false),
        built_in!("ptb-lstm", "of a language model of long short-term memory", false),
        built_in!("ptb-transformer", "of a small transformer", false),
    ],
    configure: configure::<WholeTraining>,
};

impl Experiment for WholeTraining {
    fn check(&self) -> Result<(), FieldError> {
        self.check()
    }

    fn memory(&self) -> Vec<Need> {
        self.memory()
    }

    fn images(&self) -> Option<ImageConfig> {
        self.images.clone()
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        self.images.as_mut()
    }

    fn folder(&self) -> Option<&'static str> {
        self.text.as_ref()?.folder()
    }

    fn shown(self: Box<Self>) -> Option<Box<dyn Experiment>> {
        Some(Box::new(Shown(*self)))
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let made = self.make(environment)?;
        Ok(self.report(made, None))
    }
}
