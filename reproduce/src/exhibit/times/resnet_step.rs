//! A training step of a residual network on photographs, exact and sampled.

use std::path::Path;
use std::sync::Arc;

use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::data::{
    Epoch, FolderSource, ImageFolder, Minibatch, Minibatches as _, Normalisation, OnCorrupt, Part,
    StreamSettings,
};
use training::layer::ImageShape;
use training::network::{Description, Footprint, NetworkError, resnet};
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};
use training::setting::{count, count_within, distinct};

use super::evidence;
use super::steps::{Measurement, Steps, paired};
use crate::exhibit::finding::{nearest_to_half, times};
use crate::exhibit::settings::{
    FieldError, MOST_REPEATS, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::style;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "resnet-step",
    title: "A training step of a ResNet on photographs",
    shows: "the time and the counted computations of a training step on real photographs, with \
            the convolutions sampled in the forward mode, beside the exact step",
    paper: "training time: up to 1.37x faster as a whole, says the abstract; times of single steps \
            are not stated in the sources at hand",
    section: Section::Training,
    note: "timing",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("resnet-step")],
    configure: configure::<ResnetStep>,
};

/// Where the photographs lie in the data directory, in class folders.
const FOLDER: &str = "imagenet-sample";
const CLASSES: usize = 1_000;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResnetStep {
    depth: usize,
    /// Rows and columns of an image.
    side: usize,
    /// Pixels of a photograph's shorter side before the crop.
    resize: usize,
    batch_size: usize,
    optimizer: OptimizerConfig,
    estimators: Vec<NamedEstimator>,
    ratios: Vec<Ratio>,
    repeats: usize,
}

/// Pixels of a side that photographs can be brought to.
const LARGEST_SIDE: usize = 10_000;

impl ResnetStep {
    fn description(&self) -> Result<Description, NetworkError> {
        resnet(self.depth, ImageShape::new(3, self.side, self.side), CLASSES)
    }
}

impl Experiment for ResnetStep {
    fn check(&self) -> Result<(), FieldError> {
        distinct("estimators", &self.estimators)?;
        check_ratios(&self.ratios)?;
        count_within("side", self.side, 1..=LARGEST_SIDE)?;
        count_within("resize", self.resize, self.side..=LARGEST_SIDE)?;
        let description = self.description().map_err(|error| match error {
            NetworkError::Depth { depth, known, .. } => FieldError::new("depth", depth, known),
            error => FieldError::new("side", error, "images that fit a ResNet"),
        })?;
        count("batch_size", self.batch_size)?;
        description.check_batch(self.batch_size).map_err(|error| {
            let expected = format!("a minibatch that fits the network: {error}");
            FieldError::new("batch_size", self.batch_size, expected)
        })?;
        self.optimizer.check().map_err(|error| error.within("optimizer"))?;
        count_within("repeats", self.repeats, 1..=MOST_REPEATS)
    }

    fn without_effect(&self) -> Vec<FieldError> {
        ratios_without_effect(&self.ratios).into_iter().collect()
    }

    fn memory(&self) -> Vec<Need> {
        let Ok(network) = self.description() else { return Vec::new() };
        let Footprint { parameters, activations } = network.footprint(self.batch_size);
        // An exact network and a sampled one.
        vec![Need::new("batch_size", self.batch_size, 2.0 * (parameters + activations))]
    }

    fn folder(&self) -> Option<&'static str> {
        Some(FOLDER)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let stream = Stream::new(environment.seed, EXHIBIT.name);
        let minibatches = self.minibatches(environment.data, stream)?;
        let settings: Vec<SamplingPolicy> = self
            .estimators
            .iter()
            .flat_map(|estimator| self.ratios.iter().map(move |ratio| (estimator.0, ratio.value())))
            .map(|(estimator, ratio)| SamplingPolicy::new(estimator, ratio, 1, Mode::Forward))
            .collect();
        environment.progress.set_length(settings.len());
        let steps = Steps {
            network: &self.description()?,
            optimizer: self.optimizer,
            minibatches: &minibatches,
            stream,
            instructions: environment.instructions,
        };
        let measurements = steps.measure(&settings, || environment.progress.advance(1))?;
        Ok(self.report(&measurements, environment))
    }
}

impl ResnetStep {
    /// As many minibatches as there are repeats, and one to begin with; decoded before anything
    /// is measured, so that decoding takes no processor from the steps.
    fn minibatches(&self, data: &Path, stream: Stream) -> anyhow::Result<Vec<Minibatch>> {
        let settings = StreamSettings {
            resize: self.resize,
            crop: self.side,
            held_out: 0,
            threads: rayon::current_num_threads(),
            buffer: 2 * self.batch_size,
            normalisation: Normalisation::imagenet(),
            on_corrupt: OnCorrupt::Fail,
        };
        let folder = Arc::new(ImageFolder::open(&data.join(FOLDER))?);
        let photos = folder.files(Part::Train).len();
        anyhow::ensure!(
            photos >= self.batch_size,
            "a minibatch has {} images, and {FOLDER} has {photos}",
            self.batch_size
        );
        let source = FolderSource::new(folder, settings)?;
        let mut minibatches = Vec::with_capacity(self.repeats + 1);
        for epoch in 0.. {
            let mut photos =
                source.training(&Epoch::new(stream.child("images"), epoch, self.batch_size))?;
            loop {
                let mut next = Minibatch::default();
                let is_whole = photos.next_into(&mut next)? && next.labels.len() == self.batch_size;
                if !is_whole {
                    break;
                }
                minibatches.push(next);
                if minibatches.len() > self.repeats {
                    return Ok(minibatches);
                }
            }
        }
        Ok(minibatches)
    }

