//! The tables: every epoch, and what is left after the last one.

use training::metrics::{EpochMetrics, Metrics};

use super::Accuracy;
use crate::exhibit::difference::{Difference, seeds};
use crate::exhibit::networks::runs::Trained;
use crate::exhibit::statistics::Estimate;
use crate::result::{Rows, Table};

/// A setting after one of its epochs, counted from 0.
struct Epoch<'a> {
    setting: &'a Trained,
    epoch: usize,
}

impl Epoch<'_> {
    fn accuracy(&self) -> Estimate {
        self.setting.test_accuracy(self.epoch)
    }

    /// The mean over the seeds.
    fn mean(&self, number: impl Fn(&EpochMetrics) -> f64) -> f64 {
        self.setting.over_seeds(|report| number(&report.epochs[self.epoch])).mean
    }
}

impl Accuracy {
    pub(super) fn records(&self, trained: &[Trained]) -> Table {
        let epochs = trained.iter().flat_map(|setting| {
            (0..self.training.epochs).map(move |epoch| Epoch { setting, epoch })
        });
        let epochs: Vec<Epoch> = epochs.collect();
        let mut records = Rows::of(&epochs)
            .key("estimator", |row| row.setting.sampling.name())
            .key("ratio", |row| row.setting.sampling.ratio)
            .key("epoch", |row| row.epoch + 1)
            .value("test-accuracy", "%", |row| row.accuracy().mean)
            .diagnostic("test-accuracy-half-width", "points", |row| row.accuracy().half_width)
            .diagnostic("held-out-accuracy", "%", |row| row.mean(|m| 100.0 * m.held_out.accuracy))
            .diagnostic("test-loss", "nats", |row| row.mean(|m| m.test.loss))
            .diagnostic("training-loss", "nats", |row| row.mean(|m| m.train.loss))
            .value("computations", "% of exact", |row| row.setting.computations());
        if self.has_two_statistics() {
            let running = |row: &Epoch, number: fn(&Metrics) -> f64| {
                let found = row.setting.with_running_statistics(number);
                found.filter(|_| row.epoch == self.last()).map(|found| found.mean)
            };
            records = records
                .value("test-accuracy-with-running-statistics", "%", |row| {
                    running(row, |metrics| 100.0 * metrics.accuracy)
                })
                .diagnostic("test-loss-with-running-statistics", "nats", |row| {
                    running(row, |metrics| metrics.loss)
                });
        }
        records.table(&format!("Every epoch, {}", seeds(self.training.seeds)))
    }

    pub(super) fn summary(&self, trained: &[Trained]) -> Table {
        // The exact runs have nothing to be compared with.
        let against = |setting: &Trained| {
            setting.sampling.estimator.map(|_| self.against(&trained[0], setting))
        };
        let accuracy = |setting: &Trained| setting.test_accuracy(self.last());
        let mut summary = Rows::of(trained)
            .key("estimator", |setting| setting.sampling.name())
            .key("ratio", |setting| setting.sampling.ratio)
            .value("test accuracy", "%", |setting| accuracy(setting).mean)
            .value("95 % interval, ±", "points", |setting| accuracy(setting).half_width)
            .value("against exact", "points", |setting| against(setting).map(Difference::mean))
            .value("its 95 % interval, ±", "points", |setting| {
                against(setting).and_then(Difference::half_width)
            })
            .value("reading", "", |setting| against(setting).map(|found| found.reading().words()))
            .value("computations", "% of exact", Trained::computations)
            .value("communication", "% of all", |setting| 100.0 * setting.communication);
        if self.has_two_statistics() {
            summary = summary
                .value("with running statistics", "%", |setting| {
                    setting.running_accuracy().map(|accuracy| accuracy.mean)
                })
                .value("95 % interval of these, ±", "points", |setting| {
                    setting.running_accuracy().and_then(|accuracy| accuracy.half_width)
                });
        }
        summary.table(&format!("After the last epoch, {}", seeds(self.training.seeds)))
    }
}
