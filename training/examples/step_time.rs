//! Milliseconds of a training step of the networks, exact and sampled in the forward pass, and the
//! most memory that activations and their gradients took. The variants take turns, so that a
//! disturbance falls on all of them.
//!
//! `cargo run --release -p training --example step_time [rounds] [network] [ratio]`

use kernels::random::{Stream, uniform};
use kernels::{Estimator, InstructionSet};
use std::time::Instant;
use training::data::Minibatch;
use training::layer::ImageShape;
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{Description, NetworkError, cnn, mlp, resnet, wrn};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};

/// A learner and the times of its steps.
struct Run {
    ratio: f64,
    learner: Learner,
    milliseconds: Vec<f64>,
}

impl Run {
    fn new(
        description: &Description,
        optimizer: OptimizerConfig,
        ratio: f64,
    ) -> Result<Self, NetworkError> {
        let policy = SamplingPolicy {
            estimator: Estimator::TopK,
            ratio,
            minimal_k: 1,
            mode: Mode::Forward,
            scores: Scores::Both,
        };
        let policies = LayerPolicies::uniform((ratio < 1.0).then_some(policy));
        let network = description.build(&policies, Stream::new(1, "initialisation"))?;
        let stream = Stream::new(1, "run");
        let learner = Learner::new(network, optimizer, InstructionSet::detect(), stream);
        Ok(Self { ratio, learner, milliseconds: Vec::new() })
    }

    fn step(&mut self, minibatch: &Minibatch) {
        let start = Instant::now();
        let loss = self.learner.step(minibatch);
        self.milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        loss.expect("steps on random images have finite losses and scores");
    }

    /// The median without the first two steps, which fill caches and buffers.
    fn median(&self) -> f64 {
        let mut sorted = self.milliseconds[2..].to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

fn main() -> Result<(), NetworkError> {
    let argument = |position| std::env::args().nth(position);
    let rounds = argument(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    let ratios = match argument(3).and_then(|ratio| ratio.parse().ok()) {
        Some(ratio) => vec![1.0, ratio],
        None => vec![1.0, 0.5, 0.25, 0.1],
    };
    let (mnist, cifar) = (ImageShape::new(1, 28, 28), ImageShape::new(3, 32, 32));
    let photo = ImageShape::new(3, 224, 224);
    let adam = OptimizerConfig::Adam { learning_rate: 1e-3 };
    let sgd = OptimizerConfig::Sgd {
        learning_rate: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 5e-4,
    };
    let mlp = || mlp(784, &[500, 500], 10, 0.1);
    for (name, description, optimizer, image, batch) in [
        ("MLP, batch 64", mlp(), adam, mnist, 64),
        ("MLP, batch 256", mlp(), adam, mnist, 256),
        ("MNIST CNN, batch 64", cnn(mnist, 10)?, sgd, mnist, 64),
        ("WRN-16-4, batch 32", wrn(16, 4, cifar, 10)?, sgd, cifar, 32),
        ("WRN-28-10, batch 32", wrn(28, 10, cifar, 10)?, sgd, cifar, 32),
        ("ResNet-50, batch 4", resnet(50, photo, 1000)?, sgd, photo, 4),
    ] {
        if argument(2).is_some_and(|wanted| !name.contains(&wanted)) {
            continue;
        }
        let mut generator = Stream::new(2, "images").at(0);
        let pixels = (0..batch * image.len()).map(|_| uniform(&mut generator) as f32).collect();
        let input = Matrix::from_rows(batch, image.len(), pixels);
        let labels = (0..batch).map(|sample| (sample % 10) as u16).collect();
        let minibatch = Minibatch { input, labels };
        let mut runs = Vec::new();
        for &ratio in &ratios {
            runs.push(Run::new(&description, optimizer, ratio)?);
        }
        // On a thread of the pool: from outside, every parallel loop would wait for one to wake.
        rayon::scope(|_| {
            for _ in 0..rounds + 2 {
                runs.iter_mut().for_each(|run| run.step(&minibatch));
            }
        });
        println!("{name}");
        let exact = runs[0].median();
        for run in &mut runs {
            let median = run.median();
            let megabytes = run.learner.network().memory().peak_bytes() as f64 / 1e6;
            let (ratio, speed_up) = (run.ratio, exact / median);
            println!(
                "  ratio {ratio:4}: {median:8.2} ms, {speed_up:.2} x, activations {megabytes:.1} MB"
            );
        }
    }
    Ok(())
}
