//! The micro-kernel in plain Rust: the specification of the others, and the path of processors
//! without AVX2.
//!
//! On x86-64 with fused multiply-add the same source is compiled once more with that feature, so
//! that `mul_add` is an instruction there and not a call of the exact but slow library function.

#![allow(unsafe_code, reason = "the same pointers as those of the vector instructions")]

use super::Real;
use super::micro_kernel::{Tile, TileFunction, choose_instance, tile};
use super::vector::Vector;

/// Lanes of a vector.
pub(crate) const LANES: usize = 8;

#[derive(Clone, Copy)]
struct Lanes<T>([T; LANES]);

impl<T: Real> Vector for Lanes<T> {
    type Scalar = T;
    type Mask = usize;
    const LANES: usize = LANES;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn mask(lanes: usize) -> usize {
        lanes
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for LANES numbers.
        Self(unsafe { from.cast::<[T; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const T) {}

    #[inline(always)]
    unsafe fn prefetch_near(_: *const T) {}

    #[inline(always)]
    unsafe fn load_masked(from: *const T, mask: usize) -> Self {
        if mask == LANES {
            // SAFETY: the caller vouches for the lanes of the mask, which are all.
            return unsafe { Self::load(from) };
        }
        let mut lanes = [T::ZERO; LANES];
        for (lane, value) in lanes.iter_mut().enumerate().take(mask) {
            // SAFETY: the caller vouches for the lanes of the mask.
            *value = unsafe { *from.add(lane) };
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for LANES numbers.
        unsafe { to.cast::<[T; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, to: *mut T, mask: usize) {
        for (lane, value) in self.0.into_iter().enumerate().take(mask) {
            // SAFETY: the caller vouches for the lanes of the mask.
            unsafe { *to.add(lane) = value };
        }
    }

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "three arrays, and see below")]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // By index, since builds for tests do not inline adaptors and closures: what is not inlined has
        // no fused multiply-add, and calls the library's.
        let mut sums = addend.0;
        for lane in 0..LANES {
            sums[lane] = self.0[lane].mul_add(factor.0[lane], sums[lane]);
        }
        Self(sums)
    }
}

unsafe fn plain<T: Real, const ROWS: usize, const VECTORS: usize, const INDEXED: bool>(
    arguments: &Tile<T>,
) {
    // SAFETY: passed on from the caller; no instruction set is needed.
    unsafe { tile::<Lanes<T>, ROWS, VECTORS, INDEXED>(arguments) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
unsafe fn fused<T: Real, const ROWS: usize, const VECTORS: usize, const INDEXED: bool>(
    arguments: &Tile<T>,
) {
    // SAFETY: passed on from the caller.
    unsafe { tile::<Lanes<T>, ROWS, VECTORS, INDEXED>(arguments) }
}

macro_rules! instances {
    ($type:ident) => {
        pub(crate) fn $type(rows: usize, vectors: usize, indexed: bool) -> TileFunction<$type> {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("fma") {
                return choose_instance!(fused, $type, rows, vectors, indexed, [1 2 3 4 5 6], [1 2]);
            }
            choose_instance!(plain, $type, rows, vectors, indexed, [1 2 3 4 5 6], [1 2])
        }
    };
}

instances!(f32);
instances!(f64);
