//! Several workers that agree on what they select and send slices of their gradients.

mod agreement;
mod figure;
mod measurement;
mod report;

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use training::checkpoint::Checkpoint;
use training::exchange::Exchange;
use training::network::Description;
use training::sampling::{Mode, Scores};
use training::setting::distinct;
use training::train::{DataParallel, DataParallelReport};

use self::agreement::Agreement;
use self::measurement::{Measurement, Setting};
use crate::exhibit::networks::one_run::Observer;
use crate::exhibit::networks::run_settings::RunSettings;
use crate::exhibit::networks::sampling::Sampling;
use crate::exhibit::settings::{
    FieldError, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::result::ExhibitResult;
use crate::sources;
use crate::team::TeamRun;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "multi-node",
    title: "Training by several workers that send slices of the gradient",
    shows: "the test accuracy of the MLP when several workers agree on what they select, by the \
            norms of the weights alone or by norms that they share, beside one worker, and the bytes \
            that a worker sends in a step",
    paper: "up to 66 % less communication (abstract); of which network, at which ratio and on how \
            many nodes is not stated in the sources at hand",
    section: Section::Nodes,
    note: "exchange",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("multi-node")],
    configure: configure::<MultiNode>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiNode {
    training: RunSettings,
    estimator: NamedEstimator,
    /// How many workers share a minibatch, one number a run.
    workers: Vec<usize>,
    /// How several of them agree on what they select, one way a run.
    #[serde(default = "Agreement::default_of_several")]
    agreements: Vec<Agreement>,
    ratios: Vec<Ratio>,
}

impl Experiment for MultiNode {
    fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        check_ratios(&self.ratios)?;
        let config = self.training.exact_config(0);
        DataParallel::check_settings(&config).map_err(|error| error.within("training"))?;
        distinct("workers", &self.workers)?;
        distinct("agreements", &self.agreements)?;
        for (place, agreement) in self.agreements.iter().enumerate() {
            let within = |error: FieldError| error.within(&format!("agreements[{place}]"));
            agreement.check().map_err(within)?;
        }
        let (batch, images) = (self.training.batch_size, self.training.images.train);
        let smallest = if images.is_multiple_of(batch) { batch } else { images % batch };
        let place = self.workers.iter().position(|workers| !(1..=smallest).contains(workers));
        place.map_or(Ok(()), |place| {
            let (field, value) = (format!("workers[{place}]"), self.workers[place]);
            let expected = format!("from 1 to {smallest}, the images of the smallest minibatch");
            Err(FieldError::new(field, value, expected))
        })
    }

    fn without_effect(&self) -> Vec<FieldError> {
        let training = self.training.without_effect(&[Mode::Forward]).into_iter();
        let training = training.map(|error| error.within("training"));
        training.chain(ratios_without_effect(&self.ratios)).collect()
    }

    fn memory(&self) -> Vec<Need> {
        let needs = self
            .training
            .memory(self.ratios.len(), self.workers.iter().max().map_or(1, |most| *most));
        needs.into_iter().map(|need| need.within("training")).collect()
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.training.images.clone())
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        Some(&mut self.training.images)
    }

    fn workers(&self) -> &[usize] {
        &self.workers
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let images = environment.images.context("images were not loaded")?;
        let settings = self.settings();
        let reports =
            self.training.with_every_seed(environment, &settings, |setting, seed, observe| {
                let config = self.training.config(&setting.sampling, seed);
                let parallel =
                    DataParallel { workers: setting.workers, exchange: Exchange::Slices };
                let key = format!(
                    "data-parallel run code {} images {} workers {} settings {}",
                    sources::RUNS,
                    images.checksum,
                    serde_json::to_string(&parallel)?,
                    serde_json::to_string(&config)?
                );
                let run = TeamRun {
                    config: &config,
                    parallel,
                    wanted: &self.training.images,
                    images,
                    instructions: environment.instructions,
                    checkpoint: &environment.cache.checkpoint(&key)?,
                };
                trained(environment, &key, &run, observe).with_context(|| {
                    let Setting { workers, sampling } = setting;
                    format!("{workers} workers at ratio {}, seed {seed}", sampling.ratio)
                })
            })?;
        let measurements: Vec<Measurement> = settings
            .into_iter()
            .zip(reports)
            .map(|(setting, reports)| Measurement { setting, reports })
            .collect();
        self.report(&measurements, images)
    }
}

/// The stored result of a run, which is made, or gone on with, and stored where there is none.
fn trained(
    environment: &Environment,
    key: &str,
    run: &TeamRun,
    observe: &mut Observer,
) -> anyhow::Result<DataParallelReport> {
    let report = environment.stored(key, || {
        remove_if_useless(run.checkpoint);
        environment.team.train(run, observe)
    })?;
    // The result is stored: how far it was is of no use, and no harm if it stays.
    let _ = std::fs::remove_file(run.checkpoint);
    Ok(report)
}

/// Removes a checkpoint that cannot be read: the run then begins anew.
fn remove_if_useless(checkpoint: &Path) {
    if checkpoint.exists()
        && let Err(error) = Checkpoint::load(checkpoint)
    {
        log::warn!("{error}; training from the beginning");
        let _ = std::fs::remove_file(checkpoint);
    }
}

impl MultiNode {
    /// One worker selects by both norms and by the weights, several as they agree.
    fn settings(&self) -> Vec<Setting> {
        let alone = [Scores::Both, Scores::Weights].map(Agreement::by);
        let mut settings = Vec::new();
        for &workers in &self.workers {
            settings.push(Setting { workers, sampling: Sampling::EXACT });
            for &agreement in if workers == 1 { &alone[..] } else { &self.agreements } {
                for ratio in self.ratios.iter().filter(|ratio| ratio.value() < 1.0) {
                    let sampling = agreement.sampling(self.estimator.0, ratio.value());
                    settings.push(Setting { workers, sampling });
                }
            }
        }
        settings
    }

    /// The share of the gradient's numbers that is sent, counted from the shapes of the network.
    fn counted(&self, description: &Description, ratio: f64) -> anyhow::Result<f64> {
        let sampling = Agreement::by(Scores::Weights).sampling(self.estimator.0, ratio);
        let policies = self.training.config(&sampling, 0).policies;
        Ok(description.gradient_numbers(&policies)?.share())
    }
}
