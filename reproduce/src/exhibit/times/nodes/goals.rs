//! What the exchange should reach, set before it was measured, and what it does.

use super::tables::{of_wire, over};
use crate::nodes::record::{Place, Record};
use crate::result::{Rows, Table, significant};

/// Something to be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What, in words.
    pub what: String,
    /// Where.
    pub place: Place,
    /// What was measured.
    pub measured: f64,
    /// What it should be.
    pub wanted: Wanted,
}

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Goal {
    fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::AtMost(most) => self.measured <= most,
            Wanted::AtLeast(least) => self.measured >= least,
        }
    }
}

/// Percent of bytes above the formula.
const BYTES: f64 = 8.0;
/// Times of the wire's bound, for four ranks on 100 Mbit/s.
const WIRE: f64 = 1.15;
/// How many times faster a step at 0.34 is than an exact one there.
const STEP: f64 = 2.5;

/// Every goal for which there is something in the record.
pub fn of(record: &Record) -> Vec<Goal> {
    let mut goals = Vec::new();
    for place in places(record) {
        let goal = |what: &str, measured, wanted| {
            let what = what.to_string();
            Goal { what, place, measured, wanted }
        };
        let ours = || {
            let here = record.exchanges.iter().filter(move |exchange| exchange.place == place);
            here.filter(|exchange| exchange.contestant == "ours")
        };
        let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.reduce(f64::max);
        let bytes = largest(&mut ours().map(over));
        goals.extend(
            bytes.map(|most| {
                goal("bytes above the formula at most, %", most, Wanted::AtMost(BYTES))
            }),
        );
        let is_slow = place.megabits == Some(100) && place.ranks == 4;
        let wire = largest(&mut ours().filter_map(of_wire)).filter(|_| is_slow);
        goals.extend(wire.map(|most| {
            goal("exchange at most, times the wire's bound", most, Wanted::AtMost(WIRE))
        }));
        let step = speed_up(record, 100, 4, 0.34).filter(|_| is_slow);
        goals.extend(step.map(|times| {
            goal("step of the MLP at 0.34, times as fast", times, Wanted::AtLeast(STEP))
        }));
        let whole = ours().find(|exchange| exchange.ratio == 1.0);
        let others = record.exchanges.iter().filter(|other| {
            other.place == place && other.contestant != "ours" && other.ratio == 1.0
        });
        for (whole, other) in whole.into_iter().cycle().zip(others) {
            let times = other.milliseconds.median / whole.milliseconds.median;
            let what = format!("whole gradients, times as fast as {}", other.contestant);
            goals.push(goal(&what, times, Wanted::AtLeast(1.0)));
        }
    }
    goals
}

/// Every place of the record, once and in its order.
pub fn places(record: &Record) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for exchange in &record.exchanges {
        if !places.contains(&exchange.place) {
            places.push(exchange.place);
        }
    }
    places
}

/// How many times as fast a sampled step of the perceptron is as an exact one, the fastest of the
/// ways to agree.
pub fn speed_up(record: &Record, megabits: u32, ranks: usize, ratio: f64) -> Option<f64> {
    let place = Place { megabits: Some(megabits), ranks };
    let fastest = |ratio: f64| {
        let steps = record.steps.iter().filter(|step| {
            step.place == place && step.ratio == ratio && step.contestant.starts_with("ours: MLP")
        });
        steps.map(|step| step.milliseconds.median).reduce(f64::min)
    };
    Some(fastest(1.0)? / fastest(ratio)?)
}

/// Every goal beside what was measured.
pub fn table(goals: &[Goal]) -> Table {
    Rows::of(goals)
        .key("goal", |goal: &Goal| &*goal.what)
        .key("link", |goal| goal.place.rate())
        .key("ranks", |goal| goal.place.ranks)
        .value("measured", "", |goal| goal.measured)
        .value("wanted", "", |goal| match goal.wanted {
            Wanted::AtMost(bound) | Wanted::AtLeast(bound) => bound,
        })
        .key("verdict", |goal| if goal.is_met() { "met" } else { "MISSED" })
        .table("Goals that were set before the measurement")
}

/// How many goals are met, and which are not, in a sentence.
pub fn sentence(goals: &[Goal]) -> String {
    let missed: Vec<String> = goals
        .iter()
        .filter(|goal| !goal.is_met())
        .map(|goal| {
            let Goal { what, place, measured, .. } = goal;
            let measured = significant(*measured, 3);
            format!("{what}: {measured} ({} ranks, {})", place.ranks, place.rate())
        })
        .collect();
    match (goals.len(), missed.len()) {
        (0, _) => "No goal can be judged by this record.".to_string(),
        (all, 0) => format!("All {all} goals are met."),
        (all, missing) => {
            format!("Of {all} goals {missing} are missed: {}.", missed.join("; "))
        }
    }
}
