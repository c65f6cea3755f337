//! Computing one task, with its progress on the terminal.

use kernels::InstructionSet;

use crate::cache::Cache;
use crate::cli::Options;
use crate::exhibit::Environment;
use crate::images::Images;
use crate::progress::Progress;
use crate::result::ExhibitResult;
use crate::task::Task;

/// The result of a task; parts of it may come from `cache`.
///
/// # Errors
/// Those of the experiment.
pub fn compute(
    task: &Task,
    images: Option<&Images>,
    cache: &Cache,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<ExhibitResult> {
    let progress = Progress::new(&task.name);
    let result = task.run(&Environment {
        seed: task.seed,
        instructions,
        images,
        data: options.data(),
        cache,
        progress: &progress,
    });
    progress.finish();
    result
}
