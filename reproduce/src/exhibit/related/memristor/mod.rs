//! A probabilistic neural network in a memristive crossbar: gates for exponentials, 16 levels for
//! weights.

mod arms;
mod data;
mod figures;
mod finding;
mod settings;
mod table_name;
mod tables;

use anyhow::Context as _;
use memristor_classifier::classifier::Outcome;
use memristor_classifier::experiment::run;
use memristor_classifier::statements;
use std::path::Path;

use super::differences;
use super::verdicts::{self, Judged};
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, ImageSet};
use crate::memory::Need;
use crate::result::{ExhibitResult, Table};
use arms::Measured;
use data::DataSet;
use settings::Memristor;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "memristor-classifier",
    title: "A classifier for memristor crossbars: gates and 16 levels",
    shows: "what a probabilistic neural network loses when exponentials become gates and stored \
            samples have 16 levels, in devices that vary or are stuck",
    paper: "a related system (Krestinskaya and James 2018, arXiv 1808.00733), of which the abstract \
            was at hand and no table",
    section: Section::Related,
    note: "related-memristor-classifier",
    statements: &["memristor"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("memristor-classifier")],
    configure: configure::<Memristor>,
};

const CODE: &str = "reproduce/related/memristor-classifier/src/statements.rs";

impl Experiment for Memristor {
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

    fn settle(&mut self, directory: &Path) {
        // Published sets together, or none: what is committed is of one or of the other.
        if self.images.set == ImageSet::Digits && self.missing_table(directory).is_some() {
            self.images.set = ImageSet::GeneratedDigits;
        }
    }

    fn missing_from(&self, directory: &Path) -> Option<&'static str> {
        let needs_tables = !matches!(self.images.set, ImageSet::Digits | ImageSet::GeneratedDigits);
        let table = self.missing_table(directory).filter(|_| needs_tables);
        self.images.set.missing_from(directory).or(table)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let images = environment.images.context("images were not loaded")?;
        let sets = self.data_sets(images, environment)?;
        let arms = self.arms();
        let runs = |set: &DataSet| arms.len() * set.seeds.len() + 1;
        environment.progress.set_length(sets.iter().map(runs).sum());
        let (mut measured, mut judged) = (Vec::new(), Vec::new());
        for set in &sets {
            for arm in &arms {
                let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); arm.rules.len()];
                for &seed in &set.seeds {
                    let of_seed = run(&self.classifier, set.data(), arm.storage, &arm.rules, seed)?;
                    for (all, one) in outcomes.iter_mut().zip(of_seed) {
                        all.push(one);
                    }
                    environment.progress.advance(1);
                }
                measured.extend(outcomes.into_iter().map(|outcomes| Measured {
                    data: set.name.clone(),
                    arm: arm.clone(),
                    outcomes,
                }));
            }
            let suite = statements::check(&self.classifier, set.data(), &set.seeds)?;
            judged.push(Judged { data: set.name.clone(), suite });
            environment.progress.advance(1);
        }
        self.report(&sets, &measured, &judged)
    }
}

impl Memristor {
    fn report(
        &self,
        sets: &[DataSet],
        measured: &[Measured],
        judged: &[Judged],
    ) -> anyhow::Result<ExhibitResult> {
        let mut remarks = finding::findings(sets, measured);
        remarks.extend([verdicts::sentence(judged), verdicts::sentence_of_mistakes(judged)]);
        let compared = |set: &DataSet| {
            let pairs = finding::compared(measured, &set.name);
            pairs.map_or(Vec::new(), |(subject, others)| {
                differences::beside(&set.name, &subject, &others)
            })
        };
        let beside: Vec<differences::Beside> = sets.iter().flat_map(compared).collect();
        remarks.extend(differences::agreement(&beside));
        remarks.push(self.how_measured(sets));
        let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
        let records = vec![
            tables::records(measured),
            differences::records(&beside),
            verdicts::records(judged),
        ];
        let mut tables = vec![verdicts::thresholds(judged), tables::rules(measured)];
        tables.extend(differences::table(&beside, "Accuracies in %"));
        tables.extend([
            tables::levels(measured),
            tables::devices(measured),
            tables::costs(measured),
            verdicts::mistakes(judged),
        ]);
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: differences::finding(&beside, "Accuracy in %"),
            data: names.join(", "),
            records: Table::stacked("Every measurement", records),
            tables,
            figures: figures::figures(self, sets, measured)?,
            remarks,
            related: vec![verdicts::related_row(
                "Gated probabilistic network in a crossbar (Krestinskaya and James 2018)",
                "Gates and weights of 16 levels can stand for exponentials and exact weights.",
                &["memristor.levels", "memristor.gates"],
                judged,
            )],
            claims: verdicts::claim_rows(judged, CODE),
            ..ExhibitResult::default()
        })
    }

    fn how_measured(&self, sets: &[DataSet]) -> String {
        let generated: Vec<&str> =
            sets.iter().filter(|set| set.is_generated).map(|set| set.name.as_str()).collect();
        let rule = match generated.is_empty() {
            true => String::new(),
            false => format!(
                " Drawn by code, since the published sets are not there: {}.",
                generated.join(", ")
            ),
        };
        let folds = self.classifier.folds;
        let counts: Vec<String> =
            sets.iter().map(|set| format!("{} {}", set.name, set.seeds.len())).collect();
        format!(
            "Test accuracies, means over repetitions ({}). Tables: stratified cross-validation of {} \
             folds, thresholds chosen by one of {} folds inside. Digits: {} stored a class, \
             thresholds chosen on images that are held out. A tie is no decision and counts as an \
             error; beside it stands what a fair lot would be right on average.{rule}",
            counts.join(", "),
            folds.folds,
            folds.tuning_folds,
            self.classifier.images.stored_a_class,
        )
    }
}
