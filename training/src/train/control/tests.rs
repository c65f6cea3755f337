//! Runs that control their ratios.

use super::*;
use crate::data::{Splits, generated_digits};
use crate::layer::Linear;
use crate::network::NetworkConfig;
use crate::optimizer::OptimizerConfig;
use crate::sampling::{Course, LayerPolicies, SamplingPolicy};
use crate::train::{TrainingReport, train};
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use std::ops::ControlFlow;
use testing::assert_same_bits;

const POLICY: SamplingPolicy = SamplingPolicy::new(Estimator::Bernoulli, 0.5, 1, Mode::Forward);

/// Two epochs of six steps.
fn config(policy: SamplingPolicy, course: &str) -> TrainingConfig {
    let network = NetworkConfig::Mlp { hidden: vec![24, 16], dropout: 0.2 };
    let optimizer = OptimizerConfig::Adam { learning_rate: 1e-3 };
    TrainingConfig {
        policies: LayerPolicies::uniform(Some(policy)),
        course: Course { ratios: serde_yaml::from_str(course).unwrap(), ..Course::default() },
        ..TrainingConfig::new(network, 20, 2, optimizer, 3)
    }
}

/// The same with convolutions of small images.
fn convolutional(policy: SamplingPolicy, course: &str) -> TrainingConfig {
    let network = serde_yaml::from_str(
        "
name: layers
layers:
  - {layer: max-pool, kernel: 2}
  - {layer: convolution, channels: 8, kernel: 3, padding: 1, sampled: false}
  - {layer: batch-norm}
  - {layer: activation, function: relu}
  - {layer: convolution, channels: 12, kernel: 3, padding: 1}
  - {layer: batch-norm}
  - {layer: activation, function: relu}
  - {layer: convolution, channels: 8, kernel: 3, padding: 1}
  - {layer: average-pool}
  - {layer: linear}
",
    );
    TrainingConfig { network: network.unwrap(), ..config(policy, course) }
}

fn digits() -> Splits {
    generated_digits(2, 115, 20, 30)
}

