//! A network of two layers in f64, small enough that its sampled gradients can be enumerated.
//!
//! H = max(0, X W_1^T), Y = H W_2^T, loss |Y - T|_F^2 / (2N) over N samples. Every product is one
//! of the kernels', as in training: a layer's forward product sums over its input features, its
//! input gradient over its output features, its weight gradient over the samples.

use crate::claim::CheckError;
use crate::enumeration::Outcome;
use crate::extremes::largest;
use crate::matrices::{norm_squared, squared_distance};
use kernels::product::{matmul, matmul_selected, matmul_selected_columns};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::{InstructionSet, MatrixView, MatrixViewMut, Selection};
use nalgebra::DMatrix;

/// The network with its minibatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// X, N samples x n features.
    pub input: DMatrix<f64>,
    /// W_1, hidden x n.
    pub first: DMatrix<f64>,
    /// W_2, outputs x hidden.
    pub second: DMatrix<f64>,
    /// T, N x outputs.
    pub target: DMatrix<f64>,
    /// Whether the activation is max(0, x) or the identity.
    pub rectified: bool,
}

/// The gradients of the loss by W_1 and W_2.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// By W_1.
    pub first: DMatrix<f64>,
    /// By W_2.
    pub second: DMatrix<f64>,
}

impl Gradients {
    /// The squared Euclidean norm of both.
    pub fn norm_squared(&self) -> f64 {
        norm_squared(&self.first) + norm_squared(&self.second)
    }

    /// The squared Euclidean distance over both.
    pub fn squared_distance(&self, other: &Self) -> f64 {
        squared_distance(&self.first, &other.first) + squared_distance(&self.second, &other.second)
    }

    /// Adds others times a weight.
    pub fn add(&mut self, others: &Self, weight: f64) {
        self.first.zip_apply(&others.first, |sum, x| *sum = weight.mul_add(x, *sum));
        self.second.zip_apply(&others.second, |sum, x| *sum = weight.mul_add(x, *sum));
    }
}

/// Gives every selection for the scores of a product, with its probability.
pub type Policy<'a> = dyn Fn(&[f64]) -> Result<Vec<Outcome>, CheckError> + 'a;

impl Network {
    /// Random factors N(0, 1) of the given sizes.
    pub fn random(seed: u64, [samples, features, hidden, outputs]: [usize; 4]) -> Self {
        let mut rng = Stream::new(seed, "network").at(0);
        let mut normal =
            |rows, columns| DMatrix::from_fn(rows, columns, |_, _| standard_normal(&mut rng));
        Self {
            input: normal(samples, features),
            first: normal(hidden, features),
            second: normal(outputs, hidden),
            target: normal(samples, outputs),
            rectified: true,
        }
    }

    /// The exact gradients.
    pub fn gradients(&self, set: InstructionSet) -> Gradients {
        let (features, hidden) = (self.input.ncols(), self.first.nrows());
        self.sampled_forward(set, &Selection::all(features), &Selection::all(hidden))
    }

    fn activation(&self, before: &DMatrix<f64>) -> DMatrix<f64> {
        before.map(|x| if self.rectified { largest([x, 0.0]) } else { x })
    }

    /// dH to dZ.
    fn through_activation(&self, gradient: &DMatrix<f64>, before: &DMatrix<f64>) -> DMatrix<f64> {
        gradient.zip_map(before, |d, z| if self.rectified && z <= 0.0 { 0.0 } else { d })
    }

    fn output_gradient(&self, output: &DMatrix<f64>) -> DMatrix<f64> {
        (output - &self.target) / self.input.nrows() as f64
    }

    /// Gradients where the forward products are sampled and the gradient goes through the sampled
    /// entries only.
    fn sampled_forward(&self, set: InstructionSet, s1: &Selection, s2: &Selection) -> Gradients {
        let before = product(set, view(&self.input), view(&self.first).transpose(), s1);
        let active = self.activation(&before);
        let output = product(set, view(&active), view(&self.second).transpose(), s2);
        let d_output = self.output_gradient(&output);
        let second = columns(set, view(&d_output).transpose(), view(&active), s2);
        let d_active = columns(set, view(&d_output), view(&self.second), s2);
        let d_before = self.through_activation(&d_active, &before);
        let first = columns(set, view(&d_before).transpose(), view(&self.input), s1);
        Gradients { first, second }
    }

    /// Every outcome of forward sampling: probability and gradients.
    ///
    /// # Errors
    /// Those of the policy.
    pub fn forward_outcomes(
        &self,
        set: InstructionSet,
        policy: &Policy,
    ) -> Result<Vec<(f64, Gradients)>, CheckError> {
        let mut found = Vec::new();
        for one in policy(&scores(view(&self.input), view(&self.first).transpose()))? {
            let weights = view(&self.first).transpose();
            let before = product(set, view(&self.input), weights, &one.selection);
            let active = self.activation(&before);
            for two in policy(&scores(view(&active), view(&self.second).transpose()))? {
                let gradients = self.sampled_forward(set, &one.selection, &two.selection);
                found.push((one.probability * two.probability, gradients));
            }
        }
        Ok(found)
    }

