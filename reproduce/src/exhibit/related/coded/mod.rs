//! Networks whose backward pass reads codes of a few bits in the place of activations.

mod figures;
mod finding;
mod measured;
mod settings;
mod tables;
pub(crate) mod times;

use std::ops::ControlFlow;

use anyhow::Context as _;
use coded_activations::arm::{Arm, Means};
use coded_activations::comparison::{Comparison, Place};
use coded_activations::ledger::{Ledger, one_tensor_a_norm};
use coded_activations::outcome::{Outcome, Run};
use coded_activations::statements::{self, Evidence};
use kernels::random::Stream;
use training::data::{Dataset, Minibatch};
use training::layer::ImageShape;
use training::network::State;
use training::train::{Trainer, TrainingError, TrainingReport};

use super::differences;
use super::verdicts::{self, Judged};
use crate::exhibit::networks::learnt::Learnt;
use crate::exhibit::networks::one_run::{Marks, key, stored};
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::parallel;
use crate::result::{ExhibitResult, Table};
use measured::Measured;
use settings::Coded;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "coded-activations",
    title: "Codes of a few bits in the place of activations",
    shows: "what codes of 8, 4 and 2 bits for the backward pass cost in accuracy and save in memory, \
            beside codes in both passes, and together with sampled products",
    paper: "a related system (Chakrabarti and Moseley 2019, arXiv 1901.07988), of which the abstract \
            and the released program were at hand and no table",
    section: Section::Related,
    note: "related-coded-activations",
    statements: &["coded"],
    interactive: &[],
    is_timing: false,
    settings: &[
        built_in!("coded-activations"),
        built_in!("coded-resnet", long: "a residual network"),
    ],
    configure: configure::<Coded>,
};

const CODE: &str = "reproduce/related/coded-activations/src/statements.rs";

impl Experiment for Coded {
    fn check(&self) -> Result<(), FieldError> {
        self.check()
    }

    fn without_effect(&self) -> Vec<FieldError> {
        let modes = [training::sampling::Mode::Forward];
        let found = self.training.without_effect(&modes).into_iter();
        found.map(|error| error.within("training")).collect()
    }

    fn memory(&self) -> Vec<Need> {
        self.memory()
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.training.images.clone())
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        Some(&mut self.training.images)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let images = environment.images.context("images were not loaded")?;
        let train = &images.splits.train;
        let description = self.training.network.describe(shape(train), train.classes)?;
        let (means, arms) = (self.means(&description)?, self.arms());
        let trained = self.train(environment, images, &arms, &means)?;
        let seeds: Vec<u64> = (0..self.training.seeds as u64)
            .map(|seed| environment.seed.wrapping_add(seed))
            .collect();
        let mut minibatch = Minibatch::default();
        train.fill(0..self.training.batch_size.min(train.len()), None, &mut minibatch);
        let place = Place {
            images: (shape(train), train.classes),
            minibatch: &minibatch,
            set: environment.instructions,
        };
        let compared = parallel::map(&seeds, |&seed| {
            let (exact, state) =
                (self.training.exact_config(seed), self.weights(environment, seed)?);
            let comparison = Comparison::measure(&place, &exact, &means, &arms, &state)?;
            Ok((comparison, state))
        })?;
        let (comparisons, states): (Vec<Comparison>, Vec<State>) = compared.into_iter().unzip();
        let exact = self.training.exact_config(environment.seed);
        let ledgers = |size: usize| -> anyhow::Result<Vec<(Arm, Ledger)>> {
            let mut minibatch = Minibatch::default();
            train.fill(0..size.min(train.len()), None, &mut minibatch);
            let place = Place { minibatch: &minibatch, ..place };
            let of_arm =
                |&arm: &Arm| Ok((arm, Ledger::measure(&place, &arm.config(&exact, &means))?));
            arms.iter().map(of_arm).collect()
        };
        let others = self.minibatches.iter().map(|&size| Ok((size, ledgers(size)?)));
        let measured = Measured {
            settings: self,
            data: train.name.clone(),
            runs: runs(&seeds, &arms, &trained, self.training.epochs),
            diverged: diverged(&arms, &trained),
            arms: arms.clone(),
            comparisons,
            ledgers: ledgers(self.training.batch_size)?,
            others: others.collect::<anyhow::Result<_>>()?,
            one_tensor: one_tensor_a_norm(&description, minibatch.labels.len()),
        };
        let evidence = Evidence {
            runs: &measured.runs,
            comparisons: &measured.comparisons,
            ledgers: &measured.ledgers,
            one_tensor: measured.one_tensor,
        };
        let stream = Stream::new(environment.seed, "coded activations");
        let suite = statements::check(&evidence, &states, environment.instructions, stream);
        let judged = [Judged { data: measured.data.clone(), suite }];
        Ok(self.report(&images.description, &measured, &judged))
    }
}

