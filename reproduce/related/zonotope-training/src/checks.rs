//! Checks of what is claimed of the method, each of which could fail, and beside it the mistake that
//! it must find.
//!
//! Every function measures on networks or runs that the caller has, and hands back a
//! [`Verdict`], which has the measured number and its threshold.

use crate::cells::{CellError, patterns, patterns_as_released, patterns_by_brute_force};
use crate::claims::{CELLS, CERTIFIED, GRADIENT, SCALE, SOUND};
use crate::collision::{Collision, Depths, unsafe_outputs};
use crate::layers::Layers;
use crate::least_norm::least_norm_by_simplex;
use crate::obstacle::Obstacle;
use crate::pattern::Pattern;
use crate::regions::{least_scale, regions};
use crate::run::{Run, RunError};
use crate::samples::Samples;
use kernels::random::Stream;
use regression::Network;
use std::collections::BTreeSet;
use theory::claim::Claim;
use theory::extremes::largest;
use theory::verdict::{Exact, Verdict};

/// The threshold for gaps between solvers and verifiers.
pub const LARGEST_GAP: f64 = 1e-8;
/// The threshold for errors of the gradient.
pub const LARGEST_GRADIENT_ERROR: f64 = 1e-6;
/// The share of runs that may end without a certificate.
pub const UNCERTIFIED_SHARE: f64 = 0.1;

/// How the cells of a network are enumerated: rightly, or with a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enumeration {
    /// [`patterns`].
    Pruned,
    /// Without the all-inactive pattern and with impossible ones, as in the released code.
    AsReleased,
}

/// The number of patterns that brute force or clipping finds and the enumeration does not, or the
/// other way round; none are allowed.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn same_cells(networks: &[Network], enumeration: Enumeration) -> Result<Verdict, RunError> {
    let mut differing = 0;
    for network in networks {
        let layers = Layers::of(network)?;
        let found = match enumeration {
            Enumeration::Pruned => patterns(&layers.sums)?,
            Enumeration::AsReleased => patterns_as_released(&layers.sums)?,
        };
        let found: BTreeSet<Pattern> = found.into_iter().collect();
        let brute: BTreeSet<Pattern> = patterns_by_brute_force(&layers.sums)?.into_iter().collect();
        let clipped: BTreeSet<Pattern> =
            regions(&layers).into_iter().map(|region| region.pattern).collect();
        let [by_brute, by_clipping] = [&brute, &clipped].map(|other| &found ^ other);
        differing += (&by_brute | &by_clipping).len();
    }
    let check = match enumeration {
        Enumeration::Pruned => "patterns that pruning, brute force and clipping do not all find",
        Enumeration::AsReleased => "the released enumeration: patterns that not all of them find",
    };
    Ok(at_most(
        &CELLS,
        check,
        differing as f64,
        0.0,
        networks.len(),
        "the search leaves out a cell or keeps one without inputs",
    ))
}

/// The number of random inputs with a pattern that was not enumerated, over all networks of the
/// runs; none are allowed.
pub fn known_patterns(runs: &[Run]) -> Verdict {
    let samples = || runs.iter().flat_map(|run| [run.before.samples, run.after.samples]);
    let unknown: usize = samples().map(|samples| samples.unknown_patterns).sum();
    at_most(
        &CELLS,
        "random inputs with a pattern that was not enumerated",
        unknown as f64,
        0.0,
        samples().map(|samples| samples.inputs).sum(),
        "a cell was forgotten, and with it a part of the reachable set",
    )
}

