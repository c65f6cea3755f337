//! The error of a sampled product against the share of the pairs kept.

use kernels::estimator::Estimator;
use kernels::random::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use theory::special::student_quantile;
use training::setting::{count, count_within, distinct};

use super::matrices::{Distribution, MatrixPair, norm};
use crate::exhibit::config::{FieldError, NamedEstimator, configure};
use crate::exhibit::networks::runs::MOST_REPEATS;
use crate::exhibit::{Context, Exhibit, Experiment};
use crate::memory::Need;
use crate::result::{
    Axis, Cell, Column, ExhibitResult, Figure, Mark, Panel, Point, Series, Table, significant,
};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "matmul-error",
    title: "Error of a sampled matrix product",
    shows: "the error of each estimator against the share of the pairs kept, beside its closed form \
            and the bound 1/√k of column-row sampling",
    paper: "the comparison of estimators on random matrices in the authors' notebook; \
            its numbers are not stated in the sources at hand",
    is_timing: false,
    version: 2,
    yaml: include_str!("../../../exhibits/matmul-error.yaml"),
    configure: configure::<MatmulError>,
};

/// File, what it shows, its estimators and its distributions.
type Group = (&'static str, &'static str, &'static [&'static str], [Distribution; 2]);

/// The figures.
const GROUPS: [Group; 3] = [
    (
        "matmul-error",
        "the paper's estimators and uniform sampling",
        &["top-k", "column-row", "bernoulli", "uniform-without-replacement"],
        [Distribution::ZeroMean, Distribution::UnitMean],
    ),
    (
        "matmul-error-variants",
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
        "matmul-error-designs",
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

    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        let matrices: Vec<(Distribution, MatrixPair)> = self
            .distributions
            .iter()
            .map(|distribution| {
                let sizes = (self.rows, self.pairs, self.columns);
                let pair =
                    MatrixPair::generate(*distribution, sizes, context.seed, context.instructions);
                (*distribution, pair)
            })
            .collect();
        let mut cells = Vec::new();
        for (distribution, pair) in &matrices {
            for estimator in &self.estimators {
                for budget in &self.budgets {
                    cells.push((*distribution, pair, estimator.0, *budget));
                }
            }
        }
        context.progress.set_length(cells.len());
        let measurements = cells
            .par_iter()
            .map(|(distribution, pair, estimator, budget)| {
                let measurement = self.measure(context, *distribution, pair, *estimator, *budget);
                context.progress.advance(1);
                measurement
            })
            .collect::<anyhow::Result<Vec<Measurement>>>()?;
        Ok(self.report(&measurements))
    }
}