/// Whether a training failed for its loss, which was no number.
fn is_divergence(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainingError::Diverged { .. }))
}

fn shape(images: &Dataset) -> ImageShape {
    ImageShape::new(images.channels, images.height, images.width)
}

/// What a training came to; none if it ended in numbers that are none.
type Trained = Option<TrainingReport>;

/// Test errors by seed, from the reports of every arm. A network of numbers that are none tells no
/// image, whenever it became one.
fn runs(seeds: &[u64], arms: &[Arm], trained: &[Vec<Trained>], epochs: usize) -> Vec<Run> {
    let errors = |trained: &Trained| match trained {
        Some(TrainingReport { epochs, .. }) => {
            epochs.iter().map(|epoch| 100.0 * (1.0 - epoch.test.accuracy)).collect()
        }
        None => vec![100.0; epochs],
    };
    let run = |(place, &seed): (usize, &u64)| {
        let outcomes = arms.iter().zip(trained);
        let outcome = |(&arm, reports): (&Arm, &Vec<Trained>)| Outcome {
            arm,
            errors: errors(&reports[place]),
        };
        Run { seed, outcomes: outcomes.map(outcome).collect() }
    };
    seeds.iter().enumerate().map(run).collect()
}

/// The arms with trainings that diverged, each with how many.
fn diverged(arms: &[Arm], trained: &[Vec<Trained>]) -> Vec<(Arm, usize)> {
    let count = |reports: &Vec<Trained>| reports.iter().filter(|report| report.is_none()).count();
    let counted = arms.iter().copied().zip(trained.iter().map(count));
    counted.filter(|(_, count)| *count > 0).collect()
}

impl Coded {
    /// The reports of every arm, one a seed; finished runs are stored and not made again.
    fn train(
        &self,
        environment: &Environment,
        images: &Images,
        arms: &[Arm],
        means: &Means,
    ) -> anyhow::Result<Vec<Vec<Trained>>> {
        self.training.with_every_seed(environment, arms, |arm, seed, observe| {
            let config = arm.config(&self.training.exact_config(seed), means);
            let (learnt, marks) = (Learnt::Images(images), Marks::None);
            let key = key("run", &config, learnt)?;
            let run = stored(environment, &key, &config, learnt, marks, observe, |run, _| Ok(run));
            match run {
                // A mistake may be as bad as that; what it is compared with may not.
                Err(error) if *arm != Arm::Exact && is_divergence(&error) => Ok(None),
                run => {
                    let run = run.with_context(|| format!("{}, seed {seed}", arm.name()))?;
                    Ok(Some(run.report))
                }
            }
        })
    }

    /// The trainings that diverged, in a sentence; none if none did.
    fn divergences(&self, diverged: &[(Arm, usize)]) -> Option<String> {
        let seeds = self.training.seeds;
        let of = |(arm, count): &(Arm, usize)| format!("{} ({count} of {seeds})", arm.name());
        let arms: Vec<String> = diverged.iter().map(of).collect();
        (!arms.is_empty()).then(|| {
            format!(
                "Trainings that ended in numbers that are none count as wrong in every image: {}.",
                arms.join("; ")
            )
        })
    }

