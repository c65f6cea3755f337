//! The largest number under a sliding window.

use super::demand::{Demand, ExpectedChannels};
use super::image_shape::{ImageShape, Window};
use super::{Layer, StepContext};
use crate::channels::Channels;
use crate::matrix::Matrix;
use kernels::convolution::ShapeError;
use rayon::prelude::*;

/// Why a window cannot pool images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The window and the image do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A window may lie outside the image.
    #[error(
        "padding {padding} of a pooling window of {height} x {width} is more than half its sides"
    )]
    Padding {
        /// Rows and columns around the image.
        padding: usize,
        /// Rows of the window.
        height: usize,
        /// Columns of the window.
        width: usize,
    },
}

/// y = max of x under each position of the window, channel by channel; pixels of the padding do
/// not count. The gradient goes to the first of equal numbers, row by row. A number that is none
/// (NaN) is put out.
#[derive(Debug)]
pub struct MaxPool {
    image: ImageShape,
    output_image: ImageShape,
    window: Window,
    /// Where in its plane the number of each output is.
    winners: Vec<u32>,
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
}

impl MaxPool {
    /// A layer without parameters.
    ///
    /// # Errors
    /// When the window does not fit, or its padding is more than half of a side.
    pub fn new(image: ImageShape, window: Window) -> Result<Self, PoolError> {
        let output_image = image.after(window, image.channels)?;
        let Window { height, width, padding, .. } = window;
        if 2 * padding > height.min(width) {
            return Err(PoolError::Padding { padding, height, width });
        }
        Ok(Self {
            image,
            output_image,
            window,
            winners: Vec::new(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
        })
    }
}

/// The pixels of an axis that are under a window at a position, the first and the one after the
/// last.
#[inline(always)]
fn covered(window: &Window, side: usize, position: usize, size: usize) -> (usize, usize) {
    let start = position * window.stride;
    match window.padding {
        0 => (start, start + side),
        padding => (start.saturating_sub(padding), (start + side - padding).min(size)),
    }
}

/// One row of outputs of one plane: their largest numbers and where these are. All outputs meet
/// one pixel of their windows after another, which become vector instructions.
#[inline(always)]
fn pool_row(
    window: Window,
    image: ImageShape,
    plane: &[f32],
    row: usize,
    largest: &mut [f32],
    winners: &mut [u32],
) {
    let (top, bottom) = covered(&window, window.height, row, image.height);
    for (column, (largest, winner)) in largest.iter_mut().zip(&mut *winners).enumerate() {
        let place = top * image.width + covered(&window, window.width, column, image.width).0;
        (*largest, *winner) = (plane[place], place as u32);
    }
    for y in top..bottom {
        for tap in 0..window.width {
            // The first output whose pixel lies in the image, and that pixel.
            let first = window.padding.saturating_sub(tap).div_ceil(window.stride);
            let left = first * window.stride + tap - window.padding;
            if first >= largest.len() || left >= image.width {
                continue;
            }
            let (largest, winners) = (&mut largest[first..], &mut winners[first..]);
            let (start, end) = (y * image.width + left, (y + 1) * image.width);
            match window.stride {
                1 => meet::<1>(&plane[start..end], start, largest, winners),
                2 => meet::<2>(&plane[start..end], start, largest, winners),
                stride => {
                    let pixels = plane[start..end].iter().step_by(stride);
                    for (step, (&pixel, (largest, winner))) in
                        pixels.zip(largest.iter_mut().zip(winners)).enumerate()
                    {
                        let place = (start + step * stride) as u32;
                        challenge(pixel, place, largest, winner);
                    }
                }
            }
        }
    }
}

/// Neighbouring outputs each meet a pixel, one pixel in STRIDE, as far as there are both.
#[inline(always)]
fn meet<const STRIDE: usize>(
    pixels: &[f32],
    start: usize,
    largest: &mut [f32],
    winners: &mut [u32],
) {
    let (blocks, rest) = pixels.as_chunks::<STRIDE>();
    let outputs = largest.iter_mut().zip(&mut *winners);
    for (step, (block, (largest, winner))) in blocks.iter().zip(outputs).enumerate() {
        challenge(block[0], (start + step * STRIDE) as u32, largest, winner);
    }
    let step = blocks.len();
    if let (Some(&pixel), Some(largest)) = (rest.first(), largest.get_mut(step)) {
        challenge(pixel, (start + step * STRIDE) as u32, largest, &mut winners[step]);
    }
}

/// A pixel takes the place of the largest number if it is larger, or no number.
#[inline(always)]
fn challenge(pixel: f32, place: u32, largest: &mut f32, winner: &mut u32) {
    // Chosen without a branch, which a processor would guess wrong.
    let wins = (pixel > *largest) | pixel.is_nan();
    (*largest, *winner) = if wins { (pixel, place) } else { (*largest, *winner) };
}

/// As [`pool_row`] with windows of 2 x 2, one beside the other: loops over the outputs alone, which
/// become vector instructions.
#[inline(always)]
fn pool_row_of_squares(
    image: ImageShape,
    plane: &[f32],
    row: usize,
    largest: &mut [f32],
    winners: &mut [u32],
) {
    let top = 2 * row * image.width;
    let (upper, lower) = (&plane[top..][..image.width], &plane[top + image.width..][..image.width]);
    let columns = upper.chunks_exact(2).zip(lower.chunks_exact(2));
    for (column, ((largest, winner), (upper, lower))) in
        largest.iter_mut().zip(winners).zip(columns).enumerate()
    {
        let left = (top + 2 * column) as u32;
        let below = left + image.width as u32;
        let (mut value, mut place) = (upper[0], left);
        for (tap, tap_place) in [(upper[1], left + 1), (lower[0], below), (lower[1], below + 1)] {
            challenge(tap, tap_place, &mut value, &mut place);
        }
        (*largest, *winner) = (value, place);
    }
}

impl Layer for MaxPool {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        assert_eq!(input.columns(), self.image.len(), "numbers of an image");
        let (image, window) = (self.image, self.window);
        let (output_len, columns) = (self.output_image.len(), self.output_image.width);
        self.output.reshape_in(context.memory, input.rows(), output_len);
        self.winners.resize(input.rows() * output_len, 0);
        let images = self.output.data_mut().par_chunks_exact_mut(output_len);
        let winners = self.winners.par_chunks_exact_mut(output_len);
        let inputs = input.data().par_chunks_exact(image.len());
        images.zip(winners).zip(inputs).for_each(|((to, winners), from)| {
            let rows = to.chunks_exact_mut(columns).zip(winners.chunks_exact_mut(columns));
            for (row, (largest, winners)) in rows.enumerate() {
                let (channel, row) =
                    (row / self.output_image.height, row % self.output_image.height);
                let plane = &from[channel * image.pixels()..][..image.pixels()];
                match window {
                    // The window of most networks.
                    Window { height: 2, width: 2, padding: 0, stride: 2 } => context.set.run(
                        #[inline(always)]
                        || pool_row_of_squares(image, plane, row, largest, winners),
                    ),
                    _ => context.set.run(
                        #[inline(always)]
                        || pool_row(window, image, plane, row, largest, winners),
                    ),
                }
            }
        });
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand { reads: Some(Channels::NONE), sends: self.expected.channels() }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        self.expected.only(demand.sends_of(self.image.channels))
    }

