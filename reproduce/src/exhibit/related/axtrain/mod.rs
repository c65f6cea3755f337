//! Networks that tolerate memory errors and approximate multipliers, because they were trained for
//! it.

mod figures;
mod finding;
mod measured;
mod settings;
mod tables;

use anyhow::Context as _;
use axtrain::experiment::{run, tune};
use axtrain::hidden::Hidden;
use axtrain::statements;

use super::differences;
use super::verdicts::{self, Judged};
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::result::{ExhibitResult, Table};
use measured::Measured;
use settings::AxTrain;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "axtrain",
    title: "Training for approximate hardware: flipped bits and truncated products",
    shows: "how much of what memory errors and approximate multipliers cost is given back by training \
            for them, and who tolerates what else",
    paper: "a related system (He and others 2018, arXiv 1805.08309), of which the abstract and the \
            introduction were at hand and no table",
    section: Section::Related,
    note: "related-axtrain",
    statements: &["axtrain"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("axtrain"), built_in!("axtrain-cnn", long: "a convolutional network")],
    configure: configure::<AxTrain>,
};

const CODE: &str = "reproduce/related/axtrain/src/statements.rs";

impl Experiment for AxTrain {
    fn check(&self) -> Result<(), FieldError> {
        self.check()
    }

    fn memory(&self) -> Vec<Need> {
        self.memory()
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.images.clone())
    }

    fn images_mut(&mut self) -> Option<&mut ImageConfig> {
        Some(&mut self.images)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let images = environment.images.context("images were not loaded")?;
        let seeds: Vec<u64> =
            (0..self.seeds as u64).map(|seed| environment.seed.wrapping_add(seed)).collect();
        environment.progress.set_length(seeds.len() + 2);
        let penalties = tune(&self.networks, &images.splits, seeds[0])?;
        environment.progress.advance(1);
        let mut runs = Vec::with_capacity(seeds.len());
        for seed in seeds {
            runs.push(run(&self.networks, &images.splits, penalties, seed)?);
            environment.progress.advance(1);
        }
        let suite = statements::check(&self.networks, &images.splits, &runs)?;
        environment.progress.advance(1);
        let data = images.splits.train.name.clone();
        let judged = [Judged { data: data.clone(), suite }];
        let measured = Measured { settings: self, data, penalties, runs };
        Ok(self.report(&images.description, &measured, &judged))
    }
}

impl AxTrain {
    fn report(&self, data: &str, measured: &Measured, judged: &[Judged]) -> ExhibitResult {
        let mut remarks = finding::findings(measured);
        remarks.extend([verdicts::sentence(judged), verdicts::sentence_of_mistakes(judged)]);
        let beside = finding::beside(measured);
        remarks.extend(differences::agreement(&beside));
        remarks.push(self.how_measured(measured));
        let mut records = tables::records(measured);
        records.extend([differences::records(&beside), verdicts::records(judged)]);
        let mut tables = vec![verdicts::thresholds(judged), tables::arms(measured)];
        tables.extend(differences::table(&beside, "Accuracies in %"));
        tables.extend([tables::networks(measured), verdicts::mistakes(judged)]);
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding::finding(measured),
            data: data.to_string(),
            records: Table::stacked("Every measurement", records),
            tables,
            figures: figures::figures(measured),
            remarks,
            related: vec![verdicts::related_row(
                "AxTrain (He and others 2018)",
                "Training with a penalty on sensitivity and with the noise of the hardware makes \
                 networks tolerate approximate hardware.",
                &["axtrain.recovery", "axtrain.clean", "axtrain.synergy", "axtrain.sensitivity"],
                judged,
            )],
            claims: verdicts::claim_rows(judged, CODE),
            ..ExhibitResult::default()
        }
    }

    fn how_measured(&self, measured: &Measured) -> String {
        let networks = &self.networks;
        let penalties = measured.penalties;
        let chosen = match networks.penalties.len() {
            1 => "as set",
            _ => "chosen on images that are held out",
        };
        let hidden = &networks.training.hidden;
        let network = match hidden {
            Hidden::Units(_) => String::new(),
            Hidden::Convolutions(_) => format!("The networks have {hidden}. "),
        };
        format!(
            "{network}Test accuracies in 8-bit integers, {} chips a probability, means over {} seeds. \
             Trained for: {} bits a weight that flip with probability {}, a multiplier without its {} \
             lowest columns, a share of {} of the column-row pairs. Weight of the penalty, {chosen}: \
             {} alone, {} with misread weights. Inference with sampled products is in exact numbers. \
             No energy was measured or is claimed.",
            networks.tested.chips,
            self.seeds,
            networks.memory.bits,
            networks.memory.probability,
            networks.columns,
            networks.ratio,
            penalties.active,
            penalties.combined,
        )
    }
}
