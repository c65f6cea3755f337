//! All data several times, or some data at a time: smoother and filter.

use crate::ensemble::{Ensemble, anomalies};
use crate::update::{Side, UpdateError, perturbed, update};
use kernels::MatrixView;
use kernels::random::Stream;
use kernels::selection::SelectionError;
use regression::{Data, Sampling};

/// Why data cannot be assimilated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AssimilationError {
    /// An update failed.
    #[error("update {step}: {source}")]
    Update {
        /// Which, from 1.
        step: usize,
        /// Why.
        source: UpdateError,
    },
    /// A product cannot be sampled.
    #[error("the forward pass cannot be sampled: {0}")]
    Selection(#[from] SelectionError),
}

/// What the updates have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assimilation {
    /// Variance of an observation's error.
    pub variance: f64,
    /// Whether and how the forward passes are sampled.
    pub sampling: Option<Sampling>,
    /// What perturbations and samples are drawn from.
    pub stream: Stream,
}

impl Assimilation {
    /// Ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013): all data once
    /// an inflation, with their variance inflated by it. The smoother is the right one for linear
    /// models if the reciprocals of the inflations add up to one.
    ///
    /// `after` is called with the ensemble after each update.
    ///
    /// # Errors
    /// When an update is not possible; the ensemble is then as before it.
    pub fn smooth(
        &self,
        ensemble: &mut Ensemble,
        data: &Data,
        inflations: &[f64],
        mut after: impl FnMut(&Ensemble),
    ) -> Result<(), AssimilationError> {
        for (step, &inflation) in inflations.iter().enumerate() {
            self.step(ensemble, data.inputs(), data.targets().data(), inflation, step, anomalies)?;
            after(ensemble);
        }
        Ok(())
    }

    /// Ensemble Kalman filter: `batch` examples at a time in their order, all of them `passes`
    /// times, with the variance inflated by the number of passes.
    ///
    /// `after` is called with the number of examples seen and the ensemble after each update.
    ///
    /// # Errors
    /// As [`Assimilation::smooth`].
    ///
    /// # Panics
    /// When the batch is of no example.
    pub fn filter(
        &self,
        ensemble: &mut Ensemble,
        data: &Data,
        passes: usize,
        batch: usize,
        mut after: impl FnMut(usize, &Ensemble),
    ) -> Result<(), AssimilationError> {
        let (inputs, targets) = (data.inputs(), data.targets());
        let (width, depth) = (inputs.columns(), targets.columns());
        let (mut step, mut seen) = (0, 0);
        for _ in 0..passes {
            let parts = inputs.data().chunks(batch * width);
            for (x, y) in parts.zip(targets.data().chunks(batch * depth)) {
                let examples = x.len() / width;
                let x = MatrixView::row_major(x, examples, width);
                self.step(ensemble, x, y, passes as f64, step, anomalies)?;
                (step, seen) = (step + 1, seen + examples);
                after(seen, ensemble);
            }
        }
        Ok(())
    }

    /// One update by some examples, with the anomalies of the parameters as `anomalies_of` makes
    /// them from the members.
    pub(crate) fn step(
        &self,
        ensemble: &mut Ensemble,
        inputs: MatrixView<f64>,
        targets: &[f64],
        inflation: f64,
        step: usize,
        anomalies_of: impl Fn(&[f64], usize) -> Vec<f64>,
    ) -> Result<(), AssimilationError> {
        let stream = self.stream.child(&step.to_string());
        let predictions = match &self.sampling {
            None => ensemble.predict(inputs),
            Some(sampling) => ensemble.predict_sampled(inputs, sampling, stream.child("units"))?,
        };
        let (members, variance) = (ensemble.members(), inflation * self.variance);
        let observations = perturbed(targets, members, variance, stream.child("perturbed"));
        let spread = anomalies_of(ensemble.parameters(), members);
        update(
            Side::shorter(targets.len(), members),
            ensemble.parameters_mut(),
            &spread,
            &predictions,
            &observations,
            members,
            variance,
        )
        .map_err(|source| AssimilationError::Update { step: step + 1, source })
    }
}
