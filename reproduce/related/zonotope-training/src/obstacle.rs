//! The unsafe set: a square of outputs that the network is to avoid.

use crate::zonotope::{ConstrainedZonotope, SetError};
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, POSITIVE, number};

/// A closed square of outputs.
///
/// ```
/// use zonotope_training::Obstacle;
/// let obstacle = Obstacle { centre: [1.5, 1.5], half_width: 0.5 };
/// assert!(obstacle.contains([1.0, 2.0]) && !obstacle.contains([0.99, 1.5]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obstacle {
    /// Its middle.
    pub centre: [f64; 2],
    /// From the middle to an edge.
    pub half_width: f64,
}

impl Obstacle {
    /// Checks that its numbers are finite and the half-width is above 0.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(&self) -> Result<(), FieldError> {
        for (axis, value) in self.centre.into_iter().enumerate() {
            number(&format!("centre[{axis}]"), value, ..)?;
        }
        number("half_width", self.half_width, POSITIVE)
    }

    /// By how much the square would have to be scaled about its middle to reach this output: at
    /// most 1 inside.
    pub fn gauge(&self, output: [f64; 2]) -> f64 {
        let [x, y] = [0, 1].map(|axis| (output[axis] - self.centre[axis]).abs());
        x.max(y) / self.half_width
    }

    /// Whether an output is unsafe.
    pub fn contains(&self, output: [f64; 2]) -> bool {
        self.gauge(output) <= 1.0
    }

    /// The square as a set.
    ///
    /// # Errors
    /// When a number of it is NaN or infinite.
    pub fn set(&self) -> Result<ConstrainedZonotope, SetError> {
        ConstrainedZonotope::cube(&self.centre, self.half_width)
    }
}
