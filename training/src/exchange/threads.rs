//! Ranks that are threads of one process.

use super::{Collective, CollectiveError};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::fmt::Display;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

/// One rank of several that are threads of this process.
///
/// From every rank to every other there is a channel, which never fills up: to send is not to
/// wait. What a rank waits for comes, or its sender goes, since whoever fails or panics lets go of
/// its ends of the channels. So no failure leaves a rank waiting.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    size: usize,
    /// To every rank and from every rank; both have an end of this rank itself. None once this
    /// rank has aborted.
    to: Vec<Sender<Message>>,
    from: Vec<Receiver<Message>>,
    /// The first rank that failed, and what it said.
    failure: Arc<OnceLock<(usize, String)>>,
}

#[derive(Clone, Debug)]
enum Message {
    Numbers(Arc<[f32]>),
    Bytes(Arc<[u8]>),
}

impl Threads {
    /// Runs as many ranks as `size` says: rank 0 is this thread and does `first`, each of the
    /// others is a thread of its own and does `other`. Returns what rank 0 came to, once all have
    /// ended.
    ///
    /// The parallel loops of a rank, other than rank 0, run in a pool of its own, as on machines of
    /// their own: a rank that waits blocks nobody. The ambient pool's threads are divided among
    /// them.
    ///
    /// ```
    /// use training::exchange::{Collective, CollectiveError, Threads};
    /// let sum = |rank: &mut Threads| {
    ///     let mut all = Vec::new();
    ///     rank.all_gather_bytes(&[rank.rank() as u8], &mut all)?;
    ///     Ok::<_, CollectiveError>(all)
    /// };
    /// assert_eq!(Threads::run(3, sum, |rank| sum(rank).map(drop))?, [0, 1, 2]);
    /// # Ok::<(), CollectiveError>(())
    /// ```
    ///
    /// # Errors
    /// That of the first rank that failed; the others then end as well. When threads cannot be
    /// started.
    ///
    /// # Panics
    /// When `size` is 0, or a rank panics.
    pub fn run<T, E: Display + Send + From<CollectiveError>>(
        size: usize,
        first: impl FnOnce(&mut Threads) -> Result<T, E>,
        other: impl Fn(&mut Threads) -> Result<(), E> + Sync,
    ) -> Result<T, E> {
        assert!(size > 0, "there is a rank");
        let pools = (1..size).map(|_| Self::pool(size)).collect::<Result<Vec<_>, _>>()?;
        let mut ranks = Self::connected(size).into_iter();
        let mut rank_0 = ranks.next().expect("there is a rank");
        let failure = Arc::clone(&rank_0.failure);
        let other = &other;
        let (result, others) = thread::scope(|scope| {
            let spawn = |(pool, mut rank): (ThreadPool, Threads)| {
                scope.spawn(move || pool.install(|| rank.run_one(other)))
            };
            let others: Vec<_> = pools.into_iter().zip(ranks).map(spawn).collect();
            let result = rank_0.run_one(first);
            // The others, if they still wait for this rank, do so in vain.
            drop(rank_0);
            (result, others.into_iter().map(|other| other.join()).collect::<Vec<_>>())
        });
        let mut errors = Vec::new();
        for (rank, other) in (1..).zip(others) {
            match other {
                Err(panic) => resume_unwind(panic),
                Ok(Err(error)) => errors.push((rank, error)),
                Ok(Ok(())) => {}
            }
        }
        let culprit = failure.get().map_or(0, |(rank, _)| *rank);
        match errors.into_iter().find(|(rank, _)| *rank == culprit) {
            Some((_, error)) => Err(error),
            None => result,
        }
    }

