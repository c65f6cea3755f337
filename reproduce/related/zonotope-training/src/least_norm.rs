//! The one linear program of the method: min |z|_inf subject to A z = b, and its dual,
//! max b^T l subject to |A^T l|_1 <= 1.
//!
//! An interior-point solver (`clarabel`) finds both solutions; what they are worth is computed
//! here from A and b. For any l whatever, b^T l = l^T A z <= |A^T l|_1 |z|_inf, so
//! b^T l / |A^T l|_1 bounds the optimum from below ([`bound`]), and no solver needs to be believed. A simplex
//! solver (`microlp`) solves the dual as a second opinion.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};
use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem};
use nalgebra::{DMatrix, DVector};

/// Gap between the bounds at which a program has converged, relative where they are above 1.
pub const CONVERGED: f64 = 1e-8;
/// A lower bound beyond this, when the solver says so too, means that A z = b has no solution.
const INFEASIBLE: f64 = 1e6;

/// Why a program has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProgramError {
    /// An element is NaN or infinite.
    #[error("the linear program has {value} in row {row}; its elements are finite numbers")]
    NonFinite {
        /// Its row.
        row: usize,
        /// Its value.
        value: f64,
    },
    /// The bounds did not meet.
    #[error(
        "the linear program did not converge: its value lies between {lower} and {upper} \
         (residual {residual:e}, solver: {status})"
    )]
    NotConverged {
        /// The bound from the dual solution.
        lower: f64,
        /// The bound from the primal solution.
        upper: f64,
        /// How far the primal solution is from A z = b.
        residual: f64,
        /// What the solver says.
        status: String,
    },
    /// The simplex solver gave up.
    #[error("the linear program has no answer by the simplex method: {0}")]
    Simplex(String),
}

/// The least infinity-norm of the solutions of A z = b, between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct LeastNorm {
    /// z, of norm `upper`; of no meaning where that is infinite.
    pub primal: DVector<f64>,
    /// l, the proof of `lower`, scaled to |A^T l|_1 = 1; zero where `lower` is.
    pub dual: DVector<f64>,
    /// |z|_inf, or infinity where A z = b has no solution.
    pub upper: f64,
    /// [`bound`] of `dual`: true whatever the solver did.
    pub lower: f64,
}

/// The lower bound b^T l / |A^T l|_1 on the infinity-norm of every solution of A z = b, rounded
/// down, so that it holds for these A and b whatever the multipliers; at least zero.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use zonotope_training::least_norm::bound;
/// // z_1 + z_2 = 4 cannot be met with |z_1|, |z_2| < 2.
/// let (a, b) = (DMatrix::from_element(1, 2, 1.0), DVector::from_element(1, 4.0));
/// let proven = bound(&a, &b, &DVector::from_element(1, 1.0));
/// assert!(proven <= 2.0 && proven > 2.0 - 1e-14);
/// ```
///
/// # Panics
/// When there is not one multiplier a row.
pub fn bound(
    constraints: &DMatrix<f64>,
    offsets: &DVector<f64>,
    multipliers: &DVector<f64>,
) -> f64 {
    // A sum of m products, in any order, is off by at most m u / (1 - m u) of the sum of their
    // sizes, u being half of epsilon; twice that also covers the rounding of the sizes and ratio.
    let rounding = |terms: usize| (terms + 2) as f64 * f64::EPSILON;
    let sizes = multipliers.abs();
    let (rows, columns) = constraints.shape();
    let value = offsets.dot(multipliers) - rounding(rows) * offsets.abs().dot(&sizes);
    let sums = constraints.tr_mul(multipliers).abs();
    let allowances = constraints.abs().tr_mul(&sizes) * rounding(rows);
    let norm = (sums + allowances).sum() * (1.0 + rounding(columns));
    if value.is_finite() && value > 0.0 { value / norm } else { 0.0 }
}

