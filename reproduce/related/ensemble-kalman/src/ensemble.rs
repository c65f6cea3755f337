//! Many networks of one shape: their parameters, and their outputs by batched products.

use kernels::estimator::budget;
use kernels::product::{matmul, matmul_selected};
use kernels::random::{Generator, Stream, standard_normal};
use kernels::scores::column_row_scores;
use kernels::selection::SelectionError;
use kernels::{InstructionSet, MatrixView, MatrixViewMut};
use rayon::prelude::*;
use regression::{Architecture, Network, Sampling};
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, number};

/// Where the members of an ensemble start: a network drawn once, and each member around it.
///
/// Input weights of the shared network are N(0, `centre_weights`^2), its hidden biases
/// N(0, `centre_biases`^2), its output layer is zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Standard deviation of the shared input weights.
    pub centre_weights: f64,
    /// Standard deviation of the shared hidden biases.
    pub centre_biases: f64,
    /// Standard deviation of a member's input weights around the shared ones.
    pub spread_weights: f64,
    /// Standard deviation of a member's hidden biases around the shared ones.
    pub spread_biases: f64,
    /// Standard deviation of a member's output layer around zero.
    pub spread_output: f64,
}

impl Prior {
    /// Members near one shared network: what the filters need.
    pub const CENTRED: Self = Self {
        centre_weights: 5.0,
        centre_biases: 3.0,
        spread_weights: 0.3,
        spread_biases: 0.3,
        spread_output: 1.0,
    };

    /// Members as different as the shared networks of [`Prior::CENTRED`] are among each other. A
    /// hidden unit may change its sign together with that of its output weight, so that parameters
    /// and outputs are hardly correlated: the filters learn next to nothing.
    pub const ZERO_CENTRED: Self = Self {
        centre_weights: 0.0,
        centre_biases: 0.0,
        spread_weights: 5.0,
        spread_biases: 3.0,
        spread_output: 1.0,
    };

    /// The same with the given spread of the first layer; zero leaves a linear regression on the
    /// hidden units of the shared network.
    #[must_use]
    pub const fn with_first_spread(self, spread: f64) -> Self {
        Self { spread_weights: spread, spread_biases: spread, ..self }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// When a standard deviation is negative or no finite number.
    pub fn check(&self) -> Result<(), FieldError> {
        number("centre_weights", self.centre_weights, 0.0..)?;
        number("centre_biases", self.centre_biases, 0.0..)?;
        number("spread_weights", self.spread_weights, 0.0..)?;
        number("spread_biases", self.spread_biases, 0.0..)?;
        number("spread_output", self.spread_output, 0.0..)
    }
}

/// Parameters of some networks of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    architecture: Architecture,
    /// Members x parameters.
    parameters: Vec<f64>,
}

impl Ensemble {
    /// Members drawn from a prior.
    pub fn draw(architecture: Architecture, members: usize, prior: &Prior, stream: Stream) -> Self {
        let mut rng = stream.child("centre").at(0);
        let mut layer = |count: usize, deviation: f64| normal(&mut rng, count, deviation);
        let weights = layer(architecture.first_weights().len(), prior.centre_weights);
        let biases = layer(architecture.first_biases().len(), prior.centre_biases);
        let output = architecture.second_weights().len() + architecture.second_biases().len();
        let members = (0..members as u64).flat_map(|member| {
            let mut rng = stream.child("member").at(member);
            let mut around = |centre: &[f64], deviation: f64| -> Vec<f64> {
                let spread = normal(&mut rng, centre.len(), deviation);
                centre.iter().zip(spread).map(|(centre, spread)| centre + spread).collect()
            };
            let mut parameters = around(&weights, prior.spread_weights);
            parameters.extend(around(&biases, prior.spread_biases));
            parameters.extend(around(&vec![0.0; output], prior.spread_output));
            parameters
        });
        Self { architecture, parameters: members.collect() }
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.parameters.len() / self.architecture.parameters()
    }

