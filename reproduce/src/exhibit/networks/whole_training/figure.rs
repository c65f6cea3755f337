//! The figure: accuracy over computations and over time, with the control as a line.

use kernels::Estimator;

use super::arms::Role;
use super::control::Priced;
use super::finding::{Finding, headline};
use super::trained::{Cost, Trained, curve};
use crate::exhibit::difference::intervals;
use crate::exhibit::statistics::Estimate;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

/// Of the arms that were run; none where the exact one was not.
pub fn figure(trained: &[Trained], sampled: &[Finding]) -> Option<Figure> {
    let seeds = trained.iter().map(|arm| arm.runs.len()).max()?;
    let time = Cost::time(trained);
    Some(Figure {
        part: String::new(),
        caption: format!(
            "{} What is shown is the {} of whole trainings after the last epoch over their \
             multiply-adds and over their {}, {}; dashed is the control, exact training of all and of \
             fewer epochs.",
            headline(sampled),
            trained[0].measure.name(),
            time.words(),
            intervals(seeds),
        ),
        panels: vec![
            panel("computations", trained, Cost::Computations)?,
            panel("time", trained, time)?,
        ],
    })
}

fn panel(same: &str, trained: &[Trained], cost: Cost) -> Option<Panel> {
    let measure = trained[0].measure;
    let exact = trained[0].mean(|run| cost.of(run))?;
    let point = |Priced { cost, scores }: &Priced| {
        let shown: Vec<f64> = scores.values().map(|score| measure.shown(*score)).collect();
        let Estimate { mean, half_width } = Estimate::of(&shown);
        Point::with_interval(100.0 * cost / exact, mean, half_width)
    };
    let curve = curve(trained, cost);
    let mut series = vec![Series {
        label: "exact, all and fewer epochs".to_string(),
        style: CONTROL,
        mark: Mark::DashedPoints,
        points: curve.controls().iter().map(point).collect(),
    }];
    let others = trained.iter().filter(|arm| !arm.is_on_the_curve() && !arm.runs.is_empty());
    for arm in others {
        let point = point(&arm.priced(cost));
        let (label, style) = match (arm.role, arm.estimator) {
            (Role::Sampled, Some(estimator)) => (estimator.name(), style(estimator)),
            _ => (arm.arm.name.as_str(), OTHER_NETWORK),
        };
        match series.iter_mut().find(|series| series.label == label) {
            Some(series) => series.points.push(point),
            None => series.push(Series {
                label: label.to_string(),
                style,
                mark: Mark::Points,
                points: vec![point],
            }),
        }
    }
    for series in &mut series {
        series.points.sort_by(|one, other| one.x.total_cmp(&other.x));
    }
    let label = format!("{}, % of exact", cost.words());
    Some(Panel {
        title: measure.at_equal(same),
        x: Axis::linear(&label),
        y: Axis::linear(measure.axis()),
        series,
    })
}

/// The marker of the control, grey and of another shape than those of the usual estimators.
const CONTROL: usize = 3;

/// The style of exact arms that have another network.
const OTHER_NETWORK: usize = 6;

/// The style that other figures give an estimator, by its place in the lists of their settings.
fn style(estimator: Estimator) -> usize {
    match estimator {
        Estimator::TopK => 0,
        Estimator::ColumnRow => 1,
        Estimator::Bernoulli => 2,
        Estimator::UniformWithoutReplacement => 3,
        Estimator::Systematic => 4,
        _ => 5,
    }
}
