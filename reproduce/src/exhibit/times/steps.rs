//! Training steps, exact and sampled in turns: their time, their counted computations and the
//! memory of their activations.

use std::time::Instant;

use anyhow::Context as _;
use kernels::InstructionSet;
use kernels::random::Stream;
use training::counting::Computations;
use training::data::Minibatch;
use training::learner::{Learner, StepError};
use training::network::Description;
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, SamplingPolicy};

use super::timed_network::built;
use crate::exhibit::networks::headline::{is_shown, time_row};
use crate::result::{HeadlineRow, significant};
use crate::timing::Spread;

/// What the steps of a measurement are made of.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The network.
    pub network: &'a Description,
    /// How gradients change its weights.
    pub optimizer: OptimizerConfig,
    /// One a step; the first step is not counted, since it allocates.
    pub minibatches: &'a [Minibatch],
    /// Initial weights and draws.
    pub stream: Stream,
    /// How products are computed.
    pub instructions: InstructionSet,
}

/// The steps of one setting and those of the exact network in turn with them.
pub struct Measurement {
    /// The estimator's name, or "exact".
    pub name: &'static str,
    /// The share of the pairs kept.
    pub ratio: f64,
    /// A step: forward pass, loss, backward pass and update.
    pub milliseconds: Spread,
    /// Over the exact step on the same minibatch.
    pub of_exact: Spread,
    /// Gradient numbers that a worker sends, over all.
    pub communication: f64,
    /// The most megabytes that activations and their gradients took.
    pub megabytes: f64,
    steps: Vec<Step>,
}

#[derive(Clone, Copy)]
struct Step {
    seconds: f64,
    loss: f64,
    computations: Computations,
}

impl Steps<'_> {
    /// The exact steps, and those of every policy, each in turns with exact ones; `finished` is
    /// called after each policy.
    ///
    /// # Errors
    /// When the network cannot be built or not be sampled.
    pub fn measure(
        &self,
        policies: &[SamplingPolicy],
        mut finished: impl FnMut(),
    ) -> anyhow::Result<Vec<Measurement>> {
        let (mut exact, whole) = self.learner(None)?;
        let (mut all_exact, mut measurements) = (Vec::new(), Vec::new());
        for policy in policies {
            let (mut sampled, communication) = self.learner(Some(*policy))?;
            let steps = self
                .minibatches
                .iter()
                .map(|minibatch| {
                    Ok((timed(&mut exact, minibatch)?, timed(&mut sampled, minibatch)?))
                })
                .collect::<Result<Vec<_>, StepError>>()?;
            let (exact_steps, steps): (Vec<Step>, Vec<Step>) = steps.into_iter().skip(1).unzip();
            let setting = (policy.estimator.name(), policy.ratio, communication);
            measurements.push(Measurement::new(setting, &mut sampled, steps, &exact_steps));
            all_exact.extend(exact_steps);
            finished();
        }
        measurements.insert(
            0,
            Measurement::new(("exact", 1.0, whole), &mut exact, all_exact.clone(), &all_exact),
        );
        Ok(measurements)
    }

    /// A learner, and the share of its gradient that a worker sends.
    fn learner(&self, policy: Option<SamplingPolicy>) -> anyhow::Result<(Learner, f64)> {
        let policies = LayerPolicies::uniform(policy);
        let network = built(self.network, policy, self.minibatches, self.stream)
            .context("the network cannot be built")?;
        let communication = self.network.gradient_numbers(&policies)?.share();
        let learner = Learner::new(network, self.optimizer, self.instructions, self.stream);
        Ok((learner, communication))
    }
}

fn timed(learner: &mut Learner, minibatch: &Minibatch) -> Result<Step, StepError> {
    let started = Instant::now();
    let loss = learner.step(minibatch)?;
    let seconds = started.elapsed().as_secs_f64();
    let computations = learner.network().take_computations();
    Ok(Step { seconds, loss: loss.mean(), computations })
}

