//! Constrained zonotopes (Scott and others 2016): polytopes whose affine images, intersections and
//! cuts by half-spaces are matrices put beside each other.

use crate::least_norm::{LeastNorm, ProgramError, least_norm};
use crate::pattern::Pattern;
use nalgebra::{DMatrix, DVector};

/// Why matrices are no constrained zonotope.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SetError {
    /// The matrices do not fit each other.
    #[error(
        "a set with {dimensions} dimensions has generators of {generators:?}, constraints of \
         {constraints:?} and {offsets} offsets: the generators need a row a dimension, the \
         constraints a column a generator and a row an offset"
    )]
    ShapeMismatch {
        /// Components of the centre.
        dimensions: usize,
        /// Rows and columns of the generators.
        generators: (usize, usize),
        /// Rows and columns of the constraints.
        constraints: (usize, usize),
        /// Right-hand sides of the constraints.
        offsets: usize,
    },
    /// An element is NaN or infinite: a set reaches no further than its generators.
    #[error(
        "{part}[{row}, {column}] is {value}; a set is bounded, its elements are finite numbers"
    )]
    NonFinite {
        /// "centre", "generators", "constraints" or "offsets".
        part: &'static str,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        value: f64,
    },
}

/// The set { c + G z : |z|_inf <= 1, A z = b }.
///
/// ```
/// use zonotope_training::ConstrainedZonotope;
/// let unit = ConstrainedZonotope::cube(&[0.0, 0.0], 1.0)?;
/// let meeting = unit.intersection(&ConstrainedZonotope::cube(&[1.5, 0.0], 1.0)?);
/// let apart = unit.intersection(&ConstrainedZonotope::cube(&[3.0, 0.0], 1.0)?);
/// assert!((meeting.scale()?.upper - 0.75).abs() < 1e-8);
/// assert!((apart.scale()?.lower - 1.5).abs() < 1e-8, "both must grow by half to touch");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConstrainedZonotope {
    centre: DVector<f64>,
    generators: DMatrix<f64>,
    constraints: DMatrix<f64>,
    offsets: DVector<f64>,
}

impl ConstrainedZonotope {
    /// The set with centre c (d), generators G (d x p), constraints A (m x p) and offsets b (m).
    ///
    /// # Errors
    /// When the shapes do not fit or an element is NaN or infinite.
    pub fn new(
        centre: DVector<f64>,
        generators: DMatrix<f64>,
        constraints: DMatrix<f64>,
        offsets: DVector<f64>,
    ) -> Result<Self, SetError> {
        let dimensions = centre.len();
        if generators.nrows() != dimensions
            || constraints.ncols() != generators.ncols()
            || constraints.nrows() != offsets.len()
        {
            return Err(SetError::ShapeMismatch {
                dimensions,
                generators: generators.shape(),
                constraints: constraints.shape(),
                offsets: offsets.len(),
            });
        }
        let of_vector =
            |vector: &DVector<f64>| DMatrix::from_column_slice(vector.len(), 1, vector.as_slice());
        for (part, matrix) in [
            ("centre", &of_vector(&centre)),
            ("generators", &generators),
            ("constraints", &constraints),
            ("offsets", &of_vector(&offsets)),
        ] {
            for row in 0..matrix.nrows() {
                if let Some(column) = matrix.row(row).iter().position(|value| !value.is_finite()) {
                    let value = matrix[(row, column)];
                    return Err(SetError::NonFinite { part, row, column, value });
                }
            }
        }
        Ok(Self { centre, generators, constraints, offsets })
    }

    /// The cube of this centre and half-width.
    ///
    /// # Errors
    /// When a number is NaN or infinite.
    pub fn cube(centre: &[f64], half_width: f64) -> Result<Self, SetError> {
        let dimensions = centre.len();
        Self::new(
            DVector::from_column_slice(centre),
            DMatrix::identity(dimensions, dimensions) * half_width,
            DMatrix::zeros(0, dimensions),
            DVector::zeros(0),
        )
    }