    /// The shape of the networks.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The parameters, members x parameters.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f64] {
        &mut self.parameters
    }

    /// The network of one member.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn network(&self, member: usize) -> Network {
        let count = self.architecture.parameters();
        self.network_of(self.parameters[member * count..(member + 1) * count].to_vec())
    }

    /// The network with the mean parameters.
    pub fn mean_network(&self) -> Network {
        self.network_of(mean(&self.parameters, self.members()))
    }

    fn network_of(&self, parameters: Vec<f64>) -> Network {
        Network::new(self.architecture, parameters)
            .unwrap_or_else(|error| unreachable!("members have the shape of the network: {error}"))
    }

    /// The sum of the variances of all parameters: the trace of the ensemble's covariance.
    pub fn total_variance(&self) -> f64 {
        let anomalies = anomalies(&self.parameters, self.members());
        let squares = anomalies.iter().fold(0.0, |sum, anomaly| sum + anomaly * anomaly);
        squares / (self.members() as f64 - 1.0)
    }

    /// The outputs of every member at inputs (N x d): members x (N outputs, row-major).
    ///
    /// The first layer of all members is one product, that of all their input weights, one under
    /// another, with the inputs.
    ///
    /// # Panics
    /// When the inputs are not as many as the networks'.
    pub fn predict(&self, inputs: MatrixView<f64>) -> Vec<f64> {
        self.outputs(inputs, |_, weights, hidden, outputs| {
            matmul(InstructionSet::detect(), weights, hidden, outputs);
            Ok(())
        })
        .unwrap_or_else(|error| unreachable!("nothing is selected: {error}"))
    }

    /// [`Ensemble::predict`] with the product of each member's second layer estimated from some of
    /// its hidden units, chosen anew for each member.
    ///
    /// # Errors
    /// When the share keeps no unit.
    ///
    /// # Panics
    /// As [`Ensemble::predict`].
    pub fn predict_sampled(
        &self,
        inputs: MatrixView<f64>,
        sampling: &Sampling,
        stream: Stream,
    ) -> Result<Vec<f64>, SelectionError> {
        let kept = budget(self.architecture.hidden, sampling.ratio, 0);
        self.outputs(inputs, |member, weights, hidden, outputs| {
            let scores = column_row_scores(weights, hidden);
            let units = sampling.estimator.select(&scores, kept, &mut stream.at(member as u64))?;
            matmul_selected(InstructionSet::detect(), weights, hidden, &units, outputs);
            Ok(())
        })
    }

    /// The outputs, with `second` for the product of a member's output weights (c x hidden) with
    /// its hidden units (hidden x N).
    fn outputs(
        &self,
        inputs: MatrixView<f64>,
        second: impl Fn(
            usize,
            MatrixView<f64>,
            MatrixView<f64>,
            MatrixViewMut<f64>,
        ) -> Result<(), SelectionError>
        + Sync,
    ) -> Result<Vec<f64>, SelectionError> {
        let Architecture { inputs: width, hidden, outputs: depth, activation } = self.architecture;
        let examples = inputs.rows();
        let first = |member: &[f64]| member[self.architecture.first_weights()].to_vec();
        let weights: Vec<f64> = self.each().flat_map(first).collect();
        let weights = MatrixView::row_major(&weights, self.members() * hidden, width);
        let mut units = vec![0.0; self.members() * hidden * examples];
        let sums = MatrixViewMut::row_major(&mut units, self.members() * hidden, examples);
        matmul(InstructionSet::detect(), weights, inputs.transpose(), sums);

        let mut outputs = vec![0.0; self.members() * examples * depth];
        let members: Vec<&[f64]> = self.each().collect();
        units
            .par_chunks_mut(hidden * examples)
            .zip(outputs.par_chunks_mut(examples * depth))
            .zip(members)
            .enumerate()
            .try_for_each(
                |(member, ((units, outputs), parameters))| -> Result<(), SelectionError> {
                    let biases = &parameters[self.architecture.first_biases()];
                    for (units, bias) in units.chunks_mut(examples).zip(biases) {
                        units.iter_mut().for_each(|unit| *unit = activation.value(*unit + bias));
                    }
                    let weights = &parameters[self.architecture.second_weights()];
                    let product = MatrixViewMut::row_major(outputs, examples, depth).transpose();
                    second(
                        member,
                        MatrixView::row_major(weights, depth, hidden),
                        MatrixView::row_major(units, hidden, examples),
                        product,
                    )?;
                    let biases = &parameters[self.architecture.second_biases()];
                    for row in outputs.chunks_mut(depth) {
                        row.iter_mut().zip(biases).for_each(|(output, bias)| *output += bias);
                    }
                    Ok(())
                },
            )?;
        Ok(outputs)
    }

    /// The parameters of each member.
    fn each(&self) -> impl Iterator<Item = &[f64]> {
        self.parameters.chunks_exact(self.architecture.parameters())
    }
}

