//! `check --accept`: the numbers found become the committed ones.

use std::path::Path;

use anyhow::bail;
use kernels::InstructionSet;

use super::snapshot;
use crate::cache::write_whole;
use crate::cli::Options;
use crate::compute::compute;
use crate::exhibit::LongRuns;
use crate::exhibit::settings::Scale;
use crate::images::{ImageConfig, ImageSet, Library};
use crate::output::say;
use crate::progress::TimeLeft;
use crate::reference;
use crate::snapshot::{Origin, Snapshot};
use crate::stored;
use crate::task::Task;
use crate::team::Threads;

/// Writes the numbers of every task as the committed ones: for the data that are there, and for
/// the digits drawn by code that take the place of MNIST where it is not. Numbers may come from
/// stored results: the next check computes them again. Of long runs, those that are finished become
/// the record, and none is made.
///
/// # Errors
/// At quick scale, whose numbers are snapshots; when a task fails or a file cannot be written.
pub fn accept(
    tasks: &[Task],
    library: &mut Library,
    folder: &Path,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    if options.scale == Scale::Quick {
        bail!("the numbers of quick scale are snapshots: accept them with cargo insta review");
    }
    let (cache, _lock) = stored::open(&options.out)?;
    let (mut files, mut are_sound) = (0, true);
    for task in tasks {
        for config in with_substitutes(task.images(options.data())) {
            let images = config.as_ref().map(|config| library.get(config)).transpose()?;
            let (image_set, long_runs) = (images.as_deref(), LongRuns::Finished);
            let time_left = TimeLeft { now: task.configured.seconds, later: 0.0 };
            let result = compute(
                task,
                image_set,
                &cache,
                options,
                time_left,
                long_runs,
                instructions,
                &Threads,
            )?;
            let stem = task.stem(images.as_ref().map(|images| images.slug.as_str()));
            let path = reference::path(folder, &stem, task.scale);
            if !result.failures.is_empty() {
                are_sound = false;
                say!("{}: not written", path.display());
                result.failures.iter().for_each(|failure| say!("  FAILED {failure}"));
                continue;
            }
            let text = snapshot(task, &result)?;
            if let (Scale::Long, Some(record)) = (task.scale, &result.json) {
                write_whole(&reference::record_path(folder, &task.name), record)?;
                files += 1;
            }
            write_whole(&path, &Snapshot::file(&Origin::of(task), &text))?;
            files += 1;
            let numbers = result.records.numbers().len();
            say!("{}: {numbers} numbers written", path.display());
        }
    }
    say!("\n{files} files written");
    Ok(are_sound)
}

/// The images an exhibit asks for, and those that take their place where they are not there.
fn with_substitutes(images: Option<ImageConfig>) -> Vec<Option<ImageConfig>> {
    match images {
        Some(config) if config.set == ImageSet::Digits => {
            let drawn = ImageConfig { set: ImageSet::GeneratedDigits, ..config.clone() };
            vec![Some(config), Some(drawn)]
        }
        images => vec![images],
    }
}
