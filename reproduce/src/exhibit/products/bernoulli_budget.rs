//! Bernoulli sampling as the released code does it, beside water-filling.

use kernels::Law;
use kernels::estimator::Estimator;
use kernels::probability::{ProbabilityError, as_released, water_filling};
use kernels::random::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use training::setting::distinct;

use super::budgets::{check_budgets, check_sizes};
use super::matrices::{Distribution, MatrixPair, norm};
use crate::exhibit::finding::range;
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::statistics::half_width_of_root;
use crate::exhibit::style;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, Table};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "bernoulli-budget",
    title: "Bernoulli sampling: the budget asked for and the budget used",
    shows: "how many pairs the released code's probabilities really keep, and their error beside \
            water-filling at the same expected number of pairs",
    paper: "not stated in the sources at hand",
    section: Section::Products,
    note: "number-kept",
    statements: &["T3", "T6"],
    interactive: &[Estimator::BernoulliAsReleased, Estimator::Bernoulli],
    is_timing: false,
    settings: &[built_in!("bernoulli-budget")],
    configure: configure::<BernoulliBudget>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BernoulliBudget {
    rows: usize,
    pairs: usize,
    columns: usize,
    distributions: Vec<Distribution>,
    budgets: Vec<usize>,
    repeats: usize,
}

/// What the repeats of one rule at one budget gave; errors over |A|_F |B|_F.
struct Measurement {
    distribution: Distribution,
    rule: &'static str,
    budget: usize,
    expected: f64,
    expected_deviation: f64,
    kept: f64,
    deviation: f64,
    error: f64,
    half_width: Option<f64>,
    closed_form: f64,
}

impl Experiment for BernoulliBudget {
    fn check(&self) -> Result<(), FieldError> {
        check_sizes(self.rows, self.pairs, self.columns, self.repeats)?;
        distinct("distributions", &self.distributions)?;
        check_budgets(&self.budgets, self.pairs)
    }

    fn memory(&self) -> Vec<Need> {
        let (rows, pairs, columns) = (self.rows, self.pairs, self.columns);
        let sides =
            [[rows, pairs], [pairs, columns], [rows, columns], [pairs, pairs], [pairs, pairs]];
        vec![Need::of_matrices("pairs", pairs, &sides, size_of::<f64>())]
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(self.distributions.len() * self.budgets.len());
        let mut measurements = Vec::new();
        for distribution in &self.distributions {
            let sizes = (self.rows, self.pairs, self.columns);
            let pair = MatrixPair::generate(
                *distribution,
                sizes,
                environment.seed,
                environment.instructions,
            );
            let of_budgets = self
                .budgets
                .par_iter()
                .map(|budget| {
                    let measured = rules(&pair.scores, *budget)?
                        .into_iter()
                        .map(|(rule, p)| {
                            self.measure(environment, *distribution, &pair, rule, *budget, &p)
                        })
                        .collect::<anyhow::Result<Vec<Measurement>>>();
                    environment.progress.advance(1);
                    measured
                })
                .collect::<anyhow::Result<Vec<Vec<Measurement>>>>()?;
            measurements.extend(of_budgets.into_iter().flatten());
        }
        Ok(self.report(&measurements))
    }
}

