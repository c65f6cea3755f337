//! The runs: made side by side, unless they are committed or stored.

use std::ops::ControlFlow;

use anyhow::{Context as _, ensure};

use super::long_run::{LongRun, Wanted};
use super::record::Record;
use super::settings::WholeTraining;
use super::times::Times;
use crate::exhibit::networks::learnt::Learnt;
use crate::exhibit::networks::one_run::{Marks, key, stored};
use crate::exhibit::{Environment, LongRuns};
use crate::parallel;

/// The runs that there are, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Made {
    /// With the places of their arms.
    pub runs: Vec<(usize, LongRun)>,
    /// What whole trainings took, where some were timed.
    pub times: Option<Times>,
    /// How runs that were made again differ from what is committed.
    pub failures: Vec<String>,
}

/// The committed record; an empty one where there is none.
///
/// # Errors
/// When it is damaged.
pub fn committed(environment: &Environment) -> anyhow::Result<Record> {
    let record = environment.record.map(Record::read).transpose();
    Ok(record.context("its committed record")?.unwrap_or_default())
}

impl WholeTraining {
    /// Makes the runs that `environment` asks for.
    ///
    /// # Errors
    /// When the record is damaged, a run diverges or cannot be stored, or nothing is finished that
    /// could be collected.
    pub fn make(&self, environment: &Environment) -> anyhow::Result<Made> {
        let text = self.text(environment)?;
        let learnt = self.learnt(environment, text.as_ref())?;
        let record = committed(environment)?;
        let of_record = |wanted: &Wanted| {
            let run = record.get(&wanted.name, wanted.config.seed)?;
            let is_same = run.is_of(&wanted.config) && run.images.checksum == learnt.checksum();
            is_same.then_some(run)
        };
        // Timed first: the machine is theirs alone, and they are the fewest.
        let times = self.times(environment, record.times().cloned(), learnt)?;
        let (mut made, mut to_make) = (Made { times, ..Made::default() }, Vec::new());
        for wanted in self.wanted(environment.seed)? {
            let known = match environment.long_runs {
                LongRuns::Again if of_record(&wanted).is_some() => None,
                LongRuns::Again => continue,
                LongRuns::Missing | LongRuns::Finished => match of_record(&wanted) {
                    Some(run) => Some(run.clone()),
                    None => environment.cache.get(&key_of(&wanted, learnt)?),
                },
            };
            match known {
                Some(run) => made.runs.push((wanted.arm, run)),
                None if environment.long_runs == LongRuns::Finished => {}
                None => to_make.push(wanted),
            }
        }
        let all_steps = to_make.iter().map(|wanted| learnt.steps(&wanted.config)).sum();
        environment.progress.set_length(all_steps);
        let side_by_side = rayon::current_num_threads().clamp(1, to_make.len().max(1));
        let runs = parallel::map(&to_make, |wanted| {
            let run = make_one(environment, wanted, learnt, side_by_side);
            run.with_context(|| format!("{}, seed {}", wanted.name, wanted.config.seed))
        })?;
        for (wanted, run) in to_make.iter().zip(runs) {
            let committed = of_record(wanted).filter(|_| environment.long_runs == LongRuns::Again);
            made.failures.extend(committed.and_then(|old| {
                let difference = old.difference_to(&run)?;
                Some(format!(
                    "the committed run of {} does not come out again: {difference}",
                    name(&run)
                ))
            }));
            made.runs.push((wanted.arm, run));
        }
        made.runs.sort_by_key(|(arm, run)| (*arm, run.seed));
        let is_to_be_accepted = environment.long_runs == LongRuns::Finished;
        let is_nothing = made.runs.is_empty() && made.times.is_none();
        ensure!(!is_to_be_accepted || !is_nothing, "no long run of it is finished");
        Ok(made)
    }
}

/// "top-k at 0.5 (seed 2)".
pub fn name(run: &LongRun) -> String {
    format!("{} (seed {})", run.arm, run.seed)
}

fn key_of(wanted: &Wanted, learnt: Learnt) -> anyhow::Result<String> {
    key("whole training", &wanted.config, learnt)
}

fn make_one(
    environment: &Environment,
    wanted: &Wanted,
    learnt: Learnt,
    side_by_side: usize,
) -> anyhow::Result<LongRun> {
    let mut seen = 0;
    let mut observe = |progress: training::train::Progress| {
        // A run that goes on begins with all the steps that it had made.
        environment.progress.advance(progress.steps - seen);
        seen = progress.steps;
        ControlFlow::Continue(())
    };
    let (key, config) = (key_of(wanted, learnt)?, &wanted.config);
    let run =
        stored(environment, &key, config, learnt, Marks::Some, &mut observe, |run, diary| {
            Ok(LongRun::new(wanted, learnt, (run, diary), side_by_side)?)
        })?;
    let seconds = run.provenance.training_seconds;
    log::info!("{} is finished after {seconds:.0} s of training", name(&run));
    Ok(run)
}
