//! The figures: accuracy against ratio and work, and learning curves.

use super::Accuracy;
use crate::exhibit::difference::intervals;
use crate::exhibit::networks::runs::Trained;
use crate::exhibit::statistics::Estimate;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

impl Accuracy {
    pub(super) fn accuracy_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
        type Accuracies<'a> = &'a dyn Fn(&Trained) -> Option<Estimate>;
        let panel = |title: &str, label: &str, place: &dyn Fn(&Trained) -> f64, of: Accuracies| {
            let mut series = Vec::new();
            for (style, kind) in self.kinds().iter().enumerate() {
                let points = trained
                    .iter()
                    .filter(|setting| setting.sampling.is_like(kind))
                    .filter_map(|setting| {
                        let accuracy = of(setting)?;
                        let (mean, half_width) = (accuracy.mean, accuracy.half_width);
                        Some(Point::with_interval(place(setting), mean, half_width))
                    });
                series.push(Series {
                    label: kind.name(),
                    style,
                    mark: Mark::JoinedPoints,
                    points: points.collect(),
                });
            }
            let ends = trained
                .iter()
                .map(place)
                .fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
            series.extend(of(exact).map(|reference| Series {
                label: "exact products".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: [ends.0, ends.1].map(|x| Point::new(x, reference.mean)).to_vec(),
            }));
            Panel {
                title: title.to_string(),
                x: Axis::linear(label),
                y: Axis::linear("test accuracy, %"),
                series,
            }
        };
        let ratio = |setting: &Trained| setting.sampling.ratio;
        let ratio_label = "share of the pairs kept, k/n";
        let accuracy = |setting: &Trained| Some(setting.test_accuracy(self.last()));
        let mut panels = vec![
            panel("Accuracy against ratio", ratio_label, &ratio, &accuracy),
            panel(
                "Accuracy against work",
                "computations, % of exact",
                &Trained::computations,
                &accuracy,
            ),
        ];
        let mut statistics = "";
        if self.has_two_statistics() {
            let title = "With running statistics";
            panels.insert(1, panel(title, ratio_label, &ratio, &Trained::running_accuracy));
            statistics = " Batch normalisation is evaluated with statistics estimated anew from \
                          exact passes, in the middle panel with the running ones.";
        }
        Figure {
            part: String::new(),
            caption: format!(
                "Test accuracy of the {} after the last epoch, {}, against the share of the pairs \
                 kept and against the computations counted; forward sampling, with exact products \
                 dashed.{statistics}",
                self.title(),
                intervals(self.training.seeds)
            ),
            panels,
        }
    }

    pub(super) fn curve_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
        let curves = &self.curves;
        let mut shown = vec![(exact, "exact products".to_string())];
        for ratio in curves.ratios.iter().rev() {
            let found = trained.iter().filter(|setting| {
                setting.sampling.estimator == Some(curves.estimator.0)
                    && setting.sampling.ratio == ratio.value()
            });
            shown.extend(found.map(|setting| {
                (setting, format!("{} at {}", setting.sampling.name(), ratio.value()))
            }));
        }
        let panel = |title: &str, y: Axis, number: &dyn Fn(&Trained, usize) -> Estimate| Panel {
            title: title.to_string(),
            x: Axis::linear("epoch"),
            y,
            series: shown
                .iter()
                .enumerate()
                .map(|(style, (setting, label))| Series {
                    label: label.clone(),
                    style,
                    mark: Mark::JoinedPoints,
                    points: (0..self.training.epochs)
                        .map(|epoch| {
                            let Estimate { mean, half_width } = number(setting, epoch);
                            Point::with_interval((epoch + 1) as f64, mean, half_width)
                        })
                        .collect(),
                })
                .collect(),
        };
        Figure {
            part: "curves".to_string(),
            caption: format!(
                "Learning curves of the {} with exact products and with {}: training loss as \
                 training meets it (products sampled, dropout where the network has it) and test \
                 accuracy (products exact), epoch by epoch, {}.",
                self.title(),
                curves.estimator.0.name(),
                intervals(self.training.seeds)
            ),
            panels: vec![
                panel(
                    "Training loss",
                    Axis::logarithmic("cross-entropy, nats"),
                    &|setting, epoch| setting.over_seeds(|report| report.epochs[epoch].train.loss),
                ),
                panel("Test accuracy", Axis::linear("test accuracy, %"), &Trained::test_accuracy),
            ],
        }
    }
}