/// min |z|_inf subject to A z = b, with A of m x p.
///
/// # Errors
/// When an element is not finite, or the bounds do not meet to [`CONVERGED`].
pub fn least_norm(
    constraints: &DMatrix<f64>,
    offsets: &DVector<f64>,
) -> Result<LeastNorm, ProgramError> {
    check_finite(constraints, offsets)?;
    let (rows, columns) = constraints.shape();
    if rows == 0 {
        let (primal, dual) = (DVector::zeros(columns), DVector::zeros(0));
        return Ok(LeastNorm { primal, dual, upper: 0.0, lower: 0.0 });
    }
    let mut solver = interior_point(constraints, offsets)?;
    solver.solve();
    let status = solver.solution.status;
    let primal = DVector::from_column_slice(&solver.solution.x[..columns]);
    // The solver's multipliers have the other sign.
    let mut dual = -DVector::from_column_slice(&solver.solution.z[..rows]);
    let lower = bound(constraints, offsets, &dual);
    let norm = constraints.tr_mul(&dual).abs().sum();
    if norm > 0.0 {
        dual /= norm;
    }
    if status == SolverStatus::PrimalInfeasible && lower > INFEASIBLE {
        return Ok(LeastNorm { primal, dual, upper: f64::INFINITY, lower });
    }
    let upper = primal.amax();
    let residual = (constraints * &primal - offsets).amax();
    let allowed = CONVERGED * upper.max(1.0);
    if upper - lower <= allowed && residual <= allowed {
        Ok(LeastNorm { primal, dual, upper, lower })
    } else {
        let status = status.to_string();
        Err(ProgramError::NotConverged { lower, upper, residual, status })
    }
}

