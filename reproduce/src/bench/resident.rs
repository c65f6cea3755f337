//! The memory of training steps: the most that a process which trains a network ever holds of the
//! machine's, weights, gradients, images, buffers and the program itself included.
//!
//! A process knows its own peak alone, and never forgets one: so each contestant has a process of its
//! own.

use std::process::Command;

use anyhow::{Context as _, bail};
use kernels::InstructionSet;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::sampling::SamplingPolicy;

use super::contest::{Comparison, Contest};
use super::setting::Setting;
use super::step;
use super::steps::Steps;
use crate::exhibit::times::timed_network::TimedNetwork;
use crate::output::say;
use crate::timing::Spread;

/// Processes of a contestant.
const ROUNDS: usize = 3;
/// Steps of a process: the second one has all the buffers that any later one has.
const STEPS: usize = 3;

/// Where Linux says the peak of a process, in kB.
const STATUS: &str = "/proc/self/status";

/// How the table is to be read.
pub const NOTE: &str = "Peak memory is the most that a process of three training steps, network, \
    optimiser and eight minibatches ever holds of the machine's, the program itself included, on all \
    threads; activations are what the layers' own ledger counts of it.";

/// What a process is asked to train.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    network: TimedNetwork,
    policy: Option<SamplingPolicy>,
    seed: u64,
}

/// What it answers, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Answer {
    peak: u64,
    activations: u64,
}

/// Whether this machine tells a process its peak.
pub fn is_told() -> bool {
    peak().is_some()
}

/// Trains what it is asked to in this process, and prints the answer.
///
/// # Errors
/// When the network cannot be built, or the machine tells no peak.
pub fn answer(question: &str, set: InstructionSet) -> anyhow::Result<()> {
    let Question { network, policy, seed } =
        serde_json::from_str(question).context("what is to be trained alone")?;
    network.check()?;
    let mut steps = Steps::of_images(&network, policy, Stream::new(seed, "steps"), set)?;
    (0..STEPS).for_each(|_| steps.step());
    let peak = peak().with_context(|| format!("{STATUS} has no peak memory"))?;
    say!("{}", serde_json::to_string(&Answer { peak, activations: steps.activation_bytes() })?);
    Ok(())
}

/// The most bytes that this process has held so far; none where the machine does not tell it.
fn peak() -> Option<u64> {
    peak_of(&std::fs::read_to_string(STATUS).ok()?)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Measures every network at every ratio.
///
/// # Errors
/// When a process cannot be started, or fails.
pub fn measure(setting: &Setting) -> anyhow::Result<Contest> {
    let mut contest = Contest {
        caption: "Peak memory of training steps, top-k in the forward mode".to_string(),
        keys: &["network", "minibatch", "optimiser", "ratio"],
        ratio: "peak over exact",
        others: ["sampled", "exact", "activations, sampled", "activations, exact"]
            .map(|name| (name.to_string(), "MB"))
            .to_vec(),
        rows: Vec::new(),
    };
    for (network, optimizer) in step::cases(setting) {
        let policies = std::iter::once(None).chain(step::policies(network.minimal_k).map(Some));
        let questions: Vec<Question> = policies
            .map(|policy| Question { network: network.clone(), policy, seed: setting.seed })
            .collect();
        let mut answers = vec![Vec::with_capacity(ROUNDS); questions.len()];
        for _ in 0..ROUNDS {
            for (question, answers) in questions.iter().zip(&mut answers) {
                answers.push(ask(question)?);
            }
        }
        let (exact, sampled) = answers.split_first().context("there is an exact contestant")?;
        contest.rows.extend(sampled.iter().zip(step::RATIOS).map(|(sampled, ratio)| {
            let peaks = sampled.iter().zip(exact);
            let megabytes = |answers: &[Answer], of: fn(&Answer) -> u64| {
                (1e-6 * Spread::of(answers.iter().map(|answer| of(answer) as f64).collect()).median)
                    .into()
            };
            Comparison {
                keys: vec![
                    network.network.title().into(),
                    network.batch_size.into(),
                    optimizer.into(),
                    ratio.into(),
                ],
                ratio: Some(Spread::of(
                    peaks.map(|(one, other)| one.peak as f64 / other.peak as f64).collect(),
                )),
                goal: None,
                others: vec![
                    megabytes(sampled, |answer| answer.peak),
                    megabytes(exact, |answer| answer.peak),
                    megabytes(sampled, |answer| answer.activations),
                    megabytes(exact, |answer| answer.activations),
                ],
            }
        }));
        setting.progress.advance(1);
    }
    Ok(contest)
}

/// The answer of a process of this program.
fn ask(question: &Question) -> anyhow::Result<Answer> {
    let program = std::env::current_exe().context("this program is not found")?;
    let threads = rayon::current_num_threads().to_string();
    let output = Command::new(program)
        .args(["bench", "--threads", &threads, "--alone", &serde_json::to_string(question)?])
        .output()
        .context("this program cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("training steps in a process of their own: {}", said.trim());
    }
    serde_json::from_slice(&output.stdout).context("the answer of a process of this program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_what_linux_says_and_from_nothing_else() {
        assert_eq!(peak_of("Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  12 kB\n"), Some(12 * 1024));
        for status in ["", "VmPeak:\t9 kB", "VmHWM:\tmuch kB", "VmHWM:\t12 MB", "VmHWM: kB"] {
            assert_eq!(peak_of(status), None, "{status}");
        }
    }

    #[test]
    fn the_peak_grows_by_memory_that_is_written_and_stays_when_it_is_given_back() {
        let Some(before) = peak() else { return };
        let length = before as usize + (64 << 20);
        drop(std::hint::black_box(vec![1u8; length]));
        let after = peak().expect("it was told before");
        assert!(after >= length as u64, "{before} {after} {length}");
    }
}
