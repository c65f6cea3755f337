//! Ranks that are processes of an MPI job, on one machine or on several.
//!
//! Of MPI only point-to-point messages are used. The order of the sums is not its matter, and a
//! message of at most 60,000 bytes goes out at once: above its limit of 64 kB the TCP transport of
//! Open MPI 4.1 asks first, and exchanges in both directions then take twice as long. Who waits
//! tests and sleeps, and leaves the core to those who compute.

use super::{Collective, CollectiveError, launcher};
use ferrompi::{Communicator, MpiDatatype, Request, ThreadLevel};
use std::fmt::Display;
use std::ops::Range;
use std::panic;
use std::thread;
use std::time::Duration;

/// Bytes of a message, at most.
const PIECE: usize = 60_000;
/// Every message has this tag, so that one of another exchange is seen to be too long or too short.
const TAG: i32 = 0;
/// What the whole job ends with where a rank has failed.
const EXIT: i32 = 2;
/// How long the other ranks leave it to rank 0 to say an error that all have.
const GRACE: Duration = Duration::from_millis(300);
/// How often a rank that waits only lets others run, before it sleeps in between.
const EAGER: usize = 50;
const NAP: Duration = Duration::from_micros(50);

/// One rank of several that are processes of an MPI job.
///
/// ```no_run
/// use training::exchange::{Collective, CollectiveError, Mpi};
/// let sum = Mpi::run(|rank| {
///     let mut all = Vec::new();
///     rank.all_gather_bytes(&[rank.rank() as u8], &mut all)?;
///     Ok::<_, CollectiveError>(all)
/// })?;
/// # Ok::<(), CollectiveError>(())
/// ```
pub struct Mpi {
    world: Communicator,
    rank: usize,
    size: usize,
    /// The segment that this rank sends to all.
    own: Vec<f32>,
}

impl Mpi {
    /// Does the work of this rank, which one thread at a time may use.
    ///
    /// An error ends the whole job with code 2: rank 0, or else the rank that has it, writes the
    /// reason to the standard error. So does a panic, with code 101 or the signal of an abort.
    ///
    /// # Errors
    /// When MPI cannot be started, or does not know as many ranks as the launcher has started: the
    /// program is then linked to another MPI than the launcher's.
    ///
    /// # Panics
    /// When `work` does, and the job then ends.
    pub fn run<T, E: Display + From<CollectiveError>>(
        work: impl FnOnce(&mut Mpi) -> Result<T, E>,
    ) -> Result<T, E> {
        let start = |error: String| E::from(CollectiveError::Start(error));
        let mpi = ferrompi::Mpi::init_thread(ThreadLevel::Serialized);
        let mpi = mpi.map_err(|error| start(error.to_string()))?;
        let world = mpi.world();
        let [rank, size] = [world.rank(), world.size()].map(|number| number as usize);
        if let Some(launched) = launcher::processes().filter(|launched| *launched != size) {
            return Err(start(format!(
                "the launcher has started {launched} processes, of which MPI knows {size}: the \
                 program is linked to another MPI than the launcher's"
            )));
        }
        let mut this = Mpi { world, rank, size, own: Vec::new() };
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let done = work(&mut this)?;
            // Whoever is still waiting for a message gets this one, and sees that it is another.
            this.agree(b"the end")?;
            Ok::<T, E>(done)
        }));
        match result {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                this.abort(&error.to_string());
                Err(error)
            }
            // The message of the panic has been written; without an abort the others would wait.
            Err(_) => this.world.abort(101),
        }
    }

    /// Adds up the numbers of all ranks by `MPI_Allreduce`, to be measured beside
    /// [`average_over_ranks`](super::average_over_ranks): the order of its sums is the library's
    /// choice, so that no training uses it.
    ///
    /// # Errors
    /// When MPI has one.
    pub fn all_reduce(&mut self, numbers: &mut [f32]) -> Result<(), CollectiveError> {
        let sum = self.world.allreduce_inplace(numbers, ferrompi::ReduceOp::Sum);
        sum.map_err(|error| CollectiveError::Engine(error.to_string()))
    }

    /// Sends and receives at once. There is a message each way with every other rank, or none.
    fn swap<'a, T: MpiDatatype>(
        &self,
        sent: impl Iterator<Item = (usize, &'a [T])>,
        received: impl Iterator<Item = (usize, &'a mut [T])>,
    ) -> Result<(), CollectiveError> {
        let numbers_a_piece = PIECE / size_of::<T>();
        ferrompi::scope(|scope| {
            let (mut requests, mut expected) = (Vec::new(), Vec::new());
            for (rank, numbers) in received {
                for piece in numbers.chunks_mut(numbers_a_piece) {
                    expected.push(Some((rank, piece.len())));
                    requests.push(self.world.irecv(scope, piece, rank as i32, TAG)?);
                }
            }
            for (rank, numbers) in sent {
                for piece in numbers.chunks(numbers_a_piece) {
                    expected.push(None);
                    requests.push(self.world.isend(scope, piece, rank as i32, TAG)?);
                }
            }
            let (mut left, mut idle) = (requests.len(), 0);
            while left > 0 {
                let done = Request::test_some(&mut requests)?;
                idle = if done.is_empty() { idle + 1 } else { 0 };
                left -= done.len();
                for (place, status) in done {
                    let Some((rank, length)) = expected[place] else { continue };
                    if status.error.is_some() || status.count != Some(length) {
                        // What is left of the exchange would never come.
                        let error = CollectiveError::OutOfStep { rank, own: self.rank };
                        self.end(&error.to_string());
                    }
                }
                match idle {
                    0 => {}
                    1..EAGER => thread::yield_now(),
                    _ => thread::sleep(NAP),
                }
            }
            Ok(())
        })
        .map_err(|error| CollectiveError::Engine(error.to_string()))
    }

    /// Ends the job.
    fn end(&self, reason: &str) -> ! {
        if self.rank > 0 {
            thread::sleep(GRACE);
        }
        eprintln!("error: rank {}: {reason}", self.rank);
        self.world.abort(EXIT)
    }
}

