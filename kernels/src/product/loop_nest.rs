//! The blocked product: threads over output blocks, then blocks of the inner index, of rows, and
//! of lanes, sized for the caches.

use super::blocking::{MAXIMUM_WIDTH, PANEL_BLOCK, block_depth, block_lanes, even_part};
use super::operands::{Factor, Problem};
use super::packing::{Storage, is_gathered, note_columns, pack, storage_of_right};
use micro_kernels::{
    AlignedBuffer, InstructionSet, MAXIMUM_ROWS, OutputBlock, Real, RightBlock, accumulate_tiles,
    tile_rows,
};
use std::ops::Range;

/// Inner indices of a block from which on a right factor that is read in place is worth passing panel
/// by panel: with fewer, the rows of a tile go to too many places of the output at once.
const DEEP: usize = 192;

/// Bytes that a processor fetches together.
const CACHE_LINE: usize = 64;

/// Fused multiply-adds below which another thread costs more than it saves.
const WORTH_SPLITTING: usize = 1 << 17;

/// Splits the output into about `parts` tasks of the ambient pool and multiplies each.
pub(super) fn multiply_block<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    output: OutputBlock<T>,
    parts: usize,
) {
    split(set, problem, 0..problem.rows, 0..problem.columns, output, parts);
}

fn split<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    rows: Range<usize>,
    lanes: Range<usize>,
    output: OutputBlock<T>,
    parts: usize,
) {
    let work = rows.len() * lanes.len() * problem.inner;
    // Panels are too few to be shared evenly, vectors are not.
    let (height, width) = (tile_rows(set), T::lanes(set));
    let (tiles, vectors) = (rows.len().div_ceil(height), lanes.len().div_ceil(width));
    if parts <= 1 || work < 2 * WORTH_SPLITTING || (tiles == 1 && vectors == 1) {
        return multiply_part(set, problem, rows, lanes, output);
    }
    let first_parts = parts / 2;
    let share = |count: usize| (count * first_parts).div_ceil(parts).clamp(1, count - 1);
    if vectors > 1 && (tiles == 1 || shares_lanes(problem, rows.len(), lanes.len())) {
        let middle = share(vectors) * width;
        let (first, second) = output.split_lanes(middle);
        let middle = lanes.start + middle;
        let (near, far) = (lanes.start..middle, middle..lanes.end);
        rayon::join(
            || split(set, problem, rows.clone(), near, first, first_parts),
            || split(set, problem, rows.clone(), far, second, parts - first_parts),
        );
    } else {
        let middle = share(tiles) * height;
        let (first, second) = output.split_rows(middle);
        let middle = rows.start + middle;
        let (near, far) = (rows.start..middle, middle..rows.end);
        rayon::join(
            || split(set, problem, near, lanes.clone(), first, first_parts),
            || split(set, problem, far, lanes.clone(), second, parts - first_parts),
        );
    }
}

/// A gathered number of the left factor costs as much as so many that are read of the right one.
const GATHER: usize = 4;

/// Whether threads share the lanes of a product: each then packs the left factor whole, and of the
/// right one its part. Where they share the rows it is the other way round.
fn shares_lanes<T: Real>(problem: &Problem<T>, rows: usize, lanes: usize) -> bool {
    let right_bytes = problem.inner * lanes * size_of::<T>();
    if is_gathered(&problem.right) || !is_gathered(&problem.left) {
        lanes >= rows
    } else {
        // A right factor that fits the second-level cache is cheap to read.
        right_bytes > PANEL_BLOCK + PANEL_BLOCK / 2 && lanes > GATHER * rows
    }
}

