//! All claims of [`checks`] on the runs of an experiment, with their controls.

use crate::checks::{self, Enumeration};
use crate::collision::Depths;
use crate::run::{Run, RunError};
use crate::settings::Settings;
use regression::Network;
use theory::suite::Suite;
use theory::verdict::Verdict;

/// The runs that the claims are about, each list with one a seed in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    /// Without the constraint.
    pub unconstrained: &'a [Run],
    /// With it.
    pub constrained: &'a [Run],
    /// With it, the objective's gradients being sampled products; may be empty.
    pub sampled: &'a [Run],
    /// Without the constraint and with it, the obstacle being out of reach.
    pub far: [&'a [Run]; 2],
}

/// Every check and every control. Random inputs for the falsifier of dropped cells come from
/// `seed`.
///
/// # Errors
/// When a network cannot be analysed or a linear program does not converge; a claim that fails is
/// no error.
///
/// # Panics
/// When the lists have not as many runs as each other.
pub fn check(settings: &Settings, runs: Runs, seed: u64) -> Result<Suite, RunError> {
    let Runs { unconstrained, constrained, sampled, far } = runs;
    let obstacle = &settings.obstacle;
    let fitted: Vec<Network> = networks(unconstrained, |run| [&run.before.network]);
    let analysed = networks(constrained, |run| [&run.before.network, &run.after.network]);
    let every: Vec<Run> = constrained.iter().chain(sampled).cloned().collect();
    let mut verdicts: Vec<Verdict> = vec![checks::certified(constrained)];
    if !sampled.is_empty() {
        verdicts.push(checks::certified_with_sampled_products(sampled));
    }
    verdicts.extend([
        checks::same_weights(far[0], far[1]),
        checks::sound(&every),
        checks::known_patterns(&every),
        checks::same_cells(&analysed, Enumeration::Pruned)?,
        checks::dropped_cells_are_noticed(&fitted, obstacle, settings.falsifier_inputs, seed)?,
        checks::duality_gap(&analysed, obstacle)?,
        checks::second_solver(&analysed, obstacle)?,
        checks::second_verifier(&analysed, obstacle)?,
        checks::gradient(&fitted, obstacle, Depths::Moving)?,
    ]);
    let controls = vec![
        checks::certified_without_constraint(unconstrained),
        checks::same_weights_near(unconstrained, constrained),
        checks::sound_if_all_were_certified(unconstrained),
        checks::same_cells(&fitted, Enumeration::AsReleased)?,
        checks::scale_of_other_obstacle(&fitted, obstacle)?,
        checks::gradient(&fitted, obstacle, Depths::Fixed)?,
    ];
    Ok(Suite { verdicts, controls })
}

fn networks<const N: usize>(runs: &[Run], of: impl Fn(&Run) -> [&Network; N]) -> Vec<Network> {
    runs.iter().flat_map(|run| of(run).map(Network::clone)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::obstacle::Obstacle;
    use crate::run::run;
    use crate::settings::Arm;
    use crate::settings::tests::small;

    #[test]
    fn statements_stand_at_a_small_size_and_their_controls_are_rejected() {
        let settings = small();
        let obstacle = Obstacle { centre: [50.0, 50.0], ..settings.obstacle };
        let far = Settings { obstacle, falsifier_inputs: 100, ..settings.clone() };
        let runs = |settings: &Settings, arm| -> Vec<Run> {
            (0..2).map(|seed| run(settings, arm, seed).unwrap()).collect()
        };
        let unconstrained = runs(&settings, Arm::Unconstrained);
        let constrained = runs(&settings, Arm::Constrained);
        let far = [Arm::Unconstrained, Arm::Constrained].map(|arm| runs(&far, arm));
        let all = Runs {
            unconstrained: &unconstrained,
            constrained: &constrained,
            sampled: &[],
            far: [&far[0], &far[1]],
        };
        let suite = check(&settings, all, 0).unwrap();
        assert!(suite.stands(), "{:#?}", suite.failures());
    }
}
