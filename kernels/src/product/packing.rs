//! Copies of blocks of a factor in the order the micro-kernel reads them, with selected pairs
//! gathered and scaled on the way.

use super::blocking::{MAXIMUM_WIDTH, block_depth};
use super::operands::{Factor, Problem};
use micro_kernels::{
    InstructionSet, Real, SelectedColumns, interleave_at, interleave_blocks, interleave_selected,
};
use std::ops::Range;

/// A right factor is packed from this many rows on that share each number,
const ROWS_WORTH_PACKING: usize = 24;
/// or from this many where a block lies in the second-level cache as it is,
const ROWS_WORTH_PACKING_COMPACT: usize = 112;
/// which it does up to this many bytes from end to end: further apart, rows share cache sets.
const COMPACT: usize = 1 << 20;

/// Indices that lie side by side are copied as slices from this many on.
const SHORTEST_RUN: usize = 5;
/// Outer indices that are gathered at once, one source of numbers each: what shuffles transpose.
const GATHERED: usize = 8;

/// Where the micro-kernel reads the right factor from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// From where it is: its lanes are adjacent, and few rows share each number.
    InPlace,
    /// From panels that the first tile of rows copies while it multiplies.
    PackedOnTheWay,
    /// From panels that are packed first: lanes are not adjacent, or numbers are scaled.
    Packed,
}

/// How a block of the right factor is stored.
pub(super) fn storage_of_right<T: Real>(problem: &Problem<T>) -> Storage {
    let right = &problem.right;
    let is_adjacent = right.outer_stride == 1 || problem.columns <= 1;
    if right.outer_index.is_some() || right.is_scaled() || !is_adjacent {
        return Storage::Packed;
    }
    // The stride of a single inner index may be any number.
    let bytes = block_depth::<T>(problem.inner) * size_of::<T>();
    let span = right.inner_stride.saturating_mul(bytes);
    let worth = if span <= COMPACT { ROWS_WORTH_PACKING_COMPACT } else { ROWS_WORTH_PACKING };
    if problem.rows >= worth { Storage::PackedOnTheWay } else { Storage::InPlace }
}

/// Whether packing picks the numbers of a factor one by one, which costs the most.
pub(super) fn is_gathered<T: Real>(factor: &Factor<T>) -> bool {
    factor.outer_index.is_some() || (factor.inner_index.is_some() && factor.outer_stride != 1)
}

/// Notes which columns of a matrix a block selects, if packing can make use of it. A table of where
/// adjacent numbers start, as convolutions have, does not select columns: it need not increase.
pub(super) fn note_columns<'a, T: Real>(
    set: InstructionSet,
    factor: &Factor<'a, T>,
    inner: Range<usize>,
    columns: &'a mut SelectedColumns<T>,
) -> Factor<'a, T> {
    let are_rows = factor.outer_index.is_none() && factor.outer_stride != 1;
    let are_columns = factor.inner_stride == 1 && factor.inner_run == 1;
    let index = factor.inner_index.filter(|_| are_rows && are_columns);
    let scales = factor.inner_scales.map(|scales| &scales[inner.clone()]);
    let is_dense = index.is_some_and(|index| columns.set(set, &index[inner], scales));
    Factor { columns: is_dense.then_some(columns), ..*factor }
}

/// Packs a block of a factor as panels of `width` outer indices, one after the other:
/// `panel[inner * width + outer]`, with what lies beyond the block's end left as it is.
pub(super) fn pack<T: Real>(
    set: InstructionSet,
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    let panels = outer.clone().step_by(width).zip(packed.chunks_mut(inner.len() * width));
    for (start, packed) in panels {
        let lanes = start..outer.end.min(start + width);
        pack_panel(set, factor, inner.clone(), lanes, width, packed);
    }
}

