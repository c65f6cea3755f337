//! SGD with sampled gradients stays below the bound of the textbook and falls at its rate (T10).

use serde::{Deserialize, Serialize};
use theory::claim::{Scale, Settings};
use theory::statements::sgd_convergence::Problem;

use super::config::{FieldError, configure};
use super::matmul_error::half_width_of_mean;
use super::runs::MOST_REPEATS;
use super::{Context, Exhibit, Experiment};
use crate::result::{
    Axis, Column, ExhibitResult, Figure, Mark, Panel, Point, Series, Table, significant,
};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "sgd-convergence",
    title: "SGD with sampled gradients against its bound",
    shows: "the mean squared gradient along runs of SGD whose gradients are sampled products, \
            beside the bound with the measured variance, for runs of growing length",
    paper: "the convergence theorem of the abstract; no such figure is stated in the sources at \
            hand",
    is_timing: false,
    version: 1,
    yaml: include_str!("../../exhibits/sgd-convergence.yaml"),
    configure: configure::<SgdConvergence>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConvergence {
    /// Lengths of the runs, increasing.
    steps: Vec<usize>,
    /// 20 runs a point, or 100.
    effort: Scale,
}

struct Measurement {
    schedule: &'static str,
    steps: usize,
    gradient: f64,
    half_width: Option<f64>,
    bound: f64,
}

impl Experiment for SgdConvergence {
    fn check(&self) -> Result<(), FieldError> {
        let increasing = self.steps.is_sorted_by(|one, next| one < next);
        let within = self.steps.iter().all(|steps| (1..=MOST_REPEATS).contains(steps));
        if increasing && within && self.steps.len() > 1 {
            return Ok(());
        }
        let expected = format!("at least two increasing numbers above 0, at most {MOST_REPEATS}");
        Err(FieldError::new("steps", format!("{:?}", self.steps), expected))
    }

    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        let set = context.instructions;
        let settings = Settings { seed: context.seed, scale: self.effort, set };
        let problem = Problem::random(context.seed);
        let mut measurements = Vec::new();
        context.progress.set_length(2 * self.steps.len());
        for schedule in ["1/L", "1/(L sqrt T)"] {
            for &steps in &self.steps {
                let shrink = (self.steps[0] as f64 / steps as f64).sqrt();
                let step = if schedule == "1/L" { 1.0 } else { shrink } / problem.smoothness;
                let runs = problem.runs(&settings, schedule, steps, step)?;
                let gradients: Vec<f64> = runs.iter().map(|run| run.gradient).collect();
                let mean =
                    |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / runs.len() as f64;
                let gradient = mean(&mut gradients.iter().copied());
                let variance = mean(&mut runs.iter().map(|run| run.variance));
                measurements.push(Measurement {
                    schedule,
                    steps,
                    gradient,
                    half_width: half_width_of_mean(&gradients, gradient),
                    bound: 2.0 * problem.excess() / (step * steps as f64)
                        + problem.smoothness * step * variance,
                });
                context.progress.advance(1);
            }
        }
        Ok(self.report(&measurements))
    }
}

impl SgdConvergence {
    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let mut records = Table::new(
            "Mean squared gradient along the run",
            vec![
                Column::key("step"),
                Column::key("T"),
                Column::value("squared-gradient", ""),
                Column::value("half-width", ""),
                Column::value("bound", ""),
            ],
        );
        for m in measurements {
            records.push(vec![
                m.schedule.into(),
                m.steps.into(),
                m.gradient.into(),
                m.half_width.into(),
                m.bound.into(),
            ]);
        }
        let above = measurements.iter().filter(|m| m.gradient > m.bound);
        let failures = above
            .map(|m| format!("a run of {} steps of {} is above its bound.", m.steps, m.schedule));
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            data: "random linear regression, gradients by column-row sampling of 4 of 32 samples"
                .to_string(),
            tables: vec![records.clone()],
            figures: vec![self.figure(measurements)],
            remarks: vec![
                "Bound: 2 (f0 - f*) / (eta T) + L eta times the mean variance of the sampled \
                 gradient along the run, by its closed form."
                    .to_string(),
                format!(
                    "With steps that shrink as the inverse root of T, the squared gradient falls \
                     as T to the power {} (log-log fit); theory promises -1/2 or steeper.",
                    significant(slope(measurements), 3)
                ),
            ],
            failures: failures.collect(),
            records,
            ..ExhibitResult::default()
        }
    }

    fn figure(&self, measurements: &[Measurement]) -> Figure {
        let panels = ["1/L", "1/(L sqrt T)"].map(|schedule| {
            let here: Vec<&Measurement> =
                measurements.iter().filter(|m| m.schedule == schedule).collect();
            let measured =
                here.iter().map(|m| Point::with_interval(m.steps as f64, m.gradient, m.half_width));
            let bound = here.iter().map(|m| Point::new(m.steps as f64, m.bound));
            Panel {
                title: format!("steps of {schedule}"),
                x: Axis::logarithmic("steps of the run, T"),
                y: Axis::logarithmic("mean squared gradient"),
                series: vec![
                    Series {
                        label: "bound".to_string(),
                        style: 1,
                        mark: Mark::Line,
                        points: bound.collect(),
                    },
                    Series {
                        label: "measured".to_string(),
                        style: 0,
                        mark: Mark::Points,
                        points: measured.collect(),
                    },
                ],
            }
        });
        Figure {
            file: EXHIBIT.name.to_string(),
            caption: "Mean squared gradient along runs of SGD with sampled gradients against the \
                      length of the run, with constant steps and with steps that shrink as the \
                      inverse root of the length; lines are the bound with the variance of the \
                      sampled gradients."
                .to_string(),
            panels: panels.into(),
        }
    }
}

/// The slope of log squared gradient over log T where steps shrink.
fn slope(measurements: &[Measurement]) -> f64 {
    let points: Vec<(f64, f64)> = measurements
        .iter()
        .filter(|m| m.schedule != "1/L")
        .map(|m| (libm::log(m.steps as f64), libm::log(m.gradient)))
        .collect();
    let count = points.len() as f64;
    let x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    covariance / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>()
}
