//! The time that finding all cells of a network takes, against the number of its hidden units.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use training::setting::{count_within, distinct};
use zonotope_training::cells::{patterns, patterns_by_brute_force};
use zonotope_training::layers::Layers;
use zonotope_training::regions::regions;
use zonotope_training::run::Run;
use zonotope_training::{Arm, Certificate, Settings, run};

use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, significant};
use crate::timing::{Patience, Spread, Work, in_turns, timed};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "zonotope-times",
    title: "The time of a reachable set",
    shows: "how long all cells of a network take to find, by pruned and by exhaustive search and by \
            clipping polygons, and how long a certificate takes, against the number of hidden units",
    paper: "a related system (Chung and others 2021, arXiv 2107.07696), of which no timing was seen",
    section: Section::Related,
    note: "related-zonotope-training",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("zonotope-times")],
    configure: configure::<ZonotopeTimes>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZonotopeTimes {
    /// Hidden units of the networks.
    hidden: Vec<usize>,
    /// The most units for which all 2^n patterns are gone through.
    brute_force_up_to: usize,
    /// How often everything is measured, in turns.
    rounds: usize,
}

/// More units than this have more patterns than an exhaustive search gets through.
const MOST_BY_BRUTE_FORCE: usize = 16;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pruned,
    BruteForce,
    Clipping,
    Certificate,
}

impl Way {
    const ALL: [Self; 4] = [Self::Pruned, Self::BruteForce, Self::Clipping, Self::Certificate];

    fn name(self) -> &'static str {
        match self {
            Self::Pruned => "cells by pruned search",
            Self::BruteForce => "cells by going through all patterns",
            Self::Clipping => "cells by clipping polygons (in every step)",
            Self::Certificate => "a certificate (at the end)",
        }
    }
}

/// Seconds of one way on one network.
struct Measurement {
    hidden: usize,
    cells: usize,
    way: Way,
    seconds: Spread,
}

impl Experiment for ZonotopeTimes {
    fn check(&self) -> Result<(), FieldError> {
        distinct("hidden", &self.hidden)?;
        for (place, &hidden) in self.hidden.iter().enumerate() {
            let settings = Settings { hidden, ..Settings::published() };
            let named = |error| FieldError { field: format!("hidden[{place}]"), ..error };
            settings.check().map_err(named)?;
        }
        count_within("brute_force_up_to", self.brute_force_up_to, 0..=MOST_BY_BRUTE_FORCE)?;
        count_within("rounds", self.rounds, 1..=MOST_REPEATS)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(self.hidden.len());
        let mut measurements = Vec::new();
        for &hidden in &self.hidden {
            measurements.extend(self.measure(hidden, environment.seed)?);
            environment.progress.advance(1);
        }
        Ok(self.report(&measurements))
    }
}

