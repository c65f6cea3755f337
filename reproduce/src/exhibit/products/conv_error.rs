//! The error of a convolution over sampled input channels against the share of them kept.

use kernels::convolution::ConvolutionShape;
use kernels::estimator::Estimator;
use kernels::random::Stream;
use serde::{Deserialize, Serialize};
use training::setting::{count, count_within, distinct};

use super::budgets::{check_budgets, shown};
use super::grid::measure_cells;
use super::matrices::{Distribution, norm};
use super::random_convolution::RandomConvolution;
use crate::exhibit::finding::{Error, least_errors};
use crate::exhibit::settings::{FieldError, MOST_REPEATS, NamedEstimator, configure};
use crate::exhibit::statistics::{agreement, half_width_of_root, largest};
use crate::exhibit::style;
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{
    Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, Table, significant,
};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "conv-error",
    title: "Error of a channel-sampled convolution",
    shows: "the error of each estimator against the share of the input channels kept, beside its \
            closed form and the bound 1/√k of column-row sampling",
    paper: "the released code samples the input channels of convolutions; errors of single \
            convolutions are not stated in the sources at hand",
    section: Section::Products,
    note: "convolution",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("conv-error")],
    configure: configure::<ConvolutionError>,
};

/// Settings of the exhibit: `batch` images of `channels` x `side` x `side`, and square kernels
/// of odd side with the padding that keeps the size of the images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionError {
    batch: usize,
    channels: usize,
    side: usize,
    outputs: usize,
    kernel: usize,
    distributions: Vec<Distribution>,
    estimators: Vec<NamedEstimator>,
    budgets: Vec<usize>,
    repeats: usize,
}

/// What the repeats of one estimator at one budget gave; errors over sqrt(kh kw) |X|_F |K|_F.
struct Measurement {
    distribution: Distribution,
    estimator: Estimator,
    budget: usize,
    kept: f64,
    error: f64,
    half_width: Option<f64>,
    closed_form: f64,
}

impl Experiment for ConvolutionError {
    fn check(&self) -> Result<(), FieldError> {
        for (field, size) in [("batch", self.batch), ("side", self.side), ("kernel", self.kernel)] {
            count(field, size)?;
        }
        if self.kernel.is_multiple_of(2) {
            return Err(FieldError::new("kernel", self.kernel, "an odd number"));
        }
        if let Err(error) = self.shape() {
            return Err(FieldError::new("channels", error, "sizes of a convolution"));
        }
        count_within("repeats", self.repeats, 1..=MOST_REPEATS)?;
        distinct("distributions", &self.distributions)?;
        let known = [Distribution::ZeroMean, Distribution::UnitMean];
        if let Some(place) = self.distributions.iter().position(|given| !known.contains(given)) {
            let (field, value) =
                (format!("distributions[{place}]"), self.distributions[place].name());
            return Err(FieldError::new(field, value, "zero-mean or unit-mean"));
        }
        distinct("estimators", &self.estimators)?;
        check_budgets(&self.budgets, self.channels)
    }

    fn memory(&self) -> Vec<Need> {
        let (images, positions) = (self.batch, self.side * self.side);
        let kernels = [self.outputs, self.channels * self.kernel * self.kernel];
        let sides =
            [[images, self.channels * positions], [images, self.outputs * positions], kernels];
        vec![Need::of_matrices("batch", images, &sides, size_of::<f64>())]
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let shape = self.shape()?;
        let generate = |distribution: &Distribution| {
            let convolution = RandomConvolution::generate(
                *distribution,
                shape,
                environment.seed,
                environment.instructions,
            )?;
            Ok((*distribution, convolution))
        };
        let convolutions =
            self.distributions.iter().map(generate).collect::<anyhow::Result<Vec<_>>>()?;
        let measurements = measure_cells(
            environment,
            &convolutions,
            &self.estimators,
            &self.budgets,
            |distribution, operand, estimator, budget| {
                self.measure(environment, distribution, operand, estimator, budget)
            },
        )?;
        Ok(self.report(&measurements))
    }
}

