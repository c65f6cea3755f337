//! The tables.

use ensemble_kalman::experiment::Method;
use regression::Target;

use super::cases::{Measured, Part, shown};
use crate::exhibit::related::differences::{self, Beside};
use crate::exhibit::related::verdicts::{self, Judged};
use crate::result::{Rows, Table, significant};

/// A row a case: medians over the seeds.
pub fn records(measured: &[Measured]) -> Table {
    Rows::of(measured)
        .key("part", |it| it.case.part.name())
        .key("data", |it| it.case.target.name())
        .key("case", |it| it.case.name.clone())
        .value("error", "rms", Measured::error)
        .value("r-squared", "", Measured::r_squared)
        .diagnostic("error-of-mean-parameters", "rms", Measured::error_of_mean_parameters)
        .value("forward-passes", "networks", Measured::forward_passes)
        .table("Errors")
}

/// How it goes: the variance after each iteration of smoothers, the error while filters see the
/// examples. Medians over the seeds.
pub fn course(measured: &[Measured]) -> Table {
    let mut rows = Vec::new();
    for it in measured.iter().filter(|it| it.case.part == Part::Method) {
        let name = &it.case.name;
        if matches!(it.case.method, Method::Smoother { .. }) {
            for (step, variance) in it.median_variances().into_iter().enumerate() {
                rows.push((it, format!("{name}, after {step}"), Some(variance), None));
            }
        }
        for (seen, error) in it.median_progress() {
            rows.push((it, format!("{name}, seen {seen}"), None, Some(error)));
        }
    }
    Rows::of(&rows)
        .key("part", |_| "course")
        .key("data", |(it, ..)| it.case.target.name())
        .key("case", |(_, case, ..)| case.clone())
        .diagnostic("total-variance", "", |(.., variance, _)| *variance)
        .value("error", "rms", |(.., error)| *error)
        .table("How it goes")
}

/// About so many places of a curve are put down.
const PLACES: usize = 20;

/// The curves that are drawn, at some of their places.
pub fn curves(targets: &[Target], measured: &[Measured]) -> Table {
    let mut rows = Vec::new();
    for (it, outcome) in targets.iter().flat_map(|target| shown(measured, *target)) {
        let last = outcome.points.len() - 1;
        for place in (0..=last).step_by((last / PLACES).max(1)) {
            let band = outcome.spread.as_ref().map(|s| (s.low[place], s.high[place]));
            rows.push((it, outcome.points[place], outcome.curve[place], band));
        }
    }
    Rows::of(&rows)
        .key("part", |_| "curve")
        .key("data", |(it, ..)| it.case.target.name())
        .key("case", |(it, input, ..)| format!("{}, at {}", it.case.name, significant(*input, 3)))
        .value("output", "", |(_, _, output, _)| *output)
        .diagnostic("band-low", "", |(.., band)| band.map(|(low, _)| low))
        .diagnostic("band-high", "", |(.., band)| band.map(|(_, high)| high))
        .table("Curves of the first seed")
}

/// The thresholds, the methods beside each other and their differences, the sweep of sizes, priors and
/// sampling, and the controls.
pub fn tables(measured: &[Measured], beside: &[Beside], judged: &[Judged]) -> Vec<Table> {
    let others = measured.iter().filter(|it| !matches!(it.case.part, Part::Method | Part::Size));
    let mut tables = vec![verdicts::thresholds(judged), methods(measured)];
    tables.extend(differences::table(beside, "Errors"));
    tables.extend([
        sizes(measured),
        cases("Other priors, and forward passes that are sampled", others),
        verdicts::mistakes(judged),
    ]);
    tables
}

fn methods(measured: &[Measured]) -> Table {
    Rows::of(measured.iter().filter(|it| it.case.part == Part::Method))
        .key("function", |it| it.case.target.name())
        .key("method", |it| it.case.name.clone())
        .value("error, median", "rms", Measured::error)
        .value("R², median", "", Measured::r_squared)
        .value("error of mean parameters", "rms", Measured::error_of_mean_parameters)
        .value("forward passes", "networks", Measured::forward_passes)
        .table("Methods beside each other")
}

fn sizes(measured: &[Measured]) -> Table {
    let rows = measured.iter().filter(|it| it.case.part == Part::Size);
    cases("Members and iterations of the smoother", rows)
}

fn cases<'a>(caption: &str, rows: impl Iterator<Item = &'a Measured>) -> Table {
    Rows::of(rows)
        .key("function", |it| it.case.target.name())
        .key("case", |it| it.case.name.clone())
        .value("error, median", "rms", Measured::error)
        .value("R², median", "", Measured::r_squared)
        .table(caption)
}
