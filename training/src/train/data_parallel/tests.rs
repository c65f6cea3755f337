//! Whole runs of several workers.

use super::*;
use crate::data::generated_digits;
use crate::exchange::ExchangeError;
use crate::layer::StepContext;
use crate::network::NetworkConfig;
use crate::optimizer::OptimizerConfig;
use crate::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};
use crate::train::{BatchNormStatistics, train};
use kernels::Estimator;
use kernels::random::Stream;
use rayon::ThreadPoolBuilder;

fn config(estimator: Estimator, scores: Scores) -> TrainingConfig {
    let (ratio, mode) = (0.3, Mode::Forward);
    let policy = SamplingPolicy { scores, ..SamplingPolicy::new(estimator, ratio, 10, mode) };
    TrainingConfig {
        policies: LayerPolicies::uniform(Some(policy)),
        ..TrainingConfig::new(
            NetworkConfig::Mlp { hidden: vec![48, 40], dropout: 0.1 },
            50,
            2,
            OptimizerConfig::Adam { learning_rate: 1e-3 },
            1,
        )
    }
}

fn run(
    config: &TrainingConfig,
    workers: usize,
    exchange: Exchange,
    splits: &Splits,
) -> Result<DataParallelReport, RunError> {
    let (parallel, set) = (DataParallel { workers, exchange }, InstructionSet::detect());
    train_data_parallel(config, parallel, splits, set, None, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn one_worker_trains_to_the_bits_of_ordinary_training() {
    let splits = generated_digits(1, 310, 50, 50);
    let mlp = config(Estimator::Bernoulli, Scores::Both);
    let cnn = TrainingConfig {
        network: NetworkConfig::Cnn,
        epochs: 1,
        ..config(Estimator::TopK, Scores::Weights)
    };
    let wrn = TrainingConfig { network: NetworkConfig::Wrn { depth: 10, width: 1 }, ..cnn.clone() };
    let small = generated_digits(1, 60, 10, 10);
    for (config, splits) in [(mlp, &splits), (cnn, &small), (wrn, &small)] {
        let set = InstructionSet::detect();
        let expected = train(&config, splits, set, &mut |_| ControlFlow::Continue(())).unwrap();
        for exchange in [Exchange::Slices, Exchange::Whole] {
            let report = run(&config, 1, exchange, splits).unwrap();
            assert_eq!(report.training, expected, "{:?}, {exchange:?}", config.network);
        }
    }
}

#[test]
fn every_thread_count_trains_to_the_same_bits() {
    let splits = generated_digits(1, 310, 50, 50);
    for estimator in [Estimator::TopK, Estimator::Bernoulli] {
        let config = config(estimator, Scores::Weights);
        let report = |threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&config, 4, Exchange::Slices, &splits)).unwrap()
        };
        let expected = report(1);
        assert_eq!(report(2), expected, "{estimator}");
        assert_eq!(report(5), expected, "{estimator}");
        let whole = run(&config, 4, Exchange::Whole, &splits).unwrap();
        assert_eq!(whole.training, expected.training, "{estimator}");
        assert!(expected.sent.share() < 0.4, "{estimator}: {:?}", expected.sent);
    }
}

#[test]
fn four_workers_learn_and_each_has_a_dropout_of_its_own() {
    let splits = generated_digits(3, 2_000, 100, 400);
    let mut config = TrainingConfig { epochs: 4, ..config(Estimator::TopK, Scores::Weights) };
    config.policies.default.as_mut().unwrap().ratio = 0.5;
    let report = run(&config, 4, Exchange::Slices, &splits).unwrap();
    let last = report.training.epochs[3];
    assert!(last.test.accuracy > 0.3, "{}", last.test.accuracy);
    assert_eq!(report.steps, 160);
    let context = StepContext::training(InstructionSet::detect(), Stream::new(1, "run"), 0);
    let mask = |worker| {
        use crate::layer::{Dropout, Layer as _};
        use crate::matrix::Matrix;
        let mut layer = Dropout::new("dropout", 0.5);
        layer.forward(&context.of_rank(worker), &Matrix::from_rows(1, 64, vec![1.0; 64]));
        layer.output().data().to_vec()
    };
    assert_eq!(mask(1), mask(1));
    assert!(mask(0) != mask(1) && mask(1) != mask(2));
}

