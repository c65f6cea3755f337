//! The selection of one product of a layer, in memory that is kept from step to step.

use super::{KeptSelection, LaterNorms, SampledLayer, StepContext};
use crate::sampling::exploration::explore;
use crate::sampling::{Mode, SamplingPolicy, Scores, StepSampling};
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
    /// Norms of the columns of the left factor, where the next step selects by them.
    later: LaterNorms,
    scores: Vec<f64>,
    /// Memory to draw explored pairs in.
    order: Vec<u32>,
    workspace: Workspace,
    selection: Selection,
    /// What several steps use.
    kept: Option<KeptSelection>,
    chosen: Chosen,
}

/// Which pairs the product is over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Chosen {
    #[default]
    All,
    Drawn,
    Kept,
}

impl Sampler {
    /// The product will be exact.
    pub(super) fn clear(&mut self) {
        self.chosen = Chosen::All;
    }

    /// Draws about as many of `pairs` as the policy says, by the norms of the left and the right
    /// factor, or what the policy has in the place of the left ones. The product will be exact where the step only asks for these norms, where
    /// all pairs are kept, and without a generator.
    ///
    /// It will also be exact where drawing fails, and the step is told why and of which layer.
    pub(super) fn select(
        &mut self,
        context: &StepContext,
        (layer, policy): (&str, &SamplingPolicy),
        pairs: usize,
        generator: Option<&mut Generator>,
        left: impl FnOnce(&mut [f64]),
        right: impl FnOnce(&mut [f64]),
    ) {
        self.clear();
        let (k, only_scores) = (policy.budget(pairs), context.sampling == StepSampling::OnlyScores);
        let Some(generator) = generator.filter(|_| k < pairs || only_scores) else { return };
        let period = context.period(policy).filter(|_| !only_scores);
        let is_of = |kept: &KeptSelection| Some(kept.period) == period;
        if let Some(kept) = self.kept.as_ref().filter(|kept| is_of(kept)) {
            self.chosen = Chosen::kept(&kept.selection);
            return;
        }
        let Self { left_norms, right_norms, later, scores, order, workspace, selection, .. } = self;
        left_norms.resize(pairs, 0.0);
        right_norms.resize(pairs, 0.0);
        match policy.scores {
            Scores::Both => left(left_norms),
            Scores::Weights => left_norms.fill(1.0),
            Scores::Shared => {
                left(left_norms);
                context.add_norms(left_norms);
            }
            Scores::SharedBefore => {
                later.own.resize(pairs, 0.0);
                left(&mut later.own);
                if later.all.is_empty() {
                    left_norms.fill(1.0);
                } else {
                    left_norms.copy_from_slice(&later.all);
                }
            }
        }
        right(right_norms);
        if only_scores {
            return;
        }
        scores.resize(pairs, 0.0);
        pair_scores_into(left_norms, right_norms, scores);
        if policy.exploration > 0.0 {
            let explored = (policy.exploration * k as f64).round() as usize;
            explore(scores, explored, generator, order);
        }
        let drawn = policy.estimator.select_into(scores, k, generator, workspace, selection);
        if let Err(reason) = drawn {
            return context.fail(layer, reason);
        }
        self.chosen = if selection.is_exact() { Chosen::All } else { Chosen::Drawn };
        if let Some(period) = period {
            let kept = self.kept.get_or_insert_default();
            kept.period = period;
            std::mem::swap(&mut kept.selection, selection);
            self.chosen = Chosen::kept(&kept.selection);
        }
    }

    /// What was drawn, where gradients pass through it: in the forward mode.
    pub(super) fn forward_selection(&self, policy: Option<SamplingPolicy>) -> Option<&Selection> {
        let is_forward = policy.is_some_and(|policy| policy.mode == Mode::Forward);
        self.selection().filter(|_| is_forward)
    }

    /// What was drawn, and the norms of the right factor to be changed.
    pub(super) fn selection_and_right_norms(&mut self) -> (Option<&Selection>, &mut [f64]) {
        let Self { selection, kept, chosen, right_norms, .. } = self;
        (chosen.of(selection, kept.as_ref()), right_norms)
    }

    /// What was drawn; none when the product is exact.
    pub(super) fn selection(&self) -> Option<&Selection> {
        self.chosen.of(&self.selection, self.kept.as_ref())
    }
}

/// What is sampled of a layer with these samplers of its three products.
pub(super) fn sampled_layer<'a>(
    name: &'a str,
    policy: &'a mut SamplingPolicy,
    multiply_adds: u64,
    [inputs, outputs]: [usize; 2],
    [forward, weight_gradient, input_gradient]: [&'a mut Sampler; 3],
) -> SampledLayer<'a> {
    let (norms, kept_of, kept) = if policy.mode == Mode::Backward {
        let Sampler { left_norms, right_norms, later, .. } = weight_gradient;
        ((left_norms, right_norms, later), outputs, &mut input_gradient.kept)
    } else {
        let Sampler { left_norms, right_norms, later, kept, .. } = forward;
        ((left_norms, right_norms, later), inputs, kept)
    };
    let (left_norms, right_norms, later) = norms;
    SampledLayer { name, policy, multiply_adds, left_norms, right_norms, kept_of, kept, later }
}

impl Chosen {
    fn kept(selection: &Selection) -> Self {
        if selection.is_exact() { Self::All } else { Self::Kept }
    }

    fn of<'a>(
        self,
        drawn: &'a Selection,
        kept: Option<&'a KeptSelection>,
    ) -> Option<&'a Selection> {
        match self {
            Self::All => None,
            Self::Drawn => Some(drawn),
            Self::Kept => kept.map(|kept| &kept.selection),
        }
    }
}
