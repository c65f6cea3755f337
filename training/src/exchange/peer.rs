//! A learner that makes its steps together with those of other ranks.

use super::message::{DIGEST, Message};
use super::norms::{self, InStep};
use super::{Collective, CollectiveError, Exchange, ExchangeError, average_over_ranks};
use crate::counting::{Computations, GradientNumbers};
use crate::data::{Minibatch, Share};
use crate::layer::{Ranks, StepContext};
use crate::learner::{Learner, StepError};
use crate::loss::Loss;

/// One rank's learner. The weights of all ranks are the same before and after every step, bit for
/// bit: they start the same, and every rank makes the same step by the same averaged gradient.
/// Running statistics are each rank's own, unless batch normalisation is synchronised.
///
/// With one rank a step is that of the learner.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::data::Minibatch;
/// use training::exchange::{Collective, Exchange, ExchangeError, Peer, Threads};
/// use training::learner::Learner;
/// use training::matrix::Matrix;
/// use training::network::mlp;
/// use training::optimizer::OptimizerConfig;
/// use training::sampling::LayerPolicies;
///
/// let policies: LayerPolicies = serde_yaml::from_str(
///     "default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward, scores: weights}",
/// )?;
/// let adam = OptimizerConfig::Adam { learning_rate: 0.001 };
/// let step = |rank: &mut Threads| {
///     let network = mlp(8, &[6], 3, 0.0).build(&policies, Stream::new(1, "weights")).unwrap();
///     let learner = Learner::new(network, adam, InstructionSet::detect(), Stream::new(1, "run"));
///     // Every rank has other samples.
///     let input = Matrix::from_rows(1, 8, vec![rank.rank() as f32; 8]);
///     let mut peer = Peer::new(learner, Box::new(rank), Exchange::Slices)?;
///     Ok::<_, ExchangeError>(peer.step(&Minibatch::new(input, vec![2]))?.sent)
/// };
/// let sent = Threads::run(2, step, |rank| step(rank).map(drop))?;
/// // Half of 8 x 6 and of 6 x 3 weights, and all 9 biases.
/// assert_eq!((sent.sent, sent.all), (24 + 9 + 9, 48 + 18 + 9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Peer<'a> {
    learner: Learner,
    collective: Box<dyn Collective + 'a>,
    exchange: Exchange,
    synchronises: bool,
    message: Message,
    /// The segments, of all ranks, of the part of the gradient that this rank averages.
    received: Vec<f32>,
    /// A parameter's gradient, unpacked.
    whole: Vec<f32>,
}

/// What a step of all ranks came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTotals {
    /// The loss of the whole minibatch.
    pub loss: Loss,
    /// Multiply-adds of all ranks.
    pub computations: Computations,
    /// Numbers of its gradient that each rank sent; one alone sends none.
    pub sent: GradientNumbers,
}

/// What the losses and counts of all ranks come to.
#[derive(Default)]
struct Totals {
    loss: Loss,
    computations: Computations,
    /// Of each rank.
    samples: Vec<u64>,
    /// Column norms that this rank sent with them.
    norms: u64,
}

impl<'a> Peer<'a> {
    /// A rank before its first step, its learner now that of this rank.
    ///
    /// # Errors
    /// When the weights are not the same on all ranks, or another rank has failed.
    pub fn new(
        learner: Learner,
        mut collective: Box<dyn Collective + 'a>,
        exchange: Exchange,
    ) -> Result<Self, ExchangeError> {
        let mut learner = learner.of_rank(collective.rank());
        if collective.size() > 1 {
            let digest = learner.network().digest();
            collective.agree(&digest).map_err(|error| match error {
                CollectiveError::Differs { rank, .. } => ExchangeError::WeightsDiffer { rank },
                error => error.into(),
            })?;
        }
        Ok(Self {
            learner,
            collective,
            exchange,
            synchronises: false,
            message: Message::default(),
            received: Vec::new(),
            whole: Vec::new(),
        })
    }

    /// The same with batch normalisation by the statistics of the whole minibatch in the place of each
    /// rank's share (synchronised batch normalisation; Zhang and others 2018). A step is then that of
    /// one rank with the whole minibatch, up to rounding, if nothing is drawn by a rank alone.
    #[must_use]
    pub fn with_synchronised_batch_norm(self, synchronises: bool) -> Self {
        Self { synchronises, ..self }
    }

    /// The learner of this rank.
    pub fn learner(&mut self) -> &mut Learner {
        &mut self.learner
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.learner.steps()
    }

