//! The time of a sampled linear layer beside that of the exact one.

use std::time::Instant;

use kernels::random::{Stream, standard_normal};
use serde::{Deserialize, Serialize};
use training::layer::{Layer as _, Linear, StepContext, StepReport};
use training::matrix::Matrix;
use training::sampling::{Mode, SamplingPolicy};
use training::setting::{count, count_within, distinct};

use crate::exhibit::finding::{nearest_to_half, times};
use crate::exhibit::settings::{
    FieldError, MOST_REPEATS, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::statistics::largest;
use crate::exhibit::style;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, significant};
use crate::timing::Spread;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "layer-timing",
    title: "Time of a sampled linear layer",
    shows: "the time of the forward and the backward pass of a linear layer, sampled in the forward \
            mode, over that of the exact one",
    paper: "training time: up to 1.37x faster as a whole, says the abstract; times of single \
            layers are not stated in the sources at hand",
    section: Section::Training,
    note: "timing",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("layer-timing")],
    configure: configure::<LayerTiming>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTiming {
    layers: Vec<Shape>,
    estimators: Vec<NamedEstimator>,
    ratios: Vec<Ratio>,
    repeats: usize,
}

/// A linear layer and its minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    batch: usize,
    inputs: usize,
    outputs: usize,
}

impl Shape {
    fn name(&self) -> String {
        format!("{}x{}x{}", self.batch, self.inputs, self.outputs)
    }
}

/// Times of one sampled layer, each over the exact layer's time of the same repeat.
struct Measurement {
    shape: Shape,
    estimator: &'static str,
    ratio: f64,
    exact_seconds: f64,
    forward: Spread,
    step: Spread,
}

impl Experiment for LayerTiming {
    fn check(&self) -> Result<(), FieldError> {
        distinct("estimators", &self.estimators)?;
        check_ratios(&self.ratios)?;
        distinct("layers", &self.layers)?;
        for (place, Shape { batch, inputs, outputs }) in self.layers.iter().enumerate() {
            for (side, size) in [("batch", *batch), ("inputs", *inputs), ("outputs", *outputs)] {
                count(side, size).map_err(|error| error.within(&format!("layers[{place}]")))?;
            }
        }
        count_within("repeats", self.repeats, 1..=MOST_REPEATS)
    }

    fn without_effect(&self) -> Vec<FieldError> {
        ratios_without_effect(&self.ratios).into_iter().collect()
    }

    fn memory(&self) -> Vec<Need> {
        let layers = self.layers.iter().enumerate().map(|(place, shape)| {
            let Shape { batch, inputs, outputs } = *shape;
            // Weights and their gradient of the exact layer and of the sampled one.
            let weights = [[inputs, outputs]; 4];
            let sides = [&weights[..], &[[batch, inputs], [batch, outputs]]].concat();
            Need::of_matrices(&format!("layers[{place}]"), shape.name(), &sides, size_of::<f32>())
        });
        layers.max_by(|one, other| one.bytes.total_cmp(&other.bytes)).into_iter().collect()
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment
            .progress
            .set_length(self.layers.len() * self.estimators.len() * self.ratios.len());
        let mut measurements = Vec::new();
        for shape in &self.layers {
            for estimator in &self.estimators {
                for ratio in &self.ratios {
                    let policy = SamplingPolicy::new(estimator.0, ratio.value(), 1, Mode::Forward);
                    measurements.push(self.measure(environment, *shape, policy)?);
                    environment.progress.advance(1);
                }
            }
        }
        Ok(self.report(&measurements, environment))
    }
}

impl LayerTiming {
    fn measure(
        &self,
        environment: &Environment,
        shape: Shape,
        policy: SamplingPolicy,
    ) -> anyhow::Result<Measurement> {
        let stream = Stream::new(environment.seed, "layer-timing");
        let normal = |name: &str, rows: usize, columns: usize| {
            let mut generator = stream.child(name).at(0);
            let draw = |_| standard_normal(&mut generator) as f32;
            Matrix::from_rows(rows, columns, (0..rows * columns).map(draw).collect())
        };
        let input = normal("input", shape.batch, shape.inputs);
        let gradient = normal("gradient", shape.batch, shape.outputs);
        let layer = |policy| Linear::new("layer", shape.inputs, shape.outputs, policy, stream);
        let (mut exact, mut sampled) = (layer(None), layer(Some(policy)));
        let report = StepReport::default();
        let time = |layer: &mut Linear, step: u64| {
            let step = StepContext::training(environment.instructions, stream, step);
            let step = step.reporting_to(&report);
            let started = Instant::now();
            layer.forward(&step, &input);
            let forward = started.elapsed().as_secs_f64();
            layer.backward(&step, &input, &gradient, true);
            (forward, started.elapsed().as_secs_f64())
        };
        // The first step allocates.
        time(&mut exact, 0);
        time(&mut sampled, 0);
        let (mut exact_seconds, mut forward, mut step) = (Vec::new(), Vec::new(), Vec::new());
        for repeat in 1..=self.repeats as u64 {
            let (exact_forward, exact_step) = time(&mut exact, repeat);
            let (sampled_forward, sampled_step) = time(&mut sampled, repeat);
            exact_seconds.push(exact_step);
            forward.push(sampled_forward / exact_forward);
            step.push(sampled_step / exact_step);
        }
        report.take_failure().map_or(Ok(()), Err)?;
        Ok(Measurement {
            shape,
            estimator: policy.estimator.name(),
            ratio: policy.ratio,
            exact_seconds: Spread::of(exact_seconds).median,
            forward: Spread::of(forward),
            step: Spread::of(step),
        })
    }

