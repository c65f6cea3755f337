//! Runs that are interrupted and go on.

use super::*;
use crate::data::generated_digits;
use crate::layer::{CodeForm, CodeSettings, KeptSelection};
use crate::metrics::{EpochMetrics, Metrics};
use crate::network::NetworkConfig;
use crate::optimizer::{OptimizerConfig, Schedule};
use crate::sampling::{LayerPolicies, LayerRatios, Mode, SamplingPolicy};
use crate::train::train;
use kernels::{Estimator, Selection};
use std::fs;

const SGD: OptimizerConfig = OptimizerConfig::Sgd {
    learning_rate: 0.05,
    momentum: 0.9,
    nesterov: false,
    weight_decay: 1e-3,
};

/// Three epochs of four steps, the first exact, with a rate that changes in each.
fn config(network: NetworkConfig, optimizer: OptimizerConfig) -> TrainingConfig {
    let policy = SamplingPolicy::new(Estimator::Bernoulli, 0.3, 4, Mode::Forward);
    TrainingConfig {
        schedule: Schedule::Cosine,
        policies: LayerPolicies::uniform(Some(policy)),
        exact_epochs: 1,
        ..TrainingConfig::new(network, 20, 3, optimizer, 5)
    }
}

fn mlp() -> TrainingConfig {
    let network = NetworkConfig::Mlp { hidden: vec![24], dropout: 0.2 };
    config(network, OptimizerConfig::Adam { learning_rate: 1e-3 })
}

