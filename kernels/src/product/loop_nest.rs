//! The blocked product: threads over output blocks, then blocks of the inner index, of rows, and
//! of lanes, sized for the caches.

use super::operands::Problem;
use super::packing::{pack, pack_left, packs_left, packs_right};
use crate::raw::{
    InstructionSet, LeftTile, MAXIMUM_ROWS, OutputBlock, Real, RightPanel, accumulate_tile,
};
use std::ops::Range;

/// Inner indices of a block: a panel of the right factor stays in the second-level cache and is
/// read from the first while it passes the tiles of the left.
const INNER_BLOCK: usize = 256;
/// Rows of a block: its part of the left factor stays in the second-level cache.
const ROW_BLOCK: usize = 192;
/// Fused multiply-adds below which another thread costs more than it saves.
const WORTH_SPLITTING: usize = 1 << 17;

/// Splits the output among the threads of the ambient pool and multiplies each part.
pub(super) fn multiply_block<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    output: OutputBlock<T>,
) {
    let parts = rayon::current_num_threads();
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
    let width = T::panel_width(set);
    let work = rows.len() * lanes.len() * problem.inner;
    let (tiles, panels) = (rows.len().div_ceil(MAXIMUM_ROWS), lanes.len().div_ceil(width));
    if parts <= 1 || work < 2 * WORTH_SPLITTING || (tiles == 1 && panels == 1) {
        return multiply_part(set, problem, rows, lanes, output);
    }
    let first_parts = parts / 2;
    let share = |count: usize| (count * first_parts).div_ceil(parts).clamp(1, count - 1);
    if panels > 1 && (lanes.len() >= rows.len() || tiles == 1) {
        let middle = share(panels) * width;
        let (first, second) = output.split_lanes(middle);
        let middle = lanes.start + middle;
        let (near, far) = (lanes.start..middle, middle..lanes.end);
        rayon::join(
            || split(set, problem, rows.clone(), near, first, first_parts),
            || split(set, problem, rows.clone(), far, second, parts - first_parts),
        );
    } else {
        let middle = share(tiles.max(2)) * MAXIMUM_ROWS;
        let (first, second) = output.split_rows(middle);
        let middle = rows.start + middle;
        let (near, far) = (rows.start..middle, middle..rows.end);
        rayon::join(
            || split(set, problem, near, lanes.clone(), first, first_parts),
            || split(set, problem, far, lanes.clone(), second, parts - first_parts),
        );
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
        return fill_with_zero(set, rows.len(), lanes.len(), &mut output);
    }
    let width = T::panel_width(set);
    let (packs_left, packs_right) = (packs_left(problem), packs_right(problem));
    T::with_scratch(|scratch| {
        for inner_start in (0..problem.inner).step_by(INNER_BLOCK) {
            let inner = inner_start..problem.inner.min(inner_start + INNER_BLOCK);
            let panel_size = inner.len() * width;
            if packs_right {
                let needed = lanes.len().div_ceil(width) * panel_size;
                grow(&mut scratch.right, needed);
            }
            for row_start in (rows.start..rows.end).step_by(ROW_BLOCK) {
                let block = row_start..rows.end.min(row_start + ROW_BLOCK);
                if packs_left {
                    grow(&mut scratch.left, block.len() * inner.len());
                    let left = &mut scratch.left[..block.len() * inner.len()];
                    pack_left(&problem.left, inner.clone(), block.clone(), left);
                }
                for (panel, lane_start) in (lanes.start..lanes.end).step_by(width).enumerate() {
                    let panel_lanes = lane_start..lanes.end.min(lane_start + width);
                    let count = panel_lanes.len();
                    let right = if packs_right {
                        let packed =
                            &mut scratch.right[panel * panel_size..(panel + 1) * panel_size];
                        if row_start == rows.start {
                            pack(&problem.right, inner.clone(), panel_lanes, width, packed);
                        }
                        RightPanel::new(packed, width, None, inner.len(), count)
                    } else {
                        let factor = &problem.right;
                        let stride = factor.inner_stride;
                        let (start, index) = match factor.inner_index {
                            Some(index) => (0, Some(&index[inner.clone()])),
                            None => (inner.start * stride, None),
                        };
                        let data = &factor.data[start + lane_start..];
                        RightPanel::new(data, stride, index, inner.len(), count)
                    };
                    let packed_left = packs_left.then_some(&scratch.left[..]);
                    let corner = (row_start - rows.start, lane_start - lanes.start);
                    let mut part = output.part(corner, (block.len(), count));
                    let accumulate = inner_start > 0;
                    multiply_panel(
                        set,
                        problem,
                        packed_left,
                        inner.clone(),
                        block.clone(),
                        &right,
                        &mut part,
                        accumulate,
                    );
                }
            }
        }
    });
}

/// One block of rows by one panel.
fn multiply_panel<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    packed_left: Option<&[T]>,
    inner: Range<usize>,
    rows: Range<usize>,
    right: &RightPanel<T>,
    output: &mut OutputBlock<T>,
    accumulate: bool,
) {
    let lanes = output.lanes();
    for start in (0..rows.len()).step_by(MAXIMUM_ROWS) {
        let count = MAXIMUM_ROWS.min(rows.len() - start);
        let left = match packed_left {
            Some(packed) => LeftTile {
                data: &packed[start * inner.len()..(start + count) * inner.len()],
                offsets: std::array::from_fn(|row| row),
                stride: count,
            },
            None => {
                let factor = &problem.left;
                let first = inner.start * factor.inner_stride;
                let offset = |row: usize| factor.outer_offset(rows.start + start + row) + first;
                LeftTile {
                    data: factor.data,
                    offsets: std::array::from_fn(|row| if row < count { offset(row) } else { 0 }),
                    stride: factor.inner_stride,
                }
            }
        };
        let mut tile = output.part((start, 0), (count, lanes));
        if tile.lane_stride() == 1 || lanes == 1 {
            accumulate_tile(set, count, &left, right, &mut tile, accumulate);
        } else {
            // Lanes apart in memory: through a small buffer that has them side by side.
            let mut buffer = [T::ZERO; MAXIMUM_ROWS * MAXIMUM_WIDTH];
            if accumulate {
                tile.copy_to(&mut buffer, lanes);
            }
            let mut adjacent = OutputBlock::new(&mut buffer, count, lanes, lanes, 1);
            accumulate_tile(set, count, &left, right, &mut adjacent, accumulate);
            tile.copy_from(&buffer, lanes);
        }
    }
}

/// The widest panel of any instruction set and type.
const MAXIMUM_WIDTH: usize = 64;

fn fill_with_zero<T: Real>(
    set: InstructionSet,
    rows: usize,
    lanes: usize,
    output: &mut OutputBlock<T>,
) {
    let zeros = vec![T::ZERO; T::panel_width(set)];
    for row in 0..rows {
        for start in (0..lanes).step_by(zeros.len()) {
            let count = zeros.len().min(lanes - start);
            output.part((row, start), (1, count)).copy_from(&zeros, zeros.len());
        }
    }
}

fn grow<T: Real>(buffer: &mut Vec<T>, needed: usize) {
    if buffer.len() < needed {
        buffer.resize(needed, T::ZERO);
    }
}