    fn report(&self, measurements: &[Measurement], environment: &Environment) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("layer", |m| m.shape.name())
            .key("estimator", |m| m.estimator)
            .key("ratio", |m| m.ratio)
            .value("step", "of exact", |m| m.step.median)
            .value("step-low", "of exact", |m| m.step.low)
            .value("step-high", "of exact", |m| m.step.high)
            .value("forward", "of exact", |m| m.forward.median)
            .value("speed-up", "x", |m| 1.0 / m.step.median)
            .value("exact-step", "ms", |m| 1e3 * m.exact_seconds)
            .table("Time over that of the exact layer, median and quartiles");
        let panels = self.layers.iter().map(|shape| self.panel(*shape, measurements)).collect();
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(measurements),
            data: "random layers, measured on this machine".to_string(),
            tables: vec![records.clone()],
            records,
            figures: vec![Figure {
                part: String::new(),
                caption: "Time of a step of a sampled linear layer (scores, selection, forward \
                          product and both gradient products) over that of the exact layer, \
                          against the share of the pairs kept; the dashed line is proportional \
                          time, bars are half the distance of the quartiles to each side."
                    .to_string(),
                panels,
            }],
            remarks: vec![
                format!(
                    "Layers are minibatch x inputs x outputs; exact and sampled steps alternate, \
                     {} times each, on {} threads with {} instructions. There is no optimiser, so the \
                     norms of the weights are computed once and kept; in training every step \
                     computes those of the weights that changed.",
                    self.repeats,
                    rayon::current_num_threads(),
                    environment.instructions
                ),
                farthest_above_ratio(measurements),
            ],
            ..ExhibitResult::default()
        }
    }

    /// The time at the ratio nearest to a half with the first estimator, in a sentence.
    fn finding(&self, measurements: &[Measurement]) -> String {
        let ratio = nearest_to_half(self.ratios.iter().map(|ratio| ratio.value()));
        let estimator = self.estimators.first().map_or("", |estimator| estimator.0.name());
        let here = measurements.iter().filter(|m| m.estimator == estimator && m.ratio == ratio);
        let found = here.map(|m| (format!("layer {}", m.shape.name()), m.step));
        times(&format!("a step with {estimator} at {ratio}"), &found.collect::<Vec<_>>())
    }

    fn panel(&self, shape: Shape, measurements: &[Measurement]) -> Panel {
        let mut series: Vec<Series> = self
            .estimators
            .iter()
            .map(|estimator| Series {
                label: estimator.0.name().to_string(),
                style: style::of(estimator.0),
                mark: Mark::JoinedPoints,
                points: measurements
                    .iter()
                    .filter(|m| m.shape == shape && m.estimator == estimator.0.name())
                    .map(|m| {
                        let half = (m.step.high - m.step.low) / 2.0;
                        Point::with_interval(m.ratio, m.step.median, Some(half))
                    })
                    .collect(),
            })
            .collect();
        series.push(Series {
            label: "proportional to the ratio".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: vec![Point::new(0.0, 0.0), Point::new(1.0, 1.0)],
        });
        Panel {
            title: format!("layer {}", shape.name()),
            x: Axis::linear("share of the pairs kept, k/n"),
            y: Axis::linear("time over exact"),
            series,
        }
    }
}

/// How much longer the slowest step takes than its ratio of the exact one.
fn farthest_above_ratio(measurements: &[Measurement]) -> String {
    match largest(measurements.iter().map(|m| m.step.median - m.ratio)) {
        Some(above) if above > 0.0 || above.is_nan() => {
            format!("Farthest above its ratio: by {} of the exact step.", significant(above, 2))
        }
        _ => "No step takes longer than its ratio of the exact one.".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_above_its_ratio_is_found_and_none_is_said() {
        let step = |median| Measurement {
            shape: Shape { batch: 1, inputs: 1, outputs: 1 },
            estimator: "top-k",
            ratio: 0.5,
            exact_seconds: 1.0,
            forward: Spread { low: 0.0, median: 0.0, high: 0.0 },
            step: Spread { low: 0.0, median, high: 0.0 },
        };
        let sentence = |medians: &[f64]| {
            farthest_above_ratio(&medians.iter().map(|median| step(*median)).collect::<Vec<_>>())
        };
        let none = "No step takes longer than its ratio of the exact one.";
        assert_eq!(
            sentence(&[0.4, 0.75, 0.6]),
            "Farthest above its ratio: by 0.25 of the exact step."
        );
        assert_eq!([sentence(&[0.4, 0.5]), sentence(&[])], [none, none]);
        assert!(sentence(&[0.4, f64::NAN, 0.6]).contains("by NaN of"));
    }
}
