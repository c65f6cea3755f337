//! Training runs, as the exhibits that train share them.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use training::checkpoint::Checkpoint;
use training::data::Splits;
use training::layer::ImageShape;
use training::metrics::Metrics;
use training::train::{BatchNormStatistics, Progress, Trainer, TrainingConfig, TrainingReport};

use super::run_settings::RunSettings;
use super::sampling::Sampling;
use crate::exhibit::Environment;
use crate::exhibit::statistics::Estimate;
use crate::parallel;
use crate::sources;

/// A run that is stopped loses about so much work, or that of an epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(60);

/// What a training loop tells of its progress.
pub type Observer<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A setting with the report of each of its seeds.
pub struct Trained {
    /// How products were sampled.
    pub sampling: Sampling,
    /// Gradient numbers that a worker sends, over all.
    pub communication: f64,
    /// One a seed.
    runs: Vec<Run>,
}

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Run {
    #[serde(flatten)]
    report: TrainingReport,
    /// On the test set after the last epoch, with the running statistics of batch normalisation;
    /// none where the report has them already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<Metrics>,
}

impl Trained {
    /// Mean and half the 95 % interval over the seeds of a number of the report.
    pub fn over_seeds(&self, number: impl Fn(&TrainingReport) -> f64) -> Estimate {
        Estimate::of(&self.a_seed(number))
    }

    /// A number of the report of each seed.
    pub fn a_seed(&self, number: impl Fn(&TrainingReport) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| number(&run.report)).collect()
    }

    /// The same of the test accuracy after the last epoch with the running statistics of batch
    /// normalisation, in percent.
    pub fn running_accuracy(&self) -> Option<Estimate> {
        self.with_running_statistics(|metrics| 100.0 * metrics.accuracy)
    }

    /// The same of a number of the evaluation with running statistics after the last epoch; none
    /// where all evaluations have them.
    pub fn with_running_statistics(&self, number: impl Fn(&Metrics) -> f64) -> Option<Estimate> {
        Some(Estimate::of(&self.a_seed_with_running_statistics(number)?))
    }

    /// The same, one number a seed.
    pub fn a_seed_with_running_statistics(
        &self,
        number: impl Fn(&Metrics) -> f64,
    ) -> Option<Vec<f64>> {
        self.runs.iter().map(|run| run.running.as_ref().map(&number)).collect()
    }

    /// The same of one epoch's test accuracy, in percent.
    pub fn test_accuracy(&self, epoch: usize) -> Estimate {
        self.over_seeds(|report| 100.0 * report.epochs[epoch].test.accuracy)
    }

    /// Multiply-adds over those of exact products, in percent; the mean over the seeds.
    pub fn computations(&self) -> f64 {
        self.over_seeds(|report| 100.0 * report.computations.share()).mean
    }
}

/// The run from its checkpoint, or from the beginning where there is none that can be used.
fn begin<'a>(
    config: &'a TrainingConfig,
    splits: &'a Splits,
    set: InstructionSet,
    checkpoint: &Path,
) -> anyhow::Result<Trainer<'a>> {
    if checkpoint.exists() {
        let resumed = Checkpoint::load(checkpoint)
            .map_err(anyhow::Error::from)
            .and_then(|stored| Ok(Trainer::new(config, splits, set)?.resume(stored)?));
        match resumed {
            Ok(trainer) => return Ok(trainer),
            Err(error) => log::warn!("{error:#}; training from the beginning"),
        }
    }
    Ok(Trainer::new(config, splits, set)?)
}

