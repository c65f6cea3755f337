//! The figure: exchanges against the share that is sent, and steps against the rate of the links.

use super::Nodes;
use super::goals::places;
use crate::nodes::record::{Place, Record};
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

impl Nodes {
    pub(super) fn figure(&self, record: &Record) -> Figure {
        Figure {
            part: String::new(),
            caption: format!(
                "{} ranks. Left: time of an exchange of the MLP's gradient, whole or in slices, \
                 against the ratio of the pairs kept; the dashed lines are what the bytes of the \
                 formula take at the rate of the link. Right: how many times as fast a sampled step \
                 is as an exact one, against the rate of the links.",
                shown(record)
            ),
            panels: vec![exchanges(record), speed_ups(record)],
        }
    }
}

/// The number of ranks that is drawn: four, for which there are goals, or else the most.
fn shown(record: &Record) -> usize {
    let ranks: Vec<usize> = places(record).into_iter().map(|place| place.ranks).collect();
    if ranks.contains(&4) { 4 } else { ranks.into_iter().max().unwrap_or_default() }
}

/// Where that many were measured.
fn shown_places(record: &Record) -> impl Iterator<Item = Place> {
    let ranks = shown(record);
    places(record).into_iter().filter(move |place| place.ranks == ranks)
}

fn exchanges(record: &Record) -> Panel {
    let (mut series, mut bounds) = (Vec::new(), Vec::new());
    for (style, place) in shown_places(record).enumerate() {
        let here = record
            .exchanges
            .iter()
            .filter(|exchange| exchange.place == place && exchange.contestant == "ours");
        let mut here: Vec<_> = here.collect();
        here.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
        let points = here.iter().map(|exchange| {
            let times = exchange.milliseconds;
            Point::with_interval(exchange.ratio, times.median, Some((times.high - times.low) / 2.0))
        });
        series.push(Series {
            label: place.rate(),
            style,
            mark: Mark::JoinedPoints,
            points: points.collect(),
        });
        let wire = here.iter().filter_map(|exchange| {
            let least = place.wire(place.least(exchange.payload))?;
            Some(Point::new(exchange.ratio, least))
        });
        bounds.push(Series {
            label: "bytes of the formula at the rate".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: wire.collect(),
        });
    }
    series.extend(bounds.into_iter().filter(|bound| !bound.points.is_empty()));
    Panel {
        title: "Exchange".to_string(),
        x: Axis::linear("ratio of the pairs kept"),
        y: Axis::logarithmic("time, ms"),
        series,
    }
}

fn speed_ups(record: &Record) -> Panel {
    /// Where links without a limit are drawn.
    const UNLIMITED: f64 = 1e5;
    /// The ratio at which other networks than the MLP are drawn.
    const OF_OTHERS: f64 = 0.34;
    let mut series = Vec::new();
    let mut ratios: Vec<f64> = record.steps.iter().map(|step| step.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.dedup();
    let of = |place, ratio: f64, network: &str, way: &str| {
        let contestant = format!("ours: {network}, {way}");
        let mut steps = record.steps.iter();
        let step = steps.find(|step| {
            step.place == place && step.ratio == ratio && step.contestant.starts_with(&contestant)
        });
        step.map(|step| step.milliseconds.median)
    };
    let sampled = ratios.into_iter().filter(|ratio| *ratio < 1.0);
    let drawn = sampled.map(|ratio| ("MLP", ratio));
    for (network, ratio) in drawn.chain([("CNN", OF_OTHERS), ("WRN-16-4", OF_OTHERS)]) {
        let points = shown_places(record).filter_map(|place| {
            let exact = of(place, 1.0, network, "exact")?;
            let times = exact / of(place, ratio, network, "shared")?;
            Some(Point::new(place.megabits.map_or(UNLIMITED, f64::from), times))
        });
        let mut points: Vec<Point> = points.collect();
        points.sort_by(|one, other| one.x.total_cmp(&other.x));
        if !points.is_empty() {
            series.push(Series {
                label: format!("{network}, top-k at {ratio}"),
                style: series.len(),
                mark: Mark::JoinedPoints,
                points,
            });
        }
    }
    Panel {
        title: "Training step".to_string(),
        x: Axis::logarithmic("rate of the links, Mbit/s (unlimited at 100,000)"),
        y: Axis::linear("times as fast as exact"),
        series,
    }
}
