//! Filters that whiten the patches of images (Coates, Ng and Lee 2011).

use crate::eigen::symmetric_eigen;
use crate::layer::{ImageShape, Window};
use crate::matrix::Matrix;
use kernels::convolution::ShapeError;
use rayon::prelude::*;

/// The mean of p pT over all patches p of images, C height width numbers under a window without
/// padding; no mean is subtracted.
///
/// ```
/// use training::layer::{ImageShape, Window};
/// use training::matrix::Matrix;
/// use training::whitening::PatchCovariance;
/// let mut patches = PatchCovariance::new(ImageShape::new(1, 1, 3), Window::square(1, 1, 0))?;
/// patches.add(&Matrix::from_rows(2, 3, vec![1.0, 1.0, 1.0, 3.0, 3.0, 3.0]), 2);
/// assert_eq!(patches.matrix(), [5.0]);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PatchCovariance {
    image: ImageShape,
    window: Window,
    /// Rows and columns of positions in an image.
    positions: (usize, usize),
    images: usize,
    /// Sums of products of two numbers of a patch: for each number those with itself and all
    /// before it.
    sums: Vec<f64>,
}

impl PatchCovariance {
    /// Of no image.
    ///
    /// # Errors
    /// When the window does not fit the images.
    ///
    /// # Panics
    /// When the window has padding.
    pub fn new(image: ImageShape, window: Window) -> Result<Self, ShapeError> {
        assert_eq!(window.padding, 0, "patches lie inside their image");
        let output = image.after(window, 1)?;
        let numbers = image.channels * window.taps();
        let sums = vec![0.0; numbers * (numbers + 1) / 2];
        Ok(Self { image, window, positions: (output.height, output.width), images: 0, sums })
    }

    /// Adds the patches of the first `count` images, a row an image.
    ///
    /// # Panics
    /// When there are fewer, or a row has not the numbers of an image.
    pub fn add(&mut self, images: &Matrix, count: usize) {
        assert_eq!(images.columns(), self.image.len(), "numbers of an image");
        let Self { image, window, positions: (height, width), .. } = *self;
        let pairs: Vec<(usize, usize)> =
            (0..self.numbers()).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        // Where a number of the first patch lies in its image.
        let place = |number: usize| {
            let (channel, tap) = (number / window.taps(), number % window.taps());
            channel * image.pixels() + tap / window.width * image.width + tap % window.width
        };
        self.sums.par_iter_mut().zip(pairs).for_each(|(sum, (i, j))| {
            for row in 0..count {
                let image_row = images.row(row);
                for y in 0..height {
                    let line =
                        |number| &image_row[place(number) + y * window.stride * image.width..];
                    let (one, other) = (line(i), line(j));
                    for x in (0..width).map(|x| x * window.stride) {
                        *sum += f64::from(one[x]) * f64::from(other[x]);
                    }
                }
            }
        });
        self.images += count;
    }

    /// Images that have been added.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Numbers of a patch.
    fn numbers(&self) -> usize {
        self.image.channels * self.window.taps()
    }

    /// The covariance, row by row.
    pub fn matrix(&self) -> Vec<f64> {
        let (numbers, (height, width)) = (self.numbers(), self.positions);
        let count = (self.images * height * width) as f64;
        let sum = |i: usize, j: usize| self.sums[i * (i + 1) / 2 + j];
        let of_place = |place: usize| (place / numbers, place % numbers);
        (0..numbers * numbers).map(of_place).map(|(i, j)| sum(i.max(j), i.min(j)) / count).collect()
    }

