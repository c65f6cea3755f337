//! A network with one hidden layer: y = W_2 f(W_1 x + b_1) + b_2.
//!
//! Its parameters are one vector, W_1 (hidden x inputs), b_1, W_2 (outputs x hidden), b_2 one after
//! another and row-major, so that a filter or an optimiser need not know that it is a network.

use crate::data::Data;
use crate::fit::mean_squared_error;
use kernels::estimator::budget;
use kernels::product::{matmul, matmul_selected};
use kernels::random::uniform;
use kernels::scores::column_row_scores;
use kernels::selection::SelectionError;
use kernels::{Estimator, InstructionSet, MatrixView, MatrixViewMut};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a hidden unit does with its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// max(0, a).
    Relu,
}

impl Activation {
    /// What the unit puts out for this sum.
    pub fn value(self, a: f64) -> f64 {
        match self {
            Self::Tanh => libm::tanh(a),
            // Not a.max(0.0), which would make a 0 of what is not a number.
            Self::Relu if a <= 0.0 => 0.0,
            Self::Relu => a,
        }
    }

    /// The derivative, from the sum and the value there; 0 for ReLU at 0.
    fn slope(self, a: f64, value: f64) -> f64 {
        match self {
            Self::Tanh => 1.0 - value * value,
            Self::Relu => f64::from(u8::from(a > 0.0)),
        }
    }
}

/// The shape of a network with one hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of hidden units.
    pub hidden: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// What the hidden units compute.
    pub activation: Activation,
}

impl Architecture {
    /// The number of parameters, (inputs + 1) hidden + (hidden + 1) outputs.
    ///
    /// ```
    /// use regression::{Activation, Architecture};
    /// let small = Architecture { inputs: 1, hidden: 20, outputs: 1, activation: Activation::Tanh };
    /// assert_eq!(small.parameters(), 61);
    /// ```
    pub fn parameters(&self) -> usize {
        (self.inputs + 1) * self.hidden + (self.hidden + 1) * self.outputs
    }

    /// Where W_1 stands among the parameters.
    pub fn first_weights(&self) -> Range<usize> {
        0..self.hidden * self.inputs
    }

    /// Where b_1 stands among the parameters.
    pub fn first_biases(&self) -> Range<usize> {
        let start = self.first_weights().end;
        start..start + self.hidden
    }

    /// Where W_2 stands among the parameters.
    pub fn second_weights(&self) -> Range<usize> {
        let start = self.first_biases().end;
        start..start + self.outputs * self.hidden
    }

    /// Where b_2 stands among the parameters.
    pub fn second_biases(&self) -> Range<usize> {
        let start = self.second_weights().end;
        start..start + self.outputs
    }
}

/// A number of parameters that is not the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network has {expected} parameters, {given} were given")]
pub struct ParameterMismatch {
    /// How many it has.
    pub expected: usize,
    /// How many there were.
    pub given: usize,
}

/// Which of the examples a weight gradient is summed over: about `ratio` of them, chosen by an
/// estimator of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// How they are chosen and scaled.
    pub estimator: Estimator,
    /// The share of the examples to keep, above 0, at most 1.
    pub ratio: f64,
}

/// A loss and its derivatives by the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The loss.
    pub loss: f64,
    /// One derivative a parameter, in the order of the parameters.
    pub parameters: Vec<f64>,
}

/// What a forward pass over N inputs computes, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The sums W_1 x + b_1 of the hidden units (N x hidden).
    pub sums: Vec<f64>,
    /// The values of the hidden units (N x hidden).
    pub hidden: Vec<f64>,
    /// The outputs (N x outputs).
    pub outputs: Vec<f64>,
}

/// A network with one hidden layer and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    parameters: Vec<f64>,
}

impl Network {
    /// The network with these parameters.
    ///
    /// # Errors
    /// When their number is not [`Architecture::parameters`].
    pub fn new(
        architecture: Architecture,
        parameters: Vec<f64>,
    ) -> Result<Self, ParameterMismatch> {
        let (expected, given) = (architecture.parameters(), parameters.len());
        if expected != given {
            return Err(ParameterMismatch { expected, given });
        }
        Ok(Self { architecture, parameters })
    }

