//! Copies of channel planes with zeros around them.

use crate::product::interleave;
use crate::raw::Real;
use std::array;

/// Zeros around a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Margins {
    pub(super) top: usize,
    pub(super) bottom: usize,
    pub(super) left: usize,
    pub(super) right: usize,
}

impl Margins {
    /// The same number of zeros on every side.
    pub(super) fn even(zeros: usize) -> Self {
        Self { top: zeros, bottom: zeros, left: zeros, right: zeros }
    }

    pub(super) fn are_zero(&self) -> bool {
        *self == Self::even(0)
    }
}

/// Images as channel planes, `[image][channel][row][column]`, of which some channels are read
/// with zeros around them.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a, T> {
    pub(super) data: &'a [T],
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// The channels that are read; all without it.
    pub(super) kept: Option<&'a [u32]>,
    pub(super) margins: Margins,
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

    pub(super) fn padded_height(&self) -> usize {
        self.margins.top + self.height + self.margins.bottom
    }

    pub(super) fn padded_width(&self) -> usize {
        self.margins.left + self.width + self.margins.right
    }

    /// Whether a copy is needed: without margins the planes are read where they are.
    pub(super) fn needs_copy(&self) -> bool {
        !self.margins.are_zero()
    }

    /// Numbers of one image as it is read.
    pub(super) fn read_len(&self) -> usize {
        if self.needs_copy() {
            self.kept_channels() * self.padded_height() * self.padded_width()
        } else {
            self.image_len()
        }
    }

    /// Where a kept channel starts in an image as it is read.
    pub(super) fn plane_offset(&self, kept: usize) -> usize {
        let plane = if self.needs_copy() { kept } else { self.channel(kept) };
        plane * self.padded_height() * self.padded_width()
    }

    /// Copies the kept channels of one image with their margins as `[row][column][channel]`.
    pub(super) fn copy_channels_last(&self, image: usize, copy: &mut [T]) {
        let channels = self.kept_channels();
        let Margins { top, left, right, .. } = self.margins;
        let row_len = self.padded_width() * channels;
        let (above, rest) = copy.split_at_mut(top * row_len);
        let (rows, below) = rest.split_at_mut(self.height * row_len);
        above.fill(T::ZERO);
        below.fill(T::ZERO);
        for row in rows.chunks_exact_mut(row_len) {
            row[..left * channels].fill(T::ZERO);
            row[row_len - right * channels..].fill(T::ZERO);
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
                let to = &mut to[left * channels + kept..];
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

    /// Copies the kept channels of the images in `images` with their margins.
    pub(super) fn copy_padded(&self, images: &[T], copy: &mut [T]) {
        let (height, width) = (self.padded_height(), self.padded_width());
        let Margins { top, left, .. } = self.margins;
        let stored = images.chunks_exact(self.image_len());
        for (image, copy) in stored.zip(copy.chunks_exact_mut(self.read_len())) {
            for (kept, plane) in copy.chunks_exact_mut(height * width).enumerate() {
                let source = &image[self.channel(kept) * self.height * self.width..];
                let (above, rest) = plane.split_at_mut(top * width);
                let (rows, below) = rest.split_at_mut(self.height * width);
                above.fill(T::ZERO);
                below.fill(T::ZERO);
                for (row, source) in rows.chunks_exact_mut(width).zip(source.chunks(self.width)) {
                    row[..left].fill(T::ZERO);
                    row[left..left + self.width].copy_from_slice(source);
                    row[left + self.width..].fill(T::ZERO);
                }
            }
        }
    }
}
