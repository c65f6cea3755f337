//! The functions to be learnt.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A function on the cube [-1, 1]^d.
///
/// ```
/// use regression::Target;
/// assert_eq!(Target::SquaresAndSines.value(&[1.0, 0.0]), [1.0, libm::sin(1.0)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// sin(pi x).
    Sine,
    /// The Mexican hat, or Ricker wavelet: 2 / (sqrt(3) pi^(1/4)) (1 - u^2) exp(-u^2 / 2) with
    /// u = 5x.
    MexicanHat,
    /// (x_1^2 + sin x_2, x_2^2 + sin x_1).
    SquaresAndSines,
}

impl Target {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sine => "sine",
            Self::MexicanHat => "Mexican hat",
            Self::SquaresAndSines => "squares and sines",
        }
    }

    /// The number of variables d.
    pub fn inputs(self) -> usize {
        match self {
            Self::Sine | Self::MexicanHat => 1,
            Self::SquaresAndSines => 2,
        }
    }

    /// The number of values.
    pub fn outputs(self) -> usize {
        match self {
            Self::Sine | Self::MexicanHat => 1,
            Self::SquaresAndSines => 2,
        }
    }

    /// The function at x.
    ///
    /// # Panics
    /// When x has not as many components as the function has variables.
    pub fn value(self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.inputs(), "one component a variable");
        match self {
            Self::Sine => vec![libm::sin(PI * x[0])],
            Self::MexicanHat => {
                let square = 25.0 * x[0] * x[0];
                let height = 2.0 / (3f64.sqrt() * PI.sqrt().sqrt());
                vec![height * (1.0 - square) * libm::exp(-square / 2.0)]
            }
            Self::SquaresAndSines => {
                vec![x[0] * x[0] + libm::sin(x[1]), x[1] * x[1] + libm::sin(x[0])]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hat_is_zero_where_its_argument_is_one_and_has_unit_energy() {
        assert!(Target::MexicanHat.value(&[0.2])[0].abs() < 1e-15);
        // The wavelet has the norm 1 as a function of u, so 1/5 as one of x; the midpoint rule.
        let steps = 10_000;
        let width = 2.0 / f64::from(steps);
        let squares = (0..steps).map(|step| {
            let x = (f64::from(step) + 0.5).mul_add(width, -1.0);
            let value = Target::MexicanHat.value(&[x])[0];
            value * value * width
        });
        // What lies beyond u = 5 is of the order of exp(-25).
        assert!((squares.sum::<f64>() - 0.2).abs() < 1e-6);
    }

    #[test]
    fn the_sine_has_a_period_of_two() {
        assert!((Target::Sine.value(&[0.5])[0] - 1.0).abs() < 1e-15);
        assert!(Target::Sine.value(&[1.0])[0].abs() < 1e-15);
    }
}
