//! Rows of numbers written side by side.

#![allow(unsafe_code, reason = "shuffles read and write through pointers, checked once a block")]

use super::{InstructionSet, Real, tile_rows};

/// Whether the processor has shuffles for numbers of this type, with 256-bit registers: then T is
/// f32, the only type of its size.
fn has_shuffles<T>(set: InstructionSet) -> bool {
    size_of::<T>() == size_of::<f32>() && set >= InstructionSet::Avx2 && set.is_available()
}

/// Writes the first number of each of eight sources side by side, then the second of each `width`
/// further on, and so on, in blocks of eight; says how many numbers of each source that were.
///
/// None where the instruction set or the element type has no shuffles for it, or the sources are
/// not eight.
///
/// # Panics
/// When `to` is too short for the blocks.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "only x86-64 has shuffles for it here")
)]
pub fn interleave_blocks<T: Real>(
    set: InstructionSet,
    sources: &[&[T]],
    width: usize,
    to: &mut [T],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Ok(sources) = <[&[T]; 8]>::try_from(sources)
        && has_shuffles::<T>(set)
    {
        let blocks = sources.iter().map(|source| source.len() / 8).min().unwrap_or(0);
        assert!(width >= 8, "rows do not overlap");
        assert!(blocks == 0 || (8 * blocks - 1) * width + 8 <= to.len(), "blocks lie in the slice");
        let sources = sources.map(|source| source.as_ptr().cast());
        // SAFETY: the processor has the instructions, T is f32, every source has 8 * blocks numbers,
        // and the last row written was checked above.
        unsafe { super::x86::interleave(sources, blocks, width, to.as_mut_ptr().cast()) };
        return 8 * blocks;
    }
    0
}

/// Writes the numbers at the first offset of each source side by side, then those at the second
/// `width` further on, and so on, as far as `to` reaches.
///
/// # Panics
/// When an offset lies outside a source, or `to` ends within the numbers of an offset.
#[inline(always)]
pub fn interleave_at<T: Real, const COUNT: usize>(
    sources: [&[T]; COUNT],
    offsets: impl Iterator<Item = usize>,
    width: usize,
    to: &mut [T],
) {
    let length = sources.iter().map(|source| source.len()).min().unwrap_or(0);
    for (to, offset) in to.chunks_mut(width).zip(offsets) {
        assert!(offset < length, "offsets lie in every source");
        for (to, source) in to[..COUNT].iter_mut().zip(sources) {
            // SAFETY: no source is shorter than `length`. One check does for all sources: the
            // compiler would make as many.
            *to = unsafe { *source.get_unchecked(offset) };
        }
    }
}

/// Columns of a matrix that are selected densely enough for whole blocks of eight to be read.
#[derive(Debug, Default)]
pub struct SelectedColumns<T> {
    /// The first column of the first block.
    first: usize,
    /// A byte a block, a bit a column, the first in the lowest bit.
    blocks: Vec<u8>,
    /// A scale a selected column, or none at all.
    scales: Vec<T>,
}

impl<T: Real> SelectedColumns<T> {
    /// Becomes these columns; returns whether [`interleave_selected`] does something with them:
    /// whether tiles have eight rows, shuffles are there, and the columns are dense enough.
    ///
    /// # Panics
    /// When the columns do not increase.
    pub fn set(&mut self, set: InstructionSet, columns: &[u32], scales: Option<&[f64]>) -> bool {
        /// A number that is picked takes the time of about so many in blocks.
        const SPARSEST: usize = 4;
        if !has_shuffles::<T>(set) || tile_rows(set) != 8 {
            return false;
        }
        let (Some(&first), Some(&last)) = (columns.first(), columns.last()) else { return false };
        let (first, last) = (first as usize, last as usize);
        if last - first >= SPARSEST * columns.len() {
            return false;
        }
        assert!(columns.windows(2).all(|pair| pair[0] < pair[1]), "columns increase");
        self.first = first;
        self.blocks.clear();
        // Room for the sparsest that come here: how many there are changes from draw to draw.
        self.blocks.reserve(SPARSEST * columns.len() / 8 + 1);
        self.blocks.resize((last - first) / 8 + 1, 0);
        for &column in columns {
            let place = column as usize - first;
            self.blocks[place / 8] |= 1 << (place % 8);
        }
        self.scales.clear();
        self.scales.reserve(last - first + 1);
        self.scales.extend(scales.into_iter().flatten().map(|&scale| T::from_f64(scale)));
        true
    }
}

/// Writes the numbers of the first selected column in each of eight sources side by side, then those
/// of the second `width` further on, and so on, times their scales; says for how many columns it did.
///
/// Not for the last few, and for none where the instruction set or the element type has no shuffles
/// for it, or the sources are not eight.
///
/// # Panics
/// When `to` is too short for the selected columns.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "only x86-64 has shuffles for it here")
)]
pub fn interleave_selected<T: Real>(
    set: InstructionSet,
    sources: &[&[T]],
    columns: &SelectedColumns<T>,
    width: usize,
    to: &mut [T],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Ok(sources) = <[&[T]; 8]>::try_from(sources)
        && has_shuffles::<T>(set)
    {
        let length = sources.iter().map(|source| source.len()).min().unwrap_or(0);
        let readable = length.saturating_sub(columns.first) / 8;
        // Numbers of a column that is not selected are written, and then written over. So the
        // last block, after which no selected column follows, is left out.
        let blocks = readable.min(columns.blocks.len() - 1);
        let blocks = &columns.blocks[..blocks];
        let count = blocks.iter().map(|block| block.count_ones() as usize).sum::<usize>();
        assert!(width >= 8 && count * width + 8 <= to.len(), "columns lie in the slice");
        let has_scales = !columns.scales.is_empty();
        assert!(!has_scales || count < columns.scales.len(), "a scale a column");
        let scales = has_scales.then_some(columns.scales.as_ptr().cast());
        let sources = sources.map(|source| source[columns.first..].as_ptr().cast());
        // SAFETY: the processor has the instructions, T is f32, every
        // source has eight numbers a block from its first column on, and the last row that may be
        // written, that of column `count`, was checked above, as was its scale.
        unsafe {
            super::x86::interleave_selected(sources, blocks, scales, width, to.as_mut_ptr().cast());
        }
        return count;
    }
    0
}
