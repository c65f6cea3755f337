//! Training runs, as the exhibits that train share them.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernels::{Estimator, InstructionSet};
use serde::{Deserialize, Serialize};
use theory::special::student_quantile;
use training::checkpoint::Checkpoint;
use training::data::{Augmentation, Border, Splits};
use training::layer::ImageShape;
use training::metrics::Metrics;
use training::network::{Description, Footprint, NetworkConfig, NetworkError};
use training::optimizer::{OptimizerConfig, Schedule};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};
use training::setting::{count, count_within};
use training::train::{BatchNormStatistics, Progress, Trainer, TrainingConfig, TrainingReport};

use crate::exhibit::Context;
use crate::exhibit::config::{FieldError, Ratio};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::parallel;

/// A run that is stopped loses about so much work, or that of an epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(60);

/// Raised whenever a change of code changes the numbers of a run.
const VERSION: u32 = 1;

/// The most repeats, seeds, draws and epochs that settings can ask for: each is a loop, and some
/// keep a number of every turn.
pub const MOST_REPEATS: usize = 10_000_000;

/// What a training loop tells of its progress.
pub type Observer<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// The network and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// What is learnt.
    pub images: ImageConfig,
    /// The network.
    pub network: NetworkConfig,
    /// Images in a minibatch.
    pub batch_size: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// How gradients change the weights.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// How training images are changed at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The statistics that batch normalisation uses in evaluations; where they are not the
    /// running ones, the last evaluation is made with these as well.
    #[serde(default, skip_serializing_if = "BatchNormStatistics::is_running")]
    pub batch_norm_statistics: BatchNormStatistics,
    /// The least number of pairs kept in a product.
    pub minimal_k: usize,
    /// How many seeds each setting is trained with.
    pub seeds: usize,
}

/// How the products of a run are sampled; exactly computed when there is no estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// How pairs are chosen.
    pub estimator: Option<Estimator>,
    /// The share that is kept.
    pub ratio: f64,
    /// Which products are sampled.
    pub mode: Mode,
    /// Layers that are exact although the network samples them by itself.
    pub exact_layers: Vec<String>,
    /// What pairs are scored by.
    pub scores: Scores,
}

impl Sampling {
    /// Exact products.
    pub const EXACT: Self = Sampling {
        estimator: None,
        ratio: 1.0,
        mode: Mode::Forward,
        exact_layers: Vec::new(),
        scores: Scores::Both,
    };

    /// The estimator's name and the layers left exact, or "exact".
    pub fn name(&self) -> String {
        let estimator = self.estimator.map_or("exact", |estimator| estimator.name());
        if self.exact_layers.is_empty() {
            return estimator.to_string();
        }
        format!("{estimator} ({} exact)", self.exact_layers.join(" and "))
    }

    /// Whether it is the same but for the ratio.
    pub fn is_like(&self, other: &Self) -> bool {
        *self == Sampling { ratio: self.ratio, ..other.clone() }
    }
}

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

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the 95 % interval by Student's t distribution; none of a single seed.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Of one number a seed.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let half_width = (values.len() > 1).then(|| {
            student_quantile(0.05, count - 1.0) * (squares / (count - 1.0) / count).sqrt()
        });
        Estimate { mean, half_width }
    }
}

