//! The report: what every arm came to, beside the exact one.

use training::metrics::EpochMetrics;

use super::arms::{Arm, Role};
use super::beginnings::Beginnings;
use super::making::Made;
use super::record::{LongRun, Record};
use super::settings::WholeTraining;
use crate::exhibit::networks::difference::Difference;
use crate::exhibit::statistics::Estimate;
use crate::result::{ExhibitResult, Rows, Table};

/// An arm with the runs that are finished.
pub struct Trained<'a> {
    /// The arm.
    pub arm: &'a Arm,
    /// What it is there for.
    pub role: Role,
    /// One a seed, in the order of the seeds.
    pub runs: Vec<&'a LongRun>,
}

impl Trained<'_> {
    /// A number of every run.
    pub fn a_seed(&self, number: impl Fn(&LongRun) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| number(run)).collect()
    }

    /// Its mean and interval over the seeds; none where no run is finished.
    pub fn over_seeds(&self, number: impl Fn(&LongRun) -> f64) -> Option<Estimate> {
        (!self.runs.is_empty()).then(|| Estimate::of(&self.a_seed(number)))
    }

    /// The mean alone.
    pub fn mean(&self, number: impl Fn(&LongRun) -> f64) -> Option<f64> {
        self.over_seeds(number).map(|estimate| estimate.mean)
    }

    /// Its test accuracy less that of another arm in points, paired over the seeds that both have;
    /// none where there is no such seed.
    pub fn against(&self, other: &Trained) -> Option<Difference> {
        let pairs = self.runs.iter().filter_map(|run| {
            let same = other.runs.iter().find(|other| other.seed == run.seed)?;
            Some((accuracy(run), accuracy(same)))
        });
        let (own, others): (Vec<f64>, Vec<f64>) = pairs.unzip();
        (!own.is_empty()).then(|| Difference::paired(&own, &others))
    }
}

/// Test accuracy after the last epoch, in percent.
pub fn accuracy(run: &LongRun) -> f64 {
    last(run, |epoch| 100.0 * epoch.test.accuracy)
}

/// Multiply-adds of all training steps.
pub fn computations(run: &LongRun) -> f64 {
    run.report.computations.performed as f64
}

/// Wall time of all training steps.
pub fn seconds(run: &LongRun) -> f64 {
    run.provenance.training_seconds
}

fn last(run: &LongRun, number: impl Fn(&EpochMetrics) -> f64) -> f64 {
    run.report.epochs.last().map_or(f64::NAN, number)
}

impl WholeTraining {
    /// What runs came to; those of the record where beginnings were computed again.
    pub fn report(&self, made: Made, beginnings: Option<&Beginnings>) -> ExhibitResult {
        let arms = self.arms.iter().enumerate();
        let trained = arms.map(|(place, arm)| {
            let own = made.runs.iter().filter(|(arm, _)| *arm == place);
            let role = self.role(place).unwrap_or(Role::Control);
            Trained { arm, role, runs: own.map(|(_, run)| run).collect() }
        });
        let trained: Vec<Trained> = trained.collect();
        let runs: Vec<&LongRun> = made.runs.iter().map(|(_, run)| run).collect();
        let mut failures = made.failures.clone();
        failures.extend(
            beginnings
                .into_iter()
                .flat_map(Beginnings::stale)
                .map(|stale| format!("a committed run is stale: {stale}")),
        );
        let mut remarks: Vec<String> = beginnings.map(Beginnings::words).into_iter().collect();
        remarks.extend(not_run(&trained));
        remarks.extend(fewer_seeds(&trained, self.seeds));
        ExhibitResult {
            title: super::TITLE.to_string(),
            data: match runs.first() {
                Some(run) => run.images.description.clone(),
                None => self.images.set.slugs().join(" or "),
            },
            records: records(&trained),
            tables: vec![summary(&trained)],
            remarks,
            failures,
            json: beginnings.is_none().then(|| Record::write(&runs).ok()).flatten(),
            ..ExhibitResult::default()
        }
    }
}

/// The numbers: without times, which are other ones in every run.
fn records(trained: &[Trained]) -> Table {
    let exact = trained[0].mean(computations);
    let share = |arm: &Trained| Some(100.0 * arm.mean(computations)? / exact?);
    let of_last =
        |arm: &Trained, number: fn(&EpochMetrics) -> f64| arm.mean(|run| last(run, number));
    Rows::of(trained)
        .key("arm", |arm| arm.arm.name.as_str())
        .value("seeds", "", |arm| arm.runs.len())
        .value("test-accuracy", "%", |arm| arm.mean(accuracy))
        .value("test-accuracy-half-width", "points", |arm| arm.over_seeds(accuracy)?.half_width)
        .value("held-out-accuracy", "%", |arm| of_last(arm, |m| 100.0 * m.held_out.accuracy))
        .value("test-loss", "nats", |arm| of_last(arm, |m| m.test.loss))
        .value("training-loss", "nats", |arm| of_last(arm, |m| m.train.loss))
        .value("computations", "multiply-adds", |arm| arm.mean(computations))
        .value("computations-share", "% of exact", share)
        .table("Every arm")
}

fn summary(trained: &[Trained]) -> Table {
    let exact = &trained[0];
    let against = |arm: &Trained| match arm.role {
        Role::Exact => None,
        Role::Sampled | Role::Control => arm.against(exact),
    };
    let megabytes = |run: &LongRun| run.activation_bytes.map_or(f64::NAN, |b| b as f64 / 1e6);
    let finished = trained.iter().filter(|arm| !arm.runs.is_empty());
    Rows::of(finished)
        .key("arm", |arm| arm.arm.name.as_str())
        .value("test accuracy", "%", |arm| arm.mean(accuracy))
        .value("95 % interval, ±", "points", |arm| arm.over_seeds(accuracy)?.half_width)
        .value("against exact", "points", |arm| against(arm).map(Difference::mean))
        .value("its 95 % interval, ±", "points", |arm| against(arm)?.half_width())
        .value("reading", "", |arm| against(arm).map(|found| found.reading().words()))
        .value("multiply-adds", "", |arm| arm.mean(computations))
        .value("of exact", "%", |arm| {
            Some(100.0 * arm.mean(computations)? / exact.mean(computations)?)
        })
        .value("training", "s", |arm| arm.mean(seconds))
        .value("on a processor", "s", |arm| {
            arm.mean(|run| run.provenance.processor_seconds.unwrap_or(f64::NAN))
        })
        .value("activations", "MB", |arm| arm.mean(megabytes))
        .value("seeds", "", |arm| arm.runs.len())
        .table("Whole trainings, after the last epoch")
}

/// The arms that nothing is known of.
fn not_run(trained: &[Trained]) -> Option<String> {
    let none = trained.iter().filter(|arm| arm.runs.is_empty());
    let none: Vec<&str> = none.map(|arm| arm.arm.name.as_str()).collect();
    (!none.is_empty()).then(|| format!("Not run yet: {}.", none.join("; ")))
}

/// The arms that lack some of their seeds.
fn fewer_seeds(trained: &[Trained], seeds: usize) -> Option<String> {
    let some = trained.iter().filter(|arm| (1..seeds).contains(&arm.runs.len()));
    let some = some.map(|arm| format!("{} ({})", arm.arm.name, arm.runs.len()));
    let some: Vec<String> = some.collect();
    (!some.is_empty()).then(|| format!("Not yet run with all {seeds} seeds: {}.", some.join("; ")))
}
