//! Loops over independent elements, compiled once for each instruction set.
//!
//! The source is plain Rust without reductions or fused operations, so the compiler may use any
//! vector width without changing a bit.

use super::{InstructionSet, Real};

/// sums[i] += row[i]^2, in f64.
///
/// # Panics
/// When the lengths differ.
pub(crate) fn add_squares<T: Real>(set: InstructionSet, row: &[T], sums: &mut [f64]) {
    assert_eq!(row.len(), sums.len(), "one sum an element");
    match set {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions.
        InstructionSet::Avx512 if set.is_available() => unsafe { with_avx512(row, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions.
        InstructionSet::Avx2 if set.is_available() => unsafe { with_avx2(row, sums) },
        _ => plain(row, sums),
    }
}

#[inline(always)]
fn plain<T: Real>(row: &[T], sums: &mut [f64]) {
    for (sum, x) in sums.iter_mut().zip(row) {
        let x = x.to_f64();
        *sum += x * x;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn with_avx512<T: Real>(row: &[T], sums: &mut [f64]) {
    plain(row, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<T: Real>(row: &[T], sums: &mut [f64]) {
    plain(row, sums);
}
