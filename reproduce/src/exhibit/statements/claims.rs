//! Every statement of the theory, confronted with the kernels, and what came of it.

use std::ops::ControlFlow;

use anyhow::Context as _;
use kernels::product::matmul;
use kernels::{MatrixView, MatrixViewMut};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use theory::claim;
use theory::matrices::Factors;
use theory::statistics::FAMILY_WISE_LEVEL;
use theory::suite::Suite;
use theory::verdict::{Kind, Verdict};
use training::data::Minibatch;
use training::network::NetworkConfig;
use training::optimizer::OptimizerConfig;
use training::setting::count_within;
use training::train::{Trainer, TrainingConfig};

use super::claim_rows::{by_claim, claim_rows, least_p_value};
use super::convergence;
use crate::exhibit::finding::share_of;
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{ExhibitResult, Rows, Table, significant};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "claims",
    title: "Every claim of the theory, checked",
    shows: "for every statement about sampled products what was predicted, what was found, how \
            sure that is, and that estimators which are wrong on purpose are rejected",
    paper: "the theorems of the paper, as far as the sources at hand tell, and those of its \
            sources; each is proved in paper-notes",
    section: Section::Theory,
    note: "checks",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("claims")],
    configure: configure::<Claims>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    effort: claim::Scale,
    /// What a small MLP learns for an epoch; its products are then sampled too.
    images: ImageConfig,
    /// Rows of the minibatch and columns of the weights that are multiplied.
    outer: usize,
}

/// Units of the hidden layer whose activations are sampled.
const HIDDEN: usize = 256;

impl Experiment for Claims {
    fn check(&self) -> Result<(), FieldError> {
        self.images.check().map_err(|error| error.within("images"))?;
        let most = self.images.train.min(10);
        count_within("outer", self.outer, 1..=most)
    }

    fn memory(&self) -> Vec<Need> {
        vec![Need::new("images", self.images.train, self.images.bytes())]
    }

    fn images(&self) -> Option<ImageConfig> {
        Some(self.images.clone())
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let set = environment.instructions;
        let settings = claim::Settings { seed: environment.seed, scale: self.effort, set };
        let images = environment.images.context("images were not loaded")?;
        let suite = theory::suite::run_with(&settings, &self.products(environment, images)?)?;
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: found(&suite),
            data: format!(
                "small matrices enumerated, random ones drawn, and an MLP's activations on {}",
                images.description
            ),
            records: records(&suite),
            tables: vec![claims(&suite), controls(&suite.controls)],
            remarks: vec![
                format!(
                    "{} checks: {} by enumeration of every outcome of a sampler, {} of closed form \
                     against closed form (both pass where the error is within the rounding \
                     allowed), and {} by drawing, with p-values under one family-wise level of \
                     {FAMILY_WISE_LEVEL:e} (Holm).",
                    suite.verdicts.len(),
                    suite.count(Kind::Enumerated),
                    suite.count(Kind::ClosedForm),
                    suite.count(Kind::Drawn)
                ),
                format!(
                    "{} negative controls: the same checks, given an estimator with a mistake. \
                     Every one has to be rejected.",
                    suite.controls.len()
                ),
            ],
            failures: suite.failures(),
            evidence: convergence::evidence(&held(&suite.verdicts)).into_iter().collect(),
            claims: claim_rows(&suite.verdicts),
            json: Some(serde_json::to_string_pretty(&suite)? + "\n"),
            ..ExhibitResult::default()
        })
    }
}

