//! The tables.

use axtrain::arm::Arm;
use axtrain::experiment::SAMPLED_BY;
use axtrain::network::ORDINALS;

use super::measured::{Measured, Test};
use crate::exhibit::difference::show;
use crate::result::{Rows, Table, significant};

/// A row an arm and test, and one an arm for what is not tested.
pub fn records(measured: &Measured) -> Vec<Table> {
    let tests = tests(measured);
    let rows: Vec<(Arm, &(String, Test))> =
        Arm::ALL.iter().flat_map(|arm| tests.iter().map(move |test| (*arm, test))).collect();
    let accuracies = Rows::of(&rows)
        .key("part", |_| "accuracy")
        .key("data", |_| measured.data.clone())
        .key("case", |(arm, (name, _))| format!("{}, {name}", arm.name()))
        .value("accuracy", "%", |(arm, (_, test))| measured.accuracy(*arm, *test).mean)
        .value("accuracy-half-width", "%", |(arm, (_, test))| {
            measured.accuracy(*arm, *test).half_width
        })
        .table("Accuracies");
    let networks = Rows::of(&Arm::ALL)
        .key("part", |_| "network")
        .key("data", |_| measured.data.clone())
        .key("case", |arm| arm.name())
        .value("sensitivity", "", |arm| mean(&measured.values(*arm, |it| it.sensitivity)));
    let with_norm = |rows: Rows<'static, Arm>, (place, layer): (usize, &&str)| {
        rows.value(&format!("norm-{layer}-layer"), "", |arm| norm(measured, *arm, place))
    };
    let networks = layers(measured)
        .fold(networks, with_norm)
        .value("penalty", "", |arm| match arm {
            Arm::Active => Some(measured.penalties.active),
            Arm::Combined => Some(measured.penalties.combined),
            _ => None,
        })
        .table("Networks");
    vec![accuracies, networks]
}

/// Every test by its name.
fn tests(measured: &Measured) -> Vec<(String, Test)> {
    let tested = &measured.settings.networks.tested;
    let mut tests = vec![
        ("no fault".to_string(), Test::Faultless),
        ("trained-for multiplier".to_string(), Test::TrainedFor),
        ("Mitchell".to_string(), Test::Mitchell),
    ];
    for (place, probability) in tested.probabilities.iter().enumerate() {
        tests.push((format!("flips {probability}"), Test::Chips(place)));
        tests.push((format!("flips {probability}, 5th percentile"), Test::WeakChip(place)));
    }
    for (place, columns) in tested.columns.iter().enumerate() {
        tests.push((format!("{columns} columns"), Test::Truncated(place)));
    }
    for (place, ratio) in tested.ratios.iter().enumerate() {
        for (index, estimator) in SAMPLED_BY.iter().enumerate() {
            let name = format!("{} at {ratio}", estimator.name());
            tests.push((name, Test::Sampled(place, index)));
        }
    }
    tests
}

/// The arms beside each other.
pub fn arms(measured: &Measured) -> Table {
    let networks = &measured.settings.networks;
    let flipped = measured.compared_at();
    let probability = networks.tested.probabilities[flipped];
    let ratio = measured.least_ratio();
    let kept = networks.tested.ratios[ratio];
    let accuracy = |test: Test| move |arm: &Arm| show(measured.accuracy(*arm, test));
    let at = |name: &str| format!("{name} at {}", significant(kept, 2));
    Rows::of(&Arm::ALL)
        .key("trained", |arm| arm.name())
        .key("no fault", accuracy(Test::Faultless))
        .key(&format!("flips {}", significant(probability, 2)), accuracy(Test::Chips(flipped)))
        .key("5th-percentile chip", accuracy(Test::WeakChip(flipped)))
        .key(&format!("{} columns left out", networks.columns), accuracy(Test::TrainedFor))
        .key("Mitchell", accuracy(Test::Mitchell))
        .key(&at(SAMPLED_BY[0].name()), accuracy(Test::Sampled(ratio, 0)))
        .key(&at(SAMPLED_BY[1].name()), accuracy(Test::Sampled(ratio, 1)))
        .table("Test accuracies in %, with 95 % intervals over the seeds")
}

/// What the networks are.
pub fn networks(measured: &Measured) -> Table {
    let rows = Rows::of(&Arm::ALL)
        .key("trained", |arm| arm.name())
        .value("R", "", |arm| mean(&measured.values(*arm, |it| it.sensitivity)));
    let with_norm = |rows: Rows<'static, Arm>, (place, layer): (usize, &&str)| {
        rows.value("norm", &format!("{layer} layer"), |arm| norm(measured, *arm, place))
    };
    layers(measured)
        .fold(rows, with_norm)
        .table("R by small noise of the memory, in closed form, and the norms of the weights")
}

/// The layers by their place and name.
fn layers(measured: &Measured) -> impl Iterator<Item = (usize, &'static &'static str)> {
    let layers = measured.runs[0].of(Arm::Baseline).network.layers.len();
    ORDINALS.iter().take(layers).enumerate()
}

/// The mean norm of a layer's weights.
fn norm(measured: &Measured, arm: Arm, layer: usize) -> f64 {
    mean(&measured.values(arm, |it| it.network.layers[layer].norm()))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
