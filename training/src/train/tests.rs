//! Whole training runs.

use super::*;
use crate::data::{Augmentation, generated_digits};
use crate::layer::StepContext;
use crate::layer::{
    Chain, Convolution, ConvolutionGeometry, Initialization, Layer, Linear, Residual, Window,
};
use crate::matrix::Matrix;
use crate::network::NetworkConfig;
use crate::optimizer::{OptimizerConfig, Schedule};
use crate::sampling::{Course, LayerPolicies, Mode, SamplingPolicy};
use kernels::Estimator;
use kernels::random::Stream;
use rayon::ThreadPoolBuilder;

fn config(policy: Option<SamplingPolicy>) -> TrainingConfig {
    TrainingConfig {
        policies: LayerPolicies::uniform(policy),
        ..TrainingConfig::new(
            NetworkConfig::Mlp { hidden: vec![64, 48], dropout: 0.1 },
            50,
            2,
            OptimizerConfig::Adam { learning_rate: 1e-3 },
            1,
        )
    }
}

fn policy(estimator: Estimator, mode: Mode) -> Option<SamplingPolicy> {
    Some(SamplingPolicy::new(estimator, 0.3, 10, mode))
}

fn run(config: &TrainingConfig, splits: &Splits, set: InstructionSet) -> TrainingReport {
    train(config, splits, set, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn every_thread_count_and_instruction_set_trains_to_the_same_bits() {
    let splits = generated_digits(1, 620, 50, 100);
    let config = config(policy(Estimator::Bernoulli, Mode::Forward));
    let reference = run(&config, &splits, InstructionSet::detect());
    for threads in [1, 2, 3, 8] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report = pool.install(|| run(&config, &splits, InstructionSet::detect()));
        assert_eq!(report, reference, "{threads} threads");
    }
    for set in InstructionSet::available() {
        assert_eq!(run(&config, &splits, set), reference, "{set}");
    }
    // Debug and release builds, and every machine, are held to the same constant.
    assert_eq!(&reference.parameters[..16], PINNED);
}
const PINNED: &str = "bfe723d434f993a0";

#[test]
fn another_seed_trains_to_other_bits() {
    let splits = generated_digits(1, 200, 50, 50);
    let one = config(None);
    let two = TrainingConfig { seed: 2, ..one.clone() };
    let set = InstructionSet::detect();
    assert_ne!(run(&one, &splits, set).parameters, run(&two, &splits, set).parameters);
}

#[test]
fn augmentation_without_crop_and_flip_trains_to_the_bits_of_a_run_without() {
    let splits = generated_digits(1, 60, 20, 20);
    let set = InstructionSet::detect();
    let without = run(&config(None), &splits, set);
    let with = |augmentation| {
        run(&TrainingConfig { augmentation: Some(augmentation), ..config(None) }, &splits, set)
    };
    assert_eq!(with(Augmentation::default()), without);
    let crop = Augmentation { padding: 4, flip: false, ..Augmentation::default() };
    assert_ne!(with(crop).parameters, without.parameters);
}

#[test]
fn a_ratio_of_one_trains_to_the_exact_bits() {
    let splits = generated_digits(1, 300, 50, 50);
    let exact = config(None);
    let mut sampled = config(policy(Estimator::ColumnRow, Mode::Forward));
    sampled.policies.default.as_mut().unwrap().ratio = 1.0;
    let set = InstructionSet::detect();
    assert_eq!(run(&exact, &splits, set), run(&sampled, &splits, set));
    let mut warm = config(policy(Estimator::TopK, Mode::Forward));
    warm.exact_epochs = warm.epochs;
    assert_eq!(run(&exact, &splits, set).parameters, run(&warm, &splits, set).parameters);
}

#[test]
fn a_course_is_followed_step_by_step() {
    let (splits, set) = (generated_digits(1, 300, 50, 50), InstructionSet::detect());
    let plain = config(policy(Estimator::Bernoulli, Mode::Forward));
    let with = |course: &str| {
        run(
            &TrainingConfig { course: serde_yaml::from_str(course).unwrap(), ..plain.clone() },
            &splits,
            set,
        )
    };
    let sampled = run(&plain, &splits, set);
    let exact = run(&config(None), &splits, set);
    assert_eq!(with("{ratios: {name: linear, from: 1, to: 1}}"), sampled);
    assert_eq!(with("{ratios: {name: steps, knots: [{at: 0.9999, factor: 2}]}}"), sampled);
    // A ratio of 1 is the exact product.
    let all = with("{ratios: {name: steps, knots: [{at: 0, factor: 3.3333333333333335}]}}");
    assert_eq!(all, exact);
    // The second epoch of two is exact.
    let half = with("{exact_last_share: 0.5}");
    assert_eq!(half.epochs[0], sampled.epochs[0]);
    assert_ne!(half.epochs[1], sampled.epochs[1]);
    let saved = |report: &TrainingReport| report.computations.exact - report.computations.performed;
    assert!((0.45..0.55).contains(&(saved(&half) as f64 / saved(&sampled) as f64)));
    let falling = with("{ratios: {name: linear, from: 1, to: 0.5}}");
    assert!(saved(&falling) > saved(&sampled));
}

#[test]
fn no_course_leaves_stored_settings_as_they_were() {
    let written = serde_yaml::to_string(&config(None)).unwrap();
    assert!(!written.contains("course"), "{written}");
    let course = Course { exact_last_share: 0.25, ..Course::default() };
    let config = TrainingConfig { course, ..config(None) };
    let written = serde_yaml::to_string(&config).unwrap();
    assert!(written.contains("course:\n  exact_last_share: 0.25\nseed: 1"), "{written}");
    assert_eq!(serde_yaml::from_str::<TrainingConfig>(&written).unwrap(), config);
}

#[test]
fn training_learns_in_every_mode_and_counts_what_it_saved() {
    let splits = generated_digits(3, 2_000, 100, 400);
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let config = TrainingConfig { epochs: 4, ..config(policy(Estimator::Bernoulli, mode)) };
        let report = run(&config, &splits, InstructionSet::detect());
        let last = report.epochs[3];
        assert!(last.test.accuracy > 0.3, "{mode:?}: {}", last.test.accuracy);
        // The black box does not see the noise it trains under, whose loss may grow with the
        // weights.
        let improved = last.train.loss < report.epochs[0].train.loss;
        assert!(improved || mode == Mode::BlackBox, "{mode:?}");
        assert!(report.computations.share() < 0.9, "{mode:?}");
    }
}

