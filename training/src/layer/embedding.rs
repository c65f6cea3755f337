//! Vectors of words.

use super::initialization::uniform_within;
use super::{Gradient, Layer, Parameter, ParameterName, StepContext};
use crate::matrix::Matrix;
use kernels::random::Stream;

/// A row of W for every word: of B x T numbers of words (a row a sequence, a column a step) the output
/// has T B rows, steps first. Row t B + b is of step t of sequence b.
///
/// Its gradient has the rows of the words that were there, the others being zero, and an optimiser
/// may leave these alone. There is no gradient of the words.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::layer::{Embedding, Layer, StepContext};
/// use training::matrix::Matrix;
/// let mut layer = Embedding::new("words", 10, 4, 0.1, Stream::new(1, "example"));
/// let context = StepContext::evaluation(InstructionSet::detect());
/// let two_sequences = Matrix::from_rows(2, 3, vec![5.0, 0.0, 1.0, 7.0, 0.0, 9.0]);
/// layer.forward(&context, &two_sequences);
/// let output = layer.output();
/// assert_eq!((output.rows(), output.columns()), (3 * 2, 4));
/// // The second word of both sequences is the same.
/// assert_eq!(output.row(2), output.row(3));
/// ```
#[derive(Debug)]
pub struct Embedding {
    name: String,
    words: usize,
    width: usize,
    weight: Vec<f32>,
    /// The words that were there, in increasing order.
    there: Vec<u32>,
    weight_gradient: Vec<f32>,
    output: Matrix,
    /// Of no columns: the words have no gradient.
    input_gradient: Matrix,
}

impl Embedding {
    /// A layer whose weights are uniform in plus or minus `bound`.
    pub fn new(name: &str, words: usize, width: usize, bound: f64, stream: Stream) -> Self {
        Self {
            name: name.to_owned(),
            words,
            width,
            weight: uniform_within(bound, words * width, stream.child("weight")),
            there: Vec::new(),
            weight_gradient: Vec::new(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }
}

/// The word of a row of the output.
fn word(input: &Matrix, row: usize) -> usize {
    let (step, sequence) = (row / input.rows(), row % input.rows());
    input.row(sequence)[step] as usize
}

impl Layer for Embedding {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let mut output = std::mem::take(&mut self.output);
        output.reshape_in(context.memory, input.rows() * input.columns(), self.width);
        for (row, to) in output.data_mut().chunks_exact_mut(self.width).enumerate() {
            let word = word(input, row);
            assert!(word < self.words, "{}: word {word} of {}", self.name, self.words);
            to.copy_from_slice(&self.weight[word * self.width..][..self.width]);
        }
        self.output = output;
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn learns(&self, context: &StepContext) -> bool {
        context.learns(&self.name, "weight")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        _input_gradient_needed: bool,
    ) {
        if !self.learns(context) {
            return;
        }
        let rows = output_gradient.rows();
        self.there.clear();
        self.there.extend((0..rows).map(|row| word(input, row) as u32));
        self.there.sort_unstable();
        self.there.dedup();
        self.weight_gradient.clear();
        self.weight_gradient.resize(self.there.len() * self.width, 0.0);
        // Where a word was several times, gradients are added step by step.
        for row in 0..rows {
            let place = self.there.partition_point(|&other| (other as usize) < word(input, row));
            let sums = &mut self.weight_gradient[place * self.width..][..self.width];
            let gradient = output_gradient.row(row);
            context.set.run(|| sums.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += x));
        }
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let name = ParameterName::new(&self.name, "weight");
        let gradient = Gradient::Rows { indices: &self.there, values: &self.weight_gradient };
        visit(Parameter::new(name, &mut self.weight, self.width, gradient));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.weight", self.name), &mut self.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::InstructionSet;

    #[test]
    fn gradients_of_a_word_are_added_and_others_are_not_there() {
        let stream = Stream::new(1, "embedding");
        let mut layer = Embedding::new("words", 6, 2, 0.5, stream);
        let context = StepContext::training(InstructionSet::detect(), stream, 0);
        // Of two sequences of three steps.
        let input = Matrix::from_rows(2, 3, vec![4.0, 1.0, 4.0, 1.0, 5.0, 4.0]);
        layer.forward(&context, &input);
        let weight = layer.weight.clone();
        let rows = [4, 1, 1, 5, 4, 4].map(|word| &weight[2 * word..][..2]).concat();
        assert_eq!(layer.output().data(), rows);
        let gradient = Matrix::from_rows(6, 2, (0..12).map(|i| i as f32).collect());
        layer.backward(&context, &input, &gradient, true);
        layer.visit_parameters(&mut |parameter| {
            let Gradient::Rows { indices, values } = parameter.gradient else { panic!("rows") };
            assert_eq!(indices, [1, 4, 5]);
            assert_eq!(
                values,
                [2.0 + 4.0, 3.0 + 5.0, 0.0 + 8.0 + 10.0, 1.0 + 9.0 + 11.0, 6.0, 7.0]
            );
        });
        assert_eq!(layer.input_gradient().columns(), 0);
    }

    #[test]
    #[should_panic(expected = "words: word 6 of 6")]
    fn a_word_that_there_is_not_is_named() {
        let mut layer = Embedding::new("words", 6, 2, 0.5, Stream::new(1, "embedding"));
        let context = StepContext::evaluation(InstructionSet::detect());
        layer.forward(&context, &Matrix::from_rows(1, 1, vec![6.0]));
    }
}
