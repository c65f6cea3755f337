//! T8: sampling the backward pass alone leaves the gradient of any network unbiased.

use crate::claim::{CheckError, Claim, Settings};
use crate::controls::Mistake;
use crate::extremes::largest;
use crate::matrices::{norm_squared, squared_distance};
use crate::moments::ROUNDINGS;
use crate::network::{Gradients, Network};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;
use nalgebra::DMatrix;

/// T8, the mean.
pub static UNBIASED: Claim = Claim::new(
    "T8.unbiased",
    "Unbiasedness of backward sampling",
    "With an exact forward pass and unbiased sampled products in the backward pass, drawn one after \
     the other, the gradient of a network with activations is unbiased.",
    r"\mathbb{E}\,\widehat{\nabla_{W_l}L}=\nabla_{W_l}L\quad\text{for every layer }l",
    "proved in paper-notes/backward-sampling.md",
    "backward-sampling.md",
);

/// T8, the variance.
pub static VARIANCE: Claim = Claim::new(
    "T8.variance",
    "Variance of backward sampling",
    "The second moment of a gradient that went through sampled products is at most the product of \
     the squared norms of the factors on its way, and its variance that times one less the product \
     of the (1 - 1/k). Neither grows with the number of layers beyond the product of their norms.",
    r"\mathbb{E}\|\widehat{\nabla_{W_1}L}-\nabla_{W_1}L\|_F^2\le\Bigl(1-\prod_l\bigl(1-\tfrac1{k_l}\bigr)\Bigr)\|dY\|_F^2\|W_2\|_F^2\|X\|_F^2",
    "proved in paper-notes/backward-sampling.md",
    "backward-sampling.md",
);

/// Samples, features, hidden units and outputs of the networks that are enumerated.
const SIZES: [usize; 4] = [4, 3, 3, 3];
const NETWORKS: u64 = 6;

fn networks(settings: &Settings) -> impl Iterator<Item = Network> {
    let first = settings.seed.wrapping_mul(NETWORKS);
    (0..NETWORKS).map(move |step| Network::random(first.wrapping_add(step), SIZES))
}

/// Mean of matrices with probabilities, and the largest norm.
fn mean(outcomes: &[(f64, DMatrix<f64>)]) -> (DMatrix<f64>, f64) {
    let (rows, columns) = outcomes.first().map_or((0, 0), |(_, first)| first.shape());
    let zero = DMatrix::zeros(rows, columns);
    let mean = outcomes.iter().fold(zero, |sum, (probability, g)| sum + g * *probability);
    (mean, largest(outcomes.iter().map(|(_, gradient)| norm_squared(gradient).sqrt())))
}

/// |E gradient - gradient| over the gradient's norm.
fn bias_verdict(
    check: String,
    error: f64,
    exact: &Gradients,
    largest: f64,
    outcomes: usize,
) -> Verdict {
    let norm = exact.norm_squared().sqrt();
    Verdict::exact(
        &UNBIASED,
        check,
        error / norm,
        0.0,
        ROUNDINGS * f64::EPSILON * (largest + norm) / norm,
        Exact::Enumerated(outcomes),
        "The gradient of backward sampling points elsewhere on average: training is not SGD.",
    )
}

fn backward_bias(settings: &Settings, sampler: Sampler) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for network in networks(settings) {
        let exact = network.gradients(settings.set);
        let policy = |scores: &[f64]| sampler.outcomes(scores, 2);
        let outcomes = network.backward_outcomes(settings.set, &policy, &policy)?;
        let (first, first_largest) = mean(&outcomes.first);
        let (second, second_largest) = mean(&outcomes.second);
        let error = Gradients { first, second }.squared_distance(&exact).sqrt();
        found.push(bias_verdict(
            format!("enumeration of a network's backward pass, {sampler}, k = 2"),
            error,
            &exact,
            largest([first_largest, second_largest]),
            outcomes.first.len() + outcomes.second.len(),
        ));
    }
    worst(found)
}

