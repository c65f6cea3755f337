//! A training step of each network, exact and sampled: time, computations, memory.

use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::sampling::{Mode, SamplingPolicy};
use training::setting::{count_within, distinct};

use super::evidence;
use super::steps::{Measurement, Steps, paired};
use super::timed_network::{TimedNetwork, check_all, largest};
use crate::exhibit::finding::{nearest_to_half, times};
use crate::exhibit::settings::{
    FieldError, MOST_REPEATS, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "training-step",
    title: "Time and memory of a training step",
    shows: "the time of a training step and the memory of its activations, sampled in the forward \
            mode, beside the exact step of the same network",
    paper: "training time: up to 1.37x faster as a whole, says the abstract; times of single steps \
            and memory are not stated in the sources at hand",
    section: Section::Training,
    note: "timing",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("training-step")],
    configure: configure::<TrainingStep>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingStep {
    networks: Vec<TimedNetwork>,
    estimators: Vec<NamedEstimator>,
    ratios: Vec<Ratio>,
    repeats: usize,
}

impl Experiment for TrainingStep {
    fn check(&self) -> Result<(), FieldError> {
        distinct("estimators", &self.estimators)?;
        check_ratios(&self.ratios)?;
        check_all("networks", &self.networks)?;
        count_within("repeats", self.repeats, 1..=MOST_REPEATS)
    }

    fn without_effect(&self) -> Vec<FieldError> {
        ratios_without_effect(&self.ratios).into_iter().collect()
    }

    fn memory(&self) -> Vec<Need> {
        // An exact network and a sampled one.
        largest("networks", &self.networks, 2)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment
            .progress
            .set_length(self.networks.len() * self.estimators.len() * self.ratios.len());
        let mut measured = Vec::new();
        for timed in &self.networks {
            let stream = Stream::new(environment.seed, EXHIBIT.name).child(&timed.network.title());
            let steps = Steps {
                network: &timed.network.describe(timed.image, timed.classes)?,
                optimizer: timed.optimizer,
                minibatches: &timed.minibatches(self.repeats + 1, stream.child("images")),
                stream,
                instructions: environment.instructions,
            };
            let policies = self.policies(timed.minimal_k);
            let measurements = steps.measure(&policies, || environment.progress.advance(1))?;
            measured.push((timed, measurements));
        }
        Ok(self.report(&measured, environment))
    }
}

/// The steps of one setting, of whose network, and its exact ones.
struct Row<'a> {
    timed: &'a TimedNetwork,
    step: &'a Measurement,
    exact: &'a Measurement,
}

impl TrainingStep {
    fn policies(&self, minimal_k: usize) -> Vec<SamplingPolicy> {
        let estimators = self.estimators.iter();
        estimators
            .flat_map(|estimator| self.ratios.iter().map(move |ratio| (estimator.0, ratio.value())))
            .map(|(estimator, ratio)| {
                SamplingPolicy::new(estimator, ratio, minimal_k, Mode::Forward)
            })
            .collect()
    }