impl ZonotopeTimes {
    fn measure(&self, hidden: usize, seed: u64) -> anyhow::Result<Vec<Measurement>> {
        let settings = Settings { hidden, falsifier_inputs: 1, ..Settings::published() };
        let Run { after, .. } = run(&settings, Arm::Constrained, seed)?;
        let (network, obstacle) = (&after.network, &settings.obstacle);
        let layers = Layers::of(network)?;
        let cells = patterns(&layers.sums)?.len();
        let ways: Vec<Way> = Way::ALL
            .into_iter()
            .filter(|way| *way != Way::BruteForce || hidden <= self.brute_force_up_to)
            .collect();
        let margin = 0.5 * settings.margin;
        let work = |way: &Way| -> Work<'_> {
            let (layers, way) = (&layers, *way);
            timed(move || {
                // What a certificate says of these networks is shown elsewhere; here it takes time.
                let found = match way {
                    Way::Pruned => patterns(&layers.sums).map_or(0, |found| found.len()),
                    Way::BruteForce => {
                        patterns_by_brute_force(&layers.sums).map_or(0, |found| found.len())
                    }
                    Way::Clipping => regions(layers).len(),
                    Way::Certificate => Certificate::compute(network, obstacle, margin)
                        .map_or(0, |certificate| certificate.cells()),
                };
                std::hint::black_box(found);
            })
        };
        let mut contestants: Vec<Work> = ways.iter().map(work).collect();
        let patience =
            Patience { turn: Duration::ZERO, total: Duration::ZERO, rounds: self.rounds };
        let times = in_turns(&mut contestants, patience);
        let measured = ways.iter().enumerate().map(|(place, &way)| Measurement {
            hidden,
            cells,
            way,
            seconds: times.seconds(place),
        });
        Ok(measured.collect())
    }

    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let milliseconds = |seconds: f64| 1e3 * seconds;
        let records = Rows::of(measurements)
            .key("hidden", |m| m.hidden)
            .key("way", |m| m.way.name())
            .value("cells", "cells", |m| m.cells)
            .value("time", "ms", |m| milliseconds(m.seconds.median))
            .value("time-low", "ms", |m| milliseconds(m.seconds.low))
            .value("time-high", "ms", |m| milliseconds(m.seconds.high))
            .table("Times, median and quartiles");
        let series = Way::ALL.into_iter().enumerate().map(|(style, way)| Series {
            label: way.name().to_string(),
            style,
            mark: Mark::JoinedPoints,
            points: measurements
                .iter()
                .filter(|m| m.way == way)
                .map(|m| Point::new(m.hidden as f64, milliseconds(m.seconds.median)))
                .collect(),
        });
        let found = self.finding(measurements);
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: found.as_ref().map_or(String::new(), |found| {
                format!("Beside going through all patterns, {found}.")
            }),
            data: "networks trained on a function drawn by code, measured on this machine"
                .to_string(),
            tables: vec![records.clone()],
            records,
            figures: vec![Figure {
                part: String::new(),
                caption: "Time to find all cells of a network, and of a certificate, against the \
                          number of hidden units."
                    .to_string(),
                panels: vec![Panel {
                    title: found.clone().unwrap_or_else(|| "times".to_string()),
                    x: Axis::linear("hidden units"),
                    y: Axis::logarithmic("time (ms)"),
                    series: series.collect(),
                }],
            }],
            ..ExhibitResult::default()
        }
    }

    /// How much faster pruning is at the most units at which both were measured.
    fn finding(&self, measurements: &[Measurement]) -> Option<String> {
        let of = |way, hidden| {
            measurements
                .iter()
                .find(|m| (m.way, m.hidden) == (way, hidden))
                .map(|m| m.seconds.median)
        };
        let both = self.hidden.iter().filter(|hidden| **hidden <= self.brute_force_up_to);
        let most = *both.max()?;
        let times = (of(Way::BruteForce, most)?, of(Way::Pruned, most)?);
        Some(comparison(most, times))
    }
}

/// Exhaustive search beside pruned search, in seconds.
fn comparison(hidden: usize, (brute_force, pruned): (f64, f64)) -> String {
    let ratio = brute_force / pruned;
    match ratio >= 1.0 {
        true => format!("at {hidden} units pruning is {} times as fast", significant(ratio, 2)),
        false => {
            format!("at {hidden} units pruning is {} times as slow", significant(1.0 / ratio, 2))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_is_faster_or_slower() {
        assert_eq!(comparison(10, (0.5, 0.02)), "at 10 units pruning is 25 times as fast");
        assert_eq!(comparison(4, (0.02, 0.03)), "at 4 units pruning is 1.5 times as slow");
    }

    #[test]
    fn the_finding_is_of_the_most_units_that_both_were_measured_at() {
        let settings = ZonotopeTimes { hidden: vec![4, 8, 6], brute_force_up_to: 6, rounds: 1 };
        let one = |hidden, way, seconds| {
            let seconds = Spread { low: seconds, median: seconds, high: seconds };
            Measurement { hidden, cells: 5, way, seconds }
        };
        let measured = [
            one(4, Way::Pruned, 1.0),
            one(4, Way::BruteForce, 1.0),
            one(6, Way::Pruned, 1.0),
            one(6, Way::BruteForce, 4.0),
            one(8, Way::Pruned, 1.0),
        ];
        let found = settings.finding(&measured).unwrap();
        assert_eq!(found, "at 6 units pruning is 4 times as fast");
        let none = ZonotopeTimes { brute_force_up_to: 0, ..settings };
        assert_eq!(none.finding(&measured), None);
    }
}
