//! A measurement for every operand, estimator and budget of an exhibit, on all threads.

use kernels::estimator::Estimator;
use rayon::prelude::*;

use super::matrices::Distribution;
use crate::exhibit::Environment;
use crate::exhibit::settings::NamedEstimator;

/// What `measure` finds in each cell: operands outermost, budgets innermost. Cells are measured side
/// by side, and each is reported to the progress when it is done.
///
/// # Errors
/// That of a cell.
pub fn measure_cells<T: Sync, M: Send>(
    environment: &Environment,
    operands: &[(Distribution, T)],
    estimators: &[NamedEstimator],
    budgets: &[usize],
    measure: impl Fn(Distribution, &T, Estimator, usize) -> anyhow::Result<M> + Sync,
) -> anyhow::Result<Vec<M>> {
    let mut cells = Vec::new();
    for (distribution, operand) in operands {
        for estimator in estimators {
            for budget in budgets {
                cells.push((*distribution, operand, estimator.0, *budget));
            }
        }
    }
    environment.progress.set_length(cells.len());
    cells
        .par_iter()
        .map(|(distribution, operand, estimator, budget)| {
            let measurement = measure(*distribution, operand, *estimator, *budget);
            environment.progress.advance(1);
            measurement
        })
        .collect()
}