impl Claims {
    /// The products of the first two layers of an MLP after an epoch of exact training.
    fn products(&self, environment: &Environment, images: &Images) -> anyhow::Result<Vec<Factors>> {
        let config = TrainingConfig::new(
            NetworkConfig::Mlp { hidden: vec![HIDDEN], dropout: 0.0 },
            50,
            1,
            OptimizerConfig::Adam { learning_rate: 1e-3 },
            environment.seed,
        );
        let mut trainer = Trainer::new(&config, &images.splits, environment.instructions)?;
        trainer.epoch(&mut |_| ControlFlow::Continue(()))?;
        let state = trainer.network().state();
        let numbers = |name: &str| {
            let entry = state.iter().find(|(found, _)| found == name);
            entry.map(|(_, numbers)| numbers.as_slice()).with_context(|| name.to_string())
        };
        let mut minibatch = Minibatch::default();
        images.splits.train.fill(0..self.outer, None, &mut minibatch);
        let matrix = |rows: usize, columns: usize, numbers: &[f32]| {
            DMatrix::from_row_iterator(rows, columns, numbers.iter().map(|x| f64::from(*x)))
        };
        let (features, classes) = (images.splits.train.features(), images.splits.train.classes);
        let pixels = matrix(self.outer, features, minibatch.input.data());
        let first = matrix(features, HIDDEN, numbers("linear-1.weight")?);
        let second = matrix(HIDDEN, classes, numbers("linear-2.weight")?);
        let mut hidden = vec![0.0; self.outer * HIDDEN];
        matmul(
            environment.instructions,
            MatrixView::from(&pixels),
            MatrixView::from(&first),
            MatrixViewMut::row_major(&mut hidden, self.outer, HIDDEN),
        );
        for row in hidden.chunks_exact_mut(HIDDEN) {
            for (value, bias) in row.iter_mut().zip(numbers("linear-1.bias")?) {
                *value = (*value + f64::from(*bias)).max(0.0);
            }
        }
        Ok(vec![
            Factors {
                name: "pixels and first weights".to_string(),
                a: pixels,
                b: first.columns(0, self.outer).into_owned(),
            },
            Factors {
                name: "hidden activations and last weights".to_string(),
                a: DMatrix::from_row_slice(self.outer, HIDDEN, &hidden),
                b: second.columns(0, self.outer).into_owned(),
            },
        ])
    }
}

/// Every claim, by its name, with whether all of its checks held.
fn held(verdicts: &[Verdict]) -> Vec<(&str, bool)> {
    let claims = by_claim(verdicts).into_iter();
    let held = claims
        .map(|checks| (&*checks[0].claim().id, checks.iter().all(|verdict| verdict.passed())));
    held.collect()
}

/// What is found of all checks and controls, in a sentence.
fn found(suite: &Suite) -> String {
    let statements = held(&suite.verdicts);
    let holding = statements.iter().filter(|(_, held)| *held).count();
    let rejected = suite.controls.iter().filter(|control| !control.passed()).count();
    finding([holding, statements.len()], suite.verdicts.len(), [rejected, suite.controls.len()])
}

/// Of how many statements hold and how many mistakes are rejected, each with how many there are.
fn finding([holding, all]: [usize; 2], checks: usize, [rejected, controls]: [usize; 2]) -> String {
    format!(
        "Of the statements {} hold, in {checks} checks; of the mistakes made on purpose {} are \
         rejected.",
        share_of(holding, all),
        share_of(rejected, controls)
    )
}

/// What a check is called, and of one that tries every case the case that is closest to failing:
/// that may change with the last bit of another, and so is no part of the name.
fn name_and_case(kind: Kind, check: &str) -> (&str, Option<&str>) {
    match (kind, check.split_once(": ")) {
        (Kind::Enumerated | Kind::ClosedForm, Some((name, case))) => (name, Some(case)),
        _ => (check, None),
    }
}

/// The names of checks of a claim in a role, without their worst cases but where two checks would
/// have one name: those were made of one case each.
fn names<'a>(checks: &[(&str, &str, Kind, &'a str)]) -> Vec<&'a str> {
    let short = |&(claim, role, kind, check): &(&str, &str, Kind, &'a str)| {
        (claim.to_string(), role.to_string(), kind, name_and_case(kind, check).0)
    };
    let all: Vec<_> = checks.iter().map(short).collect();
    let is_one = |name: &_| all.iter().filter(|other| *other == name).count() == 1;
    let names = checks.iter().zip(&all);
    names.map(|(check, name)| if is_one(name) { name.3 } else { check.3 }).collect()
}

