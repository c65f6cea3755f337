//! The figures.

use axtrain::arm::Arm;
use axtrain::experiment::SAMPLED_BY;

use super::measured::{Measured, Test};
use crate::exhibit::statistics::Estimate;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series, significant};

/// The arms of the method, with what they are held against.
const METHOD: [Arm; 5] =
    [Arm::Baseline, Arm::MatchedNorm, Arm::Passive, Arm::Active, Arm::Combined];
/// Those that were trained with other approximations.
const OTHERS: [Arm; 4] = [Arm::Baseline, Arm::Multiplier, Arm::TopK, Arm::Bernoulli];
/// Those that say what training with a multiplier does.
const MULTIPLIERS: [Arm; 6] =
    [Arm::Baseline, Arm::Combined, Arm::Multiplier, Arm::Shuffled, Arm::TopK, Arm::Bernoulli];
/// Those that say who bears sampled inference.
const SAMPLED: [Arm; 6] =
    [Arm::Baseline, Arm::Passive, Arm::Active, Arm::Combined, Arm::TopK, Arm::Bernoulli];

/// Accuracy against flips and against columns, R against what flips cost, sampled inference.
pub fn figures(measured: &Measured) -> Vec<Figure> {
    vec![
        Figure {
            part: String::new(),
            caption: "Test accuracy against the probability that a stored bit is flipped. Left: \
                      ways of training for it, means over chips with their 95 % intervals over the \
                      seeds as bands. Middle: the chip that a twentieth of all are no better than. \
                      Right: networks that were trained with other approximations."
                .to_string(),
            panels: vec![
                flips(measured, "mean chip", &METHOD, Test::Chips, true),
                flips(measured, "5th-percentile chip", &METHOD, Test::WeakChip, false),
                flips(measured, "trained with others", &OTHERS, Test::Chips, true),
            ],
        },
        Figure {
            part: "multipliers".to_string(),
            caption:
                "Test accuracy against the number of columns that a multiplier leaves out, and \
                      with Mitchell's multiplier."
                    .to_string(),
            panels: vec![columns(measured), mitchell(measured)],
        },
        Figure {
            part: "sensitivity".to_string(),
            caption: "What flips cost of the accuracy against R, the mean squared change of the \
                      outputs by small noise of the memory: a dot a run."
                .to_string(),
            panels: vec![sensitivity(measured)],
        },
        Figure {
            part: "sampled".to_string(),
            caption: "Test accuracy of inference with sampled products against the share of \
                      column-row pairs that is kept."
                .to_string(),
            panels: (0..SAMPLED_BY.len()).map(|estimator| sampled(measured, estimator)).collect(),
        },
    ]
}

/// The same colour of an arm in every figure.
fn style(arm: Arm) -> usize {
    arm as usize
}

/// Points in increasing x.
fn points(measured: &Measured, arm: Arm, places: &[(f64, Test)]) -> Vec<(f64, Estimate)> {
    let mut points: Vec<(f64, Estimate)> =
        places.iter().map(|(x, test)| (*x, measured.accuracy(arm, *test))).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points
}

fn joined(arm: Arm, points: &[(f64, Estimate)], with_interval: bool) -> Series {
    let point = |(x, Estimate { mean, half_width }): &(f64, Estimate)| match with_interval {
        true => Point::with_interval(*x, *mean, *half_width),
        false => Point::new(*x, *mean),
    };
    Series {
        label: arm.name().to_string(),
        style: style(arm),
        mark: Mark::JoinedPoints,
        points: points.iter().map(point).collect(),
    }
}

fn band(arm: Arm, points: &[(f64, Estimate)]) -> Series {
    let places: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
    let end = |sign: f64| -> Vec<f64> {
        let of = |(_, it): &(f64, Estimate)| it.mean + sign * it.half_width.unwrap_or(0.0);
        points.iter().map(|point| of(point).clamp(0.0, 100.0)).collect()
    };
    Series::band(arm.name(), style(arm), &places, &end(-1.0), &end(1.0))
}