/// How the times over the exact ones are to be read: which of them differ from the ratio of the
/// medians by more than their quartiles, and why.
pub fn paired<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> String {
    let mut exact = f64::NAN;
    let mut apart = Vec::new();
    for one in measurements {
        match one.name {
            "exact" => exact = one.milliseconds.median,
            name => {
                let ratio = one.milliseconds.median / exact;
                let Spread { low, median, high } = one.of_exact;
                apart.push((format!("{name} at {}", one.ratio), ratio, [low, median, high]));
            }
        }
    }
    apart.retain(|(_, ratio, [low, _, high])| !(*low..=*high).contains(ratio));
    let rule = "A time over the exact one is the median of the ratios of steps that took turns.";
    match apart.is_empty() {
        true => format!("{rule} The ratios of the medians lie within their quartiles."),
        false => {
            let percent = |share: f64| significant(100.0 * share, 3);
            let apart = apart.iter().map(|(name, ratio, [_, median, _])| {
                format!("{name} {} % and {} %", percent(*median), percent(*ratio))
            });
            format!(
                "{rule} The ratio of the medians differs by more than the quartiles for {}: the exact \
                 steps of all settings are one median, and the machine was not as fast all the time.",
                apart.collect::<Vec<_>>().join("; ")
            )
        }
    }
}

impl Measurement {
    fn new(
        (name, ratio, communication): (&'static str, f64, f64),
        learner: &mut Learner,
        steps: Vec<Step>,
        exact: &[Step],
    ) -> Self {
        let milliseconds = Spread::of(steps.iter().map(|step| 1e3 * step.seconds).collect());
        let over = steps.iter().zip(exact).map(|(step, exact)| step.seconds / exact.seconds);
        let of_exact = Spread::of(over.collect());
        let megabytes = learner.network().memory().peak_bytes() as f64 / 1e6;
        Self { name, ratio, milliseconds, of_exact, communication, megabytes, steps }
    }

    /// Its row of the headline.
    pub fn headline(&self, network: &str, data: &str) -> HeadlineRow {
        let shares = [self.computations().share(), self.communication];
        let sampling = format!("{} at {}", self.name, self.ratio);
        time_row(network, data, sampling, shares.map(|share| 100.0 * share), self.of_exact)
    }

    /// Whether the headline shows it.
    pub fn is_headline(&self) -> bool {
        self.name != "exact" && is_shown(self.ratio)
    }

    /// The multiply-adds of all steps.
    pub fn computations(&self) -> Computations {
        self.steps.iter().fold(Computations::default(), |mut sum, step| {
            sum += step.computations;
            sum
        })
    }

    /// Multiply-adds of a step, in billions.
    pub fn billion_multiply_adds(&self) -> f64 {
        self.computations().performed as f64 / self.steps.len() as f64 / 1e9
    }

    /// The mean loss of the steps, in nats.
    pub fn loss(&self) -> f64 {
        self.steps.iter().map(|step| step.loss).sum::<f64>() / self.steps.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, milliseconds: f64, of_exact: [f64; 3]) -> Measurement {
        let spread = |[low, median, high]: [f64; 3]| Spread { low, median, high };
        Measurement {
            name,
            ratio: 0.5,
            milliseconds: spread([milliseconds; 3]),
            of_exact: spread(of_exact),
            communication: 1.0,
            megabytes: 1.0,
            steps: Vec::new(),
        }
    }

    #[test]
    fn ratios_that_are_not_those_of_the_medians_are_named() {
        let exact = step("exact", 100.0, [1.0; 3]);
        let near = step("top-k", 61.0, [0.58, 0.6, 0.62]);
        let apart = step("bernoulli", 72.0, [0.64, 0.66, 0.68]);
        assert!(paired([&exact, &near]).ends_with("lie within their quartiles."));
        let said = paired([&exact, &near, &apart]);
        assert!(said.contains("for bernoulli at 0.5 66 % and 72 %: the exact"), "{said}");
        assert!(!said.contains("top-k"), "{said}");
    }
}
