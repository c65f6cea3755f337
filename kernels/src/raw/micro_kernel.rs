//! The innermost product: a tile of at most 6 rows by one panel of lanes, held in registers
//! while the inner index runs.
//!
//! Each output element is the chain c <- fma(left, right, c) in increasing inner index. Lanes run
//! over output elements and never over the inner index; a tile continues from what the output
//! holds, so splitting the inner index into blocks does not change a bit.

use super::vector::Vector;
use super::{InstructionSet, OutputBlock, Real};

/// The most rows of a tile.
pub(crate) const MAXIMUM_ROWS: usize = 6;

/// The pointers and strides of one tile; strides count elements.
pub(super) struct Tile<T> {
    inner: usize,
    left: [*const T; MAXIMUM_ROWS],
    left_stride: usize,
    right: *const T,
    right_stride: usize,
    index: *const u32,
    output: *mut T,
    output_stride: usize,
    lanes: usize,
    accumulate: bool,
}

/// A micro-kernel of fixed rows and vectors.
pub(super) type TileFunction<T> = unsafe fn(&Tile<T>);

/// The micro-kernel over any vector type.
///
/// # Safety
/// V's instruction set is available; `left` has ROWS pointers from which `inner` numbers at
/// `left_stride` can be read; every inner index (through `index` when INDEXED) leads to `lanes`
/// readable numbers at `right`; ROWS rows of `lanes` numbers at `output_stride` can be written at
/// `output`; and (VECTORS - 1) * LANES < lanes <= VECTORS * LANES.
#[inline(always)]
pub(super) unsafe fn tile<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const INDEXED: bool,
>(
    tile: &Tile<V::Scalar>,
) {
    // SAFETY: every access below is one that the caller vouches for: full vectors lie within the
    // lanes, and the last one is masked to them.
    unsafe {
        let mask = V::mask(tile.lanes - (VECTORS - 1) * V::LANES);
        let mut sums = [[V::splat(V::Scalar::ZERO); VECTORS]; ROWS];
        if tile.accumulate {
            for row in 0..ROWS {
                let output = tile.output.add(row * tile.output_stride);
                for vector in 0..VECTORS - 1 {
                    sums[row][vector] = V::load(output.add(vector * V::LANES));
                }
                sums[row][VECTORS - 1] = V::load_masked(output.add((VECTORS - 1) * V::LANES), mask);
            }
        }
        let left: [*const V::Scalar; ROWS] = std::array::from_fn(|row| tile.left[row]);
        let mut step = 0;
        for inner in 0..tile.inner {
            let position = if INDEXED { *tile.index.add(inner) as usize } else { inner };
            let source = tile.right.add(position * tile.right_stride);
            let mut right = [V::splat(V::Scalar::ZERO); VECTORS];
            for vector in 0..VECTORS - 1 {
                right[vector] = V::load(source.add(vector * V::LANES));
            }
            right[VECTORS - 1] = V::load_masked(source.add((VECTORS - 1) * V::LANES), mask);
            for row in 0..ROWS {
                let factor = V::splat(*left[row].add(step));
                for vector in 0..VECTORS {
                    sums[row][vector] = factor.mul_add(right[vector], sums[row][vector]);
                }
            }
            step += tile.left_stride;
        }
        for row in 0..ROWS {
            let output = tile.output.add(row * tile.output_stride);
            for vector in 0..VECTORS - 1 {
                sums[row][vector].store(output.add(vector * V::LANES));
            }
            sums[row][VECTORS - 1].store_masked(output.add((VECTORS - 1) * V::LANES), mask);
        }
    }
}

/// Chooses the instance of `$function::<ROWS, VECTORS, INDEXED>` for run-time values.
macro_rules! choose_instance {
    ($function:ident, $type:ty, $rows:expr, $vectors:expr, $indexed:expr, [$($v:literal)*]) => {
        match ($rows, $vectors, $indexed) {
            $(
                (1, $v, false) => $function::<$type, 1, $v, false>,
                (2, $v, false) => $function::<$type, 2, $v, false>,
                (3, $v, false) => $function::<$type, 3, $v, false>,
                (4, $v, false) => $function::<$type, 4, $v, false>,
                (5, $v, false) => $function::<$type, 5, $v, false>,
                (6, $v, false) => $function::<$type, 6, $v, false>,
                (1, $v, true) => $function::<$type, 1, $v, true>,
                (2, $v, true) => $function::<$type, 2, $v, true>,
                (3, $v, true) => $function::<$type, 3, $v, true>,
                (4, $v, true) => $function::<$type, 4, $v, true>,
                (5, $v, true) => $function::<$type, 5, $v, true>,
                (6, $v, true) => $function::<$type, 6, $v, true>,
            )*
            (rows, vectors, _) => panic!("no micro-kernel of {rows} rows and {vectors} vectors"),
        }
    };
}
pub(super) use choose_instance;

