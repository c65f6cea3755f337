//! A model of a step on more nodes than were measured.
//!
//! T = t + 2 (W - 1) a + h 2 (W - 1)/W 8 P / B: the step t on links without a limit, what a message
//! costs a, the payload P, the rate of the link B, and the share h by which headers make more of the
//! bytes.

use serde::{Deserialize, Serialize};
use training::setting::{FieldError, count, distinct, number};

use crate::nodes::record::{Place, Record, Step};
use crate::result::{Rows, Table};

/// What the model is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// How many nodes, one number a row.
    nodes: Vec<usize>,
    /// Rates of the links, in Mbit/s.
    megabits: Vec<u32>,
    /// What a message costs beside its bytes.
    microseconds_a_message: f64,
}

/// A row of the model.
struct Modelled {
    place: Place,
    ratio: f64,
    step: f64,
    of_exact: f64,
}

impl Model {
    /// Checks that there is something to ask.
    pub fn check(&self) -> Result<(), FieldError> {
        distinct("nodes", &self.nodes)?;
        distinct("megabits", &self.megabits)?;
        for (place, &nodes) in self.nodes.iter().enumerate() {
            count(&format!("nodes[{place}]"), nodes)?;
        }
        for (place, &megabits) in self.megabits.iter().enumerate() {
            count(&format!("megabits[{place}]"), megabits as usize)?;
        }
        number("microseconds_a_message", self.microseconds_a_message, 0.0..=1e6)
    }

    /// Milliseconds of a step that takes so many without a limit, by the formula of the module.
    fn step(&self, place: Place, unlimited: f64, payload: f64, headers: f64) -> f64 {
        let messages = 2.0 * (place.ranks as f64 - 1.0) * self.microseconds_a_message / 1e3;
        let bytes = headers * 2.0 * (place.ranks as f64 - 1.0) / place.ranks as f64 * payload;
        unlimited + messages + place.wire(bytes).unwrap_or(0.0)
    }

    /// The steps of the perceptron by shared norms that the model begins with: those of two ranks,
    /// which have a core each, on links without a limit.
    fn measured(record: &Record) -> impl Iterator<Item = &Step> {
        record.steps.iter().filter(|step| {
            let is_alone = step.place == Place { megabits: None, ranks: 2 };
            let is_shown =
                step.contestant.ends_with("exact") || step.contestant.ends_with(" shared");
            is_alone && step.contestant.starts_with("ours: MLP") && is_shown
        })
    }

    /// How much more bytes there are with headers, of four ranks' whole gradients.
    fn headers(record: &Record) -> f64 {
        let whole = record.exchanges.iter().find(|exchange| {
            exchange.contestant == "ours" && exchange.ratio == 1.0 && exchange.place.ranks == 4
        });
        whole.map_or(1.0, |whole| whole.sent as f64 / whole.place.least(whole.payload))
    }

    fn rows(&self, record: &Record) -> Vec<Modelled> {
        let headers = Self::headers(record);
        let steps: Vec<(f64, f64, f64)> = Self::measured(record)
            .filter_map(|step| Some((step.ratio, step.milliseconds.median, step.payload? as f64)))
            .collect();
        let mut rows = Vec::new();
        for &megabits in &self.megabits {
            for &ranks in &self.nodes {
                let place = Place { megabits: Some(megabits), ranks };
                let of = |(_, unlimited, payload): (f64, f64, f64)| {
                    self.step(place, unlimited, payload, headers)
                };
                let Some(exact) = steps.iter().find(|(ratio, ..)| *ratio == 1.0) else { continue };
                rows.extend(steps.iter().map(|&one| Modelled {
                    place,
                    ratio: one.0,
                    step: of(one),
                    of_exact: of(*exact) / of(one),
                }));
            }
        }
        rows
    }

    /// What the model says of the perceptron.
    pub fn table(&self, record: &Record) -> Table {
        Rows::of(&self.rows(record))
            .key("link", |row: &Modelled| row.place.rate())
            .key("nodes", |row| row.place.ranks)
            .key("ratio", |row| row.ratio)
            .value("step", "ms", |row| row.step)
            .value("speed-up", "times", |row| row.of_exact)
            .table("A model, not measured: steps of the MLP on more nodes")
    }

    /// The rate, in Mbit/s, up to which a sampled step is a twentieth faster for sending slices and
    /// not its whole gradient; none where that is not known.
    pub fn break_even(&self, record: &Record, ratio: f64, ranks: usize) -> Option<f64> {
        const WORTH: f64 = 1.05;
        let find = |ratio: f64| Self::measured(record).find(|step| step.ratio == ratio);
        let (whole, slices) = (find(1.0)?, find(ratio)?);
        let place = Place { megabits: Some(1), ranks };
        let unlimited = slices.milliseconds.median;
        let wire = |step: &Step| {
            let bytes = Self::headers(record) * place.least(step.payload?);
            place.wire(bytes)
        };
        // t + w / B = 1.05 (t + s / B), of times w and s at 1 Mbit/s.
        let rate = (wire(whole)? - WORTH * wire(slices)?) / ((WORTH - 1.0) * unlimited);
        Some(rate).filter(|rate| *rate > 0.0)
    }

    /// What the model is made of, in a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "The model of more nodes takes the steps of two ranks on links without a limit, as they \
             were measured, bytes by the formula with the headers of four ranks, and {} µs for each \
             of 2 (W - 1) messages; a switch that is never the limit, and minibatches that grow with \
             the nodes.",
            self.microseconds_a_message
        )
    }
}

/// "1.51 Gbit/s", to three digits.
pub fn rate(megabits: f64) -> String {
    let (value, unit) =
        if megabits >= 1e3 { (megabits / 1e3, "Gbit/s") } else { (megabits, "Mbit/s") };
    format!("{} {unit}", crate::result::significant(value, 3))
}
