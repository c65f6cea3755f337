//! The innermost product: a tile of a few rows by one panel of lanes, held in registers while the
//! inner index runs.
//!
//! Each output element is the chain c <- fma(left, right, c) in increasing inner index. Lanes run
//! over output elements and never over the inner index; a tile continues from what the output
//! holds, so splitting the inner index into blocks does not change a bit.

#![allow(
    unsafe_code,
    reason = "the innermost loop reads and writes through pointers, checked once a tile"
)]

use super::vector::Vector;
use super::{InstructionSet, OutputBlock, Real};

/// The most rows of a tile of any instruction set.
pub const MAXIMUM_ROWS: usize = 8;
/// So many inner indices before they are needed, numbers that are listed or lie far apart are fetched
/// into the nearest cache: no pattern of the hardware's finds them, and none goes on into another page.
const SOON: usize = 8;
/// Inner indices of one turn of the innermost loop.
const UNROLL: usize = 4;

/// The most rows of a tile. Its sums, the vectors of a panel and one factor are what fits into
/// the register file, in the shape that reads the fewest numbers for each multiplication.
pub fn tile_rows(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Portable | InstructionSet::Avx2 => 6,
        InstructionSet::Avx512 => MAXIMUM_ROWS,
    }
}

/// Vectors of a panel.
pub(crate) fn panel_vectors(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Portable | InstructionSet::Avx2 => 2,
        InstructionSet::Avx512 => 3,
    }
}

/// The pointers and strides of one tile; strides count elements.
pub(crate) struct Tile<T> {
    inner: usize,
    left: *const T,
    right: *const T,
    right_stride: usize,
    index: *const u32,
    /// How far beyond the numbers of an inner index those lie that are fetched; zero where none are.
    ahead: usize,
    /// Where the right factor's vectors are copied to, side by side; null where they are not.
    packed: *mut T,
    packed_stride: usize,
    output: *mut T,
    output_stride: usize,
    lanes: usize,
    accumulate: bool,
}

/// A micro-kernel of fixed rows and vectors.
pub(crate) type TileFunction<T> = unsafe fn(&Tile<T>);

/// The micro-kernel over any vector type.
///
/// # Safety
/// V's instruction set is available; `inner` times ROWS numbers can be read at `left`; every inner
/// index (through `index` when INDEXED) leads to `lanes` readable numbers at `right`; ROWS rows of
/// `lanes` numbers at `output_stride` can be written at `output`; `packed` is null or takes
/// `inner` panels of the set; and (VECTORS - 1) * LANES < lanes <= VECTORS * LANES.
#[inline(always)]
pub(crate) unsafe fn tile<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const INDEXED: bool,
>(
    tile: &Tile<V::Scalar>,
) {
    // A masked load costs a multiplication's turn, and so does a copy or a request; a mask that is
    // alive may cost a register. So whole panels that lie near do without, and each way is compiled
    // for itself, from the first load to the last store.
    let is_whole = tile.lanes == VECTORS * V::LANES;
    macro_rules! sum_up {
        ($masked:literal, $also:ident) => {
            // SAFETY: passed on from the caller.
            unsafe { sum_up::<V, ROWS, VECTORS, INDEXED, $masked, $also>(tile) }
        };
    }
    match (is_whole, !tile.packed.is_null(), tile.ahead > 0) {
        (true, true, _) => sum_up!(false, PACK),
        (true, false, true) => sum_up!(false, FETCH),
        (true, false, false) => sum_up!(false, NOTHING),
        (false, true, _) => sum_up!(true, PACK),
        (false, false, true) => sum_up!(true, FETCH),
        (false, false, false) => sum_up!(true, NOTHING),
    }
}

/// The micro-kernel, with the last vector masked to the lanes when MASKED. ALSO says what is done on
/// the way: memory that is slow to read is then read while the multiplications run.
///
/// # Safety
/// As for [`tile`]; lanes fill all vectors when not MASKED.
#[inline(always)]
unsafe fn sum_up<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const INDEXED: bool,
    const MASKED: bool,
    const ALSO: u8,
>(
    tile: &Tile<V::Scalar>,
) {
    // SAFETY: every access below is one that the caller vouches for: full vectors lie within the
    // lanes, and the last one is masked to them where they do not fill it.
    unsafe {
        let mask = V::mask(tile.lanes - (VECTORS - 1) * V::LANES);
        let is_masked = |vector: usize| MASKED && vector == VECTORS - 1;
        let mut sums = [[V::splat(V::Scalar::ZERO); VECTORS]; ROWS];
        if tile.accumulate {
            for row in 0..ROWS {
                let output = tile.output.add(row * tile.output_stride);
                for vector in 0..VECTORS {
                    let from = output.add(vector * V::LANES);
                    sums[row][vector] = match is_masked(vector) {
                        true => V::load_masked(from, mask),
                        false => V::load(from),
                    };
                }
            }
        }
        add_all::<V, ROWS, VECTORS, INDEXED, MASKED, ALSO>(tile, mask, &mut sums);
        for row in 0..ROWS {
            let output = tile.output.add(row * tile.output_stride);
            for vector in 0..VECTORS {
                let to = output.add(vector * V::LANES);
                match is_masked(vector) {
                    true => sums[row][vector].store_masked(to, mask),
                    false => sums[row][vector].store(to),
                }
            }
        }
    }
}