impl ConvolutionError {
    fn shape(&self) -> Result<ConvolutionShape, kernels::convolution::ShapeError> {
        let images = [self.channels, self.side, self.side];
        let kernels = [self.outputs, self.kernel, self.kernel];
        ConvolutionShape::new(self.batch, images, kernels, 1, self.kernel / 2)
    }

    fn measure(
        &self,
        environment: &Environment,
        distribution: Distribution,
        convolution: &RandomConvolution,
        estimator: Estimator,
        budget: usize,
    ) -> anyhow::Result<Measurement> {
        let stream = Stream::new(environment.seed, EXHIBIT.name)
            .child(distribution.name())
            .child(estimator.name())
            .child(&budget.to_string());
        // Without chance, one repeat says all.
        let repeats = if estimator.is_random() { self.repeats } else { 1 };
        let law = estimator.law(&convolution.scores, budget)?;
        let (mut kept, mut error) = (0.0, Vec::new());
        let mut squares = Vec::with_capacity(repeats);
        for repeat in 0..repeats {
            let selection = law.draw(&mut stream.at(repeat as u64));
            kept += selection.len() as f64;
            convolution.error_into(&selection, environment.instructions, &mut error);
            let relative = norm(&error) / convolution.scale;
            squares.push(relative * relative);
        }
        let mean_square = squares.iter().sum::<f64>() / repeats as f64;
        let expected = law.expected_squared_error(&convolution.inner_products);
        Ok(Measurement {
            distribution,
            estimator,
            budget,
            kept: kept / repeats as f64,
            error: mean_square.sqrt(),
            half_width: half_width_of_root(&squares, mean_square),
            closed_form: expected.max(0.0).sqrt() / convolution.scale,
        })
    }

    /// Which estimator errs least at the budget nearest to a quarter.
    fn finding(&self, measurements: &[Measurement]) -> String {
        let quarter = self.channels as f64 / 4.0;
        let distance = |budget: &usize| (*budget as f64 - quarter).abs();
        let nearest = |x: &&usize, y: &&usize| distance(x).total_cmp(&distance(y));
        let budget = self.budgets.iter().min_by(nearest).copied().unwrap_or_default();
        let here = measurements.iter().filter(|m| m.budget == budget);
        let errors = here.map(|m| Error {
            operands: m.distribution.name(),
            estimator: m.estimator.name(),
            error: m.error,
            half_width: m.half_width,
        });
        let kept = format!("{budget} of {} channels", self.channels);
        least_errors(&errors.collect::<Vec<Error>>(), &kept)
    }

