//! What ranks that train together can do together.

use std::ops::Range;

/// Ranks that exchange numbers: threads of a process, or processes on several machines.
///
/// Every rank calls the same operations in the same order, and each call returns when the ranks
/// that it needs have called theirs. A rank that fails says so by [`Collective::abort`], or goes
/// away; what the others are waiting for then returns an error, here and from then on.
///
/// Gradients are averaged by [`Collective::all_to_all`] and [`Collective::all_gather`], between
/// which each rank adds up the segment that it owns, ranks in order. So the order of a sum is a
/// matter of neither the kind of ranks nor the moment, and N threads and N processes train to the
/// same bits.
pub trait Collective: Send {
    /// Which of the ranks this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Sends every rank its segment of `numbers` and writes what all ranks sent to this one, one
    /// after another in the order of the ranks. There is a segment a rank, the same on all.
    ///
    /// # Errors
    /// When another rank has failed.
    fn all_to_all(
        &mut self,
        numbers: &[f32],
        segments: &[Range<usize>],
        received: &mut Vec<f32>,
    ) -> Result<(), CollectiveError>;

    /// Sends the own segment of `numbers` to all and writes those of the others.
    ///
    /// # Errors
    /// When another rank has failed.
    fn all_gather(
        &mut self,
        numbers: &mut [f32],
        segments: &[Range<usize>],
    ) -> Result<(), CollectiveError>;

    /// Sends bytes to all, as many as every other rank sends, and writes those of all ranks in
    /// their order.
    ///
    /// # Errors
    /// When another rank has failed.
    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError>;

    /// Ends the exchange for every rank, and lets the others know why.
    fn abort(&mut self, reason: &str);

    /// Overwrites the bytes with those of rank 0.
    ///
    /// # Errors
    /// When another rank has failed.
    fn follow_first(&mut self, bytes: &mut [u8]) -> Result<(), CollectiveError> {
        if self.size() == 1 {
            return Ok(());
        }
        let mut all = Vec::new();
        self.all_gather_bytes(bytes, &mut all)?;
        bytes.copy_from_slice(&all[..bytes.len()]);
        Ok(())
    }

    /// Puts the bytes of rank 0, however many, in the place of those of every other rank.
    ///
    /// # Errors
    /// When another rank has failed.
    fn broadcast(&mut self, bytes: &mut Vec<u8>) -> Result<(), CollectiveError> {
        let mut length = (bytes.len() as u64).to_le_bytes();
        self.follow_first(&mut length)?;
        // Rank 0 has as many in memory, and so the length is one.
        bytes.resize(u64::from_le_bytes(length) as usize, 0);
        self.follow_first(bytes)
    }

    /// Makes sure that all ranks have the same digest, of something that has to be equal.
    ///
    /// # Errors
    /// [`CollectiveError::Differs`], on all ranks, names the first rank that has another than
    /// rank 0; or another rank has failed.
    fn agree(&mut self, digest: &[u8]) -> Result<(), CollectiveError> {
        if self.size() == 1 {
            return Ok(());
        }
        let mut all = Vec::new();
        self.all_gather_bytes(digest, &mut all)?;
        let first = &all[..digest.len()];
        for (rank, other) in all.chunks_exact(digest.len().max(1)).enumerate() {
            if let Some(place) = first.iter().zip(other).position(|(one, other)| one != other) {
                return Err(CollectiveError::Differs { rank, place });
            }
        }
        Ok(())
    }
}

/// Why ranks cannot go on together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectiveError {
    /// A rank has ended the exchange.
    #[error("rank {rank} has failed: {reason}")]
    Aborted {
        /// Which.
        rank: usize,
        /// What it said.
        reason: String,
    },
    /// A rank has gone without a word.
    #[error("rank {rank} has ended while others were waiting for it")]
    Gone {
        /// Which.
        rank: usize,
    },
    /// A rank does something else than this one.
    #[error("rank {rank} takes part in another exchange than rank {own}")]
    OutOfStep {
        /// Which.
        rank: usize,
        /// This one.
        own: usize,
    },
    /// A rank has another digest.
    #[error("rank {rank} differs from rank 0 (at byte {place} of the digest)")]
    Differs {
        /// Which.
        rank: usize,
        /// The first byte of the digest that differs.
        place: usize,
    },
    /// What carries the messages has failed.
    #[error("the exchange has failed: {0}")]
    Engine(String),
    /// The ranks cannot be started.
    #[error("the ranks cannot be started: {0}")]
    Start(String),
}

impl<C: Collective + ?Sized> Collective for &mut C {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn all_to_all(
        &mut self,
        numbers: &[f32],
        segments: &[Range<usize>],
        received: &mut Vec<f32>,
    ) -> Result<(), CollectiveError> {
        (**self).all_to_all(numbers, segments, received)
    }

    fn all_gather(
        &mut self,
        numbers: &mut [f32],
        segments: &[Range<usize>],
    ) -> Result<(), CollectiveError> {
        (**self).all_gather(numbers, segments)
    }

    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError> {
        (**self).all_gather_bytes(own, all)
    }

    fn abort(&mut self, reason: &str) {
        (**self).abort(reason);
    }
}

/// A single rank, which has nobody to wait for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Collective for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_to_all(
        &mut self,
        numbers: &[f32],
        _: &[Range<usize>],
        received: &mut Vec<f32>,
    ) -> Result<(), CollectiveError> {
        received.clear();
        received.extend_from_slice(numbers);
        Ok(())
    }

    fn all_gather(&mut self, _: &mut [f32], _: &[Range<usize>]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError> {
        all.clear();
        all.extend_from_slice(own);
        Ok(())
    }

    fn abort(&mut self, _: &str) {}
}