    /// Every outcome of backward sampling: the forward pass is exact, each product of the backward
    /// pass is sampled by its own policy. The gradient by W_2 is not sampled jointly with that by
    /// W_1 and comes as its own list.
    ///
    /// # Errors
    /// Those of the policies.
    pub fn backward_outcomes(
        &self,
        set: InstructionSet,
        input_gradient: &Policy,
        weight_gradient: &Policy,
    ) -> Result<BackwardOutcomes, CheckError> {
        let before = exact(set, view(&self.input), view(&self.first).transpose());
        let active = self.activation(&before);
        let output = exact(set, view(&active), view(&self.second).transpose());
        let d_output = self.output_gradient(&output);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let transposed = view(&d_output).transpose();
        for outcome in weight_gradient(&scores(transposed, view(&active)))? {
            let gradient = product(set, transposed, view(&active), &outcome.selection);
            second.push((outcome.probability, gradient));
        }
        for upper in input_gradient(&scores(view(&d_output), view(&self.second)))? {
            let d_active = product(set, view(&d_output), view(&self.second), &upper.selection);
            let d_before = self.through_activation(&d_active, &before);
            let transposed = view(&d_before).transpose();
            for lower in weight_gradient(&scores(transposed, view(&self.input)))? {
                let gradient = product(set, transposed, view(&self.input), &lower.selection);
                first.push((upper.probability * lower.probability, gradient));
            }
        }
        Ok(BackwardOutcomes { first, second, d_output_norm_squared: norm_squared(&d_output) })
    }
}

/// Every outcome of the gradients of backward sampling.
#[derive(Clone, Debug, PartialEq)]
pub struct BackwardOutcomes {
    /// Of the gradient by W_1, with probabilities.
    pub first: Vec<(f64, DMatrix<f64>)>,
    /// Of the gradient by W_2.
    pub second: Vec<(f64, DMatrix<f64>)>,
    /// |dY|_F^2.
    pub d_output_norm_squared: f64,
}

fn view(matrix: &DMatrix<f64>) -> MatrixView<'_, f64> {
    matrix.into()
}

fn scores(a: MatrixView<f64>, b: MatrixView<f64>) -> Vec<f64> {
    pair_scores(&column_norms(a), &row_norms(b))
}

fn exact(set: InstructionSet, a: MatrixView<f64>, b: MatrixView<f64>) -> DMatrix<f64> {
    let mut c = DMatrix::zeros(a.rows(), b.columns());
    matmul(set, a, b, MatrixViewMut::from(&mut c));
    c
}

fn product(
    set: InstructionSet,
    a: MatrixView<f64>,
    b: MatrixView<f64>,
    kept: &Selection,
) -> DMatrix<f64> {
    let mut c = DMatrix::zeros(a.rows(), b.columns());
    matmul_selected(set, a, b, kept, MatrixViewMut::from(&mut c));
    c
}

/// The selected columns of AB, scaled, the others zero.
fn columns(
    set: InstructionSet,
    a: MatrixView<f64>,
    b: MatrixView<f64>,
    kept: &Selection,
) -> DMatrix<f64> {
    let mut few = DMatrix::zeros(a.rows(), kept.len());
    matmul_selected_columns(set, a, b, kept, MatrixViewMut::from(&mut few));
    let mut all = DMatrix::zeros(a.rows(), b.columns());
    for (position, &index) in kept.indices().iter().enumerate() {
        all.column_mut(index as usize).copy_from(&few.column(position));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_derivative_of_the_loss() {
        let set = InstructionSet::Portable;
        let network = Network::random(3, [4, 3, 3, 2]);
        let loss = |network: &Network| {
            let before = exact(set, view(&network.input), view(&network.first).transpose());
            let active = network.activation(&before);
            let output = exact(set, view(&active), view(&network.second).transpose());
            squared_distance(&output, &network.target) / 8.0
        };
        let gradients = network.gradients(set);
        let difference = |change: &dyn Fn(&mut Network, f64)| {
            let [mut above, mut below] = [network.clone(), network.clone()];
            change(&mut above, 1e-5);
            change(&mut below, -1e-5);
            (loss(&above) - loss(&below)) / 2e-5
        };
        let by_first = difference(&|network, step| network.first[(1, 2)] += step);
        let by_second = difference(&|network, step| network.second[(0, 1)] += step);
        assert!((by_first - gradients.first[(1, 2)]).abs() < 1e-8);
        assert!((by_second - gradients.second[(0, 1)]).abs() < 1e-8);
    }
}