    /// The number of dimensions d.
    pub fn dimensions(&self) -> usize {
        self.centre.len()
    }

    /// The image W Z + t, exactly.
    ///
    /// # Panics
    /// When W has not a column a dimension, and a row a component of t.
    #[must_use]
    pub fn affine(&self, weights: &DMatrix<f64>, translation: &DVector<f64>) -> Self {
        Self {
            centre: weights * &self.centre + translation,
            generators: weights * &self.generators,
            ..self.clone()
        }
    }

    /// The points of both sets, exactly: the generators of the other are added with no reach, and
    /// a constraint a dimension says that both name the same point.
    ///
    /// # Panics
    /// When the dimensions differ.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let d = self.dimensions();
        assert_eq!(d, other.dimensions(), "both sets lie in one space");
        let (p, q) = (self.generators.ncols(), other.generators.ncols());
        let (m, n) = (self.constraints.nrows(), other.constraints.nrows());
        let mut generators = DMatrix::zeros(d, p + q);
        generators.columns_mut(0, p).copy_from(&self.generators);
        let mut constraints = DMatrix::zeros(m + n + d, p + q);
        constraints.view_mut((0, 0), (m, p)).copy_from(&self.constraints);
        constraints.view_mut((m, p), (n, q)).copy_from(&other.constraints);
        constraints.view_mut((m + n, 0), (d, p)).copy_from(&self.generators);
        constraints.view_mut((m + n, p), (d, q)).copy_from(&(-&other.generators));
        let mut offsets = DVector::zeros(m + n + d);
        offsets.rows_mut(0, m).copy_from(&self.offsets);
        offsets.rows_mut(m, n).copy_from(&other.offsets);
        offsets.rows_mut(m + n, d).copy_from(&(&other.centre - &self.centre));
        Self { centre: self.centre.clone(), generators, constraints, offsets }
    }

    /// How deep the half-space of a sign of component k lies in the hull c + G [-1, 1]^p:
    /// d_k = (|G_k|_1 - h c_k) / 2 with h = -1 for active, 1 for inactive. Below zero the hull has
    /// no such point.
    pub(crate) fn depth(&self, component: usize, active: bool) -> f64 {
        let reach: f64 = self.generators.row(component).iter().map(|g| g.abs()).sum();
        0.5 * (reach - side(active) * self.centre[component])
    }

    /// The points whose first components are at least zero where `pattern` says active and at most
    /// zero where it does not, exactly. None when a depth d_k is below zero: there is no such
    /// point then, though the constraints alone would not say so.
    ///
    /// With H = diag(+-1) such that the points satisfy H y <= 0, the constraints
    /// H G z + diag(d) z' = -H c - d are added, z' being new generators without reach: they say
    /// H y = -d (1 + z'), and between -2d and 0 lies all of the hull that is on this side.
    ///
    /// # Panics
    /// When the pattern is longer than the dimensions.
    pub fn with_signs(&self, pattern: &Pattern) -> Option<Self> {
        let mut signs = pattern.units().iter().copied().enumerate();
        let possible = signs.all(|(component, active)| self.depth(component, active) >= 0.0);
        possible.then(|| self.with_signs_as_released(pattern))
    }

    /// [`ConstrainedZonotope::with_signs`] without a look at the depths, as in the released code.
    pub(crate) fn with_signs_as_released(&self, pattern: &Pattern) -> Self {
        let (m, p, n) = (self.constraints.nrows(), self.generators.ncols(), pattern.len());
        let mut constraints = self.constraints.clone().resize(m + n, p + n, 0.0);
        let mut offsets = self.offsets.clone().resize_vertically(m + n, 0.0);
        for (component, &active) in pattern.units().iter().enumerate() {
            let (depth, row) = (self.depth(component, active), m + component);
            let oriented = self.generators.row(component) * side(active);
            constraints.view_mut((row, 0), (1, p)).copy_from(&oriented);
            constraints[(row, p + component)] = depth;
            offsets[row] = -side(active) * self.centre[component] - depth;
        }
        let generators = self.generators.clone().resize_horizontally(p + n, 0.0);
        Self { centre: self.centre.clone(), generators, constraints, offsets }
    }

    /// min |z|_inf over A z = b: by how much the cube of z must be scaled for the set to have a
    /// point. The set is empty exactly when this is above 1.
    ///
    /// # Errors
    /// When a number has left the range of f64 or the linear program does not converge.
    pub fn scale(&self) -> Result<LeastNorm, ProgramError> {
        least_norm(&self.constraints, &self.offsets)
    }

    /// The matrix A and the vector b of the constraints.
    pub fn constraints(&self) -> (&DMatrix<f64>, &DVector<f64>) {
        (&self.constraints, &self.offsets)
    }

    /// The point c + G z.
    ///
    /// # Panics
    /// When z has not one number a generator.
    pub fn point(&self, z: &DVector<f64>) -> DVector<f64> {
        &self.centre + &self.generators * z
    }
}