/// Nothing is done but the multiplications.
const NOTHING: u8 = 0;
/// The right factor's vectors are copied.
const PACK: u8 = 1;
/// The numbers that lie ahead are fetched.
const FETCH: u8 = 2;

/// Adds the products of all inner indices to the sums of a tile, the last vector of the right
/// factor masked when MASKED.
///
/// # Safety
/// As for [`tile`], with the mask of the last vector, which is whole when it is not MASKED.
#[inline(always)]
unsafe fn add_all<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const INDEXED: bool,
    const MASKED: bool,
    const ALSO: u8,
>(
    tile: &Tile<V::Scalar>,
    mask: V::Mask,
    sums: &mut [[V; VECTORS]; ROWS],
) {
    let whole = tile.inner - tile.inner % UNROLL;
    for start in (0..whole).step_by(UNROLL) {
        for inner in start..start + UNROLL {
            // SAFETY: passed on from the caller, for an inner index of the tile.
            unsafe { add::<V, ROWS, VECTORS, INDEXED, MASKED, ALSO>(tile, inner, mask, sums) };
        }
    }
    for inner in whole..tile.inner {
        // SAFETY: as above.
        unsafe { add::<V, ROWS, VECTORS, INDEXED, MASKED, ALSO>(tile, inner, mask, sums) };
    }
}

/// Adds the products of one inner index.
///
/// # Safety
/// As for [`add_all`], with an inner index of the tile.
#[inline(always)]
unsafe fn add<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const INDEXED: bool,
    const MASKED: bool,
    const ALSO: u8,
>(
    tile: &Tile<V::Scalar>,
    inner: usize,
    mask: V::Mask,
    sums: &mut [[V; VECTORS]; ROWS],
) {
    // SAFETY: every access is one that the caller vouches for.
    unsafe {
        let position = |inner: usize| if INDEXED { *tile.index.add(inner) as usize } else { inner };
        let source = tile.right.add(position(inner) * tile.right_stride);
        if INDEXED || ALSO == PACK {
            let later = position((inner + SOON).min(tile.inner - 1));
            let later = tile.right.wrapping_add(later * tile.right_stride);
            for vector in 0..VECTORS {
                V::prefetch_near(later.wrapping_add(vector * V::LANES));
            }
            V::prefetch_near(later.wrapping_add(tile.lanes - 1));
        }
        let mut right = [V::splat(V::Scalar::ZERO); VECTORS];
        for vector in 0..VECTORS {
            let from = source.add(vector * V::LANES);
            right[vector] = if MASKED && vector == VECTORS - 1 {
                V::load_masked(from, mask)
            } else {
                V::load(from)
            };
            if ALSO == PACK {
                right[vector]
                    .store(tile.packed.add(inner * tile.packed_stride + vector * V::LANES));
            }
        }
        if ALSO == FETCH {
            V::prefetch(source.wrapping_add(tile.ahead));
        }
        for row in 0..ROWS {
            let factor = V::splat(*tile.left.add(inner * ROWS + row));
            for vector in 0..VECTORS {
                sums[row][vector] = factor.mul_add(right[vector], sums[row][vector]);
            }
        }
    }
}

/// Chooses the instance of `$function::<ROWS, VECTORS, INDEXED>` for run-time values, of the rows and
/// the vectors that an instruction set has: each instance is compiled, used or not.
macro_rules! choose_instance {
    ($function:ident, $type:ty, $rows:expr, $vectors:expr, $indexed:expr, $row_counts:tt,
     [$($vector_count:literal)*]) => {
        match $vectors {
            $(
                $vector_count => choose_instance!(
                    @rows $function, $type, $rows, $vector_count, $indexed, $row_counts
                ),
            )*
            vectors => panic!("no micro-kernel of {vectors} vectors"),
        }
    };
    (@rows $function:ident, $type:ty, $rows:expr, $vectors:literal, $indexed:expr,
     [$($row_count:literal)*]) => {
        match ($rows, $indexed) {
            $(
                ($row_count, false) => $function::<$type, $row_count, $vectors, false>,
                ($row_count, true) => $function::<$type, $row_count, $vectors, true>,
            )*
            (rows, _) => panic!("no micro-kernel of {rows} rows"),
        }
    };
}
pub(crate) use choose_instance;