    fn takes_gradients_of(&self, _: &StepContext, channels: usize) -> bool {
        channels == self.image.channels
    }

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(
        &mut self,
        context: &StepContext,
        _: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        if !input_gradient_needed {
            return;
        }
        let (pixels, positions) = (self.image.pixels(), self.output_image.pixels());
        let shape = (output_gradient.rows(), self.image.len());
        let (to, memory) = (&mut self.input_gradient, context.memory);
        match output_gradient.channels() {
            None => to.reshape_in(memory, shape.0, shape.1),
            Some(indices) => {
                let channels = Channels { indices, count: self.image.channels };
                to.reshape_channels_in(memory, shape, channels);
            }
        }
        if to.columns() == 0 {
            return;
        }
        let columns = to.columns();
        let images = to.data_mut().par_chunks_exact_mut(columns);
        let gradients = output_gradient.data().par_chunks_exact(output_gradient.columns());
        let winners = self.winners.par_chunks_exact(self.output_image.len());
        images.zip(gradients).zip(winners).for_each(|((to, gradient), winners)| {
            let planes = to.chunks_exact_mut(pixels).zip(gradient.chunks_exact(positions));
            for (place, (to, gradient)) in planes.enumerate() {
                let channel = output_gradient.channel_at(place);
                let winners = &winners[channel * positions..][..positions];
                to.fill(0.0);
                for (gradient, &winner) in gradient.iter().zip(winners) {
                    to[winner as usize] += gradient;
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
    use kernels::random::{Stream, below};

    #[test]
    fn every_output_is_the_first_largest_of_its_window() {
        let image = ImageShape::new(2, 7, 9);
        let mut rng = Stream::new(1, "max-pool").at(0);
        // Few different numbers, so that many are equal; all negative, so that zeros of the
        // padding would win.
        let data = (0..3 * image.len()).map(|_| below(&mut rng, 4) as f32 - 5.0).collect();
        let input = Matrix::from_rows(3, image.len(), data);
        let windows = [
            Window::square(2, 2, 0),
            Window::square(3, 2, 1),
            Window::square(3, 1, 1),
            Window::square(2, 3, 1),
            Window::square(7, 1, 0),
        ];
        for window in windows {
            for set in InstructionSet::available() {
                let mut pool = MaxPool::new(image, window).unwrap();
                let out = pool.output_image;
                let context = StepContext::evaluation(set);
                pool.forward(&context, &input);
                let ones = (0..3 * out.len()).map(|i| i as f32).collect();
                let gradient = Matrix::from_rows(3, out.len(), ones);
                pool.backward(&context, &input, &gradient, true);
                let mut expected = vec![0.0; input.data().len()];
                for place in 0..3 * out.len() {
                    let (y, x) = (place / out.width % out.height, place % out.width);
                    let plane = place / out.pixels() * image.pixels();
                    let mut best: Option<usize> = None;
                    for tap in 0..window.taps() {
                        let row = y * window.stride + tap / window.width;
                        let column = x * window.stride + tap % window.width;
                        let (row, column) =
                            (row.wrapping_sub(window.padding), column.wrapping_sub(window.padding));
                        if row < image.height && column < image.width {
                            let pixel = plane + row * image.width + column;
                            if best.is_none_or(|best| input.data()[pixel] > input.data()[best]) {
                                best = Some(pixel);
                            }
                        }
                    }
                    let best = best.expect("no window is outside the image");
                    assert_eq!(pool.output().data()[place], input.data()[best]);
                    expected[best] += place as f32;
                }
                assert_eq!(pool.input_gradient().data(), expected);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_hidden() {
        let mut pool = MaxPool::new(ImageShape::new(1, 2, 2), Window::square(2, 2, 0)).unwrap();
        for place in 0..4 {
            let mut image = vec![1.0, 2.0, 3.0, 4.0];
            image[place] = f32::NAN;
            let context = StepContext::evaluation(InstructionSet::detect());
            pool.forward(&context, &Matrix::from_rows(1, 4, image));
            assert!(pool.output().data()[0].is_nan());
        }
    }

    #[test]
    fn windows_that_may_miss_the_image_are_refused() {
        let error = MaxPool::new(ImageShape::new(1, 8, 8), Window::square(2, 2, 2)).unwrap_err();
        assert!(error.to_string().starts_with("padding 2 of a pooling window of 2 x 2"), "{error}");
    }
}
