//! SGD with sampled gradients stays below the bound of the textbook and falls at its rate (T10).

use serde::{Deserialize, Serialize};
use theory::claim;
use theory::statements::sgd_convergence::Problem;

use crate::exhibit::finding::share_of;
use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::statistics::half_width_of_mean;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, significant};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "sgd-convergence",
    title: "SGD with sampled gradients against its bound",
    shows: "the mean squared gradient along runs of SGD whose gradients are sampled products, \
            beside the bound with the variance of the sampled gradients by its closed form along the \
            runs, for runs of growing length",
    paper: "the convergence theorem of the abstract; no such figure is stated in the sources at \
            hand",
    section: Section::Theory,
    note: "sgd-convergence",
    statements: &["T10"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("sgd-convergence")],
    configure: configure::<SgdConvergence>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConvergence {
    /// Lengths of the runs, increasing.
    steps: Vec<usize>,
    /// 20 runs a point, or 100.
    effort: claim::Scale,
}

/// How the size of a step depends on the length T of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Schedule {
    Constant,
    Shrinking,
}

impl Schedule {
    const BOTH: [Schedule; 2] = [Schedule::Constant, Schedule::Shrinking];

    /// The size of a step, where `shortest` is the length of the shortest run.
    fn name(self, shortest: usize) -> String {
        match self {
            Schedule::Constant => "1/L".to_string(),
            Schedule::Shrinking => format!("sqrt({shortest}/T)/L"),
        }
    }

    /// What the draws of its runs are addressed by.
    fn stream(self) -> &'static str {
        match self {
            Schedule::Constant => "1/L",
            Schedule::Shrinking => "1/(L sqrt T)",
        }
    }
}

struct Measurement {
    schedule: Schedule,
    runs: usize,
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

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let set = environment.instructions;
        let settings = claim::Settings { seed: environment.seed, scale: self.effort, set };
        let problem = Problem::random(environment.seed);
        let mut measurements = Vec::new();
        environment.progress.set_length(2 * self.steps.len());
        for schedule in Schedule::BOTH {
            for &steps in &self.steps {
                let shrink = match schedule {
                    Schedule::Constant => 1.0,
                    Schedule::Shrinking => (self.steps[0] as f64 / steps as f64).sqrt(),
                };
                let step = shrink / problem.smoothness;
                let runs = problem.runs(&settings, schedule.stream(), steps, step)?;
                let gradients: Vec<f64> = runs.iter().map(|run| run.gradient).collect();
                let mean =
                    |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / runs.len() as f64;
                let gradient = mean(&mut gradients.iter().copied());
                let variance = mean(&mut runs.iter().map(|run| run.variance));
                measurements.push(Measurement {
                    schedule,
                    runs: runs.len(),
                    steps,
                    gradient,
                    half_width: half_width_of_mean(&gradients, gradient),
                    bound: 2.0 * problem.excess() / (step * steps as f64)
                        + problem.smoothness * step * variance,
                });
                environment.progress.advance(1);
            }
        }
        Ok(self.report(&measurements))
    }
}

