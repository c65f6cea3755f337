//! What codes of activations cost in time: whole steps, and the codes themselves.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use coded_activations::arm::{Arm, FEW_BITS, check_bits};
use kernels::InstructionSet;
use kernels::quantised::PackedQuantiser;
use kernels::random::{Stream, standard_normal};
use serde::{Deserialize, Serialize};
use training::data::Minibatch;
use training::layer::{CodeForm, CodeSettings};
use training::learner::Learner;
use training::network::Network;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};
use training::setting::{count, count_within, distinct};

use super::settings::{SampledBy, check_can_be_coded};
use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::times::timed_network::{TimedNetwork, check_all, largest};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{
    Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, Table, significant,
};
use crate::timing::{Patience, Spread, Work, in_turns, timed};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "coded-activation-times",
    title: "The time of codes in the place of activations",
    shows: "the time of a training step whose backward pass reads codes of a few bits, beside the \
            exact step, and that of making and reading codes, beside a copy of the numbers",
    paper: "a related system (Chakrabarti and Moseley 2019, arXiv 1901.07988), of which no timing \
            was seen",
    section: Section::Related,
    note: "related-coded-activations",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("coded-activation-times")],
    configure: configure::<CodedActivationTimes>,
};

/// The longest that a step with codes of a few bits may take, over the exact one: set before it was
/// measured.
const BOUND: f64 = 1.15;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodedActivationTimes {
    /// Networks with batch normalisations that are rectified.
    networks: Vec<TimedNetwork>,
    /// Bits of codes.
    bits: Vec<u32>,
    /// How products are sampled, where they are.
    sampling: SampledBy,
    /// How many numbers are coded and copied at a time.
    numbers: Vec<usize>,
    /// Numbers of one channel that lie side by side.
    run: usize,
    /// How often everything is measured, in turns.
    rounds: usize,
}

/// How long a copy of few numbers goes on before it is the next one's turn.
const TURN: Duration = Duration::from_millis(2);

/// More numbers than this are no activations of a minibatch on two cores.
const MOST_NUMBERS: usize = 1 << 28;

/// The steps of one way of training.
struct Step<'a> {
    of: &'a TimedNetwork,
    arm: Arm,
    seconds: Spread,
    /// Over the exact step of the same round.
    over_exact: Spread,
    /// The most that activations, gradients and codes took.
    megabytes: f64,
}

/// Codes of numbers in runs, with zero in the middle of the bins.
#[derive(Clone, Copy)]
struct Coder {
    quantiser: PackedQuantiser,
    run: usize,
    set: InstructionSet,
}

/// What is done with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Copy,
    Encode(u32),
    Decode(u32),
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Copy => "copy".to_string(),
            Self::Encode(bits) => format!("encode, {bits} bits"),
            Self::Decode(bits) => format!("decode, {bits} bits"),
        }
    }
}

/// A pass over some numbers on one thread.
struct Pass {
    numbers: usize,
    way: Way,
    seconds: Spread,
    /// Over the copy of the same round.
    over_copy: Spread,
}

impl Pass {
    /// Of the numbers as f32, whatever else is read or written.
    fn gigabytes_a_second(&self) -> f64 {
        1e-9 * (size_of::<f32>() * self.numbers) as f64 / self.seconds.median
    }
}

impl Experiment for CodedActivationTimes {
    fn check(&self) -> Result<(), FieldError> {
        check_all("networks", &self.networks)?;
        check_bits(&self.bits)?;
        for (place, timed) in self.networks.iter().enumerate() {
            if let Ok(description) = timed.network.describe(timed.image, timed.classes) {
                let field = format!("networks[{place}].network");
                check_can_be_coded(&field, &timed.network, description)?;
            }
        }
        self.sampling.check()?;
        distinct("numbers", &self.numbers)?;
        for (place, &numbers) in self.numbers.iter().enumerate() {
            count_within(&format!("numbers[{place}]"), numbers, 1..=MOST_NUMBERS)?;
        }
        count("run", self.run)?;
        count_within("rounds", self.rounds, 1..=MOST_REPEATS)
    }

