//! Sampling a linear regression in the forward pass is ridge regression (T7).

use kernels::product::matmul_selected;
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::selection::draw_bernoulli;
use kernels::{MatrixView, MatrixViewMut, Selection};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use theory::closed_form::regression_ridge;
use training::setting::{LARGEST_COUNT, count_within};

use crate::exhibit::finding::share_of;
use crate::exhibit::settings::{FieldError, MOST_REPEATS, Ratio, check_ratios, configure};
use crate::exhibit::statistics::{agreement, half_width_of_mean};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::memory::Need;
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series, significant};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "ridge",
    title: "Sampled linear regression is ridge regression",
    shows: "the mean loss of a linear regression whose product is sampled by Bernoulli-CRS, beside \
            the exact loss plus the ridge penalty that theory predicts",
    paper: "the abstract's convergence guarantee for linear regression; no such figure is stated \
            in the sources at hand",
    section: Section::Theory,
    note: "ridge",
    statements: &["T7"],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("ridge")],
    configure: configure::<RidgeLoss>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidgeLoss {
    samples: usize,
    features: usize,
    ratios: Vec<Ratio>,
    draws: usize,
}

/// How the probabilities of the features are set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    WaterFilling,
    Equal,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Rule::WaterFilling => "water-filling",
            Rule::Equal => "equal",
        }
    }
}

/// A regression with the norms that its probabilities follow.
struct Regression {
    input: Vec<f64>,
    weights: Vec<f64>,
    target: Vec<f64>,
    input_norms: Vec<f64>,
    weight_norms: Vec<f64>,
}

struct Measurement {
    rule: Rule,
    ratio: f64,
    predicted: f64,
    measured: f64,
    half_width: Option<f64>,
}

impl Measurement {
    /// How far the mean is from its prediction, over the half width of its interval; none where
    /// nothing is random.
    fn distance(&self) -> Option<f64> {
        Some((self.measured - self.predicted).abs() / self.half_width?)
    }
}

impl Experiment for RidgeLoss {
    fn check(&self) -> Result<(), FieldError> {
        check_ratios(&self.ratios)?;
        count_within("samples", self.samples, 2..=LARGEST_COUNT)?;
        count_within("features", self.features, 2..=LARGEST_COUNT)?;
        count_within("draws", self.draws, 2..=MOST_REPEATS)
    }

    fn memory(&self) -> Vec<Need> {
        let sides = [[self.samples, self.features]];
        vec![Need::of_matrices("samples", self.samples, &sides, size_of::<f64>())]
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let regression = self.regression(environment.seed);
        let exact = self.loss(environment, &regression, &Selection::all(self.features));
        let mut measurements = Vec::new();
        environment.progress.set_length(2 * self.ratios.len());
        for rule in [Rule::WaterFilling, Rule::Equal] {
            for ratio in &self.ratios {
                measurements.push(self.measure(
                    environment,
                    &regression,
                    exact,
                    rule,
                    ratio.value(),
                )?);
                environment.progress.advance(1);
            }
        }
        Ok(self.report(exact, &measurements))
    }
}

impl RidgeLoss {
    /// Features of different sizes, N(0, 1) targets and weights.
    fn regression(&self, seed: u64) -> Regression {
        let stream = Stream::new(seed, "ridge");
        let normal = |name: &str, count: usize| -> Vec<f64> {
            let mut generator = stream.child(name).at(0);
            (0..count).map(|_| standard_normal(&mut generator)).collect()
        };
        let sizes: Vec<f64> =
            normal("sizes", self.features).iter().map(|x| libm::exp(*x)).collect();
        let mut input = normal("input", self.samples * self.features);
        for row in input.chunks_exact_mut(self.features) {
            row.iter_mut().zip(&sizes).for_each(|(value, size)| *value *= size);
        }
        let weights = normal("weights", self.features);
        Regression {
            input_norms: column_norms(MatrixView::row_major(&input, self.samples, self.features)),
            weight_norms: row_norms(MatrixView::row_major(&weights, self.features, 1)),
            input,
            weights,
            target: normal("target", self.samples),
        }
    }

    /// |sum_{i in S} s_i X_i beta_i - y|^2 / N.
    fn loss(
        &self,
        environment: &Environment,
        regression: &Regression,
        selection: &Selection,
    ) -> f64 {
        let mut output = vec![0.0; self.samples];
        matmul_selected(
            environment.instructions,
            MatrixView::row_major(&regression.input, self.samples, self.features),
            MatrixView::row_major(&regression.weights, self.features, 1),
            selection,
            MatrixViewMut::row_major(&mut output, self.samples, 1),
        );
        let squares = output.iter().zip(&regression.target).map(|(y, t)| (y - t) * (y - t));
        squares.sum::<f64>() / self.samples as f64
    }

