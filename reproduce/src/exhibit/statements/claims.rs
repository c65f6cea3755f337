//! Every statement of the theory, confronted with the kernels, and what came of it.

use std::ops::ControlFlow;

use anyhow::Context as _;
use kernels::product::matmul;
use kernels::{MatrixView, MatrixViewMut};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use theory::claim::{Scale, Settings};
use theory::extremes::least;
use theory::matrices::Factors;
use theory::statistics::FAMILY_WISE_LEVEL;
use theory::suite::Suite;
use theory::verdict::{Kind, Verdict};
use training::data::Minibatch;
use training::network::NetworkConfig;
use training::optimizer::OptimizerConfig;
use training::setting::count_within;
use training::train::{Trainer, TrainingConfig};

use crate::exhibit::config::{FieldError, configure};
use crate::exhibit::{Context, Exhibit, Experiment};
use crate::images::{ImageConfig, Images};
use crate::memory::Need;
use crate::result::{Cell, Column, ExhibitResult, Table, significant};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "claims",
    title: "Every claim of the theory, checked",
    shows: "for every statement about sampled products what was predicted, what was found, how \
            sure that is, and that estimators which are wrong on purpose are rejected",
    paper: "the theorems of the paper, as far as the sources at hand tell, and those of its \
            sources; each is proved in paper-notes",
    is_timing: false,
    version: 5,
    yaml: include_str!("../../../exhibits/claims.yaml"),
    configure: configure::<Claims>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    effort: Scale,
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

    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        let set = context.instructions;
        let settings = Settings { seed: context.seed, scale: self.effort, set };
        let images = context.images.context("images were not loaded")?;
        let suite = theory::suite::run_with(&settings, &self.products(context, images)?)?;
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
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
            json: Some(serde_json::to_string_pretty(&suite)? + "\n"),
            ..ExhibitResult::default()
        })
    }
}

impl Claims {
    /// The products of the first two layers of an MLP after an epoch of exact training.
    fn products(&self, context: &Context, images: &Images) -> anyhow::Result<Vec<Factors>> {
        let config = TrainingConfig::new(
            NetworkConfig::Mlp { hidden: vec![HIDDEN], dropout: 0.0 },
            50,
            1,
            OptimizerConfig::Adam { learning_rate: 1e-3 },
            context.seed,
        );
        let mut trainer = Trainer::new(&config, &images.splits, context.instructions)?;
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
            context.instructions,
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

/// A row a check or control, for the CSV file and the snapshot.
fn records(suite: &Suite) -> Table {
    let mut table = Table::new(
        "Every check",
        vec![
            Column::key("claim"),
            Column::key("role"),
            Column::key("kind"),
            Column::key("check"),
            Column::value("estimate", ""),
            Column::value("prediction", ""),
            Column::value("low", ""),
            Column::value("high", ""),
            Column::value("p-value", ""),
            Column::value("sample-size", ""),
            Column::value("passed", "1 is yes"),
        ],
    );
    for (role, verdicts) in [("claim", &suite.verdicts), ("control", &suite.controls)] {
        for verdict in verdicts {
            table.push(vec![
                verdict.claim().id.to_string().into(),
                role.into(),
                verdict.kind().name().into(),
                verdict.check().to_string().into(),
                verdict.estimate().into(),
                verdict.prediction().into(),
                verdict.interval().0.into(),
                verdict.interval().1.into(),
                verdict.p_value().into(),
                (verdict.sample_size() as f64).into(),
                usize::from(verdict.passed()).into(),
            ]);
        }
    }
    table
}

/// A row a claim: its checks together.
fn claims(suite: &Suite) -> Table {
    let mut table = Table::new(
        "The claims",
        vec![
            Column::key("claim"),
            Column::key("statement"),
            Column::key("verdict"),
            Column::value("enumerated", "checks"),
            Column::value("closed form", "checks"),
            Column::value("drawn", "checks"),
            Column::value("least p-value", ""),
            Column::value("outcomes, cases and draws", ""),
            Column::key("source"),
        ],
    );
    for verdicts in by_claim(&suite.verdicts) {
        let claim = verdicts[0].claim();
        let stands = verdicts.iter().all(|verdict| verdict.passed());
        let size: u64 = verdicts.iter().map(|verdict| verdict.sample_size()).sum();
        let [enumerated, computed, drawn] =
            Kind::ALL.map(|kind| verdicts.iter().filter(|v| v.kind() == kind).count());
        table.push(vec![
            claim.id.to_string().into(),
            format!("{}. {}", claim.name, claim.statement).into(),
            if stands { "holds" } else { "FAILS" }.into(),
            enumerated.into(),
            computed.into(),
            drawn.into(),
            least_p_value(&verdicts).into(),
            (size as f64).into(),
            claim.source.to_string().into(),
        ]);
    }
    table
}

/// The verdicts of each claim, claims in the order in which they first appear.
pub fn by_claim(verdicts: &[Verdict]) -> Vec<Vec<&Verdict>> {
    let mut groups: Vec<Vec<&Verdict>> = Vec::new();
    for verdict in verdicts {
        match groups.iter_mut().find(|group| group[0].claim().id == verdict.claim().id) {
            Some(group) => group.push(verdict),
            None => groups.push(vec![verdict]),
        }
    }
    groups.sort_by_key(|group| number(&group[0].claim().id));
    groups
}

/// The number of the statement: 10 of "T10.rate".
fn number(id: &str) -> usize {
    let digits: String = id.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(usize::MAX)
}

/// The least p-value of some verdicts, none where all are exact, not a number if one is.
pub fn least_p_value(verdicts: &[&Verdict]) -> Option<f64> {
    let p_values: Vec<f64> = verdicts.iter().filter_map(|verdict| verdict.p_value()).collect();
    (!p_values.is_empty()).then(|| least(p_values))
}

fn controls(controls: &[Verdict]) -> Table {
    let mut table = Table::new(
        "Negative controls: each has to be rejected",
        vec![
            Column::key("claim"),
            Column::key("wrong estimator and check"),
            Column::key("verdict"),
            Column::key("found"),
            Column::key("claimed"),
            Column::key("p-value"),
        ],
    );
    for control in controls {
        table.push(vec![
            control.claim().id.to_string().into(),
            control.check().to_string().into(),
            if control.passed() { "PASSED" } else { "rejected" }.into(),
            significant(control.estimate(), 4).into(),
            significant(control.prediction(), 4).into(),
            control.p_value().map_or(Cell::Missing, |p| significant(p, 3).into()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_in_the_order_of_their_numbers() {
        assert!(number("T2.bernoulli") < number("T10.rate"));
    }
}
