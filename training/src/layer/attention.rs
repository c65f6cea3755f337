//! Causal self-attention with several heads (Vaswani et al. 2017).

use super::activation::exponential;
use super::demand::Demand;
use super::{Chain, Layer, Linear, StepContext};
use crate::counting::Computations;
use crate::matrix::Matrix;
use crate::sampling::LayerPolicies;
use kernels::product::matmul;
use kernels::random::Stream;
use kernels::{InstructionSet, MatrixView, MatrixViewMut};
use rayon::prelude::*;

/// Concat(O_1, ..., O_h) with O = softmax(Q K^T / sqrt(d / h)) V of each head, every token looking at
/// itself and those before it (equations 1 and 4, and the mask of section 3.2.3); without a parameter.
///
/// A row has the queries, the keys and the values of a token, 3 d numbers, each in h heads of d / h
/// one after another; the output has d. Rows are those of T time steps and B sequences, time by
/// time: row t B + b. Sequences and heads have nothing to do with each other.
///
/// The products are exact and of whole squares: 2 B T^2 d multiply-adds in the forward pass, for
/// Q K^T and for P V, and twice as many in the backward pass, of which the mask leaves about half
/// without effect. That is what is counted, as performed and as exact.
///
/// ```
/// use kernels::InstructionSet;
/// use training::layer::{CausalAttention, Layer, StepContext};
/// use training::matrix::Matrix;
///
/// // Two tokens of one number: of zero scores, the second output is the mean of both values.
/// let mut attention = CausalAttention::new(2, 1);
/// let context = StepContext::evaluation(InstructionSet::detect());
/// attention.forward(&context, &Matrix::from_rows(2, 3, vec![0.0, 0.0, 4.0, 0.0, 0.0, 8.0]));
/// assert_eq!(attention.output().data(), [4.0, 6.0]);
/// ```
#[derive(Debug)]
pub struct CausalAttention {
    steps: usize,
    heads: usize,
    /// P of each sequence and head, T x T.
    probabilities: Matrix,
    /// The gradient of Q K^T / sqrt(d / h), as long as a backward pass computes with it.
    score_gradients: Matrix,
    /// A matrix of T rows of each sequence and head, before its rows are put in place.
    apart: Matrix,
    output: Matrix,
    input_gradient: Matrix,
}

/// The sizes of a minibatch.
#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    heads: usize,
    sequences: usize,
    /// Numbers of a token in one head, d / h.
    width: usize,
}

/// The three parts of an input row, in their order.
#[derive(Clone, Copy)]
enum Part {
    Queries,
    Keys,
    Values,
}

impl Sizes {
    /// Numbers of a token in all heads.
    fn all(self) -> usize {
        self.heads * self.width
    }

    /// Sequences times heads: how many products there are of a kind.
    fn count(self) -> usize {
        self.sequences * self.heads
    }

    /// The T rows of a sequence and head in a matrix whose rows have `columns` numbers, those of the
    /// first head from `start` on.
    fn rows(self, data: &[f32], place: usize, start: usize, columns: usize) -> MatrixView<'_, f32> {
        let (sequence, head) = (place / self.heads, place % self.heads);
        let from = &data[sequence * columns + start + head * self.width..];
        let (rows, stride) = (self.steps, self.sequences * columns);
        MatrixView::with_strides(from, rows, self.width, stride, 1).expect("a row of every step")
    }

    /// The same of queries, keys or values.
    fn part(self, input: &Matrix, place: usize, part: Part) -> MatrixView<'_, f32> {
        self.rows(input.data(), place, part as usize * self.all(), 3 * self.all())
    }

    /// Puts rows that lie apart, `parts` matrices of T rows of each sequence and head, in their
    /// places.
    fn put_in_place(self, apart: &Matrix, parts: usize, to: &mut Matrix) {
        let (row_length, of_a_part) = (parts * self.all(), self.steps * self.width);
        let from = apart.data();
        to.data_mut().par_chunks_exact_mut(row_length.max(1)).enumerate().for_each(|(row, to)| {
            let (step, sequence) = (row / self.sequences, row % self.sequences);
            for (part, to) in to.chunks_exact_mut(self.all()).enumerate() {
                for (head, to) in to.chunks_exact_mut(self.width).enumerate() {
                    let place = (sequence * self.heads + head) * parts + part;
                    to.copy_from_slice(&from[place * of_a_part + step * self.width..][..to.len()]);
                }
            }
        });
    }

    /// Counts so many products of a kind.
    fn count_products(self, context: &StepContext, kinds: usize) {
        let sides = [kinds * self.count() * self.steps, self.width, self.steps];
        context.count(Computations::of_product(sides, sides));
    }

    /// What scores are multiplied with, 1 / sqrt(d / h).
    fn scale(self) -> f32 {
        (1.0 / (self.width as f64).sqrt()) as f32
    }
}