impl MatmulError {
    fn measure(
        &self,
        context: &Context,
        distribution: Distribution,
        pair: &MatrixPair,
        estimator: Estimator,
        budget: usize,
    ) -> anyhow::Result<Measurement> {
        let stream = Stream::new(context.seed, "matmul-error")
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
            pair.error_into(&selection, context.instructions, &mut error);
            let relative = norm(&error) / pair.scale;
            squares.push(relative * relative);
            element += error.iter().map(|entry| entry.abs()).sum::<f64>() / error.len() as f64;
            if repeat < spectral_repeats {
                let relative = pair.spectral_norm(&error) / pair.scale;
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

    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let mut records = Table::new(
            "Error against budget",
            vec![
                Column::key("distribution"),
                Column::key("estimator"),
                Column::key("k"),
                Column::value("kept", "pairs"),
                Column::value("error", "of |A||B|"),
                Column::value("error-half-width", "of |A||B|"),
                Column::value("closed-form", "of |A||B|"),
                Column::value("spectral-error", "of |A||B|"),
                Column::value("mean-element-error", "absolute"),
            ],
        );
        for m in measurements {
            records.push(vec![
                m.distribution.name().into(),
                m.estimator.name().into(),
                m.budget.into(),
                m.kept.into(),
                m.error.into(),
                m.half_width.into(),
                m.closed_form.into(),
                m.spectral.into(),
                m.element.into(),
            ]);
        }
        let mut figures = Vec::new();
        for (number, (file, which, estimators, distributions)) in GROUPS.into_iter().enumerate() {
            // A figure needs an estimator that no figure before it has.
            let is_new =
                |name: &&'static str| !GROUPS[..number].iter().any(|group| group.2.contains(name));
            let own: Vec<&str> = estimators.iter().copied().filter(is_new).collect();
            let shown = |m: &Measurement| {
                estimators.contains(&m.estimator.name()) && distributions.contains(&m.distribution)
            };
            if measurements.iter().any(|m| shown(m) && own.contains(&m.estimator.name())) {
                figures.push(Figure {
                    file: file.to_string(),
                    caption: format!(
                        "Normalised Frobenius error of a sampled product against the share of \
                         the pairs kept, for {which}; markers are root mean squares over the \
                         draws, lines the closed forms; the bound is that of column-row sampling."
                    ),
                    panels: self.panels(measurements, shown),
                });
            }
        }
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
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
            for (style, estimator) in self
                .estimators
                .iter()
                .filter(|e| all.iter().any(|m| m.estimator == e.0 && shown(m)))
                .enumerate()
            {
                // At k = n the product is exact, and zero has no place on a logarithmic axis.
                let here: Vec<&Measurement> = all
                    .iter()
                    .filter(|m| m.distribution == *distribution && m.estimator == estimator.0)
                    .filter(|m| m.budget < self.pairs)
                    .collect();
                let one = |mark, points| Series {
                    label: estimator.0.name().to_string(),
                    style,
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
        let mut chosen: Vec<usize> = [0.1, 0.25, 0.5]
            .iter()
            .filter_map(|share| {
                let wanted = share * self.pairs as f64;
                self.budgets.iter().copied().min_by(|a, b| {
                    (*a as f64 - wanted).abs().total_cmp(&(*b as f64 - wanted).abs())
                })
            })
            .collect();
        chosen.dedup();
        let mut columns = vec![Column::key("distribution"), Column::key("estimator")];
        for budget in &chosen {
            columns.push(Column::value(&format!("error at k = {budget}"), ""));
            columns.push(Column::value(&format!("closed form at k = {budget}"), ""));
        }
        let mut table = Table::new("Error over |A||B|: measured, and by the closed form", columns);
        for distribution in &self.distributions {
            for estimator in &self.estimators {
                let mut row = vec![distribution.name().into(), estimator.0.name().into()];
                for budget in &chosen {
                    let found = measurements.iter().find(|m| {
                        (m.distribution, m.estimator, m.budget)
                            == (*distribution, estimator.0, *budget)
                    });
                    row.push(found.map_or(Cell::Missing, |m| m.error.into()));
                    row.push(found.map_or(Cell::Missing, |m| m.closed_form.into()));
                }
                table.push(row);
            }
        }
        table
    }
}

/// How many measured intervals hold their closed form, and how far the farthest is off, of
/// measured error, closed form and half width of the interval of each cell; cells without an
/// interval are not random and do not count. What is not a number holds nothing.
pub fn agreement(cells: impl Iterator<Item = (f64, f64, Option<f64>)>) -> String {
    let distances: Vec<f64> = cells
        .filter_map(|(error, closed_form, half)| Some((error - closed_form).abs() / half?))
        .collect();
    let inside = distances.iter().filter(|distance| **distance <= 1.0).count();
    match largest(distances.iter().copied()) {
        None => "No cell is random.".to_string(),
        Some(farthest) => format!(
            "The closed form lies in the 95 % interval of {inside} of {} random cells; the farthest \
             is {} half widths of its interval away.",
            distances.len(),
            significant(farthest, 3)
        ),
    }
}

/// The largest of the values; not a number if any of them is none, and nothing of no value.
pub fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(|x, y| if x.is_nan() || x > y { x } else { y })
}

/// Half the 95 % interval of the root of a mean of squares: that of the mean, carried through the
/// root; none where the values show no chance.
pub fn half_width_of_root(squares: &[f64], mean: f64) -> Option<f64> {
    if mean <= 0.0 {
        return None;
    }
    Some(half_width_of_mean(squares, mean)? / (2.0 * mean.sqrt()))
}

/// Half the 95 % interval of the mean of values, by Student's t; none of a single one, and none of
/// values that are equal but for the rounding of their sum: nothing is random there.
pub fn half_width_of_mean(values: &[f64], mean: f64) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
    if variance.sqrt() <= count * f64::EPSILON * mean.abs() {
        return None;
    }
    Some(student_quantile(0.05, count - 1.0) * (variance / count).sqrt())
}

/// Sizes that a product and its repeats can have.
///
/// # Errors
/// Names the first size that is out of range.
pub fn check_sizes(
    rows: usize,
    pairs: usize,
    columns: usize,
    repeats: usize,
) -> Result<(), FieldError> {
    for (field, size) in [("rows", rows), ("pairs", pairs), ("columns", columns)] {
        count(field, size)?;
    }
    count_within("repeats", repeats, 1..=MOST_REPEATS)
}

/// Budgets from 1 to the number of pairs, increasing.
///
/// # Errors
/// Names the list.
pub fn check_budgets(budgets: &[usize], pairs: usize) -> Result<(), FieldError> {
    let increasing = budgets.is_sorted_by(|one, next| one < next);
    let inside = budgets.iter().all(|budget| (1..=pairs).contains(budget));
    if increasing && inside && !budgets.is_empty() {
        return Ok(());
    }
    let expected = "increasing numbers from 1 to pairs";
    Err(FieldError::new("budgets", format!("{budgets:?}"), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_the_random_cells() {
        let cells = [
            (1.0, 1.05, Some(0.1)),
            (1.0, 1.1, Some(0.1 + 1e-12)),
            (1.0, 1.3, Some(0.1)),
            (1.0, 9.0, None),
        ];
        assert_eq!(
            agreement(cells.into_iter()),
            "The closed form lies in the 95 % interval of 2 of 3 random cells; the farthest is 3 half \
             widths of its interval away."
        );
        assert_eq!(agreement([(1.0, 9.0, None)].into_iter()), "No cell is random.");
    }

    #[test]
    fn what_is_not_a_number_agrees_with_nothing() {
        let wrong = [
            (f64::NAN, 1.0, Some(0.1)),
            (1.0, f64::NAN, Some(0.1)),
            (1.0, 1.0, Some(f64::NAN)),
            (1.0, 1.0, Some(0.0)),
        ];
        for wrong in wrong {
            let cells = [(1.0, 1.0, Some(0.1)), wrong, (1.0, 1.0, Some(0.1))];
            let sentence = agreement(cells.into_iter());
            assert!(
                sentence.contains("of 2 of 3 random") && sentence.contains("NaN"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn the_largest_of_values_with_a_nan_is_a_nan_wherever_it_stands() {
        for order in [[f64::NAN, 0.1, 0.2], [0.1, f64::NAN, 0.2], [0.1, 0.2, f64::NAN]] {
            assert!(largest(order.into_iter()).is_some_and(f64::is_nan));
        }
        assert_eq!(largest([0.1, 0.3, 0.2].into_iter()), Some(0.3));
        assert_eq!(largest([-0.1, -0.3].into_iter()), Some(-0.1));
        assert_eq!(largest([].into_iter()), None);
    }

    #[test]
    fn the_interval_of_a_mean_is_students_t_and_rounding_is_no_chance() {
        // t(0.975, 1 degree of freedom) = 12.7062, standard error 1.
        assert!((half_width_of_mean(&[1.0, 3.0], 2.0).unwrap() - 12.7062).abs() < 1e-4);
        assert_eq!(half_width_of_mean(&[1.0], 1.0), None);
        // A mean of equal losses that was rounded, as that of a regression without chance.
        let losses = vec![513.1; 10_000];
        let mean = losses.iter().sum::<f64>() / 10_000.0;
        assert_ne!(mean, 513.1);
        assert_eq!(half_width_of_mean(&losses, mean), None);
        assert!(half_width_of_mean(&[1.0, 1.0 + 1e-9], 1.0 + 0.5e-9).is_some());
        assert!(half_width_of_mean(&[1.0, f64::NAN], f64::NAN).is_some_and(f64::is_nan));
    }
}