/// Packs one panel.
fn pack_panel<T: Real>(
    set: InstructionSet,
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    if factor.outer_stride == 1 && factor.outer_index.is_none() {
        return set.run(
            #[inline(always)]
            || pack_adjacent(factor, inner, outer, width, packed),
        );
    }
    if factor.outer_stride == 1 && factor.outer_run >= SHORTEST_RUN && outer.len() > GATHERED {
        return set.run(
            #[inline(always)]
            || pack_runs(factor, inner, outer, width, packed),
        );
    }
    for (lane, start) in outer.clone().enumerate().step_by(GATHERED) {
        let block = start..outer.end.min(start + GATHERED);
        let packed = &mut packed[lane..];
        match block.len() {
            1 => gather::<T, 1>(set, factor, inner.clone(), block, width, packed),
            2 => gather::<T, 2>(set, factor, inner.clone(), block, width, packed),
            3 => gather::<T, 3>(set, factor, inner.clone(), block, width, packed),
            4 => gather::<T, 4>(set, factor, inner.clone(), block, width, packed),
            5 => gather::<T, 5>(set, factor, inner.clone(), block, width, packed),
            6 => gather::<T, 6>(set, factor, inner.clone(), block, width, packed),
            7 => gather::<T, 7>(set, factor, inner.clone(), block, width, packed),
            _ => gather::<T, GATHERED>(set, factor, inner.clone(), block, width, packed),
        }
    }
}

/// Packs outer indices that are all adjacent.
#[inline(always)]
fn pack_adjacent<T: Real>(
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    for (position, packed) in inner.zip(packed.chunks_exact_mut(width)) {
        let start = factor.inner_offset(position) + outer.start;
        let source = &factor.data[start..start + outer.len()];
        let packed = &mut packed[..source.len()];
        if factor.inner_scales.is_none() {
            copy_run(source, packed);
        } else {
            let scale = factor.inner_scale(position);
            packed.iter_mut().zip(source).for_each(|(to, from)| *to = scale.times(*from));
        }
    }
}

/// Packs outer indices that lie side by side in runs: a slice of each run, inner index by inner
/// index.
#[inline(always)]
fn pack_runs<T: Real>(
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    // Where the runs of a panel start in it, and where in memory.
    let mut runs = [(0, 0); MAXIMUM_WIDTH];
    let first = outer.start / factor.outer_run;
    let count = (outer.end - 1) / factor.outer_run + 1 - first;
    for (run, number) in runs[..count].iter_mut().zip(first..) {
        let start = outer.start.max(number * factor.outer_run);
        *run = (start - outer.start, factor.outer_offset(start));
    }
    for (position, packed) in inner.zip(packed.chunks_mut(width)) {
        let source = &factor.data[factor.inner_offset(position)..];
        let mut end = outer.len();
        for &(start, offset) in runs[..count].iter().rev() {
            copy_run(&source[offset..offset + end - start], &mut packed[start..end]);
            end = start;
        }
        if factor.inner_scales.is_some() {
            let scale = factor.inner_scale(position);
            packed[..outer.len()].iter_mut().for_each(|value| *value = scale.times(*value));
        }
    }
}

/// Copies a short slice in pieces of fixed size, each a move or two where a call would cost more.
#[inline(always)]
pub(crate) fn copy_run<T: Copy>(from: &[T], to: &mut [T]) {
    match from.len() {
        16.. => copy_pieces::<T, 16>(from, to),
        4.. => copy_pieces::<T, 4>(from, to),
        _ => copy_pieces::<T, 1>(from, to),
    }
}

/// Copies the first `len` numbers, in whole pieces that reach beyond them where both slices do: what
/// stands there in `to` is lost. One move where an exact copy takes several, for lines that are
/// written in the order in which they lie.
#[inline(always)]
pub(crate) fn copy_over<T: Copy>(from: &[T], to: &mut [T], len: usize) {
    match len {
        9.. => copy_over_pieces::<T, 16>(from, to, len),
        5.. => copy_over_pieces::<T, 8>(from, to, len),
        _ => copy_over_pieces::<T, 4>(from, to, len),
    }
}

