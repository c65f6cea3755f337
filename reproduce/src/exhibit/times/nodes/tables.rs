//! What was measured, row by row.

use crate::nodes::record::{Exchange, Record, Step};
use crate::result::{Rows, Table};

/// Every vector that was exchanged.
pub fn exchanges(record: &Record) -> Table {
    Rows::of(&record.exchanges)
        .key("link", |e: &Exchange| e.place.rate())
        .key("ranks", |e| e.place.ranks)
        .key("by", |e| &*e.contestant)
        .key("ratio", |e| e.ratio)
        .value("time", "ms", |e| e.milliseconds.median)
        .value("time-low", "ms", |e| e.milliseconds.low)
        .value("time-high", "ms", |e| e.milliseconds.high)
        .value("of-the-wire", "times the bytes sent at the rate", of_wire)
        .value("sent", "bytes", |e| e.sent)
        .value("sent-over", "% above the formula", over)
        .table("An exchange of the gradient of the MLP, median and quartiles")
}

/// Every step that was made.
pub fn steps(record: &Record) -> Table {
    Rows::of(&record.steps)
        .key("link", |s: &Step| s.place.rate())
        .key("ranks", |s| s.place.ranks)
        .key("training", |s| &*s.contestant)
        .key("minibatch", |s| s.minibatch)
        .key("ratio", |s| s.ratio)
        .value("step", "ms", |s| s.milliseconds.median)
        .value("step-low", "ms", |s| s.milliseconds.low)
        .value("step-high", "ms", |s| s.milliseconds.high)
        .value("computation", "ms", |s| s.parts.map(|parts| parts.computation))
        .value("selection", "ms", |s| s.parts.map(|parts| parts.selection))
        .value("waiting", "ms", |s| s.parts.map(|parts| parts.waiting))
        .value("exchange", "ms", |s| s.parts.map(|parts| parts.exchange))
        .value("sent", "bytes", |s| s.sent)
        .table("A training step of all ranks, median and quartiles")
}

/// The time over what the bytes that were sent take at the rate of the link.
pub fn of_wire(exchange: &Exchange) -> Option<f64> {
    let wire = exchange.place.wire(exchange.sent as f64)?;
    Some(exchange.milliseconds.median / wire)
}

/// Bytes sent above those of the formula, in percent.
pub fn over(exchange: &Exchange) -> f64 {
    100.0 * (exchange.sent as f64 / exchange.place.least(exchange.payload) - 1.0)
}