impl CausalAttention {
    /// A layer for texts of `steps` tokens.
    ///
    /// # Panics
    /// When there is no time step or no head.
    pub fn new(steps: usize, heads: usize) -> Self {
        assert!(steps > 0 && heads > 0, "attention has a time step and a head");
        let [probabilities, score_gradients, apart, output, input_gradient] =
            [(); 5].map(|()| Matrix::default());
        Self { steps, heads, probabilities, score_gradients, apart, output, input_gradient }
    }

    fn sizes(&self, input: &Matrix) -> Sizes {
        let (steps, heads) = (self.steps, self.heads);
        let (rows, columns) = (input.rows(), input.columns());
        assert_eq!(rows % steps, 0, "attention over {steps} steps: rows");
        assert_eq!(columns % (3 * heads), 0, "attention of {heads} heads: numbers of a token");
        Sizes { steps, heads, sequences: rows / steps, width: columns / (3 * heads) }
    }
}

impl Layer for CausalAttention {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let (sizes, set) = (self.sizes(input), context.set);
        let Sizes { steps, width, .. } = sizes;
        self.probabilities.reshape_in(context.memory, sizes.count() * steps, steps);
        self.apart.reshape_in(context.memory, sizes.count() * steps, width);
        self.output.reshape_in(context.memory, input.rows(), sizes.all());
        let probabilities = self.probabilities.data_mut().par_chunks_exact_mut(steps * steps);
        let apart = self.apart.data_mut().par_chunks_exact_mut((steps * width).max(1));
        probabilities.zip(apart).enumerate().for_each(|(place, (probabilities, to))| {
            let part = |part| sizes.part(input, place, part);
            let scores = MatrixViewMut::row_major(probabilities, steps, steps);
            matmul(set, part(Part::Queries), part(Part::Keys).transpose(), scores);
            for (step, row) in probabilities.chunks_exact_mut(steps).enumerate() {
                let (seen, future) = row.split_at_mut(step + 1);
                softmax(set, sizes.scale(), seen);
                future.fill(0.0);
            }
            let probabilities = MatrixView::row_major(probabilities, steps, steps);
            let to = MatrixViewMut::row_major(to, steps, width);
            matmul(set, probabilities, part(Part::Values), to);
        });
        sizes.put_in_place(&self.apart, 1, &mut self.output);
        self.apart.release(context.memory);
        if context.training.is_some() {
            sizes.count_products(context, 2);
        } else if context.memory.is_some() {
            // No backward pass follows where the memory is shared.
            self.probabilities.release(context.memory);
        }
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn learns(&self, _: &StepContext) -> bool {
        false
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        if input_gradient_needed {
            let (sizes, set) = (self.sizes(input), context.set);
            let Sizes { steps, width, .. } = sizes;
            self.score_gradients.reshape_in(context.memory, sizes.count() * steps, steps);
            self.apart.reshape_in(context.memory, 3 * sizes.count() * steps, width);
            self.input_gradient.reshape_in(context.memory, input.rows(), input.columns());
            let (square, of_a_part) = (steps * steps, (steps * width).max(1));
            let probabilities = self.probabilities.data().par_chunks_exact(square);
            let score_gradients = self.score_gradients.data_mut().par_chunks_exact_mut(square);
            let apart = self.apart.data_mut().par_chunks_exact_mut(3 * of_a_part);
            let places = probabilities.zip(score_gradients).zip(apart).enumerate();
            places.for_each(|(place, ((probabilities, ds), to))| {
                let part = |part| sizes.part(input, place, part);
                let dy = sizes.rows(output_gradient.data(), place, 0, sizes.all());
                let view = |data| MatrixView::row_major(data, steps, steps);
                let mut parts = to.chunks_exact_mut(of_a_part);
                let mut product = |a: MatrixView<f32>, b: MatrixView<f32>| {
                    let to = parts.next().expect("queries, keys and values");
                    matmul(set, a, b, MatrixViewMut::row_major(to, steps, width));
                };
                // dP = dO V^T.
                let of_scores = MatrixViewMut::row_major(ds, steps, steps);
                matmul(set, dy, part(Part::Values).transpose(), of_scores);
                let rows = ds.chunks_exact_mut(steps).zip(probabilities.chunks_exact(steps));
                for (step, (row, probabilities)) in rows.enumerate() {
                    let (seen, future) = row.split_at_mut(step + 1);
                    softmax_gradient(set, sizes.scale(), seen, &probabilities[..=step]);
                    future.fill(0.0);
                }
                product(view(ds), part(Part::Keys));
                product(view(ds).transpose(), part(Part::Queries));
                product(view(probabilities).transpose(), dy);
            });
            sizes.put_in_place(&self.apart, 3, &mut self.input_gradient);
            self.apart.release(context.memory);
            self.score_gradients.release(context.memory);
            sizes.count_products(context, 4);
        }
        self.probabilities.release(context.memory);
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }
}

