//! Channel planes, and the copies of them that products read.

use crate::product::{copy_over, interleave};
use micro_kernels::{InstructionSet, Real};
use std::array;
use std::ops::Range;

/// Images as channel planes, `[image][channel][row][column]`, of which some channels are read.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a, T> {
    pub(super) data: &'a [T],
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// The channels that are read; all without it.
    pub(super) kept: Option<&'a [u32]>,
}

/// The pixels of one axis that a window reads: under start k at position n, pixel
/// `starts[k] + n step`, or zero where that is outside the image.
pub(super) struct Pixels {
    pub(super) starts: Vec<isize>,
    pub(super) step: usize,
    pub(super) count: usize,
}

impl Pixels {
    /// The positions whose pixel is inside an axis of `size` pixels.
    fn inside(&self, start: isize, size: usize) -> Range<usize> {
        let before = (-start).max(0) as usize;
        let after = (size as isize - start).max(0) as usize;
        let end = after.div_ceil(self.step).min(self.count);
        before.div_ceil(self.step).min(end)..end
    }

    /// Whether the only start reads the whole axis.
    fn is_whole(&self, size: usize) -> bool {
        self.starts == [0] && self.step == 1 && self.count == size
    }
}

impl<'a, T: Real> Planes<'a, T> {
    /// Numbers of one image as it is stored.
    pub(super) fn image_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    pub(super) fn kept_channels(&self) -> usize {
        self.kept.map_or(self.channels, <[u32]>::len)
    }

    /// The stored channel behind a kept one.
    pub(super) fn channel(&self, kept: usize) -> usize {
        self.kept.map_or(kept, |channels| channels[kept] as usize)
    }

    /// Whether a window of these pixels reads each plane as it is stored.
    pub(super) fn are_read_whole(&self, rows: &Pixels, columns: &Pixels) -> bool {
        rows.is_whole(self.height) && columns.is_whole(self.width)
    }

    /// Copies the pixels under a window as
    /// `[kept channel][column start][row start][row][image][column]`: whatever the start, the
    /// numbers of successive positions are side by side, over rows and images.
    pub(super) fn copy_aligned(
        &self,
        set: InstructionSet,
        images: &[T],
        rows: &Pixels,
        columns: &Pixels,
        copy: &mut [T],
    ) {
        let count = images.len() / self.image_len();
        let mut blocks = copy.chunks_exact_mut(rows.count * count * columns.count);
        for kept in 0..self.kept_channels() {
            let planes = &images[self.channel(kept) * self.height * self.width..];
            for &x in &columns.starts {
                for (&y, block) in rows.starts.iter().zip(&mut blocks) {
                    set.run(
                        #[inline(always)]
                        || self.copy_start(planes, (rows, y), (columns, x), block),
                    );
                }
            }
        }
    }

    /// Copies the pixels of one channel under one start as `[row][image][column]`.
    #[inline(always)]
    fn copy_start(
        &self,
        planes: &[T],
        (rows, y): (&Pixels, isize),
        (columns, x): (&Pixels, isize),
        block: &mut [T],
    ) {
        let images = block.len() / (rows.count * columns.count);
        let (inside, filled) = (rows.inside(y, self.height), columns.inside(x, self.width));
        if filled.is_empty() || inside.is_empty() {
            return block.fill(T::ZERO);
        }
        let first = (x + (filled.start * columns.step) as isize).max(0) as usize;
        let line_len = images * columns.count;
        block[..inside.start * line_len].fill(T::ZERO);
        for row in inside.clone() {
            let source = (y + (row * rows.step) as isize) as usize * self.width + first;
            for image in 0..images {
                let source = &planes[image * self.image_len() + source..];
                let to = &mut block[row * line_len + image * columns.count + filled.start..];
                if columns.step == 1 {
                    // What it writes beyond the line is written again, by the next one at the latest.
                    copy_over(source, to, filled.len());
                } else {
                    let source = source.iter().step_by(columns.step);
                    to[..filled.len()].iter_mut().zip(source).for_each(|(to, from)| *to = *from);
                }
            }
        }
        for column in (0..filled.start).chain(filled.end..columns.count) {
            let lines = block[inside.start * line_len..inside.end * line_len]
                .chunks_exact_mut(columns.count);
            lines.for_each(|line| line[column] = T::ZERO);
        }
        block[inside.end * line_len..].fill(T::ZERO);
    }

    /// Copies the kept channels of one image as `[row][column][channel]`, with `padding` zeros
    /// around it.
    pub(super) fn copy_channels_last(&self, image: usize, padding: usize, copy: &mut [T]) {
        let channels = self.kept_channels();
        let row_len = (self.width + 2 * padding) * channels;
        let (above, rest) = copy.split_at_mut(padding * row_len);
        let (rows, below) = rest.split_at_mut(self.height * row_len);
        above.fill(T::ZERO);
        below.fill(T::ZERO);
        for row in rows.chunks_exact_mut(row_len) {
            row[..padding * channels].fill(T::ZERO);
            row[row_len - padding * channels..].fill(T::ZERO);
        }
        let image = &self.data[image * self.image_len()..][..self.image_len()];
        // Some channels at a time, so that both sides are read and written in whole cache lines.
        let mut kept = 0;
        while kept < channels {
            let block = match channels - kept {
                16.. => 16,
                4.. => 4,
                _ => 1,
            };
            for (row, to) in rows.chunks_exact_mut(row_len).enumerate() {
                let to = &mut to[padding * channels + kept..];
                let source = |lane: usize| {
                    let start = (self.channel(kept + lane) * self.height + row) * self.width;
                    &image[start..start + self.width]
                };
                match block {
                    16 => interleave::<T, 16>(array::from_fn(source), channels, to),
                    4 => interleave::<T, 4>(array::from_fn(source), channels, to),
                    _ => interleave::<T, 1>(array::from_fn(source), channels, to),
                }
            }
            kept += block;
        }
    }
}
