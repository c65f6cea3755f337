//! The shortcut without parameters (He et al. 2016, option A) by average-pooling and channels of
//! zeros.

use super::demand::Demand;
use super::image_shape::{ImageShape, Window};
use super::{Layer, StepContext};
use crate::matrix::Matrix;
use kernels::convolution::ShapeError;
use rayon::prelude::*;

/// Why images cannot be pooled and padded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolAndPadError {
    /// The squares and the image do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There are fewer channels than before.
    #[error("{channels} channels were asked for where {given} are given; none is left out")]
    Channels {
        /// What was asked for.
        channels: usize,
        /// Those of the images.
        given: usize,
    },
}

/// y = the mean of x over squares side by side, channel by channel, with half of the new channels,
/// which are zero, before the given ones and half after them. Pixels that fill no square are left
/// out.
#[derive(Debug)]
pub struct PoolAndPad {
    image: ImageShape,
    output_image: ImageShape,
    side: usize,
    output: Matrix,
    input_gradient: Matrix,
}

impl PoolAndPad {
    /// A layer without parameters, of squares of `side` pixels and with so many channels in all.
    ///
    /// # Errors
    /// When the squares do not fit, or there are fewer channels than before.
    pub fn new(image: ImageShape, side: usize, channels: usize) -> Result<Self, PoolAndPadError> {
        let output_image = image.after(Window::square(side, side, 0), channels)?;
        if channels < image.channels {
            return Err(PoolAndPadError::Channels { channels, given: image.channels });
        }
        let (output, input_gradient) = (Matrix::default(), Matrix::default());
        Ok(Self { image, output_image, side, output, input_gradient })
    }

    /// The images of the output.
    pub fn output_image(&self) -> ImageShape {
        self.output_image
    }

    /// Numbers of an output image before those of the given channels.
    fn first(&self) -> usize {
        (self.output_image.channels - self.image.channels) / 2 * self.output_image.pixels()
    }

    /// Numbers of the given channels in an output image.
    fn given(&self) -> usize {
        self.image.channels * self.output_image.pixels()
    }
}

/// The rows of squares of images of a width, each with the output's row.
fn squares(
    (height, side): (usize, usize),
    rows: usize,
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    (0..rows).map(move |row| {
        let (channel, row_of_plane) = (row / (height / side), row % (height / side));
        let first = channel * height + row_of_plane * side;
        (row, first..first + side)
    })
}

impl Layer for PoolAndPad {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.image.len(), "numbers of an image");
        let (first, given, side) = (self.first(), self.given(), self.side);
        let (from_width, to_width) = (self.image.width, self.output_image.width);
        let (sides, share) = ((self.image.height, side), 1.0 / (side * side) as f32);
        self.output.reshape_in(context.memory, input.rows(), self.output_image.len());
        let images = self.output.data_mut().par_chunks_exact_mut(self.output_image.len());
        images.zip(input.data().par_chunks_exact(self.image.len())).for_each(|(to, from)| {
            to.fill(0.0);
            let to = &mut to[first..][..given];
            for (row, under) in squares(sides, given / to_width) {
                let to = &mut to[row * to_width..][..to_width];
                for from in under.map(|row| &from[row * from_width..][..to_width * side]) {
                    for (to, from) in to.iter_mut().zip(from.chunks_exact(side)) {
                        from.iter().for_each(|x| *to += x);
                    }
                }
                to.iter_mut().for_each(|to| *to *= share);
            }
        });
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand::GRADIENT
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(&mut self, context: &StepContext, _: &Matrix, output_gradient: &Matrix, _: bool) {
        let (first, given, side) = (self.first(), self.given(), self.side);
        let (to_width, from_width) = (self.image.width, self.output_image.width);
        let (sides, share) = ((self.image.height, side), 1.0 / (side * side) as f32);
        self.input_gradient.reshape_in(context.memory, output_gradient.rows(), self.image.len());
        let images = self.input_gradient.data_mut().par_chunks_exact_mut(self.image.len());
        let gradients = output_gradient.data().par_chunks_exact(self.output_image.len());
        images.zip(gradients).for_each(|(to, from)| {
            to.fill(0.0);
            let from = &from[first..][..given];
            for (row, under) in squares(sides, given / from_width) {
                let from = &from[row * from_width..][..from_width];
                for row in under {
                    let to = to[row * to_width..][..from_width * side].chunks_exact_mut(side);
                    to.zip(from).for_each(|(to, from)| to.fill(from * share));
                }
            }
        });
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::InstructionSet;

    /// Two channels of 3 x 4 pixels.
    fn images() -> (ImageShape, Matrix) {
        let numbers = (0..24u8).map(f32::from).collect();
        (ImageShape::new(2, 3, 4), Matrix::from_rows(1, 24, numbers))
    }

    #[test]
    fn squares_have_their_mean_between_channels_of_zeros() {
        let ((image, input), context) =
            (images(), StepContext::evaluation(InstructionSet::detect()));
        let mut layer = PoolAndPad::new(image, 2, 5).unwrap();
        assert_eq!(layer.output_image(), ImageShape::new(5, 1, 2));
        layer.forward(&context, &input);
        let expected = [0.0, 0.0, 2.5, 4.5, 14.5, 16.5, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(layer.output().data(), expected);
        let gradient = Matrix::from_rows(1, 10, (0..10u8).map(f32::from).collect());
        layer.backward(&context, &input, &gradient, true);
        let rows = |left: f32, right: f32| [left, left, right, right];
        let plane = |left, right| [rows(left, right), rows(left, right), [0.0; 4]].concat();
        let expected = [plane(0.5, 0.75), plane(1.0, 1.25)].concat();
        assert_eq!(layer.input_gradient().data(), expected);
    }

    #[test]
    fn squares_of_a_pixel_and_no_new_channel_are_the_identity() {
        let ((image, input), context) =
            (images(), StepContext::evaluation(InstructionSet::detect()));
        let mut layer = PoolAndPad::new(image, 1, 2).unwrap();
        layer.forward(&context, &input);
        assert_eq!(layer.output(), &input);
        layer.backward(&context, &input, &input, true);
        assert_eq!(layer.input_gradient(), &input);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let image = images().0;
        let error = PoolAndPad::new(image, 2, 1).unwrap_err().to_string();
        let expected = "1 channels were asked for where 2 are given; none is left out";
        assert_eq!(error, expected);
        assert!(PoolAndPad::new(image, 4, 2).is_err());
        assert!(PoolAndPad::new(image, 0, 2).is_err());
    }
}
