//! Why a training run cannot start or go on.

use crate::data::DataError;
use crate::exchange::{CollectiveError, ExchangeError};
use crate::layer::SelectionFailure;
use crate::learner::StepError;
use crate::network::NetworkError;
use crate::setting::FieldError;

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The network cannot be built, or not be sampled so.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// A data set has no samples.
    #[error("the {0} set has no samples")]
    Empty(&'static str),
    /// The loss became infinite or not a number.
    #[error("the loss became {loss} at step {step} of epoch {epoch}; try a smaller learning rate")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The minibatch of that epoch, from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// A selection could not be drawn.
    #[error("step {step} of epoch {epoch}: {failure}")]
    Selection {
        /// The epoch, from 1.
        epoch: usize,
        /// The minibatch of that epoch, from 1.
        step: usize,
        /// Of which layer, and why.
        failure: SelectionFailure,
    },
    /// The ranks of the run cannot train together.
    #[error(transparent)]
    Exchange(ExchangeError),
    /// A sample cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The observer asked to stop.
    #[error("stopped after {epochs} epochs")]
    Stopped {
        /// Epochs that were finished.
        epochs: usize,
    },
}

impl TrainingError {
    /// What went wrong in a step (from 0) of an epoch (from 0).
    pub(super) fn in_step(error: ExchangeError, epoch: usize, step: usize) -> Self {
        let (epoch, step) = (epoch + 1, step + 1);
        match error {
            ExchangeError::Step(StepError::Diverged { loss }) => {
                Self::Diverged { epoch, step, loss }
            }
            ExchangeError::Step(StepError::Selection(failure)) => {
                Self::Selection { epoch, step, failure }
            }
            error => Self::Exchange(error),
        }
    }
}

impl From<CollectiveError> for TrainingError {
    fn from(error: CollectiveError) -> Self {
        Self::Exchange(error.into())
    }
}
