//! Memory that goes from one tensor of a step to the next.

mod pool;

use pool::{Ledger, Pool};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a tensor stays, which decides how much larger than it its buffer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until the next layer has read it, or nearly: a buffer that is free now may be four times as
    /// long, since it will be free again soon.
    Short,
    /// From the forward to the backward pass: a buffer longer by more than a quarter is a waste.
    Long,
}

impl Stay {
    /// The longest buffer for so many numbers.
    fn longest(self, length: usize) -> usize {
        // Among small tensors, any will do.
        match self {
            Self::Short => 4 * length + (1 << 13),
            Self::Long => length + length / 4 + (1 << 10),
        }
    }

    /// Whether a buffer is one for so many numbers.
    fn fits<T>(self, buffer: &[T], length: usize) -> bool {
        length > 0 && (length..=self.longest(length)).contains(&buffer.len())
    }
}

/// Buffers that no layer needs any more, for the tensors still to come.
///
/// Layers have their tensors as [`Matrix`](crate::matrix::Matrix), which takes its buffer from here
/// and gives it back; what else a layer keeps from step to step it can have from here, too.
///
/// Activations are released as soon as the backward pass is known not to read them, or not all of
/// them, and gradients when they have been used. Sampled in the forward pass, a layer keeps the
/// selected channels only, and a step then needs less memory. Once a few steps have been made,
/// every buffer is there and none is allocated.
#[derive(Debug, Default)]
pub struct Memory {
    buffers: Mutex<Buffers>,
}

#[derive(Debug, Default)]
struct Buffers {
    numbers: Pool<f32>,
    codes: Pool<u8>,
    step: u64,
    ledger: Ledger,
}

impl Memory {
    /// Bytes of all buffers there have been at one time, at most: the peak memory of activations,
    /// codes of them, and gradients.
    pub fn peak_bytes(&self) -> usize {
        self.lock().ledger.most_held
    }

    /// Bytes of the buffers in use between the forward and the backward pass of a step, at most:
    /// what the one stores for the other, and the network's output. All other buffers are shared by
    /// tensors that come and go.
    pub fn stored_bytes(&self) -> usize {
        self.lock().ledger.most_stored
    }

    /// Frees the buffers that the last step did not use; called by the network.
    pub fn begin_step(&self) {
        let Buffers { numbers, codes, step, ledger } = &mut *self.lock();
        numbers.free_before(*step, ledger);
        codes.free_before(*step, ledger);
        *step += 1;
    }

    /// Counts what is stored from the forward for the backward pass; called by the network.
    pub fn begin_backward(&self) {
        let Buffers { numbers, codes, ledger, .. } = &mut *self.lock();
        let stored = ledger.held - numbers.free_bytes() - codes.free_bytes();
        ledger.most_stored = ledger.most_stored.max(stored);
    }

    /// Makes a buffer at least as long as asked for; what it holds is unspecified.
    pub fn fit(&self, buffer: &mut Vec<f32>, length: usize, stay: Stay) {
        if stay.fits(buffer, length) {
            return;
        }
        self.release(buffer);
        if length > 0 {
            let Buffers { numbers, step, ledger, .. } = &mut *self.lock();
            *buffer = numbers.take(length, stay, *step, ledger);
        }
    }

    /// As [`Memory::fit`], for codes of numbers.
    pub fn fit_codes(&self, buffer: &mut Vec<u8>, length: usize, stay: Stay) {
        if stay.fits(buffer, length) {
            return;
        }
        self.release_codes(buffer);
        if length > 0 {
            let Buffers { codes, step, ledger, .. } = &mut *self.lock();
            *buffer = codes.take(length, stay, *step, ledger);
        }
    }

    /// Takes a buffer back, and leaves an empty one.
    pub fn release(&self, buffer: &mut Vec<f32>) {
        if !buffer.is_empty() {
            let Buffers { numbers, step, .. } = &mut *self.lock();
            numbers.put(std::mem::take(buffer), *step);
        }
    }

    /// As [`Memory::release`], for codes of numbers.
    pub fn release_codes(&self, buffer: &mut Vec<u8>) {
        if !buffer.is_empty() {
            let Buffers { codes, step, .. } = &mut *self.lock();
            codes.put(std::mem::take(buffer), *step);
        }
    }

    /// A thread that panicked holding the lock left whole buffers: each change is one.
    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_buffers_are_used_again_where_they_fit() {
        let memory = Memory::default();
        let [mut one, mut two, mut three] = [const { Vec::new() }; 3];
        memory.fit(&mut one, 10_000, Stay::Short);
        memory.fit(&mut two, 50_000, Stay::Short);
        assert_eq!((one.len(), two.len()), (10_000, 50_000));
        let (first, second) = (one.as_ptr(), two.as_ptr());
        memory.release(&mut one);
        memory.release(&mut two);
        assert!(one.is_empty());
        memory.fit(&mut one, 48_000, Stay::Long);
        assert_eq!((one.as_ptr(), one.len()), (second, 50_000), "a little longer will do");
        memory.fit(&mut two, 4_000, Stay::Long);
        assert_eq!(two.len(), 4_000, "and much longer will not");
        memory.fit(&mut three, 4_000, Stay::Short);
        assert_eq!(three.as_ptr(), first, "but for a tensor that is soon gone");
        assert_eq!(memory.peak_bytes(), 4 * (10_000 + 50_000 + 4_000));
        memory.fit(&mut three, 0, Stay::Short);
        assert!(three.is_empty());
    }

    #[test]
    fn buffers_that_a_step_did_not_use_are_freed() {
        let memory = Memory::default();
        let [mut one, mut two] = [const { Vec::new() }; 2];
        memory.begin_step();
        memory.fit(&mut one, 10_000, Stay::Short);
        memory.fit(&mut two, 20_000, Stay::Short);
        memory.release(&mut one);
        memory.release(&mut two);
        memory.begin_step();
        memory.fit(&mut one, 10_000, Stay::Short);
        memory.release(&mut one);
        memory.begin_step();
        assert_eq!(memory.lock().ledger.held, 4 * 10_000);
        memory.begin_step();
        assert_eq!(memory.lock().ledger.held, 0);
        assert_eq!(memory.peak_bytes(), 4 * 30_000, "the peak stays");
    }

    #[test]
    fn codes_count_by_their_bytes_and_free_buffers_are_not_stored() {
        let memory = Memory::default();
        let ([mut one, mut two], mut codes) = ([const { Vec::new() }; 2], Vec::new());
        memory.begin_step();
        memory.fit(&mut one, 10_000, Stay::Short);
        memory.fit(&mut two, 20_000, Stay::Long);
        memory.fit_codes(&mut codes, 5_000, Stay::Long);
        memory.release(&mut one);
        memory.begin_backward();
        assert_eq!(memory.peak_bytes(), 4 * 30_000 + 5_000);
        assert_eq!(memory.stored_bytes(), 4 * 20_000 + 5_000);
        memory.release(&mut two);
        let place = codes.as_ptr();
        memory.release_codes(&mut codes);
        memory.begin_backward();
        assert_eq!(memory.stored_bytes(), 4 * 20_000 + 5_000, "the most of all steps");
        memory.fit_codes(&mut codes, 4_500, Stay::Long);
        assert_eq!(codes.as_ptr(), place);
        memory.release_codes(&mut codes);
        memory.begin_step();
        memory.begin_step();
        assert_eq!(memory.lock().ledger.held, 0);
    }
}
