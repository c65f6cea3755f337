//! The figures: accuracy against ratio and work, and learning curves.

use super::Accuracy;
use crate::exhibit::difference::{Difference, intervals};
use crate::exhibit::networks::forest::{self, Line};
use crate::exhibit::networks::runs::Trained;
use crate::exhibit::networks::sampling::Sampling;
use crate::exhibit::statistics::Estimate;
use crate::exhibit::style;
use crate::result::{Axis, Figure, Mark, Panel, Point, Series};

impl Accuracy {
    /// The ways of sampling, each with its style: those of one estimator have its colour.
    fn styles(&self) -> Vec<(usize, Sampling)> {
        let kinds = self.estimators.iter().flat_map(|estimator| {
            let of_estimator =
                self.kinds().into_iter().filter(|kind| kind.estimator == Some(estimator.0));
            let styled = of_estimator.enumerate();
            styled.map(|(variant, kind)| (style::with_variant(estimator.0, variant), kind))
        });
        kinds.collect()
    }

    /// Accuracies against the ratio, or where there are too few ratios for a curve the differences to
    /// exact products.
    pub(super) fn accuracy_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
        const CURVE: usize = 3;
        match self.ratios.iter().filter(|ratio| ratio.value() < 1.0).count() {
            few if few < CURVE => self.difference_figure(exact, trained),
            _ => self.ratio_figure(exact, trained),
        }
    }

    fn difference_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
        let sampled = trained.iter().filter(|setting| setting.sampling.estimator.is_some());
        let settings: Vec<&Trained> = sampled.collect();
        let line = |setting: &Trained, difference| Line {
            name: format!("{} at {}", setting.sampling.name(), setting.sampling.ratio),
            estimator: setting
                .sampling
                .estimator
                .map_or("", |estimator| estimator.name())
                .to_string(),
            style: setting.sampling.estimator.map_or(0, style::of),
            difference,
        };
        let lines = settings.iter().map(|setting| line(setting, self.against(exact, setting)));
        let mut panels = vec![forest::panel("Sampled less exact", &lines.collect::<Vec<_>>())];
        let running = |setting: &Trained| {
            setting.a_seed_with_running_statistics(|metrics| 100.0 * metrics.accuracy)
        };
        let running: Option<Vec<Line>> = settings
            .iter()
            .map(|setting| {
                let difference = Difference::paired(&running(setting)?, &running(exact)?);
                Some(line(setting, difference))
            })
            .collect();
        let mut statistics = "";
        if let Some(lines) = running.filter(|_| self.has_two_statistics()) {
            panels.push(forest::panel("With running statistics", &lines));
            statistics = " Left with statistics of batch normalisation estimated anew from exact \
                          passes, right with the running ones.";
        }
        Figure {
            part: String::new(),
            caption: format!(
                "Test accuracy of the {} after the last epoch, sampled less exact, paired over the seeds: \
                 {}. Left of the dashed line accuracy is lost.{statistics}",
                self.title(),
                intervals(self.training.seeds)
            ),
            panels,
        }
    }

    fn ratio_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
        type Accuracies<'a> = &'a dyn Fn(&Trained) -> Option<Estimate>;
        let panel = |title: &str, label: &str, place: &dyn Fn(&Trained) -> f64, of: Accuracies| {
            let mut series = Vec::new();
            for (style, kind) in self.styles() {
                let kind = &kind;
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
                .map(|(place, (setting, label))| Series {
                    label: label.clone(),
                    style: match setting.sampling.estimator {
                        Some(estimator) => style::with_variant(estimator, place - 1),
                        None => 0,
                    },
                    mark: match setting.sampling.estimator {
                        Some(_) => Mark::JoinedPoints,
                        None => Mark::DashedPoints,
                    },
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