#[test]
fn scores_by_weights_move_fewer_of_them() {
    let splits = generated_digits(3, 1_000, 100, 100);
    let moved = |scores| {
        let config = config(Estimator::TopK, scores);
        run(&config, 1, Exchange::Slices, &splits).unwrap().moved
    };
    let (by_weights, by_both) = (moved(Scores::Weights), moved(Scores::Both));
    assert!(by_weights > 0.3 * 0.3 && by_weights < 0.8 * by_both, "{by_weights} and {by_both}");
}

#[test]
fn what_cannot_be_trained_together_is_named() {
    let splits = generated_digits(1, 103, 10, 10);
    let by_weights = config(Estimator::TopK, Scores::Weights);
    for workers in [0, 4] {
        let error = run(&by_weights, workers, Exchange::Slices, &splits).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("workers is {workers}, expected a whole number")),
            "{error}"
        );
    }
    assert!(run(&by_weights, 3, Exchange::Slices, &splits).is_ok());
    let statistics = BatchNormStatistics::ReEstimated { minibatches: 2 };
    let re_estimated = TrainingConfig { batch_norm_statistics: statistics, ..by_weights.clone() };
    let error = run(&re_estimated, 1, Exchange::Whole, &splits).unwrap_err().to_string();
    assert!(
        error.starts_with("batch_norm_statistics is re-estimated, expected running"),
        "{error}"
    );
    let by_both = config(Estimator::TopK, Scores::Both);
    let error = run(&by_both, 3, Exchange::Slices, &splits).unwrap_err();
    // The weights of the last layer, which is compared first.
    let expected = ExchangeError::SelectionsDiffer { rank: 1, parameter: 4 };
    let is_expected = matches!(
        &error,
        RunError::Training(TrainingError::Exchange(found)) if *found == expected
    );
    assert!(is_expected, "{error}");
    assert!(run(&by_both, 3, Exchange::Whole, &splits).is_ok());
    let course = |course: &str| {
        let course = serde_yaml::from_str(course).unwrap();
        TrainingConfig { course, ..by_weights.clone() }
    };
    let controlled = course("{ratios: {name: variance, every: 1}}");
    let error = run(&controlled, 3, Exchange::Whole, &splits).unwrap_err().to_string();
    assert!(error.starts_with("course.ratios is variance, expected constant"), "{error}");
    assert!(run(&controlled, 1, Exchange::Whole, &splits).is_ok());
    let clipped = TrainingConfig { gradient_norm: Some(1.0), ..by_weights.clone() };
    let error = run(&clipped, 3, Exchange::Whole, &splits).unwrap_err().to_string();
    assert!(error.starts_with("gradient_norm is 1, expected none"), "{error}");
    assert!(run(&clipped, 1, Exchange::Whole, &splits).is_ok());
    // What depends on the step alone is the same on all workers, and so are kept selections.
    let mut falling = course("{ratios: {name: linear, from: 2, to: 0.5}}");
    falling.policies.default.as_mut().unwrap().keep_for = 2;
    assert!(run(&falling, 3, Exchange::Slices, &splits).is_ok());
}

#[test]
fn synchronised_batch_norm_changes_runs_of_several_workers_alone() {
    let splits = generated_digits(1, 60, 10, 10);
    let local = TrainingConfig {
        network: NetworkConfig::Wrn { depth: 10, width: 1 },
        epochs: 1,
        policies: LayerPolicies::default(),
        ..config(Estimator::TopK, Scores::Both)
    };
    let synchronised = TrainingConfig { synchronised_batch_norm: true, ..local.clone() };
    let run = |config, workers| run(config, workers, Exchange::Whole, &splits).unwrap();
    assert_eq!(run(&synchronised, 1).training, run(&local, 1).training);
    let [shared, own] = [&synchronised, &local].map(|config| run(config, 2));
    assert_ne!(shared.training.parameters, own.training.parameters);
    assert!(shared.sent.norms > 0 && own.sent.norms == 0, "{:?}, {:?}", shared.sent, own.sent);
}