/// h with h y <= 0 on this side.
fn side(active: bool) -> f64 {
    if active { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_infinite_reach_are_refused_by_name() {
        let error = ConstrainedZonotope::cube(&[0.0, 0.0], f64::INFINITY).unwrap_err();
        let sentence = "generators[0, 0] is inf; a set is bounded, its elements are finite numbers";
        assert_eq!(error.to_string(), sentence);
        assert!(ConstrainedZonotope::cube(&[f64::NAN], 1.0).is_err());
        let error = ConstrainedZonotope::new(
            DVector::zeros(2),
            DMatrix::zeros(2, 3),
            DMatrix::zeros(1, 2),
            DVector::zeros(1),
        );
        assert!(matches!(error, Err(SetError::ShapeMismatch { .. })));
    }

    #[test]
    fn contradicting_constraints_make_a_set_empty_at_every_scale() {
        // z_1 = 0.5 and z_1 = -0.5.
        let set = ConstrainedZonotope::new(
            DVector::zeros(1),
            DMatrix::identity(1, 1),
            DMatrix::from_element(2, 1, 1.0),
            DVector::from_column_slice(&[0.5, -0.5]),
        );
        let scale = set.unwrap().scale().unwrap();
        assert_eq!(scale.upper, f64::INFINITY);
        assert!(scale.lower > 1e6, "{}", scale.lower);
    }

    #[test]
    fn a_quadrant_of_a_square_is_empty_where_the_square_does_not_reach() {
        let square = ConstrainedZonotope::cube(&[0.5, 3.0], 1.0).unwrap();
        let scale = |signs: [bool; 2]| {
            square.with_signs(&signs.into_iter().collect()).map(|set| set.scale().unwrap().upper)
        };
        assert!(scale([true, true]).unwrap() <= 1.0 + 1e-9);
        assert!(scale([false, true]).unwrap() <= 1.0 + 1e-9);
        assert_eq!(scale([true, false]), None, "the depth is below zero");
    }

    #[test]
    fn without_the_depth_an_impossible_side_would_seem_to_be_there() {
        // The released code keeps it: the constraints of d_k < 0 have a solution with |z| = 1.
        let square = ConstrainedZonotope::cube(&[3.0], 1.0).unwrap();
        let depth = square.depth(0, false);
        assert_eq!(depth, -1.0);
        let constraints = DMatrix::from_row_slice(1, 2, &[1.0, depth]);
        let offsets = DVector::from_element(1, -3.0 - depth);
        let spurious = least_norm(&constraints, &offsets).unwrap();
        assert!((spurious.upper - 1.0).abs() < 1e-9, "{spurious:?}");
    }
}