    /// A network whose weights and biases are uniform within 1 / sqrt(n) of zero, for n inputs of
    /// their layer.
    pub fn random(architecture: Architecture, rng: &mut impl Rng) -> Self {
        let layer = |count: usize, inputs: usize| (count, 1.0 / (inputs as f64).sqrt());
        let Architecture { inputs, hidden, outputs, .. } = architecture;
        let layers = [layer((inputs + 1) * hidden, inputs), layer((hidden + 1) * outputs, hidden)];
        let mut parameters = Vec::with_capacity(architecture.parameters());
        for (count, bound) in layers {
            parameters.extend((0..count).map(|_| bound * (2.0 * uniform(rng) - 1.0)));
        }
        Self { architecture, parameters }
    }

    /// Its shape.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// W_1, b_1, W_2, b_2.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f64] {
        &mut self.parameters
    }

    /// W_1 (hidden x inputs).
    pub fn first_weights(&self) -> MatrixView<'_, f64> {
        let Architecture { inputs, hidden, .. } = self.architecture;
        let weights = &self.parameters[self.architecture.first_weights()];
        MatrixView::row_major(weights, hidden, inputs)
    }

    /// b_1, one a hidden unit.
    pub fn first_biases(&self) -> &[f64] {
        &self.parameters[self.architecture.first_biases()]
    }

    /// W_2 (outputs x hidden).
    pub fn second_weights(&self) -> MatrixView<'_, f64> {
        let Architecture { hidden, outputs, .. } = self.architecture;
        let weights = &self.parameters[self.architecture.second_weights()];
        MatrixView::row_major(weights, outputs, hidden)
    }

    /// b_2, one an output.
    pub fn second_biases(&self) -> &[f64] {
        &self.parameters[self.architecture.second_biases()]
    }

    /// The outputs (N x outputs, row-major) at inputs (N x inputs).
    ///
    /// # Panics
    /// When the inputs are not as many as the network's.
    pub fn predict(&self, inputs: MatrixView<f64>) -> Vec<f64> {
        self.forward(inputs).outputs
    }

    /// The whole forward pass over inputs (N x inputs).
    ///
    /// # Panics
    /// When the inputs are not as many as the network's.
    pub fn forward(&self, inputs: MatrixView<f64>) -> Pass {
        let activation = self.architecture.activation;
        let sums = affine(inputs, self.first_weights(), self.first_biases());
        let hidden: Vec<f64> = sums.iter().map(|&sum| activation.value(sum)).collect();
        let rows = MatrixView::row_major(&hidden, inputs.rows(), self.architecture.hidden);
        let outputs = affine(rows, self.second_weights(), self.second_biases());
        Pass { sums, hidden, outputs }
    }

    /// The derivatives by the parameters of a loss whose derivatives by the outputs (N x outputs)
    /// are given, after the forward pass over `inputs`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn backward(
        &self,
        inputs: MatrixView<f64>,
        pass: &Pass,
        outputs: MatrixView<f64>,
    ) -> Vec<f64> {
        let set = InstructionSet::detect();
        self.chain_rule(inputs, pass, outputs, |a, b, c| matmul(set, a, b, c))
    }

    /// The mean squared error over all outputs of all examples, and its derivatives.
    ///
    /// # Panics
    /// When the data have not the network's inputs and outputs.
    pub fn gradient(&self, data: &Data) -> Gradient {
        let pass = self.forward(data.inputs());
        let (loss, slopes) = self.loss(&pass, data);
        let outputs = MatrixView::row_major(&slopes, data.examples(), self.architecture.outputs);
        Gradient { loss, parameters: self.backward(data.inputs(), &pass, outputs) }
    }

    /// [`Network::gradient`] with the products of the two weight gradients, sums over the N
    /// examples, estimated from about `ratio` N of them. The loss and all else is exact, so with an
    /// unbiased estimator the gradient is right on average.
    ///
    /// # Errors
    /// When the ratio keeps no example, or the estimator refuses its parameters or the scores.
    ///
    /// # Panics
    /// When the data have not the network's inputs and outputs.
    pub fn sampled_gradient(
        &self,
        data: &Data,
        sampling: &Sampling,
        rng: &mut impl Rng,
    ) -> Result<Gradient, SelectionError> {
        let pass = self.forward(data.inputs());
        let (loss, slopes) = self.loss(&pass, data);
        let outputs = MatrixView::row_major(&slopes, data.examples(), self.architecture.outputs);
        let k = budget(data.examples(), sampling.ratio, 0);
        let mut refusal = None;
        let parameters = self.chain_rule(data.inputs(), &pass, outputs, |a, b, c| {
            let select = sampling.estimator.select(&column_row_scores(a, b), k, rng);
            match select {
                Ok(kept) => matmul_selected(InstructionSet::detect(), a, b, &kept, c),
                Err(error) => refusal = Some(error),
            }
        });
        match refusal {
            Some(error) => Err(error),
            None => Ok(Gradient { loss, parameters }),
        }
    }

    /// The loss, and its derivatives by the outputs.
    fn loss(&self, pass: &Pass, data: &Data) -> (f64, Vec<f64>) {
        let targets = data.targets().data();
        let loss = mean_squared_error(&pass.outputs, targets);
        let scale = 2.0 / targets.len() as f64;
        (loss, pass.outputs.iter().zip(targets).map(|(y, t)| scale * (y - t)).collect())
    }

    /// The chain rule, with `sum_over_examples` for the products of the two weight gradients.
    fn chain_rule(
        &self,
        inputs: MatrixView<f64>,
        pass: &Pass,
        outputs: MatrixView<f64>,
        mut sum_over_examples: impl FnMut(MatrixView<f64>, MatrixView<f64>, MatrixViewMut<f64>),
    ) -> Vec<f64> {
        let Architecture { inputs: width, hidden, outputs: depth, activation } = self.architecture;
        let examples = inputs.rows();
        let mut gradient = vec![0.0; self.parameters.len()];

        let units = MatrixView::row_major(&pass.hidden, examples, hidden);
        let second = &mut gradient[self.architecture.second_weights()];
        let second = MatrixViewMut::row_major(second, depth, hidden);
        sum_over_examples(outputs.transpose(), units, second);
        sum_rows(outputs, &mut gradient[self.architecture.second_biases()]);

        let mut slopes = vec![0.0; examples * hidden];
        let through = MatrixViewMut::row_major(&mut slopes, examples, hidden);
        matmul(InstructionSet::detect(), outputs, self.second_weights(), through);
        for (slope, (&sum, &value)) in slopes.iter_mut().zip(pass.sums.iter().zip(&pass.hidden)) {
            *slope *= activation.slope(sum, value);
        }
        let slopes = MatrixView::row_major(&slopes, examples, hidden);
        let first = &mut gradient[self.architecture.first_weights()];
        let first = MatrixViewMut::row_major(first, hidden, width);
        sum_over_examples(slopes.transpose(), inputs, first);
        sum_rows(slopes, &mut gradient[self.architecture.first_biases()]);
        gradient
    }
}

