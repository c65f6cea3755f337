//! The figures.

use ensemble_kalman::experiment::{Method, Spread};
use regression::Target;

use super::cases::{Measured, Part, of_part, shown};
use super::finding::{FITS, enough, falls, nearest, works_up_to};
use super::settings::EnsembleKalman;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series, significant};

/// Fits with their bands, the sweep of sizes, how it goes, and priors.
pub fn figures(settings: &EnsembleKalman, measured: &[Measured]) -> Vec<Figure> {
    let panels =
        |panel: &dyn Fn(Target) -> Panel| settings.targets.iter().map(|t| panel(*t)).collect();
    let course = [variances(settings, measured), online(settings, measured)];
    let figures = [
        Figure {
            part: String::new(),
            caption: "What the methods learn, for the first seed: the function, the mean of an \
                      ensemble's outputs with the band that 5 to 95 % of its members lie in, and \
                      the curves of gradient methods."
                .to_string(),
            panels: panels(&|target| fits(measured, target)),
        },
        Figure {
            part: "sizes".to_string(),
            caption: "The median error of the smoother against the number of members.".to_string(),
            panels: panels(&|target| sizes(settings, measured, target)),
        },
        Figure {
            part: "course".to_string(),
            caption: "Left: the total variance of the parameters after each iteration of the \
                      smoother, median. Right: the median error while the filter sees one example \
                      after another."
                .to_string(),
            panels: course.into_iter().flatten().collect(),
        },
        Figure {
            part: "prior".to_string(),
            caption: "The median error against how far the members' first layers are from the \
                      shared network; dashed, the prior around zero."
                .to_string(),
            panels: panels(&|target| priors(measured, target)),
        },
    ];
    figures.into_iter().filter(|figure| !figure.panels.is_empty()).collect()
}

fn line(label: &str, style: usize, mark: Mark, points: Vec<Point>) -> Series {
    Series { label: label.to_string(), style, mark, points }
}

fn curve(places: &[f64], values: &[f64]) -> Vec<Point> {
    places.iter().zip(values).map(|(x, y)| Point::new(*x, *y)).collect()
}

/// The methods' curves of the first seed: of each kind of method the first.
fn fits(measured: &[Measured], target: Target) -> Panel {
    let mut series = Vec::new();
    let mut errors = Vec::new();
    for (style, (it, outcome)) in shown(measured, target).into_iter().enumerate() {
        let kind = it.case.method.name();
        if series.is_empty() {
            let truth = curve(&outcome.points, &outcome.truth);
            series.push(line("the function", 0, Mark::Dashed, truth));
        }
        errors.push((kind, outcome.fit.root_mean_squared_error));
        if let Some(Spread { low, high, .. }) = &outcome.spread {
            series.push(Series::band(kind, style, &outcome.points, low, high));
        }
        let own = curve(&outcome.points, &outcome.curve);
        series.push(line(kind, style, Mark::Line, own));
    }
    Panel {
        title: format!("{}: {}", target.name(), nearest(&errors)),
        x: Axis::linear("input"),
        y: Axis::linear("output"),
        series,
    }
}

fn sizes(settings: &EnsembleKalman, measured: &[Measured], target: Target) -> Panel {
    let all = of_part(measured, target, Part::Size);
    let series = settings.iterations.iter().enumerate().map(|(style, &iterations)| {
        let own = all.iter().filter(|it| it.case.method == Method::Smoother { iterations });
        let points = own.map(|it| Point::new(it.case.settings.members as f64, it.error()));
        let label = format!("iterations: {iterations}");
        line(&label, style, Mark::JoinedPoints, points.collect())
    });
    let found: Vec<(usize, f64)> =
        all.iter().map(|it| (it.case.settings.members, it.r_squared())).collect();
    Panel {
        title: format!("{}: {} for R² {FITS}", target.name(), enough(&found)),
        x: Axis::logarithmic("members"),
        y: Axis::logarithmic("median error (rms)"),
        series: series.collect(),
    }
}

/// Traces of the first smoother; none where there is no smoother.
fn variances(settings: &EnsembleKalman, measured: &[Measured]) -> Option<Panel> {
    let is_smoother = |it: &&&Measured| matches!(it.case.method, Method::Smoother { .. });
    let (mut series, mut traces) = (Vec::new(), Vec::new());
    for (style, &target) in settings.targets.iter().enumerate() {
        let methods = of_part(measured, target, Part::Method);
        let smoother = *methods.iter().find(is_smoother)?;
        let trace = smoother.median_variances();
        let points =
            trace.iter().enumerate().map(|(step, variance)| Point::new(step as f64, *variance));
        series.push(line(target.name(), style, Mark::JoinedPoints, points.collect()));
        traces.extend(smoother.variances());
    }
    Some(Panel {
        title: falls(&traces),
        x: Axis::linear("iteration"),
        y: Axis::logarithmic("total variance of the parameters"),
        series,
    })
}

/// The course of the first filter; none where there is no filter.
fn online(settings: &EnsembleKalman, measured: &[Measured]) -> Option<Panel> {
    let is_filter = |it: &&&Measured| matches!(it.case.method, Method::Filter { .. });
    let (mut series, mut ends) = (Vec::new(), Vec::new());
    for (style, &target) in settings.targets.iter().enumerate() {
        let methods = of_part(measured, target, Part::Method);
        let filter = *methods.iter().find(is_filter)?;
        let progress = filter.median_progress();
        let points: Vec<Point> =
            progress.iter().map(|(seen, error)| Point::new(*seen as f64, *error)).collect();
        let last = points.last().map_or(f64::NAN, |point| point.y);
        ends.push(format!("{} ({})", significant(last, 2), target.name()));
        series.push(line(target.name(), style, Mark::JoinedPoints, points));
    }
    Some(Panel {
        title: format!("after one pass: {}", ends.join(", ")),
        x: Axis::linear("examples seen by the filter"),
        y: Axis::logarithmic("median error (rms)"),
        series,
    })
}

fn priors(measured: &[Measured], target: Target) -> Panel {
    let all = of_part(measured, target, Part::Prior(None));
    let spread = |it: &&&Measured| matches!(it.case.part, Part::Prior(Some(_)));
    let place = |it: &Measured| match it.case.part {
        Part::Prior(Some(spread)) => spread,
        _ => f64::NAN,
    };
    let mut points: Vec<Point> =
        all.iter().filter(spread).map(|it| Point::new(place(it), it.error())).collect();
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    let ends = [points.first(), points.last()].map(|point| point.map_or(f64::NAN, |p| p.x));
    let mut series = vec![line("around a shared network", 0, Mark::JoinedPoints, points)];
    if let Some(trapped) = all.iter().find(|it| it.case.part == Part::Prior(None)) {
        let level = ends.map(|x| Point::new(x, trapped.error())).to_vec();
        series.push(line("prior around zero", 0, Mark::Dashed, level));
    }
    let found: Vec<(f64, f64)> =
        all.iter().filter(spread).map(|it| (place(it), it.r_squared())).collect();
    Panel {
        title: format!("{}: {}", target.name(), works_up_to(&found)),
        x: Axis::linear("spread of the first layer"),
        y: Axis::logarithmic("median error (rms)"),
        series,
    }
}
