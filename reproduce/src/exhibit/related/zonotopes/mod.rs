//! A small network trained so that its outputs provably avoid an unsafe set.

mod arms;
mod figures;
mod finding;
mod settings;
mod tables;

use zonotope_training::run::Run;
use zonotope_training::{Arm, Obstacle, Settings, run, statements};

use super::differences;
use super::verdicts::{self, Judged};
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::parallel;
use crate::result::{ExhibitResult, Table};
use arms::{Measured, Part};
use settings::Zonotopes;

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "zonotopes",
    title: "Training with a safety certificate",
    shows: "all outputs that a small network can have, before and after it was trained to avoid an \
            unsafe set, with a proof that it does, and what that costs",
    paper: "a related system (Chung and others 2021, arXiv 2107.07696), of which abstract and code \
            were at hand and no table",
    section: Section::Related,
    note: "related-zonotope-training",
    statements: &["zonotope"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("zonotopes")],
    configure: configure::<Zonotopes>,
};

const CODE: &str = "reproduce/related/zonotope-training/src/checks.rs";

/// Where the obstacle of a control is: out of reach.
const FAR: [f64; 2] = [50.0, 50.0];
/// Outputs of the networks of that control that are looked at.
const FAR_INPUTS: usize = 10_000;

impl Experiment for Zonotopes {
    fn check(&self) -> Result<(), FieldError> {
        self.check()
    }

    fn memory(&self) -> Vec<Need> {
        self.memory()
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let seeds = self.all_seeds(environment.seed);
        let arms = self.arms();
        let obstacle = Obstacle { centre: FAR, ..self.training.obstacle };
        let far = Settings {
            obstacle,
            falsifier_inputs: FAR_INPUTS.min(self.training.falsifier_inputs),
            ..self.training.clone()
        };
        let control = [Arm::Unconstrained, Arm::Constrained].map(|arm| (&far, arm));
        let wanted: Vec<(&Settings, Arm, u64)> = arms
            .iter()
            .map(|it| (&it.settings, it.arm))
            .chain(control)
            .flat_map(|(settings, arm)| seeds.iter().map(move |seed| (settings, arm, *seed)))
            .collect();
        environment.progress.set_length(wanted.len() + 1);
        let runs = parallel::map(&wanted, |(settings, arm, seed)| {
            let run = run(settings, *arm, *seed)?;
            environment.progress.advance(1);
            Ok(run)
        })?;
        let mut runs = runs.into_iter();
        let mut next = || -> Vec<Run> { runs.by_ref().take(seeds.len()).collect() };
        let measured: Vec<Measured> =
            arms.into_iter().map(|arm| Measured { arm, runs: next() }).collect();
        let far = [next(), next()];
        let suite = {
            let of = |wanted: Part| -> Vec<Run> {
                let own = measured.iter().filter(|it| it.arm.part == wanted);
                own.flat_map(|it| it.runs.iter().cloned()).collect()
            };
            let [plain, constrained, sampled] =
                [Part::Unconstrained, Part::Constrained, Part::Sampled].map(of);
            let runs = statements::Runs {
                unconstrained: &plain,
                constrained: &constrained,
                sampled: &sampled,
                far: [&far[0], &far[1]],
            };
            statements::check(&self.training, runs, environment.seed)?
        };
        environment.progress.advance(1);
        let judged = [Judged { data: "squares and sines".to_string(), suite }];
        self.report(&measured, &judged, environment.seed)
    }
}

impl Zonotopes {
    fn report(
        &self,
        measured: &[Measured],
        judged: &[Judged],
        seed: u64,
    ) -> anyhow::Result<ExhibitResult> {
        let mut sentences = finding::findings(measured).into_iter();
        let finding = sentences.next().unwrap_or_default();
        let mut remarks: Vec<String> = sentences.collect();
        remarks.extend([verdicts::sentence(judged), verdicts::sentence_of_mistakes(judged)]);
        let beside = match finding::ways(measured).split_first() {
            Some((subject, others)) => differences::beside("test set", subject, others),
            None => Vec::new(),
        };
        remarks.extend(differences::agreement(&beside));
        remarks.push(format!(
            "The network 2-{}-2 learns (x² + sin y, y² + sin x) on the square [-1, 1]². The least \
             scale is that at which its outputs touch the unsafe square: unsafe up to 1. Certified \
             is a network for which a scale of at least {} is proven, by bounds that are checked \
             without a solver; they are computed in floating point, many orders below that margin.",
            self.training.hidden,
            1.0 + 0.5 * self.training.margin,
        ));
        let records = vec![
            tables::records(measured),
            tables::course(measured),
            differences::records(&beside),
            verdicts::records(judged),
        ];
        let mut tables = vec![verdicts::thresholds(judged), tables::arms(measured)];
        tables.extend(differences::table(&beside, "Test errors"));
        tables.extend([tables::sizes(measured), verdicts::mistakes(judged)]);
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding,
            data: format!("{} points of a function, drawn by code", self.training.examples),
            records: Table::stacked("Every measurement", records),
            tables,
            figures: figures::figures(self, measured, seed)?,
            remarks,
            failures: finding::unsound(measured),
            related: vec![verdicts::related_row(
                "Constrained zonotopes (Chung and others 2021)",
                "Training on the collisions of the reachable set ends in a network whose outputs \
                 are proven to avoid the unsafe set.",
                &["zonotope.certified", "zonotope.sound"],
                judged,
            )],
            claims: verdicts::claim_rows(judged, CODE),
            ..ExhibitResult::default()
        })
    }
}
