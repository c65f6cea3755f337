//! The figures.

use kernels::MatrixView;
use kernels::random::{Stream, uniform};
use zonotope_training::layers::Layers;
use zonotope_training::regions::meets;
use zonotope_training::run::{Assessment, Point as Moment, Run};
use zonotope_training::{Certificate, Obstacle};

use super::arms::{Measured, Part, by_size};
use super::finding::{ended, standing};
use super::settings::Zonotopes;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

/// The reachable set before and after, how training goes, and the obstacle's size.
///
/// # Errors
/// When a network cannot be analysed.
pub fn figures(
    settings: &Zonotopes,
    measured: &[Measured],
    seed: u64,
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let constrained = measured.iter().find(|it| it.arm.part == Part::Constrained);
    if let Some(run) = constrained.and_then(|it| it.runs.first()) {
        figures.push(Figure {
            part: String::new(),
            caption: "Every output that the network of the first seed can have, cell by cell, \
                      before and after constrained training; the unsafe box; and outputs of random \
                      inputs."
                .to_string(),
            panels: reachable_sets(settings, run, seed)?,
        });
    }
    figures.push(course(measured));
    figures.push(size_figure(&by_size(measured), measured));
    Ok(figures)
}

fn reachable_sets(settings: &Zonotopes, run: &Run, seed: u64) -> anyhow::Result<Vec<Panel>> {
    let obstacle = &settings.training.obstacle;
    // The fitted network is asked for a certificate as the trained one was.
    let margin = 0.5 * settings.training.margin;
    let before = Certificate::compute(&run.before.network, obstacle, margin).ok();
    let after = run.certificate.as_ref().ok();
    let panel = |when: &str, assessment: &Assessment, certificate: Option<&Certificate>| {
        let samples = assessment.samples;
        let scale = certificate.map(Certificate::least_scale);
        let found = standing(scale, samples.unsafe_outputs, samples.inputs);
        Ok::<_, anyhow::Error>(Panel {
            title: format!("{when}: {found}"),
            x: Axis::linear("first output"),
            y: Axis::linear("second output"),
            series: reachable_set(assessment, obstacle, settings.drawn_outputs, seed)?,
        })
    };
    Ok(vec![panel("before", &run.before, before.as_ref())?, panel("after", &run.after, after)?])
}

fn reachable_set(
    assessment: &Assessment,
    obstacle: &Obstacle,
    drawn: usize,
    seed: u64,
) -> anyhow::Result<Vec<Series>> {
    let layers = Layers::of(&assessment.network)?;
    let corners = |vertices: &[[f64; 2]]| -> Vec<Point> {
        vertices.iter().map(|[x, y]| Point::new(*x, *y)).collect()
    };
    let area = |label: &str, style, points| Series {
        label: label.to_string(),
        style,
        mark: Mark::Area,
        points,
    };
    let mut series = Vec::new();
    for region in &assessment.regions {
        let (label, style) = match meets(&layers, &region.pattern, obstacle, 1.0) {
            true => ("a cell's outputs, some of them unsafe", 5),
            false => ("a cell's outputs", 0),
        };
        series.push(area(label, style, corners(region.outputs.vertices())));
    }
    let ([x, y], h) = (obstacle.centre, obstacle.half_width);
    let square = [[x - h, y - h], [x + h, y - h], [x + h, y + h], [x - h, y + h]];
    series.push(area("the unsafe box", 1, corners(&square)));
    let mut rng = Stream::new(seed, "zonotopes").child("drawn").at(0);
    let inputs: Vec<f64> = (0..2 * drawn).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
    let outputs = assessment.network.predict(MatrixView::row_major(&inputs, drawn, 2));
    series.push(Series {
        label: "outputs of random inputs".to_string(),
        style: 6,
        mark: Mark::Dots,
        points: corners(outputs.as_chunks::<2>().0),
    });
    Ok(series)
}

/// The way of the first seed of each arm.
fn course(measured: &[Measured]) -> Figure {
    let panel = |y: Axis, value: fn(&Moment) -> f64, limit: Option<f64>| {
        let followed = measured.iter().filter(|it| !matches!(it.arm.part, Part::Size(_)));
        let runs = followed.filter_map(|it| Some((it, it.runs.first()?)));
        let mut series: Vec<Series> = runs
            .enumerate()
            .map(|(style, (it, run))| Series {
                label: it.arm.name.clone(),
                style,
                mark: Mark::JoinedPoints,
                points: thinned(&run.history, value),
            })
            .collect();
        let last = |series: &Series| series.points.last().map_or(f64::NAN, |point| point.y);
        let ends: Vec<(&str, f64)> = series.iter().map(|s| (s.label.as_str(), last(s))).collect();
        let title = ended(&ends);
        if let Some(limit) = limit {
            let last = series.iter().flat_map(|s| &s.points).map(|p| p.x).fold(0.0, f64::max);
            series.push(Series {
                label: "unsafe below".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: vec![Point::new(0.0, limit), Point::new(last, limit)],
            });
        }
        Panel { title, x: Axis::linear("step after the fit"), y, series }
    };
    let least = Axis::linear("least scale of a collision");
    let error = Axis::logarithmic("mean squared test error");
    Figure {
        part: "course".to_string(),
        caption: "Training after the fit, for the first seed: how near the outputs come to the \
                  unsafe box, the test error, and the number of cells."
            .to_string(),
        panels: vec![
            panel(least, |moment| moment.least_scale, Some(1.0)),
            panel(error, |moment| moment.test_error, None),
            panel(Axis::linear("cells"), |moment| moment.cells as f64, None),
        ],
    }
}

/// About so many markers of a line can be told from those of the others.
const MARKERS: usize = 12;

/// Some moments of a history, the first and the last among them.
fn thinned(history: &[Moment], value: fn(&Moment) -> f64) -> Vec<Point> {
    let step = history.len().div_ceil(MARKERS).max(1);
    let last = history.len().saturating_sub(1);
    let shown = history.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last);
    shown.map(|(_, moment)| Point::new(moment.step as f64, value(moment))).collect()
}

fn size_figure(sizes: &[&Measured], measured: &[Measured]) -> Figure {
    let point = |it: &Measured, error: f64, half: Option<f64>| {
        Point::with_interval(it.arm.settings.obstacle.half_width, error, half)
    };
    let trained = sizes.iter().map(|it| {
        let error = it.mean(|run| run.after.test_error);
        point(it, error.mean, error.half_width)
    });
    let mut series = vec![Series {
        label: "constrained".to_string(),
        style: 0,
        mark: Mark::JoinedPoints,
        points: trained.collect(),
    }];
    if let Some(plain) = measured.iter().find(|it| it.arm.part == Part::Unconstrained) {
        let error = plain.mean(|run| run.after.test_error).mean;
        series.push(Series {
            label: "unconstrained".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: sizes.iter().map(|it| point(it, error, None)).collect(),
        });
    }
    let counts: Vec<String> =
        sizes.iter().map(|it| format!("{} of {}", it.certified(), it.runs.len())).collect();
    Figure {
        part: "sizes".to_string(),
        caption: "Test error of constrained training against the half-width of the unsafe box."
            .to_string(),
        panels: vec![Panel {
            title: format!("certified, from left to right: {}", counts.join(", ")),
            x: Axis::linear("half-width of the unsafe box"),
            y: Axis::logarithmic("mean squared test error"),
            series,
        }],
    }
}
