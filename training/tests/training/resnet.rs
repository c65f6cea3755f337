//! ResNet-50 on photographs: real forward and backward steps, exact and sampled.

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use std::sync::Arc;
use training::counting::Computations;
use training::data::{
    Epoch, FolderSource, ImageFolder, Minibatch, Minibatches as _, Normalisation, OnCorrupt,
    StreamSettings,
};
use training::layer::ImageShape;
use training::learner::Learner;
use training::network::resnet;
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

const SIDE: usize = 64;
const BATCH: usize = 8;
const STEPS: u64 = 2;

/// The sample of ImageNet in the data directory, where there is one.
fn photos() -> Option<FolderSource> {
    let directory = testing::data_directory();
    let path = directory.join("imagenet-sample");
    if !path.exists() {
        testing::skip_without_data(&format!("no imagenet-sample in {}", directory.display()));
        return None;
    }
    let settings = StreamSettings {
        resize: 72,
        crop: SIDE,
        held_out: 0,
        threads: 2,
        buffer: 2 * BATCH,
        normalisation: Normalisation::imagenet(),
        on_corrupt: OnCorrupt::Fail,
    };
    let folder = Arc::new(ImageFolder::open(&path).unwrap());
    Some(FolderSource::new(folder, settings).unwrap())
}

/// What some steps came to.
struct Run {
    losses: Vec<f64>,
    /// Numbers of the last gradient that are not zero, and all of them.
    gradient: (usize, usize),
    computations: Computations,
    /// The largest change of a parameter.
    change: f32,
}

fn train(source: &FolderSource, policy: Option<SamplingPolicy>) -> Run {
    let set = InstructionSet::detect();
    let stream = Stream::new(1, "resnet test");
    let description = resnet(50, ImageShape::new(3, SIDE, SIDE), 1_000).unwrap();
    let network = description.build(&LayerPolicies::uniform(policy), stream).unwrap();
    let config = OptimizerConfig::Sgd {
        learning_rate: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 1e-4,
    };
    let mut learner = Learner::new(network, config, set, stream);
    let before = learner.network().parameters();
    let mut minibatch = Minibatch::default();
    let epoch = Epoch::new(stream.child("images"), 0, BATCH);
    let mut minibatches = source.training(&epoch).unwrap();
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        assert!(minibatches.next_into(&mut minibatch).unwrap());
        losses.push(learner.step(&minibatch).unwrap().mean());
    }
    let network = learner.network();
    let (mut non_zero, mut all) = (0, 0);
    network.visit_parameters(&mut |parameter| {
        let mut numbers = Vec::new();
        parameter.append_gradient(&mut numbers);
        assert!(numbers.iter().all(|number| number.is_finite()));
        non_zero += numbers.iter().filter(|number| **number != 0.0).count();
        all += numbers.len();
    });
    let after = network.parameters();
    let change = before.iter().zip(&after).fold(0.0, |most, (a, b)| f32::max(most, (a - b).abs()));
    let computations = network.take_computations();
    Run { losses, gradient: (non_zero, all), computations, change }
}

#[test]
fn resnet_50_makes_exact_and_sampled_steps_on_photographs() {
    let Some(source) = photos() else { return };
    let exact = train(&source, None);
    let policy = |estimator| {
        let mode = Mode::Forward;
        Some(SamplingPolicy::new(estimator, 0.5, 1, mode))
    };
    let sampled = [Estimator::TopK, Estimator::Bernoulli].map(|e| (e, train(&source, policy(e))));
    for (name, run) in [("exact", &exact)]
        .into_iter()
        .chain(sampled.iter().map(|(estimator, run)| (estimator.name(), run)))
    {
        assert!(run.losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{name}");
        assert!(run.change.is_finite() && run.change > 0.0, "{name}");
    }
    assert_eq!(exact.computations.share(), 1.0);
    for (estimator, run) in &sampled {
        assert_eq!(run.computations.exact, exact.computations.exact);
        // The first convolution and the linear layer are exact, so a little more than a half.
        let share = run.computations.share();
        assert!((0.5..0.6).contains(&share), "{estimator} computes {share} of the exact steps");
        // Half of the channels of a sampled convolution have no gradient.
        let (non_zero, all) = run.gradient;
        assert!(non_zero < exact.gradient.0, "{estimator}: {non_zero} of {all}");
    }
}
