//! The checks of the checks: p-values are uniform where claims hold, and mistakes are found.

use serde::{Deserialize, Serialize};
use theory::calibration::{
    Calibration, LEVEL, NOMINAL, NOTICED, POWER, Rejections, calibration, power,
};
use training::setting::{count, count_within};

use crate::exhibit::config::{FieldError, configure};
use crate::exhibit::networks::runs::MOST_REPEATS;
use crate::exhibit::{Context, Exhibit, Experiment};
use crate::result::{Axis, Cell, Column, ExhibitResult, Figure, Mark, Panel, Point, Series, Table};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "calibration",
    title: "The checks themselves: calibration and power",
    shows: "that the p-values of true claims are uniform over many seeds, and how often each \
            negative control is rejected",
    paper: "no such figure: the sources at hand do not test their own tests",
    is_timing: false,
    version: 2,
    yaml: include_str!("../../../exhibits/calibration.yaml"),
    configure: configure::<Calibrated>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Seeds for the p-values.
    calibration_seeds: u64,
    /// Seeds for the controls.
    power_seeds: u64,
    /// The number of hypotheses that a control is judged among.
    hypotheses: usize,
}

/// Points of a curve of p-values.
const QUANTILES: usize = 50;

impl Experiment for Calibrated {
    fn check(&self) -> Result<(), FieldError> {
        let fields =
            [("calibration_seeds", self.calibration_seeds), ("power_seeds", self.power_seeds)];
        for (field, seeds) in fields {
            let seeds = usize::try_from(seeds).unwrap_or(usize::MAX);
            count_within(field, seeds, 10..=MOST_REPEATS)?;
        }
        count("hypotheses", self.hypotheses)
    }

    fn run(&self, context: &Context) -> anyhow::Result<ExhibitResult> {
        context.progress.set_length(2);
        let calibrations = calibration(context.seed, self.calibration_seeds)?;
        context.progress.advance(1);
        let powers = power(context.seed, self.power_seeds, self.hypotheses)?;
        context.progress.advance(1);
        Ok(self.report(&calibrations, &powers))
    }
}

