//! The figures.

use coded_activations::arm::{Arm, FEW_BITS};

use super::finding::{beside_exact, deeper, grows, smallest};
use super::measured::Measured;
use crate::exhibit::statistics::Estimate;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

/// A style further on by it has the same colour and another marker.
const VARIANT: usize = 7;

/// Training curves, gradient errors by layer, bytes against error.
pub fn figures(measured: &Measured) -> Vec<Figure> {
    let bits = &measured.settings.bits;
    let backward: Vec<Arm> = bits.iter().map(|bits| Arm::Backward(*bits)).collect();
    let naive: Vec<Arm> = bits.iter().map(|bits| Arm::Naive(*bits)).collect();
    let mistakes = [Arm::ZeroAsLevel, Arm::Permuted, Arm::AsReleased, Arm::Frozen];
    let sampled = [Arm::Sampled, Arm::SampledCoded, Arm::SampledPermuted];
    vec![
        Figure {
            part: String::new(),
            caption: "Test error after each epoch, means over the seeds with their 95 % intervals; \
                      grey, exact activations. Left: codes for the backward pass alone. Middle: the \
                      forward pass has what they stand for, too. Right: mistakes made on purpose, the \
                      released program's bins, and a first layer that is not learnt."
                .to_string(),
            panels: vec![
                curves(measured, "backward pass", Arm::Backward(FEW_BITS), &backward),
                curves(measured, "both passes", Arm::Naive(FEW_BITS), &naive),
                curves(measured, "mistakes", Arm::Permuted, &mistakes),
            ],
        },
        Figure {
            part: "gradients".to_string(),
            caption: "How far the weight gradient of each layer is from the exact one, over its norm, \
                      at the same weights and minibatch, from the first layer to the last; filled \
                      markers: codes for the backward pass alone; outlines: for both passes."
                .to_string(),
            panels: vec![gradients(measured, &backward, &naive)],
        },
        Figure {
            part: "memory".to_string(),
            caption: "Left: bytes that a minibatch's forward pass stores for the backward pass, by \
                      the allocator's count, against the test error after the last epoch. Middle: \
                      how many times less is stored than exactly, by the images of a minibatch. \
                      Right: the test error after each epoch where products are sampled."
                .to_string(),
            panels: vec![
                memory(measured, &backward, &naive),
                sizes(measured, &backward),
                curves(measured, "beside sampled", Arm::SampledCoded, &sampled),
            ],
        },
    ]
}

/// The same colour and marker of an arm in every figure.
fn style(arm: Arm) -> usize {
    let of_bits = |bits: u32| match bits {
        8 => 0,
        4 => 1,
        2 => 2,
        _ => 3,
    };
    match arm {
        Arm::Exact => 0,
        Arm::Backward(bits) => of_bits(bits),
        Arm::Naive(bits) => VARIANT + of_bits(bits),
        Arm::ZeroAsLevel => 4,
        Arm::Permuted => 5,
        Arm::AsReleased => 6,
        Arm::Frozen => VARIANT + 3,
        Arm::Sampled => VARIANT + 4,
        Arm::SampledCoded => VARIANT + 6,
        Arm::SampledPermuted => VARIANT + 5,
    }
}

fn at(x: f64, Estimate { mean, half_width }: Estimate) -> Point {
    Point::with_interval(x, mean, half_width)
}

fn curve(measured: &Measured, arm: Arm) -> Series {
    let points = measured.curve(arm).into_iter().enumerate();
    Series {
        label: arm.name(),
        style: style(arm),
        mark: if arm == Arm::Exact { Mark::DashedPoints } else { Mark::JoinedPoints },
        points: points.map(|(epoch, error)| at((epoch + 1) as f64, error)).collect(),
    }
}

fn curves(measured: &Measured, what: &str, titled: Arm, arms: &[Arm]) -> Panel {
    let subject = if titled.is_sampled() { Arm::Sampled } else { Arm::Exact };
    let found = beside_exact(titled, measured.difference(titled, subject));
    Panel {
        title: format!("{what}: {found}"),
        x: Axis::linear("epoch"),
        y: Axis::logarithmic("test error (%)"),
        series: [&Arm::Exact].into_iter().chain(arms).map(|arm| curve(measured, *arm)).collect(),
    }
}

fn gradients(measured: &Measured, backward: &[Arm], naive: &[Arm]) -> Panel {
    let layers = 0..measured.layers().len();
    let series = backward.iter().chain(naive).map(|&arm| Series {
        label: arm.name(),
        style: style(arm),
        mark: Mark::JoinedPoints,
        points: layers
            .clone()
            .map(|layer| at((layer + 1) as f64, measured.gradient_error(arm, layer)))
            .collect(),
    });
    let first = |arm| measured.gradient_error(arm, 0).mean;
    Panel {
        title: deeper(first(Arm::Backward(FEW_BITS)), first(Arm::Naive(FEW_BITS))),
        x: Axis::linear("layer"),
        y: Axis::logarithmic("error of the gradient (of its norm)"),
        series: series.collect(),
    }
}

fn memory(measured: &Measured, backward: &[Arm], naive: &[Arm]) -> Panel {
    let own = [Arm::Exact].into_iter().chain(backward.iter().copied());
    let sampled = [Arm::Sampled, Arm::SampledCoded];
    let arms: Vec<Arm> = own.chain(naive.iter().copied()).chain(sampled).collect();
    let series = arms.iter().map(|&arm| Series {
        label: arm.name(),
        style: style(arm),
        mark: if arm == Arm::Exact { Mark::DashedPoints } else { Mark::Points },
        points: vec![at(measured.stored(arm) / 1e3, measured.error(arm))],
    });
    let stored = arms.iter().map(|arm| (arm.name(), measured.times_less(*arm)));
    Panel {
        title: smallest(&stored.collect::<Vec<_>>()),
        x: Axis::logarithmic("stored for the backward pass (kB)"),
        y: Axis::logarithmic("test error (%)"),
        series: series.collect(),
    }
}

fn sizes(measured: &Measured, backward: &[Arm]) -> Panel {
    let arms = backward.iter().copied().chain([Arm::Sampled, Arm::SampledCoded]);
    let series = arms.map(|arm| Series {
        label: arm.name(),
        style: style(arm),
        mark: Mark::JoinedPoints,
        points: measured
            .times_less_by_size(arm)
            .into_iter()
            .map(|(size, times)| Point::new(size as f64, times))
            .collect(),
    });
    Panel {
        title: grows(&Arm::SampledCoded.name(), &measured.times_less_by_size(Arm::SampledCoded)),
        x: Axis::logarithmic("images of a minibatch"),
        y: Axis::logarithmic("times less stored than exactly"),
        series: series.collect(),
    }
}