/// The program over (z, v): minimise v subject to A z = b, z <= v and -z <= v.
fn interior_point(
    constraints: &DMatrix<f64>,
    offsets: &DVector<f64>,
) -> Result<DefaultSolver<f64>, ProgramError> {
    let (m, p) = constraints.shape();
    let (mut starts, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
    for (column, elements) in constraints.column_iter().enumerate() {
        for (row, &element) in elements.iter().enumerate().filter(|(_, element)| **element != 0.0) {
            rows.push(row);
            values.push(element);
        }
        rows.extend([m + column, m + p + column]);
        values.extend([1.0, -1.0]);
        starts.push(rows.len());
    }
    rows.extend(m..m + 2 * p);
    values.extend(std::iter::repeat_n(-1.0, 2 * p));
    starts.push(rows.len());

    let mut objective = vec![0.0; p + 1];
    objective[p] = 1.0;
    let mut sides = offsets.as_slice().to_vec();
    sides.resize(m + 2 * p, 0.0);
    let cones = [SupportedConeT::ZeroConeT(m), SupportedConeT::NonnegativeConeT(2 * p)];
    let settings = DefaultSettings {
        verbose: false,
        max_threads: 1,
        tol_gap_abs: 1e-11,
        tol_gap_rel: 1e-11,
        tol_feas: 1e-11,
        ..DefaultSettings::default()
    };
    DefaultSolver::new(
        &CscMatrix::zeros((p + 1, p + 1)),
        &objective,
        &CscMatrix::new(m + 2 * p, p + 1, starts, rows, values),
        &sides,
        &cones,
        settings,
    )
    .map_err(|error| ProgramError::NotConverged {
        lower: 0.0,
        upper: f64::INFINITY,
        residual: f64::INFINITY,
        status: error.to_string(),
    })
}

/// The value of the dual, max b^T l subject to |A^T l|_1 <= 1, by the simplex method: infinite
/// where A z = b has no solution.
///
/// # Errors
/// When an element is not finite, or the solver gives up.
pub fn least_norm_by_simplex(
    constraints: &DMatrix<f64>,
    offsets: &DVector<f64>,
) -> Result<f64, ProgramError> {
    check_finite(constraints, offsets)?;
    if constraints.nrows() == 0 {
        return Ok(0.0);
    }
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let multipliers: Vec<_> = offsets
        .iter()
        .map(|&offset| problem.add_var(offset, (f64::NEG_INFINITY, f64::INFINITY)))
        .collect();
    let mut total = LinearExpr::empty();
    for column in constraints.column_iter() {
        let size = problem.add_var(0.0, (0.0, f64::INFINITY));
        total.add(size, 1.0);
        for sign in [1.0, -1.0] {
            let mut side = LinearExpr::empty();
            for (&multiplier, &element) in multipliers.iter().zip(&column) {
                if element != 0.0 {
                    side.add(multiplier, sign * element);
                }
            }
            side.add(size, -1.0);
            problem.add_constraint(side, ComparisonOp::Le, 0.0);
        }
    }
    problem.add_constraint(total, ComparisonOp::Le, 1.0);
    match problem.solve() {
        Ok(outcome) => match outcome.into_solution() {
            Ok(solution) => Ok(solution.objective()),
            Err(_) => Err(ProgramError::Simplex("interrupted".into())),
        },
        Err(microlp::Error::Unbounded) => Ok(f64::INFINITY),
        Err(error) => Err(ProgramError::Simplex(error.to_string())),
    }
}

fn check_finite(constraints: &DMatrix<f64>, offsets: &DVector<f64>) -> Result<(), ProgramError> {
    for (row, (elements, offset)) in constraints.row_iter().zip(offsets).enumerate() {
        if let Some(&value) = elements.iter().chain([offset]).find(|value| !value.is_finite()) {
            return Err(ProgramError::NonFinite { row, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{Stream, standard_normal};

    fn random(case: u64, rows: usize, columns: usize) -> (DMatrix<f64>, DVector<f64>) {
        let mut rng = Stream::new(11, "least norm").at(case);
        let constraints = DMatrix::from_fn(rows, columns, |_, _| standard_normal(&mut rng));
        (constraints, DVector::from_fn(rows, |_, _| standard_normal(&mut rng)))
    }

    #[test]
    fn both_solvers_and_both_bounds_agree() {
        for case in 0..50 {
            let (a, b) = random(case, 1 + case as usize % 5, 6);
            let found = least_norm(&a, &b).unwrap();
            let simplex = least_norm_by_simplex(&a, &b).unwrap();
            for bound in [found.lower, found.upper] {
                assert!(
                    (bound - simplex).abs() < 1e-9 * simplex.max(1.0),
                    "{case} {bound} {simplex}"
                );
            }
        }
    }

    #[test]
    fn no_multipliers_give_a_bound_above_the_optimum() {
        let (a, b) = random(0, 4, 6);
        let upper = least_norm(&a, &b).unwrap().upper;
        for case in 1..1000 {
            let (_, multipliers) = random(case, 4, 6);
            assert!(bound(&a, &b, &multipliers) <= upper + 1e-12);
        }
        // Not even those that a cancellation or an overflow would let seem good.
        let huge = DVector::from_element(1, 1e300);
        let (a, b) = (DMatrix::from_element(1, 1, 1.0), DVector::from_element(1, 1e10));
        assert_eq!(bound(&a, &b, &huge), 0.0);
        let a = DMatrix::from_row_slice(2, 1, &[1.0 / 3.0, 1.0]);
        let b = DVector::from_column_slice(&[1.0 / 3.0, 1.0]);
        let cancelling = DVector::from_column_slice(&[-3e17, 1e17 + 16.0]);
        assert_eq!(bound(&a, &b, &cancelling), 0.0, "what is left of 1e17 is rounding");
    }

    #[test]
    fn without_constraints_the_norm_is_zero() {
        let found = least_norm(&DMatrix::zeros(0, 3), &DVector::zeros(0)).unwrap();
        assert_eq!((found.lower, found.upper), (0.0, 0.0));
        // A row of zeros that says 0 = 0 says nothing either.
        let found = least_norm(&DMatrix::zeros(1, 2), &DVector::zeros(1)).unwrap();
        assert!(found.upper < 1e-9, "{found:?}");
    }

    #[test]
    fn what_has_no_solution_is_infinite_by_both_solvers() {
        let a = DMatrix::from_row_slice(2, 2, &[1.0, 1.0, 2.0, 2.0]);
        let b = DVector::from_column_slice(&[1.0, 1.0]);
        let found = least_norm(&a, &b).unwrap();
        assert!(found.upper.is_infinite() && found.lower > INFEASIBLE);
        assert_eq!(least_norm_by_simplex(&a, &b), Ok(f64::INFINITY));
    }

    #[test]
    fn a_program_of_extreme_numbers_is_named_and_not_believed() {
        // The solution has the norm 1e160; no double-precision factorisation gets there.
        let a = DMatrix::from_row_slice(2, 2, &[1e-160, 0.0, 0.0, 1e160]);
        let b = DVector::from_column_slice(&[1.0, 1e160]);
        let error = least_norm(&a, &b).unwrap_err();
        assert!(matches!(error, ProgramError::NotConverged { .. }), "{error}");
        assert!(error.to_string().starts_with("the linear program did not converge"), "{error}");
        let error = least_norm(&DMatrix::from_element(1, 1, f64::NAN), &DVector::zeros(1));
        assert!(matches!(error, Err(ProgramError::NonFinite { row: 0, .. })));
    }
}
