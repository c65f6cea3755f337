//! The figures.

use kernels::random::Stream;
use memristor_classifier::classifier::scores;
use memristor_classifier::crossbar::{Levels, Storage, Stored};
use memristor_classifier::rule::{FittedRule, Rule};

use super::arms::{Measured, SWEPT, by_device, by_levels, exact};
use super::data::DataSet;
use super::finding::{change, enough};
use super::settings::Memristor;
use crate::exhibit::statistics::Estimate;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

/// Accuracy against levels, exact against gated scores, accuracy against faults.
///
/// # Errors
/// When a class has too few samples to be stored.
pub fn figures(
    settings: &Memristor,
    sets: &[DataSet],
    measured: &[Measured],
) -> anyhow::Result<Vec<Figure>> {
    let panels = |panel: &dyn Fn(&str) -> Panel| sets.iter().map(|set| panel(&set.name)).collect();
    let score_panels = sets.iter().map(|set| score_panel(settings, set, measured));
    Ok(vec![
        Figure {
            part: String::new(),
            caption:
                "Test accuracy against the number of levels of a stored weight; dashed, gates \
                      with exact weights."
                    .to_string(),
            panels: panels(&|name| level_panel(measured, name)),
        },
        Figure {
            part: "scores".to_string(),
            caption: "What a gate keeps of an exponential: for each test sample of the first \
                      repetition, the score of one class by gates with 16 levels against its score \
                      by exponentials with exact weights."
                .to_string(),
            panels: score_panels.collect::<anyhow::Result<_>>()?,
        },
        Figure {
            part: "devices".to_string(),
            caption: "Test accuracy against how much devices of 16 levels vary; thresholds are \
                      those of ideal devices."
                .to_string(),
            panels: panels(&|name| device_panel(measured, name)),
        },
    ])
}

fn at(x: f64, Estimate { mean, half_width }: Estimate) -> Point {
    Point::with_interval(x, mean, half_width)
}

fn level_panel(measured: &[Measured], name: &str) -> Panel {
    let mut series = Vec::new();
    let mut title = name.to_string();
    for (style, rule) in SWEPT.into_iter().enumerate() {
        let own = by_levels(measured, name, rule);
        let place = |it: &Measured| f64::from(it.levels().unwrap_or(0));
        let points: Vec<Point> = own.iter().map(|it| at(place(it), it.accuracy())).collect();
        let ends = [points.first(), points.last()].map(|point| point.map(|p| p.x));
        series.push(Series {
            label: rule.name().to_string(),
            style,
            mark: Mark::JoinedPoints,
            points,
        });
        if rule != Rule::ClassThresholds {
            continue;
        }
        let Some(exact) = exact(measured, name, rule) else { continue };
        let exact = exact.accuracy().mean;
        series.push(Series {
            label: "the same gates, exact weights".to_string(),
            style,
            mark: Mark::Dashed,
            points: ends.iter().flatten().map(|x| Point::new(*x, exact)).collect(),
        });
        let levels: Vec<(u32, f64)> =
            own.iter().map(|it| (it.levels().unwrap_or(0), it.accuracy().mean)).collect();
        title = format!("{name}: {}", enough(&levels, exact));
    }
    Panel {
        title,
        x: Axis::logarithmic("levels of a weight"),
        y: Axis::linear("test accuracy (%)"),
        series,
    }
}

/// Devices that vary and are not stuck.
fn device_panel(measured: &[Measured], name: &str) -> Panel {
    let mut worst = String::new();
    let series = SWEPT.into_iter().enumerate().map(|(style, rule)| {
        let varied = by_device(measured, name, rule).into_iter().filter_map(|it| {
            let device = it.device().filter(|device| device.stuck == 0.0)?;
            Some(at(100.0 * device.variation, it.accuracy()))
        });
        let mut points: Vec<Point> = varied.collect();
        points.sort_by(|one, other| one.x.total_cmp(&other.x));
        if let (Rule::ClassThresholds, [first, .., last]) = (rule, points.as_slice()) {
            worst = format!(": gates {}", change(last.y - first.y, last.x));
        }
        Series { label: rule.name().to_string(), style, mark: Mark::JoinedPoints, points }
    });
    let series = series.collect();
    Panel {
        title: format!("{name}{worst}"),
        x: Axis::linear("deviation of a conductance over its mean (%)"),
        y: Axis::linear("test accuracy (%)"),
        series,
    }
}

/// The scores of the first class, of samples of this class and of others.
fn score_panel(
    settings: &Memristor,
    set: &DataSet,
    measured: &[Measured],
) -> anyhow::Result<Panel> {
    let split = &settings.classifier.splits(set.data(), set.seeds[0])?[0];
    let stream = Stream::new(set.seeds[0], "storage");
    let fitted = |it: Option<&Measured>| -> Option<FittedRule> {
        it?.outcomes.first()?.fitted.first().cloned()
    };
    let score = |storage, rule: Option<FittedRule>| -> anyhow::Result<Vec<f64>> {
        let stored = Stored::new(&split.test.stored, storage, stream)?;
        Ok(rule.map_or(Vec::new(), |rule| scores(&split.test, &stored, &rule)))
    };
    let gates = by_levels(measured, &set.name, Rule::ClassThresholds);
    let sixteen = gates.into_iter().find(|it| it.levels() == Some(16));
    let densities = score(Storage::Exact, fitted(exact(measured, &set.name, Rule::Density)))?;
    let shares = score(Storage::Levels(Levels::SIXTEEN), fitted(sixteen))?;
    let queries = &split.test.queries;
    let classes = queries.classes.len();
    let of_first =
        |scores: &[f64]| -> Vec<f64> { scores.iter().step_by(classes).copied().collect() };
    let points: Vec<(usize, Point)> = of_first(&densities)
        .into_iter()
        .zip(of_first(&shares))
        .zip(&queries.labels)
        .map(|((density, share), label)| (*label, Point::new(density, share)))
        .collect();
    let closed = points.iter().filter(|(_, point)| point.y == 0.0).count();
    let series = |label: &str, style, is_own: bool| Series {
        label: label.to_string(),
        style,
        mark: Mark::Dots,
        points: points.iter().filter(|(of, _)| (*of == 0) == is_own).map(|(_, p)| *p).collect(),
    };
    Ok(Panel {
        title: format!("{}: no gate open for {closed} of {}", set.name, points.len()),
        x: Axis::linear("log density by exponentials"),
        y: Axis::linear("share of open gates"),
        series: vec![
            series("samples of other classes", 0, false),
            series("samples of the first class", 1, true),
        ],
    })
}