/// The Bernoulli probabilities of both rules, and water-filling at the count that the released
/// rule expects.
fn rules(scores: &[f64], k: usize) -> Result<[(&'static str, Vec<f64>); 3], ProbabilityError> {
    let released = as_released(scores, k as f64)?;
    let count: f64 = released.iter().sum();
    Ok([
        ("water-filling", water_filling(scores, k as f64)?),
        ("as-released", released),
        ("water-filling-same-count", water_filling(scores, count)?),
    ])
}

impl BernoulliBudget {
    fn measure(
        &self,
        environment: &Environment,
        distribution: Distribution,
        pair: &MatrixPair,
        rule: &'static str,
        budget: usize,
        p: &[f64],
    ) -> anyhow::Result<Measurement> {
        let stream = Stream::new(environment.seed, "bernoulli-budget")
            .child(distribution.name())
            .child(rule)
            .child(&budget.to_string());
        let law = Law::bernoulli(p)?;
        let mut error = Vec::new();
        let mut squares = Vec::with_capacity(self.repeats);
        let mut counts = Vec::with_capacity(self.repeats);
        for repeat in 0..self.repeats {
            let selection = law.draw(&mut stream.at(repeat as u64));
            counts.push(selection.len() as f64);
            pair.error_into(&selection, environment.instructions, &mut error);
            let relative = norm(&error) / pair.scale;
            squares.push(relative * relative);
        }
        let repeats = self.repeats as f64;
        let mean_square = squares.iter().sum::<f64>() / repeats;
        let kept = counts.iter().sum::<f64>() / repeats;
        let spread = counts.iter().map(|c| (c - kept) * (c - kept)).sum::<f64>() / repeats;
        Ok(Measurement {
            distribution,
            rule,
            budget,
            expected: p.iter().sum(),
            expected_deviation: p.iter().map(|p| p * (1.0 - p)).sum::<f64>().sqrt(),
            kept,
            deviation: spread.sqrt(),
            error: mean_square.sqrt(),
            half_width: half_width_of_root(&squares, mean_square),
            closed_form: law.expected_squared_error(&pair.inner_products).sqrt() / pair.scale,
        })
    }

    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("distribution", |m| m.distribution.name())
            .key("rule", |m| m.rule)
            .key("k", |m| m.budget)
            .value("expected-kept", "pairs", |m| m.expected)
            .value("kept", "pairs", |m| m.kept)
            .diagnostic("expected-deviation", "pairs", |m| m.expected_deviation)
            .diagnostic("deviation", "pairs", |m| m.deviation)
            .value("error", "of |A||B|", |m| m.error)
            .diagnostic("error-half-width", "of |A||B|", |m| m.half_width)
            .value("closed-form", "of |A||B|", |m| m.closed_form)
            .table("Pairs kept and error against the budget asked for");
        let mut panels = vec![self.kept_panel(measurements)];
        if let Some(last) = self.distributions.last() {
            panels.push(self.error_panel(measurements, *last));
        }
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(measurements),
            data: format!("random {} x {} x {} products", self.rows, self.pairs, self.columns),
            records,
            tables: vec![self.comparison(measurements)],
            figures: vec![Figure {
                part: String::new(),
                caption: "Left: the share of the budget that the released code's probabilities \
                          use. Right: the error of the released rule and of water-filling, at the \
                          budget asked for and at the number of pairs the released rule expects."
                    .to_string(),
                panels,
            }],
            remarks: vec![
                "as-released: p_i = 0.9 min(1, k w_i / W) + 0.1 / n, so that about 0.9 k + 0.1 \
                 pairs are expected, and fewer where a probability is capped. Water-filling: \
                 p_i = min(1, w_i / √μ) with the sum of p_i equal to the budget."
                    .to_string(),
                format!(
                    "Error: root mean square of |Ĉ - C|_F / (|A|_F |B|_F) over {} draws; one pair \
                     of matrices a distribution, drawn from the seed.",
                    self.repeats
                ),
            ],
            ..ExhibitResult::default()
        }
    }

    fn kept_panel(&self, measurements: &[Measurement]) -> Panel {
        let mut series = Vec::new();
        for (style, distribution) in self.distributions.iter().enumerate() {
            let here: Vec<&Measurement> = measurements
                .iter()
                .filter(|m| m.distribution == *distribution && m.rule == "as-released")
                .collect();
            let label = format!("as-released, {}", distribution.name());
            let budget = |m: &Measurement| m.budget as f64;
            let expected = here.iter().map(|m| Point::new(budget(m), m.expected / budget(m)));
            let kept = here.iter().map(|m| Point::new(budget(m), m.kept / budget(m)));
            series.push(Series {
                label: label.clone(),
                style: style::with_variant(Estimator::BernoulliAsReleased, style),
                mark: Mark::Line,
                points: expected.collect(),
            });
            series.push(Series {
                label,
                style: style::with_variant(Estimator::BernoulliAsReleased, style),
                mark: Mark::Points,
                points: kept.collect(),
            });
        }
        let ends = [self.budgets.first(), self.budgets.last()];
        series.push(Series {
            label: "the budget asked for".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: ends.into_iter().flatten().map(|k| Point::new(*k as f64, 1.0)).collect(),
        });
        Panel {
            title: "pairs kept".to_string(),
            x: Axis::linear("budget asked for, k (pairs)"),
            y: Axis::linear("pairs kept / k"),
            series,
        }
    }

    fn error_panel(&self, measurements: &[Measurement], distribution: Distribution) -> Panel {
        let mut series = Vec::new();
        let (filled, released) =
            (style::of(Estimator::Bernoulli), style::of(Estimator::BernoulliAsReleased));
        let rules = [
            ("water-filling", filled),
            ("as-released", released),
            ("water-filling-same-count", style::with_variant(Estimator::Bernoulli, 2)),
        ];
        for (rule, style) in rules {
            let here: Vec<&Measurement> = measurements
                .iter()
                .filter(|m| m.distribution == distribution && m.rule == rule)
                .collect();
            let label = match rule {
                "water-filling" => "water-filling with k pairs",
                "as-released" => "as-released with k pairs",
                _ => "water-filling with as many pairs as as-released",
            };
            let theory = here.iter().map(|m| Point::new(m.budget as f64, m.closed_form));
            let measured =
                here.iter().map(|m| Point::with_interval(m.budget as f64, m.error, m.half_width));
            let one = |mark, points| Series { label: label.to_string(), style, mark, points };
            series.push(one(Mark::Line, theory.collect()));
            series.push(one(Mark::Points, measured.collect()));
        }
        Panel {
            title: distribution.title().to_string(),
            x: Axis::linear("budget asked for, k (pairs)"),
            y: Axis::logarithmic("error, |Ĉ - C| / (|A| |B|)"),
            series,
        }
    }

    /// One row a distribution and budget: the count used, and the two errors at that count.
    fn comparison(&self, measurements: &[Measurement]) -> Table {
        let pairs = at_the_same_count(measurements);
        Rows::of(&pairs)
            .key("distribution", |(released, _)| released.distribution.name())
            .key("k", |(released, _)| released.budget)
            .value("kept", "pairs", |(released, _)| released.kept)
            .value("error as released", "of |A||B|", |(released, _)| released.error)
            .value("error water-filling", "of |A||B|", |(_, filled)| filled.error)
            .value("closed form as released / water-filling", "ratio", |(released, filled)| {
                released.closed_form / filled.closed_form
            })
            .table("as-released against water-filling at the same expected number of pairs")
    }
}