    fn report(&self, measurements: &[Measurement], environment: &Environment) -> ExhibitResult {
        let name = format!("ResNet-{}", self.depth);
        let records = Rows::of(measurements)
            .key("network", |_| name.as_str())
            .key("estimator", |m| m.name)
            .key("ratio", |m| m.ratio)
            .value("step", "ms", |m| m.milliseconds.median)
            .value("step-low", "ms", |m| m.milliseconds.low)
            .value("step-high", "ms", |m| m.milliseconds.high)
            .value("time", "% of exact", |m| 100.0 * m.of_exact.median)
            .value("speed-up", "times", |m| 1.0 / m.of_exact.median)
            .value("multiply-adds", "billions a step", |m| m.billion_multiply_adds())
            .value("computations", "% of exact", |m| 100.0 * m.computations().share())
            .value("communication", "% of all", |m| 100.0 * m.communication)
            .value("activations", "MB", |m| m.megabytes)
            .value("loss", "nats", |m| m.loss())
            .table("A training step, median and quartiles");
        let data = format!("photographs of {FOLDER}, measured on this machine");
        let shown = measurements.iter().filter(|m| m.is_headline());
        let headline = shown.map(|m| m.headline(&name, &data)).collect();
        let not_finite = measurements.iter().filter(|m| !m.loss().is_finite());
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            evidence: vec![evidence(&self.finding(&name, measurements), &data)],
            finding: self.finding(&name, measurements),
            data,
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(&name, measurements)],
            remarks: vec![
                format!(
                    "{name}, minibatches of {} photographs of {side} x {side}; a step is forward \
                     pass, loss, backward pass and update. Exact and sampled steps alternate on the \
                     same minibatches, {} of each, on {} threads with {} instructions; decoding is \
                     not part of the time. {}",
                    self.batch_size,
                    self.repeats,
                    rayon::current_num_threads(),
                    environment.instructions,
                    paired(measurements),
                    side = self.side,
                ),
                "Activations: the most memory that the outputs of layers and their gradients took. \
                 The first convolution and the linear layer are never sampled. The loss is the \
                 mean over the steps, from random weights: that it is finite is checked, nothing was \
                 learnt. Steps select by the norms of both factors, by which several workers would \
                 send the whole gradient."
                    .to_string(),
            ],
            failures: not_finite
                .map(|m| format!("the loss of {} at {} is {}", m.name, m.ratio, m.loss()))
                .collect(),
            headline,
            ..ExhibitResult::default()
        }
    }

    /// The time at the ratio nearest to a half, in a sentence.
    fn finding(&self, network: &str, measurements: &[Measurement]) -> String {
        let ratio = nearest_to_half(self.ratios.iter().map(|ratio| ratio.value()));
        let here = measurements.iter().filter(|m| m.ratio == ratio && m.name != "exact");
        let found = here.map(|m| (m.name.to_string(), m.of_exact)).collect::<Vec<_>>();
        times(&format!("a step of {network} at {ratio}"), &found)
    }

    fn figure(&self, name: &str, measurements: &[Measurement]) -> Figure {
        let sampled: Vec<&Measurement> =
            measurements.iter().filter(|m| m.name != "exact").collect();
        let names = sampled.iter().map(|m| format!("{} at {}", m.name, m.ratio)).collect();
        let mut series: Vec<Series> = self
            .estimators
            .iter()
            .map(|estimator| Series {
                label: format!("time, {}", estimator.0.name()),
                style: style::of(estimator.0),
                mark: Mark::Across,
                points: sampled
                    .iter()
                    .enumerate()
                    .filter(|(_, m)| m.name == estimator.0.name())
                    .map(|(place, m)| {
                        let half = (m.of_exact.high - m.of_exact.low) / 2.0;
                        Point {
                            x: 100.0 * m.of_exact.median,
                            y: (place + 1) as f64,
                            half_width: Some(100.0 * half),
                        }
                    })
                    .collect(),
            })
            .collect();
        let counted = sampled
            .iter()
            .enumerate()
            .map(|(place, m)| Point::new(100.0 * m.computations().share(), (place + 1) as f64));
        series.push(Series {
            label: "computations counted".to_string(),
            style: 6,
            mark: Mark::Across,
            points: counted.collect(),
        });
        series.push(Series {
            label: "exact step".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: [0.5, sampled.len() as f64 + 0.5].map(|y| Point::new(100.0, y)).to_vec(),
        });
        Figure {
            part: String::new(),
            caption: format!(
                "Time of a sampled training step of {name} over that of the exact one, the dashed \
                 line, beside the computations counted: a step is slower than its computations by \
                 the distance between the two. Bars are half the distance of the quartiles to each \
                 side."
            ),
            panels: vec![Panel {
                title: name.to_string(),
                x: Axis::linear("% of the exact step").within(0.0, 100.0),
                y: Axis::of_names(names),
                series,
            }],
        }
    }
}