/// The networks whose enumeration without the cell nearest to the obstacle is *not* found out by
/// random inputs; none are allowed.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn dropped_cells_are_noticed(
    networks: &[Network],
    obstacle: &Obstacle,
    inputs: usize,
    seed: u64,
) -> Result<Verdict, RunError> {
    let set = obstacle.set()?;
    let mut unnoticed = 0;
    for (index, network) in networks.iter().enumerate() {
        let layers = Layers::of(network)?;
        let mut known = patterns(&layers.sums)?;
        let mut nearest: Option<Collision> = None;
        for pattern in &known {
            let found = Collision::of(&layers, pattern, &set)?;
            nearest = match (nearest, found) {
                (Some(near), Some(found)) if found.scale.upper >= near.scale.upper => Some(near),
                (near, found) => found.or(near),
            };
        }
        known.retain(|pattern| nearest.as_ref().is_none_or(|nearest| *pattern != nearest.pattern));
        let stream = Stream::new(seed, "dropped cell").child(&index.to_string());
        let samples = Samples::draw(network, obstacle, &known, inputs, &stream);
        unnoticed += usize::from(samples.unknown_patterns == 0);
    }
    Ok(at_most(
        &CELLS,
        "enumerations without the cell nearest to the obstacle that random inputs do not find out",
        unnoticed as f64,
        0.0,
        networks.len(),
        "the falsifier would not notice a verifier that forgets a cell",
    ))
}

/// The largest gap between the two bounds of v, relative where v is above 1.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn duality_gap(networks: &[Network], obstacle: &Obstacle) -> Result<Verdict, RunError> {
    let gaps = each_collision(networks, obstacle, |_, collision| {
        Ok(collision.scale.upper - collision.scale.lower)
    })?;
    Ok(largest_gap("gap between primal and dual value, relative above 1", gaps))
}

/// The largest difference of v from the value by the simplex method, relative where v is above 1.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn second_solver(networks: &[Network], obstacle: &Obstacle) -> Result<Verdict, RunError> {
    let set = obstacle.set()?;
    let gaps = each_collision(networks, obstacle, |layers, collision| {
        let meeting = unsafe_outputs(layers, &collision.pattern, &set);
        let (constraints, offsets) = match &meeting {
            Some(meeting) => meeting.constraints(),
            None => return Ok(f64::NAN),
        };
        let simplex = least_norm_by_simplex(constraints, offsets)
            .map_err(|error| CellError { pattern: collision.pattern.clone(), error })?;
        Ok((collision.scale.upper - simplex).abs())
    })?;
    Ok(largest_gap("difference from the simplex method, relative above 1", gaps))
}

/// The largest difference of v from the scale by clipping polygons, relative where v is above 1.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn second_verifier(networks: &[Network], obstacle: &Obstacle) -> Result<Verdict, RunError> {
    let gaps = each_collision(networks, obstacle, |layers, collision| {
        Ok((collision.scale.upper - least_scale(layers, &collision.pattern, obstacle)).abs())
    })?;
    Ok(largest_gap("difference from clipped polygons, relative above 1", gaps))
}

/// What [`second_verifier`] finds when the polygons are clipped by an obstacle that is larger by one
/// part in a thousand: a difference, or the comparison has no power.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn scale_of_other_obstacle(
    networks: &[Network],
    obstacle: &Obstacle,
) -> Result<Verdict, RunError> {
    let other = Obstacle { half_width: 1.001 * obstacle.half_width, ..*obstacle };
    let gaps = each_collision(networks, obstacle, |layers, collision| {
        Ok((collision.scale.upper - least_scale(layers, &collision.pattern, &other)).abs())
    })?;
    Ok(largest_gap("difference from polygons clipped by an obstacle larger by 0.1 %", gaps))
}

