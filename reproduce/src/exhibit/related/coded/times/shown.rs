//! What the page shows of the times: tables, sentences, and a figure.

use coded_activations::arm::{Arm, FEW_BITS};

use super::{Pass, Step, Way};
use crate::exhibit::times::timed_network::TimedNetwork;
use crate::result::{Axis, Figure, Mark, Panel, Point, Rows, Series, Table, significant};
use crate::timing::Spread;

/// The longest that a step with codes of a few bits may take, over the exact one: set before it was
/// measured.
const BOUND: f64 = 1.15;

/// "the network, minibatch 64".
fn in_words(timed: &TimedNetwork) -> String {
    format!("{}, minibatch {}", timed.network.title(), timed.batch_size)
}

pub fn table_of_steps(steps: &[Step]) -> Table {
    Rows::of(steps)
        .key("of", |step| in_words(step.of))
        .key("way", |step| step.arm.name())
        .value("time", "ms", |step| 1e3 * step.seconds.median)
        .value("time-low", "ms", |step| 1e3 * step.seconds.low)
        .value("time-high", "ms", |step| 1e3 * step.seconds.high)
        .value("time over exact", "%", |step| 100.0 * step.over_exact.median)
        .value("activations", "MB", |step| step.megabytes)
        .table("Training steps, median and quartiles")
}

pub fn table_of_passes(passes: &[Pass]) -> Table {
    Rows::of(passes)
        .key("of", |pass| format!("{} numbers", pass.numbers))
        .key("way", |pass| pass.way.name())
        .value("time", "ms", |pass| 1e3 * pass.seconds.median)
        .value("time-low", "ms", |pass| 1e3 * pass.seconds.low)
        .value("time-high", "ms", |pass| 1e3 * pass.seconds.high)
        .value("time over copy", "%", |pass| 100.0 * pass.over_copy.median)
        .value("speed", "GB/s of numbers", Pass::gigabytes_a_second)
        .table("Copies and codes on one thread, median and quartiles")
}

/// Steps with codes of a few bits.
fn of_few_bits<'a, 'b>(steps: &'b [Step<'a>]) -> impl Iterator<Item = &'b Step<'a>> {
    steps.iter().filter(|step| step.arm == Arm::Backward(FEW_BITS))
}

/// "2 of 3", the steps with codes of a few bits that are within the bound.
fn within_the_bound(steps: &[Step]) -> String {
    let within = of_few_bits(steps).filter(|step| step.over_exact.median <= BOUND).count();
    format!("{within} of {}", of_few_bits(steps).count())
}

/// What a step with codes of a few bits takes, beside the bound.
pub fn finding(steps: &[Step]) -> String {
    let said: Vec<String> = of_few_bits(steps)
        .map(|Step { of, over_exact, .. }| {
            format!("{} times ({})", significant(over_exact.median, 3), in_words(of))
        })
        .collect();
    format!(
        "A step with codes of {FEW_BITS} bits takes {} as long as the exact one: {} within the bound of \
         {BOUND}.",
        said.join(", "),
        within_the_bound(steps),
    )
}

fn codings(passes: &[Pass]) -> impl Iterator<Item = &Pass> {
    passes.iter().filter(|pass| pass.way != Way::Copy)
}

fn is_slower_than_a_copy(pass: &Pass) -> bool {
    pass.over_copy.median > 1.0
}

/// Whether codes are made and read as fast as numbers are copied.
pub fn memory_speed(passes: &[Pass]) -> String {
    let all = codings(passes).count();
    let slower: Vec<String> = codings(passes)
        .filter(|pass| is_slower_than_a_copy(pass))
        .map(|Pass { numbers, way, over_copy, .. }| {
            let times = significant(over_copy.median, 3);
            format!("{times} times for {} of {numbers} numbers", way.name())
        })
        .collect();
    match slower.len() {
        0 => format!("All {all} take no longer than the copy."),
        count => format!("{count} of {all} take longer than the copy: {}.", slower.join("; ")),
    }
}

/// Bits of a number as it is.
const BITS_OF_NUMBERS: u32 = 8 * size_of::<f32>() as u32;

