//! The tables.

use coded_activations::arm::Arm;
use coded_activations::ledger::Ledger;

use super::measured::Measured;
use crate::exhibit::difference::show;
use crate::result::{Rows, Table};

/// Bytes of a kilobyte.
const KILO: f64 = 1e3;

/// A row an arm of what it came to and stores, and a row an arm and layer of gradients.
pub fn records(measured: &Measured) -> Vec<Table> {
    let trained = Rows::of(&measured.arms)
        .key("part", |_| "training")
        .key("data", |_| measured.data.clone())
        .key("case", |arm| arm.name())
        .value("test-error", "%", |arm| measured.error(*arm).mean)
        .diagnostic("test-error-half-width", "%", |arm| measured.error(*arm).half_width)
        .value("stored", "bytes", |arm| measured.stored(*arm))
        .value("shared", "bytes", |arm| measured.ledger(*arm).map(|ledger| ledger.shared()))
        .table("Trainings");
    let layers = 0..measured.layers().len();
    let rows: Vec<(Arm, usize)> = measured
        .compared()
        .into_iter()
        .flat_map(|arm| layers.clone().map(move |layer| (arm, layer)))
        .collect();
    let gradients = Rows::of(&rows)
        .key("part", |_| "gradient")
        .key("data", |_| measured.data.clone())
        .key("case", |(arm, layer)| format!("{}, {}", arm.name(), measured.layers()[*layer]))
        .value("gradient-error", "of the norm", |(arm, layer)| {
            measured.gradient_error(*arm, *layer).mean
        })
        .diagnostic("gradient-error-half-width", "of the norm", |(arm, layer)| {
            measured.gradient_error(*arm, *layer).half_width
        })
        .table("Gradients");
    let bits = &measured.settings.bits;
    let rows: Vec<(u32, usize)> =
        bits.iter().flat_map(|bits| layers.clone().map(move |layer| (*bits, layer))).collect();
    let alone = Rows::of(&rows)
        .key("part", |_| "codes alone")
        .key("data", |_| measured.data.clone())
        .key("case", |(bits, layer)| {
            let layer = &measured.layers()[*layer];
            format!("sampled, {bits} bits less sampled, {layer}")
        })
        .value("gradient-error", "of the norm", |(bits, layer)| {
            measured.of_codes_alone(*bits, *layer).mean
        })
        .diagnostic("gradient-error-half-width", "of the norm", |(bits, layer)| {
            measured.of_codes_alone(*bits, *layer).half_width
        })
        .table("Codes alone");
    let sizes = measured.others.iter().flat_map(|(size, ledgers)| {
        ledgers.iter().map(move |(arm, ledger)| (*size, *arm, *ledger))
    });
    let sizes: Vec<(usize, Arm, Ledger)> = sizes.collect();
    let bytes = Rows::of(&sizes)
        .key("part", |_| "bytes")
        .key("data", |_| measured.data.clone())
        .key("case", |(size, arm, _)| format!("{}, minibatches of {size}", arm.name()))
        .value("stored", "bytes", |(_, _, ledger)| ledger.stored)
        .value("shared", "bytes", |(_, _, ledger)| ledger.shared())
        .table("Bytes");
    vec![trained, gradients, alone, bytes]
}

/// The arms beside each other.
pub fn arms(measured: &Measured) -> Table {
    let kilobytes = |bytes: f64| bytes / KILO;
    Rows::of(&measured.arms)
        .key("arm", |arm| arm.name())
        .key("test error (%)", |arm| show(measured.error(*arm)))
        .value("stored", "kB", |arm| kilobytes(measured.stored(*arm)))
        .value("times less than exact", "", |arm| measured.times_less(*arm))
        .value("shared buffers", "kB", |arm| {
            measured.ledger(*arm).map(|ledger| kilobytes(ledger.shared() as f64))
        })
        .value("gradient error", "first layer", |arm| measured.gradient_error(*arm, 0).mean)
        .value("gradient error", "last layer", |arm| {
            measured.gradient_error(*arm, measured.layers().len().saturating_sub(1)).mean
        })
        .table(
            "The arms: test errors with 95 % intervals over the seeds, bytes of a minibatch that are \
             stored between the passes and those that are shared by tensors which come and go, and \
             how far gradients are off at the same weights, over the exact gradient's norm",
        )
}