fn run(config: &TrainingConfig, set: InstructionSet) -> TrainingReport {
    train(config, &digits(), set, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn last_ratios(report: &TrainingReport) -> Vec<f64> {
    report.ratios.iter().map(|layer| *layer.epochs.last().unwrap()).collect()
}

#[test]
fn no_error_allowed_drives_ratios_to_one_and_any_error_to_the_least() {
    let set = InstructionSet::detect();
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let policy = SamplingPolicy { mode, ..POLICY };
        let control = |rest: &str| {
            let course = format!("{{name: variance, every: 1, factor: 0.8, {rest}}}");
            run(&config(policy, &course), set)
        };
        let none = control("share: 0");
        assert_eq!(none.ratios.len(), 3, "{mode:?}");
        assert_eq!(none.ratios[0].epochs.len(), 2);
        assert_eq!(last_ratios(&none), [1.0; 3], "{mode:?}");
        let any = control("share: 1.0e+30, least: 0.2");
        assert_eq!(last_ratios(&any), [0.2; 3], "{mode:?}");
    }
}

/// The ratios cannot move, so that all a control could change is what it must not.
#[test]
fn a_look_changes_nothing_but_ratios_and_is_counted() {
    let set = InstructionSet::detect();
    let held = "{name: variance, every: 5, repeats: 3, share: 1.0e+30, least: 0.5}";
    for mode in [Mode::Forward, Mode::Backward] {
        let policy = SamplingPolicy { mode, ..POLICY };
        for of in [config, convolutional] {
            let (plain, looked) =
                (run(&of(policy, "{name: constant}"), set), run(&of(policy, held), set));
            assert_eq!(looked.parameters, plain.parameters);
            assert_eq!(looked.epochs, plain.epochs);
            assert!(plain.ratios.is_empty());
            assert_eq!(looked.computations.exact, plain.computations.exact);
            // Twelve steps and three looks, each of 2 exact passes and 3 sampled ones.
            let extra = looked.computations.performed - plain.computations.performed;
            let exact_step = plain.computations.exact as f64 / 12.0;
            let passes = extra as f64 / (3.0 * exact_step);
            assert!((2.5..5.0).contains(&passes), "{passes}");
        }
    }
}

#[test]
fn a_whole_budget_trains_to_the_exact_bits() {
    let set = InstructionSet::detect();
    for of in [config, convolutional] {
        let mut exact = of(POLICY, "{name: constant}");
        exact.policies = LayerPolicies::default();
        let whole = run(&of(POLICY, "{name: greedy-budget, share: 1, every_epochs: 1}"), set);
        let exact = run(&exact, set);
        assert_eq!((whole.parameters, whole.epochs), (exact.parameters, exact.epochs));
        assert_eq!(whole.computations.exact, exact.computations.exact);
        assert!(whole.computations.performed > exact.computations.performed);
    }
}

#[test]
fn a_divided_budget_is_met() {
    let set = InstructionSet::detect();
    for mode in [Mode::Forward, Mode::Backward] {
        let policy = SamplingPolicy { mode, ..POLICY };
        let course = "{name: greedy-budget, share: 0.4, every_epochs: 1, step: 0.05}";
        let (splits, config) = (digits(), config(policy, course));
        let mut trainer = Trainer::new(&config, &splits, set).unwrap();
        trainer.advance(1, &mut |_| ControlFlow::Continue(())).unwrap();
        let (mut work, mut all) = (0.0, 0.0);
        let mut ratios = Vec::new();
        trainer.network().visit_sampled(&mut |layer| {
            let pairs = layer.left_norms.len();
            let kept = layer.policy.budget(pairs) as f64 / pairs as f64;
            work += kept * layer.multiply_adds as f64;
            all += layer.multiply_adds as f64;
            ratios.push(layer.policy.ratio);
        });
        assert!((0.3..=0.4).contains(&(work / all)), "{mode:?}: {ratios:?} take {}", work / all);
        assert!(ratios.iter().any(|&ratio| ratio != ratios[0]), "{mode:?}: {ratios:?}");
    }
}

#[test]
fn every_thread_count_and_instruction_set_controls_to_the_same_bits() {
    for course in [
        "{name: variance, every: 2, factor: 0.8, share: 0.3}",
        "{name: greedy-budget, share: 0.5, every_epochs: 1}",
    ] {
        for config in [config(POLICY, course), convolutional(POLICY, course)] {
            assert!(!run(&config, InstructionSet::detect()).ratios.is_empty());
            assert_same_bits(&[1, 3], |set| run(&config, set));
        }
    }
}

/// Coins over the samples of one linear layer, of which the error is known in closed form.
#[test]
fn the_error_measured_is_that_of_the_law() {
    let (samples, inputs, outputs) = (8, 5, 4);
    let mut generator = Stream::new(1, "samples").at(0);
    let numbers = (0..samples * inputs).map(|_| standard_normal(&mut generator) as f32).collect();
    let input = Matrix::from_rows(samples, inputs, numbers);
    let labels = (0..samples).map(|sample| (sample % outputs) as u16).collect();
    let minibatch = Minibatch::new(input, labels);
    let policy = SamplingPolicy { mode: Mode::Backward, ..POLICY };
    let (stream, set) = (Stream::new(1, "run"), InstructionSet::detect());
    let layer = Linear::new("only", inputs, outputs, Some(policy), stream.child("weights"));
    let network = Network::new(vec![Box::new(layer)]);
    let optimizer = OptimizerConfig::Adam { learning_rate: 1e-3 };
    let mut learner = Learner::new(network, optimizer, set, stream);
    let context = StepContext { sampling: StepSampling::Nothing, ..learner.context() };
    let control = VarianceControl { repeats: 4_000, ..VarianceControl::default() };
    let noise = measure(&control, &mut learner, &context, &minibatch, samples / 2).unwrap();
    let [Some(Noise { error, variance })] = noise[..] else { panic!("{noise:?}") };

    let scores = StepContext { sampling: StepSampling::OnlyScores, ..context };
    measure_scores(&mut learner, &scores, &minibatch).unwrap();
    let mut expected = 0.0;
    learner.network().visit_sampled(&mut |layer| {
        let scores = kernels::scores::pair_scores(layer.left_norms, layer.right_norms);
        let law = policy.estimator.law(&scores, policy.budget(samples)).unwrap();
        let mut products = vec![0.0; samples * samples];
        for (sample, score) in scores.iter().enumerate() {
            products[sample * (samples + 1)] = score * score;
        }
        expected = law.expected_squared_error(&products);
    });
    assert!(expected > 0.0 && variance > 0.0);
    assert!((error / expected - 1.0).abs() < 0.1, "{error} and {expected}");
}

#[test]
fn what_cannot_be_controlled_is_named() {
    let course = "{name: variance}";
    let workers = check_ranks(&config(POLICY, course).course.ratios, 2).unwrap_err().to_string();
    assert!(workers.starts_with("course.ratios is variance, expected constant, "), "{workers}");
    assert_eq!(check_ranks(&RatioCourse::Constant, 2), Ok(()));
    let text = config(POLICY, course).course.ratios;
    let halves = check_sequences(&text, 1).unwrap_err().to_string();
    assert!(halves.starts_with("course.ratios is variance, expected constant, "), "{halves}");
    let workers = check_sequences(&RatioCourse::Constant, 2).unwrap_err().to_string();
    assert!(workers.starts_with("workers is 2, expected 1: sequences"), "{workers}");
    assert_eq!(check_sequences(&RatioCourse::Constant, 1), Ok(()));
    let few = SamplingPolicy { minimal_k: 20, ..POLICY };
    let config = config(few, "{name: greedy-budget, share: 0.01}");
    let error =
        train(&config, &digits(), InstructionSet::detect(), &mut |_| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string();
    assert!(error.starts_with("course.ratios.share is 0.01, expected at least 0."), "{error}");
}
