//! Networks with the same weights that train side by side.

use super::message::{Message, average, update};
use super::{Exchange, ExchangeError};
use crate::counting::{Computations, GradientNumbers};
use crate::layer::{Context, SelectionFailure};
use crate::loss::{Loss, softmax_cross_entropy};
use crate::matrix::Matrix;
use crate::network::Network;
use crate::optimizer::{Optimizer, OptimizerConfig};
use kernels::InstructionSet;
use rayon::prelude::*;

/// Workers, each with a network, its own optimiser and its own running statistics.
///
/// The weights of all are the same before and after every step, bit for bit: they start the same,
/// and every worker makes the same step by the same averaged gradient.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::exchange::{Exchange, Workers};
/// use training::layer::Context;
/// use training::network::mlp;
/// use training::optimizer::OptimizerConfig;
/// use training::sampling::LayerPolicies;
///
/// let policies: LayerPolicies = serde_yaml::from_str(
///     "default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward, scores: weights}",
/// )?;
/// let build = |_| mlp(8, &[6], 3, 0.0).build(&policies, Stream::new(1, "weights"));
/// let networks = (0..2).map(build).collect::<Result<Vec<_>, _>>()?;
/// let set = InstructionSet::detect();
/// let adam = OptimizerConfig::Adam { learning_rate: 0.001 };
/// let mut workers = Workers::new(networks, adam, set, Exchange::Slices)?;
///
/// let context = Context::training(set, Stream::new(1, "run"), 0);
/// workers.backward(&context, &|worker, input, labels| {
///     input.reshape(1, 8);
///     input.data_mut().fill(worker as f32);
///     *labels = vec![2];
/// });
/// let numbers = workers.update()?;
/// // Half of 8 x 6 and of 6 x 3 weights, and all 9 biases.
/// assert_eq!((numbers.sent, numbers.all), (24 + 9 + 9, 48 + 18 + 9));
/// assert_eq!(workers.network(0).parameters(), workers.network(1).parameters());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Workers {
    workers: Vec<Worker>,
    exchange: Exchange,
    average: Vec<f32>,
}

struct Worker {
    network: Network,
    optimizer: Optimizer,
    message: Message,
    input: Matrix,
    labels: Vec<u16>,
    gradient: Matrix,
    loss: Loss,
    /// Whether the last backward pass is the one that was asked for.
    outcome: Result<(), SelectionFailure>,
    /// A parameter's gradient, unpacked.
    whole: Vec<f32>,
}

impl Workers {
    /// Workers before their first step, one a network.
    ///
    /// # Errors
    /// When there is no network, or the weights are not all the same.
    pub fn new(
        mut networks: Vec<Network>,
        optimizer: OptimizerConfig,
        set: InstructionSet,
        exchange: Exchange,
    ) -> Result<Self, ExchangeError> {
        let first = networks.first_mut().ok_or(ExchangeError::NoWorker)?.parameters();
        if let Some(worker) = networks.iter_mut().position(|other| other.parameters() != first) {
            return Err(ExchangeError::WeightsDiffer { worker });
        }
        let worker = |network| Worker {
            network,
            optimizer: Optimizer::new(optimizer, set),
            message: Message::default(),
            input: Matrix::default(),
            labels: Vec::new(),
            gradient: Matrix::default(),
            loss: Loss::default(),
            outcome: Ok(()),
            whole: Vec::new(),
        };
        let workers = networks.into_iter().map(worker).collect();
        Ok(Self { workers, exchange, average: Vec::new() })
    }

    /// The forward and backward pass of every worker on its share of the minibatch, which `share`
    /// writes: a row a sample, and their labels. Returns the loss of all shares.
    ///
    /// Workers draw selections from the same stream, and their dropout from streams of their own.
    pub fn backward(
        &mut self,
        context: &Context,
        share: &(dyn Fn(usize, &mut Matrix, &mut Vec<u16>) + Sync),
    ) -> Loss {
        self.workers.par_iter_mut().enumerate().for_each(|(number, worker)| {
            let context = &context.of_worker(number);
            let Worker { network, input, labels, gradient, loss, outcome, .. } = worker;
            share(number, input, labels);
            *loss = softmax_cross_entropy(network.forward(context, input), labels, gradient);
            *outcome = network.backward(context, input, gradient);
        });
        let mut sum = Loss::default();
        for Worker { loss, .. } in &self.workers {
            sum.sum += loss.sum;
            sum.correct += loss.correct;
        }
        sum
    }

    /// Averages the gradients of the last backward pass, each in proportion to its share of the
    /// minibatch, and makes a step of every worker's optimiser by it. Returns how many numbers each
    /// worker sent.
    ///
    /// # Errors
    /// When a worker could not draw a selection, or slices are exchanged and the workers have not
    /// selected the same; no weight has then changed.
    pub fn update(&mut self) -> Result<GradientNumbers, ExchangeError> {
        for (number, worker) in self.workers.iter().enumerate() {
            worker
                .outcome
                .clone()
                .map_err(|failure| ExchangeError::Selection { worker: number, failure })?;
        }
        let exchange = self.exchange;
        self.workers
            .par_iter_mut()
            .for_each(|worker| worker.message.pack(&mut worker.network, exchange));
        let messages: Vec<&Message> = self.workers.iter().map(|worker| &worker.message).collect();
        for (worker, message) in messages.iter().enumerate() {
            if let Some(parameter) = message.differs_from(messages[0]) {
                return Err(ExchangeError::SelectionsDiffer { worker, parameter });
            }
        }
        let samples: usize = self.workers.iter().map(|worker| worker.labels.len()).sum();
        let share = |worker: &Worker| worker.labels.len() as f64 / samples as f64;
        let shares: Vec<f64> = self.workers.iter().map(share).collect();
        average(&messages, &shares, &mut self.average);
        let (sent, average) = (messages[0].count(), &self.average);
        self.workers.par_iter_mut().for_each(|worker| {
            let Worker { network, optimizer, whole, .. } = worker;
            update(network, optimizer, exchange, average, whole);
        });
        Ok(sent)
    }

    /// The network of one worker.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn network(&mut self, worker: usize) -> &mut Network {
        &mut self.workers[worker].network
    }

    /// Turns sampling on or off on all workers.
    pub fn set_sampling(&mut self, on: bool) {
        self.workers.iter_mut().for_each(|worker| worker.network.set_sampling(on));
    }

    /// Multiplies the learning rate of all workers; see [`Optimizer::set_factor`].
    pub fn set_factor(&mut self, factor: f32) {
        self.workers.iter_mut().for_each(|worker| worker.optimizer.set_factor(factor));
    }

    /// Takes the multiply-adds of all workers counted since the last call.
    pub fn take_computations(&mut self) -> Computations {
        let mut sum = Computations::default();
        self.workers.iter_mut().for_each(|worker| sum += worker.network.take_computations());
        sum
    }
}
