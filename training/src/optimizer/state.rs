//! What an optimiser remembers from one step to the next.

use super::Optimizer;

/// Running averages of one parameter, one number for each of its numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Averages {
    /// Of the gradient: SGD's velocity, Adam's first moment.
    pub first: Vec<f32>,
    /// Of the squared gradient: Adam's second moment; zeros for SGD.
    pub second: Vec<f32>,
}

/// All an optimiser remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState {
    /// Steps made.
    pub steps: u64,
    /// What the learning rate is multiplied with.
    pub factor: f32,
    /// Parameter by parameter, in the network's order; none before the first step.
    pub averages: Vec<Averages>,
}

/// Why the averages are not of a network's parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AveragesError {
    /// Another number of parameters.
    #[error("the state has averages of {found} parameters and the network has {expected}")]
    Count {
        /// Parameters of the state.
        found: usize,
        /// Parameters of the network.
        expected: usize,
    },
    /// Another size.
    #[error(
        "the state has {found} averages of parameter {parameter}, which has {expected} numbers"
    )]
    Length {
        /// The parameter's place in the network's order, from 0.
        parameter: usize,
        /// Numbers of its averages.
        found: usize,
        /// Its numbers.
        expected: usize,
    },
}

impl OptimizerState {
    /// Checks that the averages are of parameters of these lengths.
    ///
    /// # Errors
    /// On the first parameter with averages of another length, or on another number of parameters.
    fn check(&self, lengths: &[usize]) -> Result<(), AveragesError> {
        let expected = if self.steps == 0 { 0 } else { lengths.len() };
        if self.averages.len() != expected {
            return Err(AveragesError::Count { found: self.averages.len(), expected });
        }
        for (parameter, (averages, &expected)) in self.averages.iter().zip(lengths).enumerate() {
            for found in [averages.first.len(), averages.second.len()] {
                if found != expected {
                    return Err(AveragesError::Length { parameter, found, expected });
                }
            }
        }
        Ok(())
    }
}

impl Optimizer {
    /// A copy of all that is remembered.
    pub fn state(&self) -> OptimizerState {
        OptimizerState { steps: self.steps, factor: self.factor, averages: self.averages.clone() }
    }

    /// Takes over the state of an optimiser of parameters of these lengths.
    ///
    /// # Errors
    /// When the state is of other parameters; the optimiser is then as it was.
    pub fn load_state(
        &mut self,
        state: OptimizerState,
        lengths: &[usize],
    ) -> Result<(), AveragesError> {
        state.check(lengths)?;
        let OptimizerState { steps, factor, averages } = state;
        (self.steps, self.factor, self.averages, self.next) = (steps, factor, averages, 0);
        Ok(())
    }
}