/// The largest error of the closed-form gradient against central differences of v by the simplex
/// method, relative where a derivative is above 1. Where the one-sided differences differ v has a
/// kink and no derivative: these are left out, and the sample size is what is left.
///
/// With [`Depths::Fixed`] the gradient forgets that the depths d_k move with the weights.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge.
pub fn gradient(
    networks: &[Network],
    obstacle: &Obstacle,
    depths: Depths,
) -> Result<Verdict, RunError> {
    let set = obstacle.set()?;
    let step = 1e-6;
    let mut errors = Vec::new();
    for network in networks {
        let layers = Layers::of(network)?;
        for pattern in patterns(&layers.sums)? {
            let value = |index: usize, by: f64| -> Result<f64, RunError> {
                let mut moved = network.clone();
                moved.parameters_mut()[index] += by;
                let Some(meeting) = unsafe_outputs(&Layers::of(&moved)?, &pattern, &set) else {
                    return Ok(f64::NAN);
                };
                let (constraints, offsets) = meeting.constraints();
                let simplex = least_norm_by_simplex(constraints, offsets);
                Ok(simplex.map_err(|error| CellError { pattern: pattern.clone(), error })?)
            };
            let Some(collision) = Collision::of(&layers, &pattern, &set)? else { continue };
            for (index, derivative) in collision.gradient(&layers, depths).into_iter().enumerate() {
                let (back, here, forth) =
                    (value(index, -step)?, value(index, 0.0)?, value(index, step)?);
                let (left, right) = ((here - back) / step, (forth - here) / step);
                let is_smooth = (left - right).abs() <= KINK * left.abs().max(1.0);
                if is_smooth {
                    let error = (derivative - 0.5 * (left + right)).abs();
                    errors.push(error / derivative.abs().max(1.0));
                }
            }
        }
    }
    let cases = errors.len();
    let check = match depths {
        Depths::Moving => "error of a derivative, relative above 1",
        Depths::Fixed => "a gradient that takes the depths for constants: error of a derivative",
    };
    Ok(at_most(
        &GRADIENT,
        check,
        largest(errors),
        LARGEST_GRADIENT_ERROR,
        cases,
        "the steps on the constraint do not follow the collision check",
    ))
}

/// One-sided differences further apart than this, relative above 1, are those of a kink.
const KINK: f64 = 1e-3;

/// The number of runs without a certificate, at most a tenth of all.
pub fn certified(runs: &[Run]) -> Verdict {
    uncertified("runs that end without a certificate", runs)
}

/// The same for runs without the constraint, which should have none.
pub fn certified_without_constraint(runs: &[Run]) -> Verdict {
    uncertified("runs without the constraint that end without a certificate", runs)
}

/// The same for runs whose objective had sampled products.
pub fn certified_with_sampled_products(runs: &[Run]) -> Verdict {
    uncertified("runs with sampled products that end without a certificate", runs)
}

fn uncertified(check: &'static str, runs: &[Run]) -> Verdict {
    let uncertified = runs.iter().filter(|run| run.certificate.is_err()).count();
    at_most(
        &CERTIFIED,
        check,
        uncertified as f64,
        (UNCERTIFIED_SHARE * runs.len() as f64).floor(),
        runs.len(),
        "constrained training does not reach safety often enough",
    )
}

/// The number of random inputs that lead a certified network into the obstacle; a single one proves
/// the verifier wrong.
pub fn sound(runs: &[Run]) -> Verdict {
    let certified =
        || runs.iter().filter(|run| run.certificate.is_ok()).map(|run| run.after.samples);
    at_most(
        &SOUND,
        "random inputs that lead a certified network into the obstacle",
        certified().map(|samples| samples.unsafe_outputs).sum::<usize>() as f64,
        0.0,
        certified().map(|samples| samples.inputs).sum(),
        "the verifier is wrong",
    )
}

/// What [`sound`] would find if every run were called safe: for the unconstrained arm it must fail,
/// or the falsifier has no power.
pub fn sound_if_all_were_certified(runs: &[Run]) -> Verdict {
    let samples = || runs.iter().map(|run| run.after.samples);
    at_most(
        &SOUND,
        "unconstrained networks called safe: random inputs that lead into the obstacle",
        samples().map(|samples| samples.unsafe_outputs).sum::<usize>() as f64,
        0.0,
        samples().map(|samples| samples.inputs).sum(),
        "networks are unsafe",
    )
}

/// The number of parameters in which runs under two arms differ, the obstacle being out of reach:
/// none may, to the bit.
///
/// # Panics
/// When there are not as many runs of one arm as of the other.
pub fn same_weights(one: &[Run], other: &[Run]) -> Verdict {
    differing("an obstacle out of reach: parameters that differ between two arms", one, other)
}

/// The same for an obstacle within reach, where the constraint has to act.
///
/// # Panics
/// As [`same_weights`].
pub fn same_weights_near(one: &[Run], other: &[Run]) -> Verdict {
    differing("an obstacle within reach: parameters that differ between two arms", one, other)
}

