//! Lookahead (Zhang et al. 2019) with an average that becomes slower in the course of a run.

use crate::network::{Network, State, StateError};
use crate::setting::{FieldError, count, number};
use serde::{Deserialize, Serialize};

/// Every few steps the network goes back to the average of its states so far:
/// average <- d average + (1 - d) state, state <- average. Parameters and running statistics are
/// averaged alike.
///
/// After t of T steps d is `slowness` (t / T)^3: at the beginning the average is the state itself,
/// and only towards the end does it forget slowly. After the last step the state is the average.
///
/// ```
/// use training::optimizer::LookaheadConfig;
/// let config: LookaheadConfig = serde_yaml::from_str("{every: 5, slowness: 0.774}")?;
/// assert_eq!(config.share_kept(10, 20), 0.774 / 8.0);
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookaheadConfig {
    /// Steps from one time to the next.
    pub every: usize,
    /// The share of the average that is kept at the end.
    pub slowness: f64,
}

impl LookaheadConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("every", self.every)?;
        number("slowness", self.slowness, 0.0..=1.0)
    }

    /// The share of the average that is kept after so many of all steps.
    pub fn share_kept(&self, step: usize, steps: usize) -> f64 {
        let share = step as f64 / steps.max(1) as f64;
        self.slowness * (share * share * share)
    }
}

/// The average of a network's states.
#[derive(Clone, Debug)]
pub struct Lookahead {
    config: LookaheadConfig,
    average: State,
}

impl Lookahead {
    /// The average before the first step: the state of the network.
    pub fn new(config: LookaheadConfig, network: &mut Network) -> Self {
        Self { config, average: network.learnt_state() }
    }

    /// To be called after each step: `step` counts it, of `steps`.
    pub fn after_step(&mut self, network: &mut Network, step: usize, steps: usize) {
        if step.is_multiple_of(self.config.every) {
            let kept = self.config.share_kept(step, steps) as f32;
            self.visit(network, |average, value| {
                // In this form a number that does not move stays, whatever the share.
                *average += (1.0 - kept) * (*value - *average);
                *value = *average;
            });
        } else if step == steps {
            self.visit(network, |average, value| *value = *average);
        }
    }

    fn visit(&mut self, network: &mut Network, change: impl Fn(&mut f32, &mut f32)) {
        let mut entries = self.average.iter_mut();
        network.visit_state(&mut |_, values| {
            let Some((_, average)) = entries.next() else { return };
            average.iter_mut().zip(values).for_each(|(average, value)| change(average, value));
        });
    }

    /// The average, for a checkpoint.
    pub fn average(&self) -> &State {
        &self.average
    }

    /// Takes over an average of a network of the same layers.
    ///
    /// # Errors
    /// When an entry has another name or size; the average is then as it was.
    pub fn load_average(&mut self, average: State) -> Result<(), StateError> {
        if average.len() != self.average.len() {
            let (found, expected) = (average.len(), self.average.len());
            return Err(StateError::Count { found, expected });
        }
        for ((found, numbers), (expected, before)) in average.iter().zip(&self.average) {
            if found != expected {
                let (found, expected) = (found.clone(), expected.clone());
                return Err(StateError::Name { found, expected });
            }
            if numbers.len() != before.len() {
                let (name, found, expected) = (found.clone(), numbers.len(), before.len());
                return Err(StateError::Length { name, found, expected });
            }
        }
        self.average = average;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Lstm, LstmShape};
    use crate::network::mlp;
    use crate::sampling::LayerPolicies;
    use kernels::random::Stream;

    fn network() -> Network {
        mlp(2, &[], 1, 0.0).build(&LayerPolicies::default(), Stream::new(1, "lookahead")).unwrap()
    }

    fn set(network: &mut Network, value: f32) {
        network.visit_state(&mut |_, values| values.fill(value));
    }

    fn get(network: &mut Network) -> f32 {
        let state = network.state();
        let first = state[0].1[0];
        assert!(state.iter().all(|(_, values)| values.iter().all(|&value| value == first)));
        first
    }

    #[test]
    fn the_network_returns_to_an_average_that_becomes_slower() {
        let mut network = network();
        set(&mut network, 8.0);
        let config = LookaheadConfig { every: 2, slowness: 1.0 };
        let mut lookahead = Lookahead::new(config, &mut network);
        let mut step = |value, step| {
            set(&mut network, value);
            lookahead.after_step(&mut network, step, 5);
            get(&mut network)
        };
        assert_eq!(step(3.0, 1), 3.0, "nothing between");
        // (2/5)^3 = 0.064 of 8 and the rest of 2.
        assert!((step(2.0, 2) - (0.064 * 8.0 + 0.936 * 2.0)).abs() < 1e-6);
        assert_eq!(step(7.0, 3), 7.0);
        let average = step(1.0, 4);
        assert!((average - (0.512 * (0.064 * 8.0 + 0.936 * 2.0) + 0.488)).abs() < 1e-6);
        assert_eq!(step(9.0, 5), average, "the last state is the average");
    }

    #[test]
    fn what_sequences_carry_over_is_not_averaged() {
        let shape = LstmShape { inputs: 2, units: 2, steps: 1, sequences: 1 };
        let lstm = Lstm::new("lstm", shape, 0.1, None, Stream::new(1, "lookahead"));
        let mut network = Network::new(vec![Box::new(lstm)]);
        let config = LookaheadConfig { every: 1, slowness: 1.0 };
        set(&mut network, 8.0);
        let mut lookahead = Lookahead::new(config, &mut network);
        let (all, learnt) = (network.state(), network.learnt_state());
        let carried: State =
            all[learnt.len()..].iter().map(|(name, _)| (name.clone(), vec![4.0; 2])).collect();
        assert_eq!(carried.len(), 2);
        set(&mut network, 0.0);
        let given = [network.learnt_state(), carried.clone()].concat();
        network.load_state(&given).unwrap();
        lookahead.after_step(&mut network, 1, 1);
        assert_eq!(network.learnt_state(), learnt);
        assert_eq!(network.state()[learnt.len()..], carried);
    }

    #[test]
    fn averages_of_other_networks_are_refused() {
        let config = LookaheadConfig { every: 5, slowness: 0.5 };
        let mut lookahead = Lookahead::new(config, &mut network());
        let mut other = mlp(3, &[], 1, 0.0)
            .build(&LayerPolicies::default(), Stream::new(1, "lookahead"))
            .unwrap();
        let error = lookahead.load_average(other.state()).unwrap_err().to_string();
        assert_eq!(error, "'linear-1.weight' has 3 numbers in the state and 2 in the network");
        assert!(lookahead.load_average(Vec::new()).is_err());
        let mut changed = lookahead.average().clone();
        changed[0].1[0] = 5.0;
        lookahead.load_average(changed.clone()).unwrap();
        assert_eq!(lookahead.average(), &changed);
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let refused = |every, slowness| LookaheadConfig { every, slowness }.check().err();
        assert_eq!(refused(0, 0.5).unwrap().field, "every");
        assert_eq!(refused(5, 1.5).unwrap().field, "slowness");
        assert_eq!(refused(5, 0.774), None);
    }
}
