//! Training steps, exact and sampled in turns: their time, their counted computations and the
//! memory of their activations.

use std::time::Instant;

use anyhow::Context as _;
use kernels::InstructionSet;
use kernels::random::Stream;
use training::counting::Computations;
use training::layer::{Context as LayerContext, SelectionFailure};
use training::loss::softmax_cross_entropy;
use training::matrix::Matrix;
use training::network::{Description, Network};
use training::optimizer::{Optimizer, OptimizerConfig};
use training::sampling::{LayerPolicies, SamplingPolicy};

use crate::exhibit::networks::headline::{is_shown, time_row};
use crate::result::HeadlineRow;
use crate::timing::Spread;

/// Images as a network reads them, and their labels.
pub struct Minibatch {
    /// A row an image.
    pub input: Matrix,
    /// A label an image.
    pub labels: Vec<u16>,
}

/// What the steps of a measurement are made of.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The network.
    pub network: &'a Description,
    /// How gradients change its weights.
    pub optimizer: OptimizerConfig,
    /// One a step; the first step is not counted, since it allocates.
    pub minibatches: &'a [Minibatch],
    /// Initial weights and draws.
    pub stream: Stream,
    /// How products are computed.
    pub instructions: InstructionSet,
}

/// The steps of one setting and those of the exact network in turn with them.
pub struct Measurement {
    /// The estimator's name, or "exact".
    pub name: &'static str,
    /// The share of the pairs kept.
    pub ratio: f64,
    /// A step: forward pass, loss, backward pass and update.
    pub milliseconds: Spread,
    /// Over the exact step on the same minibatch.
    pub of_exact: Spread,
    /// Gradient numbers that a worker sends, over all.
    pub communication: f64,
    /// The most megabytes that activations and their gradients took.
    pub megabytes: f64,
    steps: Vec<Step>,
}

/// A network that makes steps.
struct Learner {
    network: Network,
    optimizer: Optimizer,
    communication: f64,
    gradient: Matrix,
    steps: u64,
}

#[derive(Clone, Copy)]
struct Step {
    seconds: f64,
    loss: f64,
    computations: Computations,
}

impl Steps<'_> {
    /// The exact steps, and those of every policy, each in turns with exact ones; `finished` is
    /// called after each policy.
    ///
    /// # Errors
    /// When the network cannot be built or not be sampled.
    pub fn measure(
        &self,
        policies: &[SamplingPolicy],
        mut finished: impl FnMut(),
    ) -> anyhow::Result<Vec<Measurement>> {
        let mut exact = self.learner(None)?;
        let (mut all_exact, mut measurements) = (Vec::new(), Vec::new());
        for policy in policies {
            let mut sampled = self.learner(Some(*policy))?;
            let steps = self
                .minibatches
                .iter()
                .map(|minibatch| Ok((exact.step(self, minibatch)?, sampled.step(self, minibatch)?)))
                .collect::<Result<Vec<_>, SelectionFailure>>()?;
            let (exact_steps, steps): (Vec<Step>, Vec<Step>) = steps.into_iter().skip(1).unzip();
            let setting = (policy.estimator.name(), policy.ratio);
            measurements.push(Measurement::new(setting, &sampled, steps, &exact_steps));
            all_exact.extend(exact_steps);
            finished();
        }
        measurements
            .insert(0, Measurement::new(("exact", 1.0), &exact, all_exact.clone(), &all_exact));
        Ok(measurements)
    }

    fn learner(&self, policy: Option<SamplingPolicy>) -> anyhow::Result<Learner> {
        let policies = LayerPolicies::uniform(policy);
        let network = self
            .network
            .build(&policies, self.stream.child("initialisation"))
            .context("the network cannot be built")?;
        let communication = self.network.gradient_numbers(&policies)?.share();
        let optimizer = Optimizer::new(self.optimizer, self.instructions);
        Ok(Learner { network, optimizer, communication, gradient: Matrix::default(), steps: 0 })
    }
}

impl Learner {
    fn step(&mut self, settings: &Steps, minibatch: &Minibatch) -> Result<Step, SelectionFailure> {
        let Minibatch { input, labels } = minibatch;
        let layers = LayerContext::training(settings.instructions, settings.stream, self.steps);
        let started = Instant::now();
        let logits = self.network.forward(&layers, input);
        let loss = softmax_cross_entropy(logits, labels, &mut self.gradient);
        self.network.backward(&layers, input, &self.gradient)?;
        self.network.update(&mut self.optimizer);
        let seconds = started.elapsed().as_secs_f64();
        self.steps += 1;
        let computations = self.network.take_computations();
        Ok(Step { seconds, loss: loss.sum / labels.len() as f64, computations })
    }
}

impl Measurement {
    fn new(
        (name, ratio): (&'static str, f64),
        learner: &Learner,
        steps: Vec<Step>,
        exact: &[Step],
    ) -> Self {
        let milliseconds = Spread::of(steps.iter().map(|step| 1e3 * step.seconds).collect());
        let over = steps.iter().zip(exact).map(|(step, exact)| step.seconds / exact.seconds);
        let of_exact = Spread::of(over.collect());
        let megabytes = learner.network.memory().peak_bytes() as f64 / 1e6;
        let communication = learner.communication;
        Self { name, ratio, milliseconds, of_exact, communication, megabytes, steps }
    }

    /// Its row of the headline.
    pub fn headline(&self, network: &str, data: &str) -> HeadlineRow {
        let shares = [self.computations().share(), self.communication];
        let sampling = format!("{} at {}", self.name, self.ratio);
        time_row(network, data, sampling, shares.map(|share| 100.0 * share), self.of_exact)
    }

    /// Whether the headline shows it.
    pub fn is_headline(&self) -> bool {
        self.name != "exact" && is_shown(self.ratio)
    }

    /// The multiply-adds of all steps.
    pub fn computations(&self) -> Computations {
        self.steps.iter().fold(Computations::default(), |mut sum, step| {
            sum += step.computations;
            sum
        })
    }

    /// Multiply-adds of a step, in billions.
    pub fn billion_multiply_adds(&self) -> f64 {
        self.computations().performed as f64 / self.steps.len() as f64 / 1e9
    }

    /// The mean loss of the steps, in nats.
    pub fn loss(&self) -> f64 {
        self.steps.iter().map(|step| step.loss).sum::<f64>() / self.steps.len() as f64
    }
}
