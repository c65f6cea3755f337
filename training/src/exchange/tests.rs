//! Workers against each other, against one worker, and against the description's counts.

use super::*;
use crate::layer::{Context, Gradient, ImageShape, Linear};
use crate::matrix::Matrix;
use crate::network::{Description, Network, cnn, mlp, resnet, wrn};
use crate::optimizer::OptimizerConfig;
use crate::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};

const WORKERS: usize = 3;
const SGD: OptimizerConfig =
    OptimizerConfig::Sgd { learning_rate: 0.05, momentum: 0.9, nesterov: false, weight_decay: 1e-3 };

fn policies(estimator: Estimator, ratio: f64, scores: Scores) -> LayerPolicies {
    let mode = Mode::Forward;
    LayerPolicies::uniform(Some(SamplingPolicy { estimator, ratio, minimal_k: 1, mode, scores }))
}

/// Networks with linear layers, convolutions, and batch norm in residual blocks, and their images.
fn networks() -> [(&'static str, Description, ImageShape); 3] {
    let (grey, colour) = (ImageShape::new(1, 8, 8), ImageShape::new(3, 8, 8));
    [
        ("MLP", mlp(grey.len(), &[40, 30], 5, 0.1), grey),
        ("CNN", cnn(grey, 5).unwrap(), grey),
        ("WRN", wrn(10, 1, colour, 5).unwrap(), colour),
    ]
}

fn workers(
    description: &Description,
    policies: &LayerPolicies,
    exchange: Exchange,
    count: usize,
) -> Workers {
    let build = |_| description.build(policies, Stream::new(1, "weights")).unwrap();
    let networks = (0..count).map(build).collect();
    Workers::new(networks, SGD, InstructionSet::detect(), exchange).unwrap()
}

/// Random images of a step, samples `range` of its minibatch, and their labels.
fn images(
    image: ImageShape,
    step: u64,
    range: std::ops::Range<usize>,
    input: &mut Matrix,
    labels: &mut Vec<u16>,
) {
    input.reshape(range.len(), image.len());
    labels.clear();
    for (row, sample) in input.data_mut().chunks_exact_mut(image.len()).zip(range) {
        let mut rng = Stream::new(step, "image").at(sample as u64);
        row.iter_mut().for_each(|pixel| *pixel = standard_normal(&mut rng) as f32);
        labels.push((sample % 5) as u16);
    }
}

fn backward(workers: &mut Workers, image: ImageShape, step: u64) {
    let context = Context::training(InstructionSet::detect(), Stream::new(5, "run"), step);
    workers.backward(&context, &|worker, input, labels| {
        images(image, step, 4 * worker..4 * worker + 4, input, labels);
    });
}

/// The selected rows and channels of each parameter that has some.
fn selected(workers: &mut Workers, worker: usize) -> Vec<Vec<u32>> {
    let mut lists = Vec::new();
    workers.network(worker).visit_parameters(&mut |parameter| match parameter.gradient {
        Gradient::Dense(_) => {}
        Gradient::Rows { indices, .. } | Gradient::Channels { indices, .. } => {
            lists.push(indices.to_vec());
        }
    });
    lists
}

fn bits(workers: &mut Workers, worker: usize) -> Vec<u32> {
    workers.network(worker).parameters().into_iter().map(f32::to_bits).collect()
}

#[test]
fn all_workers_select_the_same_by_weights_and_others_by_both_norms() {
    for (name, description, image) in networks() {
        for estimator in [Estimator::TopK, Estimator::Bernoulli, Estimator::ColumnRow] {
            let agree = |scores| {
                let policies = policies(estimator, 0.4, scores);
                let mut workers = workers(&description, &policies, Exchange::Slices, WORKERS);
                backward(&mut workers, image, 0);
                let first = selected(&mut workers, 0);
                assert!(!first.is_empty(), "{name}, {estimator}");
                (1..WORKERS).all(|worker| selected(&mut workers, worker) == first)
            };
            assert!(agree(Scores::Weights), "{name}, {estimator}");
            assert!(!agree(Scores::Both), "{name}, {estimator}");
        }
    }
}

#[test]
fn slices_train_to_the_bits_of_whole_gradients_on_every_worker() {
    for (name, description, image) in networks() {
        for estimator in [Estimator::TopK, Estimator::Bernoulli] {
            let policies = policies(estimator, 0.4, Scores::Weights);
            let both = [Exchange::Slices, Exchange::Whole];
            let [mut slices, mut whole] =
                both.map(|exchange| workers(&description, &policies, exchange, WORKERS));
            for step in 0..4 {
                backward(&mut slices, image, step);
                backward(&mut whole, image, step);
                let (sent, all) = (slices.update().unwrap(), whole.update().unwrap());
                assert!(sent.sent < all.sent, "{name}, {estimator}");
                assert_eq!((all.sent, sent.all), (all.all, all.all));
                let expected = bits(&mut whole, 0);
                for worker in 0..WORKERS {
                    assert!(bits(&mut slices, worker) == expected, "{name}, {estimator}");
                    assert!(bits(&mut whole, worker) == expected, "{name}, {estimator}");
                }
            }
        }
    }
}

#[test]
fn the_numbers_sent_are_those_that_the_description_counts() {
    let small = ImageShape::new(3, 16, 16);
    let resnet = ("ResNet-18", resnet(18, small, 5).unwrap(), small);
    for (name, description, image) in networks().into_iter().chain([resnet]) {
        for ratio in [1.0, 0.5, 0.3] {
            let policies = policies(Estimator::TopK, ratio, Scores::Weights);
            let mut workers = workers(&description, &policies, Exchange::Slices, 2);
            backward(&mut workers, image, 0);
            let expected = description.gradient_numbers(&policies).unwrap();
            assert_eq!(workers.update(), Ok(expected), "{name} at {ratio}");
            assert_eq!(expected.sent == expected.all, ratio == 1.0);
        }
    }
}

#[test]
fn different_selections_are_refused_and_change_nothing() {
    for (name, description, image) in networks() {
        let policies = policies(Estimator::TopK, 0.4, Scores::Both);
        let mut slices = workers(&description, &policies, Exchange::Slices, WORKERS);
        let before = bits(&mut slices, 0);
        backward(&mut slices, image, 0);
        let error = slices.update().unwrap_err();
        assert!(matches!(error, ExchangeError::SelectionsDiffer { .. }), "{name}: {error}");
        assert!(error.to_string().contains("scores: weights"), "{error}");
        assert!(bits(&mut slices, 0) == before, "{name}");
        // Whole gradients can be added up whatever was selected.
        let mut whole = workers(&description, &policies, Exchange::Whole, WORKERS);
        backward(&mut whole, image, 0);
        assert!(whole.update().is_ok(), "{name}");
        assert!(bits(&mut whole, 0) != before && bits(&mut whole, 1) == bits(&mut whole, 0));
    }
}

#[test]
fn shares_of_any_size_make_the_step_of_the_whole_minibatch() {
    let (image, samples) = (ImageShape::new(1, 8, 8), 10);
    let description = mlp(image.len(), &[40, 30], 5, 0.0);
    let run = |starts: &[usize]| {
        let policies = LayerPolicies::default();
        let count = starts.len() - 1;
        let mut workers = workers(&description, &policies, Exchange::Slices, count);
        for step in 0..3 {
            let context = Context::training(InstructionSet::detect(), Stream::new(5, "run"), step);
            workers.backward(&context, &|worker, input, labels| {
                images(image, step, starts[worker]..starts[worker + 1], input, labels);
            });
            workers.update().unwrap();
        }
        workers.network(0).parameters()
    };
    let expected = run(&[0, samples]);
    for (x, y) in run(&[0, 1, 4, samples]).into_iter().zip(expected) {
        assert!((x - y).abs() < 1e-5, "{x} and {y}");
    }
}

#[test]
fn a_worker_that_cannot_select_is_named_and_no_weight_changes() {
    let policy = SamplingPolicy {
        estimator: Estimator::ColumnRowMixture { epsilon: 5.0 },
        ratio: 0.5,
        minimal_k: 1,
        mode: Mode::Forward,
        scores: Scores::Weights,
    };
    let set = InstructionSet::detect();
    // A layer does not check its policy: descriptions do.
    let network = |policy| {
        let layer = Linear::new("only", 6, 3, policy, Stream::new(1, "layer"));
        Network::new(vec![Box::new(layer)])
    };
    let networks = vec![network(None), network(Some(policy))];
    let mut workers = Workers::new(networks, SGD, set, Exchange::Whole).unwrap();
    let before = bits(&mut workers, 0);
    let context = Context::training(set, Stream::new(5, "run"), 0);
    workers.backward(&context, &|_, input, labels| {
        input.reshape(1, 6);
        input.data_mut().fill(1.0);
        *labels = vec![2];
    });
    let error = workers.update().unwrap_err().to_string();
    assert!(error.starts_with("worker 1: layer 'only' cannot be sampled: "), "{error}");
    assert!(bits(&mut workers, 0) == before && bits(&mut workers, 1) == before);
}

#[test]
fn workers_start_with_the_same_weights_or_not_at_all() {
    let description = mlp(6, &[5], 3, 0.0);
    let build =
        |seed| description.build(&LayerPolicies::default(), Stream::new(seed, "weights")).unwrap();
    let start =
        |networks| Workers::new(networks, SGD, InstructionSet::detect(), Exchange::Whole).err();
    assert_eq!(start(vec![build(1), build(1)]), None);
    assert_eq!(
        start(vec![build(1), build(1), build(2)]),
        Some(ExchangeError::WeightsDiffer { worker: 2 })
    );
    assert_eq!(start(vec![]), Some(ExchangeError::NoWorker));
}