    fn report(
        &self,
        measured: &[(&TimedNetwork, Vec<Measurement>)],
        environment: &Environment,
    ) -> ExhibitResult {
        let data = "random images, measured on this machine";
        let rows = measured.iter().flat_map(|(timed, of_network)| {
            of_network.iter().map(|step| Row { timed, step, exact: &of_network[0] })
        });
        let rows: Vec<Row> = rows.collect();
        let records = Rows::of(&rows)
            .key("network", |row| row.timed.network.title())
            .key("minibatch", |row| row.timed.batch_size)
            .key("estimator", |row| row.step.name)
            .key("ratio", |row| row.step.ratio)
            .value("step", "ms", |row| row.step.milliseconds.median)
            .value("step-low", "ms", |row| row.step.milliseconds.low)
            .value("step-high", "ms", |row| row.step.milliseconds.high)
            .value("time", "% of exact", |row| 100.0 * row.step.of_exact.median)
            .value("speed-up", "times", |row| 1.0 / row.step.of_exact.median)
            .value("computations", "% of exact", |row| 100.0 * row.step.computations().share())
            .value("communication", "% of all", |row| 100.0 * row.step.communication)
            .value("activations", "MB", |row| row.step.megabytes)
            .value("memory", "% of exact", |row| 100.0 * row.step.megabytes / row.exact.megabytes)
            .table("A training step, median and quartiles");
        let shown = rows.iter().filter(|row| row.step.is_headline());
        let headline = shown.map(|row| row.step.headline(&row.timed.network.title(), data));
        let not_finite = rows.iter().filter(|row| !row.step.loss().is_finite());
        let failures = not_finite.map(|Row { timed, step, .. }| {
            format!("{}: the loss of {} is {}", timed.network.title(), step.name, step.loss())
        });
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            evidence: vec![evidence(&self.finding(measured), data)],
            finding: self.finding(measured),
            data: data.to_string(),
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(measured)],
            remarks: vec![
                format!(
                    "A step is forward pass, loss, backward pass and update. Exact and sampled \
                     steps alternate on the same minibatches, {} of each a setting, on {} threads \
                     with {} instructions. Steps \
                     select by the norms of both factors, by which several workers would send the \
                     whole gradient.",
                    self.repeats,
                    rayon::current_num_threads(),
                    environment.instructions,
                ),
                paired(measured.iter().flat_map(|(_, steps)| steps)),
                "Computations are those of the sampled products. Where two sampled layers follow \
                 each other, the gradient of the first one's output is zero but for the channels \
                 the second one kept, and no product is computed for the others: time can fall \
                 below the computations counted."
                    .to_string(),
                "Activations: the most memory that the outputs of layers and their gradients took \
                 at one time. Of the input of a sampled layer the selected channels are kept, so \
                 this can fall with the ratio; weights, their gradients and the optimiser's averages \
                 do not, and are not counted."
                    .to_string(),
            ],
            failures: failures.collect(),
            headline: headline.collect(),
            ..ExhibitResult::default()
        }
    }

    /// The time at the ratio nearest to a half with the first estimator, in a sentence.
    fn finding(&self, measured: &[(&TimedNetwork, Vec<Measurement>)]) -> String {
        let ratio = nearest_to_half(self.ratios.iter().map(|ratio| ratio.value()));
        let estimator = self.estimators.first().map_or("", |estimator| estimator.0.name());
        let found = measured.iter().filter_map(|(timed, steps)| {
            let step = steps.iter().find(|step| step.name == estimator && step.ratio == ratio)?;
            Some((timed.network.title(), step.of_exact))
        });
        times(&format!("a step with {estimator} at {ratio}"), &found.collect::<Vec<_>>())
    }

    fn figure(&self, measured: &[(&TimedNetwork, Vec<Measurement>)]) -> Figure {
        let shown = self.estimators.first().map_or("", |estimator| estimator.0.name());
        let panel = |title: &str,
                     label: &str,
                     number: &dyn Fn(&Measurement, &Measurement) -> Point| {
            let lines = measured.iter().enumerate().map(|(style, (timed, measurements))| Series {
                label: format!("{}, minibatch {}", timed.network.title(), timed.batch_size),
                style,
                mark: Mark::JoinedPoints,
                // The exact step is the largest, and the last.
                points: measurements[1..]
                    .iter()
                    .filter(|m| m.name == shown)
                    .chain(&measurements[..1])
                    .map(|m| number(m, &measurements[0]))
                    .collect(),
            });
            let mut series: Vec<Series> = lines.collect();
            series.push(Series {
                label: "proportional to the computations".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: vec![Point::new(0.0, 0.0), Point::new(100.0, 100.0)],
            });
            Panel {
                title: title.to_string(),
                x: Axis::linear("computations, % of exact"),
                y: Axis::linear(label),
                series,
            }
        };
        let work = |m: &Measurement| 100.0 * m.computations().share();
        Figure {
            part: String::new(),
            caption: format!(
                "Time of a training step sampled by {shown}, and the most memory its activations \
                 took, over those of the exact step, against the computations counted; bars are \
                 half the distance of the quartiles to each side."
            ),
            panels: vec![
                panel("Time", "time, % of exact", &|m, _| {
                    let half = 100.0 * (m.of_exact.high - m.of_exact.low) / 2.0;
                    Point::with_interval(work(m), 100.0 * m.of_exact.median, Some(half))
                }),
                panel("Memory of activations", "memory, % of exact", &|m, exact| {
                    Point::new(work(m), 100.0 * m.megabytes / exact.megabytes)
                }),
            ],
        }
    }
}