pub fn figure(steps: &[Step], passes: &[Pass]) -> Figure {
    let bits = |arm: Arm| match arm {
        Arm::Exact => Some(BITS_OF_NUMBERS),
        Arm::Backward(bits) => Some(bits),
        _ => None,
    };
    let point = |bits: u32, over: &Spread| {
        let half = 100.0 * (over.high - over.low) / 2.0;
        Point::with_interval(f64::from(bits), 100.0 * over.median, Some(half))
    };
    let by_network = steps.chunk_by(|one, other| std::ptr::eq(one.of, other.of));
    let networks = by_network.enumerate().map(|(style, steps)| Series {
        label: in_words(steps[0].of),
        style,
        mark: Mark::JoinedPoints,
        points: steps
            .iter()
            .filter_map(|step| Some(point(bits(step.arm)?, &step.over_exact)))
            .collect(),
    });
    let mut networks: Vec<Series> = networks.collect();
    let ends = [f64::from(BITS_OF_NUMBERS), 2.0];
    let level = |label: &str, percent: f64| Series {
        label: label.to_string(),
        style: 0,
        mark: Mark::Dashed,
        points: ends.map(|bits| Point::new(bits, percent)).to_vec(),
    };
    networks.push(level("bound", 100.0 * BOUND));
    let by_size = passes.chunk_by(|one, other| one.numbers == other.numbers);
    let by_coding = by_size.enumerate().flat_map(|(size, passes)| {
        let series = |place: usize, what: &str, bits: fn(Way) -> Option<u32>| Series {
            label: format!("{what} {} numbers", passes[0].numbers),
            style: 2 * size + place,
            mark: Mark::JoinedPoints,
            points: passes
                .iter()
                .filter_map(|pass| Some(point(bits(pass.way)?, &pass.over_copy)))
                .collect(),
        };
        let encoded = series(0, "encode", |way| match way {
            Way::Encode(bits) => Some(bits),
            _ => None,
        });
        let decoded = series(1, "decode", |way| match way {
            Way::Decode(bits) => Some(bits),
            _ => None,
        });
        [encoded, decoded]
    });
    let mut by_coding: Vec<Series> = by_coding.collect();
    by_coding.push(level("copy", 100.0));
    let slower = codings(passes).filter(|pass| is_slower_than_a_copy(pass)).count();
    Figure {
        part: String::new(),
        caption:
            "Time of a training step with codes over that of the exact one, and of making and \
                  reading codes over that of copying the numbers, against the bits of a code; bars \
                  are half the distance of the quartiles to each side."
                .to_string(),
        panels: vec![
            Panel {
                title: format!(
                    "With {FEW_BITS} bits {} networks are within {:.0} %",
                    within_the_bound(steps),
                    100.0 * BOUND
                ),
                x: Axis::logarithmic("bits kept of an activation"),
                y: Axis::linear("time, % of exact"),
                series: networks,
            },
            Panel {
                title: format!(
                    "{slower} of {} codings are slower than a copy",
                    codings(passes).count()
                ),
                x: Axis::logarithmic("bits of a code"),
                y: Axis::linear("time, % of copy"),
                series: by_coding,
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use training::layer::ImageShape;
    use training::network::NetworkConfig;
    use training::optimizer::OptimizerConfig;

    fn exactly(value: f64) -> Spread {
        Spread { low: value, median: value, high: value }
    }

    #[test]
    fn steps_are_within_the_bound_or_not() {
        let network = TimedNetwork {
            network: NetworkConfig::BatchNormMlp { hidden: vec![4] },
            image: ImageShape::new(1, 2, 2),
            classes: 2,
            batch_size: 8,
            minimal_k: 1,
            optimizer: OptimizerConfig::Adam { learning_rate: 0.1 },
        };
        let step = |arm, over| Step {
            of: &network,
            arm,
            seconds: exactly(1.0),
            over_exact: exactly(over),
            megabytes: 1.0,
        };
        let few = |over| finding(&[step(Arm::Exact, 1.0), step(Arm::Backward(FEW_BITS), over)]);
        let said = "A step with codes of 4 bits takes 1.10 times (batch-normalised MLP, minibatch 8) as \
                    long as the exact one: 1 of 1 within the bound of 1.15.";
        assert_eq!(few(1.1), said);
        assert!(few(1.2).ends_with(": 0 of 1 within the bound of 1.15."));
    }

    #[test]
    fn what_takes_longer_than_the_copy_is_named() {
        let pass =
            |way, over| Pass { numbers: 9, way, seconds: exactly(1.0), over_copy: exactly(over) };
        let copy = || pass(Way::Copy, 1.0);
        let fast = memory_speed(&[copy(), pass(Way::Encode(4), 0.9), pass(Way::Decode(4), 0.8)]);
        assert_eq!(fast, "All 2 take no longer than the copy.");
        let slow = memory_speed(&[copy(), pass(Way::Encode(4), 1.25), pass(Way::Decode(4), 0.8)]);
        let expected =
            "1 of 2 take longer than the copy: 1.25 times for encode, 4 bits of 9 numbers.";
        assert_eq!(slow, expected);
    }
}
