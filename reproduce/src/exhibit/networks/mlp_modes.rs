//! Where in a training step to sample: forward, backward, or forward as a black box.

use serde::{Deserialize, Serialize};
use training::sampling::Mode;
use training::setting::distinct;

use super::run_settings::RunSettings;
use super::runs::Trained;
use super::sampling::Sampling;
use crate::exhibit::difference::{Difference, intervals, seeds};
use crate::exhibit::finding::{against_exact, nearest_to_half};
use crate::exhibit::settings::{
    FieldError, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "mlp-modes",
    title: "Sampling forward, backward, or as a black box",
    shows: "the test accuracy of the MLP when products are sampled in the forward pass, in the \
            backward pass, or in the forward pass with gradients as if it had been exact",
    paper: "the released code offers the three modes and says that forward sampling performed \
            best in practice; numbers are not stated in the sources at hand",
    section: Section::Training,
    note: "modes",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("mlp-modes")],
    configure: configure::<MlpModes>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpModes {
    training: RunSettings,
    estimators: Vec<NamedEstimator>,
    modes: Vec<Mode>,
    ratios: Vec<Ratio>,
}

impl Experiment for MlpModes {
    fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        distinct("estimators", &self.estimators)?;
        distinct("modes", &self.modes)?;
        check_ratios(&self.ratios)
    }

    fn without_effect(&self) -> Vec<FieldError> {
        let training = self.training.without_effect(&self.modes).into_iter();
        let training = training.map(|error| error.within("training"));
        training.chain(ratios_without_effect(&self.ratios)).collect()
    }

    fn memory(&self) -> Vec<Need> {
        let needs = self
            .training
            .memory(1 + self.estimators.len() * self.modes.len() * self.ratios.len(), 1);
        needs.into_iter().map(|need| need.within("training")).collect()
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.training.images.clone())
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        Some(&mut self.training.images)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let mut settings = vec![Sampling::EXACT];
        for estimator in &self.estimators {
            for mode in &self.modes {
                for ratio in self.ratios.iter().filter(|ratio| ratio.value() < 1.0) {
                    settings.push(Sampling {
                        estimator: Some(estimator.0),
                        ratio: ratio.value(),
                        mode: *mode,
                        ..Sampling::EXACT
                    });
                }
            }
        }
        let trained = self.training.train(environment, &settings)?;
        let data = environment.images.map_or(String::new(), |images| images.description.clone());
        Ok(self.report(&trained, data))
    }
}

impl MlpModes {
    fn report(&self, trained: &[Trained], data: String) -> ExhibitResult {
        let last = self.training.epochs - 1;
        let accuracies =
            |setting: &Trained| setting.a_seed(|report| 100.0 * report.epochs[last].test.accuracy);
        // The exact runs have nothing to be compared with.
        let against = |setting: &Trained| {
            let exact = accuracies(&trained[0]);
            setting.sampling.estimator.map(|_| Difference::paired(&accuracies(setting), &exact))
        };
        let records = Rows::of(trained)
            .key("estimator", |setting| setting.sampling.name())
            .key("mode", |Trained { sampling, .. }| {
                sampling.estimator.map_or("all", |_| sampling.mode.name())
            })
            .key("ratio", |setting| setting.sampling.ratio)
            .value("test-accuracy", "%", |setting| setting.test_accuracy(last).mean)
            .diagnostic("test-accuracy-half-width", "points", |setting| {
                setting.test_accuracy(last).half_width
            })
            .value("against-exact", "points", |setting| against(setting).map(Difference::mean))
            .diagnostic("against-exact-half-width", "points", |setting| {
                against(setting).and_then(Difference::half_width)
            })
            .diagnostic("training-loss", "nats", |setting| {
                setting.over_seeds(|report| report.epochs[last].train.loss).mean
            })
            .value("computations", "% of exact", Trained::computations)
            .table(&format!("After the last epoch, {}", seeds(self.training.seeds)));
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(trained, &against),
            data,
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(trained, last)],
            remarks: vec![
                "Forward: gradients flow through the sampled entries only, so all three products \
                 of a layer cost about the ratio. Backward: the forward product is exact. Black box: \
                 both gradient products are exact. Against exact: paired over the seeds."
                    .to_string(),
                self.training.describe(),
            ],
            ..ExhibitResult::default()
        }
    }

    /// What the first estimator does in each mode at the ratio nearest to a half, in a sentence.
    fn finding(
        &self,
        trained: &[Trained],
        against: &dyn Fn(&Trained) -> Option<Difference>,
    ) -> String {
        let ratios = self.ratios.iter().map(|ratio| ratio.value()).filter(|ratio| *ratio < 1.0);
        let nearest = nearest_to_half(ratios);
        let estimator = self.estimators.first().map(|estimator| estimator.0);
        let here = trained.iter().filter(|setting| {
            setting.sampling.estimator == estimator && setting.sampling.ratio == nearest
        });
        let found = here.filter_map(|setting| {
            let Sampling { ratio, mode, .. } = &setting.sampling;
            let name = format!("{} at {ratio}, {}", setting.sampling.name(), mode.name());
            Some((name, against(setting)?))
        });
        against_exact(&found.collect::<Vec<_>>())
    }

    fn figure(&self, trained: &[Trained], last: usize) -> Figure {
        let exact = trained[0].test_accuracy(last).mean;
        let ends = [self.ratios[0].value(), self.ratios[self.ratios.len() - 1].value()];
        let panels = self.estimators.iter().map(|estimator| {
            let mut series: Vec<Series> = self
                .modes
                .iter()
                .enumerate()
                .map(|(style, mode)| Series {
                    label: mode.name().to_string(),
                    style,
                    mark: Mark::JoinedPoints,
                    points: trained
                        .iter()
                        .filter(|setting| setting.sampling.estimator == Some(estimator.0))
                        .filter(|setting| setting.sampling.mode == *mode)
                        .map(|setting| {
                            let accuracy = setting.test_accuracy(last);
                            let ratio = setting.sampling.ratio;
                            Point::with_interval(ratio, accuracy.mean, accuracy.half_width)
                        })
                        .collect(),
                })
                .collect();
            series.push(Series {
                label: "exact products".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: ends.map(|ratio| Point::new(ratio, exact)).to_vec(),
            });
            Panel {
                title: estimator.0.name().to_string(),
                x: Axis::linear("share of the pairs kept, k/n"),
                y: Axis::linear("test accuracy, %").within(0.0, 100.0),
                series,
            }
        });
        Figure {
            part: String::new(),
            caption: format!(
                "Test accuracy of the MLP after the last epoch against the share of the pairs kept, \
                 by the mode of sampling, a panel an estimator; {}, with exact products dashed.",
                intervals(self.training.seeds)
            ),
            panels: panels.collect(),
        }
    }
}
