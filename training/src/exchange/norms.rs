//! What ranks tell each other within the passes of a step: column norms of their activations, by which
//! ranks with other samples select the same, and sums for the statistics of batch normalisation.

use super::{Collective, CollectiveError};
use crate::layer::{Ranks, SampledLayer};
use crate::network::Network;
use crate::sampling::Scores;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Adds up norms and sums during a pass, layer by layer.
pub(super) struct InStep<'a> {
    state: Mutex<State<'a>>,
}

struct State<'a> {
    collective: &'a mut dyn Collective,
    own: Vec<u8>,
    all: Vec<u8>,
    outcome: Result<u64, CollectiveError>,
}

impl<'a> InStep<'a> {
    pub(super) fn new(collective: &'a mut dyn Collective) -> Self {
        let (own, all) = (Vec::new(), Vec::new());
        Self { state: Mutex::new(State { collective, own, all, outcome: Ok(0) }) }
    }

    /// How many numbers of 32 bits this rank has sent to each other, or why they could not be exchanged.
    pub(super) fn finish(self) -> Result<u64, CollectiveError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).outcome
    }
}

impl InStep<'_> {
    /// Sends what `encode` writes of the numbers, and has `take` make of all ranks' what they become.
    /// After an error, of which `finish` tells, numbers stay as they are.
    fn together(
        &self,
        numbers: &mut [f64],
        encode: fn(&[f64], &mut Vec<u8>),
        take: fn(&[u8], &mut [f64]),
    ) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { collective, own, all, outcome } = &mut *state;
        let Ok(sent) = outcome else { return };
        own.clear();
        encode(numbers, own);
        match collective.all_gather_bytes(own, all) {
            Ok(()) => {
                *sent += (own.len() / size_of::<f32>()) as u64;
                take(all, numbers);
            }
            Err(error) => *outcome = Err(error),
        }
    }
}

impl Ranks for InStep<'_> {
    fn add_norms(&self, norms: &mut [f64]) {
        self.together(norms, encode, norms_of_all);
    }

    fn add(&self, numbers: &mut [f64]) {
        self.together(numbers, encode_sums, sums_of_all);
    }
}

impl fmt::Debug for InStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InStep")
    }
}

/// Calls `visit` on each layer that selects by the norms of the step before.
fn visit_later(network: &mut Network, visit: &mut dyn FnMut(SampledLayer<'_>)) {
    network.visit_sampled(&mut |layer| {
        if layer.policy.scores == Scores::SharedBefore {
            visit(layer);
        }
    });
}

/// Appends what this rank's layers found in this step, for the selections of the next. Returns how
/// many norms these are.
pub(super) fn append_later(network: &mut Network, to: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    visit_later(network, &mut |layer| {
        count += layer.later.own.len() as u64;
        encode(&layer.later.own, to);
    });
    count
}

/// Takes over the norms of all ranks, of which each has sent as many bytes as `append_later` wrote.
pub(super) fn take_later(network: &mut Network, messages: &[&[u8]]) {
    let mut place = 0;
    visit_later(network, &mut |layer| {
        let later = layer.later;
        if later.own.is_empty() {
            // It was exact in this step: the last norms stay.
            return;
        }
        let bytes = size_of::<f32>() * later.own.len();
        let parts = messages.iter().flat_map(|message| &message[place..place + bytes]);
        let all: Vec<u8> = parts.copied().collect();
        later.all.resize(later.own.len(), 0.0);
        norms_of_all(&all, &mut later.all);
        later.own.clear();
        place += bytes;
    });
}

/// Norms as they are sent, of 32 bits.
fn encode(norms: &[f64], to: &mut Vec<u8>) {
    to.extend(norms.iter().flat_map(|&norm| (norm as f32).to_le_bytes()));
}

/// The norms of columns of which every rank has some rows: the root of the sum of the squares, in
/// f64, ranks in order.
fn norms_of_all(messages: &[u8], to: &mut [f64]) {
    to.fill(0.0);
    let numbers = messages.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes)));
    let numbers: Vec<f64> = numbers.collect();
    for of_rank in numbers.chunks_exact(to.len().max(1)) {
        to.iter_mut().zip(of_rank).for_each(|(sum, norm)| *sum += norm * norm);
    }
    to.iter_mut().for_each(|sum| *sum = sum.sqrt());
}

/// Sums as they are sent, of 64 bits.
fn encode_sums(sums: &[f64], to: &mut Vec<u8>) {
    to.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
}

/// The sums over all ranks, ranks in order.
fn sums_of_all(messages: &[u8], to: &mut [f64]) {
    to.fill(0.0);
    let numbers = messages.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes));
    for (place, number) in numbers.enumerate() {
        to[place % to.len()] += number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_all_are_those_of_the_ranks() {
        let mut messages = Vec::new();
        encode_sums(&[3.0, 1e-300], &mut messages);
        encode_sums(&[-4.5, 2e-300], &mut messages);
        let mut sums = [7.0; 2];
        sums_of_all(&messages, &mut sums);
        assert_eq!(sums, [-1.5, 1e-300 + 2e-300]);
        sums_of_all(&[], &mut []);
    }

    #[test]
    fn norms_of_all_are_those_of_the_rows_of_all() {
        let mut messages = Vec::new();
        encode(&[3.0, 0.0, 1.5], &mut messages);
        encode(&[4.0, 2.0, 2.0], &mut messages);
        let mut norms = [7.0; 3];
        norms_of_all(&messages, &mut norms);
        assert_eq!(norms, [5.0, 2.0, 2.5]);
        norms_of_all(&[], &mut []);
    }
}
