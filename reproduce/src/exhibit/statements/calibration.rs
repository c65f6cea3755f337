//! The checks of the checks: p-values are uniform where claims hold, and mistakes are found.

use std::ops::Bound;

use serde::{Deserialize, Serialize};
use theory::calibration::{Calibration, LEVEL, NOMINAL, POWER, Rejections, calibration, power};
use training::setting::{count, count_within, number};

use crate::exhibit::finding::{range, share_of};
use crate::exhibit::settings::{FieldError, MOST_REPEATS, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::result::{Axis, ExhibitResult, Figure, Mark, Panel, Point, Rows, Series};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "calibration",
    title: "The checks themselves: calibration and power",
    shows: "that the p-values of true claims are uniform over many seeds, and how often each \
            negative control is rejected",
    paper: "no such figure: the sources at hand do not test their own tests",
    section: Section::Checks,
    note: "checks",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("calibration")],
    configure: configure::<Calibrated>,
};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Seeds for the p-values.
    calibration_seeds: u64,
    /// The real size of a test that so many seeds have to notice.
    noticed_size: f64,
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
        let sizes = (Bound::Excluded(NOMINAL), Bound::Excluded(1.0));
        number("noticed_size", self.noticed_size, sizes)?;
        count("hypotheses", self.hypotheses)
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(2);
        let calibrations = calibration(environment.seed, self.calibration_seeds)?;
        environment.progress.advance(1);
        let powers = power(environment.seed, self.power_seeds, self.hypotheses)?;
        environment.progress.advance(1);
        Ok(self.report(&calibrations, &powers))
    }
}

impl Calibrated {
    fn report(&self, calibrations: &[Calibration], powers: &[Rejections]) -> ExhibitResult {
        let (mut checked, mut failures) = (Vec::new(), Vec::new());
        for found in calibrations {
            checked.push(found.clone());
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
            if found.noticed > self.noticed_size {
                failures.push(format!(
                    "{} p-values of {} are too few: a size of {} would go unnoticed.",
                    found.p_values.len(),
                    found.subject,
                    self.noticed_size
                ));
            }
            let control = found.bent_to(self.noticed_size);
            if control.is_calibrated() {
                failures.push(format!(
                    "{} is not noticed, so the calibration shows nothing.",
                    control.subject
                ));
            }
            checked.push(control);
        }
        let missed = powers.iter().filter(|found| share(found) < POWER);
        failures.extend(missed.map(|found| {
            format!(
                "{} is rejected for {} of {} seeds only: such a mistake would go unnoticed.",
                found.control, found.rejected, found.seeds
            )
        }));
        let uniform: Vec<Row> = checked.iter().map(Row::of_claims).collect();
        let rejections: Vec<Row> = powers.iter().map(Row::of_control).collect();
        let records = checks(Rows::of(uniform.iter().chain(&rejections)))
            .value("rejected", "% of seeds", |row| row.rejected)
            .table("Calibration and power");
        let uniform = checks(Rows::of(&uniform)).table(
            "P-values of true claims: tests over all claims, each with its control, then claims",
        );
        let rejections = Rows::of(&rejections)
            .key("control", |row| row.subject)
            .value("rejected", "% of seeds", |row| row.rejected)
            .table("Power: how often each negative control is rejected");
        let tests = calibrations.iter().filter(|found| found.is_test);
        let tests: Vec<bool> = tests.map(Calibration::is_calibrated).collect();
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: finding(&tests, powers),
            data: "the theory's checks at quick scale".to_string(),
            records,
            tables: vec![uniform, rejections],
            figures: vec![self.figure(calibrations)],
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
                     test it has to be at most {}, and the same p-values bent to that size, its \
                     control, have to be called miscalibrated.",
                    NOMINAL,
                    100.0 * POWER,
                    self.noticed_size
                ),
            ],
            failures,
            ..ExhibitResult::default()
        }
    }

    fn figure(&self, calibrations: &[Calibration]) -> Figure {
        let tests: Vec<&Calibration> = calibrations.iter().filter(|found| found.is_test).collect();
        let mut series = Vec::new();
        for (style, found) in tests.iter().enumerate() {
            let points = (1..=QUANTILES).map(|quantile| {
                let share = (quantile as f64 - 0.5) / QUANTILES as f64;
                let position = (share * found.p_values.len() as f64) as usize;
                Point::new(share, found.p_values[position] - share)
            });
            series.push(Series {
                label: found.subject.clone(),
                style,
                mark: Mark::JoinedPoints,
                points: points.collect(),
            });
        }
        // The widest of the bands: that of the fewest p-values.
        let fewest = tests.iter().map(|found| found.p_values.len()).min().unwrap_or(1);
        for side in [-1.0, 1.0] {
            let distance = side * KOLMOGOROV / (fewest as f64).sqrt();
            series.push(Series {
                label: "95 % band of Kolmogorov and Smirnov".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: [0.0, 1.0].map(|x| Point::new(x, distance)).to_vec(),
            });
        }
        Figure {
            part: String::new(),
            caption: "Left: the sorted p-values of each test over the true claims and many seeds, less \
                      the quantiles of the uniform distribution: a test that is right stays within \
                      the band. Right: the share of p-values of at most 5 %, with its 95 % interval."
                .to_string(),
            panels: vec![
                Panel {
                    title: "P-values less uniform quantiles".to_string(),
                    x: Axis::linear("uniform quantile"),
                    y: Axis::linear("p-value less quantile"),
                    series,
                },
                sizes(&tests),
            ],
        }
    }
}

