//! A forward pass on some hardware, and the derivatives straight through it.

use crate::hardware::{Factors, Hardware, HardwareError, product};
use crate::network::{Layer, Network};
use kernels::{MatrixView, MatrixViewMut, Product};
use rand::Rng;
use training::matrix::Matrix;

/// What a forward pass computed.
#[derive(Clone, Debug)]
pub struct Pass {
    /// One a layer.
    pub(crate) factors: Vec<Factors>,
    /// The rectified values of every layer but the last (batch x features).
    pub hidden: Vec<Matrix>,
    /// The outputs (batch x outputs).
    pub logits: Matrix,
}

impl Pass {
    /// Inputs of at least zero (batch x features) through all layers; the hardware draws from `rng`
    /// layer after layer.
    ///
    /// # Errors
    /// When the hardware cannot compute one of the products.
    ///
    /// # Panics
    /// When the inputs are not as many as the network's.
    pub fn forward(
        network: &Network,
        hardware: &Hardware,
        input: &Matrix,
        rng: &mut impl Rng,
    ) -> Result<Self, HardwareError> {
        let (mut factors, mut hidden) = (Vec::new(), Vec::<Matrix>::new());
        let mut sums = Matrix::default();
        for (place, layer) in network.layers.iter().enumerate() {
            if place > 0 {
                rectify(&mut sums);
                hidden.push(sums);
            }
            let features = hidden.last().unwrap_or(input);
            let (product, of_layer) = hardware.multiply(layer, layer.shape.read(features), rng)?;
            sums = with_biases(&product, layer);
            factors.push(of_layer);
        }
        Ok(Self { factors, hidden, logits: sums })
    }

    /// Adds the derivatives by all parameters of a function whose derivatives by the logits are
    /// given.
    pub fn backward(&self, by_logits: &Matrix, gradient: &mut Network) {
        let slopes = self.by_sums(&gradient.layers, by_logits);
        for (place, layer) in gradient.layers.iter_mut().enumerate() {
            add_products(&slopes[place], &self.factors[place], layer);
        }
    }

    /// The derivatives by what each layer gives before it is rectified (batch x features), from those
    /// by the logits, through layers of these shapes.
    pub(crate) fn by_sums(&self, layers: &[Layer], by_logits: &Matrix) -> Vec<Matrix> {
        let mut slopes = vec![by_logits.clone()];
        let hidden = self.hidden.iter().zip(&self.factors[1..]).zip(&layers[1..]);
        for ((hidden, factors), Layer { shape, .. }) in hidden.rev() {
            let weights = MatrixView::row_major(&factors.weights, shape.outputs, shape.inputs);
            let above = positions(&slopes[slopes.len() - 1], shape.outputs);
            let mut below = shape.by_features(product(above, weights, None));
            for (slope, unit) in below.data_mut().iter_mut().zip(hidden.data()) {
                *slope = if *unit > 0.0 { *slope } else { 0.0 };
            }
            slopes.push(below);
        }
        slopes.reverse();
        slopes
    }
}

/// Not by the maximum with zero, which would make a zero of what is not a number.
fn rectify(sums: &mut Matrix) {
    sums.data_mut().iter_mut().filter(|sum| **sum < 0.0).for_each(|sum| *sum = 0.0);
}

/// A layer's sums (batch x features) from its product ((batch x positions) x outputs).
fn with_biases(product: &Matrix, layer: &Layer) -> Matrix {
    let sums = product.data().iter().zip(layer.biases.iter().cycle());
    let sums = sums.map(|(product, bias)| product + bias).collect();
    let positions = layer.shape.positions();
    Matrix::from_rows(product.rows() / positions, positions * product.columns(), sums)
}

/// A row an image and position of what has a row an image.
pub(crate) fn positions(by_image: &Matrix, outputs: usize) -> MatrixView<'_, f32> {
    let numbers = by_image.data();
    MatrixView::row_major(numbers, numbers.len() / outputs, outputs)
}

