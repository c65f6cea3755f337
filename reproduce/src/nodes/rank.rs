//! A rank of a job: what it measures, together with the others.

use std::sync::Mutex;
use std::time::Instant;

use kernels::InstructionSet;
use kernels::estimator::Estimator;
use kernels::random::{Stream, below, standard_normal};
use training::data::{Minibatch, Share};
use training::exchange::{Collective, Exchange, Mpi, Peer, Threads, average_over_ranks};
use training::learner::Learner;
use training::matrix::Matrix;
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};

use super::plan::{Carrier, Plan, Samples, Training};
use super::record::Parts;
use super::selection;
use super::timed::{Spent, Timed, locked};
use crate::output::say;

/// Classes that the networks tell apart.
const CLASSES: usize = 10;
/// The least number of pairs kept in a product.
const MINIMAL_K: usize = 10;

/// Measures what is planned; rank 0 prints it as JSON.
///
/// # Errors
/// When ranks fail, or train to other weights than threads do.
pub fn measure(plan: &str, set: InstructionSet) -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_str(plan)?;
    Mpi::run(|rank| {
        let mut found = exchanges(rank, &plan)?;
        for training in &plan.trainings {
            found.extend(steps(rank, &plan, training, set)?);
        }
        if rank.rank() == 0 {
            say!("{}", serde_json::to_string(&found)?);
        }
        Ok(())
    })
}

/// Numbers of the perceptron's gradient that are sent at a ratio.
fn length(ratio: f64) -> anyhow::Result<usize> {
    let training = Training::perceptron(0);
    let network = training.network.describe(training.image, CLASSES)?;
    Ok(network.gradient_numbers(&policies(ratio, Scores::Weights))?.sent as usize)
}

/// Vectors of all lengths in turns, the first turn not measured.
fn exchanges(rank: &mut Mpi, plan: &Plan) -> anyhow::Result<Vec<Samples>> {
    let lengths = plan.ratios.iter().map(|&ratio| length(ratio));
    let lengths = lengths.collect::<anyhow::Result<Vec<usize>>>()?;
    let blank = |(&ratio, &length): (&f64, &usize)| Samples::new(None, 0, ratio, 4 * length as u64);
    let mut found: Vec<Samples> = plan.ratios.iter().zip(&lengths).map(blank).collect();
    let shares = vec![1.0 / rank.size() as f64; rank.size()];
    let mut received = Vec::new();
    for turn in 0..=plan.exchanges {
        for (&length, samples) in lengths.iter().zip(&mut found) {
            let mut numbers = vec![1.0 + rank.rank() as f32; length];
            let world = Mutex::new(&mut *rank);
            let once = timed_round(&world, || {
                let mut rank = locked(&world);
                match plan.carrier {
                    Carrier::Ours => {
                        average_over_ranks(&mut **rank, &mut numbers, &shares, &mut received)?;
                    }
                    Carrier::Library => rank.all_reduce(&mut numbers)?,
                }
                Ok(())
            })?;
            if turn > 0 {
                samples.add(once);
            }
        }
    }
    Ok(found)
}

/// Does something on all ranks at once; milliseconds of the slowest rank and bytes of the interface
/// that sent most.
fn timed_round(
    world: &Mutex<&mut Mpi>,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<(f64, u64)> {
    let all = |own: u64| -> anyhow::Result<Vec<u64>> {
        let mut bytes = Vec::new();
        locked(world).all_gather_bytes(&own.to_le_bytes(), &mut bytes)?;
        Ok(bytes.as_chunks().0.iter().map(|&number| u64::from_le_bytes(number)).collect())
    };
    let most = |of_ranks: Vec<u64>| of_ranks.into_iter().max().unwrap_or_default();
    all(0)?;
    let (before, begun) = (sent_bytes(), Instant::now());
    work()?;
    let slowest = most(all(begun.elapsed().as_nanos() as u64)?);
    // What was still on its way has been sent: all ranks have everything.
    let sent = most(all(sent_bytes() - before)?);
    Ok((slowest as f64 / 1e6, sent))
}

/// Bytes that this host has sent, with all headers.
fn sent_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("eth0:"));
    let sent = line.and_then(|line| line.split_whitespace().nth(8));
    sent.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

fn policies(ratio: f64, scores: Scores) -> LayerPolicies {
    let policy = SamplingPolicy::new(Estimator::TopK, ratio, MINIMAL_K, Mode::Forward);
    LayerPolicies::uniform((ratio < 1.0).then_some(SamplingPolicy { scores, ..policy }))
}

/// A network that is trained.
#[derive(Clone, Copy)]
struct Arm {
    /// One of an exact network.
    ratio: f64,
    /// How ranks agree on what they select.
    scores: Scores,
    /// Whether gradients are exchanged while others are computed, as in trainings; else one can tell
    /// what each of the two takes.
    overlaps: bool,
}

impl Arm {
    fn name(self, training: &Training) -> String {
        let way = if self.ratio < 1.0 { self.scores.name() } else { "exact" };
        let overlap = if self.overlaps { ", overlapped" } else { "" };
        format!("{}, {way}{overlap}", training.network.title())
    }
}