/// The released rule beside water-filling at the number of pairs that it expects.
fn at_the_same_count(measurements: &[Measurement]) -> Vec<(&Measurement, &Measurement)> {
    let released = measurements.iter().filter(|m| m.rule == "as-released");
    let pairs = released.filter_map(|released| {
        let filled = measurements.iter().find(|m| {
            m.rule == "water-filling-same-count"
                && (m.distribution, m.budget) == (released.distribution, released.budget)
        });
        Some((released, filled?))
    });
    pairs.collect()
}

/// What is found, in a sentence.
fn finding(measurements: &[Measurement]) -> String {
    let pairs = at_the_same_count(measurements);
    let kept = pairs.iter().map(|(released, _)| 100.0 * released.expected / released.budget as f64);
    // Where all pairs are kept there is no error.
    let random = pairs.iter().filter(|(_, filled)| filled.closed_form > 0.0);
    let error = random.map(|(released, filled)| released.closed_form / filled.closed_form);
    format!(
        "The released probabilities keep {} of the budget on average; with as many pairs their error \
         is {} times that of water-filling.",
        range(kept, 3, " %"),
        range(error, 3, "")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_is_of_what_is_kept_and_of_the_error_at_the_same_count() {
        let one = |rule, budget, expected, closed_form| Measurement {
            distribution: Distribution::ZeroMean,
            rule,
            budget,
            expected,
            expected_deviation: 0.0,
            kept: expected,
            deviation: 0.0,
            error: closed_form,
            half_width: None,
            closed_form,
        };
        let cells = [
            one("as-released", 10, 9.0, 0.3),
            one("water-filling-same-count", 10, 9.0, 0.25),
            one("as-released", 20, 19.0, 0.125),
            one("water-filling-same-count", 20, 19.0, 0.1),
        ];
        assert_eq!(
            finding(&cells),
            "The released probabilities keep 90 to 95 % of the budget on average; with as many pairs \
             their error is 1.20 to 1.25 times that of water-filling."
        );
        assert!(finding(&[]).contains("keep no number of the budget"));
    }
}