fn multiply_part<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    rows: Range<usize>,
    lanes: Range<usize>,
    mut output: OutputBlock<T>,
) {
    if problem.inner == 0 {
        if !problem.accumulate {
            fill_with_zero(rows.len(), lanes.len(), &mut output);
        }
        return;
    }
    let storage = storage_of_right(problem);
    let by_panels = storage == Storage::InPlace && block_depth::<T>(problem.inner) >= DEEP;
    let most = match by_panels {
        true => lanes.len(),
        false => block_lanes::<T>(T::panel_width(set), problem.inner, lanes.len()),
    };
    for lane_start in (0..lanes.len()).step_by(most) {
        let count = most.min(lanes.len() - lane_start);
        let block = lanes.start + lane_start..lanes.start + lane_start + count;
        let part = output.part((0, lane_start), (rows.len(), count));
        multiply_lane_block(set, problem, (storage, by_panels), rows.clone(), block, part);
    }
}

fn multiply_lane_block<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    (storage, by_panels): (Storage, bool),
    rows: Range<usize>,
    lanes: Range<usize>,
    mut output: OutputBlock<T>,
) {
    let height = even_part(rows.len(), tile_rows(set));
    let depth = block_depth::<T>(problem.inner);
    T::with_scratch(|scratch| {
        for inner_start in (0..problem.inner).step_by(depth) {
            let inner = inner_start..problem.inner.min(inner_start + depth);
            let accumulate = problem.accumulate || inner_start > 0;
            let left = note_columns(set, &problem.left, inner.clone(), &mut scratch.columns);
            let output = output.part((0, 0), (rows.len(), lanes.len()));
            let block = Block { set, left, inner, rows: rows.clone(), height, accumulate };
            if by_panels {
                let right = read_in_place(set, problem, block.inner.clone(), lanes.clone());
                multiply_by_panels(&block, &right, &mut scratch.left, output);
            } else {
                let (left, right) = (&mut scratch.left, &mut scratch.right);
                multiply_by_tiles(&block, problem, storage, lanes.clone(), (left, right), output);
            }
        }
    });
}

/// A block of the inner index, with the rows that it is multiplied for in tiles of some height.
struct Block<'a, T> {
    set: InstructionSet,
    left: Factor<'a, T>,
    inner: Range<usize>,
    rows: Range<usize>,
    height: usize,
    accumulate: bool,
}

impl<T: Real> Block<'_, T> {
    /// Where the tiles start, counted from the first row, and their rows.
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, height) = (self.rows.len(), self.height);
        (0..rows).step_by(height).map(move |row| (row, height.min(rows - row)))
    }

    /// Packs a tile of the left factor.
    fn pack(&self, (row, count): (usize, usize), to: &mut [T]) {
        let rows = self.rows.start + row..self.rows.start + row + count;
        pack(self.set, &self.left, self.inner.clone(), rows, count, to);
    }
}

/// Panel by panel of a right factor that is read where it is, all tiles of rows at each: the tiles
/// are few and packed once, and while they pass a panel the next one is fetched.
fn multiply_by_panels<T: Real>(
    block: &Block<T>,
    right: &RightBlock<T>,
    left: &mut AlignedBuffer<T>,
    mut output: OutputBlock<T>,
) {
    let (set, depth) = (block.set, block.inner.len());
    let left = left.first(block.rows.len() * depth);
    for (row, count) in block.tiles() {
        block.pack((row, count), &mut left[row * depth..(row + count) * depth]);
    }
    let width = T::panel_width(set);
    for start in (0..right.lanes()).step_by(width) {
        let is_last = start + width >= right.lanes();
        for (tile, (row, count)) in block.tiles().enumerate() {
            // A cache line an inner index and tile, until the next panel is there.
            let line = (tile * CACHE_LINE / size_of::<T>()).min(width - 1);
            let ahead = if is_last { 0 } else { width + line };
            let panel = right.part(set, start, width).fetching(ahead);
            let part = output.part((row, start), (count, panel.lanes()));
            let left = &left[row * depth..(row + count) * depth];
            multiply_rows(set, left, &panel, part, block.accumulate, None);
        }
    }
}

