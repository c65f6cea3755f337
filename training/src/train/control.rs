//! The control of ratios between the steps of a run.

use super::{Trainer, TrainingConfig, TrainingError};
use crate::data::Minibatch;
use crate::layer::{Parameter, SampledLayer, StepContext};
use crate::learner::{Learner, StepError};
use crate::matrix::Matrix;
use crate::network::Network;
use crate::optimizer::Moment;
use crate::sampling::{
    BudgetedLayer, GreedyBudget, LayerRatios, Mode, RatioCourse, StepSampling, VarianceControl,
};
use crate::setting::FieldError;
use std::ops::Range;

/// Brings the ratios up to date before a step, where the course of the run says so, from the
/// step's minibatch. Returns the multiply-adds of that, no part of what exact training would take.
pub(super) fn control_ratios(
    config: &TrainingConfig,
    learner: &mut Learner,
    moment: Moment,
    minibatch: &Minibatch,
) -> Result<u64, TrainingError> {
    if config.sampling(moment) == StepSampling::Nothing {
        return Ok(0);
    }
    let stream = config.stream().child("control");
    let context = StepContext {
        training: Some((stream, moment.step as u64)),
        sampling: StepSampling::Nothing,
        is_rehearsal: true,
        ..learner.context()
    };
    let step = moment.step % moment.steps_an_epoch;
    let in_step = |error: StepError| TrainingError::in_step(error.into(), moment.epoch(), step);
    match &config.course.ratios {
        RatioCourse::Variance(control) if moment.step.is_multiple_of(control.every) => {
            control_variance(control, learner, &context, minibatch).map_err(in_step)?;
        }
        RatioCourse::GreedyBudget(budget) if is_due(budget, moment, config.exact_epochs) => {
            let context = StepContext { sampling: StepSampling::OnlyScores, ..context };
            measure_scores(learner, &context, minibatch).map_err(in_step)?;
            divide(budget, learner.network()).map_err(|error| error.within("course.ratios"))?;
        }
        _ => {}
    }
    Ok(learner.network().take_computations().performed)
}

impl Trainer<'_> {
    /// Writes down the ratios at the end of an epoch, where they are controlled.
    pub(super) fn record_ratios(&mut self) {
        if !self.config.course.ratios.is_controlled() {
            return;
        }
        let Self { ratios, peer, .. } = self;
        let state = peer.learner().network().sampled_state();
        if ratios.is_empty() {
            let layers = state.iter().map(|state| state.layer.clone());
            ratios.extend(layers.map(|layer| LayerRatios { layer, epochs: Vec::new() }));
        }
        for (ratios, state) in ratios.iter_mut().zip(state) {
            ratios.epochs.push(state.ratio);
        }
    }
}

/// Refuses a control of ratios by several ranks: each would see the gradients of its own samples.
pub(super) fn check_ranks(course: &RatioCourse, ranks: usize) -> Result<(), FieldError> {
    if ranks == 1 || !course.is_controlled() {
        return Ok(());
    }
    let expected = "constant, linear or steps: a run of several workers controls no ratios";
    Err(FieldError::new("course.ratios", course.name(), expected))
}

/// Refuses what divides a minibatch of sequences, which go on from those of the one before.
pub(super) fn check_sequences(course: &RatioCourse, ranks: usize) -> Result<(), FieldError> {
    if ranks > 1 {
        let expected = "1: sequences are carried over by one worker alone";
        return Err(FieldError::new("workers", ranks, expected));
    }
    if !matches!(course, RatioCourse::Variance(_)) {
        return Ok(());
    }
    let expected = "constant, linear, steps or greedy-budget: half a minibatch of sequences has no \
                    gradient of its own";
    Err(FieldError::new("course.ratios", course.name(), expected))
}

/// What sampling adds to a layer's weight gradient, and what the choice of samples does.
#[derive(Clone, Copy, Debug, Default)]
struct Noise {
    error: f64,
    variance: f64,
}

fn control_variance(
    control: &VarianceControl,
    learner: &mut Learner,
    context: &StepContext,
    minibatch: &Minibatch,
) -> Result<(), StepError> {
    let samples = minibatch.labels.len();
    if samples < 2 {
        return Ok(());
    }
    let noise = measure(control, learner, context, minibatch, samples / 2)?;
    let mut noise = noise.into_iter();
    learner.network().visit_sampled(&mut |SampledLayer { policy, .. }| {
        if let Some(Noise { error, variance }) = noise.next().flatten() {
            policy.ratio = control.next(policy.ratio, error, variance);
        }
    });
    Ok(())
}

