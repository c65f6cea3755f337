//! How much the outputs change when weights do: the quantity that the active method penalises.
//!
//! With a noise scale s_1, s_2 a layer and d independent, of mean zero and variance s^2,
//!
//! ```text
//! R = E |f(x; w + d) - f(x; w)|^2
//!   -> s_2^2 C E |h|^2 + s_1^2 E [ |x|^2 sum_j |W_2[:,j]|^2 1(a_j > 0) ]     for small s,
//! ```
//!
//! a the sums and h = max(0, a) the values of the hidden units, C the number of outputs. The first
//! line is [`monte_carlo`], the second [`closed_form`].

use crate::hardware::Hardware;
use crate::memory::{Memory, Stored};
use crate::network::Network;
use crate::objective::{difference, sum_of_squares};
use crate::pass::Pass;
use kernels::random::{Generator, Stream, fill_words};
use theory::statistics::Sample;
use training::matrix::Matrix;

/// The standard deviation that a memory's flips add to a weight of each layer.
pub fn noise_scales(network: &Network, memory: Memory) -> [f64; 2] {
    network.layers.each_ref().map(|layer| {
        let step = Stored::new(&layer.weights, memory.bits).step;
        f64::from(step) * memory.variance().sqrt()
    })
}

/// R for small noise, a mean over inputs (samples x inputs).
///
/// # Panics
/// When the inputs are not as many as the network's.
pub fn closed_form(network: &Network, input: &Matrix, scales: [f64; 2]) -> f64 {
    let pass = exact_pass(network, input);
    let [first, second] = scales.map(|scale| scale * scale);
    let output_layer = &network.layers[1];
    let mut columns = vec![0.0; output_layer.inputs];
    for row in output_layer.weights.chunks_exact(output_layer.inputs) {
        for (sum, &weight) in columns.iter_mut().zip(row) {
            *sum += f64::from(weight) * f64::from(weight);
        }
    }
    let outputs = output_layer.outputs as f64;
    let square = |row: &[f32]| -> f64 { row.iter().map(|&x| f64::from(x) * f64::from(x)).sum() };
    let of_sample = |row: usize| {
        let hidden = pass.hidden.row(row);
        let active = hidden.iter().zip(&columns).filter(|(unit, _)| **unit > 0.0);
        let through: f64 = active.map(|(_, column)| column).sum();
        second * outputs * square(hidden) + first * square(input.row(row)) * through
    };
    Sample::of((0..input.rows()).map(of_sample)).mean()
}

/// R by drawing, one number a draw: weights move up or down by their scale, each as likely. Of all
/// laws with these moments this one varies least around the limit.
///
/// # Panics
/// When the inputs are not as many as the network's.
pub fn monte_carlo(
    network: &Network,
    input: &Matrix,
    scales: [f64; 2],
    draws: usize,
    stream: Stream,
) -> Sample {
    let clean = exact_pass(network, input);
    let draw = |draw: u64| {
        let mut moved = network.clone();
        let mut rng = stream.at(draw);
        for (layer, scale) in moved.layers.iter_mut().zip(scales) {
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

    fn example() -> (Network, Matrix) {
        let network = Network::random([40, 30, 10], Stream::new(6, "sensitivity"));
        let values = (0..50 * 40).map(|place| libm::sinf(place as f32).abs()).collect();
        (network, Matrix::from_rows(50, 40, values))
    }

    /// How many standard errors of 200 draws lie between the two.
    fn distance(scales: [f64; 2], claimed: f64) -> f64 {
        let (network, input) = example();
        let drawn = monte_carlo(&network, &input, scales, 200, Stream::new(7, "draws"));
        assert!((drawn.mean() / claimed - 1.0).abs() < 0.5, "{} {claimed}", drawn.mean());
        (drawn.mean() - claimed).abs() / drawn.standard_error()
    }

    #[test]
    fn draws_agree_with_the_closed_form_layer_by_layer() {
        let (network, input) = example();
        for scales in [[1e-3, 0.0], [0.0, 1e-3], [1e-3, 2e-3]] {
            let claimed = closed_form(&network, &input, scales);
            assert!(distance(scales, claimed) < 4.0, "{scales:?}");
            // A tenth more of one layer's variance is told from it.
            assert!(distance(scales, 1.1 * claimed) > 4.0, "{scales:?}");
        }
    }

    #[test]
    fn the_closed_form_is_that_of_the_formula() {
        let mut network = Network::random([2, 2, 1], Stream::new(1, "tiny")).zeros_like();
        network.layers[0].weights = vec![1.0, 2.0, -1.0, -1.0];
        network.layers[1].weights = vec![3.0, 5.0];
        let input = Matrix::from_rows(1, 2, vec![1.0, 0.5]);
        // Unit 0 has 2 and is active, unit 1 has -1.5 and is not: 4 s_2^2 + 1.25 . 9 s_1^2.
        assert!((closed_form(&network, &input, [0.0, 0.1]) - 0.04).abs() < 1e-9);
        assert!((closed_form(&network, &input, [0.1, 0.0]) - 0.1125).abs() < 1e-9);
    }
}
