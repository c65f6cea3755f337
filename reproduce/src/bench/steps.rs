//! A network in training, to be timed.

use kernels::InstructionSet;
use kernels::random::Stream;
use training::data::Minibatch;
use training::learner::Learner;
use training::sampling::SamplingPolicy;

use super::setting::Setting;
use crate::exhibit::times::timed_network::TimedNetwork;

/// A network in training on random samples.
pub struct Steps {
    learner: Learner,
    minibatches: Vec<Minibatch>,
}

impl Steps {
    /// Different minibatches in turn, so that the gradients stay as large as in training.
    pub const MINIBATCHES: usize = 8;

    /// A network in training on these minibatches, of which there are [`Steps::MINIBATCHES`].
    pub fn of(learner: Learner, minibatches: Vec<Minibatch>) -> Self {
        Self { learner, minibatches }
    }

    /// A new network.
    ///
    /// # Errors
    /// When the network cannot be built.
    pub fn new(
        setting: &Setting,
        network: &TimedNetwork,
        policy: Option<SamplingPolicy>,
    ) -> anyhow::Result<Self> {
        Self::of_images(network, policy, Stream::new(setting.seed, "steps"), setting.set)
    }

    /// A new network whose random numbers are these.
    ///
    /// # Errors
    /// When the network cannot be built.
    pub fn of_images(
        network: &TimedNetwork,
        policy: Option<SamplingPolicy>,
        stream: Stream,
        set: InstructionSet,
    ) -> anyhow::Result<Self> {
        let minibatches = network.minibatches(Self::MINIBATCHES, stream.child("images"));
        let learner = network.learner(policy, &minibatches, stream, set)?;
        Ok(Self::of(learner, minibatches))
    }

    /// One step on the next minibatch.
    pub fn step(&mut self) {
        let minibatch = &self.minibatches[self.learner.steps() as usize % Self::MINIBATCHES];
        let loss = self.learner.step(minibatch);
        loss.expect("steps on random samples have finite losses and scores");
    }

    /// The share of the exact multiply-adds that the steps so far performed.
    pub fn share(&mut self) -> f64 {
        self.learner.network().take_computations().share()
    }
    /// The most bytes that its layers have held at one time.
    pub fn activation_bytes(&mut self) -> u64 {
        self.learner.network().memory().peak_bytes() as u64
    }
}
