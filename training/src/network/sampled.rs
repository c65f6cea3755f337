//! What the sampled layers of a network remember from one step to the next.

use super::{Network, StateError};
use crate::layer::{KeptSelection, Layer as _, SampledLayer};

/// What a layer with a policy remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledState {
    /// The layer.
    pub layer: String,
    /// Its ratio, in (0, 1].
    pub ratio: f64,
    /// The selection that it uses for several steps.
    pub kept: Option<KeptSelection>,
    /// The column norms of the step before, where it selects by them; empty before the first.
    pub norms: Vec<f64>,
}

impl Network {
    /// Calls `visit` on each layer with a policy, always in the same order; their ratios may be
    /// changed.
    pub fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        self.chain.visit_sampled(visit);
    }

    /// The state of every layer with a policy, in the network's order.
    pub fn sampled_state(&mut self) -> Vec<SampledState> {
        let mut state = Vec::new();
        self.visit_sampled(&mut |SampledLayer { name, policy, kept, later, .. }| {
            let (layer, ratio, kept) = (name.to_owned(), policy.ratio, kept.clone());
            state.push(SampledState { layer, ratio, kept, norms: later.all.clone() });
        });
        state
    }

    /// Takes over a state of a network of the same layers with the same policies.
    ///
    /// # Errors
    /// When an entry has another name, its ratio is outside (0, 1], or its kept selection or its
    /// norms are of another number of pairs; the network is then as it was.
    pub fn load_sampled_state(&mut self, state: &[SampledState]) -> Result<(), StateError> {
        let (mut entries, mut expected, mut checked) = (state.iter(), 0, Ok(()));
        self.visit_sampled(&mut |own| {
            expected += 1;
            if let (Some(found), Ok(())) = (entries.next(), &checked) {
                checked = found.check(&own);
            }
        });
        checked?;
        if expected != state.len() {
            return Err(StateError::Count { found: state.len(), expected });
        }
        let mut entries = state.iter();
        self.visit_sampled(&mut |layer| {
            if let Some(state) = entries.next() {
                layer.policy.ratio = state.ratio;
                layer.kept.clone_from(&state.kept);
                layer.later.all.clone_from(&state.norms);
            }
        });
        Ok(())
    }
}

impl SampledState {
    fn check(&self, own: &SampledLayer<'_>) -> Result<(), StateError> {
        let name = || self.layer.clone();
        if self.layer != own.name {
            return Err(StateError::Name { found: name(), expected: own.name.to_owned() });
        }
        if !(f64::MIN_POSITIVE..=1.0).contains(&self.ratio) {
            return Err(StateError::Ratio { layer: name(), found: self.ratio });
        }
        let kept = self.kept.as_ref().map(|kept| kept.selection.pairs());
        let norms = Some(self.norms.len()).filter(|norms| *norms > 0);
        let expected = own.kept_of;
        if let Some(found) = kept.into_iter().chain(norms).find(|pairs| *pairs != expected) {
            return Err(StateError::Pairs { layer: name(), found, expected });
        }
        Ok(())
    }
}