fn digits() -> Splits {
    generated_digits(2, 75, 20, 30)
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Trains with a checkpoint and stops after so many steps in all.
fn run_to(
    config: &TrainingConfig,
    splits: &Splits,
    path: &Path,
    last: usize,
) -> Result<TrainingReport, RunError> {
    let set = InstructionSet::detect();
    train_with_checkpoints(config, splits, set, path, NonZeroUsize::new(3), &mut |progress| {
        if progress.steps == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

#[test]
#[ignore = "slow"]
fn a_run_stopped_anywhere_goes_on_to_the_same_report() {
    // Adam, momentum, batch normalisation, convolution, dropout of units and of channels.
    let with = |course: &str| {
        let course = serde_yaml::from_str(course).unwrap();
        TrainingConfig { course, ..mlp() }
    };
    let kept = |config: TrainingConfig, mode| {
        let policy = SamplingPolicy { keep_for: 3, mode, ..config.policies.default.unwrap() };
        TrainingConfig { policies: LayerPolicies::uniform(Some(policy)), ..config }
    };
    let codes = Some(CodeSettings { bits: 4, form: CodeForm::Backward });
    let network = NetworkConfig::BatchNormMlp { hidden: vec![24, 16] };
    let coded = TrainingConfig { codes, ..config(network, SGD) };
    // Of a quarter of the images: their steps take fifty times as long as a perceptron's.
    let convolutional = |config| TrainingConfig { batch_size: 5, ..config };
    let networks: [(_, &[usize]); 9] = [
        (coded, &[5, 6]),
        (kept(mlp(), Mode::Forward), &[4, 5, 6, 7, 8]),
        (kept(convolutional(config(NetworkConfig::Cnn, SGD)), Mode::Backward), &[5, 7]),
        (with("{exact_last_share: 0.25, ratios: {name: linear, from: 0.5, to: 2}}"), &[5, 9]),
        (with("{ratios: {name: variance, every: 2, share: 1}}"), &[4, 5, 6, 7, 8, 9]),
        (with("{ratios: {name: greedy-budget, share: 0.5, every_epochs: 1}}"), &[4, 5, 8, 9]),
        (mlp(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (convolutional(config(NetworkConfig::Cnn, SGD)), &[4, 7]),
        (convolutional(config(NetworkConfig::Wrn { depth: 10, width: 1 }, SGD)), &[6]),
    ];
    for (config, stops) in networks {
        // Four steps an epoch, of which the last is of fewer images.
        let splits = generated_digits(2, 4 * config.batch_size - 1, 20, 30);
        let expected = train(&config, &splits, InstructionSet::detect(), &mut go_on).unwrap();
        for &last in stops {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run");
            let stopped = run_to(&config, &splits, &path, last).unwrap_err();
            assert!(
                matches!(stopped, RunError::Training(TrainingError::Stopped { epochs })
                    if epochs == last / 4),
                "{stopped}"
            );
            assert_eq!(Checkpoint::load(&path).unwrap().steps(), last as u64);
            assert_eq!(run_to(&config, &splits, &path, 0).unwrap(), expected, "step {last}");
            // Nothing is left to do.
            let again = run_to(&config, &splits, &path, 12).unwrap();
            assert_eq!(again, expected);
        }
    }
}

#[test]
fn a_run_stopped_at_every_step_ends_in_the_same_report() {
    let (config, splits) = (mlp(), digits());
    let expected = train(&config, &splits, InstructionSet::detect(), &mut go_on).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    for last in 1..12 {
        run_to(&config, &splits, &path, last).unwrap_err();
    }
    assert_eq!(run_to(&config, &splits, &path, 12).unwrap(), expected);
}

#[test]
fn checkpoints_are_kept_where_they_were_asked_for() {
    let (config, splits, set) = (mlp(), digits(), InstructionSet::detect());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    for (every, expected) in
        [(None, [0, 0, 0, 0, 4, 4]), (NonZeroUsize::new(3), [0, 0, 0, 3, 4, 4])]
    {
        let mut kept = Vec::new();
        let _ = fs::remove_file(&path);
        train_with_checkpoints(&config, &splits, set, &path, every, &mut |progress| {
            // The observer is called before the checkpoint of the step is written.
            kept.push(Checkpoint::load(&path).unwrap().steps());
            if progress.steps == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap_err();
        assert_eq!(kept, expected);
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_kept() {
    let (config, splits) = (mlp(), digits());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run_to(&config, &splits, &path, 6).unwrap_err();
    let before = fs::read(&path).unwrap();
    let refuse = |config: &TrainingConfig, splits: &Splits| {
        let error = run_to(config, splits, &path, 12).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        error
    };
    let error = refuse(&TrainingConfig { seed: 6, ..config.clone() }, &splits);
    assert!(error.ends_with("with other settings: 'seed: 5' instead of 'seed: 6'"), "{error}");
    let network = NetworkConfig::Mlp { hidden: vec![24, 8], dropout: 0.2 };
    let error = refuse(&TrainingConfig { network, ..config.clone() }, &splits);
    assert!(error.ends_with("'dropout: 0.2' instead of '- 8'"), "{error}");
    let error = refuse(&config, &generated_digits(3, 75, 20, 30));
    assert!(error.contains("on other data"), "{error}");

    for length in (0..before.len()).step_by(97) {
        fs::write(&path, &before[..length]).unwrap();
        let error = run_to(&config, &splits, &path, 12).unwrap_err();
        let damaged = matches!(error, RunError::Checkpoint(CheckpointError::Damaged { .. }));
        assert!(damaged || length == 0, "{length}: {error}");
        assert_eq!(fs::read(&path).unwrap(), before[..length]);
    }
}

#[test]
fn contents_that_do_not_fit_the_run_are_refused() {
    let (config, splits, set) = (mlp(), digits(), InstructionSet::detect());
    let trainer = || Trainer::new(&config, &splits, set).unwrap();
    let mut whole = trainer();
    whole.advance(2, &mut go_on).unwrap();
    let whole = whole.checkpoint();
    let refuse = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = whole.clone();
        change(&mut checkpoint);
        trainer().resume(checkpoint).err().unwrap().to_string()
    };
    let name = whole.network[0].0.clone();
    assert_eq!(
        refuse(&|checkpoint| checkpoint.network[0].0.push('x')),
        format!("the state has '{name}x' where the network has '{name}'")
    );
    assert_eq!(
        refuse(&|checkpoint| drop(checkpoint.optimizer.averages.pop())),
        "the state has averages of 3 parameters and the network has 4"
    );
    assert_eq!(
        refuse(&|checkpoint| checkpoint.optimizer.averages[1].second.push(0.0)),
        "the state has 25 averages of parameter 1, which has 24 numbers"
    );
    assert_eq!(
        refuse(&|checkpoint| checkpoint.sampled[0].ratio = 1.5),
        "layer 'linear-1' has the ratio 1.5 in the state; it lies above 0 and is at most 1"
    );
    let selection = Selection::new(vec![3], vec![1.0], 23).unwrap();
    let kept = Some(KeptSelection { period: 0, selection });
    assert_eq!(
        refuse(&|checkpoint| checkpoint.sampled[1].kept = kept.clone()),
        "layer 'linear-2' has a selection of 23 pairs in the state, and 24 pairs"
    );
    let layer = "linear-1".to_owned();
    assert_eq!(
        refuse(&|checkpoint| {
            checkpoint.ratios = vec![LayerRatios { layer: layer.clone(), epochs: vec![0.5] }];
        }),
        "it has not one ratio an epoch and layer whose ratio the run controls"
    );
    let none = Metrics::default();
    let metrics = EpochMetrics { train: none, held_out: none, test: none };
    for (steps, epochs) in [(5, 0), (3, 1), (13, 3), (16, 4), (u64::MAX, 0)] {
        assert_eq!(
            refuse(&|checkpoint| {
                checkpoint.optimizer.steps = steps;
                checkpoint.epochs = vec![metrics; epochs];
            }),
            format!("it has made {steps} steps in {epochs} epochs, of which each has 4")
        );
    }
    let mut resumed = trainer().resume(whole.clone()).unwrap();
    assert_eq!(resumed.checkpoint(), whole);
}