/// The noise of every layer with a policy; none where it has no gradient.
fn measure(
    control: &VarianceControl,
    learner: &mut Learner,
    context: &StepContext,
    minibatch: &Minibatch,
    half: usize,
) -> Result<Vec<Option<Noise>>, StepError> {
    let samples = minibatch.labels.len();
    let mut gradients = WeightGradients::of(learner);
    let mut noise = vec![None; gradients.layers.len()];

    learner.gradient(context, &part(minibatch, 0..half))?;
    gradients.copy(learner);
    learner.gradient(&context.of_rank(1), &part(minibatch, half..samples))?;
    let weight = (half * (samples - half)) as f64 / (samples * samples) as f64;
    gradients.compare(learner, |layer, distance| {
        noise[layer] = Some(Noise { error: 0.0, variance: weight * distance });
    });

    learner.gradient(context, minibatch)?;
    gradients.copy(learner);
    for trial in 0..control.repeats {
        let sampling = StepSampling::AS_POLICIES_SAY;
        let context = StepContext { sampling, trial: Some(trial), ..*context };
        learner.gradient(&context, minibatch)?;
        gradients.compare(learner, |layer, distance| {
            if let Some(noise) = &mut noise[layer] {
                noise.error += distance / control.repeats as f64;
            }
        });
    }
    Ok(noise)
}

/// Some samples of a minibatch.
fn part(minibatch: &Minibatch, samples: Range<usize>) -> Minibatch {
    let columns = minibatch.input.columns();
    let numbers = &minibatch.input.data()[samples.start * columns..samples.end * columns];
    Minibatch {
        input: Matrix::from_rows(samples.len(), columns, numbers.to_vec()),
        labels: minibatch.labels[samples].to_vec(),
        continues: minibatch.continues,
    }
}

/// A copy of the weight gradients of the layers with a policy.
struct WeightGradients {
    layers: Vec<String>,
    /// One number a weight, of each layer that has a gradient.
    gradients: Vec<Vec<f32>>,
}

impl WeightGradients {
    fn of(learner: &mut Learner) -> Self {
        let state = learner.network().sampled_state();
        let layers: Vec<String> = state.into_iter().map(|state| state.layer).collect();
        Self { gradients: vec![Vec::new(); layers.len()], layers }
    }

    fn copy(&mut self, learner: &mut Learner) {
        let Self { layers, gradients } = self;
        visit(learner, layers, &mut |layer, parameter| {
            let copy = &mut gradients[layer];
            copy.clear();
            parameter.append_gradient(copy);
        });
    }

    /// Tells `tell` the squared distance of each layer's gradient to its copy, summed in f64 in
    /// the order of the weights.
    fn compare(&self, learner: &mut Learner, mut tell: impl FnMut(usize, f64)) {
        let mut gradient = Vec::new();
        visit(learner, &self.layers, &mut |layer, parameter| {
            gradient.clear();
            parameter.append_gradient(&mut gradient);
            let squares = self.gradients[layer].iter().zip(&gradient).map(|(&x, &y)| {
                let difference = f64::from(x) - f64::from(y);
                difference * difference
            });
            tell(layer, squares.fold(0.0, |sum, square| sum + square));
        });
    }
}

/// Calls `visit` on the weights that have a gradient, with the place of their layer among these.
fn visit(learner: &mut Learner, layers: &[String], visit: &mut dyn FnMut(usize, Parameter<'_>)) {
    learner.network().visit_parameters(&mut |parameter| {
        let is_weight = parameter.name.part == "weight" && !parameter.is_frozen;
        let place = layers.iter().position(|layer| is_weight && layer == parameter.name.layer);
        if let Some(layer) = place {
            visit(layer, parameter);
        }
    });
}

/// Whether a budget is divided anew before this step.
fn is_due(budget: &GreedyBudget, moment: Moment, exact_epochs: usize) -> bool {
    let sampled_epochs = moment.epoch() - exact_epochs;
    let is_first_step = moment.step.is_multiple_of(moment.steps_an_epoch);
    is_first_step && sampled_epochs.is_multiple_of(budget.every_epochs)
}

/// Lets every layer with a policy compute the norms of its pairs; the backward pass is only made
/// where a layer needs it.
fn measure_scores(
    learner: &mut Learner,
    context: &StepContext,
    minibatch: &Minibatch,
) -> Result<(), StepError> {
    let mut is_backward = false;
    learner.network().visit_sampled(&mut |layer| {
        is_backward |= layer.policy.mode == Mode::Backward;
    });
    if is_backward {
        learner.gradient(context, minibatch)?;
    } else {
        learner.forward(context, minibatch);
    }
    Ok(())
}

/// Divides the budget by the norms that the layers have.
fn divide(budget: &GreedyBudget, network: &mut Network) -> Result<(), FieldError> {
    let mut layers = Vec::new();
    network.visit_sampled(&mut |layer| {
        let SampledLayer { policy, multiply_adds, left_norms, right_norms, .. } = layer;
        layers.push(BudgetedLayer::new(*policy, multiply_adds, left_norms, right_norms));
    });
    let mut ratios = budget.ratios(&layers)?.into_iter();
    network.visit_sampled(&mut |layer| {
        if let Some(ratio) = ratios.next() {
            layer.policy.ratio = ratio;
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
