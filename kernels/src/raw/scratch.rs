//! Memory for packed blocks, kept by each thread between products.

use super::Real;

/// Bytes of a cache line: a vector load that crosses one costs two.
const LINE: usize = 64;

/// Scratch memory of one thread, kept so that a training step allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    /// Packed tiles of the left factor.
    pub(crate) left: AlignedBuffer<T>,
    /// Packed panels of the right factor.
    pub(crate) right: AlignedBuffer<T>,
}

/// A growing buffer whose first number lies at the start of a cache line.
#[derive(Debug, Default)]
pub(crate) struct AlignedBuffer<T> {
    memory: Vec<T>,
}

impl<T: Real> AlignedBuffer<T> {
    /// The first `length` numbers, with whatever they held.
    pub(crate) fn first(&mut self, length: usize) -> &mut [T] {
        let spare = LINE / size_of::<T>();
        if self.memory.len() < length + spare {
            self.memory.resize(length + spare, T::ZERO);
        }
        let start = self.memory.as_ptr().align_offset(LINE).min(spare);
        &mut self.memory[start..start + length]
    }
}
