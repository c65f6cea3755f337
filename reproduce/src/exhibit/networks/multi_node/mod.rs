//! Several workers that select by the weights alone and send slices of their gradients.

mod figure;

use anyhow::Context as _;
use kernels::Estimator;
use serde::{Deserialize, Serialize};
use training::exchange::Exchange;
use training::layer::ImageShape;
use training::network::Description;
use training::sampling::{LayerPolicies, Mode, Scores};
use training::setting::distinct;
use training::train::{DataParallel, DataParallelReport, train_data_parallel};

use crate::exhibit::difference::{Difference, seeds, show};
use crate::exhibit::networks::compute_communication::{PAPER, largest_ratio};
use crate::exhibit::networks::headline::{accuracy_row, is_shown};
use crate::exhibit::networks::judgement::{Saving, evidence, evidence_setting, judged, sent};
use crate::exhibit::networks::run_settings::RunSettings;
use crate::exhibit::networks::sampling::Sampling;
use crate::exhibit::settings::{
    FieldError, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::statistics::Estimate;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{ExhibitResult, HeadlineRow, PaperClaim, Rows, Table, significant};
use crate::sources;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "multi-node",
    title: "Training by several workers that send slices of the gradient",
    shows: "the test accuracy of the MLP when one worker or several select by the norms of the \
            weights alone, beside the norms of both factors, and the bytes of gradient a worker \
            sends in a step",
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
    ratios: Vec<Ratio>,
}

/// How one run is divided and sampled.
#[derive(Clone)]
struct Setting {
    workers: usize,
    sampling: Sampling,
}

/// A setting with the report of each of its seeds.
struct Measurement {
    setting: Setting,
    reports: Vec<DataParallelReport>,
}

impl Setting {
    /// What its pairs are scored by.
    fn scores(&self) -> &'static str {
        self.sampling.estimator.map_or("all pairs", |_| self.sampling.scores.name())
    }
}

impl Measurement {
    fn over_seeds(&self, number: impl Fn(&DataParallelReport) -> f64) -> Estimate {
        Estimate::of(&self.reports.iter().map(number).collect::<Vec<_>>())
    }

    /// After the last epoch, in percent, one a seed.
    fn accuracies(&self) -> Vec<f64> {
        let last = |report: &DataParallelReport| {
            report.training.epochs.last().map_or(f64::NAN, |epoch| 100.0 * epoch.test.accuracy)
        };
        self.reports.iter().map(last).collect()
    }

    fn accuracy(&self) -> Estimate {
        Estimate::of(&self.accuracies())
    }

    /// The accuracy less that of another setting.
    fn against(&self, other: &Measurement) -> Difference {
        Difference::paired(&self.accuracies(), &other.accuracies())
    }

    fn computations(&self) -> f64 {
        self.over_seeds(|report| 100.0 * report.training.computations.share()).mean
    }

    /// Parameters that are not as they started, in percent.
    fn moved(&self) -> f64 {
        self.over_seeds(|report| 100.0 * report.moved).mean
    }

    /// Bytes a worker sends in a step; one by itself sends none.
    fn bytes(&self) -> Option<f64> {
        self.sends().then(|| self.over_seeds(|report| report.bytes_a_step().0).mean)
    }

    /// The same in percent of the whole gradient.
    fn share(&self) -> Option<f64> {
        self.sends().then(|| self.over_seeds(|report| 100.0 * report.sent.share()).mean)
    }

    fn sends(&self) -> bool {
        self.setting.workers > 1
    }

    fn is(&self, workers: usize, scores: Scores, ratio: f64) -> bool {
        let Setting { workers: found, sampling } = &self.setting;
        let scored = sampling.estimator.is_none() || sampling.scores == scores;
        *found == workers && scored && sampling.ratio == ratio
    }
}

/// The run of as many workers with exact products.
fn exact_of(measurements: &[Measurement], workers: usize) -> Option<&Measurement> {
    measurements
        .iter()
        .find(|m| m.setting.workers == workers && m.setting.sampling.estimator.is_none())
}

