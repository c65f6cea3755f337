//! Exact training steps of the perceptron beside those of the same network by PyTorch.

use std::path::Path;
use std::time::Duration;

use super::contest::{Comparison, Contest};
use super::python::{Python, SPINNING};
use super::setting::Setting;
use super::step::{ADAM, CLASSES, DROPOUT, HIDDEN, INPUTS, LEARNING_RATE, MINIBATCHES, perceptron};
use super::steps::Steps;
use crate::timing::{Patience, Work, in_turns, rested, timed};

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_step.py");
/// Least speed over PyTorch's.
const SPEED_GOAL: f64 = 1.3;
/// How many times longer turns are than those of products, in as many rounds: steps follow steps,
/// so that caches that others have filled and threads that are woken count little, as in training.
const LONGER: u32 = 5;
/// How long the ways of waiting are compared to choose one.
const TRIAL: Patience =
    Patience { turn: Duration::from_millis(50), total: Duration::from_millis(600), rounds: 3 };
/// Ways in which OpenMP's idle threads wait, and what asks for them.
const WAITING: [(&str, &[(&str, &str)]); 2] =
    [("default", &[]), ("passive", &[("OMP_WAIT_POLICY", "PASSIVE")])];

/// PyTorch with either way of waiting.
pub struct PyTorch([Stepping; 2]);

/// An interpreter that does training steps.
struct Stepping {
    python: Python,
    /// The implementation of Adam of the last steps; empty before any.
    adam: String,
    failure: Option<anyhow::Error>,
}

impl PyTorch {
    /// Starts it in the interpreter.
    ///
    /// # Errors
    /// Names the interpreter that cannot be started or has no PyTorch.
    pub fn start(interpreter: &Path) -> anyhow::Result<Self> {
        let [default, passive] = WAITING.map(|(_, variables)| variables);
        let start = |variables| Stepping::start(interpreter, variables);
        Ok(Self([start(default)?, start(passive)?]))
    }

    /// How to read the table.
    pub fn note(&self) -> String {
        format!(
            "PyTorch {} trains the same network on random minibatches of the same sizes in a \
             process of its own and is timed by its own clock. Its Adam is the fastest of default, \
             foreach and fused, and its idle threads wait in the faster of two ways, by default or \
             passively (OMP_WAIT_POLICY), both by short trials. Turns are {LONGER} times as \
             long as those of products; PyTorch's are followed by a rest, unmeasured.",
            self.0[0].python.version
        )
    }

    /// Measures every minibatch on every number of threads.
    ///
    /// # Errors
    /// When the network cannot be built or the interpreter fails.
    pub fn measure(&mut self, setting: &Setting) -> anyhow::Result<Contest> {
        let others = [("ours", "ms"), ("PyTorch", "ms"), ("its Adam", ""), ("its waiting", "")];
        let mut contest = Contest {
            caption: "Exact training steps with Adam beside PyTorch".to_string(),
            keys: &["minibatch", "threads"],
            ratio: "speed over PyTorch",
            others: others.map(|(name, unit)| (name.to_string(), unit)).to_vec(),
            rows: Vec::new(),
        };
        for minibatch in MINIBATCHES {
            for pool in setting.pools {
                contest.rows.push(pool.install(|| self.compare(setting, minibatch))?);
                setting.progress.advance(1);
            }
        }
        Ok(contest)
    }

    fn compare(&mut self, setting: &Setting, minibatch: usize) -> anyhow::Result<Comparison> {
        let threads = rayon::current_num_threads();
        let waiting = self.faster(minibatch, threads)?;
        let stepping = &mut self.0[waiting];
        let mut steps = Steps::new(setting, &perceptron(minibatch, ADAM), None)?;
        let ours = timed(move || steps.step());
        let mut contestants = [ours, rested(stepping.work(minibatch, threads), SPINNING)];
        let patience = setting.effort.patience;
        let patience =
            Patience { turn: LONGER * patience.turn, total: LONGER * patience.total, ..patience };
        let times = in_turns(&mut contestants, patience);
        drop(contestants);
        stepping.check()?;
        let [ours, theirs] = [0, 1].map(|c| (1e3 * times.seconds(c).median).into());
        Ok(Comparison {
            keys: vec![minibatch.into(), threads.into()],
            // Speed is the inverse of time.
            ratio: Some(times.ratio(1, 0)),
            goal: Some(SPEED_GOAL),
            others: vec![ours, theirs, stepping.adam.as_str().into(), WAITING[waiting].0.into()],
        })
    }

    /// The way of waiting that takes less time here.
    fn faster(&mut self, minibatch: usize, threads: usize) -> anyhow::Result<usize> {
        let mut contestants =
            self.0.each_mut().map(|stepping| rested(stepping.work(minibatch, threads), SPINNING));
        let times = in_turns(&mut contestants, TRIAL);
        drop(contestants);
        self.0.iter_mut().try_for_each(Stepping::check)?;
        Ok(times.fastest([0, 1]).unwrap_or_default())
    }
}

impl Stepping {
    fn start(interpreter: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut arguments = vec![DROPOUT.to_string(), LEARNING_RATE.to_string()];
        arguments.extend([INPUTS, HIDDEN[0], HIDDEN[1], CLASSES].map(|width| width.to_string()));
        let python = Python::start(interpreter, SCRIPT, &arguments, variables)?;
        Ok(Self { python, adam: String::new(), failure: None })
    }

    /// Training steps as work to be measured, by the interpreter's own clock.
    ///
    /// Should the interpreter fail, times are not numbers and [`Stepping::check`] says why.
    fn work(&mut self, minibatch: usize, threads: usize) -> Work<'_> {
        let Self { python, adam, failure } = self;
        python.work(format!("{minibatch} {threads}"), failure, |other| *adam = other)
    }

    /// Whether all work so far was done.
    fn check(&mut self) -> anyhow::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::bench::setting::Effort;
    use crate::progress::Progress;
    use crate::result::Cell;
    use kernels::InstructionSet;

    /// Measures beside a stand-in for the interpreter: a script of the shell.
    fn measure(script: &str) -> anyhow::Result<Contest> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("python");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        let patience = Patience { turn: Duration::ZERO, total: Duration::ZERO, rounds: 1 };
        let setting = Setting {
            seed: 1,
            set: InstructionSet::detect(),
            effort: Effort { patience, ..Effort::QUICK },
            peers: &[],
            pools: &[rayon::ThreadPoolBuilder::new().num_threads(1).build()?],
            progress: &Progress::hidden(),
        };
        PyTorch::start(&path)?.measure(&setting)
    }

    #[test]
    fn times_are_those_that_the_interpreter_tells() {
        let contest = measure(
            "echo 2.0; while read minibatch threads steps; do \
             echo $((minibatch * threads * steps)) fused; done",
        );
        let rows = contest.unwrap().rows;
        let theirs = [&rows[0].others[1], &rows[1].others[1]];
        assert_eq!(theirs, [&Cell::from(64e3), &Cell::from(256e3)]);
        assert_eq!(rows[0].others[2], Cell::from("fused"));
    }

    #[test]
    fn an_interpreter_that_fails_is_named_with_what_it_said() {
        for (script, words) in [
            ("echo cannot >&2; echo no torch >&2; exit 1", "ended and said: no torch"),
            ("exit 1", "ended and said: nothing"),
            ("echo 2.0; read line; echo out of memory >&2", "ended and said: out of memory"),
            ("echo 2.0; while read line; do echo fast; done", "answered \"fast\""),
        ] {
            let message = format!("{:#}", measure(script).unwrap_err());
            assert!(message.contains("/python") && message.contains(words), "{message}");
        }
    }
}
