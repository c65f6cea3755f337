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
const ROW_BLOCK: usize = 384;
/// Lanes of a block: its packed panels stay in the second-level cache beside those rows.
const LANE_BLOCK: usize = 1024;
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
        if !problem.accumulate {
            fill_with_zero(rows.len(), lanes.len(), &mut output);
        }
        return;
    }
    for lane_start in (0..lanes.len()).step_by(LANE_BLOCK) {
        let count = LANE_BLOCK.min(lanes.len() - lane_start);
        let block = lanes.start + lane_start..lanes.start + lane_start + count;
        let part = output.part((0, lane_start), (rows.len(), count));
        multiply_lane_block(set, problem, rows.clone(), block, part);
    }
}

fn multiply_lane_block<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    rows: Range<usize>,
    lanes: Range<usize>,
    mut output: OutputBlock<T>,
) {
    let width = T::panel_width(set);
    let panels = lanes.len().div_ceil(width);
    let panel_lanes = |panel: usize| {
        let start = lanes.start + panel * width;
        start..lanes.end.min(start + width)
    };
    let (packs_left, packs_right) = (packs_left(problem), packs_right(problem));
    T::with_scratch(|scratch| {
        for inner_start in (0..problem.inner).step_by(INNER_BLOCK) {
            let inner = inner_start..problem.inner.min(inner_start + INNER_BLOCK);
            let panel_size = inner.len() * width;
            let packed_right =
                scratch.right.first(if packs_right { panels * panel_size } else { 0 });
            for row_start in (rows.start..rows.end).step_by(ROW_BLOCK) {
                let block = row_start..rows.end.min(row_start + ROW_BLOCK);
                let packed_left = packs_left.then(|| {
                    let packed = scratch.left.first(block.len() * inner.len());
                    pack_left(set, &problem.left, inner.clone(), block.clone(), packed);
                    &*packed
                });
                for panel in 0..panels {
                    let columns = panel_lanes(panel);
                    let first_rows = row_start == rows.start;
                    if packs_right && first_rows {
                        let packed = &mut packed_right[panel * panel_size..][..panel_size];
                        pack(set, &problem.right, inner.clone(), columns.clone(), width, packed);
                    }
                    let right_panel = |panel: usize| {
                        let columns = panel_lanes(panel);
                        if packs_right {
                            let packed = &packed_right[panel * panel_size..][..panel_size];
                            RightPanel::new(packed, width, None, inner.len(), columns.len())
                        } else {
                            read_in_place(problem, inner.clone(), columns)
                        }
                    };
                    // What is not packed yet will be read by the packing itself.
                    let next = (panel + 1 < panels && !(packs_right && first_rows))
                        .then(|| right_panel(panel + 1));
                    let corner = (row_start - rows.start, panel * width);
                    multiply_panel(
                        set,
                        problem,
                        packed_left,
                        inner.clone(),
                        block.clone(),
                        (&right_panel(panel), next.as_ref()),
                        &mut output.part(corner, (block.len(), columns.len())),
                    );
                }
            }
        }
    });
}

/// A panel of a right factor whose lanes are adjacent where they are.
fn read_in_place<'a, T: Real>(
    problem: &Problem<'a, T>,
    inner: Range<usize>,
    lanes: Range<usize>,
) -> RightPanel<'a, T> {
    let factor = &problem.right;
    let stride = factor.inner_stride;
    let (start, index) = match factor.inner_index {
        Some(index) => (lanes.start, Some(&index[inner.clone()])),
        None => (lanes.start + inner.start * stride, None),
    };
    RightPanel::new(&factor.data[start..], stride, index, inner.len(), lanes.len())
}

/// One block of rows by one panel, while the next panel is fetched.
fn multiply_panel<T: Real>(
    set: InstructionSet,
    problem: &Problem<T>,
    packed_left: Option<&[T]>,
    inner: Range<usize>,
    rows: Range<usize>,
    (right, next): (&RightPanel<T>, Option<&RightPanel<T>>),
    output: &mut OutputBlock<T>,
) {
    let lanes = output.lanes();
    let accumulate = problem.accumulate || inner.start > 0;
    // Each tile asks for its share of the next panel.
    let share = inner.len().div_ceil(rows.len().div_ceil(MAXIMUM_ROWS));
    for (tile, start) in (0..rows.len()).step_by(MAXIMUM_ROWS).enumerate() {
        if let Some(next) = next {
            next.prefetch(tile * share..(tile + 1) * share);
        }
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

fn fill_with_zero<T: Real>(rows: usize, lanes: usize, output: &mut OutputBlock<T>) {
    let zeros = [T::ZERO; MAXIMUM_WIDTH];
    for row in 0..rows {
        for start in (0..lanes).step_by(zeros.len()) {
            let count = zeros.len().min(lanes - start);
            output.part((row, start), (1, count)).copy_from(&zeros, zeros.len());
        }
    }
}