    /// Kernels of a convolution whose outputs have mean square 1 and are uncorrelated, over the
    /// patches, but for `epsilon`: the eigenvectors over the root of their eigenvalue plus epsilon,
    /// of the largest first, and then the negatives of all of them, which an activation tells apart.
    pub fn filters(&self, epsilon: f64) -> Vec<f32> {
        let pairs = symmetric_eigen(&self.matrix(), self.numbers());
        let filters: Vec<f32> = pairs
            .iter()
            .flat_map(|pair| {
                // Rounding may leave an eigenvalue of zero below zero.
                let deviation = (pair.value.max(0.0) + epsilon).sqrt();
                pair.vector.iter().map(move |x| (x / deviation) as f32)
            })
            .collect();
        let negatives = filters.iter().map(|x| -x);
        filters.iter().copied().chain(negatives).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Convolution, ConvolutionGeometry, Initialization, Layer, StepContext};
    use kernels::InstructionSet;
    use kernels::random::{Stream, standard_normal};

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 6, width: 7 };

    /// Images whose neighbouring pixels and channels are alike.
    fn images(count: usize) -> Matrix {
        let mut rng = Stream::new(1, "whitening").at(0);
        let mut data = vec![0.0f32; count * IMAGE.len()];
        let mut before = 0.0;
        for x in &mut data {
            before = 0.8 * before + 0.5 * standard_normal(&mut rng) as f32;
            *x = before + 0.3;
        }
        Matrix::from_rows(count, IMAGE.len(), data)
    }

    fn covariance(images: &Matrix, window: Window) -> PatchCovariance {
        let mut patches = PatchCovariance::new(IMAGE, window).unwrap();
        patches.add(images, images.rows());
        patches
    }

    #[test]
    fn the_covariance_is_the_mean_over_patches() {
        let (images, window) = (images(3), Window { height: 2, width: 3, stride: 2, padding: 0 });
        let patches = covariance(&images, window);
        let (numbers, mut expected, mut count) = (18, vec![0.0; 18 * 18], 0.0);
        for row in 0..3 {
            for (top, left) in
                [(0, 0), (0, 2), (0, 4), (2, 0), (2, 2), (2, 4), (4, 0), (4, 2), (4, 4)]
            {
                let number = |i: usize| {
                    let (channel, y, x) = (i / 6, top + i % 6 / 3, left + i % 3);
                    f64::from(images.row(row)[channel * 42 + y * 7 + x])
                };
                for (place, sum) in expected.iter_mut().enumerate() {
                    *sum += number(place / numbers) * number(place % numbers);
                }
                count += 1.0;
            }
        }
        for (found, expected) in patches.matrix().iter().zip(&expected) {
            assert!((found - expected / count).abs() < 1e-12, "{found} {}", expected / count);
        }
    }

    #[test]
    fn whitened_patches_have_unit_covariance() {
        let (images, window) = (images(200), Window::square(2, 1, 0));
        let filters = covariance(&images, window).filters(0.0);
        let geometry = ConvolutionGeometry { image: IMAGE, outputs: 24, window };
        let initialization = Initialization::Whitening { images: 200, epsilon: 0.0 };
        let stream = Stream::new(1, "unused");
        let mut layer =
            Convolution::new("whitening", geometry, true, initialization, None, stream).unwrap();
        layer.visit_state(&mut |name, values| {
            if name == "whitening.weight" {
                values.copy_from_slice(&filters);
            }
        });
        layer.forward(&StepContext::evaluation(InstructionSet::detect()), &images);
        let pixels = geometry.output().unwrap().pixels();
        let plane =
            |row: usize, channel: usize| &layer.output().row(row)[channel * pixels..][..pixels];
        for i in 0..24 {
            for j in 0..24 {
                let products = (0..200).flat_map(|row| plane(row, i).iter().zip(plane(row, j)));
                let sum: f64 = products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                let expected = match i.abs_diff(j) {
                    0 => 1.0,
                    12 => -1.0,
                    _ => 0.0,
                };
                assert!((sum / (200 * pixels) as f64 - expected).abs() < 1e-4, "{i} {j}");
            }
        }
    }

    #[test]
    fn images_added_in_parts_count_as_one_set() {
        let window = Window::square(2, 1, 0);
        let all = images(5);
        let mut parts = PatchCovariance::new(IMAGE, window).unwrap();
        for (first, rows) in [(0, 2), (2, 3)] {
            let data = all.data()[first * IMAGE.len()..(first + rows) * IMAGE.len()].to_vec();
            parts.add(&Matrix::from_rows(rows, IMAGE.len(), data), rows);
        }
        assert_eq!(parts.images(), 5);
        assert_eq!(parts.matrix(), covariance(&all, window).matrix());
    }

    #[test]
    fn patches_without_variance_are_left_finite() {
        let grey = Matrix::from_rows(1, IMAGE.len(), vec![0.5; IMAGE.len()]);
        let filters = covariance(&grey, Window::square(2, 1, 0)).filters(5e-4);
        assert!(filters.iter().all(|x| x.is_finite()));
    }
}
