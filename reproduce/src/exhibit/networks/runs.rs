//! Training runs, as the exhibits that train share them.

use std::ops::ControlFlow;

use anyhow::Context as _;
use training::layer::ImageShape;
use training::metrics::Metrics;
use training::train::TrainingReport;

use super::learnt::Learnt;
use super::one_run::{Marks, Observer, Run, key, stored};
use super::run_settings::RunSettings;
use super::sampling::Sampling;
use crate::exhibit::Environment;
use crate::exhibit::statistics::Estimate;
use crate::parallel;

/// A setting with the report of each of its seeds.
pub struct Trained {
    /// How products were sampled.
    pub sampling: Sampling,
    /// Gradient numbers that a worker sends, over all.
    pub communication: f64,
    /// One a seed.
    runs: Vec<Run>,
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
            let (learnt, marks) = (Learnt::Images(images), Marks::None);
            let key = key("run", &config, learnt)?;
            let run = stored(environment, &key, &config, learnt, marks, observe, |run, _| Ok(run));
            run.with_context(|| {
                format!("{} at ratio {}, seed {seed}", sampling.name(), sampling.ratio)
            })
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
        let made = |(setting, seed): &(&S, u64)| {
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
        };
        // The ranks of a job wait for each other: one run at a time, with all threads of each.
        let reports: Vec<R> = match environment.team.size() {
            1 => parallel::map(&runs, made)?,
            _ => runs.iter().map(made).collect::<anyhow::Result<_>>()?,
        };
        Ok(reports.chunks(self.seeds).map(<[_]>::to_vec).collect())
    }
}
