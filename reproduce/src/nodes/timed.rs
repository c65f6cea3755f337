//! An MPI rank that notes how long its exchanges take.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use training::exchange::{Collective, CollectiveError, Mpi};

/// How long a rank has been in exchanges.
#[derive(Default)]
pub struct Spent {
    /// Of what the ranks tell each other of a step.
    waiting: Mutex<Duration>,
    /// Of gradients.
    exchange: Mutex<Duration>,
}

impl Spent {
    /// Begins anew.
    pub fn reset(&self) {
        *locked(&self.waiting) = Duration::ZERO;
        *locked(&self.exchange) = Duration::ZERO;
    }

    /// Since then, of messages and of gradients.
    pub fn milliseconds(&self) -> [f64; 2] {
        [&self.waiting, &self.exchange].map(|spent| 1e3 * locked(spent).as_secs_f64())
    }
}

/// The rank, which several networks use in turns.
pub struct Timed<'a, 'm> {
    world: &'a Mutex<&'m mut Mpi>,
    spent: &'a Spent,
}

impl<'a, 'm> Timed<'a, 'm> {
    /// Of this rank, with what it spends.
    pub fn new(world: &'a Mutex<&'m mut Mpi>, spent: &'a Spent) -> Self {
        Timed { world, spent }
    }

    fn timed<T>(&self, to: &Mutex<Duration>, work: impl FnOnce(&mut Mpi) -> T) -> T {
        let begun = Instant::now();
        let result = work(&mut locked(self.world));
        *locked(to) += begun.elapsed();
        result
    }
}

impl Collective for Timed<'_, '_> {
    fn rank(&self) -> usize {
        locked(self.world).rank()
    }

    fn size(&self) -> usize {
        locked(self.world).size()
    }

    fn all_to_all(
        &mut self,
        numbers: &[f32],
        segments: &[Range<usize>],
        received: &mut Vec<f32>,
    ) -> Result<(), CollectiveError> {
        self.timed(&self.spent.exchange, |rank| rank.all_to_all(numbers, segments, received))
    }

    fn all_gather(
        &mut self,
        numbers: &mut [f32],
        segments: &[Range<usize>],
    ) -> Result<(), CollectiveError> {
        self.timed(&self.spent.exchange, |rank| rank.all_gather(numbers, segments))
    }

    fn all_gather_bytes(&mut self, own: &[u8], all: &mut Vec<u8>) -> Result<(), CollectiveError> {
        self.timed(&self.spent.waiting, |rank| rank.all_gather_bytes(own, all))
    }

    fn abort(&mut self, reason: &str) {
        locked(self.world).abort(reason);
    }
}

/// What is behind a lock; a thread that panicked with it has ended its rank.
pub fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