#[inline(always)]
fn copy_over_pieces<T: Copy, const PIECE: usize>(from: &[T], to: &mut [T], len: usize) {
    let whole = len.next_multiple_of(PIECE);
    match (from.get(..whole), to.get_mut(..whole)) {
        (Some(from), Some(to)) => copy_pieces::<T, PIECE>(from, to),
        _ => copy_run(&from[..len], &mut to[..len]),
    }
}

/// Copies at least one piece; the last one may overlap the one before.
#[inline(always)]
fn copy_pieces<T: Copy, const PIECE: usize>(from: &[T], to: &mut [T]) {
    let (pieces, rest) = from.as_chunks::<PIECE>();
    for (to, from) in to.as_chunks_mut::<PIECE>().0.iter_mut().zip(pieces) {
        *to = *from;
    }
    if !rest.is_empty()
        && let (Some(to), Some(from)) = (to.last_chunk_mut::<PIECE>(), from.last_chunk())
    {
        *to = *from;
    }
}

/// Copies COUNT outer indices side by side: one number of each, inner index by inner index, so
/// that writes are adjacent.
fn gather<T: Real, const COUNT: usize>(
    set: InstructionSet,
    factor: &Factor<T>,
    inner: Range<usize>,
    outer: Range<usize>,
    width: usize,
    packed: &mut [T],
) {
    let sources: [&[T]; COUNT] =
        std::array::from_fn(|lane| &factor.data[factor.outer_offset(outer.start + lane)..]);
    let adjacent = factor.inner_stride == 1;
    // Inner indices that are packed and scaled.
    let mut done = 0;
    match factor.inner_index {
        None if adjacent => {
            transpose(set, sources.map(|source| &source[inner.clone()]), width, packed)
        }
        Some(index) if adjacent && factor.inner_run >= SHORTEST_RUN => {
            let mut start = inner.start;
            while start < inner.end {
                let end = inner.end.min((start / factor.inner_run + 1) * factor.inner_run);
                let offset = index[start] as usize;
                let sources = sources.map(|source| &source[offset..offset + end - start]);
                transpose(set, sources, width, &mut packed[(start - inner.start) * width..]);
                start = end;
            }
        }
        Some(index) => {
            if let Some(columns) = factor.columns {
                done = interleave_selected(set, &sources, columns, width, packed);
            }
            let (index, stride) = (&index[inner.start + done..inner.end], factor.inner_stride);
            let offsets = index.iter().map(|&index| index as usize * stride);
            interleave_at(sources, offsets, width, &mut packed[done * width..]);
        }
        None => {
            let offsets = inner.clone().map(|position| position * factor.inner_stride);
            interleave_at(sources, offsets, width, packed);
        }
    }
    if factor.is_scaled() {
        let outer_scales: [T; COUNT] =
            std::array::from_fn(|lane| factor.outer_scale(outer.start + lane));
        for (packed, position) in packed.chunks_mut(width).zip(inner).skip(done) {
            let inner_scale = factor.inner_scale(position);
            for (value, outer_scale) in packed[..COUNT].iter_mut().zip(outer_scales) {
                *value = inner_scale.times(outer_scale).times(*value);
            }
        }
    }
}

/// [`interleave`] with the shuffles of the instruction set as far as they go.
fn transpose<T: Real, const COUNT: usize>(
    set: InstructionSet,
    sources: [&[T]; COUNT],
    width: usize,
    to: &mut [T],
) {
    let done = interleave_blocks(set, &sources, width, to);
    if done < sources[0].len() {
        interleave(sources.map(|source| &source[done..]), width, &mut to[done * width..]);
    }
}

/// Writes the first number of each source side by side, then the second of each `width` further
/// on, and so on.
pub(crate) fn interleave<T: Copy, const COUNT: usize>(
    sources: [&[T]; COUNT],
    width: usize,
    to: &mut [T],
) {
    let count = sources[0].len();
    // Equal lengths that the compiler can see spare a check of each number.
    let sources = sources.map(|source| &source[..count]);
    for (index, to) in to.chunks_mut(width).take(count).enumerate() {
        for (to, source) in to[..COUNT].iter_mut().zip(sources) {
            *to = source[index];
        }
    }
}