/// The same check of a network whose forward pass is sampled: a control.
fn forward_bias(settings: &Settings, sampler: Sampler) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for network in networks(settings) {
        let exact = network.gradients(settings.set);
        let policy = |scores: &[f64]| sampler.outcomes(scores, 2);
        let outcomes = network.forward_outcomes(settings.set, &policy)?;
        let mut error = Gradients { first: -&exact.first, second: -&exact.second };
        for (probability, gradients) in &outcomes {
            error.add(gradients, *probability);
        }
        let norms = outcomes.iter().map(|(_, gradients)| gradients.norm_squared().sqrt());
        found.push(bias_verdict(
            format!("enumeration of a network's forward pass, {sampler}, k = 2"),
            error.norm_squared().sqrt(),
            &exact,
            largest(norms),
            outcomes.len(),
        ));
    }
    worst(found)
}

/// A linear network whose pairs cancel in both backward products: it attains the bound at k = 1.
pub fn cancelling() -> Network {
    let input = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
    let second = DMatrix::from_element(2, 1, 1.0);
    let d_output = DMatrix::from_row_slice(2, 2, &[1.0, -1.0, 1.0, -1.0]);
    let target = &input * second.transpose() - d_output * 2.0;
    Network { input, first: DMatrix::from_element(1, 1, 1.0), second, target, rectified: false }
}

/// The variance of the gradient by W_1 over the product of norms, against the bound with
/// `surplus` more pairs than are drawn.
fn variance(settings: &Settings, surplus: usize) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    let sampler = Sampler::right(Estimator::ColumnRow);
    for network in networks(settings).chain([cancelling()]) {
        for (upper, lower) in [(1, 1), (1, 3), (2, 1), (2, 2)] {
            let exact = network.gradients(settings.set).first;
            let outcomes = network.backward_outcomes(
                settings.set,
                &|scores| sampler.outcomes(scores, upper),
                &|scores| sampler.outcomes(scores, lower),
            )?;
            let errors = outcomes.first.iter();
            let variance: f64 = errors.map(|(p, g)| p * squared_distance(g, &exact)).sum();
            let kept = |k: usize| 1.0 - 1.0 / (k + surplus) as f64;
            let norms = outcomes.d_output_norm_squared
                * norm_squared(&network.second)
                * norm_squared(&network.input);
            found.push(Verdict::at_most(
                &VARIANCE,
                format!("enumeration of a network's backward pass, k = {upper} and {lower}"),
                variance / norms,
                1.0 - kept(upper) * kept(lower),
                ROUNDINGS * f64::EPSILON,
                Exact::Enumerated(outcomes.first.len()),
                "The noise of backward sampling grows faster through the layers than it is said to.",
            ));
        }
    }
    worst(found)
}

/// Mean and variance of backward sampling.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![
        backward_bias(settings, Sampler::right(Estimator::ColumnRow))?,
        backward_bias(settings, Sampler::right(Estimator::Bernoulli))?,
        backward_bias(settings, Sampler::right(Estimator::UniformWithoutReplacement))?,
        variance(settings, 0)?,
    ])
}

/// A deep network sampled forward called unbiased, a missing scale, top-k, and the bound with k + 1:
/// each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(vec![
        forward_bias(settings, Sampler::right(Estimator::ColumnRow))?,
        forward_bias(settings, Sampler::right(Estimator::Bernoulli))?,
        backward_bias(settings, Sampler::wrong(Estimator::ColumnRow, Mistake::MissingScale))?,
        backward_bias(settings, Sampler::right(Estimator::TopK))?,
        variance(settings, 1)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_bound_is_attained() {
        let set = kernels::InstructionSet::Portable;
        let (network, sampler) = (cancelling(), Sampler::right(Estimator::ColumnRow));
        let policy = |scores: &[f64]| sampler.outcomes(scores, 1);
        let outcomes = network.backward_outcomes(set, &policy, &policy).unwrap();
        let exact = network.gradients(set).first;
        let variance: f64 =
            outcomes.first.iter().map(|(p, g)| p * squared_distance(g, &exact)).sum();
        // |dY|^2 |W_2|^2 |X|^2 = 4 * 2 * 2.
        assert_eq!(variance, 16.0);
    }

    #[test]
    fn backward_sampling_is_unbiased_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
