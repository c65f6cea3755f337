//! The selection of one product of a layer, in memory that is kept from step to step.

use super::{SampledLayer, StepContext};
use crate::sampling::{Mode, SamplingPolicy, StepSampling};
use kernels::Selection;
use kernels::random::Generator;
use kernels::scores::pair_scores_into;
use kernels::selection::Workspace;

/// Norms of both factors, the scores they give, and the selection drawn from those.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// Norms of the columns of the left factor.
    pub(super) left_norms: Vec<f64>,
    /// Norms of the rows of the right factor.
    pub(super) right_norms: Vec<f64>,
    scores: Vec<f64>,
    workspace: Workspace,
    selection: Selection,
    is_sampled: bool,
}

impl Sampler {
    /// The product will be exact.
    pub(super) fn clear(&mut self) {
        self.is_sampled = false;
    }

    /// Draws about as many of `pairs` as the policy says, by the norms of both factors, which
    /// `norms` writes. The product will be exact where the step only asks for these norms, where
    /// all pairs are kept, and without a generator.
    ///
    /// It will also be exact where drawing fails, and the step is told why and of which layer.
    pub(super) fn select(
        &mut self,
        context: &StepContext,
        (layer, policy): (&str, &SamplingPolicy),
        pairs: usize,
        generator: Option<&mut Generator>,
        norms: impl FnOnce(&mut [f64], &mut [f64]),
    ) {
        self.clear();
        let (k, only_scores) = (policy.budget(pairs), context.sampling == StepSampling::OnlyScores);
        let Some(generator) = generator.filter(|_| k < pairs || only_scores) else { return };
        let Self { left_norms, right_norms, scores, workspace, selection, .. } = self;
        left_norms.resize(pairs, 0.0);
        right_norms.resize(pairs, 0.0);
        norms(left_norms, right_norms);
        if only_scores {
            return;
        }
        scores.resize(pairs, 0.0);
        pair_scores_into(left_norms, right_norms, scores);
        let drawn = policy.estimator.select_into(scores, k, generator, workspace, selection);
        self.is_sampled = drawn.is_ok() && !selection.is_exact();
        if let Err(reason) = drawn {
            context.fail(layer, reason);
        }
    }

    /// The layer whose ratio is that of this selection.
    pub(super) fn layer<'a>(
        &'a mut self,
        name: &'a str,
        policy: &'a mut SamplingPolicy,
        multiply_adds: u64,
    ) -> SampledLayer<'a> {
        let Self { left_norms, right_norms, .. } = self;
        SampledLayer { name, policy, multiply_adds, left_norms, right_norms }
    }

    /// What was drawn, where gradients pass through it: in the forward mode.
    pub(super) fn forward_selection(&self, policy: Option<SamplingPolicy>) -> Option<&Selection> {
        let is_forward = policy.is_some_and(|policy| policy.mode == Mode::Forward);
        self.selection().filter(|_| is_forward)
    }

    /// What was drawn, and the norms of the right factor to be changed.
    pub(super) fn selection_and_right_norms(&mut self) -> (Option<&Selection>, &mut [f64]) {
        (self.is_sampled.then_some(&self.selection), &mut self.right_norms)
    }

    /// What was drawn; none when the product is exact.
    pub(super) fn selection(&self) -> Option<&Selection> {
        self.is_sampled.then_some(&self.selection)
    }
}
