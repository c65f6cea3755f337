//! What a layer is told about a step, and what it tells.

use super::{ParameterName, ParameterPattern, is_frozen};
use crate::counting::Computations;
use crate::memory::Memory;
use crate::sampling::{SamplingPolicy, StepSampling};
use kernels::InstructionSet;
use kernels::random::{Generator, Stream};
use kernels::selection::SelectionError;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ranks whose activations have the same columns, each with rows of its own. All ranks call the same
/// for the same layers in the same order.
pub trait Ranks: Debug + Sync {
    /// Makes of the norms of this rank's columns those of the columns of all ranks.
    fn add_norms(&self, norms: &mut [f64]);

    /// Makes of this rank's numbers the sums over all ranks, the same bits on every one.
    fn add(&self, numbers: &mut [f64]);
}

/// What a layer is told about the step that it takes part in, or about an evaluation.
///
/// Both passes of a step have the same one.
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    /// The vector instructions to use.
    pub set: InstructionSet,
    /// Randomness of this training run and the step's number; none during evaluation.
    pub training: Option<(Stream, u64)>,
    /// What is sampled where a layer has a policy.
    pub sampling: StepSampling,
    /// Whether the sequences of this minibatch go on from those of the one before.
    pub continues: bool,
    /// The share of this minibatch in running statistics; none: each layer's own.
    pub statistics_share: Option<f32>,
    /// Whether this pass only asks what a step would do: running statistics and what sequences
    /// carry over stay as they are.
    pub is_rehearsal: bool,
    /// Parameters that are not learnt in this step.
    pub frozen: &'a [ParameterPattern],
    /// Which of the ranks that train together, from 0.
    pub rank: usize,
    /// Which trial of the selections of this step, from 0; none in the step itself. A trial draws
    /// its own selections and keeps none for other steps.
    pub trial: Option<usize>,
    /// Where tensors get their memory and leave it; without one, each layer keeps its own.
    pub memory: Option<&'a Memory>,
    /// Who else has rows of the activations, where columns are selected by all; none: nobody.
    pub ranks: Option<&'a dyn Ranks>,
    /// With whom batch normalisation shares its statistics; none: those of these rows are taken.
    pub statistics: Option<&'a dyn Ranks>,
    /// Where computations and failures are reported; without one, nobody asks for them.
    pub report: Option<&'a StepReport>,
}

impl<'a> StepContext<'a> {
    /// An exact pass without dropout.
    pub fn evaluation(set: InstructionSet) -> Self {
        Self {
            set,
            training: None,
            sampling: StepSampling::AS_POLICIES_SAY,
            continues: false,
            statistics_share: None,
            is_rehearsal: false,
            frozen: &[],
            rank: 0,
            trial: None,
            memory: None,
            ranks: None,
            statistics: None,
            report: None,
        }
    }

    /// A step of a training run.
    pub fn training(set: InstructionSet, stream: Stream, step: u64) -> Self {
        Self { training: Some((stream, step)), ..Self::evaluation(set) }
    }

    /// The same step as one of several ranks takes part in it.
    #[must_use]
    pub fn of_rank(self, rank: usize) -> Self {
        Self { rank, ..self }
    }

    /// The same step with a place for what its layers report.
    #[must_use]
    pub fn reporting_to(self, report: &'a StepReport) -> Self {
        Self { report: Some(report), ..self }
    }

    /// The generator of the selections of one layer in this step, the same on every rank; none in
    /// an evaluation.
    ///
    /// Draws are addressed by the layer's name and the step, so that they depend on neither
    /// threads nor other layers. Both passes get the same generator.
    pub fn generator(&self, layer: &str) -> Option<Generator> {
        match self.trial {
            None => self.generator_of(layer),
            Some(trial) => self.generator_of(&format!("{layer}.trial-{trial}")),
        }
    }

    /// The period of this step, where selections of a policy are used for several steps.
    pub fn period(&self, policy: &SamplingPolicy) -> Option<u64> {
        let (_, step) = self.training.filter(|_| policy.keep_for > 1 && self.trial.is_none())?;
        Some(step / policy.keep_for as u64)
    }

    /// The generator of one layer in this step for what belongs to the samples, which are others
    /// on every rank. On the first it is the layer's.
    pub fn generator_of_samples(&self, layer: &str) -> Option<Generator> {
        match self.rank {
            0 => self.generator_of(layer),
            rank => self.generator_of(&format!("{layer}.worker-{rank}")),
        }
    }

    fn generator_of(&self, name: &str) -> Option<Generator> {
        self.training.map(|(stream, step)| stream.child(name).at(step))
    }

    /// Whether a parameter of a layer is learnt in this step.
    pub fn learns(&self, layer: &str, part: &'static str) -> bool {
        !is_frozen(self.frozen, ParameterName { layer, part })
    }

    /// Makes of column norms of this rank's activations those of all ranks'.
    pub fn add_norms(&self, norms: &mut [f64]) {
        if let Some(ranks) = self.ranks {
            ranks.add_norms(norms);
        }
    }

    /// Reports multiply-adds.
    pub fn count(&self, computations: Computations) {
        if let Some(report) = self.report {
            report.lock().computations += computations;
        }
    }

    /// Reports that a layer could not draw a selection; its product is then computed exactly, and
    /// the step is not the one that was asked for.
    pub fn fail(&self, layer: &str, reason: SelectionError) {
        if let Some(report) = self.report {
            let failure = SelectionFailure { layer: layer.to_owned(), reason: Box::new(reason) };
            report.lock().failure.get_or_insert(failure);
        }
    }
}

/// What the layers of a step have reported.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::layer::{Layer, Linear, StepContext, StepReport};
/// use training::matrix::Matrix;
///
/// let (report, stream) = (StepReport::default(), Stream::new(1, "example"));
/// let step = StepContext::training(InstructionSet::detect(), stream, 0).reporting_to(&report);
/// let mut layer = Linear::new("linear", 4, 3, None, stream);
/// layer.forward(&step, &Matrix::zeros(2, 4));
/// assert_eq!(report.take_computations().performed, 2 * 4 * 3);
/// assert_eq!(report.take_failure(), None);
/// ```
#[derive(Debug, Default)]
pub struct StepReport {
    reported: Mutex<Reported>,
}

#[derive(Debug, Default)]
struct Reported {
    computations: Computations,
    /// The first.
    failure: Option<SelectionFailure>,
}

impl StepReport {
    /// Takes the multiply-adds reported since the last call.
    pub fn take_computations(&self) -> Computations {
        std::mem::take(&mut self.lock().computations)
    }

    /// Takes the first failure reported since the last call.
    pub fn take_failure(&self) -> Option<SelectionFailure> {
        self.lock().failure.take()
    }

    /// A thread that panicked holding the lock left a whole report: each change is one.
    fn lock(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A selection that could not be drawn in a step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("layer '{layer}' cannot be sampled: {reason}")]
pub struct SelectionFailure {
    /// The layer's name.
    pub layer: String,
    /// Why; boxed, since it travels in the errors of every caller.
    pub reason: Box<SelectionError>,
}
