//! A learner that makes its steps together with those of other ranks.

use super::message::{Message, Packing};
use super::norms::{self, InStep};
use super::{Collective, CollectiveError, Exchange, ExchangeError};
use crate::counting::{Computations, GradientNumbers};
use crate::data::{Minibatch, Share};
use crate::layer::{Ranks, StepContext};
use crate::learner::{Learner, StepError};
use crate::loss::Loss;
use std::sync::mpsc;
use std::{panic, thread};

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
    overlaps: bool,
    /// Numbers of a message of the gradient, at least: enough that its header and the wait for it count
    /// little.
    numbers_a_message: usize,
    packing: Packing,
    /// The segments, of all ranks, of the part of the gradient that this rank averages.
    received: Vec<f32>,
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

/// Numbers of a message of the gradient, at least.
const NUMBERS_A_MESSAGE: usize = 1 << 18;

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
            overlaps: true,
            numbers_a_message: NUMBERS_A_MESSAGE,
            packing: Packing::default(),
            received: Vec::new(),
        })
    }

    /// The same with batch normalisation by the statistics of the whole minibatch in the place of each
    /// rank's share (synchronised batch normalisation; Zhang and others 2018). A step is then that of
    /// one rank with the whole minibatch, up to rounding, if nothing is drawn by a rank alone.
    #[must_use]
    pub fn with_synchronised_batch_norm(self, synchronises: bool) -> Self {
        Self { synchronises, ..self }
    }

    /// The same whose gradients are exchanged after the backward pass in the place of during it, which
    /// changes no bit. So it is in any case where batch normalisation is synchronised, whose sums are
    /// exchanged during that pass, and where the gradient fits one message.
    #[must_use]
    pub fn without_overlap(self) -> Self {
        Self { overlaps: false, ..self }
    }

    #[cfg(test)]
    pub(super) fn with_messages_of(self, numbers_a_message: usize) -> Self {
        Self { numbers_a_message, ..self }
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
        let in_step = ranks.finish()?;
        let (loss, shares) = self.total(own)?;
        // Of a loss that is no number there is no gradient, on no rank.
        if !loss.sum.is_finite() {
            return Err(StepError::Diverged { loss: loss.mean() }.into());
        }
        // A single message is full when nothing is left to compute.
        let numbers = self.packing.begin(self.learner.network());
        let is_one_message = numbers <= self.numbers_a_message;
        let in_step = in_step
            + if self.overlaps && !self.synchronises && !is_one_message {
                self.average_during_backward(&context, share, &shares)?;
                0
            } else {
                self.average_after_backward(&context, share, &shares)?
            };
        let (computations, later) = self.tell_of_step()?;
        let Self { learner, packing, exchange, .. } = self;
        let (network, optimizer) = learner.parts();
        packing.update(network, optimizer, *exchange);
        let sent = GradientNumbers { norms: later + in_step, ..packing.count() };
        Ok(StepTotals { loss, computations, sent })
    }

    /// The loss of the whole minibatch, and the share of each rank in its samples.
    fn total(&mut self, own: Loss) -> Result<(Loss, Vec<f64>), ExchangeError> {
        let numbers = [own.sum.to_bits(), own.correct as u64, own.samples as u64];
        let of_all = self.gather(&numbers)?;
        let (mut loss, mut samples) = (Loss::default(), Vec::new());
        for &[sum, correct, count] in of_all.as_chunks().0 {
            let (sum, correct) = (f64::from_bits(sum), correct as usize);
            loss += Loss { sum, correct, samples: count as usize };
            samples.push(count as f64);
        }
        let shares = samples.into_iter().map(|samples| samples / loss.samples as f64).collect();
        Ok((loss, shares))
    }

    /// As many numbers of every rank, in their order.
    fn gather(&mut self, own: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let own: Vec<[u8; 8]> = own.iter().map(|number| number.to_le_bytes()).collect();
        let mut all = Vec::new();
        self.collective.all_gather_bytes(own.as_flattened(), &mut all)?;
        Ok(all.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
    }

    /// The backward pass, and then the average of the gradient over the ranks. Returns how many numbers
    /// of 32 bits were sent for statistics.
    fn average_after_backward(
        &mut self,
        context: &StepContext,
        share: &Minibatch,
        shares: &[f64],
    ) -> Result<u64, ExchangeError> {
        let Self { learner, collective, packing, received, .. } = self;
        let (exchange, numbers) = (self.exchange, self.numbers_a_message);
        let ranks = InStep::new(&mut **collective);
        let statistics = self.synchronises.then_some(&ranks as &dyn Ranks);
        let backward = StepContext { statistics, ..*context };
        let mut messages: Vec<Message> = Vec::new();
        let outcome = learner.backward_each(&backward, share, &mut |layer| {
            messages.extend(packing.push(layer, exchange, numbers));
        });
        let sent = ranks.finish()?;
        outcome.map_err(StepError::from)?;
        messages.extend(packing.end());
        for message in &mut messages {
            message.average(&mut **collective, shares, received)?;
        }
        packing.take_averages(messages);
        Ok(sent)
    }

    /// The backward pass, and the average of the gradient of its layers over the ranks while the layers
    /// before them compute.
    fn average_during_backward(
        &mut self,
        context: &StepContext,
        share: &Minibatch,
        shares: &[f64],
    ) -> Result<(), ExchangeError> {
        let Self { learner, collective, packing, received, .. } = self;
        let (exchange, numbers) = (self.exchange, self.numbers_a_message);
        let collective = &mut **collective;
        let (outcome, averaged) = thread::scope(|scope| {
            let (send, packed) = mpsc::channel::<Message>();
            let averages = scope.spawn(move || {
                let averages = packed.into_iter().map(|mut message| {
                    message.average(collective, shares, received)?;
                    Ok(message)
                });
                averages.collect::<Result<Vec<Message>, ExchangeError>>()
            });
            // Where the exchange has failed nobody listens, and it says why in the end.
            let outcome = learner.backward_each(context, share, &mut |layer| {
                packing.push(layer, exchange, numbers).map(|message| send.send(message).ok());
            });
            if outcome.is_ok() {
                packing.end().map(|message| send.send(message).ok());
            }
            drop(send);
            (outcome, averages.join().unwrap_or_else(|reason| panic::resume_unwind(reason)))
        });
        outcome.map_err(StepError::from)?;
        packing.take_averages(averaged?);
        Ok(())
    }

    /// Tells all ranks what this one has computed, and the norms that are shared for the next step.
    /// Returns the multiply-adds of all, and how many norms these are.
    fn tell_of_step(&mut self) -> Result<(Computations, u64), ExchangeError> {
        let network = self.learner.network();
        let Computations { performed, exact } = network.take_computations();
        let numbers = [performed, exact].map(u64::to_le_bytes);
        let mut message = numbers.as_flattened().to_vec();
        let norms = norms::append_later(network, &mut message);
        let (mut all, mut later) = (Vec::new(), Vec::new());
        self.collective.all_gather_bytes(&message, &mut all)?;
        let mut computations = Computations::default();
        for message in all.chunks_exact(message.len()) {
            let (numbers, norms) = message.split_at(size_of_val(&numbers));
            later.push(norms);
            for &numbers in numbers.as_chunks::<8>().0.as_chunks::<2>().0 {
                let [performed, exact] = numbers.map(u64::from_le_bytes);
                computations += Computations { performed, exact };
            }
        }
        norms::take_later(network, &later);
        Ok((computations, norms))
    }
}