#[test]
fn bad_settings_are_named() {
    let splits = generated_digits(1, 60, 10, 10);
    let refuse = |change: &dyn Fn(&mut TrainingConfig)| {
        let mut config = config(policy(Estimator::TopK, Mode::Forward));
        change(&mut config);
        train(&config, &splits, InstructionSet::detect(), &mut |_| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    assert!(refuse(&|config| config.batch_size = 0).starts_with("batch_size is 0"));
    assert!(
        refuse(&|config| {
            config.network = NetworkConfig::Mlp { hidden: vec![5], dropout: 1.0 };
        })
        .starts_with("network.dropout is 1")
    );
    assert!(
        refuse(&|config| config.policies.default.as_mut().unwrap().ratio = 2.0)
            .contains("ratio is 2")
    );
    let codes = refuse(&|config| config.codes = Some(serde_yaml::from_str("{bits: 4}").unwrap()));
    assert!(codes.starts_with("codes is codes of 4 bits, expected nothing for a netw"), "{codes}");
    let codes = refuse(&|config| config.codes = Some(serde_yaml::from_str("{bits: 9}").unwrap()));
    assert!(codes.starts_with("codes.bits is 9, expected 1, 2, 4 or 8"), "{codes}");
    let none = BatchNormStatistics::ReEstimated { minibatches: 0 };
    let statistics = refuse(&|config| config.batch_norm_statistics = none);
    assert!(statistics.starts_with("batch_norm_statistics.minibatches is 0"), "{statistics}");
    let schedule = Schedule::Step { factor: f32::NAN, at: vec![1] };
    let schedule = refuse(&|config| config.schedule = schedule.clone());
    assert!(schedule.starts_with("schedule.factor is NaN"), "{schedule}");
    let black = Augmentation { padding: 28, ..Augmentation::default() };
    let augmentation = refuse(&|config| config.augmentation = Some(black));
    assert!(augmentation.starts_with("augmentation.padding is 28"), "{augmentation}");
    let course = |course: &str| {
        refuse(&|config| {
            config.exact_epochs = 1;
            config.course = serde_yaml::from_str(course).unwrap();
        })
    };
    let error = course("{exact_last_share: 0.5}");
    assert!(
        error.starts_with("course.exact_last_share is 0.5, expected a share below 0.5"),
        "{error}"
    );
    let error = course("{ratios: {name: linear, from: 0.5, to: 4}}");
    assert!(error.starts_with("course.ratios.to is 4, "), "{error}");
    let error = refuse(&|config| {
        config.exact_epochs = 2;
        config.course.exact_last_share = 0.1;
    });
    assert!(error.starts_with("exact_epochs is 2, expected fewer than the 2 epochs"), "{error}");
    let adaptive = Estimator::AdaptiveTopK { share: 2.0 };
    let policy = refuse(&|config| config.policies.default.as_mut().unwrap().estimator = adaptive);
    assert!(policy.starts_with("policies.default: estimator: a share of 2"), "{policy}");
    let one = generated_digits(1, 12_000, 10, 10);
    let wide = TrainingConfig {
        network: NetworkConfig::Wrn { depth: 10, width: 30 },
        batch_size: 11_500,
        ..config(None)
    };
    let error = Trainer::new(&wide, &one, InstructionSet::detect()).err().unwrap().to_string();
    assert!(error.starts_with("batch_size is 11500, expected a minibatch that fits"), "{error}");
    for most in [0.0, -1.0, f32::NAN] {
        let error = refuse(&|config| config.gradient_norm = Some(most));
        assert!(error.starts_with("gradient_norm is "), "{error}");
    }
    let rate = f32::MAX;
    let error = refuse(&|config| {
        config.optimizer = OptimizerConfig::Sgd {
            learning_rate: rate,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        };
    });
    assert!(error.contains("at step"), "{error}");
}

#[test]
fn a_selection_that_fails_stops_the_run_and_no_weight_changes() {
    // A policy that is checked neither here nor by a layer.
    let unchecked = SamplingPolicy {
        estimator: Estimator::AdaptiveTopK { share: 2.0 },
        ..policy(Estimator::TopK, Mode::Forward).unwrap()
    };
    let (splits, set) = (generated_digits(1, 200, 10, 10), InstructionSet::detect());
    let config = config(None);
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let policy = Some(SamplingPolicy { mode, ..unchecked });
        let layer = Linear::new("only", 784, 10, policy, Stream::new(1, "layer"));
        let network = Network::new(vec![Box::new(layer)]);
        let (source, rank) = (Box::new(InMemory::new(&splits, None)), Box::new(Alone));
        let mut trainer = Trainer::with(&config, network, source, rank, set).unwrap();
        let before = trainer.network().parameters();
        let error = trainer.epoch(&mut |_| ControlFlow::Continue(())).unwrap_err();
        let TrainingError::Selection { epoch: 1, step: 1, failure } = &error else {
            panic!("{mode:?}: {error}");
        };
        assert_eq!(failure.layer, "only");
        let reason = "a share of 2 of the scores was asked for; it lies in (0, 1]";
        let expected = format!("step 1 of epoch 1: layer 'only' cannot be sampled: {reason}");
        assert_eq!(error.to_string(), expected);
        assert!(trainer.network().parameters() == before, "{mode:?}");
    }
}

#[test]
fn a_selection_that_fails_inside_of_a_block_is_named_as_well() {
    let (image, set) = (ImageShape::new(2, 4, 4), InstructionSet::detect());
    let convolution = |name: &str, share: f64| -> Box<dyn Layer> {
        let geometry = ConvolutionGeometry { image, outputs: 2, window: Window::square(1, 1, 0) };
        let policy = SamplingPolicy {
            estimator: Estimator::AdaptiveTopK { share },
            minimal_k: 1,
            ..policy(Estimator::TopK, Mode::Forward).unwrap()
        };
        let (initialization, stream) = (Initialization::UniformFanIn, Stream::new(1, name));
        let layer =
            Convolution::new(name, geometry, true, initialization, Some(policy), stream).unwrap();
        Box::new(layer)
    };
    let chain = |name: &str, share| Chain::new(vec![convolution(name, share)]);
    for (main, shortcut, failing) in [(2.0, 0.9, "main"), (0.9, 2.0, "shortcut")] {
        let block = Residual::new(chain("main", main), Some(chain("shortcut", shortcut)));
        let mut network = Network::new(vec![Box::new(block)]);
        let numbers = (0..2 * image.len()).map(|i| i as f32).collect();
        let input = Matrix::from_rows(2, image.len(), numbers);
        let context = StepContext::training(set, Stream::new(1, "run"), 0);
        network.forward(&context, &input);
        let failure = network.backward(&context, &input, &input).unwrap_err();
        assert_eq!(failure.layer, failing);
    }
}

#[test]
fn an_observer_can_stop_a_run() {
    let splits = generated_digits(1, 200, 10, 10);
    let stopped = train(&config(None), &splits, InstructionSet::detect(), &mut |progress| {
        if progress.steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(TrainingError::Stopped { epochs: 0 })));
}

/// WRN-10-1 on a few digits, trained with top-k.
fn wrn(splits: &Splits, statistics: BatchNormStatistics) -> TrainingReport {
    let config = TrainingConfig {
        network: NetworkConfig::Wrn { depth: 10, width: 1 },
        batch_size: 16,
        epochs: 3,
        optimizer: OptimizerConfig::Sgd {
            learning_rate: 0.05,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 5e-4,
        },
        batch_norm_statistics: statistics,
        ..config(Some(SamplingPolicy {
            minimal_k: 1,
            ..policy(Estimator::TopK, Mode::Forward).unwrap()
        }))
    };
    run(&config, splits, InstructionSet::detect())
}

#[test]
#[ignore = "slow"]
fn statistics_of_sampled_steps_do_not_fit_an_exact_evaluation_and_exact_ones_do() {
    let splits = generated_digits(1, 250, 50, 100);
    let running = wrn(&splits, BatchNormStatistics::Running);
    let exact = wrn(&splits, BatchNormStatistics::ReEstimated { minibatches: 6 });
    // The evaluation leaves no trace in the run: running statistics, parameters and sampling are
    // as before, and its products are not counted.
    assert_eq!(exact.parameters, running.parameters);
    assert_eq!(exact.computations, running.computations);
    for (exact, running) in exact.epochs.iter().zip(&running.epochs) {
        assert_eq!(exact.train, running.train);
    }
    let [exact, running] = [exact, running].map(|report| report.epochs[2]);
    assert!(exact.test.loss < running.test.loss / 2.0, "{exact:?} and {running:?}");
    assert!(exact.held_out.loss < running.held_out.loss / 2.0, "{exact:?} and {running:?}");
}

#[test]
fn an_evaluation_restores_everything_it_changes() {
    let splits = generated_digits(1, 40, 20, 20);
    let config = TrainingConfig {
        network: NetworkConfig::Wrn { depth: 10, width: 1 },
        batch_size: 16,
        ..config(policy(Estimator::TopK, Mode::Forward))
    };
    let mut trainer = Trainer::new(&config, &splits, InstructionSet::detect()).unwrap();
    trainer.epoch(&mut |_| ControlFlow::Continue(())).unwrap();
    let before = trainer.checkpoint();
    let mut evaluate = |statistics| trainer.evaluate(statistics).unwrap();
    let running = evaluate(BatchNormStatistics::Running);
    // Fewer images than asked for: the two whole minibatches are taken.
    let exact = evaluate(BatchNormStatistics::ReEstimated { minibatches: 9 });
    assert_eq!(exact, evaluate(BatchNormStatistics::ReEstimated { minibatches: 2 }));
    assert_ne!(exact, running);
    assert_eq!(evaluate(BatchNormStatistics::Running), running);
    assert_eq!(trainer.checkpoint(), before);
}
