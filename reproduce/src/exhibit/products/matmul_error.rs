//! The error of a sampled product against the share of the pairs kept.

use kernels::estimator::Estimator;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::setting::{count_within, distinct};

use super::budgets::{check_budgets, check_sizes, shown};
use super::grid::measure_cells;
use super::matrices::{Distribution, MatrixPair, norm};
use crate::exhibit::finding::{Error, least_errors};
use crate::exhibit::settings::{FieldError, NamedEstimator, configure};
use crate::exhibit::statistics::{agreement, half_width_of_root};
use crate::exhibit::style;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{
    Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, Table, significant,
};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "matmul-error",
    title: "Error of a sampled matrix product",
    shows: "the error of each estimator against the share of the pairs kept, beside its closed form \
            and the bound 1/√k of column-row sampling",
    paper: "the comparison of estimators on random matrices in the authors' notebook; \
            its numbers are not stated in the sources at hand",
    section: Section::Products,
    note: "variance",
    statements: &["T1", "T2", "T4", "T5", "T11", "T12"],
    interactive: &[Estimator::ColumnRow, Estimator::Bernoulli, Estimator::TopK],
    is_timing: false,
    settings: &[built_in!("matmul-error")],
    configure: configure::<MatmulError>,
};

/// What tells its file from the others, what it shows, its estimators and its distributions.
type Group = (&'static str, &'static str, &'static [&'static str], [Distribution; 2]);

/// The figures.
const GROUPS: [Group; 3] = [
    (
        "",
        "the paper's estimators and uniform sampling",
        &["top-k", "column-row", "bernoulli", "uniform-without-replacement"],
        [Distribution::ZeroMean, Distribution::UnitMean],
    ),
    (
        "variants",
        "the variants in the released code",
        &[
            "adaptive-top-k",
            "column-row-mixture",
            "bernoulli-as-released",
            "uniform-with-replacement",
            "uniform-with-replacement-unscaled",
            "uniform-without-replacement-unscaled",
        ],
        [Distribution::ZeroMean, Distribution::UnitMean],
    ),
    (
        "designs",
        "the paper's samplers, winner-take-all, and designs of fixed size",
        &["column-row", "bernoulli", "winner-take-all", "systematic", "conditional-poisson"],
        [Distribution::UnitMean, Distribution::Opposing],
    ),
];

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatmulError {
    rows: usize,
    pairs: usize,
    columns: usize,
    distributions: Vec<Distribution>,
    estimators: Vec<NamedEstimator>,
    budgets: Vec<usize>,
    repeats: usize,
    spectral_repeats: usize,
}

/// What the repeats of one estimator at one budget gave; errors over |A|_F |B|_F.
struct Measurement {
    distribution: Distribution,
    estimator: Estimator,
    budget: usize,
    kept: f64,
    error: f64,
    half_width: Option<f64>,
    closed_form: f64,
    spectral: f64,
    element: f64,
}

impl Experiment for MatmulError {
    fn check(&self) -> Result<(), FieldError> {
        check_sizes(self.rows, self.pairs, self.columns, self.repeats)?;
        distinct("distributions", &self.distributions)?;
        distinct("estimators", &self.estimators)?;
        check_budgets(&self.budgets, self.pairs)?;
        count_within("spectral_repeats", self.spectral_repeats, 1..=self.repeats)
    }

    fn memory(&self) -> Vec<Need> {
        let (rows, pairs, columns) = (self.rows, self.pairs, self.columns);
        let sides =
            [[rows, pairs], [pairs, columns], [rows, columns], [pairs, pairs], [pairs, pairs]];
        vec![Need::of_matrices("pairs", pairs, &sides, size_of::<f64>())]
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let matrices: Vec<(Distribution, MatrixPair)> = self
            .distributions
            .iter()
            .map(|distribution| {
                let sizes = (self.rows, self.pairs, self.columns);
                let pair = MatrixPair::generate(
                    *distribution,
                    sizes,
                    environment.seed,
                    environment.instructions,
                );
                (*distribution, pair)
            })
            .collect();
        let measurements = measure_cells(
            environment,
            &matrices,
            &self.estimators,
            &self.budgets,
            |distribution, operand, estimator, budget| {
                self.measure(environment, distribution, operand, estimator, budget)
            },
        )?;
        Ok(self.report(&measurements))
    }
}

