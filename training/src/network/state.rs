//! What a network remembers from one step to the next, by name.

use super::Network;
use crate::layer::Layer as _;
use sha2::{Digest, Sha256};

/// Parameters and running statistics: names and numbers, in the network's order.
pub type State = Vec<(String, Vec<f32>)>;

/// Why a state is not one of this network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StateError {
    /// Another number of entries.
    #[error("the state has {found} entries and the network {expected}")]
    Count {
        /// Entries of the state.
        found: usize,
        /// Entries of the network.
        expected: usize,
    },
    /// Another name.
    #[error("the state has '{found}' where the network has '{expected}'")]
    Name {
        /// The name in the state.
        found: String,
        /// The name in the network.
        expected: String,
    },
    /// A sampling ratio out of its range.
    #[error("layer '{layer}' has the ratio {found} in the state; it lies above 0 and is at most 1")]
    Ratio {
        /// The layer.
        layer: String,
        /// Its ratio in the state.
        found: f64,
    },
    /// A kept selection of another number of pairs.
    #[error("layer '{layer}' has a selection of {found} pairs in the state, and {expected} pairs")]
    Pairs {
        /// The layer.
        layer: String,
        /// Pairs of its selection in the state.
        found: usize,
        /// Its pairs.
        expected: usize,
    },
    /// Another size.
    #[error("'{name}' has {found} numbers in the state and {expected} in the network")]
    Length {
        /// The entry.
        name: String,
        /// Its numbers in the state.
        found: usize,
        /// Its numbers in the network.
        expected: usize,
    },
}

impl Network {
    /// Calls `visit` on every parameter and running statistic with its name, always in the same
    /// order; they may be changed.
    pub fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.chain.visit_state(visit);
    }

    /// Calls `visit` on what [`Network::visit_state`] shows and then on what sequences carry over.
    fn visit_whole_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.chain.visit_state(visit);
        self.chain.visit_carried(visit);
    }

    /// A copy of all parameters and running statistics, and of what sequences carry over from one
    /// minibatch to the next.
    pub fn state(&mut self) -> State {
        let mut state = Vec::new();
        self.visit_whole_state(&mut |name, values| state.push((name.to_owned(), values.to_vec())));
        state
    }

    /// A copy of all parameters and running statistics alone.
    pub fn learnt_state(&mut self) -> State {
        let mut state = Vec::new();
        self.visit_state(&mut |name, values| state.push((name.to_owned(), values.to_vec())));
        state
    }

    /// SHA-256 of the bits of all parameters.
    pub fn digest(&mut self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.visit_parameters(&mut |parameter| {
            parameter.values.iter().for_each(|number| hash.update(number.to_le_bytes()));
        });
        hash.finalize().into()
    }

    /// Takes over a state of a network of the same layers.
    ///
    /// # Errors
    /// When an entry has another name or size; the network is then as it was.
    pub fn load_state(&mut self, state: &[(String, Vec<f32>)]) -> Result<(), StateError> {
        let (mut entries, mut error, mut expected) = (state.iter(), None, 0);
        self.visit_whole_state(&mut |name, values| {
            expected += 1;
            let Some((found, numbers)) = entries.next() else { return };
            if error.is_none() && found != name {
                error = Some(StateError::Name { found: found.clone(), expected: name.to_owned() });
            } else if error.is_none() && numbers.len() != values.len() {
                error = Some(StateError::Length {
                    name: found.clone(),
                    found: numbers.len(),
                    expected: values.len(),
                });
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        if expected != state.len() {
            return Err(StateError::Count { found: state.len(), expected });
        }
        let mut entries = state.iter();
        self.visit_whole_state(&mut |_, values| {
            if let Some((_, numbers)) = entries.next() {
                values.copy_from_slice(numbers);
            }
        });
        Ok(())
    }
}