impl RunSettings {
    /// Checks what the types do not: every range, and that the network exists and fits the images.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.images.check().map_err(|error| error.within("images"))?;
        count("minimal_k", self.minimal_k)?;
        count_within("seeds", self.seeds, 1..=MOST_REPEATS)?;
        count_within("epochs", self.epochs, 1..=MOST_REPEATS)?;
        let config = self.exact_config(0);
        config.check()?;
        let Some((image, classes)) = self.images.shape() else { return Ok(()) };
        config.check_images(image.height.min(image.width))?;
        let description = config.describe(image, classes, self.images.train);
        description.map_err(NetworkError::in_settings).map(|_| ())
    }

    /// Checks a list of layers that are to be exact.
    ///
    /// # Errors
    /// When one is no layer of the network with a product.
    pub fn check_layers(&self, field: &str, layers: &[String]) -> Result<(), FieldError> {
        let never = Sampling { exact_layers: layers.to_vec(), ..Sampling::EXACT };
        match self.description().map(|network| network.check(&self.config(&never, 0).policies)) {
            Some(Err(error)) => {
                let expected = format!("layers of the network: {error}");
                Err(FieldError::new(field, format!("{layers:?}"), expected))
            }
            _ => Ok(()),
        }
    }

    /// Whether no product is sampled with these layers exact.
    pub fn leaves_nothing_sampled(&self, exact: &[String]) -> bool {
        self.description().is_some_and(|network| {
            let mut sampled = network.products().into_iter().filter(|product| product.sampled);
            sampled.all(|product| exact.iter().any(|name| name == product.layer))
        })
    }

    /// Settings that are right and change nothing where products are sampled in these modes.
    pub fn without_effect(&self, modes: &[Mode]) -> Vec<FieldError> {
        let mut found = Vec::new();
        let Some(network) = self.description() else { return found };
        let products = network.products();
        let sampled = products.iter().filter(|product| product.sampled);
        let pairs = sampled.flat_map(|product| {
            modes.iter().map(|mode| match mode {
                Mode::Forward | Mode::BlackBox => product.pairs,
                Mode::Backward => product.outputs.max(self.batch_size),
            })
        });
        let most = pairs.max().unwrap_or(0);
        if self.minimal_k >= most {
            let expected = format!(
                "less than the {most} pairs of the largest product: as it is, nothing is sampled"
            );
            found.push(FieldError::new("minimal_k", self.minimal_k, expected));
        }
        if !self.batch_norm_statistics.is_running() && !network.has_batch_norm() {
            let expected = "a network with batch normalisation: this one has no statistics";
            found.push(FieldError::new("batch_norm_statistics", "re-estimated", expected));
        }
        if let Schedule::Step { at, .. } = &self.schedule {
            let late = at.iter().position(|epoch| *epoch >= self.epochs);
            found.extend(late.map(|step| {
                let expected = format!("an epoch below {}: the run ends before", self.epochs);
                FieldError::new(format!("schedule.at[{step}]"), at[step], expected)
            }));
        }
        let images = self.images.training_images();
        if self.batch_size > images {
            let expected = format!(
                "at most the {images} images to learn from: a minibatch has no more of them"
            );
            found.push(FieldError::new("batch_size", self.batch_size, expected));
        }
        if self.augmentation == Some(Augmentation::default()) {
            let expected = "a padding, or flips: images stay as they are";
            found.push(FieldError::new("augmentation", "without padding and flips", expected));
        }
        found
    }

    /// What runs side by side keep in memory: the images once, and a network a worker of each run.
    pub fn memory(&self, runs: usize, workers: usize) -> Vec<Need> {
        let side_by_side = rayon::current_num_threads().min(runs.saturating_mul(self.seeds)) as f64;
        let images = Need::new("images", self.images.train, self.images.bytes());
        let batch = self.batch_size.min(self.images.train);
        let network = self.description().map(|network| network.footprint(batch));
        let needs = network.map(|Footprint { parameters, activations }| {
            let parameters = workers as f64 * side_by_side * parameters;
            let network = Need::new("network", self.network_in_words(), parameters);
            [network, Need::new("batch_size", self.batch_size, side_by_side * activations)]
        });
        std::iter::once(images).chain(needs.into_iter().flatten()).collect()
    }

    /// The network without weights, where the shape of the images is known.
    fn description(&self) -> Option<Description> {
        let (image, classes) = self.images.shape()?;
        self.network.describe(image, classes).ok()
    }

    /// Trains every setting with every seed; finished runs are stored and not made again.
    ///
    /// # Errors
    /// When a run diverges or cannot be stored.
    pub fn train(&self, context: &Context, settings: &[Sampling]) -> anyhow::Result<Vec<Trained>> {
        let images = context.images.context("images were not loaded")?;
        let runs = self.with_every_seed(context, settings, |sampling, seed, observe| {
            let config = self.config(sampling, seed);
            let key = format!(
                "run version {VERSION} images {} settings {}",
                images.checksum,
                serde_json::to_string(&config)?
            );
            let checkpoint = context.cache.checkpoint(&key)?;
            let run = context.stored(&key, || {
                let set = context.instructions;
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
            let policies = self.config(sampling, context.seed).policies;
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
        context: &Context,
        settings: &[S],
        run: impl Fn(&S, u64, &mut Observer) -> anyhow::Result<R> + Sync,
    ) -> anyhow::Result<Vec<Vec<R>>> {
        let runs: Vec<(&S, u64)> = settings
            .iter()
            // After the last seed comes seed 0.
            .flat_map(|setting| {
                (0..self.seeds as u64).map(move |s| (setting, context.seed.wrapping_add(s)))
            })
            .collect();
        context.progress.set_length(runs.len() * self.epochs);
        let reports = parallel::map(&runs, |(setting, seed)| {
            let mut epochs = 0;
            let report = run(setting, *seed, &mut |progress| {
                if progress.epoch.is_some() {
                    epochs += 1;
                    context.progress.advance(1);
                }
                ControlFlow::Continue(())
            });
            context.progress.advance(self.epochs - epochs);
            report
        })?;
        Ok(reports.chunks(self.seeds).map(<[_]>::to_vec).collect())
    }

    /// A run with exact products.
    pub fn exact_config(&self, seed: u64) -> TrainingConfig {
        self.config(&Sampling::EXACT, seed)
    }

    /// A run with products sampled so.
    pub fn config(&self, sampling: &Sampling, seed: u64) -> TrainingConfig {
        let policy = sampling.estimator.map(|estimator| SamplingPolicy {
            estimator,
            ratio: sampling.ratio,
            minimal_k: self.minimal_k,
            mode: sampling.mode,
            scores: sampling.scores,
        });
        TrainingConfig {
            schedule: self.schedule.clone(),
            policies: LayerPolicies {
                never: sampling.exact_layers.clone(),
                ..LayerPolicies::uniform(policy)
            },
            augmentation: self.augmentation,
            batch_norm_statistics: self.batch_norm_statistics,
            ..TrainingConfig::new(
                self.network.clone(),
                self.batch_size,
                self.epochs,
                self.optimizer,
                seed,
            )
        }
    }

    fn network_in_words(&self) -> String {
        match &self.network {
            NetworkConfig::Mlp { hidden, dropout } => {
                let widths: Vec<String> = hidden.iter().map(ToString::to_string).collect();
                let widths = widths.join(" and ");
                format!("MLP with hidden layers of {widths}, ReLU, dropout {dropout}")
            }
            network => network.title(),
        }
    }

    /// One sentence on network and training, for below a table.
    pub fn describe(&self) -> String {
        let optimizer = match self.optimizer {
            OptimizerConfig::Adam { learning_rate } => format!("Adam at {learning_rate}"),
            OptimizerConfig::Sgd { learning_rate, momentum, nesterov, weight_decay } => {
                let momentum_of = if nesterov { "Nesterov momentum" } else { "momentum" };
                format!(
                    "SGD at {learning_rate}, {momentum_of} {momentum}, weight decay {weight_decay}"
                )
            }
        };
        let network = self.network_in_words();
        let augmentation = match self.augmentation {
            Some(Augmentation { padding: 0, flip: false, .. }) | None => String::new(),
            Some(Augmentation { padding: 0, flip: true, alternating: false, .. }) => {
                "; random flips".to_string()
            }
            Some(Augmentation { padding: 0, flip: true, alternating: true, .. }) => {
                "; alternating flips".to_string()
            }
            Some(Augmentation { padding, border, flip, alternating }) => {
                let by = match border {
                    Border::Black => "padded by",
                    Border::Reflected => "padded by a reflection of",
                };
                let flips = match (flip, alternating) {
                    (false, _) => "",
                    (true, false) => " and flips",
                    (true, true) => " and alternating flips",
                };
                format!("; random crops {by} {padding}{flips}")
            }
        };
        let counted = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        let intervals = match self.seeds {
            1 => "Of one seed there is no interval.",
            _ => "Intervals: 95 %, Student's t over the seeds.",
        };
        format!(
            "Network: {network}{augmentation}; {optimizer}; minibatches of {}, {}, {}; at least {} \
             kept in a sampled product; evaluation exact. {intervals}",
            self.batch_size,
            counted(self.epochs, "epoch"),
            counted(self.seeds, "seed"),
            counted(self.minimal_k, "pair"),
        )
    }
}

/// Ratios that increase.
///
/// # Errors
/// Names the list.
pub fn check_ratios(ratios: &[Ratio]) -> Result<(), FieldError> {
    if ratios.is_empty() || !ratios.is_sorted_by(|one, next| one < next) {
        let values: Vec<f64> = ratios.iter().map(|ratio| ratio.value()).collect();
        let expected = "increasing numbers above 0, at most 1";
        return Err(FieldError::new("ratios", format!("{values:?}"), expected));
    }
    Ok(())
}

/// The ratios, where nothing is sampled at any of them.
pub fn ratios_without_effect(ratios: &[Ratio]) -> Option<FieldError> {
    let expected = "a number below 1 among them: as it is, nothing is sampled";
    let is_exact = ratios.iter().all(|ratio| ratio.value() == 1.0);
    is_exact.then(|| FieldError::new("ratios", "[1]", expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_two_values_is_that_of_students_t() {
        let estimate = Estimate::of(&[1.0, 3.0]);
        assert_eq!(estimate.mean, 2.0);
        // t(0.975, 1 degree of freedom) = 12.7062 (any table), standard error 1.
        assert!((estimate.half_width.unwrap() - 12.7062).abs() < 1e-4);
        assert_eq!(Estimate::of(&[1.0]).half_width, None);
    }

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
            parameters: "00".to_string(),
        };
        let run: Run = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!((run.report, run.running), (report, None));
    }

    #[test]
    fn layers_left_exact_are_part_of_the_name_and_of_the_kind() {
        let all = Sampling { estimator: Some(Estimator::TopK), ..Sampling::EXACT };
        let layers = vec!["convolution".to_string()];
        let some = Sampling { exact_layers: layers, ratio: 0.5, ..all.clone() };
        assert_eq!((all.name(), some.name()), ("top-k".into(), "top-k (convolution exact)".into()));
        assert!(some.is_like(&Sampling { ratio: 0.25, ..some.clone() }));
        assert!(!some.is_like(&all));
    }
}