fn differing(check: &'static str, one: &[Run], other: &[Run]) -> Verdict {
    assert_eq!(one.len(), other.len(), "runs in pairs");
    let parameters = |run: &Run| run.after.network.parameters().to_vec();
    let differing = one.iter().zip(other).map(|(one, other)| {
        let pairs = parameters(one).into_iter().zip(parameters(other));
        pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count()
    });
    at_most(
        &CERTIFIED,
        check,
        differing.sum::<usize>() as f64,
        0.0,
        one.len(),
        "the constraint acts where there is none",
    )
}

/// What `measure` makes of every collision of the networks, relative where v is above 1.
fn each_collision(
    networks: &[Network],
    obstacle: &Obstacle,
    measure: impl Fn(&Layers, &Collision) -> Result<f64, RunError>,
) -> Result<Vec<f64>, RunError> {
    let set = obstacle.set()?;
    let mut measured = Vec::new();
    for network in networks {
        let layers = Layers::of(network)?;
        for pattern in patterns(&layers.sums)? {
            if let Some(collision) = Collision::of(&layers, &pattern, &set)? {
                let size = collision.scale.upper.max(1.0);
                measured.push(measure(&layers, &collision)? / size);
            }
        }
    }
    Ok(measured)
}

fn largest_gap(check: &'static str, gaps: Vec<f64>) -> Verdict {
    let cases = gaps.len();
    let meaning = "the collision check has another value than its definition";
    at_most(&SCALE, check, largest(gaps), LARGEST_GAP, cases, meaning)
}

fn at_most(
    claim: &Claim,
    check: &'static str,
    measured: f64,
    threshold: f64,
    cases: usize,
    meaning: &'static str,
) -> Verdict {
    Verdict::at_most(claim, check, measured, threshold, 0.0, Exact::ClosedForm(cases), meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::tests::random;
    use crate::run::run;
    use crate::settings::Arm;
    use crate::settings::tests::small;

    const OBSTACLE: Obstacle = Obstacle { centre: [0.3, 0.1], half_width: 0.05 };

    fn networks(units: usize) -> Vec<Network> {
        (0..2).map(|case| random(case, units)).collect()
    }

    fn runs(arm: Arm) -> Vec<Run> {
        (0..2).map(|seed| run(&small(), arm, seed).unwrap()).collect()
    }

    #[test]
    fn cells_are_complete_and_those_of_the_released_code_are_not() {
        assert!(same_cells(&networks(6), Enumeration::Pruned).unwrap().passed());
        assert!(same_cells(&networks(6), Enumeration::AsReleased).unwrap().rejected());
        let noticed = dropped_cells_are_noticed(&networks(6), &OBSTACLE, 10_000, 0).unwrap();
        assert!(noticed.passed());
        let blind = dropped_cells_are_noticed(&networks(6), &OBSTACLE, 1, 0).unwrap();
        assert!(blind.rejected(), "one input finds nothing out");
    }

    #[test]
    fn both_solvers_and_both_verifiers_agree() {
        for check in [duality_gap, second_solver, second_verifier] {
            let verdict = check(&networks(7), &OBSTACLE).unwrap();
            assert!(verdict.passed(), "{}: {:e}", verdict.check(), verdict.estimate());
        }
    }

    #[test]
    fn the_gradient_is_right_and_one_that_forgets_the_depths_is_not() {
        let moving = gradient(&networks(5), &OBSTACLE, Depths::Moving).unwrap();
        assert!(moving.passed(), "{:e}", moving.estimate());
        assert!(moving.sample_size() > 200, "{}", moving.sample_size());
        assert!(gradient(&networks(5), &OBSTACLE, Depths::Fixed).unwrap().rejected());
    }

    #[test]
    fn certified_runs_are_sound_and_the_falsifier_sees_the_others() {
        let (constrained, plain) = (runs(Arm::Constrained), runs(Arm::Unconstrained));
        assert!(certified(&constrained).passed() && certified(&plain).rejected());
        assert!(sound(&constrained).passed() && known_patterns(&constrained).passed());
        assert!(sound_if_all_were_certified(&plain).rejected());
        assert!(same_weights(&plain, &plain).passed());
        assert!(same_weights(&plain, &constrained).rejected());
    }
}