impl Calibrated {
    fn report(&self, calibrations: &[Calibration], powers: &[Rejections]) -> ExhibitResult {
        let mut records = Table::new(
            "Calibration and power",
            vec![
                Column::key("subject"),
                Column::value("p-values", ""),
                Column::value("size", "% at nominal 5 %"),
                Column::value("size-p", ""),
                Column::value("kolmogorov-smirnov", "distance"),
                Column::value("kolmogorov-smirnov-p", ""),
                Column::value("anderson-darling", "statistic"),
                Column::value("anderson-darling-p", ""),
                Column::value("least size noticed", "%"),
                Column::value("rejected", "% of seeds"),
            ],
        );
        let uniformity = records.columns.len() - 1;
        let mut uniform = Table::new(
            "P-values of true claims: tests over all claims, each with its control, then claims",
            records.columns[..uniformity].to_vec(),
        );
        let mut failures = Vec::new();
        let mut add = |found: &Calibration| {
            let row = calibration_row(found);
            uniform.push(row.clone());
            records.push([row, vec![None::<f64>.into()]].concat());
        };
        for found in calibrations {
            add(found);
            if !found.is_calibrated() {
                failures.push(format!(
                    "the p-values of {} are not uniform: its check is wrong even where the claim \
                     holds.",
                    found.subject
                ));
            }
            if !found.is_test {
                continue;
            }
            if found.noticed > NOTICED {
                failures.push(format!(
                    "{} p-values of {} are too few: a size of {NOTICED} would go unnoticed.",
                    found.p_values.len(),
                    found.subject
                ));
            }
            let control = found.bent_to(NOTICED);
            add(&control);
            if control.is_calibrated() {
                failures.push(format!(
                    "{} is not noticed, so the calibration shows nothing.",
                    control.subject
                ));
            }
        }
        let mut rejections = Table::new(
            "Power: how often each negative control is rejected",
            vec![Column::key("control"), Column::value("rejected", "% of seeds")],
        );
        for found in powers {
            let share = found.rejected as f64 / found.seeds as f64;
            let missing = || vec![None::<f64>.into(); uniformity - 1];
            rejections.push(vec![found.control.clone().into(), (100.0 * share).into()]);
            let row = [vec![found.control.clone().into()], missing(), vec![(100.0 * share).into()]];
            records.push(row.concat());
            if share < POWER {
                failures.push(format!(
                    "{} is rejected for {} of {} seeds only: such a mistake would go unnoticed.",
                    found.control, found.rejected, found.seeds
                ));
            }
        }
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            data: "the theory's checks at quick scale".to_string(),
            records,
            tables: vec![uniform, rejections],
            figures: vec![self.figure(calibrations, powers)],
            remarks: vec![
                format!(
                    "Calibration over {} seeds, power over {}. A control counts as rejected when \
                     its p-value is below the family-wise level over {} hypotheses.",
                    self.calibration_seeds, self.power_seeds, self.hypotheses
                ),
                "P-values are pooled over the cases of a claim, and over the claims of a test; those \
                 of cases that share a seed share no draws."
                    .to_string(),
                format!(
                    "Size: the share of p-values of at most {}. A test or claim counts as \
                     miscalibrated when the binomial test of the size (both sides), that of \
                     Kolmogorov and Smirnov or that of Anderson and Darling gives a p-value below \
                     {LEVEL}. The least size noticed is so called with a probability of {} %; for a \
                     test it has to be at most {NOTICED}, and the same p-values bent to that size, its \
                     control, have to be called miscalibrated.",
                    NOMINAL,
                    100.0 * POWER
                ),
            ],
            failures,
            ..ExhibitResult::default()
        }
    }

    fn figure(&self, calibrations: &[Calibration], powers: &[Rejections]) -> Figure {
        let mut series = vec![Series {
            label: "uniform".to_string(),
            style: 0,
            mark: Mark::Dashed,
            points: vec![Point::new(0.0, 0.0), Point::new(1.0, 1.0)],
        }];
        let tests = calibrations.iter().filter(|found| found.is_test);
        for (style, found) in tests.enumerate() {
            let points = (1..=QUANTILES).map(|quantile| {
                let share = (quantile as f64 - 0.5) / QUANTILES as f64;
                let position = (share * found.p_values.len() as f64) as usize;
                Point::new(share, found.p_values[position])
            });
            series.push(Series {
                label: found.subject.clone(),
                style,
                mark: Mark::JoinedPoints,
                points: points.collect(),
            });
        }
        let rejected = powers.iter().enumerate().map(|(index, found)| {
            Point::new((index + 1) as f64, 100.0 * found.rejected as f64 / found.seeds as f64)
        });
        let wanted = [1.0, powers.len() as f64].map(|x| Point::new(x, 100.0 * POWER));
        Figure {
            file: EXHIBIT.name.to_string(),
            caption: "Left: the sorted p-values of each test, over the true claims and many seeds, against the \
                      quantiles of the uniform distribution. Right: how often each negative \
                      control, numbered as in the table, is rejected; 99 % is asked for."
                .to_string(),
            panels: vec![
                Panel {
                    title: "P-values of true claims".to_string(),
                    x: Axis::linear("uniform quantile"),
                    y: Axis::linear("p-value"),
                    series,
                },
                Panel {
                    title: "Power against mistakes".to_string(),
                    x: Axis::linear("negative control"),
                    y: Axis::linear("rejected, % of seeds"),
                    series: vec![
                        Series {
                            label: "rejected".to_string(),
                            style: 1,
                            mark: Mark::Points,
                            points: rejected.collect(),
                        },
                        Series {
                            label: "asked for".to_string(),
                            style: 1,
                            mark: Mark::Dashed,
                            points: wanted.to_vec(),
                        },
                    ],
                },
            ],
        }
    }
}

fn calibration_row(found: &Calibration) -> Vec<Cell> {
    let Calibration { size, kolmogorov_smirnov, anderson_darling, .. } = found;
    vec![
        found.subject.clone().into(),
        found.p_values.len().into(),
        (100.0 * size.0).into(),
        size.1.into(),
        kolmogorov_smirnov.0.into(),
        kolmogorov_smirnov.1.into(),
        anderson_darling.0.into(),
        anderson_darling.1.into(),
        (100.0 * found.noticed).into(),
    ]
}
