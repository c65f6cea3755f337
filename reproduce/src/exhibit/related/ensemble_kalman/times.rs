//! What a fit takes, and the forward passes of an ensemble.

use std::time::Duration;

use ensemble_kalman::ensemble::Ensemble;
use ensemble_kalman::experiment::{Method, Settings, run};
use kernels::MatrixView;
use kernels::random::Stream;
use regression::{Activation, Architecture, Sampling, Target};
use serde::{Deserialize, Serialize};
use training::setting::count_within;

use super::cases::words;
use super::settings::{check_members, check_methods, check_targets};
use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::result::{
    Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, Table, significant,
};
use crate::timing::{Patience, Spread, Work, in_turns, timed};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "ensemble-kalman-times",
    title: "The time of training without gradients",
    shows: "how long filter and smoother take for a fit beside gradient descent and Adam, and how \
            many forward passes an ensemble makes a second by one batched product",
    paper: "a related system (Chen and others 2022, doi 10.1007/s11227-022-04629-7), of which no \
            timing was seen",
    section: Section::Related,
    note: "related-ensemble-kalman",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("ensemble-kalman-times")],
    configure: configure::<EnsembleKalmanTimes>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsembleKalmanTimes {
    /// Network, data, noise, ensemble and prior that all methods have in common.
    network: Settings,
    /// What is learnt.
    targets: Vec<Target>,
    /// The methods that are timed; the others are compared with the first.
    methods: Vec<Method>,
    /// Ensembles whose forward passes are timed.
    members: Vec<usize>,
    /// How forward passes are sampled, where they are.
    sampling: Sampling,
    /// How often everything is measured, in turns.
    rounds: usize,
}

/// How an ensemble is evaluated at all inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Batched,
    OneByOne,
    Sampled,
}

impl Way {
    const ALL: [Self; 3] = [Self::Batched, Self::OneByOne, Self::Sampled];

    fn name(self) -> &'static str {
        match self {
            Self::Batched => "one batched product",
            Self::OneByOne => "one network after another",
            Self::Sampled => "batched, second layer sampled",
        }
    }
}

/// A fit that was timed.
struct Fitted {
    target: Target,
    method: Method,
    error: f64,
    seconds: Spread,
    /// Over the time of the first method, in the same rounds.
    over_first: Spread,
}

/// Forward passes that were timed.
struct Passes {
    members: usize,
    way: Way,
    seconds: Spread,
}

impl Experiment for EnsembleKalmanTimes {
    fn check(&self) -> Result<(), FieldError> {
        self.network.check().map_err(|error| error.within("network"))?;
        check_targets(&self.targets)?;
        check_methods(&self.methods)?;
        check_members(&self.network, &self.members)?;
        let sampled = Settings { sampling: Some(self.sampling), ..self.network.clone() };
        sampled.check()?;
        count_within("rounds", self.rounds, 1..=MOST_REPEATS)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(self.targets.len() + self.members.len());
        let (mut fitted, mut passes) = (Vec::new(), Vec::new());
        for &target in &self.targets {
            fitted.extend(self.fits(target, environment.seed)?);
            environment.progress.advance(1);
        }
        for &members in &self.members {
            passes.extend(self.passes(members, environment.seed));
            environment.progress.advance(1);
        }
        Ok(report(&fitted, &passes))
    }
}

impl EnsembleKalmanTimes {
    fn patience(&self) -> Patience {
        Patience { turn: Duration::from_millis(5), total: Duration::ZERO, rounds: self.rounds }
    }

    fn fits(&self, target: Target, seed: u64) -> anyhow::Result<Vec<Fitted>> {
        let errors: Vec<f64> = self
            .methods
            .iter()
            .map(|&method| {
                Ok(run(&self.network, target, method, seed)?.fit.root_mean_squared_error)
            })
            .collect::<anyhow::Result<_>>()?;
        let work = |&method: &Method| -> Work<'_> {
            // What cannot be run has been an error above.
            timed(move || drop(std::hint::black_box(run(&self.network, target, method, seed))))
        };
        let mut contestants: Vec<Work> = self.methods.iter().map(work).collect();
        let times = in_turns(&mut contestants, self.patience());
        let fitted =
            self.methods.iter().zip(errors).enumerate().map(|(place, (&method, error))| {
                let (seconds, over_first) = (times.seconds(place), times.ratio(place, 0));
                Fitted { target, method, error, seconds, over_first }
            });
        Ok(fitted.collect())
    }

    fn passes(&self, members: usize, seed: u64) -> Vec<Passes> {
        let stream = Stream::new(seed, "ensemble kalman times");
        let architecture = Architecture {
            inputs: 1,
            hidden: self.network.hidden,
            outputs: 1,
            activation: Activation::Tanh,
        };
        let ensemble = Ensemble::draw(architecture, members, &self.network.prior, stream);
        let inputs: Vec<f64> =
            (0..self.network.examples).map(|i| i as f64 / self.network.examples as f64).collect();
        let inputs = MatrixView::row_major(&inputs, inputs.len(), 1);
        let work = |way: &Way| -> Work<'_> {
            let (ensemble, way) = (&ensemble, *way);
            timed(move || {
                let outputs = match way {
                    Way::Batched => ensemble.predict(inputs),
                    Way::OneByOne => (0..members)
                        .flat_map(|member| ensemble.network(member).predict(inputs))
                        .collect(),
                    // A share that keeps no unit has been refused with the settings.
                    Way::Sampled => ensemble
                        .predict_sampled(inputs, &self.sampling, stream.child("selections"))
                        .unwrap_or_default(),
                };
                std::hint::black_box(outputs);
            })
        };
        let mut contestants: Vec<Work> = Way::ALL.iter().map(work).collect();
        let times = in_turns(&mut contestants, self.patience());
        let ways = Way::ALL.into_iter().enumerate();
        ways.map(|(place, way)| Passes { members, way, seconds: times.seconds(place) }).collect()
    }
}

