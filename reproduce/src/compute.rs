//! Computing one task, with its progress on the terminal.

use kernels::InstructionSet;

use crate::cache::Cache;
use crate::cli::Options;
use crate::exhibit::settings::Scale;
use crate::exhibit::{Environment, LongRuns};
use crate::images::Images;
use crate::progress::{Progress, TimeLeft};
use crate::result::ExhibitResult;
use crate::task::Task;
use crate::team::Team;

/// The result of a task; parts of it may come from `cache`, those of long scale are
/// made as `long_runs` says.
///
/// # Errors
/// Those of the experiment.
pub fn compute(
    task: &Task,
    images: Option<&Images>,
    cache: &Cache,
    options: &Options,
    time_left: TimeLeft,
    long_runs: LongRuns,
    instructions: InstructionSet,
    team: &dyn Team,
) -> anyhow::Result<ExhibitResult> {
    let is_long = task.scale == Scale::Long;
    let long_runs = if is_long { long_runs } else { LongRuns::Missing };
    let progress = if options.speech.quiet {
        Progress::hidden()
    } else {
        Progress::new(&task.name, time_left)
    };
    let result = task.run(&Environment {
        seed: task.seed,
        instructions,
        images,
        data: options.data(),
        record: task.record,
        long_runs,
        team,
        cache,
        progress: &progress,
    });
    progress.finish();
    result
}