    fn memory(&self) -> Vec<Need> {
        let mut needs = largest("networks", &self.networks, self.arms().len());
        // The numbers, a copy of them, and codes of no more than a byte.
        let bytes = |numbers: &usize| (2 * size_of::<f32>() + 1) as f64 * *numbers as f64;
        let most = self.numbers.iter().max();
        needs.extend(most.map(|most| Need::new("numbers", *most, bytes(most))));
        needs
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(self.networks.len() + self.numbers.len());
        let (mut steps, mut passes) = (Vec::new(), Vec::new());
        for timed in &self.networks {
            steps.extend(self.steps(timed, environment)?);
            environment.progress.advance(1);
        }
        for &numbers in &self.numbers {
            passes.extend(self.passes(numbers, environment)?);
            environment.progress.advance(1);
        }
        Ok(self.report(&steps, &passes))
    }
}

impl CodedActivationTimes {
    /// Exact steps first, then those with codes, then sampled ones without and with.
    fn arms(&self) -> Vec<Arm> {
        let coded = self.bits.iter().map(|&bits| Arm::Backward(bits));
        let sampled = [Arm::Sampled, Arm::SampledCoded];
        std::iter::once(Arm::Exact).chain(coded).chain(sampled).collect()
    }

    fn patience(&self, turn: Duration) -> Patience {
        Patience { turn, total: Duration::ZERO, rounds: self.rounds }
    }

    fn network(&self, timed: &TimedNetwork, arm: Arm, stream: Stream) -> anyhow::Result<Network> {
        let mut description = timed.network.describe(timed.image, timed.classes)?;
        if let Some(codes) = arm.codes() {
            description = description.with_codes(codes)?;
        }
        let SampledBy { estimator, ratio } = &self.sampling;
        let policy =
            SamplingPolicy::new(estimator.0, ratio.value(), timed.minimal_k, Mode::Forward);
        let policies = LayerPolicies::uniform(arm.is_sampled().then_some(policy));
        Ok(description.build(&policies, stream.child("initialisation"))?)
    }

