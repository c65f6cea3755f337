//! How near the outputs of a cell come to the obstacle, and how that changes with the weights.

use crate::cells::CellError;
use crate::layers::Layers;
use crate::least_norm::LeastNorm;
use crate::pattern::Pattern;
use crate::zonotope::ConstrainedZonotope;
use nalgebra::{DMatrix, DVector};

/// The outputs of a cell that lie in the obstacle; empty when its scale v is above 1.
///
/// None when a unit cannot have its sign.
///
/// # Panics
/// When the pattern is not one of all units.
pub fn unsafe_outputs(
    layers: &Layers,
    pattern: &Pattern,
    obstacle: &ConstrainedZonotope,
) -> Option<ConstrainedZonotope> {
    Some(layers.image(pattern)?.intersection(obstacle))
}

/// Whether a gradient knows that the depths of the half-spaces move with the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depths {
    /// They do: the gradient of v.
    Moving,
    /// They are taken for constants: the mistake that a check must find.
    Fixed,
}

/// A cell and the scale v at which its outputs touch the obstacle.
#[derive(Clone, Debug, PartialEq)]
pub struct Collision {
    /// The cell.
    pub pattern: Pattern,
    /// v, with the contact z and the multipliers.
    pub scale: LeastNorm,
}

impl Collision {
    /// The collision of a cell; None when a unit cannot have its sign.
    ///
    /// # Errors
    /// When the linear program does not converge.
    ///
    /// # Panics
    /// When the pattern is not one of all units.
    pub fn of(
        layers: &Layers,
        pattern: &Pattern,
        obstacle: &ConstrainedZonotope,
    ) -> Result<Option<Self>, CellError> {
        let Some(set) = unsafe_outputs(layers, pattern, obstacle) else { return Ok(None) };
        let pattern = pattern.clone();
        match set.scale() {
            Ok(scale) => Ok(Some(Self { pattern, scale })),
            Err(error) => Err(CellError { pattern, error }),
        }
    }

    /// The derivatives of v by W_1, b_1, W_2 and b_2, in this order and row-major, as the
    /// parameters of the network are. Where the optimum is not unique this is a subgradient.
    ///
    /// With the optimal multipliers l = (l1, l2) and z = (x, z', z_o), of the cell's n constraints,
    /// of the two of contact, of the input, the cell and the obstacle,
    /// dv = l^T db - l^T (dA) z, which for a = W_1 x + b_1, r = H l1 + D W_2^T l2 and
    /// t_k = -l1_k (1 + z'_k) is
    ///
    /// dW_2 = -l2 (D a)^T, db_2 = -l2, db_1 = -r - H t / 2,
    /// dW_1_k = -r_k x^T + t_k sign(W_1_k) / 2.
    ///
    /// Derived in `paper-notes/related-zonotope-training.md`.
    ///
    /// # Panics
    /// When the layers are not those of the collision.
    pub fn gradient(&self, layers: &Layers, depths: Depths) -> Vec<f64> {
        let n = layers.units();
        let (z, multipliers) = (&self.scale.primal, &self.scale.dual);
        let (input, contact) = (z.rows(0, 2), multipliers.rows(n, 2));
        let sums = &layers.first_weights * input + &layers.first_biases;
        let through = layers.second_weights.tr_mul(&contact);

        let mut first_weights = DMatrix::zeros(n, 2);
        let mut first_biases = DVector::zeros(n);
        let mut second_weights = DMatrix::zeros(2, n);
        for (unit, &active) in self.pattern.units().iter().enumerate() {
            let side = if active { -1.0 } else { 1.0 };
            let by_sum = side * multipliers[unit] + if active { through[unit] } else { 0.0 };
            let by_depth = match depths {
                Depths::Moving => -multipliers[unit] * (1.0 + z[2 + unit]),
                Depths::Fixed => 0.0,
            };
            first_biases[unit] = -by_sum - 0.5 * by_depth * side;
            for axis in 0..2 {
                let sign = sign(layers.first_weights[(unit, axis)]);
                first_weights[(unit, axis)] = 0.5 * by_depth * sign - by_sum * input[axis];
            }
            if active {
                second_weights.set_column(unit, &(-sums[unit] * contact));
            }
        }
        let row_major = |matrix: DMatrix<f64>| matrix.transpose().as_slice().to_vec();
        let second_biases = (-contact).as_slice().to_vec();
        let parts = [
            row_major(first_weights),
            first_biases.as_slice().to_vec(),
            row_major(second_weights),
            second_biases,
        ];
        parts.concat()
    }
}

/// The sign, 0 for 0.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
