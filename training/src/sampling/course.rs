//! How sampling changes in the course of a run.

use super::{GreedyBudget, StepSampling, VarianceControl};
use crate::optimizer::{Knot, Moment};
use crate::setting::{FieldError, number};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// How sampling changes in the course of a run: an exact end, and ratios that change. What has no
/// course is sampled from the first step to the last, at the ratios of its policies.
///
/// ```
/// use training::optimizer::Moment;
/// use training::sampling::{Course, StepSampling};
/// let course: Course =
///     serde_yaml::from_str("{exact_last_share: 0.2, ratios: {name: linear, from: 0.5, to: 1}}")?;
/// let at = |step| course.sampling(Moment { step, steps_an_epoch: 10, epochs: 10 }, 1);
/// assert_eq!(at(9), StepSampling::Nothing, "the first epoch is exact");
/// assert_eq!(at(50), StepSampling::AtRatios { factor: 0.75 });
/// assert_eq!(at(80), StepSampling::Nothing, "and so are the last 20 steps of 100");
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Course {
    /// The share of the run's steps, in \[0, 1), that are exact at its end (Liu et al. 2023, RSC:
    /// the last 20 % of the epochs). The number of steps is rounded down.
    #[serde(skip_serializing_if = "is_zero")]
    pub exact_last_share: f64,
    /// How the ratios change.
    #[serde(skip_serializing_if = "RatioCourse::is_constant")]
    pub ratios: RatioCourse,
}