impl Experiment for MultiNode {
    fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        check_ratios(&self.ratios)?;
        let config = self.training.exact_config(0);
        DataParallel::check_settings(&config).map_err(|error| error.within("training"))?;
        distinct("workers", &self.workers)?;
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
                let (splits, set) = (&images.splits, environment.instructions);
                environment
                    .stored(&key, || {
                        Ok(train_data_parallel(&config, parallel, splits, set, observe)?)
                    })
                    .with_context(|| {
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

/// Several workers with what each saves of the gradient and its accuracy beside exact training.
fn savings(measurements: &[Measurement]) -> Vec<Saving> {
    let sampled = measurements.iter().filter(|m| m.setting.sampling.estimator.is_some());
    let savings = sampled.filter_map(|m| {
        let Setting { workers, sampling } = &m.setting;
        let exact = exact_of(measurements, *workers)?;
        Some(Saving {
            name: format!("{} at {}, {workers} workers", sampling.name(), sampling.ratio),
            saved: 1.0 - m.share()? / 100.0,
            against_exact: Some(m.against(exact)),
        })
    });
    savings.collect()
}

impl MultiNode {
    /// One worker selects by both norms and by the weights; several can only do the latter.
    fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        for &workers in &self.workers {
            settings.push(Setting { workers, sampling: Sampling::EXACT });
            let by: &[Scores] =
                if workers == 1 { &[Scores::Both, Scores::Weights] } else { &[Scores::Weights] };
            for &scores in by {
                for ratio in self.ratios.iter().filter(|ratio| ratio.value() < 1.0) {
                    settings
                        .push(Setting { workers, sampling: self.sampling(ratio.value(), scores) });
                }
            }
        }
        settings
    }

    fn sampling(&self, ratio: f64, scores: Scores) -> Sampling {
        let (estimator, mode) = (Some(self.estimator.0), Mode::Forward);
        Sampling { estimator, ratio, mode, scores, exact_layers: Vec::new() }
    }

    /// The share of the gradient's numbers that is sent, counted from the shapes of the network.
    fn counted(&self, description: &Description, ratio: f64) -> anyhow::Result<f64> {
        let policies: LayerPolicies =
            self.training.config(&self.sampling(ratio, Scores::Weights), 0).policies;
        Ok(description.gradient_numbers(&policies)?.share())
    }

    fn report(
        &self,
        measurements: &[Measurement],
        images: &Images,
    ) -> anyhow::Result<ExhibitResult> {
        let data = &images.splits.train;
        let image = ImageShape::new(data.channels, data.height, data.width);
        let description = self.training.network.describe(image, data.classes)?;
        let records = self.records(measurements);
        let savings = savings(measurements);
        let used = self.training.images.in_directory_of(images);
        let network = self.training.network.title();
        let setting = evidence_setting(&network, &used, self.training.seeds);
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: sent(&savings),
            evidence: vec![evidence(
                PaperClaim::Communication,
                judged(&savings),
                &setting,
                &used,
                "workers that select by the weights alone; bytes are counted, no network is timed",
            )],
            data: images.description.clone(),
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(measurements, &description)?],
            remarks: self.remarks(measurements, &description)?,
            headline: self.headline(measurements, images),
            ..ExhibitResult::default()
        })
    }

    /// Several workers that select by the weights: only they save communication.
    fn headline(&self, measurements: &[Measurement], images: &Images) -> Vec<HeadlineRow> {
        let rows = measurements.iter().filter_map(|m| {
            let Setting { workers, sampling } = &m.setting;
            if sampling.estimator.is_none() || !is_shown(sampling.ratio) {
                return None;
            }
            let exact = exact_of(measurements, *workers)?;
            Some(accuracy_row(
                &self.training.network.title(),
                images,
                format!(
                    "{} at {}, {workers} workers that select by the weights alone",
                    sampling.name(),
                    sampling.ratio
                ),
                [m.computations(), m.share()?],
                [&m.accuracies(), &exact.accuracies()],
            ))
        });
        rows.collect()
    }

    fn records(&self, measurements: &[Measurement]) -> Table {
        let against = |m: &Measurement| {
            let is_sampled = m.setting.sampling.estimator.is_some();
            let exact = exact_of(measurements, m.setting.workers).filter(|_| is_sampled);
            exact.map(|exact| m.against(exact))
        };
        Rows::of(measurements)
            .key("workers", |m| m.setting.workers)
            .key("scores", |m| m.setting.scores())
            .key("ratio", |m| m.setting.sampling.ratio)
            .value("test-accuracy", "%", |m| m.accuracy().mean)
            .diagnostic("test-accuracy-half-width", "points", |m| m.accuracy().half_width)
            .value("against-exact", "points", |m| against(m).map(Difference::mean))
            .diagnostic("against-exact-half-width", "points", |m| {
                against(m).and_then(Difference::half_width)
            })
            .value("computations", "% of exact", Measurement::computations)
            .diagnostic("parameters-moved", "% of all", Measurement::moved)
            .value("sent", "bytes a step and worker", Measurement::bytes)
            .value("sent-share", "% of the whole gradient", Measurement::share)
            .table(&format!("After the last epoch, {}", seeds(self.training.seeds)))
    }

    fn remarks(
        &self,
        measurements: &[Measurement],
        description: &Description,
    ) -> anyhow::Result<Vec<String>> {
        let mut remarks = Vec::new();
        let find =
            |workers, scores, ratio| measurements.iter().find(|m| m.is(workers, scores, ratio));
        for ratio in self.ratios.iter().map(|ratio| ratio.value()).filter(|ratio| *ratio < 1.0) {
            let one = (find(1, Scores::Both, ratio), find(1, Scores::Weights, ratio));
            let (Some(both), Some(weights)) = one else { continue };
            let mut sentence = format!(
                "At ratio {ratio} one worker reaches {} % by both norms and {} % by the weights \
                 alone (the difference, paired over the seeds: {} points)",
                show(both.accuracy()),
                show(weights.accuracy()),
                weights.against(both).words()
            );
            for &workers in self.workers.iter().filter(|workers| **workers > 1) {
                if let Some(several) = find(workers, Scores::Weights, ratio) {
                    let several = show(several.accuracy());
                    sentence.push_str(&format!(", {workers} workers {several} %"));
                }
            }
            sentence.push_str(&format!(
                ". By both norms {} % of the parameters are not what they were at the start, by the \
                 weights alone {} %.",
                significant(both.moved(), 3),
                significant(weights.moved(), 3)
            ));
            remarks.push(sentence);
        }
        if self.estimator.0 == Estimator::TopK {
            remarks.push(
                "How the weights alone can lose: a row that is not selected has no gradient and \
                 stays as it was, its norm with it. It has its turn only when a selected row has \
                 become smaller. Activations change from minibatch to minibatch and give other rows \
                 theirs."
                    .to_string(),
            );
        }
        remarks.push(format!(
            "The paper's abstract says up to {} % less communication; of which network, at which \
             ratio and on how many nodes is not stated in the sources at hand. The largest ratio, \
             to a thousandth, at which this network saves that much: {}.",
            100.0 * PAPER,
            largest_ratio(|ratio| self.counted(description, ratio))?
                .map_or("none".to_string(), |ratio| significant(ratio, 3))
        ));
        remarks.push(
            "Sent: the gradient of the selected rows of each weight matrix and of all biases, four \
             bytes a number, as each worker hands it to the all-reduce. The selections are the same \
             on all workers, because the weights are, so no index is sent. A ring all-reduce of W \
             workers moves 2 (W - 1)/W times these bytes over each link, sampled or not. The workers \
             are threads of one process: bytes are counted, and no network is timed."
                .to_string(),
        );
        remarks.push(
            "Many of the numbers sent are zeros all the same: the gradient comes back through the \
             features that the next sampled layer selected, so that of the rows sent the numbers of \
             all other outputs are zero, and of such a layer about the square of the ratio is moved \
             in a step. Sending that much only would need no index either; the slices of the released code are \
             whole channels, and so are these."
                .to_string(),
        );
        remarks.push(
            "Every worker has its share of the same minibatch, so that all runs make the same \
             number of steps on the same images. By both norms, workers would select different \
             rows; the exchange of slices refuses that."
                .to_string(),
        );
        remarks.push(self.training.describe());
        Ok(remarks)
    }
}
