//! What the exhibit says of its measurements.

use kernels::Estimator;
use training::layer::ImageShape;
use training::network::Description;
use training::sampling::Scores;

use super::agreement::Agreement;
use super::measurement::{Measurement, Setting, exact_of};
use super::{EXHIBIT, MultiNode};
use crate::exhibit::difference::{Difference, seeds, show};
use crate::exhibit::networks::compute_communication::{PAPER, largest_ratio};
use crate::exhibit::networks::headline::{accuracy_row, is_shown};
use crate::exhibit::networks::judgement::{Saving, evidence, evidence_setting, judged, sent};
use crate::images::Images;
use crate::result::{ExhibitResult, HeadlineRow, PaperClaim, Rows, Table, significant};

/// Several workers with what each saves of the gradient and its accuracy beside exact training.
fn savings(measurements: &[Measurement]) -> Vec<Saving> {
    let sampled = measurements.iter().filter(|m| m.setting.sampling.estimator.is_some());
    let savings = sampled.filter_map(|m| {
        let Setting { workers, sampling } = &m.setting;
        let exact = exact_of(measurements, *workers)?;
        Some(Saving {
            name: format!(
                "{} at {} {}, {workers} workers",
                sampling.name(),
                sampling.ratio,
                Agreement::of(sampling).words()
            ),
            saved: 1.0 - m.share()? / 100.0,
            against_exact: Some(m.against(exact)),
        })
    });
    savings.collect()
}

/// What ways to agree come to beside one worker that selects by both norms, in a sentence.
fn agreements(workers: usize, several: &[&Measurement], both: &Measurement) -> String {
    let one = |m: &&Measurement| {
        format!(
            "{} {} % ({} points to one worker by both norms)",
            Agreement::of(&m.setting.sampling).words(),
            show(m.accuracy()),
            m.against(both).words()
        )
    };
    match several {
        [] => String::new(),
        _ => {
            let found: Vec<String> = several.iter().map(one).collect();
            format!(" {workers} workers reach {}.", found.join(", "))
        }
    }
}

