//! The selection of one product of a layer, in memory that is kept from step to step.

use super::StepContext;
use crate::sampling::{Mode, SamplingPolicy};
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

    /// Makes room for the norms of so many pairs.
    pub(super) fn resize(&mut self, pairs: usize) {
        self.left_norms.resize(pairs, 0.0);
        self.right_norms.resize(pairs, 0.0);
        self.scores.resize(pairs, 0.0);
    }

    /// Draws about k pairs by the norms of both factors.
    ///
    /// Where that fails the product will be exact, and the step is told why and of which layer.
    pub(super) fn draw(
        &mut self,
        context: &StepContext,
        layer: &str,
        policy: &SamplingPolicy,
        k: usize,
        generator: &mut Generator,
    ) {
        pair_scores_into(&self.left_norms, &self.right_norms, &mut self.scores);
        let Self { scores, workspace, selection, .. } = self;
        let drawn = policy.estimator.select_into(scores, k, generator, workspace, selection);
        self.is_sampled = drawn.is_ok() && !selection.is_exact();
        if let Err(reason) = drawn {
            context.fail(layer, reason);
        }
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