fn normal(rng: &mut Generator, count: usize, deviation: f64) -> Vec<f64> {
    (0..count).map(|_| deviation * standard_normal(rng)).collect()
}

/// The mean of some rows.
pub fn mean(rows: &[f64], count: usize) -> Vec<f64> {
    let mut mean = vec![0.0; rows.len() / count];
    for row in rows.chunks_exact(mean.len()) {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    mean.iter_mut().for_each(|sum| *sum /= count as f64);
    mean
}

/// Each of some rows less their mean.
pub fn anomalies(rows: &[f64], count: usize) -> Vec<f64> {
    let mean = mean(rows, count);
    rows.iter().zip(mean.iter().cycle()).map(|(x, mean)| x - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Estimator;
    use regression::Activation;

    const SHAPE: Architecture =
        Architecture { inputs: 2, hidden: 5, outputs: 3, activation: Activation::Tanh };
    const INPUTS: [f64; 8] = [0.1, -0.4, 0.9, 0.3, -1.0, 0.0, 0.5, 0.7];

    fn ensemble(members: usize, prior: &Prior) -> Ensemble {
        Ensemble::draw(SHAPE, members, prior, Stream::new(1, "ensemble"))
    }

    fn inputs() -> MatrixView<'static, f64> {
        MatrixView::row_major(&INPUTS, 4, 2)
    }

    #[test]
    fn batched_outputs_are_those_of_each_network_to_the_bit() {
        let ensemble = ensemble(7, &Prior::CENTRED);
        let each = (0..7).flat_map(|member| ensemble.network(member).predict(inputs()));
        assert_eq!(ensemble.predict(inputs()), each.collect::<Vec<f64>>());
    }

    #[test]
    fn sampled_outputs_are_exact_with_all_units_and_right_on_average_with_some() {
        let ensemble = ensemble(3, &Prior::CENTRED);
        let exact = ensemble.predict(inputs());
        let sampled = |ratio, draw: u64| {
            let sampling = Sampling { estimator: Estimator::Bernoulli, ratio };
            let stream = Stream::new(draw, "sampled");
            ensemble.predict_sampled(inputs(), &sampling, stream)
        };
        assert_eq!(sampled(1.0, 0).unwrap(), exact);
        let mut errors = theory::statistics::Sample::default();
        for draw in 0..2_000 {
            errors.push(sampled(0.6, draw).unwrap()[0] - exact[0]);
        }
        assert!(errors.variance() > 0.0);
        assert!(errors.mean().abs() < 5.0 * errors.standard_error(), "{errors:?}");
        assert_eq!(sampled(0.1, 0), Err(SelectionError::ZeroBudget));
    }

    #[test]
    fn members_share_a_first_layer_without_spread_and_differ_in_the_second() {
        let ensemble = ensemble(2, &Prior::CENTRED.with_first_spread(0.0));
        let [first, second] = [0, 1].map(|member| ensemble.network(member));
        assert_eq!(first.first_weights().data(), second.first_weights().data());
        assert_eq!(first.first_biases(), second.first_biases());
        assert_ne!(first.second_biases(), second.second_biases());
    }

    #[test]
    fn a_member_does_not_depend_on_how_many_there_are() {
        let [few, many] = [2, 9].map(|members| ensemble(members, &Prior::CENTRED));
        assert_eq!(few.network(1), many.network(1));
    }

    #[test]
    fn total_variance_is_that_of_the_prior() {
        let prior = Prior::ZERO_CENTRED;
        let expected = 10.0 * 25.0 + 5.0 * 9.0 + 18.0;
        let found = ensemble(4_000, &prior).total_variance();
        assert!((found / expected - 1.0).abs() < 0.03, "{found} {expected}");
    }
}