impl Collective for Mpi {
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
        let length = segments[self.rank].len();
        received.clear();
        received.resize(self.size * length, 0.0);
        let own = self.rank * length..(self.rank + 1) * length;
        received[own].copy_from_slice(&numbers[segments[self.rank].clone()]);
        let sent = others(self.rank, segments.iter().map(|segment| &numbers[segment.clone()]));
        self.swap(sent, others(self.rank, received.chunks_exact_mut(length.max(1))))
    }

    fn all_gather(
        &mut self,
        numbers: &mut [f32],
        segments: &[Range<usize>],
    ) -> Result<(), CollectiveError> {
        let mut own = std::mem::take(&mut self.own);
        own.clear();
        own.extend_from_slice(&numbers[segments[self.rank].clone()]);
        let (mut rest, mut parts, mut place) = (numbers, Vec::new(), 0);
        for segment in segments {
            let (_, from) = rest.split_at_mut(segment.start - place);
            let (part, after) = from.split_at_mut(segment.len());
            parts.push(part);
            (rest, place) = (after, segment.end);
        }
        let sent = others(self.rank, std::iter::repeat_n(&own[..], self.size));
        let result = self.swap(sent, others(self.rank, parts.into_iter()));
        self.own = own;
        result
    }

    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError> {
        all.clear();
        all.resize(self.size * own.len(), 0);
        all[self.rank * own.len()..][..own.len()].copy_from_slice(own);
        let sent = others(self.rank, std::iter::repeat_n(own, self.size));
        self.swap(sent, others(self.rank, all.chunks_exact_mut(own.len().max(1))))
    }

    fn abort(&mut self, reason: &str) {
        self.end(reason);
    }
}

/// Each of the others with its rank, the next one first: where all begin with rank 0, the links of the
/// others stay idle until it has its messages.
fn others<T>(own: usize, of_ranks: impl Iterator<Item = T>) -> impl Iterator<Item = (usize, T)> {
    let others = of_ranks.enumerate().filter(|(rank, _)| *rank != own);
    let (before, after): (Vec<_>, Vec<_>) = others.partition(|(rank, _)| *rank < own);
    after.into_iter().chain(before)
}
