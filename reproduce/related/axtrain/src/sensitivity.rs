//! How much the outputs change when weights do: the quantity that the active method penalises.
//!
//! With a noise scale s_l a layer and d independent, of mean zero and variance s^2,
//!
//! ```text
//! R = E |f(x; w + d) - f(x; w)|^2  ->  sum_l s_l^2 E |df/dW_l|^2     for small s.
//! ```
//!
//! The left side is [`monte_carlo`], the right side [`closed_form`]. A layer that reads x_q at position
//! q has df_c/dW = sum_q g_cq x_q^T with g_cq the derivatives of output c by its sums there: the square
//! is sum_c |g_c|^2 |x|^2 where there is one position. With one hidden layer,
//!
//! ```text
//! R  ->  s_2^2 C E |h|^2 + s_1^2 E [ |x|^2 sum_j |W_2[:,j]|^2 1(a_j > 0) ],
//! ```
//!
//! a the sums and h = max(0, a) the values of the hidden units, C the number of outputs.

use crate::hardware::{Hardware, product};
use crate::images::in_parts;
use crate::memory::{Memory, Stored};
use crate::network::{Network, Shape};
use crate::objective::{difference, sum_of_squares};
use crate::pass::Pass;
use kernels::MatrixView;
use kernels::random::{Generator, Stream, fill_words};
use theory::statistics::Sample;
use training::matrix::Matrix;

/// The standard deviation that a memory's flips add to a weight of each layer.
pub fn noise_scales(network: &Network, memory: Memory) -> Vec<f64> {
    let scale = |weights: &[f32]| {
        f64::from(Stored::new(weights, memory.bits).step) * memory.variance().sqrt()
    };
    network.layers.iter().map(|layer| scale(&layer.weights)).collect()
}

/// R for small noise, a mean over inputs (samples x features).
///
/// # Panics
/// When the inputs are not as many as the network's.
pub fn closed_form(network: &Network, input: &Matrix, scales: &[f64]) -> f64 {
    let of_part = |part| squared_changes(network, &part, scales);
    Sample::of(in_parts(input).flat_map(of_part)).mean()
}

/// sum_l s_l^2 |df/dW_l|^2 of each sample.
fn squared_changes(network: &Network, input: &Matrix, scales: &[f64]) -> Vec<f64> {
    let pass = exact_pass(network, input);
    let (samples, outputs) = (input.rows(), pass.logits.columns());
    let by_sums = |output: usize| {
        let mut only = Matrix::zeros(samples, outputs);
        only.data_mut().iter_mut().skip(output).step_by(outputs).for_each(|slope| *slope = 1.0);
        pass.by_sums(&network.layers, &only)
    };
    let slopes: Vec<Vec<Matrix>> = (0..outputs).map(by_sums).collect();
    let of_layer = |sample: usize, layer: usize| {
        let shape = network.layers[layer].shape;
        let numbers = shape.positions() * shape.inputs;
        let read = &pass.factors[layer].input.data()[sample * numbers..][..numbers];
        let slopes: Vec<&[f32]> = slopes.iter().map(|of| of[layer].row(sample)).collect();
        scales[layer] * scales[layer] * squared_jacobian(shape, read, &slopes)
    };
    let layers = 0..network.layers.len();
    (0..samples).map(|sample| layers.clone().map(|layer| of_layer(sample, layer)).sum()).collect()
}

/// |df/dW|^2 of a layer, from what it reads of a sample (positions x inputs) and the derivatives of
/// every output by its sums (positions x outputs).
fn squared_jacobian(shape: Shape, read: &[f32], slopes: &[&[f32]]) -> f64 {
    let square = |number: f32| f64::from(number) * f64::from(number);
    let Shape { inputs, outputs, .. } = shape;
    if shape.positions() == 1 {
        // The Jacobian of an output has rank one.
        let of_unit = |unit: usize| -> f64 { slopes.iter().map(|of| square(of[unit])).sum() };
        let units: f64 = (0..outputs).map(of_unit).sum();
        return units * read.iter().map(|&number| square(number)).sum::<f64>();
    }
    let read = MatrixView::row_major(read, shape.positions(), inputs);
    let jacobian = |slopes: &[f32]| {
        product(MatrixView::row_major(slopes, shape.positions(), outputs).transpose(), read, None)
    };
    slopes.iter().map(|slopes| sum_of_squares(&jacobian(slopes))).sum()
}

