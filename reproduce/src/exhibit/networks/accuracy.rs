//! Test accuracy of a sampled network against the share of the pairs kept, and the way there.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use training::metrics::{EpochMetrics, Metrics};
use training::sampling::Mode;
use training::setting::distinct;

use super::difference::{Difference, intervals, seeds};
use super::headline::{accuracy_row, is_shown};
use super::runs::{Estimate, RunSettings, Sampling, Trained, check_ratios, ratios_without_effect};
use crate::exhibit::config::{FieldError, NamedEstimator, Ratio, configure};
use crate::exhibit::{Context, Exhibit, Experiment};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{
    Axis, Cell, Column, ExhibitResult, Figure, HeadlineRow, Mark, Panel, Point, Series, Table,
};

/// The multilayer perceptron.
pub const MLP: Exhibit = Exhibit {
    name: "mlp-accuracy",
    title: "Accuracy of the MLP trained with sampled products",
    shows: "the test accuracy and the counted computations of the MLP against the share of the \
            pairs kept, and its learning curves",
    paper: "the accuracy of the MNIST MLP; its numbers are not stated in the sources at hand \
            (abstract: negligible or no impact on accuracy)",
    is_timing: false,
    version: 3,
    yaml: include_str!("../../../exhibits/mlp-accuracy.yaml"),
    configure: configure::<Accuracy>,
};

/// The convolutional network for MNIST.
pub const CNN: Exhibit = Exhibit {
    name: "cnn-accuracy",
    title: "Accuracy of the CNN trained with sampled convolutions",
    shows: "the test accuracy and the counted computations of the MNIST CNN, whose convolutions are \
            sampled, against the share of the channels kept, and its learning curves",
    paper: "the accuracy of the MNIST CNN; its numbers are not stated in the sources at hand \
            (abstract: negligible or no impact on accuracy)",
    is_timing: false,
    version: 3,
    yaml: include_str!("../../../exhibits/cnn-accuracy.yaml"),
    configure: configure::<Accuracy>,
};

/// A wide residual network for CIFAR-10.
pub const WRN: Exhibit = Exhibit {
    name: "wrn-accuracy",
    title: "Accuracy of a wide residual network trained with sampled convolutions",
    shows: "the test accuracy and the counted computations of a wide residual network on CIFAR-10, \
            whose convolutions are sampled, against the share of the channels kept, its learning \
            curves, and its accuracy with the running statistics of batch normalisation",
    paper: "the accuracy of WRN-28-10 on CIFAR-10 (at paper scale); its numbers are not stated in \
            the sources at hand (abstract: negligible or no impact on accuracy)",
    is_timing: false,
    version: 2,
    yaml: include_str!("../../../exhibits/wrn-accuracy.yaml"),
    configure: configure::<Accuracy>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    training: RunSettings,
    estimators: Vec<NamedEstimator>,
    ratios: Vec<Ratio>,
    /// Lists of layers: every sampled setting is trained with those of each list exact. By itself
    /// there is one list, an empty one.
    #[serde(default = "no_layer", skip_serializing_if = "is_no_layer")]
    exact_layers: Vec<Vec<String>>,
    curves: Curves,
}

fn no_layer() -> Vec<Vec<String>> {
    vec![Vec::new()]
}

fn is_no_layer(lists: &[Vec<String>]) -> bool {
    matches!(lists, [list] if list.is_empty())
}

/// Which learning curves are drawn beside the exact one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Curves {
    estimator: NamedEstimator,
    ratios: Vec<Ratio>,
}

impl Experiment for Accuracy {
    fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        distinct("estimators", &self.estimators)?;
        check_ratios(&self.ratios)?;
        distinct("exact_layers", &self.exact_layers)?;
        for (kind, layers) in self.exact_layers.iter().enumerate() {
            self.training.check_layers(&format!("exact_layers[{kind}]"), layers)?;
        }
        let Curves { estimator, ratios } = &self.curves;
        if !self.estimators.contains(estimator) {
            let (field, expected) = ("curves.estimator", "one of the estimators");
            return Err(FieldError::new(field, estimator.0.name(), expected));
        }
        match ratios.iter().position(|ratio| !self.ratios.contains(ratio)) {
            Some(place) => {
                let (field, value) = (format!("curves.ratios[{place}]"), ratios[place].value());
                Err(FieldError::new(field, value, "one of the ratios"))
            }
            None => Ok(()),
        }
    }

    fn without_effect(&self) -> Vec<FieldError> {
        let training = self.training.without_effect(&[Mode::Forward]).into_iter();
        let kinds = self.exact_layers.iter().enumerate().filter_map(|(kind, layers)| {
            let expected = "a layer less: as it is, nothing is sampled";
            let field = format!("exact_layers[{kind}]");
            let is_exact = self.training.leaves_nothing_sampled(layers);
            is_exact.then(|| FieldError::new(field, format!("{layers:?}"), expected))
        });
        let training = training.map(|error| error.within("training"));
        training.chain(ratios_without_effect(&self.ratios)).chain(kinds).collect()
    }

    fn memory(&self) -> Vec<Need> {
        let kinds = self.estimators.len() * self.exact_layers.len();
        let needs = self.training.memory(1 + kinds * self.ratios.len(), 1);
        needs.into_iter().map(|need| need.within("training")).collect()
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.training.images.clone())
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        Some(&mut self.training.images)
    }

    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        let mut settings = vec![Sampling::EXACT];
        for kind in self.kinds() {
            // All pairs are kept at ratio one: those runs are the exact ones, bit for bit.
            for ratio in self.ratios.iter().filter(|ratio| ratio.value() < 1.0) {
                settings.push(Sampling { ratio: ratio.value(), ..kind.clone() });
            }
        }
        let images = context.images.context("images were not loaded")?;
        let trained = self.training.train(context, &settings)?;
        Ok(self.report(&trained, images))
    }
}

