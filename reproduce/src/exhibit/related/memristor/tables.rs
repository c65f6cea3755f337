//! The tables.

use memristor_classifier::classifier::Cost;

use super::arms::{Measured, Part};
use crate::exhibit::difference::show;
use crate::result::{Rows, Table};

/// A row a rule of an arm.
pub fn records(measured: &[Measured]) -> Table {
    let cost = |it: &Measured| it.outcomes.first().map(|outcome| outcome.cost);
    let counted = |count: fn(Cost) -> u64| move |it: &Measured| cost(it).map(count);
    Rows::of(measured)
        .key("part", |it| it.arm.part.name())
        .key("data", |it| it.data.clone())
        .key("case", |it| format!("{}, {}", it.arm.name, it.rule_name()))
        .value("accuracy", "%", |it| it.accuracy().mean)
        .diagnostic("accuracy-half-width", "%", |it| it.accuracy().half_width)
        .diagnostic("accuracy-by-lot", "%", Measured::accuracy_by_lot)
        .value("ties", "%", Measured::tie_rate)
        .value("multiply-adds", "a query", counted(|cost| cost.multiply_adds))
        .value("exponentials", "a query", counted(|cost| cost.exponentials))
        .value("comparisons", "a query", counted(|cost| cost.comparisons))
        .value("bits", "stored", counted(|cost| cost.bits))
        .table("Accuracies")
}

/// The rules beside each other.
pub fn rules(measured: &[Measured]) -> Table {
    let caption = "Rules and storage; accuracies with 95 % intervals over the repetitions";
    accuracies(measured, Part::Rule, caption)
}

/// The number of levels.
pub fn levels(measured: &[Measured]) -> Table {
    accuracies(measured, Part::Levels, "Other numbers of levels")
}

/// What devices do.
pub fn devices(measured: &[Measured]) -> Table {
    let caption =
        "Devices with 16 levels that vary or are stuck; thresholds are those of ideal ones";
    accuracies(measured, Part::Device, caption)
}

fn accuracies(measured: &[Measured], part: Part, caption: &str) -> Table {
    Rows::of(measured.iter().filter(|it| it.arm.part == part))
        .key("data", |it| it.data.clone())
        .key("storage", |it| it.arm.name.clone())
        .key("rule", |it| it.rule_name())
        .key("accuracy (%)", |it| show(it.accuracy()))
        .value("with ties by lot", "%", Measured::accuracy_by_lot)
        .value("ties", "%", Measured::tie_rate)
        .table(caption)
}

/// What a query takes.
pub fn costs(measured: &[Measured]) -> Table {
    let rows: Vec<(&Measured, Cost)> = measured
        .iter()
        .filter(|it| it.arm.part == Part::Rule)
        .filter_map(|it| Some((it, it.outcomes.first()?.cost)))
        .collect();
    Rows::of(&rows)
        .key("data", |(it, _)| it.data.clone())
        .key("storage", |(it, _)| it.arm.name.clone())
        .key("rule", |(it, _)| it.rule_name())
        .value("multiply-adds", "a query", |(_, cost)| cost.multiply_adds)
        .value("exponentials", "a query", |(_, cost)| cost.exponentials)
        .value("comparisons", "a query", |(_, cost)| cost.comparisons)
        .value("bits", "a weight", |(_, cost)| u64::from(cost.bits_a_weight))
        .value("bits", "of all weights", |(_, cost)| cost.bits)
        .table("What a query takes, counted; the multiply-adds are what the current does")
}