/// A row a check or control, for the CSV file and the snapshot.
fn records(suite: &Suite) -> Table {
    let claims = suite.verdicts.iter().map(|verdict| ("claim", verdict));
    let controls = suite.controls.iter().map(|verdict| ("control", verdict));
    let rows: Vec<(&str, &Verdict)> = claims.chain(controls).collect();
    let checks = rows
        .iter()
        .map(|(role, verdict)| (&*verdict.claim().id, *role, verdict.kind(), verdict.check()));
    let names = names(&checks.collect::<Vec<_>>());
    let rows: Vec<(&str, &Verdict, &str)> =
        rows.iter().zip(names).map(|((role, verdict), name)| (*role, *verdict, name)).collect();
    Rows::of(&rows)
        .key("claim", |(_, verdict, _)| &*verdict.claim().id)
        .key("role", |(role, _, _)| *role)
        .key("kind", |(_, verdict, _)| verdict.kind().name())
        .key("check", |(_, _, name)| *name)
        .diagnostic("worst-case", "", |(_, verdict, name)| {
            let check = verdict.check();
            (check != *name).then(|| name_and_case(verdict.kind(), check).1).flatten()
        })
        .value("estimate", "", |(_, verdict, _)| verdict.estimate())
        .value("prediction", "", |(_, verdict, _)| verdict.prediction())
        .diagnostic("low", "", |(_, verdict, _)| verdict.interval().0)
        .diagnostic("high", "", |(_, verdict, _)| verdict.interval().1)
        .diagnostic("p-value", "", |(_, verdict, _)| verdict.p_value())
        .diagnostic("sample-size", "", |(_, verdict, _)| verdict.sample_size())
        .value("passed", "1 is yes", |(_, verdict, _)| usize::from(verdict.passed()))
        .table("Every check")
}

/// A row a claim: its checks together.
fn claims(suite: &Suite) -> Table {
    let claims = by_claim(&suite.verdicts);
    let kind = |kind: Kind| {
        move |verdicts: &Vec<&Verdict>| verdicts.iter().filter(|v| v.kind() == kind).count()
    };
    Rows::of(&claims)
        .key("claim", |verdicts| &*verdicts[0].claim().id)
        .key("statement", |verdicts| {
            let claim = verdicts[0].claim();
            format!("{}. {}", claim.name, claim.statement)
        })
        .key("verdict", |verdicts| {
            if verdicts.iter().all(|verdict| verdict.passed()) { "holds" } else { "FAILS" }
        })
        .value("enumerated", "checks", kind(Kind::Enumerated))
        .value("closed form", "checks", kind(Kind::ClosedForm))
        .value("drawn", "checks", kind(Kind::Drawn))
        .value("least p-value", "", |verdicts| least_p_value(verdicts))
        .value("outcomes, cases and draws", "", |verdicts| {
            verdicts.iter().map(|verdict| verdict.sample_size()).sum::<u64>()
        })
        .key("source", |verdicts| &*verdicts[0].claim().source)
        .table("The claims")
}

fn controls(controls: &[Verdict]) -> Table {
    Rows::of(controls)
        .key("claim", |control| &*control.claim().id)
        .key("wrong estimator and check", |control| control.check())
        .key("verdict", |control| if control.passed() { "PASSED" } else { "rejected" })
        .key("found", |control| significant(control.estimate(), 4))
        .key("claimed", |control| significant(control.prediction(), 4))
        .key("p-value", |control| control.p_value().map(|p| significant(p, 3)))
        .table("Negative controls: each has to be rejected")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_counts_statements_and_mistakes() {
        assert_eq!(
            finding([38, 38], 700, [500, 500]),
            "Of the statements all 38 hold, in 700 checks; of the mistakes made on purpose all 500 are \
             rejected."
        );
        assert_eq!(
            finding([37, 38], 700, [499, 500]),
            "Of the statements 37 of 38 hold, in 700 checks; of the mistakes made on purpose 499 of \
             500 are rejected."
        );
    }

    #[test]
    fn the_worst_case_is_no_part_of_a_name_and_what_was_drawn_is() {
        let worst = "enumeration of top-k: ties, n = 6, k = 1";
        let expected = ("enumeration of top-k", Some("ties, n = 6, k = 1"));
        assert_eq!(name_and_case(Kind::Enumerated, worst), expected);
        assert_eq!(name_and_case(Kind::ClosedForm, worst), expected);
        let drawn = "2000 draws of bernoulli: Gaussian, n = 64, k = 8";
        assert_eq!(name_and_case(Kind::Drawn, drawn), (drawn, None));
        assert_eq!(name_and_case(Kind::Enumerated, "no case"), ("no case", None));
    }

    #[test]
    fn checks_of_one_case_each_keep_it() {
        let checks = [
            ("T1", "claim", Kind::Enumerated, "enumeration: ties"),
            ("T1", "control", Kind::Enumerated, "enumeration: a zero column"),
            ("T5", "claim", Kind::ClosedForm, "variance: parallel"),
            ("T5", "claim", Kind::ClosedForm, "variance: opposing"),
        ];
        let expected = ["enumeration", "enumeration", "variance: parallel", "variance: opposing"];
        assert_eq!(names(&checks), expected);
    }
}
