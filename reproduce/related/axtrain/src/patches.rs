//! Patches of planes: what the weights of a convolution are multiplied with.
//!
//! A window slides over the planes of an image, without zeros around them. What it shows at a position
//! is a row of numbers, over its rows, its columns and the channels, in this order, and with the rows
//! of all positions the convolution is a product of matrices (im2col).

use kernels::convolution::ShapeError;
use training::layer::{ImageShape, Window};

/// Where the numbers of an image's planes are among each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Channels, rows and columns.
    pub shape: ImageShape,
    /// How far it is to the next channel, row and column.
    steps: [usize; 3],
}

impl Planes {
    /// Plane after plane, as images are stored.
    pub fn of_image(shape: ImageShape) -> Self {
        Self { shape, steps: [shape.pixels(), shape.width, 1] }
    }

    /// Pixel after pixel with its channels, as a product with patches gives them.
    pub fn of_product(shape: ImageShape) -> Self {
        Self { shape, steps: [1, shape.width * shape.channels, shape.channels] }
    }

    /// The place of a number in its image.
    pub fn index(&self, [channel, row, column]: [usize; 3]) -> usize {
        let [to_channel, to_row, to_column] = self.steps;
        channel * to_channel + row * to_row + column * to_column
    }
}

/// What a window shows of planes, position after position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// What it slides over.
    pub planes: Planes,
    /// Rows and columns of the window.
    pub size: usize,
    /// Pixels from one position to the next, along both axes.
    pub stride: usize,
    /// Rows and columns of positions.
    pub positions: [usize; 2],
}

impl Patches {
    /// What a square window shows of planes.
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero or the window does not fit.
    pub fn new(planes: Planes, size: usize, stride: usize) -> Result<Self, ShapeError> {
        let after = planes.shape.after(Window::square(size, stride, 0), 1)?;
        Ok(Self { planes, size, stride, positions: [after.height, after.width] })
    }

    /// How many positions there are.
    pub fn count(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Numbers of a patch.
    pub fn len(&self) -> usize {
        self.size * self.size * self.planes.shape.channels
    }

    /// Whether a patch has no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The patches of images one after another: a row an image and position.
    pub fn of<T: Copy>(&self, images: &[T]) -> Vec<T> {
        let indices = self.indices();
        let mut patches =
            Vec::with_capacity(images.len() / self.planes.shape.len() * indices.len());
        for image in images.chunks_exact(self.planes.shape.len()) {
            patches.extend(indices.iter().map(|&index| image[index]));
        }
        patches
    }

    /// The derivatives by the images from those by their patches: what [`Patches::of`] copied is
    /// added up again, position after position.
    pub fn sums(&self, patches: &[f32]) -> Vec<f32> {
        let indices = self.indices();
        let mut images = vec![0.0; patches.len() / indices.len() * self.planes.shape.len()];
        let pairs = images.chunks_exact_mut(self.planes.shape.len());
        for (image, patches) in pairs.zip(patches.chunks_exact(indices.len())) {
            indices.iter().zip(patches).for_each(|(&index, slope)| image[index] += slope);
        }
        images
    }

    /// The places in an image of what its patches hold.
    fn indices(&self) -> Vec<usize> {
        let Self { planes, size, stride, positions: [rows, columns] } = *self;
        let mut indices = Vec::with_capacity(self.count() * self.len());
        for (row, column) in pairs(rows, columns) {
            for (below, right) in pairs(size, size) {
                let place = |channel| [channel, row * stride + below, column * stride + right];
                indices.extend((0..planes.shape.channels).map(|it| planes.index(place(it))));
            }
        }
        indices
    }
}

/// Row after row.
fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes() -> Planes {
        Planes::of_image(ImageShape::new(2, 3, 4))
    }

    #[test]
    fn a_patch_is_what_the_window_shows() {
        let patches = Patches::new(planes(), 2, 2).unwrap();
        assert_eq!((patches.positions, patches.len()), ([1, 2], 8));
        // Plane after plane: the second begins with 12. The last row is not covered.
        let image: Vec<u8> = (0..24).collect();
        let found = patches.of(&image);
        assert_eq!(found[..8], [0, 12, 1, 13, 4, 16, 5, 17]);
        assert_eq!(found[8..], [2, 14, 3, 15, 6, 18, 7, 19]);
        let two: Vec<u8> = (0..48).collect();
        assert_eq!(patches.of(&two)[..16], found);
        assert_eq!(patches.of(&two)[16..24], [24, 36, 25, 37, 28, 40, 29, 41]);
    }

    #[test]
    fn a_window_of_one_pixel_shows_what_a_product_gave_as_it_is() {
        let planes = Planes::of_product(ImageShape::new(2, 3, 4));
        let image: Vec<u8> = (0..24).collect();
        assert_eq!(Patches::new(planes, 1, 1).unwrap().of(&image), image);
        assert_eq!(planes.index([1, 2, 3]), 23);
    }

    #[test]
    fn sums_are_the_transpose_of_patches() {
        let patches = Patches::new(planes(), 2, 1).unwrap();
        let image: Vec<f32> = (0..48).map(|place| libm::sinf(place as f32)).collect();
        let read = patches.of(&image);
        let slopes: Vec<f32> = (0..read.len()).map(|place| libm::cosf(place as f32)).collect();
        let dot = |one: &[f32], other: &[f32]| -> f64 {
            one.iter().zip(other).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        let (one, other) = (dot(&read, &slopes), dot(&image, &patches.sums(&slopes)));
        assert!((one - other).abs() < 1e-5, "{one} {other}");
        // A pixel in the middle is in four patches.
        assert_eq!(patches.sums(&[1.0; 48])[..6], [1.0, 2.0, 2.0, 1.0, 2.0, 4.0]);
    }

    #[test]
    fn a_window_that_does_not_fit_is_an_error() {
        assert!(Patches::new(planes(), 4, 1).is_err() && Patches::new(planes(), 2, 0).is_err());
    }
}
