//! The settings of training runs, as the exhibits that train share them.

use serde::{Deserialize, Serialize};
use training::data::{Augmentation, Border};
use training::network::{Description, Footprint, NetworkConfig, NetworkError};
use training::optimizer::{OptimizerConfig, Schedule};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};
use training::setting::{count, count_within};
use training::train::{BatchNormStatistics, TrainingConfig};

use super::sampling::Sampling;
use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::images::ImageConfig;
use crate::memory::Need;

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
    /// Whether batch normalisation takes the statistics of the whole minibatch where several workers
    /// share it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub synchronised_batch_norm: bool,
    /// The least number of pairs kept in a product.
    pub minimal_k: usize,
    /// How many seeds each setting is trained with.
    pub seeds: usize,
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
        if self.synchronised_batch_norm && !network.has_batch_norm() {
            let expected = "false: this network has no batch normalisation";
            found.push(FieldError::new("synchronised_batch_norm", true, expected));
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
    pub fn description(&self) -> Option<Description> {
        let (image, classes) = self.images.shape()?;
        self.network.describe(image, classes).ok()
    }

    /// A run with exact products.
    pub fn exact_config(&self, seed: u64) -> TrainingConfig {
        self.config(&Sampling::EXACT, seed)
    }

    /// A run with products sampled so.
    pub fn config(&self, sampling: &Sampling, seed: u64) -> TrainingConfig {
        let policy = sampling.estimator.map(|estimator| SamplingPolicy {
            scores: sampling.scores,
            exploration: sampling.exploration,
            keep_for: sampling.keep_for,
            ..SamplingPolicy::new(estimator, sampling.ratio, self.minimal_k, sampling.mode)
        });
        TrainingConfig {
            schedule: self.schedule.clone(),
            policies: LayerPolicies {
                never: sampling.exact_layers.clone(),
                ..LayerPolicies::uniform(policy)
            },
            augmentation: self.augmentation,
            batch_norm_statistics: self.batch_norm_statistics,
            synchronised_batch_norm: self.synchronised_batch_norm,
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
            OptimizerConfig::LazyAdam { learning_rate } => format!("lazy Adam at {learning_rate}"),
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