/// Adds the derivatives by a layer's parameters, from those by its sums.
fn add_products(by_sums: &Matrix, factors: &Factors, gradient: &mut Layer) {
    let Layer { shape, weights, biases } = gradient;
    let weights = MatrixViewMut::row_major(weights, shape.outputs, shape.inputs);
    Product::new(positions(by_sums, shape.outputs).transpose(), factors.input.view())
        .add_to(weights)
        .unwrap_or_else(|error| panic!("{error}"));
    for row in by_sums.data().chunks_exact(shape.outputs) {
        biases.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hidden::{Convolutions, Hidden};
    use crate::memory::Memory;
    use kernels::random::Stream;
    use theory::extremes::largest;
    use training::layer::ImageShape;

    const IMAGE: ImageShape = ImageShape { channels: 2, height: 5, width: 4 };

    fn network(channels: &[usize], kernel: usize, image: ImageShape) -> Network {
        let convolutions = Convolutions { channels: channels.to_vec(), kernel, stride: 1 };
        let shapes = Hidden::Convolutions(convolutions).layers(image, 3).unwrap();
        Network::random(&shapes, Stream::new(8, "pass"))
    }

    fn input(features: usize) -> Matrix {
        let values = (0..4 * features).map(|place| libm::sinf(1.0 + place as f32).abs()).collect();
        Matrix::from_rows(4, features, values)
    }

    fn forward(network: &Network, hardware: &Hardware, input: &Matrix) -> Pass {
        Pass::forward(network, hardware, input, &mut Stream::new(9, "draw").at(0)).unwrap()
    }

    /// Two convolutions with a window of 2 x 2 and a linear layer, by the definition.
    fn by_definition(parameters: &[Vec<f64>], image: &[f64]) -> Vec<f64> {
        let pixel = |channel: usize, y: usize, x: usize| image[channel * 20 + y * 4 + x];
        let mut planes: Vec<Vec<Vec<f64>>> = (0..2)
            .map(|c| (0..5).map(|y| (0..4).map(|x| pixel(c, y, x)).collect()).collect())
            .collect();
        for layer in parameters[..4].chunks_exact(2) {
            let (weights, biases) = (&layer[0], &layer[1]);
            let (height, width, channels) = (planes[0].len(), planes[0][0].len(), planes.len());
            let unit = |output: usize, y: usize, x: usize| {
                let mut sum = biases[output];
                for (below, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    for (channel, plane) in planes.iter().enumerate() {
                        let tap = ((output * 2 + below) * 2 + right) * channels + channel;
                        sum += weights[tap] * plane[y + below][x + right];
                    }
                }
                sum.max(0.0)
            };
            let row = |output, y| (0..width - 1).map(|x| unit(output, y, x)).collect();
            let plane = |output| (0..height - 1).map(|y| row(output, y)).collect();
            planes = (0..biases.len()).map(plane).collect();
        }
        let mut features = Vec::new();
        for y in 0..planes[0].len() {
            for x in 0..planes[0][0].len() {
                features.extend(planes.iter().map(|plane| plane[y][x]));
            }
        }
        let rows = parameters[4].chunks_exact(features.len()).zip(&parameters[5]);
        rows.map(|(row, bias)| bias + row.iter().zip(&features).map(|(w, x)| w * x).sum::<f64>())
            .collect()
    }

    fn doubles(numbers: &[f32]) -> Vec<f64> {
        numbers.iter().copied().map(f64::from).collect()
    }

    fn parameters(network: &Network) -> Vec<Vec<f64>> {
        let of_layer = |layer: &Layer| [doubles(&layer.weights), doubles(&layer.biases)];
        network.layers.iter().flat_map(of_layer).collect()
    }

    #[test]
    fn convolutions_are_those_of_the_definition() {
        let (network, input) = (network(&[3, 2], 2, IMAGE), input(IMAGE.len()));
        let found = forward(&network, &Hardware::Exact, &input).logits;
        for sample in 0..4 {
            let expected = by_definition(&parameters(&network), &doubles(input.row(sample)));
            let pairs = found.row(sample).iter().zip(expected);
            assert!(largest(pairs.map(|(x, y)| (f64::from(*x) - y).abs())) < 1e-6);
        }
    }

    #[test]
    fn derivatives_of_convolutions_are_finite_differences() {
        let (network, input) = (network(&[3, 2], 2, IMAGE), input(IMAGE.len()));
        let factors: Vec<f32> = (0..12).map(|place| libm::cosf(place as f32)).collect();
        let value = |parameters: &[Vec<f64>]| -> f64 {
            let logits = (0..4).flat_map(|row| by_definition(parameters, &doubles(input.row(row))));
            logits.zip(&factors).map(|(logit, factor)| logit * f64::from(*factor)).sum()
        };
        let mut gradient = network.zeros_like();
        let by_logits = Matrix::from_rows(4, 3, factors.clone());
        forward(&network, &Hardware::Exact, &input).backward(&by_logits, &mut gradient);
        let mut parameters = parameters(&network);
        for (place, slopes) in self::parameters(&gradient).into_iter().enumerate() {
            for (index, slope) in slopes.into_iter().enumerate() {
                let step = 1e-6;
                let mut moved = |by: f64| {
                    parameters[place][index] += by;
                    let moved = value(&parameters);
                    parameters[place][index] -= by;
                    moved
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((slope - difference).abs() < 1e-5, "{place} {index}: {slope} {difference}");
            }
        }
    }

    #[test]
    fn a_convolution_with_one_position_is_the_layer_of_a_perceptron() {
        let perceptron = |inputs| Network::perceptron([inputs, 7, 3], Stream::new(8, "pass"));
        // Images of one pixel, and a window as large as the image.
        for (image, kernel) in [(ImageShape::new(12, 1, 1), 1), (ImageShape::new(1, 5, 5), 5)] {
            let (input, by_logits) = (input(image.len()), input(3));
            for probability in [0.0, 0.05] {
                let hardware = Hardware::Memory(Memory { bits: 8, probability });
                let of = |network: Network| {
                    let pass = forward(&network, &hardware, &input);
                    let mut gradient = network.zeros_like();
                    pass.backward(&by_logits, &mut gradient);
                    (pass.logits, gradient.parameters().copied().collect::<Vec<f32>>())
                };
                let (found, expected) =
                    (of(network(&[7], kernel, image)), of(perceptron(image.len())));
                assert_eq!((found.0.data(), found.1), (expected.0.data(), expected.1));
            }
        }
    }
}
