//! Bias and error of the sampled gradients of a real network along its training (T8, T9).

mod deviation;

use std::ops::ControlFlow;

use anyhow::Context as _;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::data::Minibatch;
use training::layer::{ImageShape, StepContext};
use training::learner::Learner;
use training::network::{NetworkConfig, State};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};
use training::setting::{count_within, distinct};
use training::train::Trainer;

use self::deviation::Deviation;
use super::run_settings::RunSettings;
use crate::exhibit::finding::biases;
use crate::exhibit::settings::{
    FieldError, MOST_REPEATS, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "gradient-error",
    title: "Bias and error of sampled gradients along training",
    shows: "how far the weight gradients of each layer of a network are from the exact ones, in mean \
            and in single draws, when sampled forward and backward, along an exact training run \
            and against the share of the pairs kept",
    paper: "the relative gradient error of the experiments; its numbers are not stated in the \
            sources at hand",
    section: Section::Training,
    note: "forward-bias",
    statements: &["T8", "T9"],
    interactive: &[],
    is_timing: false,
    settings: &[
        built_in!("gradient-error"),
        built_in!("gradient-error-cifar", long: "of the fast network for CIFAR-10"),
    ],
    configure: configure::<GradientError>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientError {
    training: RunSettings,
    estimators: Vec<NamedEstimator>,
    modes: Vec<Mode>,
    ratios: Vec<Ratio>,
    /// The ratio followed along training.
    followed: Ratio,
    draws: usize,
}

/// One layer's weight gradient at one time under one kind of sampling, over its exact norm.
struct Measurement {
    epoch: usize,
    layer: String,
    estimator: &'static str,
    mode: Mode,
    ratio: f64,
    bias: f64,
    /// The upper end of its interval.
    most_bias: Option<f64>,
    error: f64,
    half_width: Option<f64>,
}

impl Measurement {
    /// The bias at a place of a figure; its interval reaches as far down as up.
    fn bias_at(&self, x: f64) -> Point {
        Point::with_interval(x, self.bias, self.most_bias.map(|most| most - self.bias))
    }

    fn error_at(&self, x: f64) -> Point {
        Point::with_interval(x, self.error, self.half_width)
    }
}

/// The weight gradients of the layers with a product that is learnt, by the layer's name.
type Gradients = Vec<(String, Vec<f64>)>;

impl Experiment for GradientError {
    fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        distinct("estimators", &self.estimators)?;
        distinct("modes", &self.modes)?;
        check_ratios(&self.ratios)?;
        count_within("draws", self.draws, 2..=MOST_REPEATS)?;
        if !self.ratios.contains(&self.followed) {
            let value = self.followed.value();
            return Err(FieldError::new("followed", value, "one of the ratios"));
        }
        // One run is followed, and nothing of its evaluations is shown.
        if self.training.seeds != 1 {
            let (field, value) = ("training.seeds", self.training.seeds);
            return Err(FieldError::new(field, value, "1: a single run is followed"));
        }
        if !self.training.batch_norm_statistics.is_running() {
            let (field, value) = ("training.batch_norm_statistics", "re-estimated");
            return Err(FieldError::new(field, value, "running: no evaluation is shown"));
        }
        Ok(())
    }

    fn without_effect(&self) -> Vec<FieldError> {
        let training = self.training.without_effect(&self.modes).into_iter();
        let training = training.map(|error| error.within("training"));
        training.chain(ratios_without_effect(&self.ratios)).collect()
    }

    fn memory(&self) -> Vec<Need> {
        let needs = self.training.memory(1, 1);
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
        let config = self.training.exact_config(environment.seed);
        let mut trainer = Trainer::new(&config, &images.splits, environment.instructions)?;
        environment.progress.set_length(2 * self.training.epochs + 1);
        let mut measurements = self.measure(environment, images, &mut trainer, 0)?;
        environment.progress.advance(1);
        while !trainer.is_finished() {
            trainer.epoch(&mut |_| ControlFlow::Continue(()))?;
            environment.progress.advance(1);
            let epoch = trainer.report().epochs.len();
            measurements.extend(self.measure(environment, images, &mut trainer, epoch)?);
            environment.progress.advance(1);
        }
        Ok(self.report(&measurements, &images.description))
    }
}