    /// The weights that arms are compared at.
    fn weights(&self, environment: &Environment, seed: u64) -> anyhow::Result<State> {
        let images = environment.images.context("images were not loaded")?;
        let config = self.training.exact_config(seed);
        let mut trainer = Trainer::new(&config, &images.splits, environment.instructions)?;
        for _ in 0..self.compared_after {
            trainer.epoch(&mut |_| ControlFlow::Continue(()))?;
        }
        Ok(trainer.network().state())
    }

    fn report(&self, data: &str, measured: &Measured, judged: &[Judged]) -> ExhibitResult {
        let mut remarks = finding::findings(measured);
        remarks.extend([verdicts::sentence(judged), verdicts::sentence_of_mistakes(judged)]);
        let beside = finding::beside(measured);
        remarks.extend(differences::agreement(&beside));
        remarks.extend(self.divergences(&measured.diverged));
        remarks.extend([self.how_measured(measured), self.training.describe()]);
        let mut records = tables::records(measured);
        records.extend([differences::records(&beside), verdicts::records(judged)]);
        let mut tables = vec![verdicts::thresholds(judged), tables::arms(measured)];
        tables.extend(differences::table(&beside, "Test errors in %"));
        tables.push(verdicts::mistakes(judged));
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding::finding(measured),
            data: data.to_string(),
            records: Table::stacked("Every measurement", records),
            tables,
            figures: figures::figures(measured),
            remarks,
            related: vec![verdicts::related_row(
                "Approximate activations (Chakrabarti and Moseley 2019)",
                "Codes of a few bits in the place of activations save most of the memory between the \
                 passes at little cost in accuracy, since errors do not add up over the layers.",
                &["coded.accuracy", "coded.memory", "coded.depth"],
                judged,
            )],
            claims: verdicts::claim_rows(judged, CODE),
            ..ExhibitResult::default()
        }
    }

    fn how_measured(&self, measured: &Measured) -> String {
        format!(
            "Test errors after the last epoch, means over {} seeds. Sampled: {} at {} in the forward \
             mode. Gradients at the weights of exact training after {}, on one minibatch of \
             {}. Bytes by the allocator's count after a few steps, the minibatch itself left out; one \
             exact tensor a normalisation would be {} bytes.",
            self.training.seeds,
            self.sampling.estimator.0.name(),
            self.sampling.ratio.value(),
            match self.compared_after {
                1 => "1 epoch".to_string(),
                epochs => format!("{epochs} epochs"),
            },
            self.training.batch_size,
            measured.one_tensor,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use training::counting::Computations;
    use training::metrics::{EpochMetrics, Metrics};

    fn report(accuracy: f64) -> TrainingReport {
        let same = Metrics { loss: 1.0, accuracy };
        TrainingReport {
            epochs: vec![EpochMetrics { train: same, held_out: same, test: same }; 2],
            computations: Computations::default(),
            ratios: Vec::new(),
            parameters: String::new(),
        }
    }

    #[test]
    fn a_training_that_diverged_is_wrong_in_every_image() {
        let arms = [Arm::Exact, Arm::Permuted];
        let trained = [vec![Some(report(0.75)); 2], vec![Some(report(0.5)), None]];
        let runs = runs(&[1, 2], &arms, &trained, 2);
        let errors: Vec<f64> = runs.iter().map(|run| run.error(Arm::Permuted)).collect();
        assert_eq!(errors, [50.0, 100.0]);
        assert_eq!(runs[1].error(Arm::Exact), 25.0);
        assert_eq!(diverged(&arms, &trained), [(Arm::Permuted, 1)]);
    }

    #[test]
    fn a_divergence_is_told_from_other_failures_whatever_is_said_of_it() {
        let error = TrainingError::Diverged { epoch: 1, step: 2, loss: f64::NAN };
        assert!(is_divergence(&anyhow::Error::from(error).context("permuted, seed 3")));
        let other = TrainingError::Stopped { epochs: 1 };
        assert!(!is_divergence(&anyhow::Error::from(other).context("permuted, seed 3")));
    }
}