    /// Steps of every arm, in turns on the same minibatch, on all threads.
    fn steps<'a>(
        &self,
        of: &'a TimedNetwork,
        environment: &Environment,
    ) -> anyhow::Result<Vec<Step<'a>>> {
        let stream = Stream::new(environment.seed, EXHIBIT.name).child(&of.network.title());
        let minibatch = of.minibatches(1, stream.child("images")).pop();
        let minibatch: Minibatch = minibatch.context("there is one minibatch")?;
        let arms = self.arms();
        let mut learners = Vec::new();
        for &arm in &arms {
            let network = self.network(of, arm, stream)?;
            learners.push(Learner::new(network, of.optimizer, environment.instructions, stream));
        }
        // A step that fails changes nothing: it fails again below.
        let step = |learner: &'_ mut Learner| drop(learner.step(&minibatch));
        let mut contestants: Vec<Work> =
            learners.iter_mut().map(|learner| timed(move || step(learner))).collect();
        let times = in_turns(&mut contestants, self.patience(Duration::ZERO));
        drop(contestants);
        let measured =
            arms.iter().zip(&mut learners).enumerate().map(|(place, (&arm, learner))| {
                learner.step(&minibatch).with_context(|| arm.name())?;
                let megabytes = learner.network().memory().peak_bytes() as f64 / 1e6;
                let (seconds, over_exact) = (times.seconds(place), times.ratio(place, 0));
                Ok(Step { of, arm, seconds, over_exact, megabytes })
            });
        measured.collect::<anyhow::Result<_>>().with_context(|| of.network.title())
    }

    /// A copy of so many numbers, and making and reading their codes, in turns on this thread.
    fn passes(&self, numbers: usize, environment: &Environment) -> anyhow::Result<Vec<Pass>> {
        let mut generator = Stream::new(environment.seed, EXHIBIT.name).child("numbers").at(0);
        let from: Vec<f32> = (0..numbers).map(|_| standard_normal(&mut generator) as f32).collect();
        let codings = self.bits.iter().flat_map(|&bits| [Way::Encode(bits), Way::Decode(bits)]);
        let ways: Vec<Way> = std::iter::once(Way::Copy).chain(codings).collect();
        let (set, run) = (environment.instructions, self.run);
        // One of each for all: in turns, nobody finds its own numbers in the caches.
        let to = Mutex::new((vec![0.0; numbers], Vec::new()));
        let work = |&way: &Way| -> anyhow::Result<Work<'_>> {
            let (from, to) = (&from, &to);
            let coder = match way {
                Way::Copy => None,
                Way::Encode(bits) | Way::Decode(bits) => Some(Coder::new(bits, run, set)?),
            };
            Ok(timed(move || {
                let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
                let (numbers, codes) = &mut *to;
                match (way, coder) {
                    (Way::Encode(_), Some(coder)) => coder.encode(from, codes),
                    (Way::Decode(_), Some(coder)) => coder.decode(codes, numbers),
                    _ => numbers.copy_from_slice(from),
                }
                black_box(&mut *to);
            }))
        };
        let mut contestants = ways.iter().map(work).collect::<anyhow::Result<Vec<_>>>()?;
        let times = in_turns(&mut contestants, self.patience(TURN));
        let measured = ways.iter().enumerate().map(|(place, &way)| {
            let (seconds, over_copy) = (times.seconds(place), times.ratio(place, 0));
            Pass { numbers, way, seconds, over_copy }
        });
        Ok(measured.collect())
    }

    fn report(&self, steps: &[Step], passes: &[Pass]) -> ExhibitResult {
        let (of_steps, of_passes) = (table_of_steps(steps), table_of_passes(passes));
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(steps),
            data: "random images and numbers, measured on this machine".to_string(),
            records: Table::stacked("Every measurement", vec![of_steps.clone(), of_passes.clone()]),
            tables: vec![of_steps, of_passes],
            figures: vec![figure(steps, passes)],
            remarks: vec![
                format!(
                    "A step is forward pass, loss, backward pass and update; those of all ways take \
                     turns on one minibatch, {} rounds on {} threads, and a time over the exact one is \
                     the median of the ratios within a round. Sampled: {} at {} in the forward mode.",
                    self.rounds,
                    rayon::current_num_threads(),
                    self.sampling.estimator.0.name(),
                    self.sampling.ratio.value(),
                ),
                format!(
                    "Copies and codes are of normal numbers on one thread, in runs of {}. {}",
                    self.run,
                    memory_speed(passes)
                ),
            ],
            ..ExhibitResult::default()
        }
    }
}

impl Coder {
    fn new(bits: u32, run: usize, set: InstructionSet) -> anyhow::Result<Self> {
        let quantiser = CodeSettings { bits, form: CodeForm::Backward }.quantiser()?;
        Ok(Self { quantiser, run, set })
    }

    /// Codes of a run are in bytes of their own.
    fn bytes(self) -> usize {
        self.quantiser.bytes(self.run)
    }

    fn encode(self, numbers: &[f32], codes: &mut Vec<u8>) {
        codes.resize(numbers.len().div_ceil(self.run) * self.bytes(), 0);
        let bins = self.quantiser.bins(1.0, 0.0);
        for (numbers, codes) in numbers.chunks(self.run).zip(codes.chunks_exact_mut(self.bytes())) {
            self.quantiser.encode(self.set, bins, numbers, |x| x, codes);
        }
    }

    fn decode(self, codes: &mut Vec<u8>, numbers: &mut [f32]) {
        codes.resize(numbers.len().div_ceil(self.run) * self.bytes(), 0);
        let bins = self.quantiser.bins(1.0, 0.0);
        for (numbers, codes) in numbers.chunks_mut(self.run).zip(codes.chunks_exact(self.bytes())) {
            self.quantiser.decode(self.set, bins, codes, |x| x, numbers);
        }
    }
}