/// How ratios change in the course of a run. Moments are shares of all steps of the run, whether
/// they are sampled or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RatioCourse {
    /// The ratios of the policies all the time.
    #[default]
    Constant,
    /// The ratio of every policy times a factor that goes on a straight line. Where a ratio
    /// reaches 1 the product is exact.
    Linear {
        /// The factor of the first step.
        from: f64,
        /// The factor at the end of the run, after the last step.
        to: f64,
    },
    /// The ratio of every policy times the factor of the last knot passed; times 1 before the
    /// first. Where a ratio reaches 1 the product is exact.
    Steps {
        /// The knots, in the order of time.
        knots: Vec<Knot>,
    },
    /// A ratio for every layer, which follows the variance of its gradient. It starts as that of
    /// the layer's policy.
    Variance(VarianceControl),
    /// A ratio for every layer, a budget of all layers divided where it does the least harm.
    GreedyBudget(GreedyBudget),
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Course {
    /// Whether there is none.
    pub fn is_constant(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the ranges, in a run with exact first epochs. `least_ratio` is the least one of its
    /// policies, where they are known: larger factors than what makes it 1 have no effect.
    ///
    /// # Errors
    /// On the first setting that makes no sense; also when no step would be sampled.
    pub fn check(
        &self,
        exact_epochs: usize,
        epochs: usize,
        least_ratio: Option<f64>,
    ) -> Result<(), FieldError> {
        number("exact_last_share", self.exact_last_share, 0.0..1.0)?;
        let left = 1.0 - exact_epochs as f64 / epochs as f64;
        if self.exact_last_share >= left {
            let expected = format!(
                "a share below {left}, which exact_epochs leave of the run: some steps are sampled"
            );
            return Err(FieldError::new("exact_last_share", self.exact_last_share, expected));
        }
        self.ratios.check(least_ratio).map_err(|error| error.within("ratios"))
    }

    /// What a step of a run with exact first epochs samples.
    pub fn sampling(&self, moment: Moment, exact_epochs: usize) -> StepSampling {
        let exact_last = (self.exact_last_share * moment.steps() as f64) as usize;
        let is_last = moment.step + exact_last >= moment.steps();
        if moment.epoch() < exact_epochs || is_last {
            StepSampling::Nothing
        } else {
            StepSampling::AtRatios { factor: self.ratios.factor(moment.share()) }
        }
    }
}

impl RatioCourse {
    /// Whether the ratios stay as they are.
    pub fn is_constant(&self) -> bool {
        *self == Self::Constant
    }

    /// Whether every layer has a ratio of its own, which changes by what the run finds.
    pub fn is_controlled(&self) -> bool {
        matches!(self, Self::Variance(_) | Self::GreedyBudget(_))
    }

    /// The name used in settings.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear { .. } => "linear",
            Self::Steps { .. } => "steps",
            Self::Variance(_) => "variance",
            Self::GreedyBudget(_) => "greedy-budget",
        }
    }

    fn check(&self, least_ratio: Option<f64>) -> Result<(), FieldError> {
        let most = least_ratio.map_or(Bound::Unbounded, |ratio| Bound::Included(1.0 / ratio));
        let factor = |field: &str, value| number(field, value, (Bound::Excluded(0.0), most));
        match self {
            Self::Constant => Ok(()),
            Self::Linear { from, to } => {
                factor("from", *from)?;
                factor("to", *to)
            }
            Self::Steps { knots } => {
                for (place, knot) in knots.iter().enumerate() {
                    let within = |error: FieldError| error.within(&format!("knots[{place}]"));
                    number("at", knot.at, 0.0..1.0).map_err(within)?;
                    factor("factor", knot.factor).map_err(within)?;
                }
                Knot::check_order(knots)
            }
            Self::Variance(control) => control.check(),
            Self::GreedyBudget(budget) => budget.check(),
        }
    }

    /// What every ratio is multiplied with after a share of the run's steps.
    fn factor(&self, moment: f64) -> f64 {
        match self {
            Self::Constant | Self::Variance(_) | Self::GreedyBudget(_) => 1.0,
            Self::Linear { from, to } => from + moment * (to - from),
            Self::Steps { knots } => {
                let passed = knots.iter().rfind(|knot| knot.at <= moment);
                passed.map_or(1.0, |knot| knot.factor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(text: &str) -> Course {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let refused = |text: &str, exact_epochs| {
            course(text).check(exact_epochs, 4, Some(0.25)).unwrap_err().to_string()
        };
        let begins = |text: &str, exact_epochs, with: &str| {
            let error = refused(text, exact_epochs);
            assert!(error.starts_with(with), "{error}");
        };
        begins("{exact_last_share: 1}", 0, "exact_last_share is 1, expected a finite number");
        begins("{exact_last_share: -0.1}", 0, "exact_last_share is -0.1, ");
        begins("{exact_last_share: 0.5}", 2, "exact_last_share is 0.5, expected a share below 0.5");
        begins("{exact_last_share: 0.5}", 3, "exact_last_share is 0.5, expected a share below 0.2");
        let linear =
            |from: &str, to: &str| format!("{{ratios: {{name: linear, from: {from}, to: {to}}}}}");
        begins(&linear("0", "1"), 0, "ratios.from is 0, expected a finite number above 0, at");
        begins(&linear("0.5", "4.1"), 0, "ratios.to is 4.1, expected a finite number above 0, at");
        begins(&linear("0.5", ".nan"), 0, "ratios.to is NaN, ");
        let steps = |knots: &str| format!("{{ratios: {{name: steps, knots: [{knots}]}}}}");
        begins(&steps(""), 0, "ratios.knots is [], expected at least one knot");
        begins(&steps("{at: 0.5, factor: 0}"), 0, "ratios.knots[0].factor is 0, ");
        begins(&steps("{at: 1, factor: 1}"), 0, "ratios.knots[0].at is 1, ");
        let out_of_order = "{at: 0.5, factor: 1}, {at: 0.2, factor: 2}";
        begins(&steps(out_of_order), 0, "ratios.knots is [0.5, 0.2], ");
        // Factors have no limit where no policy is known.
        assert_eq!(course(&linear("0.5", "4.1")).check(0, 4, None), Ok(()));
        let unknown = serde_yaml::from_str::<Course>("{exact_last: 0.5}").unwrap_err();
        assert!(unknown.to_string().contains("exact_last"), "{unknown}");
    }

    #[test]
    fn the_exact_end_is_rounded_down_and_leaves_something_to_sample() {
        let moment = |step| Moment { step, steps_an_epoch: 3, epochs: 2 };
        let sampled = |share, exact_epochs| {
            let course = Course { exact_last_share: share, ..Course::default() };
            let is_sampled = |&step: &usize| {
                course.sampling(moment(step), exact_epochs) != StepSampling::Nothing
            };
            (0..6).filter(is_sampled).collect::<Vec<_>>()
        };
        assert_eq!(sampled(0.0, 0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(sampled(0.3, 0), [0, 1, 2, 3, 4]);
        assert_eq!(sampled(0.34, 0), [0, 1, 2, 3]);
        assert_eq!(sampled(0.49, 1), [3]);
    }

    #[test]
    fn steps_begin_where_their_knots_are() {
        let course = course(
            "{ratios: {name: steps, knots: [{at: 0.25, factor: 2}, {at: 0.75, factor: 0.5}]}}",
        );
        let factors = [0, 1, 2, 3].map(|step| {
            match course.sampling(Moment { step, steps_an_epoch: 4, epochs: 1 }, 0) {
                StepSampling::AtRatios { factor } => factor,
                StepSampling::Nothing | StepSampling::OnlyScores => 0.0,
            }
        });
        assert_eq!(factors, [1.0, 2.0, 2.0, 0.5]);
    }
}