/// A block of the right factor in panels, checked against its slice when made.
///
/// Number (inner, lane) of a panel is `panel[position * stride + lane]`, with the position inner
/// or `index[inner]`; panels start `panel_stride` numbers apart.
pub struct RightBlock<'a, T> {
    data: &'a [T],
    stride: usize,
    panel_stride: usize,
    index: Option<&'a [u32]>,
    ahead: usize,
    inner: usize,
    lanes: usize,
}

impl<'a, T: Real> RightBlock<'a, T> {
    /// Panels of `T::panel_width` lanes that were packed one after the other.
    ///
    /// # Panics
    /// When the block reaches beyond the slice.
    pub fn packed(set: InstructionSet, data: &'a [T], inner: usize, lanes: usize) -> Self {
        let width = T::panel_width(set);
        let numbers = lanes.next_multiple_of(width).saturating_mul(inner);
        assert!(numbers <= data.len(), "the block lies in its slice");
        let panel_stride = width * inner;
        Self { data, stride: width, panel_stride, index: None, ahead: 0, inner, lanes }
    }

    /// Lanes that are adjacent, inner indices `stride` apart.
    ///
    /// # Panics
    /// When the block reaches beyond the slice.
    pub fn in_place(
        set: InstructionSet,
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
        let numbers = last.saturating_mul(stride).saturating_add(lanes);
        assert!(inner == 0 || numbers <= data.len(), "the block lies in its slice");
        Self { data, stride, panel_stride: T::panel_width(set), index, ahead: 0, inner, lanes }
    }

    /// The panels from lane `start` on, at most `lanes` lanes.
    pub fn part(&self, set: InstructionSet, start: usize, lanes: usize) -> Self {
        let width = T::panel_width(set);
        assert!(start.is_multiple_of(width) && start < self.lanes, "a part starts with a panel");
        let data = &self.data[start / width * self.panel_stride..];
        Self { data, lanes: lanes.min(self.lanes - start), ..*self }
    }

    /// The same, of which each inner index asks the memory for numbers so many further on, while it
    /// multiplies its own: without effect on what is read. Of lanes in place that is how the next
    /// panel comes near, whose rows lie apart, so that no pattern of the hardware's finds them.
    #[must_use]
    pub fn fetching(self, ahead: usize) -> Self {
        Self { ahead, ..self }
    }

    /// Lanes of all panels together.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Inner indices.
    pub fn inner(&self) -> usize {
        self.inner
    }
}

/// output (+)= left * right for `rows` rows, a tile for each panel of the right factor.
///
/// Number (row, inner) of `left` is `left[inner * rows + row]`. The sums continue from what the
/// output holds when `accumulate`, and start from zero otherwise. Panels are copied to `packed` on
/// the way, as [`RightBlock::packed`] takes them.
///
/// # Panics
/// When the left factor, the output or the memory for panels is not of the right size, or lanes of
/// the output are not adjacent.
pub fn accumulate_tiles<T: Real>(
    set: InstructionSet,
    rows: usize,
    left: &[T],
    right: &RightBlock<T>,
    output: &mut OutputBlock<T>,
    accumulate: bool,
    packed: Option<&mut [T]>,
) {
    assert!(rows <= output.rows() && right.lanes <= output.lanes(), "tiles lie in their output");
    assert!(output.lane_stride() == 1 || right.lanes == 1, "lanes are adjacent");
    assert_eq!(left.len(), rows * right.inner, "a number a row and inner index");
    let width = T::panel_width(set);
    let packed = packed.map(|packed| {
        let panels = right.lanes.next_multiple_of(width) * right.inner;
        assert!(panels <= packed.len(), "the panels lie in their slice");
        packed.as_mut_ptr()
    });
    let indexed = right.index.is_some();
    let function = |vectors: usize| T::tile_function(set, rows, vectors, indexed);
    let most = panel_vectors(set);
    let whole = function(most);
    for (panel, start) in (0..right.lanes).step_by(width).enumerate() {
        let lanes = width.min(right.lanes - start);
        let tile = Tile {
            inner: right.inner,
            left: left.as_ptr(),
            right: right.data.as_ptr().wrapping_add(panel * right.panel_stride),
            right_stride: right.stride,
            index: right.index.map_or(std::ptr::null(), <[u32]>::as_ptr),
            ahead: right.ahead,
            packed: packed.map_or(std::ptr::null_mut(), |packed| {
                packed.wrapping_add(panel * width * right.inner)
            }),
            packed_stride: width,
            output: output.pointer().wrapping_add(start),
            output_stride: output.row_stride(),
            lanes,
            accumulate,
        };
        let vectors = lanes.div_ceil(width / most);
        let function = if vectors == most { whole } else { function(vectors) };
        // SAFETY: `tile_function` checked the instruction set and chose an instance of these rows
        // and vectors; the left factor and the panels were checked above, the right block when it
        // was made, and the output block vouches for its elements; both are borrowed mutably.
        unsafe { function(&tile) }
    }
}