fn report(fitted: &[Fitted], passes: &[Passes]) -> ExhibitResult {
    let milliseconds = |seconds: f64| 1e3 * seconds;
    let fits = Rows::of(fitted)
        .key("of", |fit| fit.target.name())
        .key("way", |fit| words(fit.method))
        .value("time", "ms", |fit| milliseconds(fit.seconds.median))
        .value("time-low", "ms", |fit| milliseconds(fit.seconds.low))
        .value("time-high", "ms", |fit| milliseconds(fit.seconds.high))
        .value("time over the first's", "", |fit| fit.over_first.median)
        .value("error", "rms", |fit| fit.error)
        .table("Fits: median and quartiles of the time, error of the first seed");
    let forward = Rows::of(passes)
        .key("of", |pass| format!("{} members", pass.members))
        .key("way", |pass| pass.way.name())
        .value("time", "ms", |pass| milliseconds(pass.seconds.median))
        .value("time-low", "ms", |pass| milliseconds(pass.seconds.low))
        .value("time-high", "ms", |pass| milliseconds(pass.seconds.high))
        .value("networks", "a millisecond", |pass| {
            pass.members as f64 / milliseconds(pass.seconds.median)
        })
        .table("Forward passes at all examples: median and quartiles of the time");
    ExhibitResult {
        title: EXHIBIT.title.to_string(),
        finding: least_errors(fitted),
        data: "functions with noise, drawn by code, measured on this machine".to_string(),
        records: Table::stacked("Every time", vec![fits.clone(), forward.clone()]),
        tables: vec![fits, forward],
        figures: vec![Figure {
            part: String::new(),
            caption:
                "Left: the error of a fit against the time that it takes, one point a method. \
                      Right: networks of an ensemble evaluated a millisecond against its members."
                    .to_string(),
            panels: targets(fitted)
                .into_iter()
                .map(|target| errors_against_time(fitted, target))
                .chain([networks_a_millisecond(passes)])
                .collect(),
        }],
        remarks: remarks(fitted, passes),
        ..ExhibitResult::default()
    }
}

fn targets(fitted: &[Fitted]) -> Vec<Target> {
    let mut targets: Vec<Target> = fitted.iter().map(|fit| fit.target).collect();
    targets.dedup();
    targets
}

fn errors_against_time(fitted: &[Fitted], target: Target) -> Panel {
    let own = || fitted.iter().filter(|fit| fit.target == target);
    let series = own().enumerate().map(|(style, fit)| Series {
        label: words(fit.method),
        style,
        mark: Mark::Points,
        points: vec![Point::new(1e3 * fit.seconds.median, fit.error)],
    });
    let best = own().min_by(|one, other| one.error.total_cmp(&other.error));
    let best = best.map_or(String::new(), |fit| format!(": least by {}", words(fit.method)));
    Panel {
        title: format!("{}{best}", target.name()),
        x: Axis::logarithmic("time of a fit (ms)"),
        y: Axis::logarithmic("error (rms)"),
        series: series.collect(),
    }
}

fn networks_a_millisecond(passes: &[Passes]) -> Panel {
    let series = Way::ALL.into_iter().enumerate().map(|(style, way)| Series {
        label: way.name().to_string(),
        style,
        mark: Mark::JoinedPoints,
        points: passes
            .iter()
            .filter(|pass| pass.way == way)
            .map(|pass| {
                let members = pass.members as f64;
                Point::new(members, members / (1e3 * pass.seconds.median))
            })
            .collect(),
    });
    Panel {
        title: batching(passes).unwrap_or_else(|| "forward passes".to_string()),
        x: Axis::logarithmic("members"),
        y: Axis::logarithmic("networks a millisecond"),
        series: series.collect(),
    }
}

