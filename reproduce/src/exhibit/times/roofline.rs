//! The roofline of the machine (Williams, Waterman and Patterson 2009): products on a plane of
//! arithmetic intensity and speed, under the limits that peak and bandwidth set.

use std::ops::Bound;
use std::time::Duration;

use kernels::InstructionSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use training::setting::{count, distinct, number};

use crate::exhibit::finding::range;
use crate::exhibit::settings::{FieldError, NamedEstimator, Ratio, check_ratios, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, significant};
use crate::timing::operands::{Operands, Sampled, Shape};
use crate::timing::{Patience, Spread, Work, in_turns, timed};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "roofline",
    title: "Products under the machine's roofline",
    shows: "the speed of exact and sampled products against their operations a byte, beside the \
            limits of arithmetic and memory",
    paper: "no figure: the paper reports times of whole trainings",
    section: Section::Training,
    note: "timing",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("roofline")],
    configure: configure::<Roofline>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    triad_mebibytes: usize,
    products: Vec<Shape>,
    estimator: NamedEstimator,
    ratios: Vec<Ratio>,
    seconds_a_measurement: f64,
}

/// The limits of the machine, on all threads.
struct Limits {
    /// Operations a second in units of 1e9.
    peak: f64,
    /// Bytes a second in units of 1e9.
    bandwidth: f64,
}

/// One product.
struct Measurement {
    shape: Shape,
    /// Share of the pairs kept, 1 for the exact product.
    ratio: f64,
    /// Operations a byte.
    intensity: f64,
    /// Operations a second in units of 1e9.
    speed: Spread,
}

impl Limits {
    /// What limits a product of this intensity.
    fn attainable(&self, intensity: f64) -> f64 {
        self.peak.min(self.bandwidth * intensity)
    }

    /// The intensity at which the limits meet.
    fn ridge(&self) -> f64 {
        self.peak / self.bandwidth
    }
}

impl Experiment for Roofline {
    fn check(&self) -> Result<(), FieldError> {
        check_ratios(&self.ratios)?;
        count("triad_mebibytes", self.triad_mebibytes)?;
        distinct("products", &self.products)?;
        for (place, Shape { rows, inner, columns, .. }) in self.products.iter().enumerate() {
            for (side, size) in [("rows", *rows), ("inner", *inner), ("columns", *columns)] {
                count(side, size).map_err(|error| error.within(&format!("products[{place}]")))?;
            }
        }
        let longest = (Bound::Excluded(0.0), Bound::Included(3600.0));
        number("seconds_a_measurement", self.seconds_a_measurement, longest)
    }

    fn memory(&self) -> Vec<Need> {
        let triad = 3.0 * (1 << 20) as f64 * self.triad_mebibytes as f64;
        let products = self.products.iter().enumerate().map(|(place, shape)| {
            let Shape { rows, inner, columns, .. } = *shape;
            let sides = [[rows, inner], [inner, columns], [rows, columns]];
            let field = format!("products[{place}]");
            Need::of_matrices(&field, shape.name(), &sides, size_of::<f32>())
        });
        let products = products.max_by(|one, other| one.bytes.total_cmp(&other.bytes));
        let triad = Need::new("triad_mebibytes", self.triad_mebibytes, triad);
        products.into_iter().chain([triad]).collect()
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(2 + self.products.len());
        let before = self.limits(environment);
        environment.progress.advance(1);
        let mut measurements = Vec::new();
        for shape in &self.products {
            measurements.extend(self.measure(environment, *shape));
            environment.progress.advance(1);
        }
        // A limit is the best of two moments, since others use the machine as well.
        let after = self.limits(environment);
        environment.progress.advance(1);
        let limits = Limits {
            peak: before.peak.max(after.peak),
            bandwidth: before.bandwidth.max(after.bandwidth),
        };
        Ok(self.report(&limits, &measurements, environment))
    }
}

impl Roofline {
    fn patience(&self) -> Patience {
        Patience {
            turn: Duration::from_millis(2),
            total: Duration::from_secs_f64(self.seconds_a_measurement),
            rounds: 3,
        }
    }

    fn limits(&self, environment: &Environment) -> Limits {
        Limits { peak: self.peak(environment), bandwidth: self.bandwidth() }
    }

