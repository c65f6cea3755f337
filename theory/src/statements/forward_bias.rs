//! T9: sampling the forward pass of a network with activations biases the gradient, less and less
//! as more pairs are kept.
//!
//! The bias is enumerated, so that also one of 1e-4 is seen without noise.

use crate::claim::{CheckError, Claim, Settings};
use crate::enumeration::outcomes;
use crate::moments::ROUNDINGS;
use crate::network::{Gradients, Network};
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::selection::draw_bernoulli;
use kernels::{Estimator, InstructionSet};

/// T9, the bias.
pub static BIASED: Claim = Claim::new(
    "T9.biased",
    "Bias of forward sampling",
    "The mean of the gradient of a network with activations sampled in the forward pass is not \
     the exact gradient.",
    r"\mathbb{E}\,\widehat{\nabla L}\ne\nabla L",
    "proved by example in paper-notes/forward-bias.md",
    "forward-bias.md",
);

/// T9, the limit.
pub static VANISHES: Claim = Claim::new(
    "T9.vanishes",
    "The bias of forward sampling vanishes with the sampling",
    "At k = n the gradient is exact.",
    r"k=n\ \Rightarrow\ \mathbb{E}\,\widehat{\nabla L}=\nabla L",
    "from the definition",
    "forward-bias.md",
);

/// T9, the rate.
pub static RATE: Claim = Claim::new(
    "T9.rate",
    "First order of the bias of forward sampling",
    "Where each pair is dropped with a small probability q, the bias is at most of the order of q, \
     and of that order unless its first coefficient vanishes; the root mean square error is of the \
     order of the root of q.",
    r"\|\mathbb{E}\,\widehat{\nabla L}-\nabla L\|=O(q),\quad q=1-p\to0",
    "proved in paper-notes/forward-bias.md",
    "forward-bias.md",
);

/// Bias and root mean square error of a sampled gradient, relative to the exact one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientError {
    /// |E g_hat - g| / |g|.
    pub bias: f64,
    /// sqrt(E|g_hat - g|^2) / |g|.
    pub root_mean_square: f64,
    /// The number of outcomes.
    pub outcomes: usize,
}

impl GradientError {
    fn of(set: InstructionSet, network: &Network, outcomes: &[(f64, Gradients)]) -> Self {
        let exact = network.gradients(set);
        let mut difference = Gradients { first: -&exact.first, second: -&exact.second };
        let mut square = 0.0;
        for (probability, gradients) in outcomes {
            difference.add(gradients, *probability);
            square += probability * gradients.squared_distance(&exact);
        }
        let norm = exact.norm_squared();
        Self {
            bias: (difference.norm_squared() / norm).sqrt(),
            root_mean_square: (square / norm).sqrt(),
            outcomes: outcomes.len(),
        }
    }
}

/// The error of a network whose forward products all keep k pairs by an estimator.
///
/// # Errors
/// When the estimator cannot be enumerated.
pub fn error_at_budget(
    set: InstructionSet,
    network: &Network,
    estimator: Estimator,
    k: usize,
) -> Result<GradientError, CheckError> {
    let sampler = Sampler::right(estimator);
    let outcomes = network.forward_outcomes(set, &|scores| sampler.outcomes(scores, k))?;
    Ok(GradientError::of(set, network, &outcomes))
}

/// The error of a network whose forward products drop each pair with probability q.
///
/// # Errors
/// When q lies outside [0, 1].
pub fn error_at_drop(
    set: InstructionSet,
    network: &Network,
    q: f64,
) -> Result<GradientError, CheckError> {
    let policy = |scores: &[f64]| {
        let p = vec![1.0 - q; scores.len()];
        outcomes(|rng| draw_bernoulli(&p, rng))
    };
    Ok(GradientError::of(set, network, &network.forward_outcomes(set, &policy)?))
}

/// Samples, features, hidden units and outputs: n = 5 pairs in both layers.
const SIZES: [usize; 4] = [4, 5, 5, 2];

fn network(settings: &Settings) -> Network {
    Network::random(settings.seed, SIZES)
}

/// The bias is at least a thousandth of the gradient, at every budget below n.
fn biased(
    settings: &Settings,
    error: impl Fn(usize) -> Result<GradientError, CheckError>,
) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for k in 1..SIZES[1] {
        let GradientError { bias, outcomes, .. } = error(k)?;
        found.push(Verdict::at_most(
            &BIASED,
            format!("minus the relative bias, enumeration of a network's forward pass, k = {k}, seed {}", settings.seed),
            -bias,
            -1e-3,
            f64::EPSILON,
            Exact::Enumerated(outcomes),
            "Forward sampling shows no bias in a deep network.",
        ));
    }
    worst(found)
}

/// The bias at a budget of `kept` pairs is nothing but rounding.
fn vanishes(settings: &Settings, kept: usize) -> Result<Verdict, CheckError> {
    let error = error_at_budget(settings.set, &network(settings), Estimator::Bernoulli, kept)?;
    Ok(Verdict::exact(
        &VANISHES,
        format!("relative bias of a network's forward pass at k = {kept} of {}", SIZES[1]),
        error.bias,
        0.0,
        ROUNDINGS * f64::EPSILON,
        Exact::Enumerated(error.outcomes),
        "A network that keeps every pair is not the exact one.",
    ))
}

/// The order of an error in q, from its values at q and q/2 as q falls.
fn order(
    settings: &Settings,
    name: &'static str,
    error: impl Fn(GradientError) -> f64,
) -> Result<Verdict, CheckError> {
    const DROP: f64 = 1e-4;
    let network = network(settings);
    let at = |q: f64| error_at_drop(settings.set, &network, q);
    let (whole, half) = (at(DROP)?, at(DROP / 2.0)?);
    let outcomes = whole.outcomes + half.outcomes;
    Ok(Verdict::exact(
        &RATE,
        format!("order of the {name} between q = {DROP} and its half"),
        libm::log2(error(whole) / error(half)),
        1.0,
        // The next order contributes q times the ratio of two coefficients, at most the square of
        // the number of coins.
        DROP * (SIZES[1] + SIZES[2]).pow(2) as f64,
        Exact::Enumerated(outcomes),
        "The bias of forward sampling falls at another rate as more pairs are kept.",
    ))
}

/// Presence, limit and rate of the bias.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let network = network(settings);
    let error = |k| error_at_budget(settings.set, &network, Estimator::Bernoulli, k);
    Ok(vec![
        biased(settings, error)?,
        vanishes(settings, SIZES[1])?,
        order(settings, "bias", |error| error.bias)?,
    ])
}

/// An exact network called biased, one pair dropped called exact, and the order of the root mean
/// square error called that of the bias: each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let network = network(settings);
    let exact = |_| error_at_drop(settings.set, &network, 0.0);
    Ok(vec![
        biased(settings, exact)?,
        vanishes(settings, SIZES[1] - 1)?,
        order(settings, "root mean square error", |error| error.root_mean_square)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_bias_is_there_and_vanishes_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