impl RunSettings {
    /// Trains every setting with every seed; finished runs are stored and not made again.
    ///
    /// # Errors
    /// When a run diverges or cannot be stored.
    pub fn train(
        &self,
        environment: &Environment,
        settings: &[Sampling],
    ) -> anyhow::Result<Vec<Trained>> {
        let images = environment.images.context("images were not loaded")?;
        let runs = self.with_every_seed(environment, settings, |sampling, seed, observe| {
            let config = self.config(sampling, seed);
            let key = format!(
                "run code {} images {} settings {}",
                sources::RUNS,
                images.checksum,
                serde_json::to_string(&config)?
            );
            let checkpoint = environment.cache.checkpoint(&key)?;
            let run = environment.stored(&key, || {
                let set = environment.instructions;
                let mut trainer = begin(&config, &images.splits, set, &checkpoint)?;
                let mut saved = Instant::now();
                while !trainer.is_finished() {
                    trainer.epoch(observe)?;
                    if saved.elapsed() >= BETWEEN_CHECKPOINTS {
                        trainer.checkpoint().save(&checkpoint)?;
                        saved = Instant::now();
                    }
                }
                let is_running = self.batch_norm_statistics.is_running();
                let mut running = None;
                if !is_running {
                    let [_, test] = trainer.evaluate(BatchNormStatistics::Running)?;
                    running = Some(test);
                }
                Ok(Run { report: trainer.report(), running })
            });
            let run = run.with_context(|| {
                format!("{} at ratio {}, seed {seed}", sampling.name(), sampling.ratio)
            })?;
            // The result is stored: how far it was is of no use, and no harm if it stays.
            let _ = std::fs::remove_file(&checkpoint);
            Ok(run)
        })?;
        let trained = settings.iter().zip(runs).map(|(sampling, runs)| {
            let train = &images.splits.train;
            let image = ImageShape::new(train.channels, train.height, train.width);
            let network = self.network.describe(image, train.classes)?;
            let policies = self.config(sampling, environment.seed).policies;
            let communication = network.gradient_numbers(&policies)?.share();
            Ok(Trained { sampling: sampling.clone(), communication, runs })
        });
        trained.collect()
    }

    /// What `run` makes of every setting with every seed, runs side by side. It hands its
    /// observer on to the training loop.
    ///
    /// # Errors
    /// The first of `run`.
    pub fn with_every_seed<S: Sync, R: Clone + Send>(
        &self,
        environment: &Environment,
        settings: &[S],
        run: impl Fn(&S, u64, &mut Observer) -> anyhow::Result<R> + Sync,
    ) -> anyhow::Result<Vec<Vec<R>>> {
        let runs: Vec<(&S, u64)> = settings
            .iter()
            // After the last seed comes seed 0.
            .flat_map(|setting| {
                (0..self.seeds as u64).map(move |s| (setting, environment.seed.wrapping_add(s)))
            })
            .collect();
        environment.progress.set_length(runs.len() * self.epochs);
        let reports = parallel::map(&runs, |(setting, seed)| {
            let mut epochs = 0;
            let report = run(setting, *seed, &mut |progress| {
                if progress.epoch.is_some() {
                    epochs += 1;
                    environment.progress.advance(1);
                }
                ControlFlow::Continue(())
            });
            environment.progress.advance(self.epochs - epochs);
            report
        })?;
        Ok(reports.chunks(self.seeds).map(<[_]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_from_its_checkpoint_and_begins_anew_without_one_that_fits() {
        let config: TrainingConfig = serde_yaml::from_str(
            "{network: {name: mlp, hidden: [16], dropout: 0}, batch_size: 10, epochs: 3,
              optimizer: {name: adam, learning_rate: 0.001}, seed: 1}",
        )
        .unwrap();
        let splits = training::data::generated_digits(1, 50, 10, 10);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.checkpoint");
        let set = InstructionSet::detect();
        let start = || begin(&config, &splits, set, &path).unwrap();
        let finish = |mut trainer: Trainer| {
            while !trainer.is_finished() {
                trainer.epoch(&mut |_| ControlFlow::Continue(())).unwrap();
            }
            trainer.report()
        };
        let mut trainer = start();
        trainer.epoch(&mut |_| ControlFlow::Continue(())).unwrap();
        trainer.checkpoint().save(&path).unwrap();
        let expected = finish(trainer);
        let mut resumed = start();
        assert_eq!(resumed.report().epochs.len(), 1);
        assert_eq!(finish(resumed), expected);
        std::fs::write(&path, "damaged").unwrap();
        let mut anew = start();
        assert_eq!(anew.report().epochs.len(), 0);
        assert_eq!(finish(anew), expected);
    }

    #[test]
    fn a_run_stored_without_other_statistics_is_read() {
        let report = TrainingReport {
            epochs: Vec::new(),
            computations: training::counting::Computations { performed: u64::MAX, exact: 3 },
            ratios: Vec::new(),
            parameters: "00".to_string(),
        };
        let run: Run = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!((run.report, run.running), (report, None));
    }
}
