//! Test accuracy of a sampled network against the share of the pairs kept, and the way there.

mod figures;
mod sentences;
mod tables;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use training::sampling::Mode;
use training::setting::distinct;

use super::headline::{accuracy_row, is_shown};
use super::judgement::{evidence, evidence_setting};
use super::run_settings::RunSettings;
use super::runs::Trained;
use super::sampling::Sampling;
use crate::exhibit::difference::Difference;
use crate::exhibit::settings::{
    FieldError, NamedEstimator, Ratio, check_ratios, configure, ratios_without_effect,
};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{Evidence, ExhibitResult, HeadlineRow, PaperClaim, Standing};

/// The multilayer perceptron.
pub const MLP: Exhibit = Exhibit {
    name: "mlp-accuracy",
    title: "Accuracy of the MLP trained with sampled products",
    shows: "the test accuracy and the counted computations of the MLP against the share of the \
            pairs kept, and its learning curves",
    paper: "the accuracy of the MNIST MLP; its numbers are not stated in the sources at hand \
            (abstract: negligible or no impact on accuracy)",
    section: Section::Training,
    note: "modes",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[
        built_in!("mlp-accuracy"),
        built_in!("mlp-accuracy-converged", long: "to convergence"),
    ],
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
    section: Section::Training,
    note: "modes",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("cnn-accuracy")],
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
    section: Section::Training,
    note: "modes",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("wrn-accuracy", long)],
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

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let mut settings = vec![Sampling::EXACT];
        for kind in self.kinds() {
            // All pairs are kept at ratio one: those runs are the exact ones, bit for bit.
            for ratio in self.ratios.iter().filter(|ratio| ratio.value() < 1.0) {
                settings.push(Sampling { ratio: ratio.value(), ..kind.clone() });
            }
        }
        let images = environment.images.context("images were not loaded")?;
        let trained = self.training.train(environment, &settings)?;
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
            finding: self.finding(exact, trained),
            data: images.description.clone(),
            records: self.records(trained),
            tables: vec![self.summary(trained)],
            figures: vec![self.accuracy_figure(exact, trained), self.curve_figure(exact, trained)],
            remarks,
            evidence: vec![self.evidence(exact, trained, images)],
            headline: self.headline(exact, trained, images),
            ..ExhibitResult::default()
        }
    }

    /// Short trainings support, and do not decide, what is claimed of whole ones.
    fn evidence(&self, exact: &Trained, trained: &[Trained], images: &Images) -> Evidence {
        let images = self.training.images.in_directory_of(images);
        let setting = evidence_setting(&self.title(), &images, self.training.seeds);
        let found = (Standing::Undecided, self.finding(exact, trained));
        let caveat = "a short training of a small network: whole trainings decide";
        evidence(PaperClaim::Accuracy, found, &setting, &images, caveat)
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

    fn last(&self) -> usize {
        self.training.epochs - 1
    }

    /// Whether the last evaluation is made with two kinds of statistics of batch normalisation.
    fn has_two_statistics(&self) -> bool {
        !self.training.batch_norm_statistics.is_running()
    }
}