    /// What all ranks do together.
    pub fn collective(&mut self) -> &mut (dyn Collective + 'a) {
        &mut *self.collective
    }

    /// Which share of every minibatch is this rank's.
    pub fn share(&self) -> Share {
        Share { rank: self.collective.rank(), size: self.collective.size() }
    }

    /// One step of all ranks on the shares of a minibatch, this rank's being `share`: the gradients
    /// are averaged, each in proportion to its samples.
    ///
    /// # Errors
    /// When the loss is infinite or not a number, this rank cannot draw a selection, slices are
    /// exchanged and the ranks have not selected the same, or another rank has failed. No weight
    /// has then changed.
    pub fn step(&mut self, share: &Minibatch) -> Result<StepTotals, ExchangeError> {
        if self.collective.size() == 1 {
            let loss = self.learner.step(share)?;
            let mut own = Vec::new();
            norms::append_later(self.learner.network(), &mut own);
            norms::take_later(self.learner.network(), &[&own]);
            let computations = self.learner.network().take_computations();
            return Ok(StepTotals { loss, computations, sent: GradientNumbers::default() });
        }
        let context = StepContext { continues: share.continues, ..self.learner.context() };
        let ranks = InStep::new(&mut *self.collective);
        let statistics = self.synchronises.then_some(&ranks as &dyn Ranks);
        let forward = StepContext { ranks: Some(&ranks), statistics, ..context };
        let own = self.learner.forward(&forward, share);
        let mut in_step = ranks.finish()?;
        // Of a loss that is no number there is no gradient; all ranks see that in the total. Where they
        // share statistics none may leave the others waiting.
        if self.synchronises {
            let ranks = InStep::new(&mut *self.collective);
            let backward = StepContext { statistics: Some(&ranks), ..context };
            let outcome = self.learner.backward(&backward, share);
            in_step += ranks.finish()?;
            outcome.map_err(StepError::from)?;
        } else if own.sum.is_finite() {
            self.learner.backward(&context, share).map_err(StepError::from)?;
        }
        let Totals { loss, computations, samples, norms } = self.total(own)?;
        if !loss.sum.is_finite() {
            return Err(StepError::Diverged { loss: loss.mean() }.into());
        }
        let shares: Vec<f64> =
            samples.iter().map(|&samples| samples as f64 / loss.samples as f64).collect();
        let sent = self.update(&shares)?;
        let sent = GradientNumbers { norms: norms + in_step, ..sent };
        Ok(StepTotals { loss, computations, sent })
    }

    /// What the ranks tell each other of a step beside their gradients.
    fn total(&mut self, own: Loss) -> Result<Totals, ExchangeError> {
        let network = self.learner.network();
        let Computations { performed, exact } = network.take_computations();
        let (correct, samples) = (own.correct as u64, own.samples as u64);
        let numbers = [own.sum.to_bits(), correct, samples, performed, exact];
        let mut message = numbers.map(u64::to_le_bytes).as_flattened().to_vec();
        let norms = norms::append_later(network, &mut message);
        let (mut all, mut later) = (Vec::new(), Vec::new());
        self.collective.all_gather_bytes(&message, &mut all)?;
        let mut totals = Totals { norms, ..Totals::default() };
        for message in all.chunks_exact(message.len()) {
            let (numbers, norms) = message.split_at(size_of_val(&numbers));
            later.push(norms);
            for numbers in numbers.as_chunks::<8>().0.as_chunks::<5>().0 {
                let [sum, correct, samples, performed, exact] = numbers.map(u64::from_le_bytes);
                let (sum, correct) = (f64::from_bits(sum), correct as usize);
                totals.loss += Loss { sum, correct, samples: samples as usize };
                totals.computations += Computations { performed, exact };
                totals.samples.push(samples);
            }
        }
        norms::take_later(network, &later);
        Ok(totals)
    }

    /// Averages the gradients and makes a step of the optimiser by the average.
    fn update(&mut self, shares: &[f64]) -> Result<GradientNumbers, ExchangeError> {
        let Self { learner, collective, exchange, message, received, whole, .. } = self;
        let (network, optimizer) = learner.parts();
        message.pack(network, *exchange);
        collective.agree(&message.parts).map_err(|error| match error {
            CollectiveError::Differs { rank, place } => {
                ExchangeError::SelectionsDiffer { rank, parameter: place / DIGEST }
            }
            error => error.into(),
        })?;
        average_over_ranks(&mut **collective, &mut message.numbers, shares, received)?;
        message.update(network, optimizer, *exchange, whole);
        Ok(message.count())
    }
}
