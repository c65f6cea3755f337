//! Dropout: in training each activation is zeroed with a probability, the others are scaled up.

use super::demand::{Demand, ExpectedChannels};
use super::elementwise::map_gradient;
use super::{Layer, StepContext};
use crate::channels::Channels;
use crate::matrix::Matrix;
use kernels::random::fill_words;
use rayon::prelude::*;

/// Zeroes each element with probability `rate` and divides the others by `1 - rate`; the identity
/// during evaluation (Srivastava et al. 2014, in the inverted form).
#[derive(Debug)]
pub struct Dropout {
    name: String,
    rate: f64,
    /// What each element is multiplied with.
    factors: Matrix,
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
}

impl Dropout {
    /// A dropout layer with a name (its stream of randomness) and a rate in [0, 1).
    ///
    /// # Panics
    /// When the rate is outside [0, 1).
    pub fn new(name: &str, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate lies in [0, 1), this is {rate}");
        Self {
            name: name.to_owned(),
            rate,
            factors: Matrix::default(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
        }
    }
}

/// Elements of a task.
const PIECE: usize = 1 << 13;
/// Elements whose random words are drawn at once.
const BLOCK: usize = 1 << 10;

impl Layer for Dropout {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        let (rows, columns) = (input.rows(), input.columns());
        self.output.reshape_in(context.memory, rows, columns);
        self.factors.reshape(rows, columns);
        let Some(generator) = context.generator_of_samples(&self.name) else {
            self.factors.data_mut().fill(1.0);
            return self.output.data_mut().copy_from_slice(input.data());
        };
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let threshold = (self.rate * 2f64.powi(32)) as u32;
        let pieces = self.output.data_mut().par_chunks_mut(PIECE);
        let pieces = pieces.zip(self.factors.data_mut().par_chunks_mut(PIECE));
        let pieces = pieces.zip(input.data().par_chunks(PIECE)).enumerate();
        pieces.for_each(|(piece, ((to, factors), from))| {
            // Element i takes word i of the step, whichever thread draws it.
            let mut generator = generator.clone();
            generator.set_word_pos((piece * PIECE) as u128);
            let mut words = [0; BLOCK];
            let blocks = to.chunks_mut(BLOCK).zip(factors.chunks_mut(BLOCK));
            for ((to, factors), from) in blocks.zip(from.chunks(BLOCK)) {
                let words = &mut words[..to.len()];
                fill_words(&mut generator, words);
                context.set.run(move || {
                    for (((to, factor), from), &word) in
                        to.iter_mut().zip(factors).zip(from).zip(&*words)
                    {
                        *factor = if word < threshold { 0.0 } else { kept };
                        *to = from * *factor;
                    }
                });
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
        self.expected.only(demand.sends)
    }

    fn takes_gradients_of(&self, _: &StepContext, _channels: usize) -> bool {
        true
    }

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(&mut self, context: &StepContext, _: &Matrix, output_gradient: &Matrix, _: bool) {
        self.input_gradient.reshape_like_in(context.memory, output_gradient);
        let multiply = |gradient: f32, factor: f32| gradient * factor;
        let (to, factors) = (&mut self.input_gradient, &self.factors);
        map_gradient(context.set, to, output_gradient, factors, multiply);
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
    fn every_element_has_a_word_of_its_own() {
        use rand::Rng as _;
        let (rows, columns) = (3, PIECE / 2 + 7);
        let input = Matrix::from_rows(rows, columns, vec![1.0; rows * columns]);
        let context = StepContext::training(InstructionSet::detect(), Stream::new(1, "t"), 5);
        let mut dropout = Dropout::new("dropout", 0.4);
        dropout.forward(&context, &input);
        let mut generator = Stream::new(1, "t").child("dropout").at(5);
        for &factor in dropout.factors.data() {
            let drops = f64::from(generator.next_u32()) < (0.4 * 2f64.powi(32)).floor();
            assert_eq!(factor, if drops { 0.0 } else { (1.0 / 0.6) as f32 });
        }
        assert_eq!(dropout.output(), &dropout.factors, "ones times the factors");
    }

    #[test]
    fn a_gradient_of_some_channels_meets_their_factors() {
        let context = StepContext::training(InstructionSet::detect(), Stream::new(1, "t"), 0);
        let mut dropout = Dropout::new("dropout", 0.5);
        let input = Matrix::from_rows(2, 9, vec![1.0; 18]);
        dropout.forward(&context, &input);
        let whole = Matrix::from_rows(2, 9, (0..18).map(|i| i as f32).collect());
        dropout.backward(&context, &input, &whole, true);
        let mut expected = dropout.input_gradient().clone();
        let channels = Channels { indices: &[1, 4, 8], count: 9 };
        expected.keep_channels(None, channels);
        let mut some = whole;
        some.keep_channels(None, channels);
        dropout.backward(&context, &input, &some, true);
        assert_eq!(dropout.input_gradient(), &expected);
    }

    #[test]
    fn keeps_the_mean_and_drops_its_share() {
        let mut dropout = Dropout::new("dropout", 0.25);
        let input = Matrix::from_rows(1, 40_000, vec![1.0; 40_000]);
        let set = InstructionSet::detect();
        dropout.forward(&StepContext::training(set, Stream::new(1, "t"), 0), &input);
        let dropped = dropout.output().data().iter().filter(|&&x| x == 0.0).count() as f64;
        let deviation = (40_000.0f64 * 0.25 * 0.75).sqrt();
        assert!((dropped - 10_000.0).abs() < 5.0 * deviation, "{dropped}");
        assert!(dropout.output().data().iter().all(|&x| x == 0.0 || x == 4.0 / 3.0));
        dropout.forward(&StepContext::evaluation(set), &input);
        assert_eq!(dropout.output(), &input);
    }
}