impl MatmulError {
    fn measure(
        &self,
        environment: &Environment,
        distribution: Distribution,
        pair: &MatrixPair,
        estimator: Estimator,
        budget: usize,
    ) -> anyhow::Result<Measurement> {
        let stream = Stream::new(environment.seed, "matmul-error")
            .child(distribution.name())
            .child(estimator.name())
            .child(&budget.to_string());
        // Without chance, one repeat says all.
        let repeats = if estimator.is_random() { self.repeats } else { 1 };
        let law = estimator.law(&pair.scores, budget)?;
        let spectral_repeats = repeats.min(self.spectral_repeats);
        let mut error = Vec::new();
        let (mut kept, mut spectral, mut element) = (0.0, 0.0, 0.0);
        let mut squares = Vec::with_capacity(repeats);
        for repeat in 0..repeats {
            let selection = law.draw(&mut stream.at(repeat as u64));
            kept += selection.len() as f64;
            pair.error_into(&selection, environment.instructions, &mut error);
            let relative = norm(&error) / pair.scale;
            squares.push(relative * relative);
            element += error.iter().map(|entry| entry.abs()).sum::<f64>() / error.len() as f64;
            if repeat < spectral_repeats {
                let relative = pair.spectral_norm(&error, environment.instructions) / pair.scale;
                spectral += relative * relative;
            }
        }
        let mean_square = squares.iter().sum::<f64>() / repeats as f64;
        Ok(Measurement {
            distribution,
            estimator,
            budget,
            kept: kept / repeats as f64,
            error: mean_square.sqrt(),
            half_width: half_width_of_root(&squares, mean_square),
            closed_form: law.expected_squared_error(&pair.inner_products).max(0.0).sqrt()
                / pair.scale,
            spectral: (spectral / spectral_repeats as f64).sqrt(),
            element: element / repeats as f64,
        })
    }