impl MultiNode {
    pub(super) fn report(
        &self,
        measurements: &[Measurement],
        images: &Images,
    ) -> anyhow::Result<ExhibitResult> {
        let data = &images.splits.train;
        let image = ImageShape::new(data.channels, data.height, data.width);
        let description = self.training.network.describe(image, data.classes)?;
        let records = self.records(measurements);
        let savings = savings(measurements);
        let used = self.training.images.in_directory_of(images);
        let network = self.training.network.title();
        let setting = evidence_setting(&network, &used, self.training.seeds);
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: sent(&savings),
            evidence: vec![evidence(
                PaperClaim::Communication,
                judged(&savings),
                &setting,
                &used,
                "workers that agree on what they select; bytes are counted, no network is timed",
            )],
            data: images.description.clone(),
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(measurements, &description)?],
            remarks: self.remarks(measurements, &description)?,
            headline: self.headline(measurements, images),
            ..ExhibitResult::default()
        })
    }

    /// Several workers: only they save communication.
    fn headline(&self, measurements: &[Measurement], images: &Images) -> Vec<HeadlineRow> {
        let rows = measurements.iter().filter_map(|m| {
            let Setting { workers, sampling } = &m.setting;
            if sampling.estimator.is_none() || !is_shown(sampling.ratio) {
                return None;
            }
            let exact = exact_of(measurements, *workers)?;
            Some(accuracy_row(
                &self.training.network.title(),
                images,
                format!(
                    "{} at {}, {workers} workers that select {}",
                    sampling.name(),
                    sampling.ratio,
                    Agreement::of(sampling).words()
                ),
                [m.computations(), m.share()?],
                [&m.accuracies(), &exact.accuracies()],
            ))
        });
        rows.collect()
    }

    fn records(&self, measurements: &[Measurement]) -> Table {
        let against = |m: &Measurement| {
            let is_sampled = m.setting.sampling.estimator.is_some();
            let exact = exact_of(measurements, m.setting.workers).filter(|_| is_sampled);
            exact.map(|exact| m.against(exact))
        };
        Rows::of(measurements)
            .key("workers", |m| m.setting.workers)
            .key("scores", |m| m.setting.scores())
            .key("ratio", |m| m.setting.sampling.ratio)
            .value("test-accuracy", "%", |m| m.accuracy().mean)
            .diagnostic("test-accuracy-half-width", "points", |m| m.accuracy().half_width)
            .value("against-exact", "points", |m| against(m).map(Difference::mean))
            .diagnostic("against-exact-half-width", "points", |m| {
                against(m).and_then(Difference::half_width)
            })
            .value("computations", "% of exact", Measurement::computations)
            .diagnostic("parameters-moved", "% of all", Measurement::moved)
            .value("sent", "bytes a step and worker", Measurement::bytes)
            .value("norms-sent", "bytes a step and worker, to each other", Measurement::norms)
            .value("sent-share", "% of the whole gradient", Measurement::share)
            .table(&format!("After the last epoch, {}", seeds(self.training.seeds)))
    }

    fn remarks(
        &self,
        measurements: &[Measurement],
        description: &Description,
    ) -> anyhow::Result<Vec<String>> {
        let mut remarks = Vec::new();
        let find = |workers, agreement, ratio| {
            measurements.iter().find(|m| m.is(workers, agreement, ratio))
        };
        let [both, weights] = [Scores::Both, Scores::Weights].map(Agreement::by);
        for ratio in self.ratios.iter().map(|ratio| ratio.value()).filter(|ratio| *ratio < 1.0) {
            let one = (find(1, both, ratio), find(1, weights, ratio));
            let (Some(both), Some(weights)) = one else { continue };
            let mut sentence = format!(
                "At ratio {ratio} one worker reaches {} % by both norms and {} % by the weights \
                 alone (the difference, paired over the seeds: {} points). Of both norms {} % of the \
                 parameters are not what they were at the start, of the weights alone {} %.",
                show(both.accuracy()),
                show(weights.accuracy()),
                weights.against(both).words(),
                significant(both.moved(), 3),
                significant(weights.moved(), 3)
            );
            for &workers in self.workers.iter().filter(|workers| **workers > 1) {
                let agreed = self.agreements.iter();
                let several = agreed.filter_map(|&agreement| find(workers, agreement, ratio));
                let several: Vec<&Measurement> = several.collect();
                sentence.push_str(&agreements(workers, &several, both));
            }
            remarks.push(sentence);
        }
        if self.estimator.0 == Estimator::TopK {
            remarks.push(
                "How the weights alone can lose: a row that is not selected has no gradient and \
                 stays as it was, its norm with it. It has its turn only when a selected row has \
                 become smaller. Activations change from minibatch to minibatch and give other rows \
                 theirs."
                    .to_string(),
            );
        }
        remarks.push(format!(
            "The paper's abstract says up to {} % less communication; of which network, at which \
             ratio and on how many nodes is not stated in the sources at hand. The largest ratio, \
             to a thousandth, at which this network saves that much: {}.",
            100.0 * PAPER,
            largest_ratio(|ratio| self.counted(description, ratio))?
                .map_or("none".to_string(), |ratio| significant(ratio, 3))
        ));
        remarks.push(
            "Sent: the gradient of the selected rows of each weight matrix and of all biases, four \
             bytes a number, as each worker hands it to the all-reduce. The selections are the same \
             on all workers, because the weights are and the norms that they share, so no index is \
             sent. A ring all-reduce of W workers moves 2 (W - 1)/W times these bytes over each link, \
             sampled or not; the norms go from each worker to each other one. The workers are threads \
             of one process, or the ranks of an MPI job, with the same numbers: bytes are counted, \
             and no network is timed."
                .to_string(),
        );
        remarks.push(
            "Many of the numbers sent are zeros all the same: the gradient comes back through the \
             features that the next sampled layer selected, so that of the rows sent the numbers of \
             all other outputs are zero, and of such a layer about the square of the ratio is moved \
             in a step. Sending that much only would need no index either; the slices of the released code are \
             whole channels, and so are these."
                .to_string(),
        );
        remarks.push(
            "Every worker has its share of the same minibatch, so that all runs make the same \
             number of steps on the same images. By both norms of its own images, each worker would \
             select other rows; the exchange of slices refuses that. Shared norms are those of the \
             whole minibatch, the very ones that one worker selects by."
                .to_string(),
        );
        remarks.push(self.training.describe());
        Ok(remarks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::networks::sampling::Sampling;
    use kernels::Estimator;
    use training::counting::{Computations, GradientNumbers};
    use training::metrics::{EpochMetrics, Metrics};
    use training::train::{DataParallelReport, TrainingReport};

    fn measured(workers: usize, agreement: Agreement, accuracies: [f64; 2]) -> Measurement {
        let report = |accuracy| DataParallelReport {
            training: TrainingReport {
                epochs: vec![EpochMetrics {
                    train: Metrics::default(),
                    held_out: Metrics::default(),
                    test: Metrics { loss: 0.1, accuracy },
                }],
                computations: Computations::default(),
                ratios: Vec::new(),
                parameters: String::new(),
            },
            sent: GradientNumbers { sent: 50, all: 100, norms: 8 },
            steps: 4,
            moved: 0.5,
        };
        let sampling: Sampling = agreement.sampling(Estimator::TopK, 0.5);
        let setting = Setting { workers, sampling };
        Measurement { setting, reports: accuracies.map(report).to_vec() }
    }

    #[test]
    fn ways_to_agree_are_compared_with_one_worker_by_both_norms() {
        let both = measured(1, Agreement::by(Scores::Both), [0.9, 0.92]);
        let shared = measured(4, Agreement::by(Scores::Shared), [0.9, 0.92]);
        let weights = measured(4, Agreement::by(Scores::Weights), [0.8, 0.82]);
        let said = agreements(4, &[&shared, &weights], &both);
        assert!(said.starts_with(" 4 workers reach by shared norms 91"), "{said}");
        assert!(said.contains("by the weights alone 81") && said.contains("lower"), "{said}");
        assert_eq!(agreements(4, &[], &both), "");
        assert_eq!((shared.norms(), both.norms()), (Some(8.0), None));
        let found = savings(&[both, shared]);
        assert_eq!(found.len(), 0, "without an exact run there is nothing to save from");
    }
}
