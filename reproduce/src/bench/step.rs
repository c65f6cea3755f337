//! Training steps of the released code's perceptron: exact, and sampled in the forward mode.

use kernels::random::{Generator, Stream, below, standard_normal};
use kernels::{Estimator, InstructionSet};
use training::data::Minibatch;
use training::layer::StepContext;
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{NetworkError, mlp};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

use super::contest::{Comparison, Contest};
use super::setting::Setting;
use crate::timing::{Work, in_turns, timed};

/// Samples a step.
pub const MINIBATCHES: [usize; 2] = [64, 256];
const ESTIMATORS: [Estimator; 2] = [Estimator::TopK, Estimator::Bernoulli];
const RATIO: f64 = 0.1;
/// A third of the exact step's time is aimed at.
const GOAL: f64 = 1.0 / 3.0;
/// Pixels of an image.
pub const INPUTS: usize = 784;
/// Widths of the hidden layers.
pub const HIDDEN: [usize; 2] = [500, 500];
/// Classes of images.
pub const CLASSES: usize = 10;
/// Share of the hidden units left out.
pub const DROPOUT: f64 = 0.1;
/// Learning rate of Adam.
pub const LEARNING_RATE: f32 = 1e-3;
const OPTIMIZER: OptimizerConfig = OptimizerConfig::Adam { learning_rate: LEARNING_RATE };

/// Measures every minibatch on every number of threads.
///
/// # Errors
/// When the network cannot be built.
pub fn measure(setting: &Setting) -> Result<Contest, NetworkError> {
    let mut contest = Contest {
        caption: format!(
            "Training steps of the perceptron {INPUTS}-{}-{}-{CLASSES}, forward-sampled at {RATIO}",
            HIDDEN[0], HIDDEN[1]
        ),
        keys: &["minibatch", "threads", "estimator", "optimiser"],
        ratio: "time over exact",
        others: ["sampled", "exact"].map(|name| (name.to_string(), "ms")).to_vec(),
        rows: Vec::new(),
    };
    for minibatch in MINIBATCHES {
        for pool in setting.pools {
            contest.rows.extend(pool.install(|| compare(setting, minibatch))?);
            setting.progress.advance(1);
        }
    }
    Ok(contest)
}

fn compare(setting: &Setting, minibatch: usize) -> Result<Vec<Comparison>, NetworkError> {
    let policies =
        ESTIMATORS.map(|estimator| SamplingPolicy::new(estimator, RATIO, 10, Mode::Forward));
    let policies = [None].into_iter().chain(policies.map(Some));
    let mut contestants: Vec<Work> = Vec::new();
    for policy in policies {
        for is_updated in [false, true] {
            let mut steps = Steps::new(setting, minibatch, policy, is_updated)?;
            contestants.push(timed(move || steps.step()));
        }
    }
    let times = in_turns(&mut contestants, setting.effort.patience);
    let mut rows = Vec::new();
    for (position, estimator) in ESTIMATORS.iter().enumerate() {
        for (exact, optimiser) in ["none", "Adam"].into_iter().enumerate() {
            let sampled = 2 * (position + 1) + exact;
            rows.push(Comparison {
                keys: vec![
                    minibatch.into(),
                    rayon::current_num_threads().into(),
                    estimator.name().into(),
                    optimiser.into(),
                ],
                ratio: Some(times.ratio(sampled, exact)),
                goal: Some(GOAL),
                others: [sampled, exact].map(|c| (1e3 * times.seconds(c).median).into()).to_vec(),
            });
        }
    }
    Ok(rows)
}

/// A network in training on random images.
pub struct Steps {
    learner: Learner,
    is_updated: bool,
    set: InstructionSet,
    stream: Stream,
    minibatches: Vec<Minibatch>,
    number: u64,
}

impl Steps {
    /// Different minibatches in turn, so that the gradients stay as large as in training.
    const MINIBATCHES: u64 = 8;

    /// A new network, updated by Adam or never.
    ///
    /// # Errors
    /// When the network cannot be built.
    pub fn new(
        setting: &Setting,
        minibatch: usize,
        policy: Option<SamplingPolicy>,
        is_updated: bool,
    ) -> Result<Self, NetworkError> {
        let stream = Stream::new(setting.seed, "steps");
        let description = mlp(INPUTS, &HIDDEN, CLASSES, DROPOUT);
        let images = |number| random_images(&mut stream.child("images").at(number), minibatch);
        let network = description.build(&LayerPolicies::uniform(policy), stream)?;
        Ok(Self {
            learner: Learner::new(network, OPTIMIZER, setting.set, stream),
            is_updated,
            set: setting.set,
            stream,
            minibatches: (0..Self::MINIBATCHES).map(images).collect(),
            number: 0,
        })
    }

    /// One step on the next minibatch.
    pub fn step(&mut self) {
        self.number += 1;
        // Also without updates every step has draws of its own.
        let context = StepContext::training(self.set, self.stream, self.number);
        let minibatch = &self.minibatches[(self.number % Self::MINIBATCHES) as usize];
        let loss = self.learner.gradient(&context, minibatch);
        loss.expect("steps on random images have finite losses and scores");
        if self.is_updated {
            self.learner.update();
        }
    }
}

fn random_images(generator: &mut Generator, count: usize) -> Minibatch {
    let pixels = (0..count * INPUTS).map(|_| standard_normal(generator) as f32).collect();
    let input = Matrix::from_rows(count, INPUTS, pixels);
    let labels = (0..count).map(|_| below(generator, CLASSES) as u16).collect();
    Minibatch { input, labels }
}
