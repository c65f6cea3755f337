//! What the sampled layers of a network remember from one step to the next.

use super::{Network, StateError};
use crate::layer::{Layer as _, SampledLayer};

/// What a layer with a policy remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledState {
    /// The layer.
    pub layer: String,
    /// Its ratio, in (0, 1].
    pub ratio: f64,
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
        self.visit_sampled(&mut |SampledLayer { name, policy, .. }| {
            state.push(SampledState { layer: name.to_owned(), ratio: policy.ratio });
        });
        state
    }

    /// Takes over a state of a network of the same layers with the same policies.
    ///
    /// # Errors
    /// When an entry has another name, or its ratio is outside (0, 1]; the network is then as it
    /// was.
    pub fn load_sampled_state(&mut self, state: &[SampledState]) -> Result<(), StateError> {
        let own = self.sampled_state();
        if own.len() != state.len() {
            return Err(StateError::Count { found: state.len(), expected: own.len() });
        }
        for (SampledState { layer, ratio }, own) in state.iter().zip(own) {
            if *layer != own.layer {
                return Err(StateError::Name { found: layer.clone(), expected: own.layer });
            }
            if !(f64::MIN_POSITIVE..=1.0).contains(ratio) {
                return Err(StateError::Ratio { layer: layer.clone(), found: *ratio });
            }
        }
        let mut entries = state.iter();
        self.visit_sampled(&mut |layer| {
            if let Some(state) = entries.next() {
                layer.policy.ratio = state.ratio;
            }
        });
        Ok(())
    }
}
