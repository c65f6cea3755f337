//! Digits drawn by code, for a run without any data: 28 x 28 pixels, ten classes.
//!
//! A digit is a few strokes through control points on the unit square. Every image jitters the
//! points, turns, shears, scales and shifts them, chooses a thickness, lays a stray stroke over
//! the image and adds noise, so that a linear model stays below 90 % of right answers while a
//! multilayer perceptron does not.

use super::{Dataset, Normalisation, Splits};
use kernels::random::{Generator, Stream, below, standard_normal, uniform};
use rayon::prelude::*;

const SIDE: usize = 28;
const CLASSES: usize = 10;

type Point = (f64, f64);

/// `train`, `held_out` and `test` generated digits of a seed, ten classes in turn at random.
pub fn generated_digits(seed: u64, train: usize, held_out: usize, test: usize) -> Splits {
    let stream = Stream::new(seed, "generated digits");
    let draw = |name: &str, count: usize| {
        let stream = stream.child(name);
        let images: Vec<(u16, Vec<u8>)> =
            (0..count as u64).into_par_iter().map(|index| image(&mut stream.at(index))).collect();
        Dataset {
            name: "generated digits".to_owned(),
            channels: 1,
            height: SIDE,
            width: SIDE,
            classes: CLASSES,
            labels: images.iter().map(|(label, _)| *label).collect(),
            pixels: images.into_iter().flat_map(|(_, pixels)| pixels).collect(),
            normalisation: Normalisation::mnist(),
        }
    };
    Splits {
        train: draw("train", train),
        held_out: draw("held out", held_out),
        test: draw("test", test),
    }
}

/// An elliptic arc from angle `from` to `to`, in quarter turns clockwise from the right.
fn arc(centre: Point, radii: Point, from: f64, to: f64) -> Vec<Point> {
    const PIECES: usize = 10;
    (0..=PIECES)
        .map(|piece| {
            let quarter = from + (to - from) * piece as f64 / PIECES as f64;
            let angle = quarter * std::f64::consts::FRAC_PI_2;
            (centre.0 + radii.0 * libm::cos(angle), centre.1 + radii.1 * libm::sin(angle))
        })
        .collect()
}

/// The strokes of a digit on the unit square, y downwards; some digits have two styles.
fn strokes(digit: usize, second_style: bool) -> Vec<Vec<Point>> {
    match (digit, second_style) {
        (0, _) => vec![arc((0.5, 0.5), (0.3, 0.42), 0.0, 4.0)],
        (1, false) => vec![vec![(0.5, 0.08), (0.5, 0.92)]],
        (1, true) => vec![vec![(0.32, 0.26), (0.54, 0.08), (0.54, 0.92)]],
        (2, _) => vec![
            [arc((0.5, 0.32), (0.28, 0.24), -2.0, 0.4), vec![(0.2, 0.9), (0.82, 0.9)]].concat(),
        ],
        (3, _) => vec![
            arc((0.45, 0.29), (0.27, 0.21), -1.8, 1.0),
            arc((0.45, 0.71), (0.3, 0.21), -1.0, 1.8),
        ],
        (4, false) => {
            vec![vec![(0.62, 0.92), (0.62, 0.08), (0.18, 0.62), (0.84, 0.62)]]
        }
        (4, true) => {
            vec![vec![(0.26, 0.1), (0.22, 0.52), (0.78, 0.52)], vec![(0.72, 0.1), (0.68, 0.92)]]
        }
        (5, _) => vec![
            vec![(0.78, 0.1), (0.3, 0.1), (0.27, 0.45)],
            arc((0.46, 0.66), (0.3, 0.24), -1.4, 1.7),
        ],
        (6, _) => vec![
            vec![(0.68, 0.08), (0.4, 0.3), (0.24, 0.62)],
            arc((0.5, 0.68), (0.27, 0.23), 0.0, 4.0),
        ],
        (7, false) => vec![vec![(0.2, 0.1), (0.8, 0.1), (0.42, 0.92)]],
        (7, true) => {
            vec![vec![(0.2, 0.1), (0.8, 0.1), (0.42, 0.92)], vec![(0.34, 0.52), (0.74, 0.52)]]
        }
        (8, _) => {
            vec![arc((0.5, 0.3), (0.23, 0.2), 0.0, 4.0), arc((0.5, 0.71), (0.29, 0.21), 0.0, 4.0)]
        }
        _ => vec![
            arc((0.5, 0.32), (0.26, 0.23), 0.0, 4.0),
            vec![(0.76, 0.34), (0.7, 0.66), (0.5, 0.92)],
        ],
    }
}

fn between(rng: &mut Generator, low: f64, high: f64) -> f64 {
    low + (high - low) * uniform(rng)
}

