//! The figure: accuracy beside what is sent, against the share of the pairs kept.

use training::network::Description;
use training::sampling::Scores;

use super::MultiNode;
use super::agreement::Agreement;
use super::measurement::Measurement;
use crate::exhibit::difference::intervals;
use crate::exhibit::networks::compute_communication::PAPER;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

impl MultiNode {
    /// Accuracy of every number of workers and way to score, and the bytes that they send.
    pub(super) fn figure(
        &self,
        measurements: &[Measurement],
        description: &Description,
    ) -> anyhow::Result<Figure> {
        let mut accuracies = Vec::new();
        let mut shares = Vec::new();
        let (mut style, alone) = (0, [Scores::Both, Scores::Weights].map(Agreement::by));
        for &workers in &self.workers {
            for &agreement in if workers == 1 { &alone[..] } else { &self.agreements } {
                let points = |point: &dyn Fn(&Measurement) -> Option<Point>| -> Vec<Point> {
                    let ratios = self.ratios.iter().map(|ratio| ratio.value());
                    let found = ratios.filter_map(|ratio| {
                        measurements.iter().find(|m| m.is(workers, agreement, ratio))
                    });
                    found.filter_map(point).collect()
                };
                let counted = if workers == 1 { "1 worker" } else { &format!("{workers} workers") };
                let series = |points| Series {
                    label: format!("{counted}, {}", agreement.words()),
                    style,
                    mark: Mark::JoinedPoints,
                    points,
                };
                accuracies.push(series(points(&|m| {
                    let accuracy = m.accuracy();
                    let ratio = m.setting.sampling.ratio;
                    Some(Point::with_interval(ratio, accuracy.mean, accuracy.half_width))
                })));
                if workers > 1 {
                    let sent = points(&|m| Some(Point::new(m.setting.sampling.ratio, m.share()?)));
                    shares.push(Series { mark: Mark::Points, ..series(sent) });
                }
                style += 1;
            }
        }
        let ratios = (1..=100).map(|percent| f64::from(percent) / 100.0);
        let lowest = self.ratios[0].value();
        let counted = ratios
            .filter(|ratio| *ratio >= lowest)
            .map(|ratio| Ok(Point::new(ratio, 100.0 * self.counted(description, ratio)?)));
        shares.push(Series {
            label: "counted from shapes".to_string(),
            style,
            mark: Mark::Line,
            points: counted.collect::<anyhow::Result<_>>()?,
        });
        shares.push(Series {
            label: "66 % saved".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: [lowest, 1.0].map(|x| Point::new(x, 100.0 * (1.0 - PAPER))).to_vec(),
        });
        let panel = |title: &str, y, series| Panel {
            title: title.to_string(),
            x: Axis::linear("share of the pairs kept, k/n"),
            y: Axis::linear(y),
            series,
        };
        Ok(Figure {
            part: String::new(),
            caption: format!(
                "Left: test accuracy of the {} after the last epoch against the share of the pairs \
                 kept by {}, by one worker or several, by whatever norms they select, {}. Right: bytes of gradient a worker sends in a step, \
                 counted as they were sent and from the shapes of the network; the dashed line is \
                 a saving of 66 %.",
                self.training.network.title(),
                self.estimator.0.name(),
                intervals(self.training.seeds)
            ),
            panels: vec![
                panel("Accuracy", "test accuracy, %", accuracies),
                panel("Communication", "bytes sent, % of whole gradient", shares),
            ],
        })
    }
}