/// Up to [`MAXIMUM_ROWS`] rows of the left factor: number (row, inner) is
/// `data[offsets[row] + inner * stride]`.
pub(crate) struct LeftTile<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offsets: [usize; MAXIMUM_ROWS],
    pub(crate) stride: usize,
}

/// A panel of the right factor, checked against its slice when made: number (inner, lane) is
/// `data[position * stride + lane]`, with the position inner or `index[inner]`.
pub(crate) struct RightPanel<'a, T> {
    data: &'a [T],
    stride: usize,
    index: Option<&'a [u32]>,
    inner: usize,
    lanes: usize,
}

impl<'a, T> RightPanel<'a, T> {
    /// # Panics
    /// When the panel reaches beyond the slice.
    pub(crate) fn new(
        data: &'a [T],
        stride: usize,
        index: Option<&'a [u32]>,
        inner: usize,
        lanes: usize,
    ) -> Self {
        let last = match index {
            Some(index) => {
                assert_eq!(index.len(), inner, "one position an inner index");
                index.iter().copied().max().unwrap_or(0) as usize
            }
            None => inner.saturating_sub(1),
        };
        assert!(inner == 0 || last * stride + lanes <= data.len(), "the panel lies in its slice");
        Self { data, stride, index, inner, lanes }
    }

    /// Asks for some inner indices of the panel to be brought into the second-level cache.
    pub(crate) fn prefetch(&self, inner: std::ops::Range<usize>) {
        for step in inner.start..inner.end.min(self.inner) {
            let position = self.index.map_or(step, |index| index[step] as usize);
            let row = &self.data[position * self.stride..][..self.lanes];
            prefetch(row);
        }
    }
}

/// Asks for the cache lines of a slice; only ever a hint.
fn prefetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, and its instruction is in every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// output (+)= left * right for one tile, at row and lane (0, 0) of `output`.
///
/// The sums continue from what the output holds when `accumulate`, and start from zero otherwise.
///
/// # Panics
/// When the tile or its factors reach beyond their slices, or lanes of the output are not
/// adjacent.
pub(crate) fn accumulate_tile<T: Real>(
    set: InstructionSet,
    rows: usize,
    left: &LeftTile<T>,
    right: &RightPanel<T>,
    output: &mut OutputBlock<T>,
    accumulate: bool,
) {
    let lanes_a_vector = T::panel_width(set) / vectors_a_panel(set);
    assert!((1..=MAXIMUM_ROWS).contains(&rows) && right.lanes > 0, "a tile is not empty");
    assert!(rows <= output.rows() && right.lanes <= output.lanes(), "the tile lies in its output");
    assert!(output.lane_stride() == 1 || right.lanes == 1, "lanes are adjacent");
    let reach = right.inner.saturating_sub(1) * left.stride;
    let mut pointers = [left.data.as_ptr(); MAXIMUM_ROWS];
    for (pointer, &offset) in pointers.iter_mut().zip(&left.offsets).take(rows) {
        assert!(right.inner == 0 || offset + reach < left.data.len(), "the row lies in its slice");
        // wrapping_add: with no inner index the offset is never read and may be anything.
        *pointer = pointer.wrapping_add(offset);
    }
    let vectors = right.lanes.div_ceil(lanes_a_vector);
    let function = T::tile_function(set, rows, vectors, right.index.is_some());
    let tile = Tile {
        inner: right.inner,
        left: pointers,
        left_stride: left.stride,
        right: right.data.as_ptr(),
        right_stride: right.stride,
        index: right.index.map_or(std::ptr::null(), <[u32]>::as_ptr),
        output: output.pointer(),
        output_stride: output.row_stride(),
        lanes: right.lanes,
        accumulate,
    };
    // SAFETY: `tile_function` checked the instruction set; the rows of the left factor were
    // checked above, the panel when it was made, the output block vouches for its elements and
    // is borrowed mutably.
    unsafe { function(&tile) }
}

/// Vectors in the widest tile: as many as leave room for the rows in the register file.
pub(super) fn vectors_a_panel(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Portable | InstructionSet::Avx2 => 2,
        InstructionSet::Avx512 => 4,
    }
}