    /// Which estimator errs least at the budget nearest to a quarter.
    fn finding(&self, measurements: &[Measurement]) -> String {
        let quarter = self.pairs as f64 / 4.0;
        let distance = |budget: &usize| (*budget as f64 - quarter).abs();
        let nearest = |x: &&usize, y: &&usize| distance(x).total_cmp(&distance(y));
        let budget = self.budgets.iter().min_by(nearest).copied().unwrap_or_default();
        // Adaptive top-k keeps as many as it likes, whatever the budget.
        let has_budget = |m: &&Measurement| !matches!(m.estimator, Estimator::AdaptiveTopK { .. });
        let here = measurements.iter().filter(|m| m.budget == budget).filter(has_budget);
        let errors = here.map(|m| Error {
            operands: m.distribution.name(),
            estimator: m.estimator.name(),
            error: m.error,
            half_width: m.half_width,
        });
        let kept = format!("{budget} of {} pairs", self.pairs);
        least_errors(&errors.collect::<Vec<Error>>(), &kept)
    }

    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("distribution", |m| m.distribution.name())
            .key("estimator", |m| m.estimator.name())
            .key("k", |m| m.budget)
            .diagnostic("kept", "pairs", |m| m.kept)
            .value("error", "of |A||B|", |m| m.error)
            .diagnostic("error-half-width", "of |A||B|", |m| m.half_width)
            .value("closed-form", "of |A||B|", |m| m.closed_form)
            .diagnostic("spectral-error", "of |A||B|", |m| m.spectral)
            .diagnostic("mean-element-error", "absolute", |m| m.element)
            .table("Error against budget");
        let mut figures = Vec::new();
        for (number, (part, which, estimators, distributions)) in GROUPS.into_iter().enumerate() {
            // A figure needs an estimator that no figure before it has.
            let is_new =
                |name: &&'static str| !GROUPS[..number].iter().any(|group| group.2.contains(name));
            let own: Vec<&str> = estimators.iter().copied().filter(is_new).collect();
            let is_shown = |m: &Measurement| {
                estimators.contains(&m.estimator.name()) && distributions.contains(&m.distribution)
            };
            if measurements.iter().any(|m| is_shown(m) && own.contains(&m.estimator.name())) {
                figures.push(Figure {
                    part: part.to_string(),
                    caption: format!(
                        "Normalised Frobenius error of a sampled product against the share of \
                         the pairs kept, for {which}; markers are root mean squares over the \
                         draws, lines the closed forms; the bound is that of column-row sampling."
                    ),
                    panels: self.panels(measurements, is_shown),
                });
            }
        }
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(measurements),
            data: format!("random {} x {} x {} products", self.rows, self.pairs, self.columns),
            records,
            tables: vec![self.summary(measurements)],
            figures,
            remarks: [
                format!(
                    "Error: root mean square of |Ĉ - C|_F / (|A|_F |B|_F) over {} draws, of one \
                     where the estimator draws nothing; one pair of matrices a distribution, drawn \
                     from the seed. Closed form: the root of the expected square for the same \
                     matrices.",
                    self.repeats
                ),
                agreement(measurements.iter().map(|m| (m.error, m.closed_form, m.half_width))),
                format!(
                    "The spectral error is the root mean square over the first {} draws, also over \
                     |A|_F |B|_F.",
                    self.spectral_repeats
                ),
            ]
            .into_iter()
            .chain(self.adaptive())
            .collect(),
            ..ExhibitResult::default()
        }
    }

    /// What adaptive top-k keeps, if it is among the estimators.
    fn adaptive(&self) -> Option<String> {
        self.estimators.iter().find_map(|estimator| match estimator.0 {
            Estimator::AdaptiveTopK { share } => Some(format!(
                "{} keeps as many pairs as reach {} % of the sum of the scores, whatever the \
                 budget.",
                estimator.0,
                significant(100.0 * share, 3)
            )),
            _ => None,
        })
    }

    fn panels(&self, all: &[Measurement], shown: impl Fn(&Measurement) -> bool) -> Vec<Panel> {
        let share = |budget: usize| budget as f64 / self.pairs as f64;
        let mut panels = Vec::new();
        for distribution in &self.distributions {
            if !all.iter().any(|m| m.distribution == *distribution && shown(m)) {
                continue;
            }
            let bound =
                self.budgets.iter().map(|k| Point::new(share(*k), 1.0 / (*k as f64).sqrt()));
            let mut series = vec![];
            let drawn = self
                .estimators
                .iter()
                .filter(|e| all.iter().any(|m| m.estimator == e.0 && shown(m)));
            for estimator in drawn {
                // At k = n the product is exact, and zero has no place on a logarithmic axis.
                let here: Vec<&Measurement> = all
                    .iter()
                    .filter(|m| m.distribution == *distribution && m.estimator == estimator.0)
                    .filter(|m| m.budget < self.pairs)
                    .collect();
                let one = |mark, points| Series {
                    label: estimator.0.name().to_string(),
                    style: style::of(estimator.0),
                    mark,
                    points,
                };
                let theory = here.iter().map(|m| Point::new(share(m.budget), m.closed_form));
                series.push(one(Mark::Line, theory.collect()));
                let measured = here
                    .iter()
                    .map(|m| Point::with_interval(share(m.budget), m.error, m.half_width));
                series.push(one(Mark::Points, measured.collect()));
            }
            series.push(Series {
                label: "bound 1/√k of column-row".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: bound.collect(),
            });
            panels.push(Panel {
                title: distribution.title().to_string(),
                x: Axis::linear("share of the pairs kept, k/n"),
                y: Axis::logarithmic("error, |Ĉ - C| / (|A| |B|)"),
                series,
            });
        }
        panels
    }

    /// Measured error and closed form at the budgets nearest to a tenth, a quarter and a half.
    fn summary(&self, measurements: &[Measurement]) -> Table {
        let rows = self.distributions.iter().flat_map(|distribution| {
            self.estimators.iter().map(move |estimator| (*distribution, estimator.0))
        });
        let rows: Vec<(Distribution, Estimator)> = rows.collect();
        let mut table = Rows::of(&rows)
            .key("distribution", |(distribution, _)| distribution.name())
            .key("estimator", |(_, estimator)| estimator.name());
        for budget in shown(&self.budgets, self.pairs) {
            let find = |row: &(Distribution, Estimator)| {
                measurements
                    .iter()
                    .find(|m| (m.distribution, m.estimator, m.budget) == (row.0, row.1, budget))
            };
            table = table
                .value(&format!("error at k = {budget}"), "", |row| find(row).map(|m| m.error))
                .value(&format!("closed form at k = {budget}"), "", |row| {
                    find(row).map(|m| m.closed_form)
                });
        }
        table.table("Error over |A||B|: measured, and by the closed form")
    }
}