/// 95 % point of the distance of Kolmogorov and Smirnov times the root of the count, for many.
const KOLMOGOROV: f64 = 1.358;

/// The size of each test at its nominal level.
fn sizes(tests: &[&Calibration]) -> Panel {
    let mut series: Vec<Series> = tests
        .iter()
        .enumerate()
        .map(|(place, found)| {
            let (size, count) = (found.size.0, found.p_values.len() as f64);
            let half_width = 1.96 * (NOMINAL * (1.0 - NOMINAL) / count).sqrt();
            Series {
                label: found.subject.clone(),
                style: place,
                mark: Mark::Across,
                points: vec![Point {
                    x: 100.0 * size,
                    y: (place + 1) as f64,
                    half_width: Some(100.0 * half_width),
                }],
            }
        })
        .collect();
    series.push(Series {
        label: "nominal size".to_string(),
        style: 0,
        mark: Mark::Dashed,
        points: [0.5, tests.len() as f64 + 0.5].map(|y| Point::new(100.0 * NOMINAL, y)).to_vec(),
    });
    Panel {
        title: "Size at nominal 5 %".to_string(),
        x: Axis::linear("p-values of at most 5 %, %"),
        y: Axis::of_names(tests.iter().map(|found| short(&found.subject)).collect()),
        series,
    }
}

/// A subject as an axis can name it.
fn short(subject: &str) -> String {
    const LENGTH: usize = 18;
    match subject.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &subject[..end]),
        None => subject.to_string(),
    }
}

/// What is found of the tests, each calibrated or not, and of the controls, in a sentence.
fn finding(tests: &[bool], powers: &[Rejections]) -> String {
    let calibrated = tests.iter().filter(|is_calibrated| **is_calibrated).count();
    let least = range(powers.iter().map(|found| 100.0 * share(found)), 3, " %");
    format!(
        "The p-values of true claims are uniform in {} tests; mistakes made on purpose are rejected \
         in {least} of the seeds.",
        share_of(calibrated, tests.len())
    )
}

/// What is said of one subject.
struct Row<'a> {
    subject: &'a str,
    calibration: Option<&'a Calibration>,
    /// In percent of the seeds.
    rejected: Option<f64>,
}

impl<'a> Row<'a> {
    fn of_claims(found: &'a Calibration) -> Self {
        Row { subject: &found.subject, calibration: Some(found), rejected: None }
    }

    fn of_control(found: &'a Rejections) -> Self {
        Row { subject: &found.control, calibration: None, rejected: Some(100.0 * share(found)) }
    }
}

/// The share of the seeds for which a control was rejected.
fn share(found: &Rejections) -> f64 {
    found.rejected as f64 / found.seeds as f64
}

/// The columns of calibration.
fn checks<'a>(rows: Rows<'a, Row<'a>>) -> Rows<'a, Row<'a>> {
    let of = |number: fn(&Calibration) -> f64| move |row: &Row| row.calibration.map(number);
    rows.key("subject", |row| row.subject)
        .value("p-values", "", of(|found| found.p_values.len() as f64))
        .value("size", "% at nominal 5 %", of(|found| 100.0 * found.size.0))
        .diagnostic("size-p", "", of(|found| found.size.1))
        .diagnostic("kolmogorov-smirnov", "distance", of(|found| found.kolmogorov_smirnov.0))
        .diagnostic("kolmogorov-smirnov-p", "", of(|found| found.kolmogorov_smirnov.1))
        .diagnostic("anderson-darling", "statistic", of(|found| found.anderson_darling.0))
        .diagnostic("anderson-darling-p", "", of(|found| found.anderson_darling.1))
        .value("least size noticed", "%", of(|found| 100.0 * found.noticed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_counts_calibrated_tests_and_says_the_least_power() {
        let power = |rejected| Rejections { control: String::new(), rejected, seeds: 100 };
        assert_eq!(
            finding(&[true, true, false], &[power(100), power(99)]),
            "The p-values of true claims are uniform in 2 of 3 tests; mistakes made on purpose are \
             rejected in 99 to 100 % of the seeds."
        );
        assert!(finding(&[true], &[]).contains("uniform in all 1 tests"));
    }
}
