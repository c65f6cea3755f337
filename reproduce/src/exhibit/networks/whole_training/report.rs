//! The report: what every arm came to, beside the exact one.

use training::metrics::EpochMetrics;

use super::arms::Role;
use super::beginnings::Beginnings;
use super::control::Comparison;
use super::figure::figure;
use super::finding::{Finding, headline};
use super::long_run::{LongRun, last};
use super::making::Made;
use super::measure::Measure;
use super::record::Record;
use super::settings::WholeTraining;
use super::times::{TimedTraining, Times};
use super::trained::{Cost, Trained, computations, findings, seconds};
use super::verdicts;
use crate::exhibit::difference::Difference;
use crate::exhibit::networks::judgement::evidence_setting;
use crate::images::ImageConfig;
use crate::result::{ExhibitResult, Rows, Table};
use crate::texts::TextConfig;
use crate::timing::Spread;

impl WholeTraining {
    /// What runs came to; those of the record where beginnings were computed again.
    pub fn report(&self, made: Made, beginnings: Option<&Beginnings>) -> ExhibitResult {
        let trained: Vec<Trained> =
            (0..self.arms.len()).map(|place| self.trained(place, &made)).collect();
        let times = made.times.as_ref();
        let found = findings(&trained, times);
        let sampled: Vec<Finding> = found
            .iter()
            .filter(|(arm, _)| arm.role == Role::Sampled)
            .map(|(_, finding)| finding.clone())
            .collect();
        let runs: Vec<&LongRun> = made.runs.iter().map(|(_, run)| run).collect();
        let mut failures = made.failures.clone();
        failures.extend(times.into_iter().flat_map(|times| times.differences_to(&made.runs)));
        failures.extend(
            beginnings
                .into_iter()
                .flat_map(Beginnings::stale)
                .map(|stale| format!("a committed run is stale: {stale}")),
        );
        let mut remarks: Vec<String> = beginnings.map(Beginnings::words).into_iter().collect();
        if !runs.is_empty() {
            remarks.extend(sampled.iter().map(Finding::words));
            remarks.extend(self.measure().points().map(str::to_string));
        }
        remarks.extend(times.map(Times::words));
        remarks.extend(not_run(&trained));
        remarks.extend(fewer_seeds(&trained, self.seeds));
        ExhibitResult {
            title: super::TITLE.to_string(),
            finding: if runs.is_empty() { String::new() } else { headline(&sampled) },
            // What the abstract says is of images, and its verdicts below, too.
            evidence: self.images.as_ref().map_or(Vec::new(), |images| {
                verdicts::evidence(&sampled, &self.setting(&trained, images), images)
            }),
            data: match (runs.first(), &self.images, &self.text) {
                (Some(run), ..) => run.images.description.clone(),
                (None, Some(images), _) => images.set.slugs().join(" or "),
                (None, None, text) => text.as_ref().map_or("", TextConfig::title).to_string(),
            },
            records: records(&trained, &found),
            tables: [
                Some(summary(&trained)),
                Some(beside_the_control(&found, Cost::time(&trained), self.measure())),
                self.images.as_ref().map(|_| verdicts::table(&sampled)),
                times.map(whole_times),
            ]
            .into_iter()
            .flatten()
            .collect(),
            figures: figure(&trained, &sampled).into_iter().collect(),
            remarks,
            failures,
            json: beginnings.is_none().then(|| Record::write(&runs, times).ok()).flatten(),
            ..ExhibitResult::default()
        }
    }

    /// The network, the data and the seeds that every arm has which decides anything, in words: those
    /// that were run more than once, where there are any.
    fn setting(&self, trained: &[Trained], images: &ImageConfig) -> String {
        let fewest = |least| {
            trained.iter().map(|arm| arm.runs.len()).filter(move |runs| *runs >= least).min()
        };
        let seeds = fewest(2).or(fewest(1));
        let config = self.arms[0].config(0, &self.training, 0).ok();
        let network = config.map_or(String::new(), |config| config.network.title());
        evidence_setting(&network, images, seeds.unwrap_or(self.seeds))
    }

    /// An arm with its runs.
    fn trained<'a>(&'a self, place: usize, made: &'a Made) -> Trained<'a> {
        let config = |place: usize| self.arms[place].config(place, &self.training, 0).ok();
        let own = config(place);
        let network = own.as_ref().map(|config| &config.network);
        let policies = own.as_ref().map(|config| &config.policies);
        let policy = policies.and_then(|of| of.default.or(of.overrides.values().next().copied()));
        let runs = made.runs.iter().filter(|(arm, _)| *arm == place);
        Trained {
            arm: &self.arms[place],
            role: self.role(place).unwrap_or(Role::Control),
            measure: self.measure(),
            has_exact_network: network == config(0).as_ref().map(|config| &config.network),
            estimator: policy.map(|policy| policy.estimator),
            runs: runs.map(|(_, run)| run).collect(),
        }
    }
}