/// The label and the pixels of one image.
fn image(rng: &mut Generator) -> (u16, Vec<u8>) {
    let digit = below(rng, CLASSES);
    let mut strokes = strokes(digit, uniform(rng) < 0.4);
    let turn = between(rng, -0.45, 0.45);
    let (sine, cosine) = (libm::sin(turn), libm::cos(turn));
    let shear = between(rng, -0.3, 0.3);
    let (wide, high) = (between(rng, 11.0, 19.0), between(rng, 14.0, 21.0));
    let shift = (between(rng, -3.0, 3.0), between(rng, -2.5, 2.5));
    for point in strokes.iter_mut().flatten() {
        let x = point.0 - 0.5 + 0.025 * standard_normal(rng);
        let y = point.1 - 0.5 + 0.025 * standard_normal(rng);
        let (x, y) = ((x - shear * y) * wide, y * high);
        let middle = SIDE as f64 / 2.0;
        *point =
            (cosine * x - sine * y + middle + shift.0, sine * x + cosine * y + middle + shift.1);
    }
    let thickness = between(rng, 0.8, 1.9);
    let stray = {
        let start = (between(rng, 0.0, 28.0), between(rng, 0.0, 28.0));
        let end = (start.0 + 5.0 * standard_normal(rng), start.1 + 5.0 * standard_normal(rng));
        (vec![start, end], between(rng, 0.4, 0.9))
    };
    let brightness = between(rng, 0.6, 1.0);
    let noise = between(rng, 0.02, 0.14);
    let pixels = (0..SIDE * SIDE)
        .map(|pixel| {
            let at = ((pixel % SIDE) as f64 + 0.5, (pixel / SIDE) as f64 + 0.5);
            let ink = strokes.iter().map(|stroke| coverage(stroke, thickness, at));
            let ink = ink.fold(0.0, f64::max).max(stray.1 * coverage(&stray.0, 0.8, at));
            let value = brightness * ink + noise * standard_normal(rng);
            (255.0 * value.clamp(0.0, 1.0)).round() as u8
        })
        .collect();
    (digit as u16, pixels)
}

/// How much of a pixel a stroke covers: one inside its thickness, falling to zero over a pixel.
fn coverage(stroke: &[Point], thickness: f64, at: Point) -> f64 {
    let squared = stroke
        .windows(2)
        .map(|ends| squared_distance(at, ends[0], ends[1]))
        .fold(f64::INFINITY, f64::min);
    (thickness + 0.5 - squared.sqrt()).clamp(0.0, 1.0)
}

/// The squared distance of a point from a segment.
fn squared_distance(at: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (at.0 - from.0, at.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (px - along * dx, py - along * dy);
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NetworkConfig;
    use crate::optimizer::OptimizerConfig;
    use crate::train::{TrainingConfig, train};
    use kernels::InstructionSet;
    use std::ops::ControlFlow;

    #[test]
    fn the_same_seed_draws_the_same_images() {
        let (one, two) = (generated_digits(1, 20, 5, 5), generated_digits(1, 40, 5, 5));
        assert_eq!(one.train, two.train.part(0, 20), "an image depends on its own address only");
        assert_ne!(one.checksum(), generated_digits(2, 20, 5, 5).checksum());
    }

    #[test]
    fn every_class_is_drawn_about_as_often() {
        let labels = generated_digits(1, 2_000, 1, 1).train.labels;
        for class in 0..10 {
            let count = labels.iter().filter(|&&label| label == class).count() as f64;
            // Five standard deviations of a binomial count.
            assert!(
                (count - 200.0).abs() < 5.0 * (2_000.0f64 * 0.1 * 0.9).sqrt(),
                "{class}: {count}"
            );
        }
    }

    #[test]
    fn a_linear_model_stays_below_90_percent_and_a_hidden_layer_does_better() {
        let splits = generated_digits(1, 6_000, 10, 2_000);
        let accuracy = |hidden: Vec<usize>| {
            let config = TrainingConfig::new(
                NetworkConfig::Mlp { hidden, dropout: 0.0 },
                50,
                8,
                OptimizerConfig::Adam { learning_rate: 1e-3 },
                1,
            );
            let mut go_on = |_| ControlFlow::Continue(());
            let report = train(&config, &splits, InstructionSet::detect(), &mut go_on).unwrap();
            report.epochs.iter().map(|epoch| epoch.test.accuracy).fold(0.0, f64::max)
        };
        let (linear, hidden) = (accuracy(vec![]), accuracy(vec![128]));
        assert!(linear < 0.9, "a linear model reaches {linear}");
        assert!(hidden > linear + 0.1, "{hidden} with a hidden layer, {linear} without");
    }
}
