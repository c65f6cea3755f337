//! The micro-kernel with AVX2 and AVX-512 registers, and shuffles that transpose.

#![allow(unsafe_code, reason = "vector instructions")]

use super::micro_kernel::{Tile, TileFunction, choose_instance, tile};
use super::vector::Vector;
use std::arch::x86_64::*;
use std::ops::Range;

/// Implements [`Vector`] for a register by naming its instructions.
macro_rules! vector {
    ($register:ident, $scalar:ident, $lanes:literal, $mask:ty, $make_mask:expr,
     $splat:ident, $load:ident, $load_masked:expr, $store:ident, $store_masked:expr, $fma:ident) => {
        impl Vector for $register {
            type Scalar = $scalar;
            type Mask = $mask;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn mask(lanes: usize) -> $mask {
                // SAFETY: the caller vouches for the instruction set.
                #[allow(unused_unsafe)]
                unsafe {
                    $make_mask(lanes)
                }
            }

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller vouches for instruction set and memory.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn load_masked(from: *const $scalar, mask: $mask) -> Self {
                // SAFETY: the caller vouches for instruction set and the memory of the mask.
                unsafe { $load_masked(from, mask) }
            }

            #[inline(always)]
            unsafe fn prefetch(from: *const $scalar) {
                // To the second-level cache: what comes next may be more than the first one holds.
                // SAFETY: every x86-64 processor has the instruction, and any address will do.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
            }

            #[inline(always)]
            unsafe fn prefetch_near(from: *const $scalar) {
                // SAFETY: every x86-64 processor has the instruction, and any address will do.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller vouches for instruction set and memory.
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            unsafe fn store_masked(self, to: *mut $scalar, mask: $mask) {
                // SAFETY: the caller vouches for instruction set and the memory of the mask.
                unsafe { $store_masked(to, mask, self) }
            }

            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                unsafe { $fma(self, factor, addend) }
            }
        }
    };
}

vector!(
    __m512,
    f32,
    16,
    __mmask16,
    |lanes: usize| (u32::MAX >> (32 - lanes)) as u16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    |from, mask| _mm512_maskz_loadu_ps(mask, from),
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_fmadd_ps
);
vector!(
    __m512d,
    f64,
    8,
    __mmask8,
    |lanes: usize| (u32::MAX >> (32 - lanes)) as u8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    |from, mask| _mm512_maskz_loadu_pd(mask, from),
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_fmadd_pd
);
vector!(
    __m256,
    f32,
    8,
    __m256i,
    |lanes: usize| _mm256_cmpgt_epi32(
        _mm256_set1_epi32(lanes as i32),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
    ),
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_maskload_ps,
    _mm256_storeu_ps,
    _mm256_maskstore_ps,
    _mm256_fmadd_ps
);
vector!(
    __m256d,
    f64,
    4,
    __m256i,
    |lanes: usize| _mm256_cmpgt_epi64(
        _mm256_set1_epi64x(lanes as i64),
        _mm256_setr_epi64x(0, 1, 2, 3)
    ),
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_maskload_pd,
    _mm256_storeu_pd,
    _mm256_maskstore_pd,
    _mm256_fmadd_pd
);

/// Micro-kernels of one instruction set for both element types.
macro_rules! instances {
    ($module:ident, $features:literal, $single:ident, $double:ident, $rows:tt, $vectors:tt) => {
        pub(crate) mod $module {
            use super::*;

            #[target_feature(enable = $features)]
            unsafe fn run<
                V: Vector,
                const ROWS: usize,
                const VECTORS: usize,
                const INDEXED: bool,
            >(
                arguments: &Tile<V::Scalar>,
            ) {
                // SAFETY: passed on from the caller.
                unsafe { tile::<V, ROWS, VECTORS, INDEXED>(arguments) }
            }

            pub(crate) fn f32(rows: usize, vectors: usize, indexed: bool) -> TileFunction<f32> {
                choose_instance!(run, $single, rows, vectors, indexed, $rows, $vectors)
            }

            pub(crate) fn f64(rows: usize, vectors: usize, indexed: bool) -> TileFunction<f64> {
                choose_instance!(run, $double, rows, vectors, indexed, $rows, $vectors)
            }
        }
    };
}

instances!(avx2, "avx2,fma", __m256, __m256d, [1 2 3 4 5 6], [1 2]);
instances!(avx512, "avx512f,avx512vl,avx2,fma", __m512, __m512d, [1 2 3 4 5 6 7 8], [1 2 3]);

