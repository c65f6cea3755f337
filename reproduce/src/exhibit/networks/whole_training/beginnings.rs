//! The beginnings of committed runs: computed again and compared, so that a result that no longer
//! comes out is seen to be stale.

use std::ops::ControlFlow;

use anyhow::Context as _;
use training::digest::hexadecimal;
use training::train::TrainingConfig;

use super::long_run::LongRun;
use super::making::name;
use super::settings::WholeTraining;
use crate::exhibit::Environment;
use crate::exhibit::networks::learnt::Learnt;
use crate::parallel;

/// What became of the beginnings.
#[derive(Clone, Debug, PartialEq)]
pub enum Beginnings {
    /// None was computed, for want of these images.
    NotRecomputed(&'static str),
    /// So many first steps were, of a run an arm of some arms.
    Recomputed {
        /// Steps of each.
        steps: usize,
        /// How many runs.
        runs: usize,
        /// The runs that are stale, and why.
        stale: Vec<String>,
    },
}

/// So many places of all, each at most once: those that come after the ones of the seed before.
fn in_turn(seed: u64, all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    let first = seed as u128 * count as u128;
    (first..first + count as u128).map(move |place| (place % all as u128) as usize)
}

impl WholeTraining {
    /// Computes the first steps of a run of some arms again: of which is a matter of the seed alone,
    /// so that everyone sees the same, and some seeds in a row see all.
    ///
    /// # Errors
    /// When a training cannot begin.
    pub fn recompute(
        &self,
        environment: &Environment,
        runs: &[(usize, LongRun)],
    ) -> anyhow::Result<Beginnings> {
        let text = match self.missing_from(environment) {
            Some(missing) => return Ok(Beginnings::NotRecomputed(missing)),
            None => self.text(environment)?,
        };
        let learnt = self.learnt(environment, text.as_ref())?;
        let first = (0..self.arms.len())
            .filter_map(|arm| runs.iter().find(|(of, _)| *of == arm).map(|(_, run)| (arm, run)));
        let first: Vec<(usize, &LongRun)> = first.collect();
        let places = in_turn(environment.seed, first.len(), self.recompute_arms);
        let first: Vec<(usize, &LongRun)> = places.map(|place| first[place]).collect();
        environment.progress.set_length(first.len());
        let stale = parallel::map(&first, |(arm, run)| {
            environment.progress.advance(1);
            if run.images.checksum != learnt.checksum() {
                return Ok(Some(format!("{}: it learnt something else", name(run))));
            }
            let config = self.arms[*arm].config(*arm, &self.training, run.seed)?;
            let digests = self.digests(environment, learnt, &config).with_context(|| name(run))?;
            let differs =
                digests.iter().position(|(steps, digest)| run.digests.get(steps) != Some(digest));
            Ok(differs.map(|place| {
                let steps = digests[place].0;
                format!("{}: its parameters are others after step {steps}", name(run))
            }))
        })?;
        Ok(Beginnings::Recomputed {
            steps: self.recompute_steps,
            runs: first.len(),
            stale: stale.into_iter().flatten().collect(),
        })
    }

    /// What is to be learnt and is not in the data directory, by its name.
    fn missing_from(&self, environment: &Environment) -> Option<&'static str> {
        if let Some(text) = &self.text {
            let folder = text.folder()?;
            return (!environment.data.join(folder).is_dir()).then(|| text.title());
        }
        let images = self.images.as_ref()?;
        let is_loaded = environment.images.is_some();
        (!is_loaded).then(|| images.set.missing_from(environment.data).unwrap_or("images"))
    }

    /// SHA-256 of the parameters after each of the first steps.
    fn digests(
        &self,
        environment: &Environment,
        learnt: Learnt,
        config: &TrainingConfig,
    ) -> anyhow::Result<Vec<(usize, String)>> {
        let mut trainer = learnt.trainer(config, environment.instructions)?;
        let mut digests = Vec::new();
        for step in 1..=self.recompute_steps {
            if trainer.is_finished() {
                break;
            }
            trainer.advance(1, &mut |_| ControlFlow::Continue(()))?;
            digests.push((step, hexadecimal(&trainer.network().digest())));
        }
        Ok(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(seed: u64, all: usize, count: usize) -> Vec<usize> {
        in_turn(seed, all, count).collect()
    }

    #[test]
    fn seeds_in_a_row_take_turns_until_all_were_seen() {
        let found: Vec<Vec<usize>> = (0..3).map(|seed| places(seed, 5, 2)).collect();
        assert_eq!(found, [[0, 1], [2, 3], [4, 0]]);
        assert_eq!(places(7, 2, 4).len(), 2, "each at most once");
        assert!(places(7, 0, 4).is_empty());
        assert!(places(u64::MAX, 5, 4).iter().all(|place| *place < 5));
    }
}
