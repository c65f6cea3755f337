//! Memory for packed blocks, kept by each thread between products.

use super::{Real, SelectedColumns};

/// Bytes of a cache line: a vector load that crosses one costs two.
const LINE: usize = 64;

/// Scratch memory of one thread, kept so that a training step allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    /// A packed tile of the left factor.
    pub left: AlignedBuffer<T>,
    /// Packed panels of the right factor.
    pub right: AlignedBuffer<T>,
    /// The columns of the left factor that a block selects.
    pub columns: SelectedColumns<T>,
    /// Tensors of a convolution in the layout its products read and write.
    pub tensors: TensorBuffers<T>,
}

/// Buffers that are taken out while a convolution runs, since its products use the others.
#[derive(Debug, Default)]
pub struct TensorBuffers<T> {
    /// An input in the layout the product reads.
    pub input: AlignedBuffer<T>,
    /// An output in the layout the product writes.
    pub output: AlignedBuffer<T>,
}

impl<T: Real> TensorBuffers<T> {
    /// Lends this thread's buffers; a nested loan gets fresh ones.
    pub fn lend<R>(run: impl FnOnce(&mut Self) -> R) -> R {
        let mut buffers = T::with_scratch(|scratch| std::mem::take(&mut scratch.tensors));
        let result = run(&mut buffers);
        T::with_scratch(|scratch| scratch.tensors = buffers);
        result
    }
}

/// A growing buffer whose first number lies at the start of a cache line.
#[derive(Debug, Default)]
pub struct AlignedBuffer<T> {
    memory: Vec<T>,
}

impl<T: Real> AlignedBuffer<T> {
    /// The first `length` numbers, with whatever they held.
    pub fn first(&mut self, length: usize) -> &mut [T] {
        let spare = LINE / size_of::<T>();
        if self.memory.len() < length + spare {
            self.memory.resize(length + spare, T::ZERO);
        }
        let start = self.memory.as_ptr().align_offset(LINE).min(spare);
        &mut self.memory[start..start + length]
    }
}