    /// The highest speed of products that stay in a core's own caches, one on each thread.
    fn peak(&self, environment: &Environment) -> f64 {
        const SIDES: [usize; 3] = [128, 192, 256];
        const CALLS: usize = 20;
        let threads = rayon::current_num_threads();
        let set = environment.instructions;
        let cube = |side| Shape { rows: side, inner: side, columns: side, transposed: false };
        let operands: Vec<Operands> =
            SIDES.iter().map(|&side| Operands::new(cube(side), environment.seed)).collect();
        let mut contestants: Vec<Work> = operands
            .iter()
            .map(|operands| timed(move || on_every_thread(operands, set, CALLS)))
            .collect();
        let times = in_turns(&mut contestants, self.patience());
        let speed = |index: usize| {
            let operations = operands[index].shape.operations(SIDES[index]);
            1e-9 * (threads * CALLS) as f64 * operations / times.seconds(index).low
        };
        (0..SIDES.len()).map(speed).fold(0.0, f64::max)
    }

    /// The triad a = b + s c over large arrays; twelve bytes an element, not counting that a
    /// cache may first read what it will write.
    fn bandwidth(&self) -> f64 {
        let length = (self.triad_mebibytes << 20) / size_of::<f32>();
        let (b, c) = (vec![1.0f32; length], vec![2.0f32; length]);
        let mut a = vec![0.0f32; length];
        let triad = timed(|| {
            const BLOCK: usize = 1 << 16;
            let parts = a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK)).zip(c.par_chunks(BLOCK));
            parts.for_each(|((a, b), c)| {
                for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                    *a = b + 0.5 * c;
                }
            });
            std::hint::black_box(&mut a);
        });
        let times = in_turns(&mut [triad], self.patience());
        1e-9 * (3 * length * size_of::<f32>()) as f64 / times.seconds(0).low
    }

    /// The exact product and the sampled ones, in turns.
    fn measure(&self, environment: &Environment, shape: Shape) -> Vec<Measurement> {
        let set = environment.instructions;
        let operands = Operands::new(shape, environment.seed);
        let mut output = operands.output();
        let mut contestants: Vec<Work> = vec![timed(|| operands.exact(set, &mut output))];
        let mut pairs = vec![shape.inner];
        for ratio in &self.ratios {
            let (estimator, ratio) = (self.estimator.0, ratio.value());
            let mut sampled = Sampled::new(&operands, estimator, ratio, environment.seed);
            pairs.push(sampled.pairs());
            contestants.push(timed(move || sampled.multiply(set)));
        }
        let times = in_turns(&mut contestants, self.patience());
        let measurement = |(index, &pairs): (usize, &usize)| {
            let (operations, seconds) = (shape.operations(pairs), times.seconds(index));
            let speed = |seconds: f64| 1e-9 * operations / seconds;
            Measurement {
                shape,
                ratio: pairs as f64 / shape.inner as f64,
                intensity: operations / shape.bytes(pairs),
                speed: Spread {
                    low: speed(seconds.high),
                    median: speed(seconds.median),
                    high: speed(seconds.low),
                },
            }
        };
        pairs.iter().enumerate().map(measurement).collect()
    }

    fn report(
        &self,
        limits: &Limits,
        measurements: &[Measurement],
        environment: &Environment,
    ) -> ExhibitResult {
        let limit = |m: &Measurement| limits.attainable(m.intensity);
        let records = Rows::of(measurements)
            .key("product", |m| m.shape.name())
            .key("k/n", |m| m.ratio)
            .value("of-limit", "", |m| m.speed.median / limit(m))
            .value("speed", "GFLOP/s", |m| m.speed.median)
            .value("speed-low", "GFLOP/s", |m| m.speed.low)
            .value("speed-high", "GFLOP/s", |m| m.speed.high)
            .value("limit", "GFLOP/s", limit)
            .value("intensity", "FLOP/byte", |m| m.intensity)
            .table("Speed of exact (k/n = 1) and sampled products, median and quartiles");
        let shares = measurements.iter().map(|m| (m.ratio == 1.0, m.speed.median / limit(m)));
        let of_limit: Vec<(bool, f64)> = shares.collect();
        let threads = rayon::current_num_threads();
        let arrays = 3 * self.triad_mebibytes;
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(&of_limit),
            data: "random matrices, measured on this machine".to_string(),
            tables: vec![records.clone()],
            records,
            figures: vec![Figure {
                part: String::new(),
                caption: "Speed of exact and sampled products against their floating-point \
                          operations a byte of A, B and C, each touched once. Dashed: what the \
                          bandwidth and the peak of this machine, both as measured here, allow; bars \
                          are half the distance of the quartiles to each side."
                    .to_string(),
                panels: vec![self.panel(limits, measurements)],
            }],
            remarks: vec![
                format!(
                    "Peak {} GFLOP/s: the highest speed of our own product over cubes of 128, 192 \
                     and 256, one on each of {threads} threads, with {} instructions, by the lower \
                     quartile of its times, before or after the others; the processor's own peak \
                     was not measured.",
                    significant(limits.peak, 3),
                    environment.instructions
                ),
                format!(
                    "Bandwidth {} GB/s: the triad a = b + s c in f32 on all threads, 12 bytes an \
                     element, over arrays of {arrays} MiB together, by the lower quartile of its \
                     times; where a last cache holds them, it is what is measured.",
                    significant(limits.bandwidth, 3)
                ),
                format!(
                    "The limits meet at {} FLOP/byte. Products repeated on the same matrices find \
                     them in caches where they fit, so a point may lie above the slope.",
                    significant(limits.ridge(), 3)
                ),
                format!(
                    "A sampled product ({}) is counted by the operations and bytes of the pairs \
                     it keeps, its time includes scores with kept norms of B, selection and \
                     scaling.",
                    self.estimator.0
                ),
            ],
            ..ExhibitResult::default()
        }
    }

    fn panel(&self, limits: &Limits, measurements: &[Measurement]) -> Panel {
        let points = |is_exact: bool| -> Vec<Point> {
            let chosen = measurements.iter().filter(|m| (m.ratio == 1.0) == is_exact);
            let mut points: Vec<Point> = chosen
                .map(|m| {
                    let half = (m.speed.high - m.speed.low) / 2.0;
                    Point::with_interval(m.intensity, m.speed.median, Some(half))
                })
                .collect();
            points.sort_by(|x, y| x.x.total_cmp(&y.x));
            points
        };
        let intensities = || measurements.iter().map(|m| m.intensity);
        let (ridge, least) = (limits.ridge(), intensities().fold(f64::INFINITY, f64::min));
        let from = 0.5 * least.min(ridge);
        let to = 2.0 * intensities().fold(ridge, f64::max);
        let roof = |x: f64| Point::new(x, limits.attainable(x));
        Panel {
            title: format!("{} threads", rayon::current_num_threads()),
            x: Axis::logarithmic("intensity, FLOP/byte"),
            y: Axis::logarithmic("speed, GFLOP/s"),
            series: vec![
                Series {
                    label: "exact".to_string(),
                    style: 0,
                    mark: Mark::Points,
                    points: points(true),
                },
                Series {
                    label: format!("sampled, {}", self.estimator.0),
                    style: 1,
                    mark: Mark::Points,
                    points: points(false),
                },
                Series {
                    label: "limits of the machine".to_string(),
                    style: 0,
                    mark: Mark::Dashed,
                    points: vec![roof(from), roof(ridge), roof(to)],
                },
            ],
        }
    }
}

