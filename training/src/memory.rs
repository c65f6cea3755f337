//! Memory that goes from one tensor of a step to the next.

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
    free: Vec<Free>,
    step: u64,
    /// Numbers of all buffers, in use and free.
    held: usize,
    most_held: usize,
}

#[derive(Debug)]
struct Free {
    buffer: Vec<f32>,
    last_used: u64,
}

impl Buffers {
    /// Frees buffers that this step has not used for a new one of so many numbers, nearest in
    /// length first: where the number of channels is random, one takes the place of another.
    fn replace(&mut self, length: usize) {
        let mut freed = 0;
        while freed < length {
            let idle = self.free.iter().enumerate().filter(|(_, free)| free.last_used < self.step);
            let nearest = idle.min_by_key(|(_, free)| free.buffer.len().abs_diff(length));
            let Some((place, _)) = nearest else { break };
            freed += self.free.swap_remove(place).buffer.len();
        }
        self.held -= freed;
    }
}

impl Memory {
    /// Bytes of all buffers there have been at one time, at most: the peak memory of activations
    /// and their gradients.
    pub fn peak_bytes(&self) -> usize {
        self.lock().most_held * size_of::<f32>()
    }

    /// Frees the buffers that the last step did not use; called by the network.
    pub fn begin_step(&self) {
        let Buffers { free, step, held, .. } = &mut *self.lock();
        free.retain(|Free { buffer, last_used }| {
            let is_used = *last_used >= *step;
            *held -= if is_used { 0 } else { buffer.len() };
            is_used
        });
        *step += 1;
    }

    /// Makes a buffer at least as long as asked for; what it holds is unspecified.
    pub fn fit(&self, buffer: &mut Vec<f32>, length: usize, stay: Stay) {
        let fits = |buffer: &[f32]| (length..=stay.longest(length)).contains(&buffer.len());
        if length > 0 && fits(buffer) {
            return;
        }
        self.release(buffer);
        if length == 0 {
            return;
        }
        let mut buffers = self.lock();
        let fitting = buffers.free.iter().enumerate().filter(|(_, free)| fits(&free.buffer));
        let smallest = fitting.min_by_key(|(_, free)| free.buffer.len()).map(|(place, _)| place);
        *buffer = match smallest {
            Some(place) => buffers.free.swap_remove(place).buffer,
            None => {
                buffers.replace(length);
                buffers.held += length;
                buffers.most_held = buffers.most_held.max(buffers.held);
                vec![0.0; length]
            }
        };
    }

    /// Takes a buffer back, and leaves an empty one.
    pub fn release(&self, buffer: &mut Vec<f32>) {
        if !buffer.is_empty() {
            let mut buffers = self.lock();
            let last_used = buffers.step;
            buffers.free.push(Free { buffer: std::mem::take(buffer), last_used });
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
        assert_eq!(memory.lock().held, 10_000);
        memory.begin_step();
        assert_eq!(memory.lock().held, 0);
        assert_eq!(memory.peak_bytes(), 4 * 30_000, "the peak stays");
    }
}
