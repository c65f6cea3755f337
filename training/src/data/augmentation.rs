//! Random crops and flips of small images (He, Zhang, Ren and Sun 2016, section 4.2).
//!
//! The image is padded on every side, a window of its own size is cut out at a uniform place, and
//! half of the windows are mirrored. Padding happens before normalisation, so black is pixel 0 and
//! not number 0.

use crate::setting::{FieldError, count_within};
use kernels::random::{Stream, below, uniform};
use serde::{Deserialize, Serialize};

/// How images are changed at random.
///
/// ```
/// use training::data::{Augmentation, Border};
/// let augmentation: Augmentation =
///     serde_yaml::from_str("{padding: 2, border: reflected, flip: true, alternating: true}")?;
/// assert_eq!(augmentation.border, Border::Reflected);
/// assert!(!Augmentation::cifar10().alternating);
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Pixels added on every side before the crop; 0 for no crop.
    pub padding: usize,
    /// What these pixels are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub border: Border,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
    /// Whether an image that is mirrored in one epoch is not in the next, and the other way round,
    /// so that two epochs show both sides of every image. The draws of different epochs are
    /// independent otherwise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub alternating: bool,
}

/// What an image is padded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Border {
    /// Pixels 0.
    #[default]
    Black,
    /// The image mirrored at the middle of its outermost pixels, which are not repeated.
    Reflected,
}

/// Settings that existed before these say nothing of them.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// Of the first flip of every image, where flips alternate.
    flips: Stream,
    epoch: u64,
}

impl Augmentation {
    /// Padding 4 and flips, the usual choice for CIFAR-10.
    pub fn cifar10() -> Self {
        Self { padding: 4, flip: true, ..Self::default() }
    }

    /// Checks that a crop of images with so short a side keeps something of every image.
    ///
    /// # Errors
    /// When the padding is not smaller than the side, or flips alternate that there are not.
    pub fn check(&self, side: usize) -> Result<(), FieldError> {
        count_within("padding", self.padding, 0..side)?;
        if self.alternating && !self.flip {
            return Err(FieldError::new("alternating", true, "false where flip is false"));
        }
        Ok(())
    }

    /// The changes of an epoch; each depends on stream, epoch and sample only, so neither the
    /// order of samples nor threads matter.
    pub fn epoch(&self, stream: Stream, epoch: u64) -> EpochAugmentation {
        let all = stream.child("augmentation");
        let (stream, flips) = (all.child(&epoch.to_string()), all.child("first flips"));
        EpochAugmentation { augmentation: *self, stream, flips, epoch }
    }

    /// Where in an image of `side` pixels a pixel of the padded one comes from; black from nowhere.
    fn source(&self, place: usize, side: usize) -> Option<usize> {
        match (place.checked_sub(self.padding), self.border) {
            (Some(inside), _) if inside < side => Some(inside),
            (_, Border::Black) => None,
            (None, Border::Reflected) => Some(self.padding - place),
            (Some(beyond), Border::Reflected) => Some(2 * (side - 1) - beyond),
        }
    }
}

impl EpochAugmentation {
    /// What becomes of a sample, given by its number in the data set.
    pub fn change(&self, sample: usize) -> Change {
        let mut rng = self.stream.at(sample as u64);
        let Augmentation { padding, flip, alternating, .. } = self.augmentation;
        let places = padding * 2 + 1;
        let (top, left) = (below(&mut rng, places), below(&mut rng, places));
        let mirrored = flip
            && if alternating {
                let first = uniform(&mut self.flips.at(sample as u64)) < 0.5;
                first == self.epoch.is_multiple_of(2)
            } else {
                uniform(&mut rng) < 0.5
            };
        Change { top, left, mirrored }
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
        let source = |place, side| self.augmentation.source(place, side);
        for (pixels, to) in pixels.chunks_exact(plane).zip(to.chunks_exact_mut(plane)) {
            for (row, to) in to.chunks_exact_mut(width).enumerate() {
                let Some(row) = source(row + top, height) else {
                    to.fill(0);
                    continue;
                };
                let line = &pixels[row * width..][..width];
                for (column, to) in to.iter_mut().enumerate() {
                    *to = source(column + left, width).map_or(0, |column| line[column]);
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
            let augmentation = Augmentation { padding, flip, ..Augmentation::default() };
            let augmentation = augmentation.epoch(stream(), epoch);
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

    #[test]
    fn a_reflected_border_repeats_all_but_the_outermost_pixels() {
        // Rows 1 2 3 4, 5 6 7 8, 9 10 11 12, padded by two to 7 x 8.
        let pixels: Vec<u8> = (1..=12).collect();
        let line = |row: usize| [2, 1, 0, 1, 2, 3, 2, 1].map(|column| (4 * row + column + 1) as u8);
        let padded = [2, 1, 0, 1, 2, 1, 0].map(line);
        let augmentation = Augmentation {
            padding: 2,
            border: Border::Reflected,
            flip: true,
            ..Augmentation::default()
        };
        let augmentation = augmentation.epoch(stream(), 0);
        let mut seen = Vec::new();
        for sample in 0..500 {
            let mut found = [0; 12];
            augmentation.apply(sample, (3, 4), &pixels, &mut found);
            let Change { top, left, mirrored } = augmentation.change(sample);
            for (place, found) in found.into_iter().enumerate() {
                let column = if mirrored { 3 - place % 4 } else { place % 4 };
                assert_eq!(
                    found,
                    padded[top + place / 4][left + column],
                    "{top} {left} {mirrored}"
                );
            }
            seen.push((top, left));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 25, "every window was tried");
    }

    #[test]
    fn an_alternating_flip_shows_both_sides_in_any_two_epochs() {
        let augmentation = Augmentation { alternating: true, ..Augmentation::cifar10() };
        let mirrored = |epoch, sample| augmentation.epoch(stream(), epoch).change(sample).mirrored;
        let first = (0..2_000).filter(|&sample| mirrored(0, sample)).count();
        // Binomial: mean 1000, standard deviation 22.
        assert!(first.abs_diff(1_000) < 110, "{first} of 2000 are mirrored first");
        for sample in 0..100 {
            for epoch in 0..5 {
                assert_ne!(mirrored(epoch, sample), mirrored(epoch + 1, sample));
            }
        }
        let change = |augmentation: Augmentation| {
            let Change { top, left, .. } = augmentation.epoch(stream(), 3).change(7);
            (top, left)
        };
        assert_eq!(change(augmentation), change(Augmentation::cifar10()), "the windows stay");
        let error = Augmentation { flip: false, ..augmentation }.check(32).unwrap_err().to_string();
        assert_eq!(error, "alternating is true, expected false where flip is false");
    }

    #[test]
    fn settings_that_say_nothing_of_borders_are_written_as_they_were() {
        let text = serde_yaml::to_string(&Augmentation::cifar10()).unwrap();
        assert_eq!(text, "padding: 4\nflip: true\n");
    }
}
