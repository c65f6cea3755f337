//! A training process that is killed again and again ends in the bits of one that is not.
//!
//! The processes to kill are this test's own executable, told by an environment variable to train.

use kernels::random::{Stream, below, uniform};
use kernels::{Estimator, InstructionSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use training::checkpoint::{Checkpoint, CheckpointError};
use training::data::{Splits, generated_digits};
use training::network::NetworkConfig;
use training::optimizer::{OptimizerConfig, Schedule};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};
use training::train::{TrainingConfig, TrainingReport, train, train_with_checkpoints};

/// Names the checkpoint of a process that is to train.
const CHECKPOINT: &str = "TEST_CHECKPOINT";
const KILLS: u64 = 20;
/// Steps from one checkpoint to the next.
const EVERY: Option<NonZeroUsize> = NonZeroUsize::new(3);

fn config() -> TrainingConfig {
    let policy = SamplingPolicy::new(Estimator::Bernoulli, 0.3, 4, Mode::Forward);
    TrainingConfig {
        schedule: Schedule::Cosine,
        policies: LayerPolicies::uniform(Some(policy)),
        exact_epochs: 1,
        ..TrainingConfig::new(
            NetworkConfig::Mlp { hidden: vec![32], dropout: 0.2 },
            20,
            10,
            OptimizerConfig::Adam { learning_rate: 1e-3 },
            3,
        )
    }
}

fn splits() -> Splits {
    generated_digits(1, 400, 50, 50)
}

/// What a process to be killed does: it trains, says so after every step, and is slow enough to
/// be killed before it ends.
fn train_to_be_killed(path: &Path) {
    let (config, splits, set) = (config(), splits(), InstructionSet::detect());
    train_with_checkpoints(&config, &splits, set, path, EVERY, &mut |progress| {
        eprintln!("{}", progress.steps);
        sleep(Duration::from_millis(2));
        ControlFlow::Continue(())
    })
    .unwrap();
}

fn start(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "checkpoint::a_run_killed_at_20_moments_ends_in_the_same_bits",
            "--exact",
            "--nocapture",
        ])
        .env(CHECKPOINT, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts the run and kills it a moment after so many steps; says whether it was still running.
fn kill_after(path: &Path, steps: usize, moment: Duration) -> bool {
    let mut child = start(path);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<_> = lines.by_ref().take(steps).map(Result::unwrap).collect();
    sleep(moment);
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    let failure = lines.map_while(Result::ok).find(|line| line.contains("panicked"));
    assert_eq!(failure, None, "after {said:?}");
    !ended.success()
}

/// The report of a run that has ended.
fn report(path: &Path) -> TrainingReport {
    let (config, splits, set) = (config(), splits(), InstructionSet::detect());
    train_with_checkpoints(&config, &splits, set, path, EVERY, &mut |progress| {
        panic!("step {} was still to be made", progress.steps)
    })
    .unwrap()
}

#[test]
fn a_run_killed_at_20_moments_ends_in_the_same_bits() {
    if let Some(path) = env::var_os(CHECKPOINT) {
        return train_to_be_killed(Path::new(&path));
    }
    let set = InstructionSet::detect();
    let expected = train(&config(), &splits(), set, &mut |_| ControlFlow::Continue(())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let moments = Stream::new(1, "kills");
    let (mut kills, mut before) = (0, 0);
    while kills < KILLS {
        let random = &mut moments.at(kills);
        // Without a step to wait for, the moment falls into the start of the process.
        let (steps, milliseconds) = (below(random, 10), 20.0 * uniform(random));
        if kill_after(&path, steps, Duration::from_secs_f64(milliseconds / 1e3)) {
            kills += 1;
        } else {
            // It was faster than the killer: once more from the start.
            assert_eq!(report(&path), expected);
            fs::remove_file(&path).unwrap();
            before = 0;
            continue;
        }
        let saved = match Checkpoint::load(&path) {
            Ok(checkpoint) => checkpoint.steps(),
            // Killed before there was a first one.
            Err(CheckpointError::Read { .. }) if before == 0 && steps == 0 => 0,
            Err(error) => panic!("kill {kills}: {error}"),
        };
        // At most the steps since the last checkpoint are lost.
        assert!(saved + 3 >= before + steps as u64, "kill {kills}: {before}, {steps}, {saved}");
        before = saved;
    }
    let last = start(&path).wait_with_output().unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    assert_eq!(report(&path), expected);
}