/// R by drawing, one number a draw: weights move up or down by their scale, each as likely. Of all
/// laws with these moments this one varies least around the limit.
///
/// # Panics
/// When the inputs are not as many as the network's.
pub fn monte_carlo(
    network: &Network,
    input: &Matrix,
    scales: &[f64],
    draws: usize,
    stream: Stream,
) -> Sample {
    let clean = exact_pass(network, input);
    let draw = |draw: u64| {
        let mut moved = network.clone();
        let mut rng = stream.at(draw);
        for (layer, &scale) in moved.layers.iter_mut().zip(scales) {
            add_signs(&mut layer.weights, scale as f32, &mut rng);
        }
        let moved = exact_pass(&moved, input);
        sum_of_squares(&difference(&moved.logits, &clean.logits)) / input.rows() as f64
    };
    Sample::of((0..draws as u64).map(draw))
}

fn add_signs(weights: &mut [f32], scale: f32, rng: &mut Generator) {
    let mut words = vec![0; weights.len().div_ceil(32)];
    fill_words(rng, &mut words);
    for (weights, word) in weights.chunks_mut(32).zip(words) {
        for (bit, weight) in weights.iter_mut().enumerate() {
            *weight += if word >> bit & 1 == 1 { scale } else { -scale };
        }
    }
}

fn exact_pass(network: &Network, input: &Matrix) -> Pass {
    // Nothing is drawn.
    let rng = &mut Stream::new(0, "exact").at(0);
    Pass::forward(network, &Hardware::Exact, input, rng)
        .unwrap_or_else(|error| unreachable!("an exact product needs nothing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hidden::{Convolutions, Hidden};
    use training::layer::ImageShape;

    fn input(samples: usize, features: usize) -> Matrix {
        let values = (0..samples * features).map(|place| libm::sinf(place as f32).abs());
        Matrix::from_rows(samples, features, values.collect())
    }

    fn perceptron() -> (Network, Matrix) {
        let network = Network::perceptron([40, 30, 10], Stream::new(6, "sensitivity"));
        (network, input(50, 40))
    }

    fn convolutions() -> (Network, Matrix) {
        let hidden =
            Hidden::Convolutions(Convolutions { channels: vec![4, 6], kernel: 3, stride: 2 });
        let image = ImageShape::new(2, 9, 8);
        let shapes = hidden.layers(image, 5).unwrap();
        (Network::random(&shapes, Stream::new(6, "sensitivity")), input(50, image.len()))
    }

    /// How many standard errors of 200 draws lie between the two.
    fn distance((network, input): &(Network, Matrix), scales: &[f64], claimed: f64) -> f64 {
        let drawn = monte_carlo(network, input, scales, 200, Stream::new(7, "draws"));
        assert!((drawn.mean() / claimed - 1.0).abs() < 0.5, "{} {claimed}", drawn.mean());
        (drawn.mean() - claimed).abs() / drawn.standard_error()
    }

    fn assert_agreement(example: &(Network, Matrix), scales: &[f64], told: f64) {
        let claimed = closed_form(&example.0, &example.1, scales);
        assert!(distance(example, scales, claimed) < 4.0, "{scales:?}");
        // So much more of a variance is told from it.
        assert!(distance(example, scales, told * claimed) > 4.0, "{scales:?}");
    }

    #[test]
    fn draws_agree_with_the_closed_form_layer_by_layer() {
        for scales in [[1e-3, 0.0], [0.0, 1e-3], [1e-3, 2e-3]] {
            assert_agreement(&perceptron(), &scales, 1.1);
        }
    }

    #[test]
    fn draws_agree_with_the_closed_form_of_convolutions() {
        for scales in [[1e-3, 0.0, 0.0], [0.0, 1e-3, 0.0], [0.0, 0.0, 1e-3], [1e-3, 2e-3, 1e-3]] {
            assert_agreement(&convolutions(), &scales, 1.25);
        }
    }

    #[test]
    fn parts_do_not_change_the_closed_form() {
        let (network, input) = convolutions();
        let numbers: Vec<f32> = input.data().iter().copied().cycle().take(250 * 144).collect();
        let many = Matrix::from_rows(250, 144, numbers);
        let scales = [1e-3; 3];
        let (once, often) =
            (closed_form(&network, &input, &scales), closed_form(&network, &many, &scales));
        assert!((once / often - 1.0).abs() < 1e-12, "{once} {often}");
    }

    #[test]
    fn the_closed_form_is_that_of_the_formula() {
        let mut network = Network::perceptron([2, 2, 1], Stream::new(1, "tiny")).zeros_like();
        network.layers[0].weights = vec![1.0, 2.0, -1.0, -1.0];
        network.layers[1].weights = vec![3.0, 5.0];
        let input = Matrix::from_rows(1, 2, vec![1.0, 0.5]);
        // Unit 0 has 2 and is active, unit 1 has -1.5 and is not: 4 s_2^2 + 1.25 . 9 s_1^2.
        assert!((closed_form(&network, &input, &[0.0, 0.1]) - 0.04).abs() < 1e-9);
        assert!((closed_form(&network, &input, &[0.1, 0.0]) - 0.1125).abs() < 1e-9);
    }
}
