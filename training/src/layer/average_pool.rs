//! The mean of every channel.

use super::demand::Demand;
use super::image_shape::ImageShape;
use super::sums::Sum;
use super::{Layer, StepContext};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// y = the mean over the pixels of each channel, one number a channel.
#[derive(Debug)]
pub struct AveragePool {
    image: ImageShape,
    output: Matrix,
    input_gradient: Matrix,
}

impl AveragePool {
    /// A layer without parameters.
    pub fn new(image: ImageShape) -> Self {
        Self { image, output: Matrix::default(), input_gradient: Matrix::default() }
    }
}

impl Layer for AveragePool {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.image.len(), "numbers of an image");
        self.output.reshape_in(context.memory, input.rows(), self.image.channels);
        let pixels = self.image.pixels();
        let images = self.output.data_mut().par_chunks_exact_mut(self.image.channels);
        images.zip(input.data().par_chunks_exact(self.image.len())).for_each(|(to, from)| {
            for (to, plane) in to.iter_mut().zip(from.chunks_exact(pixels)) {
                let mut sum = Sum::new();
                sum.add(context.set, plane, |x| x);
                *to = (sum.total() / pixels as f64) as f32;
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
        let (images, columns) = (output_gradient.rows(), self.image.len());
        self.input_gradient.reshape_in(context.memory, images, columns);
        let pixels = self.image.pixels();
        let images = self.input_gradient.data_mut().par_chunks_exact_mut(self.image.len());
        let gradients = output_gradient.data().par_chunks_exact(self.image.channels);
        images.zip(gradients).for_each(|(to, gradient)| {
            for (plane, gradient) in to.chunks_exact_mut(pixels).zip(gradient) {
                plane.fill(gradient / pixels as f32);
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

    #[test]
    fn the_mean_shares_its_gradient() {
        let mut pool = AveragePool::new(ImageShape::new(2, 2, 2));
        let input = Matrix::from_rows(1, 8, vec![1.0, 2.0, 3.0, 6.0, -1.0, -2.0, -3.0, -6.0]);
        let context = StepContext::evaluation(InstructionSet::detect());
        pool.forward(&context, &input);
        assert_eq!(pool.output().data(), [3.0, -3.0]);
        pool.backward(&context, &input, &Matrix::from_rows(1, 2, vec![4.0, 8.0]), true);
        assert_eq!(pool.input_gradient().data(), [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    }
}