/// The method of the least error on each target, beside the first one.
fn least_errors(fitted: &[Fitted]) -> String {
    let least = targets(fitted).into_iter().filter_map(|target| {
        let own = || fitted.iter().filter(|fit| fit.target == target);
        let (first, least) =
            (own().next()?, own().min_by(|one, other| one.error.total_cmp(&other.error))?);
        Some(format!("{}: {}", target.name(), beside(least, first)))
    });
    let first = fitted.first().map_or(String::new(), |fit| words(fit.method));
    format!("Least error, beside {first}: {}.", least.collect::<Vec<String>>().join("; "))
}

/// Every method beside the first one, and what one product for all members is worth.
fn remarks(fitted: &[Fitted], passes: &[Passes]) -> Vec<String> {
    let mut sentences = Vec::new();
    for target in targets(fitted) {
        let own: Vec<&Fitted> = fitted.iter().filter(|fit| fit.target == target).collect();
        if let Some((first, others)) = own.split_first() {
            let others: Vec<String> = others.iter().map(|fit| beside(fit, first)).collect();
            let list = others.join("; ");
            sentences.push(format!("{}: beside {}, {list}.", target.name(), words(first.method)));
        }
    }
    sentences.extend(batching(passes).map(|found| format!("{found}.")));
    sentences
}

/// "ES-MDA, 10 iterations takes 0.5 times the time to 0.4 times the error".
fn beside(fit: &Fitted, first: &Fitted) -> String {
    let [time, error] =
        [fit.over_first.median, fit.error / first.error].map(|ratio| significant(ratio, 2));
    format!("{} takes {time} times the time to {error} times the error", words(fit.method))
}

/// What one product is worth at the most members; none where nothing was measured.
fn batching(passes: &[Passes]) -> Option<String> {
    let most = passes.iter().map(|pass| pass.members).max()?;
    let of = |way| passes.iter().find(|pass| (pass.members, pass.way) == (most, way));
    let ratio = of(Way::OneByOne)?.seconds.median / of(Way::Batched)?.seconds.median;
    let (ratio, word) = if ratio >= 1.0 { (ratio, "fast") } else { (1.0 / ratio, "slow") };
    Some(format!("at {most} members one product is {} times as {word}", significant(ratio, 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always(seconds: f64) -> Spread {
        Spread { low: seconds, median: seconds, high: seconds }
    }

    fn fitted(method: Method, seconds: f64, error: f64) -> Fitted {
        let over_first = always(seconds / 0.5);
        Fitted { target: Target::Sine, method, error, seconds: always(seconds), over_first }
    }

    #[test]
    fn methods_are_compared_with_the_first() {
        let descent = Method::GradientDescent { steps: 2000, rate: 0.05 };
        let smoother = Method::Smoother { iterations: 10 };
        let fits = [fitted(descent, 0.5, 0.06), fitted(smoother, 0.25, 0.03)];
        assert_eq!(
            remarks(&fits, &[]),
            ["sine: beside gradient descent, 2000 steps at 0.05, ES-MDA, 10 iterations takes \
              0.50 times the time to 0.50 times the error."]
        );
        assert_eq!(
            least_errors(&fits),
            "Least error, beside gradient descent, 2000 steps at 0.05: sine: ES-MDA, 10 iterations \
             takes 0.50 times the time to 0.50 times the error."
        );
    }

    #[test]
    fn batching_is_faster_or_slower_at_the_most_members() {
        let of = |members, way, seconds| Passes { members, way, seconds: always(seconds) };
        let few = [of(10, Way::Batched, 9.0), of(10, Way::OneByOne, 1.0)];
        let many = [of(100, Way::Batched, 1.0), of(100, Way::OneByOne, 3.0)];
        let all: Vec<Passes> = few.into_iter().chain(many).collect();
        let found = batching(&all).unwrap();
        assert_eq!(found, "at 100 members one product is 3 times as fast");
        let few = [of(10, Way::Batched, 9.0), of(10, Way::OneByOne, 1.0)];
        assert_eq!(batching(&few).unwrap(), "at 10 members one product is 9 times as slow");
        assert_eq!(batching(&[]), None);
    }

    #[test]
    fn bad_settings_are_refused_by_name() {
        let settings = || EnsembleKalmanTimes {
            network: Settings::default(),
            targets: vec![Target::Sine],
            methods: vec![Method::Smoother { iterations: 2 }],
            members: vec![10],
            sampling: Sampling { estimator: kernels::Estimator::TopK, ratio: 0.5 },
            rounds: 1,
        };
        assert!(settings().check().is_ok());
        let refused = |wrong: EnsembleKalmanTimes| wrong.check().unwrap_err().field;
        assert_eq!(refused(EnsembleKalmanTimes { rounds: 0, ..settings() }), "rounds");
        assert_eq!(refused(EnsembleKalmanTimes { members: vec![1], ..settings() }), "members[0]");
        let sampling = Sampling { ratio: 1.5, ..settings().sampling };
        assert_eq!(refused(EnsembleKalmanTimes { sampling, ..settings() }), "sampling.ratio");
        let methods = vec![Method::Smoother { iterations: 0 }];
        let methods = EnsembleKalmanTimes { methods, ..settings() };
        assert_eq!(refused(methods), "methods[0].iterations");
    }
}
