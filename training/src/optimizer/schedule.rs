//! How the learning rate changes in the course of a run.

use crate::setting::{FieldError, POSITIVE, number};
use serde::{Deserialize, Serialize};

/// A schedule of learning rates.
///
/// ```
/// use training::optimizer::{Moment, Schedule};
/// let wrn: Schedule =
///     serde_yaml::from_str("{name: step, factor: 0.2, at: [60, 120, 160]}")?;
/// let at = |epoch: usize| Moment { step: epoch * 391, steps_an_epoch: 391, epochs: 200 };
/// assert_eq!(wrn.factor(at(59)), 1.0);
/// assert!((wrn.factor(at(120)) - 0.04).abs() < 1e-7);
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same rate all the time.
    #[default]
    Constant,
    /// The rate is multiplied by `factor` at each of some epochs, counted from 0.
    Step {
        /// What the rate is multiplied with.
        factor: f32,
        /// Where it is, in epochs.
        at: Vec<usize>,
    },
    /// Half a cosine from the full rate to zero, an epoch a rate (Loshchilov and Hutter 2017,
    /// without restarts).
    Cosine,
    /// Straight lines between knots, a step a rate: warm-up, and decay to zero or another rate.
    /// Before the first knot and after the last the rate is theirs.
    PiecewiseLinear {
        /// The knots, in the order of time.
        knots: Vec<Knot>,
    },
}

/// A factor at a moment of a run, as in a [`Schedule::PiecewiseLinear`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knot {
    /// The moment, as a share of the run's steps.
    pub at: f64,
    /// The factor: of the learning rate, or of a ratio.
    pub factor: f64,
}

impl Knot {
    /// Checks that there are knots, in the order of time.
    pub(crate) fn check_order(knots: &[Self]) -> Result<(), FieldError> {
        let moments: Vec<f64> = knots.iter().map(|knot| knot.at).collect();
        if !moments.is_empty() && moments.is_sorted_by(|one, next| one < next) {
            return Ok(());
        }
        let expected = "at least one knot, their moments increasing";
        Err(FieldError::new("knots", format!("{moments:?}"), expected))
    }
}

/// A step of a run, and how long the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Steps made before it.
    pub step: usize,
    /// Steps of an epoch.
    pub steps_an_epoch: usize,
    /// Epochs of the run.
    pub epochs: usize,
}

impl Moment {
    /// The epoch that the step belongs to, counted from 0.
    pub fn epoch(self) -> usize {
        self.step / self.steps_an_epoch.max(1)
    }

    /// Steps of the run.
    pub fn steps(self) -> usize {
        self.steps_an_epoch * self.epochs
    }

    /// The share of the run's steps that were made before it.
    pub fn share(self) -> f64 {
        self.step as f64 / self.steps().max(1) as f64
    }
}

impl Schedule {
    /// Checks the ranges, and that epochs and knots come in the order of time.
    ///
    /// # Errors
    /// On the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::Constant | Self::Cosine => Ok(()),
            Self::Step { factor, at } => {
                number("factor", *factor, POSITIVE)?;
                if at.is_empty() || !at.is_sorted_by(|one, next| one < next) {
                    let expected = "at least one epoch, increasing";
                    return Err(FieldError::new("at", format!("{at:?}"), expected));
                }
                Ok(())
            }
            Self::PiecewiseLinear { knots } => {
                for (place, knot) in knots.iter().enumerate() {
                    let within = |error: FieldError| error.within(&format!("knots[{place}]"));
                    number("at", knot.at, 0.0..=1.0).map_err(within)?;
                    number("factor", knot.factor, 0.0..).map_err(within)?;
                }
                Knot::check_order(knots)
            }
        }
    }

    /// What the learning rate of a step is multiplied with.
    pub fn factor(&self, moment: Moment) -> f32 {
        match self {
            Self::Constant => 1.0,
            Self::Step { factor, at } => {
                let steps = at.iter().filter(|&&start| start <= moment.epoch());
                steps.fold(1.0, |product, _| product * factor)
            }
            Self::Cosine => {
                let share = moment.epoch() as f64 / moment.epochs.max(1) as f64;
                (0.5 * (1.0 + libm::cos(std::f64::consts::PI * share))) as f32
            }
            Self::PiecewiseLinear { knots } => interpolate(knots, moment.share()) as f32,
        }
    }
}

