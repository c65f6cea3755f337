//! Bytes to numbers of about mean 0 and variance 1, channel by channel.

use super::DataError;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each channel, of pixels scaled to [0, 1].
///
/// A pixel p of channel c becomes (p / 255 - mean\[c\]) / deviation\[c\].
///
/// ```
/// use training::data::Normalisation;
/// let mut row = [0.0; 2];
/// Normalisation::mnist().fill(&[0, 255], &mut row);
/// assert_eq!(row, [-0.1307 / 0.3081, (1.0 - 0.1307) / 0.3081]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// What is subtracted, one a channel.
    pub mean: Vec<f32>,
    /// What is divided by, one a channel.
    pub deviation: Vec<f32>,
}

impl Normalisation {
    /// The values in common use for MNIST: moments of its training pixels.
    pub fn mnist() -> Self {
        Self { mean: vec![0.1307], deviation: vec![0.3081] }
    }

    /// The values in common use for CIFAR-10: means of its training pixels, and the mean over
    /// images of an image's standard deviation.
    pub fn cifar10() -> Self {
        Self { mean: vec![0.4914, 0.4822, 0.4465], deviation: vec![0.2023, 0.1994, 0.2010] }
    }

    /// The moments of the training pixels of CIFAR-10, to four digits.
    pub fn cifar10_pixels() -> Self {
        Self { mean: vec![0.4914, 0.4822, 0.4465], deviation: vec![0.2470, 0.2435, 0.2616] }
    }

    /// The values in common use for CIFAR-100: moments of its training pixels.
    pub fn cifar100() -> Self {
        Self { mean: vec![0.5071, 0.4865, 0.4409], deviation: vec![0.2673, 0.2564, 0.2762] }
    }

    /// The values in common use for ImageNet: moments of training pixels.
    pub fn imagenet() -> Self {
        Self { mean: vec![0.485, 0.456, 0.406], deviation: vec![0.229, 0.224, 0.225] }
    }

    /// The moments of images of `channels` planes of so many bytes; a channel of one value is left
    /// as wide as it is.
    ///
    /// Sums are of integers, so that their order does not matter.
    ///
    /// ```
    /// use training::data::Normalisation;
    /// // Two images of two channels of one pixel.
    /// let normalisation = Normalisation::of(&[0, 51, 255, 51], 2, 1);
    /// assert_eq!(normalisation, Normalisation { mean: vec![0.5, 0.2], deviation: vec![0.5, 1.0] });
    /// ```
    pub fn of(pixels: &[u8], channels: usize, plane: usize) -> Self {
        let mut sums = vec![(0u64, 0u64); channels];
        for image in pixels.chunks_exact(channels * plane) {
            for ((sum, squares), plane) in sums.iter_mut().zip(image.chunks_exact(plane)) {
                for pixel in plane.iter().map(|&pixel| u64::from(pixel)) {
                    *sum += pixel;
                    *squares += pixel * pixel;
                }
            }
        }
        let count = (pixels.len() / channels.max(1)).max(1) as u64;
        let moments = sums.into_iter().map(|(sum, squares)| {
            let product = |one: u64, two: u64| u128::from(one) * u128::from(two);
            // The variance times the square of the count.
            let variance = product(count, squares) - product(sum, sum);
            let whole = 255.0 * count as f64;
            let deviation = if variance > 0 { (variance as f64).sqrt() / whole } else { 1.0 };
            ((sum as f64 / whole) as f32, deviation as f32)
        });
        let (mean, deviation) = moments.unzip();
        Self { mean, deviation }
    }

    /// Checks that there is a finite mean and a positive deviation for each of so many channels.
    ///
    /// # Errors
    /// When there is not.
    pub fn check(&self, channels: usize) -> Result<(), DataError> {
        let (means, deviations) = (self.mean.len(), self.deviation.len());
        if means != channels || deviations != channels {
            return Err(DataError::Channels { means, deviations, channels });
        }
        let pairs = self.mean.iter().zip(&self.deviation).enumerate();
        for (channel, (&mean, &deviation)) in pairs {
            if !mean.is_finite() || !deviation.is_finite() || deviation <= 0.0 {
                return Err(DataError::Normalisation { channel, mean, deviation });
            }
        }
        Ok(())
    }

    /// One image: channels x height x width bytes to as many numbers.
    ///
    /// # Panics
    /// When the lengths differ or are no multiple of the number of channels.
    pub fn fill(&self, pixels: &[u8], row: &mut [f32]) {
        let channels = self.mean.len();
        assert_eq!(pixels.len(), row.len(), "one number a pixel");
        assert_eq!(pixels.len() % channels, 0, "channels of one size");
        let plane = (pixels.len() / channels).max(1);
        let planes = pixels.chunks_exact(plane).zip(row.chunks_exact_mut(plane));
        for ((pixels, row), (mean, deviation)) in planes.zip(self.mean.iter().zip(&self.deviation))
        {
            for (to, &pixel) in row.iter_mut().zip(pixels) {
                *to = (f32::from(pixel) / 255.0 - mean) / deviation;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_that_do_not_fit_are_refused() {
        assert!(Normalisation::mnist().check(1).is_ok());
        for normalisation in [Normalisation::cifar10(), Normalisation::imagenet()] {
            assert!(normalisation.check(3).is_ok());
            let found = normalisation.check(1).unwrap_err().to_string();
            assert!(found.contains("3 means and 3 deviations for 1 channels"), "{found}");
        }
        for (mean, deviation) in [(0.5, 0.0), (f32::NAN, 1.0), (0.5, f32::INFINITY), (0.5, -1.0)] {
            let wrong = Normalisation { mean: vec![0.0, mean], deviation: vec![1.0, deviation] };
            let found = wrong.check(2).unwrap_err().to_string();
            assert!(found.contains("channel 1"), "{found}");
        }
    }

    proptest! {
        #[test]
        fn every_channel_has_its_own_moments(pixels in prop::collection::vec(0u8.., 24)) {
            let normalisation = Normalisation::imagenet();
            let mut row = [0.0; 24];
            normalisation.fill(&pixels, &mut row);
            for (place, (&pixel, &number)) in pixels.iter().zip(&row).enumerate() {
                let mean = [0.485, 0.456, 0.406][place / 8];
                let deviation = [0.229, 0.224, 0.225][place / 8];
                prop_assert_eq!(number, (f32::from(pixel) / 255.0 - mean) / deviation);
            }
        }
    }
}