/// Partial results, a whole number of vectors of any instruction set: of a row, element i goes to
/// part i modulo 16.
const PARTS: usize = 16;

/// softmax(scale x), in the place of x. What is no number makes all of the row no number.
fn softmax(set: InstructionSet, scale: f32, row: &mut [f32]) {
    let mut largest = [f32::NEG_INFINITY; PARTS];
    for block in row.chunks(PARTS) {
        let parts = largest.iter_mut().zip(block);
        set.run(move || parts.for_each(|(part, &x)| *part = if x > *part { x } else { *part }));
    }
    let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; PARTS];
    for block in row.chunks_mut(PARTS) {
        let parts = sums.iter_mut().zip(block);
        set.run(move || {
            for (part, x) in parts {
                let below = scale * (*x - largest);
                *x = if below <= 0.0 { exponential(below) } else { f32::NAN };
                *part += *x;
            }
        });
    }
    let sum = sums.into_iter().fold(0.0, |sum, part| sum + part);
    set.run(|| row.iter_mut().for_each(|x| *x /= sum));
}

/// The gradient of scores x, in the place of that of p = softmax(scale x):
/// scale p_j (dp_j - sum_i p_i dp_i).
fn softmax_gradient(set: InstructionSet, scale: f32, gradient: &mut [f32], p: &[f32]) {
    let mut sums = [0.0; PARTS];
    for (block, p) in gradient.chunks(PARTS).zip(p.chunks(PARTS)) {
        let parts = sums.iter_mut().zip(block.iter().zip(p));
        set.run(move || parts.for_each(|(part, (dp, p))| *part += dp * p));
    }
    let mean = sums.into_iter().fold(0.0, |sum, part| sum + part);
    set.run(|| {
        gradient.iter_mut().zip(p).for_each(|(dp, p)| *dp = scale * (p * (*dp - mean)));
    });
}

/// Self-attention with its projections: a linear layer `NAME.qkv` from d to 3 d numbers, queries,
/// keys and values in one product, [`CausalAttention`], and `NAME.projection` from d to d. Both
/// linear layers are sampled over their input features by their policies.
pub fn self_attention(
    name: &str,
    (steps, width, heads): (usize, usize, usize),
    policies: &LayerPolicies,
    stream: Stream,
) -> Chain {
    let linear = |part: &str, outputs: usize| -> Box<dyn Layer> {
        let name = format!("{name}.{part}");
        let (policy, stream) = (policies.of(&name, true), stream.child(&name));
        Box::new(Linear::new(&name, width, outputs, policy, stream))
    };
    assert_eq!(width % heads, 0, "{name}: {width} numbers of a token in {heads} heads");
    let attention = Box::new(CausalAttention::new(steps, heads));
    Chain::new(vec![linear("qkv", 3 * width), attention, linear("projection", width)])
}

#[cfg(test)]
mod tests;