impl SgdConvergence {
    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("step", |m| m.schedule.name(self.steps[0]))
            .key("T", |m| m.steps)
            .value("squared-gradient", "", |m| m.gradient)
            .diagnostic("half-width", "", |m| m.half_width)
            .value("bound", "", |m| m.bound)
            .table("Mean squared gradient along the run");
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(measurements),
            data: "random linear regression, gradients by column-row sampling of 4 of 32 samples"
                .to_string(),
            tables: vec![records.clone()],
            figures: vec![self.figure(measurements)],
            remarks: vec![
                format!(
                    "Means over {} runs a row, with half the 95 % interval. Bound: 2 (f0 - f*) / \
                     (eta T) + L eta times the mean variance of the sampled gradient along the \
                     runs, by its closed form.",
                    measurements.first().map_or(0, |m| m.runs)
                ),
                format!(
                    "With steps that shrink as the inverse root of T, the squared gradient changes \
                     as T to the power {} over these lengths (log-log fit), its bound as T to the \
                     power {}; as T grows, that of the bound tends to -1/2.",
                    significant(slope(measurements, |m| m.gradient), 3),
                    significant(slope(measurements, |m| m.bound), 3)
                ),
            ],
            failures: above_the_bound(measurements, self.steps[0]),
            records,
            ..ExhibitResult::default()
        }
    }

    fn figure(&self, measurements: &[Measurement]) -> Figure {
        let panels = Schedule::BOTH.map(|schedule| {
            let here: Vec<&Measurement> =
                measurements.iter().filter(|m| m.schedule == schedule).collect();
            let measured =
                here.iter().map(|m| Point::with_interval(m.steps as f64, m.gradient, m.half_width));
            let bound = here.iter().map(|m| Point::new(m.steps as f64, m.bound));
            Panel {
                title: format!("steps of {}", schedule.name(self.steps[0])),
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
            part: String::new(),
            caption: "Mean squared gradient along runs of SGD with sampled gradients against the \
                      length of the run, with constant steps and with steps that shrink as the \
                      inverse root of the length; lines are the bound with the variance of the \
                      sampled gradients."
                .to_string(),
            panels: panels.into(),
        }
    }
}

/// The runs whose mean squared gradient is not below their bound, a sentence each.
fn above_the_bound(measurements: &[Measurement], shortest: usize) -> Vec<String> {
    // A number that is none is not below a bound either.
    let is_below = |m: &&Measurement| m.gradient <= m.bound;
    let above = measurements.iter().filter(|m| !is_below(m));
    let sentence = |m: &Measurement| {
        format!(
            "the mean squared gradient of {} runs of {} steps of {} is {}, its bound {}",
            m.runs,
            m.steps,
            m.schedule.name(shortest),
            significant(m.gradient, 4),
            significant(m.bound, 4)
        )
    };
    above.map(sentence).collect()
}

/// The slope of the logarithm of a number over log T where steps shrink: least squares.
fn slope(measurements: &[Measurement], number: impl Fn(&Measurement) -> f64) -> f64 {
    let points: Vec<(f64, f64)> = measurements
        .iter()
        .filter(|m| m.schedule == Schedule::Shrinking)
        .map(|m| (libm::log(m.steps as f64), libm::log(number(m))))
        .collect();
    let count = points.len() as f64;
    let x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    covariance / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>()
}

/// What is found, in a sentence.
fn finding(measurements: &[Measurement]) -> String {
    let below = measurements.iter().filter(|m| m.gradient <= m.bound).count();
    format!(
        "The mean squared gradient stays below its bound in {} kinds of runs; with shrinking steps it \
         falls as T to the power {}.",
        share_of(below, measurements.len()),
        significant(slope(measurements, |m| m.gradient), 3)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(schedule: Schedule, steps: usize, gradient: f64, bound: f64) -> Measurement {
        Measurement { schedule, runs: 20, steps, gradient, half_width: None, bound }
    }

    #[test]
    fn only_a_gradient_that_is_at_most_its_bound_is_no_failure() {
        let good = [(1.0, 2.0), (1.0, 1.0)].map(|(g, b)| run(Schedule::Constant, 64, g, b));
        assert_eq!(above_the_bound(&good, 64), Vec::<String>::new());
        let bad = [(1.0, 0.5), (f64::NAN, 2.0), (1.0, f64::NAN)];
        let bad = bad.map(|(g, b)| run(Schedule::Shrinking, 128, g, b));
        let found = above_the_bound(&bad, 64);
        assert_eq!(found.len(), 3);
        let expected = "the mean squared gradient of 20 runs of 128 steps of sqrt(64/T)/L is 1, its \
                        bound 0.5000";
        assert_eq!(found[0], expected);
    }

    #[test]
    fn the_finding_counts_what_is_below_its_bound_and_says_the_slope() {
        let runs = [
            run(Schedule::Shrinking, 64, 1.0, 2.0),
            run(Schedule::Shrinking, 256, 0.5, 2.0),
            run(Schedule::Constant, 64, f64::NAN, 2.0),
        ];
        assert_eq!(
            finding(&runs),
            "The mean squared gradient stays below its bound in 2 of 3 kinds of runs; with shrinking \
             steps it falls as T to the power -0.500."
        );
        assert!(finding(&runs[..2]).contains("in all 2 kinds of runs"));
    }

    #[test]
    fn the_slope_is_that_of_the_shrinking_steps() {
        let lengths = [64usize, 128, 256];
        let falling = |power: f64| {
            lengths.map(|t| run(Schedule::Shrinking, t, libm::pow(t as f64, power), 1.0))
        };
        for power in [-0.5, -0.7, 0.2] {
            let mut runs = Vec::from(falling(power));
            runs.push(run(Schedule::Constant, 512, 1e9, 1.0));
            assert!((slope(&runs, |m| m.gradient) - power).abs() < 1e-12);
            assert_eq!(slope(&runs, |m| m.bound), 0.0);
        }
    }
}
