//! Random crops and flips of small images (He, Zhang, Ren and Sun 2016, section 4.2).
//!
//! The image is padded with black pixels on every side, a window of its own size is cut out at a
//! uniform place, and half of the windows are mirrored. Padding happens before normalisation, so
//! it is pixel 0 and not number 0.

use crate::setting::{FieldError, count_within};
use kernels::random::{Stream, below, uniform};
use serde::{Deserialize, Serialize};

/// How images are changed at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Black pixels added on every side before the crop; 0 for no crop.
    pub padding: usize,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
}

/// What becomes of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// First row of the window in the padded image, in 0..=2 padding.
    pub top: usize,
    /// First column of the window in the padded image, in 0..=2 padding.
    pub left: usize,
    /// Whether the window is mirrored.
    pub mirrored: bool,
}

/// The changes of one epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochAugmentation {
    augmentation: Augmentation,
    stream: Stream,
}

impl Augmentation {
    /// Padding 4 and flips, the usual choice for CIFAR-10.
    pub fn cifar10() -> Self {
        Self { padding: 4, flip: true }
    }

    /// Checks that a crop of images with so short a side keeps something of every image.
    ///
    /// # Errors
    /// When the padding is not smaller than the side.
    pub fn check(&self, side: usize) -> Result<(), FieldError> {
        count_within("padding", self.padding, 0..side)
    }

    /// The changes of an epoch; each depends on stream, epoch and sample only, so neither the
    /// order of samples nor threads matter.
    pub fn epoch(&self, stream: Stream, epoch: u64) -> EpochAugmentation {
        let stream = stream.child("augmentation").child(&epoch.to_string());
        EpochAugmentation { augmentation: *self, stream }
    }
}

impl EpochAugmentation {
    /// What becomes of a sample, given by its number in the data set.
    pub fn change(&self, sample: usize) -> Change {
        let mut rng = self.stream.at(sample as u64);
        let places = self.augmentation.padding * 2 + 1;
        Change {
            top: below(&mut rng, places),
            left: below(&mut rng, places),
            mirrored: self.augmentation.flip && uniform(&mut rng) < 0.5,
        }
    }

    /// The changed pixels of a sample: channels of `height` x `width` bytes.
    ///
    /// # Panics
    /// When the lengths differ or are no multiple of height times width.
    pub fn apply(
        &self,
        sample: usize,
        (height, width): (usize, usize),
        pixels: &[u8],
        to: &mut [u8],
    ) {
        let plane = height * width;
        assert!(plane > 0 && pixels.len().is_multiple_of(plane), "channels of height x width");
        assert_eq!(pixels.len(), to.len(), "as many pixels as before");
        let Change { top, left, mirrored } = self.change(sample);
        let padding = self.augmentation.padding;
        // Columns of the window that lie in the image, in the window's own numbers.
        let start = padding.saturating_sub(left).min(width);
        let end = (width + padding).saturating_sub(left).min(width).max(start);
        for (pixels, to) in pixels.chunks_exact(plane).zip(to.chunks_exact_mut(plane)) {
            for (row, to) in to.chunks_exact_mut(width).enumerate() {
                to.fill(0);
                let inside = (row + top).checked_sub(padding).filter(|&row| row < height);
                if let (Some(row), true) = (inside, start < end) {
                    let from = row * width + start + left - padding;
                    to[start..end].copy_from_slice(&pixels[from..from + end - start]);
                }
                if mirrored {
                    to.reverse();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream() -> Stream {
        Stream::new(1, "augmentation tests")
    }

    /// The definition, pixel by pixel, on a padded copy.
    fn reference(
        change: Change,
        padding: usize,
        (height, width): (usize, usize),
        plane: &[u8],
    ) -> Vec<u8> {
        let wide = width + 2 * padding;
        let mut padded = vec![0; (height + 2 * padding) * wide];
        for row in 0..height {
            for column in 0..width {
                padded[(row + padding) * wide + column + padding] = plane[row * width + column];
            }
        }
        let mut window = Vec::new();
        for row in 0..height {
            for column in 0..width {
                let column = if change.mirrored { width - 1 - column } else { column };
                window.push(padded[(row + change.top) * wide + column + change.left]);
            }
        }
        window
    }

    proptest! {
        #[test]
        fn a_change_cuts_a_window_out_of_the_padded_image(
            size in (1usize..9, 1usize..9),
            padding in 0usize..12,
            flip: bool,
            epoch in 0u64..5,
            sample in 0usize..1_000,
        ) {
            let pixels: Vec<u8> = (1..=(2 * size.0 * size.1) as u8).collect();
            let augmentation = Augmentation { padding, flip }.epoch(stream(), epoch);
            let change = augmentation.change(sample);
            prop_assert!(change.top <= 2 * padding && change.left <= 2 * padding);
            let mut found = vec![7; pixels.len()];
            augmentation.apply(sample, size, &pixels, &mut found);
            let planes = pixels.chunks_exact(size.0 * size.1);
            let expected: Vec<u8> =
                planes.flat_map(|plane| reference(change, padding, size, plane)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_padding_and_no_flip_change_nothing() {
        let pixels: Vec<u8> = (0..48).collect();
        let mut found = vec![0; 48];
        Augmentation::default().epoch(stream(), 3).apply(5, (4, 4), &pixels, &mut found);
        assert_eq!(found, pixels);
    }

    #[test]
    fn every_window_is_as_likely() {
        let augmentation = Augmentation::cifar10().epoch(stream(), 0);
        let draws = 81 * 2 * 200;
        let mut counts = [0.0f64; 81 * 2];
        for sample in 0..draws {
            let Change { top, left, mirrored } = augmentation.change(sample);
            counts[(top * 9 + left) * 2 + usize::from(mirrored)] += 1.0;
        }
        // Chi-squared with 161 degrees of freedom: mean 161, variance 322.
        let statistic: f64 = counts.iter().map(|count| (count - 200.0).powi(2) / 200.0).sum();
        assert!((statistic - 161.0).abs() < 5.0 * 322f64.sqrt(), "chi-squared {statistic}");
    }

    #[test]
    fn epochs_and_samples_are_changed_differently() {
        let changes = |epoch: u64| {
            let augmentation = Augmentation::cifar10().epoch(stream(), epoch);
            (0..20).map(|sample| augmentation.change(sample)).collect::<Vec<_>>()
        };
        assert_eq!(changes(1), changes(1));
        assert_ne!(changes(1), changes(2));
        assert!(changes(1).iter().any(|&change| change != changes(1)[0]));
    }
}