/// The networks that are trained: exact, or at a ratio with a way to agree; the last of these ways also
/// with the exchange during the backward pass.
fn arms(plan: &Plan, training: &Training) -> Vec<Arm> {
    let of = |&ratio: &f64| {
        let scores = if ratio < 1.0 { &training.scores[..] } else { &[Scores::Weights] };
        let arm = move |(scores, overlaps)| Arm { ratio, scores, overlaps };
        let apart = scores.iter().map(|&scores| (scores, false));
        let together = scores.last().map(|&scores| (scores, true));
        apart.chain(together).map(arm).collect::<Vec<_>>()
    };
    plan.ratios.iter().flat_map(of).collect()
}

/// Steps of all arms in turns, the first turn not measured.
fn steps(
    rank: &mut Mpi,
    plan: &Plan,
    training: &Training,
    set: InstructionSet,
) -> anyhow::Result<Vec<Samples>> {
    let share = Share { rank: rank.rank(), size: rank.size() };
    let (arms, turns) = (arms(plan, training), training.steps + 1);
    let (world, spent) = (Mutex::new(&mut *rank), Spent::default());
    let selection = selection::milliseconds(training, plan.ratios.last().copied(), share, set)?;
    let (mut peers, mut found) = (Vec::new(), Vec::new());
    for arm in &arms {
        let collective = Box::new(Timed::new(&world, &spent));
        let learner = learner(training, arm.ratio, arm.scores, set)?;
        let peer = Peer::new(learner, collective, Exchange::Slices)?;
        peers.push(if arm.overlaps { peer } else { peer.without_overlap() });
        found.push(Samples::new(Some(arm.name(training)), training.minibatch, arm.ratio, 0));
    }
    for turn in 0..turns {
        let minibatch = minibatch(training, turn, share);
        for ((peer, samples), arm) in peers.iter_mut().zip(&mut found).zip(&arms) {
            let (mut parts, mut payload) = (Parts::default(), 0);
            let once = timed_round(&world, || {
                let begun = Instant::now();
                spent.reset();
                payload = 4 * peer.step(&minibatch)?.sent.sent;
                let all = 1e3 * begun.elapsed().as_secs_f64();
                let [waiting, exchange] = spent.milliseconds();
                let computation = all - waiting - exchange;
                let selection = if samples.ratio < 1.0 { selection } else { 0.0 };
                parts = Parts { computation, selection, waiting, exchange };
                Ok(())
            })?;
            samples.payload = payload;
            if turn > 0 {
                samples.add(once);
                samples.parts.extend((!arm.overlaps).then_some(parts));
            }
        }
    }
    let digests: Vec<[u8; 32]> =
        peers.iter_mut().map(|peer| peer.learner().network().digest()).collect();
    drop(peers);
    let is_first = share.rank == 0;
    for (&Arm { ratio, scores, .. }, digest) in arms.iter().zip(digests) {
        rank.agree(&digest)?;
        let of_threads = if is_first {
            by_threads(training, ratio, scores, turns, share.size, set)?
        } else {
            digest
        };
        anyhow::ensure!(digest == of_threads, "ranks at {ratio} have other weights than threads");
    }
    Ok(found)
}

fn learner(
    training: &Training,
    ratio: f64,
    scores: Scores,
    set: InstructionSet,
) -> anyhow::Result<Learner> {
    let stream = Stream::new(1, "nodes");
    let network = training.network.describe(training.image, CLASSES)?;
    let network = network.build(&policies(ratio, scores), stream.child("weights"))?;
    let adam = OptimizerConfig::Adam { learning_rate: 1e-3 };
    Ok(Learner::new(network, adam, set, stream))
}

/// The rank's share of random images: times do not depend on what they show.
fn minibatch(training: &Training, turn: usize, share: Share) -> Minibatch {
    let samples = share.of(0..training.minibatch);
    let (count, pixels) = (samples.len(), training.image.len());
    let mut input = Vec::with_capacity(count * pixels);
    let mut labels = Vec::with_capacity(count);
    for sample in samples {
        let mut generator = Stream::new(turn as u64, "nodes.images").at(sample as u64);
        input.extend((0..pixels).map(|_| standard_normal(&mut generator) as f32));
        labels.push(below(&mut generator, CLASSES) as u16);
    }
    Minibatch::new(Matrix::from_rows(count, pixels, input), labels)
}

/// The weights after the same steps of as many threads.
fn by_threads(
    training: &Training,
    ratio: f64,
    scores: Scores,
    turns: usize,
    size: usize,
    set: InstructionSet,
) -> anyhow::Result<[u8; 32]> {
    let work = |rank: &mut Threads| -> anyhow::Result<[u8; 32]> {
        let share = Share { rank: rank.rank(), size };
        let learner = learner(training, ratio, scores, set)?;
        let mut peer = Peer::new(learner, Box::new(rank), Exchange::Slices)?;
        for turn in 0..turns {
            peer.step(&minibatch(training, turn, share))?;
        }
        Ok(peer.learner().network().digest())
    };
    Threads::run(size, work, |rank| work(rank).map(drop))
}

impl Samples {
    fn new(training: Option<String>, minibatch: usize, ratio: f64, payload: u64) -> Self {
        let (sent, milliseconds, parts) = (Vec::new(), Vec::new(), Vec::new());
        Samples { training, minibatch, ratio, payload, sent, milliseconds, parts }
    }

    fn add(&mut self, (milliseconds, sent): (f64, u64)) {
        self.milliseconds.push(milliseconds);
        self.sent.push(sent);
    }
}