/// Tile by tile of the left factor, all panels of the right one at each: they are packed before, or
/// on the way by the first tile, or read where they are.
fn multiply_by_tiles<T: Real>(
    block: &Block<T>,
    problem: &Problem<T>,
    storage: Storage,
    lanes: Range<usize>,
    (left, right): (&mut AlignedBuffer<T>, &mut AlignedBuffer<T>),
    mut output: OutputBlock<T>,
) {
    let (set, depth, width) = (block.set, block.inner.len(), T::panel_width(block.set));
    let mut multiply_tile =
        |tile: (usize, usize), right: &RightBlock<T>, packed: Option<&mut [T]>| {
            let left = left.first(tile.1 * depth);
            block.pack(tile, left);
            let output = output.part((tile.0, 0), (tile.1, lanes.len()));
            multiply_rows(set, left, right, output, block.accumulate, packed);
        };
    let mut tiles = block.tiles();
    let in_place = || read_in_place(set, problem, block.inner.clone(), lanes.clone());
    let right = if storage == Storage::InPlace {
        in_place()
    } else {
        let packed = right.first(lanes.len().next_multiple_of(width) * depth);
        if storage == Storage::Packed {
            pack(set, &problem.right, block.inner.clone(), lanes.clone(), width, packed);
        } else if let Some(first) = tiles.next() {
            multiply_tile(first, &in_place(), Some(&mut *packed));
        }
        RightBlock::packed(set, packed, depth, lanes.len())
    };
    for tile in tiles {
        multiply_tile(tile, &right, None);
    }
}

/// A block of a right factor whose lanes are adjacent where they are.
fn read_in_place<'a, T: Real>(
    set: InstructionSet,
    problem: &Problem<'a, T>,
    inner: Range<usize>,
    lanes: Range<usize>,
) -> RightBlock<'a, T> {
    let factor = &problem.right;
    let stride = factor.inner_stride;
    let (start, index) = match factor.inner_index {
        Some(index) => (lanes.start, Some(&index[inner.clone()])),
        None => (lanes.start + inner.start * stride, None),
    };
    RightBlock::in_place(set, &factor.data[start..], stride, index, inner.len(), lanes.len())
}

/// The rows of one tile by all lanes of a block, whose panels are packed on the way if there is
/// memory for it.
fn multiply_rows<T: Real>(
    set: InstructionSet,
    left: &[T],
    right: &RightBlock<T>,
    mut output: OutputBlock<T>,
    accumulate: bool,
    mut packed: Option<&mut [T]>,
) {
    let rows = output.rows();
    if output.lane_stride() == 1 || right.lanes() == 1 {
        return accumulate_tiles(set, rows, left, right, &mut output, accumulate, packed);
    }
    // Lanes apart in memory: through a small buffer that has them side by side.
    let width = T::panel_width(set);
    for start in (0..right.lanes()).step_by(width) {
        let panel = right.part(set, start, width);
        let lanes = panel.lanes();
        let mut tile = output.part((0, start), (rows, lanes));
        let mut buffer = [T::ZERO; MAXIMUM_ROWS * MAXIMUM_WIDTH];
        if accumulate {
            tile.copy_to(&mut buffer, lanes);
        }
        let mut adjacent = OutputBlock::new(&mut buffer, rows, lanes, lanes, 1);
        let packed = packed.as_deref_mut().map(|packed| &mut packed[start * right.inner()..]);
        accumulate_tiles(set, rows, left, &panel, &mut adjacent, accumulate, packed);
        tile.copy_from(&buffer, lanes);
    }
}

fn fill_with_zero<T: Real>(rows: usize, lanes: usize, output: &mut OutputBlock<T>) {
    let zeros = [T::ZERO; MAXIMUM_WIDTH];
    for row in 0..rows {
        for start in (0..lanes).step_by(zeros.len()) {
            let count = zeros.len().min(lanes - start);
            output.part((row, start), (1, count)).copy_from(&zeros, zeros.len());
        }
    }
}
