//! What the micro-kernel asks of a vector of numbers.

#![allow(unsafe_code, reason = "loads and stores of a vector go through pointers")]

use super::Real;

/// A register's worth of lanes.
pub(crate) trait Vector: Copy {
    /// The number in each lane.
    type Scalar: Real;
    /// Says which of the first lanes take part in a load or store.
    type Mask: Copy;
    /// The number of lanes.
    const LANES: usize;

    /// # Safety
    /// The instruction set of the implementation is available.
    unsafe fn splat(value: Self::Scalar) -> Self;
    /// The first `lanes` lanes, 1..=LANES.
    ///
    /// # Safety
    /// The instruction set of the implementation is available.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    /// # Safety
    /// The instruction set is available and LANES numbers can be read.
    unsafe fn load(from: *const Self::Scalar) -> Self;
    /// Lanes outside the mask become zero and their memory is not touched.
    ///
    /// # Safety
    /// The instruction set is available and the lanes of the mask can be read.
    unsafe fn load_masked(from: *const Self::Scalar, mask: Self::Mask) -> Self;
    /// Asks for memory that is soon read, which need not exist.
    ///
    /// # Safety
    /// The instruction set of the implementation is available.
    unsafe fn prefetch(from: *const Self::Scalar);
    /// As [`Vector::prefetch`], into the nearest cache.
    ///
    /// # Safety
    /// The instruction set of the implementation is available.
    unsafe fn prefetch_near(from: *const Self::Scalar);
    /// # Safety
    /// The instruction set is available and LANES numbers can be written.
    unsafe fn store(self, to: *mut Self::Scalar);
    /// # Safety
    /// The instruction set is available and the lanes of the mask can be written.
    unsafe fn store_masked(self, to: *mut Self::Scalar, mask: Self::Mask);
    /// self * factor + addend in every lane, rounded once.
    ///
    /// # Safety
    /// The instruction set of the implementation is available.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
}
