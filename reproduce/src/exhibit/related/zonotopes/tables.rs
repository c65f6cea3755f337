//! The tables.

use theory::extremes::least;
use zonotope_training::run::{Point, Run};

use super::arms::{Measured, Part, by_size};
use crate::exhibit::difference::show;
use crate::result::{Rows, Table};

fn unsafe_outputs(run: &Run) -> f64 {
    run.after.samples.unsafe_outputs as f64
}

/// A row an arm: means over the seeds, the least scale as it is and least.
pub fn records(measured: &[Measured]) -> Table {
    Rows::of(measured)
        .key("part", |_| "arm")
        .key("data", |it| format!("half-width {}", it.arm.settings.obstacle.half_width))
        .key("case", |it| it.arm.name.clone())
        .value("certified", "runs", Measured::certified)
        .value("without-unsafe-samples", "runs", Measured::without_unsafe_samples)
        .diagnostic("least-scale-before", "", |it| it.mean(|run| run.before.least_scale).mean)
        .diagnostic("least-scale-after", "", |it| it.mean(|run| run.after.least_scale).mean)
        .diagnostic("least-scale-of-all", "", |it| least(it.each(|run| run.after.least_scale)))
        .value("test-error-before", "mean square", |it| it.mean(|run| run.before.test_error).mean)
        .value("test-error-after", "mean square", |it| it.mean(|run| run.after.test_error).mean)
        .value("unsafe-outputs-before", "of the samples", |it| {
            it.mean(|run| run.before.samples.unsafe_outputs as f64).mean
        })
        .value("unsafe-outputs-after", "of the samples", |it| it.mean(unsafe_outputs).mean)
        .diagnostic("cells-after", "cells", |it| it.mean(|run| run.after.regions.len() as f64).mean)
        .diagnostic("constraint-steps", "steps", |it| it.mean(|r| r.constraint_steps as f64).mean)
        .table("Arms")
}

/// The way of the first seed, point by point.
pub fn course(measured: &[Measured]) -> Table {
    let followed = measured.iter().filter(|it| !matches!(it.arm.part, Part::Size(_)));
    let points: Vec<(&Measured, &Point)> = followed
        .filter_map(|it| Some((it, it.runs.first()?)))
        .flat_map(|(it, run)| run.history.iter().map(move |point| (it, point)))
        .collect();
    Rows::of(&points)
        .key("part", |_| "course")
        .key("data", |(_, point)| format!("step {}", point.step))
        .key("case", |(it, _)| it.arm.name.clone())
        .value("least-scale", "", |(_, point)| point.least_scale)
        .value("test-error", "mean square", |(_, point)| point.test_error)
        .value("cells", "cells", |(_, point)| point.cells)
        .table("The way of the first seed")
}

/// The arms beside each other.
pub fn arms(measured: &[Measured]) -> Table {
    let rows = measured.iter().filter(|it| !matches!(it.arm.part, Part::Size(_)));
    row_an_arm(rows, "The arms; means over the seeds with 95 % intervals")
}

/// The obstacle's size.
pub fn sizes(measured: &[Measured]) -> Table {
    row_an_arm(
        by_size(measured).into_iter(),
        "Safety against accuracy: constrained training for obstacles of other sizes",
    )
}

fn row_an_arm<'a>(rows: impl Iterator<Item = &'a Measured>, caption: &str) -> Table {
    Rows::of(rows)
        .key("arm", |it| it.arm.name.clone())
        .value("half-width", "", |it| it.arm.settings.obstacle.half_width)
        .value("certified", "runs", Measured::certified)
        .value("of", "runs", |it| it.runs.len())
        .key("least scale before", |it| show(it.mean(|run| run.before.least_scale)))
        .key("least scale after", |it| show(it.mean(|run| run.after.least_scale)))
        .key("test error before", |it| show(it.mean(|run| run.before.test_error)))
        .key("test error after", |it| show(it.mean(|run| run.after.test_error)))
        .key("unsafe random outputs after", |it| show(it.mean(unsafe_outputs)))
        .value("random outputs", "a run", |it| it.runs.first().map(|r| r.after.samples.inputs))
        .table(caption)
}