impl Accuracy {
    /// The ways of sampling whose accuracy is shown against the ratio.
    fn kinds(&self) -> Vec<Sampling> {
        let kinds = self.estimators.iter().flat_map(|estimator| {
            self.exact_layers.iter().map(|layers| Sampling {
                estimator: Some(estimator.0),
                exact_layers: layers.clone(),
                ..Sampling::EXACT
            })
        });
        kinds.collect()
    }

    fn report(&self, trained: &[Trained], images: &Images) -> ExhibitResult {
        let exact = &trained[0];
        let mut remarks = self.costs(exact, trained);
        remarks.extend(self.statistics(trained));
        remarks.push(self.training.describe());
        remarks.push(
            "Against exact: the mean of sampled less exact, paired over the seeds, which share \
             initial weights and minibatches; within noise where its 95 % interval holds zero. \
             Every accuracy is that after the last epoch: none is chosen by the test images."
                .to_string(),
        );
        remarks.push(
            "Computations: multiply-adds of forward product, input gradient and weight gradient \
             of all layers, over those of exact products, counted from the selections really drawn. \
             Communication: gradient numbers that a worker of several would send. These runs select \
             by the norms of both factors, workers would keep different pairs, and so they would \
             send every number; the exhibit multi-node trains by the weights alone and saves some."
                .to_string(),
        );
        ExhibitResult {
            title: format!("Accuracy of the {} trained with sampled products", self.title()),
            data: images.description.clone(),
            records: self.records(trained),
            tables: vec![self.summary(trained)],
            figures: vec![self.accuracy_figure(exact, trained), self.curve_figure(exact, trained)],
            remarks,
            headline: self.headline(exact, trained, images),
            ..ExhibitResult::default()
        }
    }

    fn headline(&self, exact: &Trained, trained: &[Trained], images: &Images) -> Vec<HeadlineRow> {
        let shown = trained.iter().filter(|setting| is_shown(setting.sampling.ratio));
        let rows = shown.map(|setting| {
            let Sampling { ratio, .. } = setting.sampling;
            accuracy_row(
                &self.title(),
                images,
                format!("{} at {ratio}", setting.sampling.name()),
                [setting.computations(), 100.0 * setting.communication],
                [&self.accuracies(setting), &self.accuracies(exact)],
            )
        });
        rows.collect()
    }

    /// After the last epoch, in percent, one a seed.
    fn accuracies(&self, setting: &Trained) -> Vec<f64> {
        setting.a_seed(|report| 100.0 * report.epochs[self.last()].test.accuracy)
    }

    /// The test accuracy less that of exact products.
    fn against(&self, exact: &Trained, setting: &Trained) -> Difference {
        Difference::paired(&self.accuracies(setting), &self.accuracies(exact))
    }

    /// The network's usual name.
    fn title(&self) -> String {
        self.training.network.title()
    }

    /// The name of a figure's file: those of built-in settings begin with the exhibit's name.
    fn file(&self, ending: &str) -> String {
        let title = self.title().to_lowercase();
        let family = title.split('-').next().unwrap_or_default();
        format!("{family}-accuracy{ending}")
    }

    fn last(&self) -> usize {
        self.training.epochs - 1
    }

