//! What a setting came to, over the seeds.

use training::train::DataParallelReport;

use super::agreement::Agreement;
use crate::exhibit::difference::Difference;
use crate::exhibit::networks::sampling::Sampling;
use crate::exhibit::statistics::Estimate;

/// How one run is divided and sampled.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) workers: usize,
    pub(super) sampling: Sampling,
}

/// A setting with the report of each of its seeds.
pub(super) struct Measurement {
    pub(super) setting: Setting,
    pub(super) reports: Vec<DataParallelReport>,
}

impl Setting {
    /// What its pairs are scored by.
    pub(super) fn scores(&self) -> String {
        match self.sampling.estimator {
            None => "all pairs".to_string(),
            Some(_) => Agreement::of(&self.sampling).name(),
        }
    }
}

impl Measurement {
    pub(super) fn over_seeds(&self, number: impl Fn(&DataParallelReport) -> f64) -> Estimate {
        Estimate::of(&self.reports.iter().map(number).collect::<Vec<_>>())
    }

    /// After the last epoch, in percent, one a seed.
    pub(super) fn accuracies(&self) -> Vec<f64> {
        let last = |report: &DataParallelReport| {
            report.training.epochs.last().map_or(f64::NAN, |epoch| 100.0 * epoch.test.accuracy)
        };
        self.reports.iter().map(last).collect()
    }

    pub(super) fn accuracy(&self) -> Estimate {
        Estimate::of(&self.accuracies())
    }

    /// The accuracy less that of another setting.
    pub(super) fn against(&self, other: &Measurement) -> Difference {
        Difference::paired(&self.accuracies(), &other.accuracies())
    }

    pub(super) fn computations(&self) -> f64 {
        self.over_seeds(|report| 100.0 * report.training.computations.share()).mean
    }

    /// Parameters that are not as they started, in percent.
    pub(super) fn moved(&self) -> f64 {
        self.over_seeds(|report| 100.0 * report.moved).mean
    }

    /// Bytes a worker sends in a step; one by itself sends none.
    pub(super) fn bytes(&self) -> Option<f64> {
        self.sends().then(|| self.over_seeds(|report| report.bytes_a_step().0).mean)
    }

    /// Bytes of column norms that a worker sends each other in a step, to agree.
    pub(super) fn norms(&self) -> Option<f64> {
        let bytes =
            |report: &DataParallelReport| 4.0 * report.sent.norms as f64 / report.steps as f64;
        self.sends().then(|| self.over_seeds(bytes).mean)
    }

    /// The gradient that is sent in percent of the whole.
    pub(super) fn share(&self) -> Option<f64> {
        self.sends().then(|| self.over_seeds(|report| 100.0 * report.sent.share()).mean)
    }

    pub(super) fn sends(&self) -> bool {
        self.setting.workers > 1
    }

    /// Whether it is of so many workers, and exact or by an agreement at this ratio.
    pub(super) fn is(&self, workers: usize, agreement: Agreement, ratio: f64) -> bool {
        let Setting { workers: found, sampling } = &self.setting;
        let is_agreed = sampling.estimator.is_none() || Agreement::of(sampling) == agreement;
        *found == workers && is_agreed && sampling.ratio == ratio
    }
}

/// The run of as many workers with exact products.
pub(super) fn exact_of(measurements: &[Measurement], workers: usize) -> Option<&Measurement> {
    measurements
        .iter()
        .find(|m| m.setting.workers == workers && m.setting.sampling.estimator.is_none())
}
