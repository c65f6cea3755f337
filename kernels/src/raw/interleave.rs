//! Rows of numbers written side by side.

use super::{InstructionSet, Real};

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
pub(crate) fn interleave_blocks<T: Real>(
    set: InstructionSet,
    sources: &[&[T]],
    width: usize,
    to: &mut [T],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Ok(sources) = <[&[T]; 8]>::try_from(sources)
        && size_of::<T>() == size_of::<f32>()
        && set >= InstructionSet::Avx2
        && set.is_available()
    {
        let blocks = sources.iter().map(|source| source.len() / 8).min().unwrap_or(0);
        assert!(width >= 8, "rows do not overlap");
        assert!(blocks == 0 || (8 * blocks - 1) * width + 8 <= to.len(), "blocks lie in the slice");
        let sources = sources.map(|source| source.as_ptr().cast());
        // SAFETY: the processor has the instructions, T is f32 (the only type of its size), every
        // source has 8 * blocks numbers, and the last row written was checked above.
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
pub(crate) fn interleave_at<T: Real, const COUNT: usize>(
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