/// The numbers: without times, which are other ones in every run.
fn records(trained: &[Trained], found: &[(&Trained, Finding)]) -> Table {
    let exact = trained[0].mean(computations);
    let share = |arm: &Trained| Some(100.0 * arm.mean(computations)? / exact?);
    let at_computations = |arm: &Trained| of(found, arm)?.at_equal_computations.difference();
    let of_last =
        |arm: &Trained, number: fn(&EpochMetrics) -> f64| arm.mean(|run| last(run, number));
    let shown = |arm: &Trained| arm.shown().map(|estimate| estimate.mean);
    let half_width = |arm: &Trained| arm.shown()?.half_width;
    let rows =
        Rows::of(trained)
            .key("arm", |arm| arm.arm.name.as_str())
            .value("seeds", "", |arm| arm.runs.len());
    let rows = match trained[0].measure {
        Measure::Accuracy => rows
            .value("test-accuracy", "%", shown)
            .diagnostic("test-accuracy-half-width", "points", half_width)
            .diagnostic("held-out-accuracy", "%", |arm| {
                of_last(arm, |m| 100.0 * m.held_out.accuracy)
            }),
        Measure::Perplexity => rows
            .value("test-perplexity", "", shown)
            .diagnostic("test-perplexity-half-width", "", half_width)
            .diagnostic("held-out-perplexity", "", |arm| {
                of_last(arm, |m| libm::exp(m.held_out.loss))
            }),
    };
    rows.diagnostic("test-loss", "nats", |arm| of_last(arm, |m| m.test.loss))
        .diagnostic("training-loss", "nats", |arm| of_last(arm, |m| m.train.loss))
        .value("computations", "multiply-adds", |arm| arm.mean(computations))
        .value("computations-share", "% of exact", share)
        .value("against-control", "points", |arm| at_computations(arm).map(Difference::mean))
        .diagnostic("against-control-half-width", "points", |arm| {
            at_computations(arm)?.half_width()
        })
        .table("Every arm")
}

/// What was found of an arm; nothing of one that is on the curve.
fn of<'a>(found: &'a [(&Trained, Finding)], arm: &Trained) -> Option<&'a Finding> {
    found.iter().find(|(of, _)| of.arm.name == arm.arm.name).map(|(_, finding)| finding)
}

fn summary(trained: &[Trained]) -> Table {
    let exact = &trained[0];
    let measure = exact.measure;
    let against = |arm: &Trained| match arm.role {
        Role::Exact => None,
        Role::Sampled | Role::Control => arm.against(exact),
    };
    let megabytes = |run: &LongRun| run.activation_bytes.map_or(f64::NAN, |b| b as f64 / 1e6);
    let finished = trained.iter().filter(|arm| !arm.runs.is_empty());
    Rows::of(finished)
        .key("arm", |arm| arm.arm.name.as_str())
        .value(measure.name(), measure.unit(), |arm| arm.shown().map(|estimate| estimate.mean))
        .value("95 % interval, ±", measure.unit_of_difference(), |arm| arm.shown()?.half_width)
        .value("against exact", "points", |arm| against(arm).map(Difference::mean))
        .value("its 95 % interval, ±", "points", |arm| against(arm)?.half_width())
        .value("reading", "", |arm| against(arm).map(|found| found.reading().words()))
        .value("multiply-adds", "", |arm| arm.mean(computations))
        .value("of exact", "%", |arm| {
            Some(100.0 * arm.mean(computations)? / exact.mean(computations)?)
        })
        .value("training", "s", |arm| arm.mean(seconds))
        .value("on a processor", "s", |arm| arm.mean(|run| Cost::ProcessorTime.of(run)))
        .value("activations", "MB", |arm| arm.mean(megabytes))
        .value("seeds", "", |arm| arm.runs.len())
        .table("Whole trainings, after the last epoch")
}

/// Every arm that is not on the curve, beside exact training of the same cost.
fn beside_the_control(found: &[(&Trained, Finding)], time: Cost, measure: Measure) -> Table {
    let run = found.iter().filter(|(arm, _)| !arm.runs.is_empty()).map(|(_, finding)| finding);
    let points = |compared: Comparison| compared.difference().map(Difference::mean);
    let half_width = |compared: Comparison| compared.difference()?.half_width();
    Rows::of(run)
        .key("arm", |arm| arm.arm.as_str())
        .value("multiply-adds", "% of exact", |arm| 100.0 * arm.computations)
        .value("at equal multiply-adds", "points", |arm| points(arm.at_equal_computations))
        .value("±", "points", |arm| half_width(arm.at_equal_computations))
        .value("reading", "", |arm| arm.at_equal_computations.words())
        .value(time.words(), "% of exact", |arm| 100.0 * arm.time)
        .value("at equal time", "points", |arm| points(arm.at_equal_time))
        .value("±", "points", |arm| half_width(arm.at_equal_time))
        .value("reading", "", |arm| arm.at_equal_time.words())
        .table(measure.against_control())
}

/// Whole trainings by themselves, in turns.
fn whole_times(times: &Times) -> Table {
    let exact = &times.trainings[0];
    let quartile =
        |training: &TimedTraining, of: fn(Spread) -> f64| 100.0 * of(training.turns_over(exact));
    Rows::of(&times.trainings)
        .key("arm", |training| training.arm.as_str())
        .value("whole training", "s", TimedTraining::seconds)
        .value("of exact", "%", |training| 100.0 * training.seconds() / exact.seconds())
        .value("turns, lower quartile", "% of exact", |it| quartile(it, |spread| spread.low))
        .value("median", "% of exact", |it| quartile(it, |spread| spread.median))
        .value("upper quartile", "% of exact", |it| quartile(it, |spread| spread.high))
        .value("as fast as exact", "times", |it| exact.seconds() / it.seconds())
        .table("Wall time of whole trainings in turns, evaluations apart")
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