/// X W^T + b for every row of X.
fn affine(inputs: MatrixView<f64>, weights: MatrixView<f64>, biases: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; inputs.rows() * biases.len()];
    let output = MatrixViewMut::row_major(&mut sums, inputs.rows(), biases.len());
    matmul(InstructionSet::detect(), inputs, weights.transpose(), output);
    for row in sums.chunks_exact_mut(biases.len()) {
        row.iter_mut().zip(biases).for_each(|(sum, bias)| *sum += bias);
    }
    sums
}

/// The sum of the rows, from the first to the last.
fn sum_rows(matrix: MatrixView<f64>, sums: &mut [f64]) {
    for row in 0..matrix.rows() {
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum += matrix.at(row, column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use kernels::random::Stream;

    fn example(activation: Activation) -> (Network, Data) {
        let stream = Stream::new(3, "network");
        let data = Data::uniform(Target::SquaresAndSines, 50, 0.0, &mut stream.at(0));
        let architecture = Architecture { inputs: 2, hidden: 7, outputs: 2, activation };
        (Network::random(architecture, &mut stream.at(1)), data)
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        for activation in [Activation::Tanh, Activation::Relu] {
            let (network, data) = example(activation);
            let gradient = network.gradient(&data).parameters;
            let step = 1e-6;
            for (index, &derivative) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut moved = network.clone();
                    moved.parameters_mut()[index] += by;
                    moved.gradient(&data).loss
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * step);
                let error = (derivative - difference).abs();
                assert!(error < 1e-8, "{activation:?} {index}: {derivative} {difference}");
            }
        }
    }

    #[test]
    fn the_outputs_are_those_of_the_formula() {
        let architecture =
            Architecture { inputs: 2, hidden: 2, outputs: 1, activation: Activation::Relu };
        let parameters = vec![1.0, 2.0, -1.0, 0.5, 0.25, 0.0, 3.0, -2.0, 10.0];
        let network = Network::new(architecture, parameters).unwrap();
        let x = MatrixView::row_major(&[1.0, 1.0, -1.0, 0.0], 2, 2);
        // max(0, 3.25) 3 - max(0, -0.5) 2 + 10, and max(0, -0.75) 3 - max(0, 1) 2 + 10.
        assert_eq!(network.predict(x), [19.75, 8.0]);
    }

    #[test]
    fn what_is_not_a_number_stays_so_through_either_activation() {
        for activation in [Activation::Tanh, Activation::Relu] {
            let (mut network, data) = example(activation);
            network.parameters_mut()[0] = f64::NAN;
            assert!(network.gradient(&data).loss.is_nan(), "{activation:?}");
        }
    }

    #[test]
    fn a_wrong_number_of_parameters_is_refused() {
        let (network, _) = example(Activation::Tanh);
        let error = Network::new(network.architecture(), vec![0.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "the network has 37 parameters, 3 were given");
    }

    #[test]
    fn keeping_every_example_is_the_exact_gradient_to_the_bit() {
        let (network, data) = example(Activation::Relu);
        let sampling = Sampling { estimator: Estimator::Bernoulli, ratio: 1.0 };
        let sampled = network.sampled_gradient(&data, &sampling, &mut Stream::new(0, "s").at(0));
        assert_eq!(sampled.unwrap(), network.gradient(&data));
    }

    #[test]
    fn sampled_gradients_are_right_on_average_and_those_without_scale_are_not() {
        let (network, data) = example(Activation::Tanh);
        let exact = network.gradient(&data).parameters;
        let draws = 4000;
        // The largest distance of a mean from its exact derivative, in standard errors.
        let largest = |estimator| {
            let sampling = Sampling { estimator, ratio: 0.3 };
            let mut sums = vec![(0.0, 0.0); exact.len()];
            for draw in 0..draws {
                let mut rng = Stream::new(5, "draws").at(draw);
                let gradient = network.sampled_gradient(&data, &sampling, &mut rng).unwrap();
                for (sum, (x, exact)) in sums.iter_mut().zip(gradient.parameters.iter().zip(&exact))
                {
                    let error = x - exact;
                    *sum = (sum.0 + error, sum.1 + error * error);
                }
            }
            let biased = sums.iter().filter(|(_, squares)| *squares > 0.0);
            biased.map(|(sum, squares)| sum.abs() / squares.sqrt()).fold(0.0, f64::max)
        };
        assert!(largest(Estimator::Bernoulli) < 5.0);
        assert!(largest(Estimator::UniformWithoutReplacementUnscaled) > 20.0);
    }

    #[test]
    fn a_ratio_that_keeps_no_example_is_refused() {
        let (network, data) = example(Activation::Tanh);
        for ratio in [0.0, -1.0, 0.001] {
            let sampling = Sampling { estimator: Estimator::TopK, ratio };
            let mut rng = Stream::new(0, "refused").at(0);
            let refused = network.sampled_gradient(&data, &sampling, &mut rng);
            assert_eq!(refused, Err(SelectionError::ZeroBudget), "{ratio}");
        }
    }
}
