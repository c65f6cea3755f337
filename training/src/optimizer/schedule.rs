//! How the learning rate changes from epoch to epoch.

use crate::setting::{FieldError, POSITIVE, number};
use serde::{Deserialize, Serialize};

/// A schedule of learning rates.
///
/// ```
/// use training::optimizer::Schedule;
/// let wrn: Schedule =
///     serde_yaml::from_str("{name: step, factor: 0.2, at: [60, 120, 160]}")?;
/// assert_eq!(wrn.factor(59, 200), 1.0);
/// assert!((wrn.factor(120, 200) - 0.04).abs() < 1e-7);
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
    /// Half a cosine from the full rate to zero (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// Checks that the factor of steps is a finite number above 0, and that their epochs increase.
    ///
    /// # Errors
    /// When they are not so.
    pub fn check(&self) -> Result<(), FieldError> {
        let Self::Step { factor, at } = self else { return Ok(()) };
        number("factor", *factor, POSITIVE)?;
        if at.is_empty() || !at.is_sorted_by(|one, next| one < next) {
            return Err(FieldError::new("at", format!("{at:?}"), "at least one epoch, increasing"));
        }
        Ok(())
    }

    /// What the learning rate of an epoch (from 0) is multiplied with.
    pub fn factor(&self, epoch: usize, epochs: usize) -> f32 {
        match self {
            Self::Constant => 1.0,
            Self::Step { factor, at } => {
                at.iter().filter(|&&start| start <= epoch).fold(1.0, |product, _| product * factor)
            }
            Self::Cosine => {
                let share = epoch as f64 / epochs.max(1) as f64;
                (0.5 * (1.0 + libm::cos(std::f64::consts::PI * share))) as f32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_cosine_falls_from_one_to_zero() {
        assert_eq!(Schedule::Cosine.factor(0, 10), 1.0);
        assert!((Schedule::Cosine.factor(5, 10) - 0.5).abs() < 1e-7);
        assert!(Schedule::Cosine.factor(10, 10) < 1e-7);
    }
}
