//! Copies of blocks of a factor in the order the micro-kernel reads them, with selected pairs
//! gathered and scaled on the way.

use super::operands::{Factor, Problem};
use crate::raw::{MAXIMUM_ROWS, Real};
use std::ops::Range;

/// A left factor is read in place while few lanes share each number.
const LANES_WORTH_PACKING_LEFT: usize = 192;
/// A right factor is read in place while few rows share each number.
const ROWS_WORTH_PACKING_RIGHT: usize = 160;

/// Whether the left factor is copied into tiles: always when pairs are gathered or scaled.
pub(super) fn packs_left<T: Real>(problem: &Problem<T>) -> bool {
    let left = &problem.left;
    left.inner_index.is_some()
        || left.scales.is_some()
        || problem.columns >= LANES_WORTH_PACKING_LEFT
}

/// Whether the right factor is copied into panels: always unless its lanes are adjacent.
pub(super) fn packs_right<T: Real>(problem: &Problem<T>) -> bool {
    let right = &problem.right;
    right.outer_index.is_some()
        || right.scales.is_some()
        || (right.outer_stride != 1 && problem.columns > 1)
        || problem.rows >= ROWS_WORTH_PACKING_RIGHT
}

/// Packs rows `outer` of a left factor as tiles of [`MAXIMUM_ROWS`] rows, the last one as wide
/// as what is left: within a tile, the numbers of one inner index are adjacent.
pub(super) fn pack_left<T: Real>(
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    packed: &mut [T],
) {
    let depth = inner.len();
    for (tile, packed) in (outer.start..outer.end)
        .step_by(MAXIMUM_ROWS)
        .zip(packed.chunks_mut(MAXIMUM_ROWS * depth.max(1)))
    {
        let rows = MAXIMUM_ROWS.min(outer.end - tile);
        pack(factor, inner.clone(), tile..tile + rows, rows, packed);
    }
}

/// Packs a block of a factor: `packed[inner * width + outer]`, with lanes from the block's end to
/// `width` left as they are.
pub(super) fn pack<T: Real>(
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    if factor.outer_stride == 1 && factor.outer_index.is_none() {
        for (position, packed) in inner.zip(packed.chunks_mut(width)) {
            let start = factor.inner_offset(position) + outer.start;
            let source = &factor.data[start..start + outer.len()];
            match factor.scales {
                None => packed[..source.len()].copy_from_slice(source),
                Some(_) => {
                    let scale = factor.scale(position);
                    for (to, from) in packed.iter_mut().zip(source) {
                        *to = scale.times(*from);
                    }
                }
            }
        }
        return;
    }
    for (lane, position) in outer.enumerate() {
        let source = &factor.data[factor.outer_offset(position)..];
        let packed = packed[lane..].iter_mut().step_by(width);
        match (factor.inner_index, factor.scales) {
            (None, None) => {
                let source = source[inner.start * factor.inner_stride..].iter();
                for (to, from) in
                    packed.zip(source.step_by(factor.inner_stride.max(1))).take(inner.len())
                {
                    *to = *from;
                }
            }
            (Some(index), None) => {
                for (to, &from) in packed.zip(&index[inner.clone()]) {
                    *to = source[from as usize * factor.inner_stride];
                }
            }
            _ => {
                for (to, from) in packed.zip(inner.clone()) {
                    *to = factor.scale(from).times(source[factor.inner_offset(from)]);
                }
            }
        }
    }
}