impl GradientError {
    /// Every kind of sampling on one minibatch; all ratios after the last epoch, one before.
    fn measure(
        &self,
        environment: &Environment,
        images: &Images,
        trainer: &mut Trainer,
        epoch: usize,
    ) -> anyhow::Result<Vec<Measurement>> {
        let state = trainer.network().state();
        let mut minibatch = Minibatch::default();
        let samples = 0..self.training.batch_size.min(images.splits.train.len());
        images.splits.train.fill(samples, None, &mut minibatch);
        let stream = Stream::new(environment.seed, "gradient-error").child(&epoch.to_string());
        let step = |draw| StepContext::training(environment.instructions, stream, draw);
        let learner = |policy| self.learner(environment, images, &state, policy);
        let exact = weight_gradients(&mut learner(None)?, &step(0), &minibatch)?;
        let is_last = epoch == self.training.epochs;
        let mut found = Vec::new();
        for estimator in &self.estimators {
            for &mode in &self.modes {
                let ratios = self.ratios.iter().filter(|r| is_last || **r == self.followed);
                for ratio in ratios.map(|ratio| ratio.value()).filter(|ratio| *ratio < 1.0) {
                    let policy =
                        SamplingPolicy::new(estimator.0, ratio, self.training.minimal_k, mode);
                    let mut sampled = learner(Some(policy))?;
                    let mut deviations: Vec<Deviation> =
                        exact.iter().map(|(_, exact)| Deviation::from(exact)).collect();
                    for draw in 0..self.draws as u64 {
                        let drawn = weight_gradients(&mut sampled, &step(draw), &minibatch)?;
                        deviations.iter_mut().zip(&drawn).for_each(|(d, (_, drawn))| d.add(drawn));
                    }
                    for ((layer, _), deviation) in exact.iter().zip(&deviations) {
                        let (bias, error) = deviation.bias_and_error();
                        let half_width = deviation.half_width_of_error();
                        let most_bias = deviation.most_bias();
                        let (estimator, layer) = (estimator.0.name(), layer.clone());
                        found.push(Measurement {
                            epoch,
                            layer,
                            estimator,
                            mode,
                            ratio,
                            bias,
                            most_bias,
                            error,
                            half_width,
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    /// The network in this state, without dropout: only sampling is random.
    fn learner(
        &self,
        environment: &Environment,
        images: &Images,
        state: &State,
        policy: Option<SamplingPolicy>,
    ) -> anyhow::Result<Learner> {
        let train = &images.splits.train;
        let image = ImageShape::new(train.channels, train.height, train.width);
        let policies = LayerPolicies::uniform(policy);
        let network = match &self.training.network {
            NetworkConfig::Mlp { hidden, .. } => {
                NetworkConfig::Mlp { hidden: hidden.clone(), dropout: 0.0 }
            }
            network => network.clone(),
        };
        let description = network.describe(image, train.classes)?;
        let mut network = description.build(&policies, Stream::new(0, "replaced"))?;
        network.load_state(state)?;
        let (optimizer, stream) =
            (self.training.optimizer, Stream::new(environment.seed, "unused"));
        Ok(Learner::new(network, optimizer, environment.instructions, stream))
    }

    fn report(&self, measurements: &[Measurement], data: &str) -> ExhibitResult {
        let rest = |rows: Rows<Measurement>, caption| {
            rows.key("layer", |m| m.layer.as_str())
                .key("estimator", |m| m.estimator)
                .key("mode", |m| m.mode.name())
                .key("ratio", |m| m.ratio)
                .value("bias", "of the norm", |m| m.bias)
                .value("bias-at-most", "of the norm", |m| m.most_bias)
                .value("error", "of the norm", |m| m.error)
                .diagnostic("error-half-width", "of the norm", |m| m.half_width)
                .table(caption)
        };
        let records = rest(
            Rows::of(measurements).key("epoch", |m| m.epoch),
            "Weight gradients, over the norm of the exact gradient",
        );
        let last = self.training.epochs;
        // Without the column of the epoch, which the caption says.
        let after_the_last = measurements.iter().filter(|m| m.epoch == last);
        let summary = rest(Rows::of(after_the_last), "After the last epoch");
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(measurements),
            data: data.to_string(),
            records,
            tables: vec![summary],
            figures: vec![self.along_training(measurements), self.against_ratio(measurements)],
            remarks: vec![
                format!(
                    "One exact run of one seed, in it one fixed minibatch of {}, {} draws, dropout \
                     off. Error: root mean square \
                     distance of a drawn gradient from the exact one, with half its 95 % interval. \
                     Bias: distance of the mean \
                     draw from the exact gradient, less what the number of draws lets one expect \
                     without bias; zero where nothing is left, and at most the upper end of its \
                     95 % interval (jackknife over ten groups of draws).",
                    self.training.batch_size, self.draws
                ),
                "Sampled backward with an unbiased estimator, every layer's gradient is unbiased \
                 in any network; sampled forward it need not be."
                    .to_string(),
            ],
            ..ExhibitResult::default()
        }
    }

    /// The bias of the first estimator in the first layer after the last epoch, in a sentence.
    fn finding(&self, measurements: &[Measurement]) -> String {
        let (epoch, ratio) = (self.training.epochs, self.followed.value());
        let estimator = self.estimators.first().map_or("", |estimator| estimator.0.name());
        let layers = layers(measurements);
        let here = measurements.iter();
        let here = here.filter(|m| m.epoch == epoch && Some(&&m.layer) == layers.first());
        let here = here.filter(|m| (m.estimator, m.ratio) == (estimator, ratio));
        let modes = here.map(|m| (m.mode.name(), m.bias, m.most_bias, m.error));
        biases(&format!("{estimator} at {ratio}"), &modes.collect::<Vec<_>>())
    }

    /// A panel a layer: bias and error of the first estimator, epoch by epoch.
    fn along_training(&self, measurements: &[Measurement]) -> Figure {
        let estimator = self.estimators[0].0.name();
        let panels = layers(measurements).into_iter().map(|layer| {
            let mut series = Vec::new();
            for (number, &mode) in self.modes.iter().enumerate() {
                let here: Vec<&Measurement> = measurements
                    .iter()
                    .filter(|m| (&m.layer, m.estimator, m.mode) == (layer, estimator, mode))
                    .filter(|m| m.ratio == self.followed.value())
                    .collect();
                let one = |label: &str, style, point: &dyn Fn(&Measurement, f64) -> Point| Series {
                    label: format!("{label}, {}", mode.name()),
                    style,
                    mark: Mark::JoinedPoints,
                    points: here.iter().map(|m| point(m, m.epoch as f64)).collect(),
                };
                series.push(one("error", 2 * number, &Measurement::error_at));
                series.push(one("bias", 2 * number + 1, &Measurement::bias_at));
            }
            Panel {
                title: layer.to_string(),
                x: Axis::linear("epoch"),
                y: Axis::logarithmic("share of the gradient's norm"),
                series,
            }
        });
        Figure {
            part: String::new(),
            caption: format!(
                "Bias and root mean square error of the weight gradients of each layer along \
                 training, over the norm of the exact gradient, sampled by {estimator} at ratio \
                 {} forward and backward; a bias of zero has no place on the axis.",
                self.followed.value()
            ),
            panels: panels.collect(),
        }
    }

    /// A panel an estimator: the first layer's bias against the ratio, after the last epoch.
    fn against_ratio(&self, measurements: &[Measurement]) -> Figure {
        let layers = layers(measurements);
        let panels = self.estimators.iter().map(|estimator| {
            let mut series = Vec::new();
            for (number, &mode) in self.modes.iter().enumerate() {
                let here: Vec<&Measurement> = measurements
                    .iter()
                    .filter(|m| m.epoch == self.training.epochs)
                    .filter(|m| Some(&&m.layer) == layers.first())
                    .filter(|m| m.estimator == estimator.0.name() && m.mode == mode)
                    .collect();
                let one = |label: &str, style, point: &dyn Fn(&Measurement, f64) -> Point| Series {
                    label: format!("{label}, {}", mode.name()),
                    style,
                    mark: Mark::JoinedPoints,
                    points: here.iter().map(|m| point(m, m.ratio)).collect(),
                };
                series.push(one("error", 2 * number, &Measurement::error_at));
                series.push(one("bias", 2 * number + 1, &Measurement::bias_at));
            }
            Panel {
                title: estimator.0.name().to_string(),
                x: Axis::linear("share of the pairs kept, k/n"),
                y: Axis::logarithmic("share of the gradient's norm"),
                series,
            }
        });
        Figure {
            part: "ratio".to_string(),
            caption: "Bias and root mean square error of the first layer's weight gradient after \
                      the last epoch against the share of the pairs kept, a panel an estimator, \
                      sampled forward and backward; a bias of zero has no place on the axis."
                .to_string(),
            panels: panels.collect(),
        }
    }
}

/// The layers, from the images on: all of one kind of sampling follow one another.
fn layers(measurements: &[Measurement]) -> Vec<&String> {
    let kind = |m: &Measurement| (m.epoch, m.estimator, m.mode, m.ratio);
    let mut of_each = measurements.chunk_by(|one, other| kind(one) == kind(other));
    of_each.next().unwrap_or_default().iter().map(|m| &m.layer).collect()
}

/// The weight gradients in one step; the parameters stay.
fn weight_gradients(
    learner: &mut Learner,
    step: &StepContext,
    minibatch: &Minibatch,
) -> anyhow::Result<Gradients> {
    learner.gradient(step, minibatch)?;
    let mut found = Vec::new();
    learner.network().visit_parameters(&mut |parameter| {
        if parameter.name.part == "weight" && !parameter.is_frozen {
            let mut dense = Vec::new();
            parameter.append_gradient(&mut dense);
            let dense = dense.into_iter().map(f64::from).collect();
            found.push((parameter.name.layer.to_string(), dense));
        }
    });
    Ok(found)
}