    fn records(&self, trained: &[Trained]) -> Table {
        let mut columns = vec![
            Column::key("estimator"),
            Column::key("ratio"),
            Column::key("epoch"),
            Column::value("test-accuracy", "%"),
            Column::value("test-accuracy-half-width", "points"),
            Column::value("held-out-accuracy", "%"),
            Column::value("test-loss", "nats"),
            Column::value("training-loss", "nats"),
            Column::value("computations", "% of exact"),
        ];
        if self.has_two_statistics() {
            columns.push(Column::value("test-accuracy-with-running-statistics", "%"));
            columns.push(Column::value("test-loss-with-running-statistics", "nats"));
        }
        let caption = format!("Every epoch, {}", seeds(self.training.seeds));
        let mut table = Table::new(&caption, columns);
        for setting in trained {
            for epoch in 0..self.training.epochs {
                let accuracy = setting.test_accuracy(epoch);
                let mean = |number: &dyn Fn(&EpochMetrics) -> f64| {
                    setting.over_seeds(|report| number(&report.epochs[epoch])).mean
                };
                let mut row = vec![
                    setting.sampling.name().into(),
                    setting.sampling.ratio.into(),
                    (epoch + 1).into(),
                    accuracy.mean.into(),
                    accuracy.half_width.into(),
                    mean(&|metrics| 100.0 * metrics.held_out.accuracy).into(),
                    mean(&|metrics| metrics.test.loss).into(),
                    mean(&|metrics| metrics.train.loss).into(),
                    setting.computations().into(),
                ];
                if self.has_two_statistics() {
                    let running = |number: fn(&Metrics) -> f64| {
                        let found = setting.with_running_statistics(number);
                        found.filter(|_| epoch == self.last()).map(|found| found.mean).into()
                    };
                    row.push(running(|metrics| 100.0 * metrics.accuracy));
                    row.push(running(|metrics| metrics.loss));
                }
                table.push(row);
            }
        }
        table
    }

    fn summary(&self, trained: &[Trained]) -> Table {
        let mut columns = vec![
            Column::key("estimator"),
            Column::key("ratio"),
            Column::value("test accuracy", "%"),
            Column::value("95 % interval, ±", "points"),
            Column::value("against exact", "points"),
            Column::value("its 95 % interval, ±", "points"),
            Column::value("reading", ""),
            Column::value("computations", "% of exact"),
            Column::value("communication", "% of all"),
        ];
        if self.has_two_statistics() {
            columns.push(Column::value("with running statistics", "%"));
            columns.push(Column::value("95 % interval of these, ±", "points"));
        }
        let caption = format!("After the last epoch, {}", seeds(self.training.seeds));
        let mut table = Table::new(&caption, columns);
        for setting in trained {
            let accuracy = setting.test_accuracy(self.last());
            let mut row = vec![
                setting.sampling.name().into(),
                setting.sampling.ratio.into(),
                accuracy.mean.into(),
                accuracy.half_width.into(),
            ];
            // The exact runs have nothing to be compared with.
            row.extend(if setting.sampling.estimator.is_none() {
                [Cell::Missing, Cell::Missing, Cell::Missing]
            } else {
                let against = self.against(&trained[0], setting);
                let reading = against.reading().words();
                [against.mean().into(), against.half_width().into(), reading.into()]
            });
            row.push(setting.computations().into());
            row.push((100.0 * setting.communication).into());
            if self.has_two_statistics() {
                let running = setting.running_accuracy();
                row.push(running.map(|accuracy| accuracy.mean).into());
                row.push(running.and_then(|accuracy| accuracy.half_width).into());
            }
            table.push(row);
        }
        table
    }

    /// What each way of sampling costs or gains at a half, a quarter and a tenth, where these are
    /// among the ratios.
    fn costs(&self, exact: &Trained, trained: &[Trained]) -> Vec<String> {
        let mut sentences = Vec::new();
        for kind in self.kinds() {
            let here = trained.iter().rev().filter(|setting| setting.sampling.is_like(&kind));
            let found: Vec<String> = here
                .filter(|setting| is_shown(setting.sampling.ratio))
                .map(|setting| {
                    let difference = self.against(exact, setting).words();
                    format!("{difference} at {}", setting.sampling.ratio)
                })
                .collect();
            if !found.is_empty() {
                sentences.push(format!(
                    "{} less exact, in points of test accuracy: {}.",
                    kind.name(),
                    found.join("; ")
                ));
            }
        }
        sentences
    }

    /// Whether the last evaluation is made with two kinds of statistics of batch normalisation.
    fn has_two_statistics(&self) -> bool {
        !self.training.batch_norm_statistics.is_running()
    }

    /// The accuracy with the running statistics of batch normalisation less that with others.
    fn statistics(&self, trained: &[Trained]) -> Option<String> {
        let costs = trained.iter().map(|setting| {
            let running =
                setting.a_seed_with_running_statistics(|metrics| 100.0 * metrics.accuracy)?;
            let difference = Difference::paired(&running, &self.accuracies(setting)).words();
            let (name, ratio) = (setting.sampling.name(), setting.sampling.ratio);
            Some(format!("{difference} for {name} at {ratio}"))
        });
        let costs = costs.collect::<Option<Vec<_>>>()?.join("; ");
        Some(format!(
            "The running statistics of batch normalisation are averages over training steps, in \
             sampled runs over sampled ones; the evaluation is exact, and here has statistics \
             estimated anew from exact passes. With the running ones, as in the released code, less \
             with these, paired over the seeds, in points of test accuracy: {costs}."
        ))
    }

    fn accuracy_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
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
            file: self.file(""),
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

    fn curve_figure(&self, exact: &Trained, trained: &[Trained]) -> Figure {
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
            file: self.file("-curves"),
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