    fn measure(
        &self,
        environment: &Environment,
        regression: &Regression,
        exact: f64,
        rule: Rule,
        ratio: f64,
    ) -> anyhow::Result<Measurement> {
        let p = match rule {
            Rule::Equal => vec![ratio; self.features],
            Rule::WaterFilling => {
                let scores = pair_scores(&regression.input_norms, &regression.weight_norms);
                kernels::probability::water_filling(&scores, ratio * self.features as f64)?
            }
        };
        let stream =
            Stream::new(environment.seed, "ridge").child(rule.name()).child(&ratio.to_string());
        let losses = (0..self.draws as u64)
            .into_par_iter()
            .map(|draw| {
                let selection = draw_bernoulli(&p, &mut stream.at(draw))?;
                Ok(self.loss(environment, regression, &selection))
            })
            .collect::<anyhow::Result<Vec<f64>>>()?;
        let measured = losses.iter().sum::<f64>() / losses.len() as f64;
        Ok(Measurement {
            rule,
            ratio,
            predicted: exact
                + regression_ridge(
                    &regression.input_norms,
                    &p,
                    &regression.weight_norms,
                    self.samples,
                ),
            measured,
            half_width: half_width_of_mean(&losses, measured),
        })
    }

    fn report(&self, exact: f64, measurements: &[Measurement]) -> ExhibitResult {
        let records = Rows::of(measurements)
            .key("probabilities", |m| m.rule.name())
            .key("ratio", |m| m.ratio)
            .value("predicted", "loss", |m| m.predicted)
            .value("measured", "loss", |m| m.measured)
            .diagnostic("half-width", "loss", |m| m.half_width)
            .value("distance", "half-widths", |m| m.distance())
            .table("Mean loss of the sampled regression");
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(measurements),
            data: format!(
                "random regression, {} samples, {} features",
                self.samples, self.features
            ),
            tables: vec![records.clone()],
            records,
            figures: vec![self.figure(exact, measurements)],
            remarks: vec![
                format!(
                    "Loss: |X diag(Z/p) beta - y|^2 / N, {} draws of the coins Z a point, for fixed \
                     weights; half-width: of the 95 % interval of their mean, none where every \
                     coin is certain. Closed form: exact loss {} plus the sum of ((1 - p)/p) |X_i|^2 beta_i^2 \
                     / N.",
                    self.draws,
                    significant(exact, 4)
                ),
                agreement(measurements.iter().map(|m| (m.measured, m.predicted, m.half_width))),
            ],
            ..ExhibitResult::default()
        }
    }

    fn figure(&self, exact: f64, measurements: &[Measurement]) -> Figure {
        let mut series = Vec::new();
        for (style, rule) in [Rule::WaterFilling, Rule::Equal].into_iter().enumerate() {
            let here: Vec<&Measurement> = measurements.iter().filter(|m| m.rule == rule).collect();
            let one = |mark, points| Series {
                label: format!("{} probabilities", rule.name()),
                style,
                mark,
                points,
            };
            let predicted = here.iter().map(|m| Point::new(m.ratio, m.predicted));
            series.push(one(Mark::Line, predicted.collect()));
            let measured =
                here.iter().map(|m| Point::with_interval(m.ratio, m.measured, m.half_width));
            series.push(one(Mark::Points, measured.collect()));
        }
        series.push(Series {
            label: "exact loss".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: vec![
                Point::new(self.ratios[0].value(), exact),
                Point::new(self.ratios[self.ratios.len() - 1].value(), exact),
            ],
        });
        Figure {
            part: String::new(),
            caption: "Mean loss of a linear regression sampled by Bernoulli-CRS against the share \
                      of the features kept: markers are means over the draws, lines the exact loss \
                      plus the predicted ridge penalty."
                .to_string(),
            panels: vec![Panel {
                title: "Sampling adds a ridge penalty".to_string(),
                x: Axis::linear("share of the features kept, k/n"),
                y: Axis::logarithmic("mean squared loss"),
                series,
            }],
        }
    }
}

/// What is found, in a sentence.
fn finding(measurements: &[Measurement]) -> String {
    let random: Vec<f64> = measurements.iter().filter_map(Measurement::distance).collect();
    let inside = random.iter().filter(|distance| **distance <= 1.0).count();
    format!(
        "Sampling adds a ridge penalty to the loss of a regression: predicted and measured mean loss \
         agree within the 95 % interval in {} random cells.",
        share_of(inside, random.len())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_counts_the_cells_that_agree() {
        let cell = |measured, half_width| Measurement {
            rule: Rule::Equal,
            ratio: 0.5,
            predicted: 1.0,
            measured,
            half_width,
        };
        let cells = [cell(1.05, Some(0.1)), cell(1.2, Some(0.1)), cell(1.0, None)];
        assert!(finding(&cells).ends_with("in 1 of 2 random cells."), "{}", finding(&cells));
        assert!(finding(&cells[..1]).ends_with("in all 1 random cells."));
        assert!(finding(&[cell(f64::NAN, Some(0.1))]).ends_with("in none of 1 random cells."));
    }

    #[test]
    fn a_mean_without_chance_is_no_distance_away() {
        let (rule, ratio, predicted) = (Rule::Equal, 0.5, 10.0);
        let mean =
            |measured, half_width| Measurement { rule, ratio, predicted, measured, half_width };
        assert_eq!(mean(10.0 + 1e-12, None).distance(), None);
        assert_eq!(mean(10.5, Some(1.0)).distance(), Some(0.5));
        assert!(mean(f64::NAN, Some(1.0)).distance().is_some_and(f64::is_nan));
    }
}
