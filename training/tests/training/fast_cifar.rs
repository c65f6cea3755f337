//! Runs with all that makes training on CIFAR-10 fast, on small generated images.

use kernels::InstructionSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use testing::assert_same_bits;
use training::checkpoint::Checkpoint;
use training::data::{Splits, generated_digits};
use training::layer::ImageShape;
use training::network::TestTimeViews;
use training::train::{
    DataParallel, Progress, Trainer, TrainingConfig, TrainingReport, train, train_data_parallel,
    train_with_checkpoints,
};

const RECIPE: &str = "
network: {name: fast-cifar, widths: [4, 6, 8], whitening_images: 40}
batch_size: 16
epochs: 3
optimizer: {name: sgd, learning_rate: 0.3, momentum: 0.85, nesterov: true, weight_decay: 0.001}
schedule:
  name: piecewise-linear
  knots: [{at: 0, factor: 0.2}, {at: 0.23, factor: 1}, {at: 1, factor: 0.07}]
parameter_groups:
  - {parameters: '*.shift', learning_rate: 4, weight_decay: 0.25}
  - {parameters: whitening.bias, epochs: 1}
lookahead: {every: 2, slowness: 0.774}
label_smoothing: 0.2
policies:
  default: {estimator: bernoulli, ratio: 0.5, minimal_k: 2, mode: forward}
augmentation: {padding: 2, border: reflected, flip: true, alternating: true}
test_time_views: mirrored-and-shifted
seed: 4
";

fn recipe() -> TrainingConfig {
    serde_yaml::from_str(RECIPE).unwrap()
}

fn digits() -> Splits {
    generated_digits(2, 60, 20, 30)
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn run(config: &TrainingConfig, set: InstructionSet) -> TrainingReport {
    train(config, &digits(), set, &mut go_on).unwrap()
}

#[test]
fn every_thread_count_and_instruction_set_trains_to_the_same_bits() {
    let config = recipe();
    assert_same_bits(&[1, 3], |set| run(&config, set));
}

#[test]
fn a_run_stopped_anywhere_goes_on_to_the_same_report() {
    let (config, splits, set) = (recipe(), digits(), InstructionSet::detect());
    let expected = run(&config, set);
    // Four steps an epoch: between two of lookahead and after one, before and after the freezing.
    for last in [1, 2, 4, 7, 11] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let run_to = |last| {
            train_with_checkpoints(&config, &splits, set, &path, NonZeroUsize::new(3), &mut |at| {
                if at.steps == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        };
        run_to(last).unwrap_err();
        let checkpoint = Checkpoint::load(&path).unwrap();
        assert_eq!(checkpoint.lookahead.len(), checkpoint.network.len());
        assert_eq!(run_to(0).unwrap(), expected, "stopped after {last} steps");
    }
}

#[test]
fn every_setting_changes_the_run() {
    let parameters = |config: &TrainingConfig| run(config, InstructionSet::detect()).parameters;
    let (with_all, mut seen) = (recipe(), vec![parameters(&recipe())]);
    let mut without = |change: &dyn Fn(&mut TrainingConfig)| {
        let mut config = with_all.clone();
        change(&mut config);
        let parameters = parameters(&config);
        assert!(!seen.contains(&parameters));
        seen.push(parameters);
    };
    without(&|config| config.lookahead = None);
    without(&|config| config.label_smoothing = 0.0);
    without(&|config| config.parameter_groups[1].epochs = None);
    without(&|config| {
        config.parameter_groups.remove(0);
    });
    without(&|config| config.schedule = Default::default());
    without(&|config| config.augmentation.as_mut().unwrap().alternating = false);
    without(&|config| config.augmentation.as_mut().unwrap().border = Default::default());
}

#[test]
fn views_are_for_the_last_evaluation_alone() {
    let with = recipe();
    let without = TrainingConfig { test_time_views: TestTimeViews::Image, ..with.clone() };
    let [with, without] = [with, without].map(|config| run(&config, InstructionSet::detect()));
    assert_eq!(with.parameters, without.parameters);
    assert_eq!(with.epochs[..2], without.epochs[..2]);
    assert_ne!(with.epochs[2], without.epochs[2]);
}

#[test]
fn one_worker_trains_to_the_bits_of_none_and_several_train() {
    let (config, splits, set) = (recipe(), digits(), InstructionSet::detect());
    let exchange = training::exchange::Exchange::Whole;
    let parallel = |workers| {
        let parallel = DataParallel { workers, exchange };
        train_data_parallel(&config, parallel, &splits, set, None, &mut go_on).unwrap()
    };
    assert_eq!(parallel(1).training, run(&config, set));
    let two = parallel(2);
    // The bias of the eight filters is frozen, and not sent, in eight of twelve steps.
    let description = config.network.describe(ImageShape::new(1, 28, 28), 10).unwrap();
    assert_eq!(two.sent.all, 12 * description.parameters() - 8 * 8);
    assert_eq!(two.sent.sent, two.sent.all);
}

#[test]
fn the_footprint_has_the_average_of_lookahead() {
    let config = recipe();
    let description = config.network.describe(ImageShape::new(1, 28, 28), 10).unwrap();
    let state =
        Trainer::new(&config, &digits(), InstructionSet::detect()).unwrap().network().state();
    let numbers: usize = state.iter().map(|(_, values)| values.len()).sum();
    let (without, with) = (description.footprint(16), config.footprint(&description));
    assert_eq!(with.parameters - without.parameters, 4.0 * numbers as f64);
    assert_eq!(with.activations, without.activations);
}

#[test]
fn settings_that_do_not_fit_are_refused_by_name() {
    let splits = digits();
    let refused = |change: &dyn Fn(&mut TrainingConfig)| {
        let mut config = recipe();
        change(&mut config);
        Trainer::new(&config, &splits, InstructionSet::detect()).err().unwrap().to_string()
    };
    let more = "{name: fast-cifar, widths: [4, 6, 8], whitening_images: 61}";
    let error = refused(&|config| config.network = serde_yaml::from_str(more).unwrap());
    assert_eq!(error, "network.whitening_images is 61, expected at most the 60 training images");
    let none = "{parameters: '*.scale'}";
    let error = refused(&|config| config.parameter_groups[0] = serde_yaml::from_str(none).unwrap());
    assert!(error.starts_with("parameter_groups[0].parameters is *.scale, expected"), "{error}");
    let error = refused(&|config| config.label_smoothing = 1.0);
    assert!(error.starts_with("label_smoothing is 1, expected"), "{error}");
    let error = refused(&|config| config.lookahead.as_mut().unwrap().every = 0);
    assert!(error.starts_with("lookahead.every is 0, expected"), "{error}");
}

#[test]
fn a_recipe_is_written_as_it_is_read_and_a_plain_run_says_nothing_of_it() {
    let text = serde_yaml::to_string(&recipe()).unwrap();
    assert_eq!(serde_yaml::from_str::<TrainingConfig>(&text).unwrap(), recipe());
    let recipe = recipe();
    let plain = TrainingConfig::new(recipe.network, 1, 1, recipe.optimizer, 1);
    let text = serde_yaml::to_string(&plain).unwrap();
    for setting in ["parameter_groups", "lookahead", "label_smoothing", "test_time_views"] {
        assert!(!text.contains(setting), "{setting} in\n{text}");
    }
}