/// Writes number i of eight sources side by side at `to + i * width`, for all i < 8 * `blocks`.
///
/// # Safety
/// AVX2 is available, 8 * `blocks` numbers can be read from each source, and eight written at
/// each of those places.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn interleave(
    sources: [*const f32; 8],
    blocks: usize,
    width: usize,
    to: *mut f32,
) {
    for start in (0..8 * blocks).step_by(4) {
        // SAFETY: the caller vouches for numbers up to 8 * blocks, a multiple of four.
        let rows = unsafe { transpose(sources, start) };
        for (step, row) in rows.into_iter().enumerate() {
            // SAFETY: the caller vouches for eight numbers there.
            unsafe { _mm256_storeu_ps(to.add((start + step) * width), row) };
        }
    }
}

/// Numbers `start`..`start + 4` of eight sources, a row for each number.
///
/// # Safety
/// AVX2 is available and the numbers can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose(sources: [*const f32; 8], start: usize) -> [__m256; 4] {
    // Four numbers of source i beside four of source i + 4: a transposition of four by four
    // within each half of the registers completes rows of eight.
    let [a, b, c, d]: [__m256; 4] = std::array::from_fn(|i| {
        // SAFETY: the caller vouches for the numbers.
        unsafe {
            let low = _mm256_castps128_ps256(_mm_loadu_ps(sources[i].add(start)));
            _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(sources[i + 4].add(start)))
        }
    });
    let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    [
        _mm256_shuffle_ps::<0x44>(ab, cd),
        _mm256_shuffle_ps::<0xee>(ab, cd),
        _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
        _mm256_shuffle_ps::<0xee>(ab_high, cd_high),
    ]
}

/// As [`interleave`], for the numbers whose bit is set in a byte for each eight of them: number j
/// of these at `to + j * width`, times scale j where there are scales.
///
/// # Safety
/// AVX2 is available; eight numbers a byte can be read from each source; and, with n bits set,
/// eight numbers can be written for every j up to and with n, and n + 1 scales be read.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn interleave_selected(
    sources: [*const f32; 8],
    blocks: &[u8],
    scales: Option<*const f32>,
    width: usize,
    to: *mut f32,
) {
    let mut kept = 0;
    for (block, &bits) in blocks.iter().enumerate() {
        for half in 0..2 {
            // SAFETY: the caller vouches for eight numbers a block.
            let rows = unsafe { transpose(sources, 8 * block + 4 * half) };
            for (step, row) in rows.into_iter().enumerate() {
                // SAFETY: at most as many were kept as bits are set; the caller vouches for the
                // place and the scale after those as well.
                unsafe {
                    let row = match scales {
                        Some(scales) => _mm256_mul_ps(_mm256_set1_ps(*scales.add(kept)), row),
                        None => row,
                    };
                    _mm256_storeu_ps(to.add(kept * width), row);
                }
                kept += usize::from(bits >> (4 * half + step) & 1);
            }
        }
    }
}

/// Writes the numbers of each group where the bits of its mask are set, and zero elsewhere.
///
/// # Safety
/// AVX-512 is available, and every group has a number for each bit of its mask.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn expand(
    from: &[f32],
    groups: impl Iterator<Item = (u16, Range<usize>)>,
    to: &mut [[f32; 16]],
) {
    for (to, (mask, places)) in to.iter_mut().zip(groups) {
        // SAFETY: as many numbers are read as bits are set, and sixteen are written.
        unsafe {
            let numbers = _mm512_maskz_expandloadu_ps(mask, from[places].as_ptr());
            _mm512_storeu_ps(to.as_mut_ptr(), numbers);
        }
    }
}

/// Writes the numbers whose bit in the mask of their group is set to the places of the group.
///
/// # Safety
/// AVX-512 is available, and no group has more than sixteen places.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn compact(
    from: &[[f32; 16]],
    groups: impl Iterator<Item = (u16, Range<usize>)>,
    to: &mut [f32],
) {
    for (from, (mask, places)) in from.iter().zip(groups) {
        let (to, written) = (&mut to[places.clone()], (1u32 << places.len()) - 1);
        // SAFETY: sixteen numbers are read, and as many written as there are places.
        unsafe {
            let numbers = _mm512_maskz_compress_ps(mask, _mm512_loadu_ps(from.as_ptr()));
            _mm512_mask_storeu_ps(to.as_mut_ptr(), written as u16, numbers);
        }
    }
}
