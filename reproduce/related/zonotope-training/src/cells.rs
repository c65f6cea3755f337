//! Which activation patterns inputs can have: the cells that the hidden units cut the input square
//! into.

use crate::least_norm::{LeastNorm, ProgramError};
use crate::pattern::Pattern;
use crate::zonotope::ConstrainedZonotope;
use nalgebra::DVector;

/// A set counts as empty when its scale is above 1 by more than this: less than any margin, more
/// than a solver's error. A cell that is barely empty is kept, which is always safe.
pub const EMPTY: f64 = 1e-7;

/// A linear program of some pattern that has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("pattern {pattern}: {error}")]
pub struct CellError {
    /// The pattern, or the prefix of patterns.
    pub pattern: Pattern,
    /// What happened.
    #[source]
    pub error: ProgramError,
}

/// What is known of all patterns with a prefix.
#[derive(Clone, Debug, PartialEq)]
pub enum Branch {
    /// The last unit has this sign nowhere, by its bounds over the whole input square.
    Impossible,
    /// No input has the prefix; the multipliers prove it.
    Empty(DVector<f64>),
    /// A whole pattern that some inputs have.
    Cell,
}

/// The patterns of all inputs, and for every other pattern the prefix that rules it out. Depth
/// first, so a prefix that no input has is looked at once for all its patterns; of 2^n patterns of n
/// lines in the plane at most 1 + n + n (n - 1) / 2 have inputs.
///
/// # Errors
/// When a linear program does not converge.
pub fn branches(sums: &ConstrainedZonotope) -> Result<Vec<(Pattern, Branch)>, CellError> {
    let mut found = Vec::new();
    let centre = sums.point(&DVector::zeros(sums.constraints().0.ncols()));
    branch(sums, &Pattern::default(), &centre, &mut found)?;
    Ok(found)
}

/// All that begins with `prefix`, of which `witness` is a point.
fn branch(
    sums: &ConstrainedZonotope,
    prefix: &Pattern,
    witness: &DVector<f64>,
    found: &mut Vec<(Pattern, Branch)>,
) -> Result<(), CellError> {
    let unit = prefix.len();
    if unit == sums.dimensions() {
        found.push((prefix.clone(), Branch::Cell));
        return Ok(());
    }
    for active in [false, true] {
        let pattern = prefix.extended(active);
        let Some(part) = sums.with_signs(&pattern) else {
            found.push((pattern, Branch::Impossible));
            continue;
        };
        // Where the witness is on this side there is nothing to solve.
        if witness[unit] == 0.0 || (witness[unit] > 0.0) == active {
            branch(sums, &pattern, witness, found)?;
            continue;
        }
        let LeastNorm { primal, dual, lower, .. } =
            part.scale().map_err(|error| CellError { pattern: pattern.clone(), error })?;
        if lower > 1.0 + EMPTY {
            found.push((pattern, Branch::Empty(dual)));
        } else {
            branch(sums, &pattern, &part.point(&primal), found)?;
        }
    }
    Ok(())
}

/// The patterns that inputs have, in order.
///
/// # Errors
/// When a linear program does not converge.
pub fn patterns(sums: &ConstrainedZonotope) -> Result<Vec<Pattern>, CellError> {
    let cells = branches(sums)?.into_iter().filter(|(_, branch)| *branch == Branch::Cell);
    Ok(cells.map(|(pattern, _)| pattern).collect())
}

/// [`patterns`] by a linear program for each of the 2^n patterns.
///
/// # Errors
/// When a linear program does not converge.
pub fn patterns_by_brute_force(sums: &ConstrainedZonotope) -> Result<Vec<Pattern>, CellError> {
    let mut found = Vec::new();
    for pattern in Pattern::all(sums.dimensions() as u32) {
        let Some(cell) = sums.with_signs(&pattern) else { continue };
        match cell.scale() {
            Ok(scale) if scale.lower > 1.0 + EMPTY => {}
            Ok(_) => found.push(pattern),
            Err(error) => return Err(CellError { pattern, error }),
        }
    }
    Ok(found)
}

/// What the released code keeps, to show its two faults: it never looks at the pattern without an
/// active unit, and it does not look at the depths, so that an impossible pattern, whose program
/// has the optimum 1, is kept.
///
/// # Errors
/// When a linear program does not converge.
pub fn patterns_as_released(sums: &ConstrainedZonotope) -> Result<Vec<Pattern>, CellError> {
    let mut found = Vec::new();
    for pattern in Pattern::all(sums.dimensions() as u32).skip(1) {
        match sums.with_signs_as_released(&pattern).scale() {
            Ok(scale) if scale.lower > 1.0 + EMPTY => {}
            Ok(_) => found.push(pattern),
            Err(error) => return Err(CellError { pattern, error }),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Layers;
    use crate::layers::tests::random;
    use kernels::MatrixView;
    use kernels::random::{Stream, uniform};
    use std::collections::BTreeSet;

    #[test]
    fn pruning_finds_what_brute_force_finds() {
        for case in 0..4 {
            let sums = Layers::of(&random(case, 6)).unwrap().sums;
            assert_eq!(patterns(&sums).unwrap(), patterns_by_brute_force(&sums).unwrap(), "{case}");
        }
    }

    #[test]
    fn every_pattern_of_an_input_is_found_and_there_are_no_more_than_lines_make() {
        for case in 0..4 {
            let network = random(case, 10);
            let found: BTreeSet<Pattern> =
                patterns(&Layers::of(&network).unwrap().sums).unwrap().into_iter().collect();
            assert!(found.len() <= 56, "{}", found.len());
            let mut rng = Stream::new(1, "inputs").at(case);
            let inputs: Vec<f64> = (0..20_000).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
            let pass = network.forward(MatrixView::row_major(&inputs, 10_000, 2));
            for sums in pass.sums.chunks_exact(10) {
                let pattern = Pattern::of(sums);
                assert!(found.contains(&pattern), "{case}: {pattern}");
            }
        }
    }

    #[test]
    fn the_branches_rule_out_every_pattern_but_the_cells() {
        let sums = Layers::of(&random(3, 8)).unwrap().sums;
        let counted = branches(&sums).unwrap().iter().map(|(p, _)| 1 << (8 - p.len())).sum::<u32>();
        assert_eq!(counted, 256);
    }

    #[test]
    fn the_released_enumeration_leaves_out_a_cell_and_keeps_what_no_input_has() {
        // Two units, never active, and one that is active on half of the square.
        let sums = ConstrainedZonotope::new(
            DVector::from_column_slice(&[-3.0, -5.0, 0.0]),
            nalgebra::DMatrix::from_row_slice(3, 2, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
            nalgebra::DMatrix::zeros(0, 2),
            DVector::zeros(0),
        );
        let sums = sums.unwrap();
        let named = |patterns: Vec<Pattern>| -> Vec<String> {
            patterns.iter().map(Pattern::to_string).collect()
        };
        assert_eq!(named(patterns(&sums).unwrap()), ["000", "001"]);
        let released = named(patterns_as_released(&sums).unwrap());
        assert!(!released.contains(&"000".to_string()), "the all-inactive cell is left out");
        assert!(released.len() > 1, "impossible patterns are kept: {released:?}");
    }
}
