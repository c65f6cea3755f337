//! Where the samples of a training run come from, whatever they are: minibatches, epoch by epoch.
//!
//! An epoch goes through all samples in an order that depends on its stream and number alone, and
//! minibatch j has the samples at the positions j b to (j + 1) b of it. So it can be begun at any
//! minibatch, and divided among ranks, without a change of what is in any of them.

use super::DataError;
use crate::matrix::Matrix;
use kernels::random::Stream;
use std::ops::Range;

/// Some samples as a network reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Minibatch {
    /// A row a sample.
    pub input: Matrix,
    /// A class for every row of the network's output.
    pub labels: Vec<u16>,
    /// Whether its sequences go on from those of the minibatch before.
    pub continues: bool,
}

impl Minibatch {
    /// Samples that go on from no others.
    pub fn new(input: Matrix, labels: Vec<u16>) -> Self {
        Self { input, labels, continues: false }
    }
}

/// Minibatches, one after another.
pub trait Minibatches {
    /// Writes the next minibatch, in the memory that is there. Returns whether there was one.
    ///
    /// # Errors
    /// When a sample cannot be read.
    fn next_into(&mut self, minibatch: &mut Minibatch) -> Result<bool, DataError>;
}

/// Samples to learn from, and two sets to judge by.
pub trait Source {
    /// Samples of an epoch.
    fn samples(&self) -> usize;

    /// Samples of a set to judge by.
    fn evaluation_samples(&self, set: EvaluationSet) -> usize;

    /// The minibatches of an epoch that are asked for: from [`Epoch::first`] to
    /// [`Epoch::minibatches`], and of each the share [`Epoch::share`].
    ///
    /// # Errors
    /// When they cannot be begun.
    fn epoch<'a>(&'a mut self, epoch: &Epoch) -> Result<Box<dyn Minibatches + 'a>, DataError>;

    /// All samples of a set to judge by, in one order and never changed at random.
    ///
    /// # Errors
    /// When they cannot be begun.
    fn evaluation<'a>(
        &'a mut self,
        set: EvaluationSet,
    ) -> Result<Box<dyn Minibatches + 'a>, DataError>;

    /// Whether the samples of a minibatch go on from those of the one before, each at its place: a
    /// part of a minibatch is then no minibatch.
    fn goes_on(&self) -> bool {
        false
    }

    /// Tells these samples from others: a run goes on from a checkpoint only on the same ones.
    fn checksum(&mut self) -> String;
}

/// A set that a network is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationSet {
    /// What settings are judged by.
    HeldOut,
    /// What results are reported on.
    Test,
}

impl EvaluationSet {
    /// The name used in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeldOut => "held-out",
            Self::Test => "test",
        }
    }
}

/// One of the equal shares that every minibatch is divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which, from 0.
    pub rank: usize,
    /// Of how many.
    pub size: usize,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { rank: 0, size: 1 };

    /// The share of some positions; no two shares differ by more than one of them.
    ///
    /// ```
    /// use training::data::Share;
    /// let shares = [0, 1, 2].map(|rank| Share { rank, size: 3 }.of(10..20));
    /// assert_eq!(shares, [10..13, 13..16, 16..20]);
    /// ```
    pub fn of(self, positions: Range<usize>) -> Range<usize> {
        let start = |rank| positions.start + positions.len() * rank / self.size;
        start(self.rank)..start(self.rank + 1)
    }
}

/// Which minibatches of which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Where the randomness of all epochs comes from.
    pub stream: Stream,
    /// Its number, from 0.
    pub number: u64,
    /// Samples in a minibatch; the last may have fewer.
    pub batch_size: usize,
    /// The minibatch to begin with, from 0.
    pub first: usize,
    /// Whether samples are changed at random, where the source does that.
    pub augmented: bool,
    /// The share of every minibatch that is wanted.
    pub share: Share,
}

impl Epoch {
    /// A whole epoch, its samples changed at random.
    pub fn new(stream: Stream, number: u64, batch_size: usize) -> Self {
        Self { stream, number, batch_size, first: 0, augmented: true, share: Share::WHOLE }
    }

    /// How many minibatches so many samples make.
    pub fn minibatches(&self, samples: usize) -> usize {
        samples.div_ceil(self.batch_size)
    }

    /// The positions in the epoch's order, of so many samples, that are wanted of a minibatch.
    pub fn positions(&self, samples: usize, minibatch: usize) -> Range<usize> {
        let start = |minibatch: usize| (minibatch * self.batch_size).min(samples);
        self.share.of(start(minibatch)..start(minibatch + 1))
    }
}
