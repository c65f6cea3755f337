//! A small network trained without gradients, by ensemble Kalman filter and smoother.

mod cases;
mod figures;
mod finding;
mod settings;
mod tables;
pub(crate) mod times;

use ensemble_kalman::experiment::{Method, Outcome, run};
use ensemble_kalman::statements;
use rayon::prelude::*;
use regression::Target;

use super::differences::{self, Beside};
use super::ranking::Way;
use super::verdicts::{self, Judged};
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::parallel;
use crate::result::{ExhibitResult, Table};
use cases::{Case, Measured, Part, of_part};
use settings::EnsembleKalman;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "ensemble-kalman",
    title: "Training without gradients: ensemble Kalman filter and smoother",
    shows: "what a small network learns by data assimilation in the place of gradients, beside \
            gradient descent and Adam, and the prior without which it learns nothing",
    paper: "a related system (Chen and others 2022, doi 10.1007/s11227-022-04629-7), of which the \
            abstract was at hand and no table",
    section: Section::Related,
    note: "related-ensemble-kalman",
    statements: &["kalman"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("ensemble-kalman")],
    configure: configure::<EnsembleKalman>,
};

const CODE: &str = "reproduce/related/ensemble-kalman/src/statements.rs";

impl Experiment for EnsembleKalman {
    fn check(&self) -> Result<(), FieldError> {
        self.check()
    }

    fn memory(&self) -> Vec<Need> {
        self.memory()
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let seeds = self.all_seeds(environment.seed);
        let cases = self.cases();
        environment.progress.set_length(cases.len() * seeds.len() + self.targets.len());
        let runs: Vec<(&Case, u64)> =
            cases.iter().flat_map(|case| seeds.iter().map(move |seed| (case, *seed))).collect();
        let outcomes = parallel::map(&runs, |(case, seed)| {
            let outcome = run(&case.settings, case.target, case.method, *seed)?;
            environment.progress.advance(1);
            Ok(outcome)
        })?;
        let mut outcomes = outcomes.into_iter();
        let measured = cases.into_iter().map(|case| {
            let outcomes: Vec<Outcome> = outcomes.by_ref().take(seeds.len()).collect();
            Measured { case, outcomes }
        });
        let measured: Vec<Measured> = measured.collect();
        let judged = self.targets.par_iter().map(|&target| {
            let suite = statements::check(&self.network, target, &seeds)?;
            environment.progress.advance(1);
            Ok(Judged { data: target.name().to_string(), suite })
        });
        let judged: Vec<Judged> = judged.collect::<anyhow::Result<_>>()?;
        Ok(self.report(&measured, &judged))
    }
}

impl EnsembleKalman {
    /// Plain descent beside the first method, which is what the source claims something of.
    fn finding(&self, beside: &[Beside]) -> String {
        let is_descent = |method: &&Method| matches!(method, Method::GradientDescent { .. });
        let descent = self.methods[1..].iter().find(is_descent).map(|method| cases::words(*method));
        let own = beside.iter().filter(|row| Some(row.name()) == descent.as_deref());
        differences::finding(&own.cloned().collect::<Vec<_>>(), "Error")
    }

    fn report(&self, measured: &[Measured], judged: &[Judged]) -> ExhibitResult {
        let mut remarks = finding::findings(self, measured);
        remarks.extend([verdicts::sentence(judged), verdicts::sentence_of_mistakes(judged)]);
        let compared = |target: &Target| {
            let methods = of_part(measured, *target, Part::Method);
            let ways: Vec<Way> = methods.iter().map(|it| it.way()).collect();
            ways.split_first().map_or(Vec::new(), |(subject, others)| {
                differences::beside(target.name(), subject, others)
            })
        };
        let beside: Vec<Beside> = self.targets.iter().flat_map(compared).collect();
        remarks.extend(differences::agreement(&beside));
        remarks.push(format!(
            "Medians over {} {}, errors on the function without noise. All methods of a seed have \
             the same data, and gradient methods start from the first member of the ensemble. A \
             forward pass is one network at all examples; a gradient step has a backward pass \
             besides.",
            self.seeds,
            if self.seeds == 1 { "seed" } else { "seeds" }
        ));
        let records = vec![
            tables::records(measured),
            tables::course(measured),
            tables::curves(&self.targets, measured),
            differences::records(&beside),
            verdicts::records(judged),
        ];
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(&beside),
            data: format!(
                "{} points of functions with noise, drawn by code",
                self.network.examples
            ),
            records: Table::stacked("Every measurement", records),
            tables: tables::tables(measured, &beside, judged),
            figures: figures::figures(self, measured),
            remarks,
            related: vec![verdicts::related_row(
                "Training by data assimilation (Chen and others 2022)",
                "Filter and smoother fit the functions better than gradient descent, and the \
                 parameters become more certain.",
                &["kalman.smoother", "kalman.filter", "kalman.descent", "kalman.variance"],
                judged,
            )],
            claims: verdicts::claim_rows(judged, CODE),
            ..ExhibitResult::default()
        }
    }
}
