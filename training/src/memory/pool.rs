//! Buffers of one kind of element, and the bytes of all kinds.

use super::Stay;

/// Bytes of buffers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Of all buffers, in use and free.
    pub(super) held: usize,
    /// Those at one time, at most.
    pub(super) most_held: usize,
    /// In use between the passes of a step, at most.
    pub(super) most_stored: usize,
}

/// Buffers of one kind of element that no layer needs any more.
#[derive(Debug)]
pub(super) struct Pool<T> {
    free: Vec<Free<T>>,
}

#[derive(Debug)]
struct Free<T> {
    buffer: Vec<T>,
    last_used: u64,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { free: Vec::new() }
    }
}

impl<T: Copy + Default> Pool<T> {
    /// Bytes of the buffers that are not in use.
    pub(super) fn free_bytes(&self) -> usize {
        self.free.iter().map(|free| free.buffer.len() * size_of::<T>()).sum()
    }

    /// Frees the buffers that were last used before a step.
    pub(super) fn free_before(&mut self, step: u64, ledger: &mut Ledger) {
        self.free.retain(|Free { buffer, last_used }| {
            let is_used = *last_used >= step;
            ledger.held -= if is_used { 0 } else { buffer.len() * size_of::<T>() };
            is_used
        });
    }

    /// A buffer of at least so many elements.
    pub(super) fn take(
        &mut self,
        length: usize,
        stay: Stay,
        step: u64,
        ledger: &mut Ledger,
    ) -> Vec<T> {
        let fitting =
            self.free.iter().enumerate().filter(|(_, free)| stay.fits(&free.buffer, length));
        let smallest = fitting.min_by_key(|(_, free)| free.buffer.len()).map(|(place, _)| place);
        match smallest {
            Some(place) => self.free.swap_remove(place).buffer,
            None => {
                self.replace(length, step, ledger);
                ledger.held += length * size_of::<T>();
                ledger.most_held = ledger.most_held.max(ledger.held);
                vec![T::default(); length]
            }
        }
    }

    /// Frees buffers that this step has not used for a new one of so many elements, nearest in
    /// length first: where the number of channels is random, one takes the place of another.
    fn replace(&mut self, length: usize, step: u64, ledger: &mut Ledger) {
        let mut freed = 0;
        while freed < length {
            let idle = self.free.iter().enumerate().filter(|(_, free)| free.last_used < step);
            let nearest = idle.min_by_key(|(_, free)| free.buffer.len().abs_diff(length));
            let Some((place, _)) = nearest else { break };
            freed += self.free.swap_remove(place).buffer.len();
        }
        ledger.held -= freed * size_of::<T>();
    }

    /// Takes a buffer back.
    pub(super) fn put(&mut self, buffer: Vec<T>, step: u64) {
        self.free.push(Free { buffer, last_used: step });
    }
}