    /// Does the work of this rank, and lets the others know when it fails.
    fn run_one<T, E: Display>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = work(self);
        if let Err(error) = &result {
            self.abort(&error.to_string());
        }
        result
    }

    fn pool(size: usize) -> Result<ThreadPool, CollectiveError> {
        let threads = (rayon::current_num_threads() / size).max(1);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map_err(|error| CollectiveError::Start(error.to_string()))
    }

    /// Ranks with a channel from each to each.
    fn connected(size: usize) -> Vec<Self> {
        let failure = Arc::new(OnceLock::new());
        let mut ranks: Vec<Self> = (0..size)
            .map(|rank| Self {
                rank,
                size,
                to: Vec::new(),
                from: Vec::new(),
                failure: Arc::clone(&failure),
            })
            .collect();
        for sender in 0..size {
            for receiver in 0..size {
                let (to, from) = channel();
                ranks[sender].to.push(to);
                ranks[receiver].from.push(from);
            }
        }
        ranks
    }

    /// Sends to a rank; one that has gone is noticed when something is expected of it.
    fn send(&self, rank: usize, message: Message) {
        if let Some(to) = self.to.get(rank) {
            let _ = to.send(message);
        }
    }

    fn receive(&self, rank: usize) -> Result<Message, CollectiveError> {
        let message = self.from.get(rank).and_then(|from| from.recv().ok());
        message.ok_or_else(|| match self.failure.get() {
            Some((rank, reason)) => {
                CollectiveError::Aborted { rank: *rank, reason: reason.clone() }
            }
            None => CollectiveError::Gone { rank },
        })
    }

    fn receive_numbers(&self, rank: usize) -> Result<Arc<[f32]>, CollectiveError> {
        match self.receive(rank)? {
            Message::Numbers(numbers) => Ok(numbers),
            Message::Bytes(_) => Err(CollectiveError::OutOfStep { rank, own: self.rank }),
        }
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_to_all(
        &mut self,
        numbers: &[f32],
        segments: &[Range<usize>],
        received: &mut Vec<f32>,
    ) -> Result<(), CollectiveError> {
        for (rank, segment) in segments.iter().enumerate() {
            self.send(rank, Message::Numbers(numbers[segment.clone()].into()));
        }
        received.clear();
        for rank in 0..self.size {
            received.extend_from_slice(&self.receive_numbers(rank)?);
        }
        Ok(())
    }

    fn all_gather(
        &mut self,
        numbers: &mut [f32],
        segments: &[Range<usize>],
    ) -> Result<(), CollectiveError> {
        let own: Arc<[f32]> = numbers[segments[self.rank].clone()].into();
        (0..self.size).for_each(|rank| self.send(rank, Message::Numbers(Arc::clone(&own))));
        for (rank, segment) in segments.iter().enumerate() {
            let segment = &mut numbers[segment.clone()];
            let found = self.receive_numbers(rank)?;
            if found.len() != segment.len() {
                return Err(CollectiveError::OutOfStep { rank, own: self.rank });
            }
            segment.copy_from_slice(&found);
        }
        Ok(())
    }

    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError> {
        let bytes: Arc<[u8]> = own.into();
        (0..self.size).for_each(|rank| self.send(rank, Message::Bytes(Arc::clone(&bytes))));
        all.clear();
        for rank in 0..self.size {
            match self.receive(rank)? {
                Message::Bytes(bytes) if bytes.len() == own.len() => all.extend_from_slice(&bytes),
                _ => return Err(CollectiveError::OutOfStep { rank, own: self.rank }),
            }
        }
        Ok(())
    }

    fn abort(&mut self, reason: &str) {
        // Said before the channels close: who finds them closed can read why.
        let _ = self.failure.set((self.rank, reason.to_owned()));
        self.to.clear();
        self.from.clear();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if thread::panicking() {
            self.abort("it panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    /// What a rank does in these tests: some rounds of all operations.
    fn rounds(rank: &mut Threads, count: usize) -> Result<Vec<f32>, CollectiveError> {
        let segments: Vec<_> = (0..rank.size()).map(|r| 2 * r..2 * r + 2).collect();
        let mut numbers = vec![0.0; 2 * rank.size()];
        for round in 0..count {
            numbers.iter_mut().for_each(|x| *x += (rank.rank() + round) as f32);
            let (mut received, mut bytes) = (Vec::new(), Vec::new());
            rank.all_to_all(&numbers, &segments, &mut received)?;
            let own = &mut numbers[segments[rank.rank()].clone()];
            own.copy_from_slice(&received[..2]);
            received[2..].chunks_exact(2).for_each(|two| {
                own.iter_mut().zip(two).for_each(|(to, x)| *to += x);
            });
            rank.all_gather(&mut numbers, &segments)?;
            rank.all_gather_bytes(&[rank.rank() as u8, round as u8], &mut bytes)?;
            assert_eq!(bytes.len(), 2 * rank.size());
            rank.agree(&[round as u8; 4])?;
        }
        Ok(numbers)
    }

    #[test]
    fn ranks_add_up_what_each_has() {
        let sums = Threads::run(3, |rank| rounds(rank, 2), |rank| rounds(rank, 2).map(drop));
        // Ranks bring 0, 1, 2 and then 3 + 1, 3 + 2, 3 + 3.
        assert_eq!(sums.unwrap(), [15.0; 6]);
        assert_eq!(Threads::run(1, |rank| rounds(rank, 1), |_| Ok(())).unwrap(), [0.0; 2]);
    }

    #[test]
    fn the_error_of_the_rank_that_failed_is_returned_and_the_others_end() {
        for failing in 0..4 {
            let work = |rank: &mut Threads| {
                rounds(rank, 3)?;
                if rank.rank() == failing {
                    thread::sleep(Duration::from_millis(20));
                    return Err(CollectiveError::Start(format!("rank {failing} is tired")));
                }
                rounds(rank, 1)
            };
            let error = Threads::run(4, work, |rank| {
                let outcome = work(rank).map(drop);
                if let Err(CollectiveError::Aborted { rank, reason }) = &outcome {
                    assert_eq!(*rank, failing);
                    assert!(reason.ends_with("is tired"), "{reason}");
                }
                outcome
            });
            let expected = CollectiveError::Start(format!("rank {failing} is tired"));
            assert_eq!(error.unwrap_err(), expected);
        }
    }

    #[test]
    fn a_panic_of_a_rank_ends_all_and_goes_on_in_the_caller() {
        for panicking in 0..3 {
            let work = |rank: &mut Threads| {
                assert!(rank.rank() != panicking, "rank {panicking} has had enough");
                rounds(rank, 2)
            };
            let caught = catch_unwind(AssertUnwindSafe(|| {
                Threads::run(3, work, |rank| work(rank).map(drop))
            }));
            let message = caught.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(*message, format!("rank {panicking} has had enough"));
        }
    }

    #[test]
    fn a_rank_that_is_gone_or_out_of_step_is_named() {
        let gone = Threads::run(3, |rank| rounds(rank, 1), |_| Ok(()));
        assert_eq!(gone, Err(CollectiveError::Gone { rank: 1 }));
        let other = |rank: &mut Threads| rank.all_gather_bytes(&[1], &mut Vec::new());
        let error = Threads::run(2, |rank| rounds(rank, 1), other).unwrap_err();
        assert!(matches!(error, CollectiveError::OutOfStep { .. }), "{error}");
    }

    #[test]
    fn a_digest_that_differs_is_named_on_all_ranks() {
        let work = |rank: &mut Threads| {
            let mut digest = [7; 16];
            digest[9] += u8::from(rank.rank() == 2);
            rank.agree(&digest)
        };
        let error = Threads::run(4, work, |rank| {
            let outcome = work(rank);
            assert_eq!(outcome, Err(CollectiveError::Differs { rank: 2, place: 9 }));
            outcome
        });
        assert_eq!(error, Err(CollectiveError::Differs { rank: 2, place: 9 }));
    }
}