/// What exact and sampled products reach of their limits, in a sentence.
fn finding(of_limit: &[(bool, f64)]) -> String {
    let percent = |is_exact: bool| {
        let those = of_limit.iter().filter(|one| one.0 == is_exact);
        range(those.map(|(_, share)| 100.0 * share), 2, " %")
    };
    format!(
        "Of what the machine allows exact products reach {}, sampled ones {}.",
        percent(true),
        percent(false)
    )
}

/// So many products on each thread of the pool at the same time.
fn on_every_thread(operands: &Operands, set: InstructionSet, calls: usize) {
    rayon::broadcast(|_| {
        let mut output = operands.output();
        for _ in 0..calls {
            operands.exact(set, &mut output);
        }
        std::hint::black_box(&mut output);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_holds() {
        let limits = Limits { peak: 200.0, bandwidth: 20.0 };
        assert_eq!(limits.ridge(), 10.0);
        assert_eq!(limits.attainable(4.0), 80.0);
        assert_eq!(limits.attainable(40.0), 200.0);
    }

    #[test]
    fn the_finding_tells_exact_products_from_sampled_ones() {
        let shares = [(true, 0.9), (false, 0.25), (false, 0.75)];
        let expected =
            "Of what the machine allows exact products reach 90 %, sampled ones 25 to 75 %.";
        assert_eq!(finding(&shares), expected);
        assert!(finding(&shares[..1]).ends_with("sampled ones no number."));
    }
}