/// The factor at a moment, on straight lines between the knots.
fn interpolate(knots: &[Knot], moment: f64) -> f64 {
    let next = knots.partition_point(|knot| knot.at <= moment);
    match (next.checked_sub(1).map(|before| knots[before]), knots.get(next)) {
        (Some(before), Some(after)) => {
            let way = (moment - before.at) / (after.at - before.at);
            before.factor + way * (after.factor - before.factor)
        }
        (Some(last), None) => last.factor,
        (None, Some(first)) => first.factor,
        (None, None) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, epochs: usize) -> Moment {
        Moment { step: epoch * 3, steps_an_epoch: 3, epochs }
    }

    #[test]
    fn factors_and_epochs_that_make_no_sense_are_refused() {
        let refused = |factor, at: &[usize]| {
            let schedule = Schedule::Step { factor, at: at.to_vec() };
            schedule.check().err().map(|error| error.field)
        };
        for factor in [f32::NAN, f32::INFINITY, 0.0, -0.5] {
            assert_eq!(refused(factor, &[3]), Some("factor".to_owned()), "{factor}");
        }
        for at in [&[][..], &[3, 3], &[5, 2]] {
            assert_eq!(refused(0.5, at), Some("at".to_owned()), "{at:?}");
        }
        assert_eq!(refused(0.5, &[2, 5]), None);
        assert_eq!(Schedule::Cosine.check(), Ok(()));
    }

    #[test]
    fn knots_that_make_no_sense_are_refused() {
        let refused = |knots: &str| {
            let schedule: Schedule =
                serde_yaml::from_str(&format!("{{name: piecewise-linear, knots: {knots}}}"))
                    .unwrap();
            schedule.check().err().map(|error| error.field)
        };
        assert_eq!(refused("[]"), Some("knots".to_owned()));
        let knot = |at: &str, factor: &str| format!("{{at: {at}, factor: {factor}}}");
        let two = |one: &str, other: &str| format!("[{}, {}]", knot(one, "1"), knot(other, "0"));
        assert_eq!(refused(&two("0.5", "0.5")), Some("knots".to_owned()));
        assert_eq!(refused(&two("0.5", "0.2")), Some("knots".to_owned()));
        assert_eq!(refused(&two("0", "1.5")), Some("knots[1].at".to_owned()));
        assert_eq!(refused(&two(".nan", "1")), Some("knots[0].at".to_owned()));
        assert_eq!(refused(&format!("[{}]", knot("0", "-1"))), Some("knots[0].factor".to_owned()));
        assert_eq!(refused(&two("0", "1")), None);
    }

    #[test]
    fn a_cosine_falls_from_one_to_zero() {
        assert_eq!(Schedule::Cosine.factor(epoch(0, 10)), 1.0);
        assert!((Schedule::Cosine.factor(epoch(5, 10)) - 0.5).abs() < 1e-7);
        assert!(Schedule::Cosine.factor(epoch(10, 10)) < 1e-7);
    }

    #[test]
    fn constant_steps_and_cosine_have_one_rate_an_epoch() {
        let step = Schedule::Step { factor: 0.5, at: vec![1, 3] };
        for (epoch, expected) in [1.0, 0.5, 0.5, 0.25].into_iter().enumerate() {
            for step_of_epoch in 0..7 {
                let step_number = epoch * 7 + step_of_epoch;
                let moment = Moment { step: step_number, steps_an_epoch: 7, epochs: 4 };
                assert_eq!(step.factor(moment), expected);
                assert_eq!(Schedule::Constant.factor(moment), 1.0);
                let first = Moment { step: epoch * 7, ..moment };
                assert_eq!(Schedule::Cosine.factor(moment), Schedule::Cosine.factor(first));
            }
        }
    }

    #[test]
    fn lines_between_knots_are_as_computed_by_hand() {
        // From 0.2 up to 1 in the first 10 of 40 steps, and down to 0.1 in the other 30.
        let knots = [(0.0, 0.2), (0.25, 1.0), (1.0, 0.1)];
        let knots = knots.map(|(at, factor)| Knot { at, factor }).to_vec();
        let schedule = Schedule::PiecewiseLinear { knots };
        for (step, expected) in
            [(0, 0.2), (1, 0.28), (5, 0.6), (10, 1.0), (20, 0.7), (25, 0.55), (39, 0.13), (40, 0.1)]
        {
            let found = schedule.factor(Moment { step, steps_an_epoch: 8, epochs: 5 });
            assert!((found - expected).abs() < 1e-6, "step {step}: {found} and {expected}");
        }
        // Outside the knots.
        let knots = vec![Knot { at: 0.5, factor: 0.3 }, Knot { at: 0.75, factor: 0.9 }];
        let schedule = Schedule::PiecewiseLinear { knots };
        let at = |step| schedule.factor(Moment { step, steps_an_epoch: 8, epochs: 5 });
        assert_eq!((at(0), at(20), at(30), at(40)), (0.3, 0.3, 0.9, 0.9));
    }
}
