//! What codes of activations cost in time: whole steps, and the codes themselves.

mod coder;
mod shown;

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use coded_activations::arm::{Arm, check_bits};
use kernels::random::{Stream, standard_normal};
use serde::{Deserialize, Serialize};
use training::data::Minibatch;
use training::learner::Learner;
use training::network::{Network, NetworkError};
use training::sampling::{Mode, SamplingPolicy};
use training::setting::{count, count_within, distinct};

use super::settings::{SampledBy, check_can_be_coded};
use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::times::timed_network::{TimedNetwork, built, check_all, largest};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{ExhibitResult, Table};
use crate::timing::{Patience, Spread, Work, in_turns, timed};
use coder::Coder;
use shown::{figure, finding, memory_speed, table_of_passes, table_of_steps};

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

    fn network(
        &self,
        timed: &TimedNetwork,
        arm: Arm,
        stream: Stream,
    ) -> Result<Network, NetworkError> {
        let mut description = timed.network.describe(timed.image, timed.classes)?;
        if let Some(codes) = arm.codes() {
            description = description.with_codes(codes)?;
        }
        let SampledBy { estimator, ratio } = &self.sampling;
        let policy =
            SamplingPolicy::new(estimator.0, ratio.value(), timed.minimal_k, Mode::Forward);
        built(&description, arm.is_sampled().then_some(policy), &[], stream)
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