    fn report(&self, measurements: &[Measurement]) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("distribution", |m| m.distribution.name())
            .key("estimator", |m| m.estimator.name())
            .key("k", |m| m.budget)
            .diagnostic("kept", "channels", |m| m.kept)
            .value("error", "of √(kh kw)|X||K|", |m| m.error)
            .diagnostic("error-half-width", "of √(kh kw)|X||K|", |m| m.half_width)
            .value("closed-form", "of √(kh kw)|X||K|", |m| m.closed_form)
            .table("Error against budget");
        let panels = self.distributions.iter().map(|d| self.panel(*d, measurements)).collect();
        let Self { batch, channels, side, outputs, kernel, .. } = self;
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: self.finding(measurements),
            data: format!(
                "random {batch} x {channels} x {side} x {side} images and \
                 {outputs} x {channels} x {kernel} x {kernel} kernels"
            ),
            records,
            tables: vec![self.summary(measurements)],
            figures: vec![Figure {
                part: String::new(),
                caption: "Normalised Frobenius error of a convolution over sampled input \
                          channels against the share of the channels kept; markers are root \
                          mean squares over the draws, lines the closed forms; the bound is that \
                          of column-row sampling."
                    .to_string(),
                panels,
            }],
            remarks: [
                format!(
                    "Error: root mean square of |Ŷ - Y|_F / (√(kh kw) |X|_F |K|_F) over {} draws, \
                     of one where the estimator draws nothing; one input X and kernel K a distribution, drawn from the seed. The divisor \
                     makes the bound of column-row sampling 1/√k, as for matrices, since a channel \
                     contributes |Y_c|_F ≤ √(kh kw) |X_c|_F |K_c|_F.",
                    self.repeats
                ),
                "Closed form: the root of the expected square for the same tensors, from the inner products \
                 ⟨Y_c, Y_d⟩ of the channels' contributions."
                    .to_string(),
                agreement(measurements.iter().map(|m| (m.error, m.closed_form, m.half_width))),
            ]
            .into_iter()
            .chain(share_of_bound(measurements, self.channels))
            .collect(),
            ..ExhibitResult::default()
        }
    }

    fn panel(&self, distribution: Distribution, all: &[Measurement]) -> Panel {
        let share = |budget: usize| budget as f64 / self.channels as f64;
        let mut series = Vec::new();
        for estimator in &self.estimators {
            // At k = n the convolution is exact, and zero has no place on a logarithmic axis.
            let here: Vec<&Measurement> = all
                .iter()
                .filter(|m| m.distribution == distribution && m.estimator == estimator.0)
                .filter(|m| m.budget < self.channels)
                .collect();
            let (label, style) = (estimator.0.name(), style::of(estimator.0));
            let one = |mark, points| Series { label: label.to_string(), style, mark, points };
            let theory = here.iter().map(|m| Point::new(share(m.budget), m.closed_form));
            series.push(one(Mark::Line, theory.collect()));
            let measured =
                here.iter().map(|m| Point::with_interval(share(m.budget), m.error, m.half_width));
            series.push(one(Mark::Points, measured.collect()));
        }
        let bound = self.budgets.iter().map(|k| Point::new(share(*k), 1.0 / (*k as f64).sqrt()));
        series.push(Series {
            label: "bound 1/√k of column-row".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: bound.collect(),
        });
        Panel {
            title: distribution.title().to_string(),
            x: Axis::linear("share of the channels kept, k/n"),
            y: Axis::logarithmic("error, |Ŷ - Y| / (√(kh kw) |X| |K|)"),
            series,
        }
    }

    /// Measured error and closed form, one column of each a budget.
    fn summary(&self, measurements: &[Measurement]) -> Table {
        let rows = self.distributions.iter().flat_map(|distribution| {
            self.estimators.iter().map(move |estimator| (*distribution, estimator.0))
        });
        let rows: Vec<(Distribution, Estimator)> = rows.collect();
        let mut table = Rows::of(&rows)
            .key("distribution", |(distribution, _)| distribution.name())
            .key("estimator", |(_, estimator)| estimator.name());
        for budget in shown(&self.budgets, self.channels) {
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
        table.table("Error over √(kh kw)|X||K|: measured, and by the closed form")
    }
}

/// How near column-row sampling comes to its bound 1/√k, where not all channels are kept; nothing
/// where it was not measured.
fn share_of_bound(measurements: &[Measurement], channels: usize) -> Option<String> {
    let shares = measurements
        .iter()
        .filter(|m| m.estimator == Estimator::ColumnRow && m.budget < channels)
        .map(|m| m.closed_form * (m.budget as f64).sqrt());
    Some(format!(
        "The closed form of column-row sampling is at most {} of its bound.",
        significant(largest(shares)?, 3)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_bound_is_that_of_the_nearest_cell_of_column_row_sampling() {
        let cell = |estimator, budget, closed_form| Measurement {
            distribution: Distribution::ZeroMean,
            estimator,
            budget,
            kept: 0.0,
            error: 0.0,
            half_width: None,
            closed_form,
        };
        let mut cells = vec![
            cell(Estimator::ColumnRow, 4, 0.2),
            cell(Estimator::ColumnRow, 16, 0.2),
            cell(Estimator::ColumnRow, 64, 9.0),
            cell(Estimator::Bernoulli, 16, 9.0),
        ];
        let sentence = "The closed form of column-row sampling is at most 0.800 of its bound.";
        assert_eq!(share_of_bound(&cells, 64).as_deref(), Some(sentence));
        cells.insert(0, cell(Estimator::ColumnRow, 2, f64::NAN));
        assert!(share_of_bound(&cells, 64).unwrap().contains("at most NaN of"));
        assert_eq!(share_of_bound(&cells[3..], 64), None);
    }
}