/// "the network, minibatch 64".
fn in_words(timed: &TimedNetwork) -> String {
    format!("{}, minibatch {}", timed.network.title(), timed.batch_size)
}

fn table_of_steps(steps: &[Step]) -> Table {
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

fn table_of_passes(passes: &[Pass]) -> Table {
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

/// What a step with codes of a few bits takes, beside the bound.
fn finding(steps: &[Step]) -> String {
    let few = steps.iter().filter(|step| step.arm == Arm::Backward(FEW_BITS));
    let times: Vec<(String, f64)> =
        few.map(|Step { of, over_exact, .. }| (in_words(of), over_exact.median)).collect();
    let within = times.iter().filter(|(_, over)| *over <= BOUND).count();
    let said: Vec<String> = times
        .iter()
        .map(|(name, over)| format!("{} times ({name})", significant(*over, 3)))
        .collect();
    format!(
        "A step with codes of {FEW_BITS} bits takes {} as long as the exact one: {within} of {} within \
         the bound of {BOUND}.",
        said.join(", "),
        times.len(),
    )
}

/// Whether codes are made and read as fast as numbers are copied.
fn memory_speed(passes: &[Pass]) -> String {
    let codings: Vec<&Pass> = passes.iter().filter(|pass| pass.way != Way::Copy).collect();
    let slower: Vec<String> = codings
        .iter()
        .filter(|pass| pass.over_copy.median > 1.0)
        .map(|Pass { numbers, way, over_copy, .. }| {
            let times = significant(over_copy.median, 3);
            format!("{times} times for {} of {numbers} numbers", way.name())
        })
        .collect();
    match slower.len() {
        0 => format!("All {} take less time than the copy.", codings.len()),
        count => format!(
            "{count} of {} take longer than the copy: {}.",
            codings.len(),
            slower.join("; ")
        ),
    }
}

/// Bits of a number as it is.
const BITS_OF_NUMBERS: u32 = 8 * size_of::<f32>() as u32;

fn figure(steps: &[Step], passes: &[Pass]) -> Figure {
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
    let codings = by_size.enumerate().flat_map(|(size, passes)| {
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
    let mut codings: Vec<Series> = codings.collect();
    codings.push(level("copy", 100.0));
    Figure {
        part: String::new(),
        caption:
            "Time of a training step with codes over that of the exact one, and of making and \
                  reading codes over that of copying the numbers, against the bits of a code; bars \
                  are half the distance of the quartiles to each side."
                .to_string(),
        panels: vec![
            Panel {
                title: "Training steps".to_string(),
                x: Axis::logarithmic("bits kept of an activation"),
                y: Axis::linear("time, % of exact"),
                series: networks,
            },
            Panel {
                title: "Codes, one thread".to_string(),
                x: Axis::logarithmic("bits of a code"),
                y: Axis::linear("time, % of copy"),
                series: codings,
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
        assert_eq!(fast, "All 2 take less time than the copy.");
        let slow = memory_speed(&[copy(), pass(Way::Encode(4), 1.25), pass(Way::Decode(4), 0.8)]);
        let expected =
            "1 of 2 take longer than the copy: 1.25 times for encode, 4 bits of 9 numbers.";
        assert_eq!(slow, expected);
    }

    #[test]
    fn a_coder_reads_what_it_made() {
        let coder = Coder::new(8, 4, InstructionSet::detect()).unwrap();
        let (numbers, mut codes) = ([0.5, -0.5, 1.0, -1.0, 2.0, -2.0], Vec::new());
        coder.encode(&numbers, &mut codes);
        let mut decoded = [0.0; 6];
        coder.decode(&mut codes, &mut decoded);
        for (x, y) in numbers.iter().zip(decoded) {
            assert!((x - y).abs() <= 0.5 * 6.0 / 256.0, "{x} became {y}");
        }
    }
}