fn flips(
    measured: &Measured,
    title: &str,
    arms: &[Arm],
    test: fn(usize) -> Test,
    with_band: bool,
) -> Panel {
    let probabilities = &measured.settings.networks.tested.probabilities;
    // Zero has no place on a logarithmic axis; what it comes to is in the table.
    let places: Vec<(f64, Test)> = probabilities
        .iter()
        .enumerate()
        .filter(|(_, probability)| **probability > 0.0)
        .map(|(place, probability)| (*probability, test(place)))
        .collect();
    let mut series = Vec::new();
    for &arm in arms {
        let points = points(measured, arm, &places);
        if with_band {
            series.push(band(arm, &points));
        }
        series.push(joined(arm, &points, false));
    }
    Panel {
        title: title.to_string(),
        x: Axis::logarithmic("probability of a flip"),
        y: Axis::linear("test accuracy (%)").within(0.0, 100.0),
        series,
    }
}

fn columns(measured: &Measured) -> Panel {
    let tested = &measured.settings.networks.tested.columns;
    let places: Vec<(f64, Test)> = tested
        .iter()
        .enumerate()
        .map(|(place, columns)| (*columns as f64, Test::Truncated(place)))
        .collect();
    let series = MULTIPLIERS.iter().map(|arm| joined(*arm, &points(measured, *arm, &places), true));
    Panel {
        title: "truncated".to_string(),
        x: Axis::linear("columns left out"),
        y: Axis::linear("test accuracy (%)"),
        series: series.collect(),
    }
}

fn mitchell(measured: &Measured) -> Panel {
    let across = |(place, arm): (usize, &Arm)| {
        let Estimate { mean, half_width } = measured.accuracy(*arm, Test::Mitchell);
        Series {
            label: arm.name().to_string(),
            style: style(*arm),
            mark: Mark::Across,
            points: vec![Point::with_interval(mean, (place + 1) as f64, half_width)],
        }
    };
    Panel {
        title: "Mitchell".to_string(),
        x: Axis::linear("test accuracy (%)"),
        y: Axis::of_names(MULTIPLIERS.iter().map(|arm| arm.name().to_string()).collect()),
        series: MULTIPLIERS.iter().enumerate().map(across).collect(),
    }
}

fn sensitivity(measured: &Measured) -> Panel {
    let place = measured.compared_at();
    let dots = |arm: &Arm| {
        let of_run = |outcome: &axtrain::experiment::Outcome| {
            let lost = Test::Faultless.accuracy(outcome) - Test::Chips(place).accuracy(outcome);
            Point::new(outcome.sensitivity, lost)
        };
        Series {
            label: arm.name().to_string(),
            style: style(*arm),
            mark: Mark::Points,
            points: measured.runs.iter().map(|run| of_run(run.of(*arm))).collect(),
        }
    };
    let probability = measured.settings.networks.tested.probabilities[place];
    Panel {
        title: format!("flips with probability {}", significant(probability, 2)),
        x: Axis::logarithmic("R"),
        y: Axis::linear("accuracy lost (points)"),
        series: METHOD.iter().map(dots).collect(),
    }
}

fn sampled(measured: &Measured, estimator: usize) -> Panel {
    let tested = &measured.settings.networks.tested.ratios;
    let places: Vec<(f64, Test)> = tested
        .iter()
        .enumerate()
        .map(|(place, ratio)| (*ratio, Test::Sampled(place, estimator)))
        .collect();
    let series = SAMPLED.iter().map(|arm| joined(*arm, &points(measured, *arm, &places), true));
    Panel {
        title: format!("inference by {}", SAMPLED_BY[estimator].name()),
        x: Axis::linear("share of pairs kept"),
        y: Axis::linear("test accuracy (%)"),
        series: series.collect(),
    }
}
