//! Dropout of whole channels.

use super::demand::Demand;
use super::image_shape::ImageShape;
use super::{Layer, StepContext};
use crate::matrix::Matrix;
use rand::Rng as _;
use rayon::prelude::*;

/// Zeroes each channel of each image with probability `rate` and divides the others by
/// `1 - rate`; the identity during evaluation (Tompson et al. 2015).
#[derive(Debug)]
pub struct DropoutChannels {
    name: String,
    rate: f64,
    image: ImageShape,
    /// One factor a channel of each image.
    factors: Vec<f32>,
    output: Matrix,
    input_gradient: Matrix,
}

impl DropoutChannels {
    /// A layer with a name (its stream of randomness) and a rate in [0, 1).
    ///
    /// # Panics
    /// When the rate is outside [0, 1).
    pub fn new(name: &str, image: ImageShape, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate lies in [0, 1), this is {rate}");
        Self {
            name: name.to_owned(),
            rate,
            image,
            factors: Vec::new(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }
}

fn multiply(
    context: &StepContext,
    to: &mut Matrix,
    from: &Matrix,
    image: ImageShape,
    factors: &[f32],
) {
    let set = context.set;
    to.reshape_in(context.memory, from.rows(), from.columns());
    let images = to.data_mut().par_chunks_exact_mut(image.len());
    let factors = factors.par_chunks_exact(image.channels);
    images.zip(from.data().par_chunks_exact(image.len())).zip(factors).for_each(
        |((to, from), factors)| {
            let planes = to.chunks_exact_mut(image.pixels());
            for ((to, from), &factor) in planes.zip(from.chunks_exact(image.pixels())).zip(factors)
            {
                set.run(|| to.iter_mut().zip(from).for_each(|(to, from)| *to = from * factor));
            }
        },
    );
}

impl Layer for DropoutChannels {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.image.len(), "{}: numbers of an image", self.name);
        self.factors.resize(input.rows() * self.image.channels, 1.0);
        match context.generator_of_samples(&self.name) {
            None => self.factors.fill(1.0),
            Some(mut generator) => {
                let kept = (1.0 / (1.0 - self.rate)) as f32;
                let threshold = (self.rate * 2f64.powi(32)) as u32;
                for factor in &mut self.factors {
                    *factor = if generator.next_u32() < threshold { 0.0 } else { kept };
                }
            }
        }
        multiply(context, &mut self.output, input, self.image, &self.factors);
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
        let to = &mut self.input_gradient;
        multiply(context, to, output_gradient, self.image, &self.factors);
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
    use kernels::random::Stream;

    #[test]
    fn channels_are_dropped_whole_and_as_often_as_asked() {
        let image = ImageShape::new(1_000, 2, 3);
        let mut dropout = DropoutChannels::new("dropout", image, 0.25);
        let input = Matrix::from_rows(40, image.len(), vec![3.0; 40 * image.len()]);
        let set = InstructionSet::detect();
        let context = StepContext::training(set, Stream::new(1, "t"), 0);
        dropout.forward(&context, &input);
        let planes = dropout.output().data().chunks(image.pixels());
        assert!(planes.clone().all(|plane| plane == [0.0; 6] || plane == [4.0; 6]));
        let dropped = planes.filter(|plane| plane[0] == 0.0).count() as f64;
        let deviation = (40_000.0f64 * 0.25 * 0.75).sqrt();
        assert!((dropped - 10_000.0).abs() < 5.0 * deviation, "{dropped}");
        dropout.backward(&context, &input, &input, true);
        assert_eq!(dropout.input_gradient(), dropout.output());
        dropout.forward(&StepContext::evaluation(set), &input);
        assert_eq!(dropout.output(), &input);
    }
}
