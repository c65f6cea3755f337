//! `check`: every number again, beside the committed one.
//!
//! What was not compared is never counted as agreeing: another title, a line too few or too many
//! and a file of another form are differences, and an exhibit whose data are not there is a
//! skip that the last line counts and names.

mod accept;
mod comparison;
mod history;
mod report;
mod tally;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use kernels::InstructionSet;

use crate::cache::Cache;
use crate::cli::{CheckOptions, Options};
use crate::compute::compute;
use crate::exhibit::LongRuns;
use crate::exhibit::settings::Scale;
use crate::exhibits::built_in;
use crate::images::Library;
use crate::output::say;
use crate::plan::{self, Purpose};
use crate::reference;
use crate::requests;
use crate::result::ExhibitResult;
use crate::snapshot::Snapshot;
use crate::stop::Scratch;
use crate::task::Task;
use accept::accept;
use comparison::Comparison;
use tally::{Finding, Tally};

/// Computes the exhibits and compares them with the committed numbers, or writes those with
/// `accept`. True when something was compared and all of it agrees.
///
/// # Errors
/// Wrong input, missing committed numbers, or a failure while computing.
pub fn check(
    request: &CheckOptions,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    let folder = &request.reference;
    let (tasks, skipped) = tasks(&request.exhibits, options)?;
    let mut library = Library::new(options.data());
    let images = requests::images(&tasks, &mut library)?;
    if request.accept {
        return accept(&tasks, &mut library, folder, options, instructions);
    }
    let paths: Vec<PathBuf> = tasks
        .iter()
        .zip(&images)
        .map(|(task, images)| {
            let stem = task.stem(images.as_ref().map(|images| images.slug.as_str()));
            reference::path(folder, &stem, task.scale)
        })
        .collect();
    are_there(&paths, folder, options.scale)?;
    let none_stored = vec![false; tasks.len()];
    plan::show(Purpose::Compare(folder), &tasks, &images, &none_stored, options);
    // Nothing that an earlier run stored may take part in a check.
    let fresh = Scratch::new()?;
    let cache = Cache::new(fresh.path());
    let mut tally = Tally { skipped, ..Tally::default() };
    for ((task, images), path) in tasks.iter().zip(&images).zip(&paths) {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let finding = match old.parse() {
            Err(error) => Finding::Unreadable(error),
            Ok(old) => {
                let (images, long_runs) = (images.as_deref(), LongRuns::Again);
                let result = compute(task, images, &cache, options, long_runs, instructions)?;
                let new = snapshot(task, &result)?.parse()?;
                let comparison = Comparison::of(&old, &new);
                Finding::Compared { comparison, failures: result.failures }
            }
        };
        if options.json {
            say!("{}", report::event(&task.name, path, &finding));
        } else {
            report::show(&task.name, path, &finding);
        }
        tally.add(&finding);
    }
    let last = if options.json { tally.json().to_string() } else { format!("\n{tally}") };
    say!("{last}");
    Ok(tally.is_agreement(request.strict))
}

/// The tasks asked for whose numbers can be compared, and why others were skipped.
fn tasks(requests: &[String], options: &Options) -> anyhow::Result<(Vec<Task>, Vec<String>)> {
    let is_named = !requests.is_empty();
    let (times, tasks): (Vec<Task>, Vec<Task>) =
        requests::tasks(requests, options)?.into_iter().partition(|task| task.exhibit.is_timing);
    let times: Vec<&str> = times.iter().map(|task| task.name.as_str()).collect();
    ensure!(
        !is_named || times.is_empty(),
        "{}: times are other ones every time; there is nothing to compare them with",
        times.join(", ")
    );
    let (tasks, skipped) = requests::with_data(tasks, is_named, options)?;
    if !is_named && !options.json {
        let longer: Vec<&str> =
            built_in().filter(|(_, own)| own.is_long).map(|(_, own)| own.name).collect();
        say!("not compared: times ({})", times.join(", "));
        say!("not compared unless named: {}", longer.join(", "));
    }
    Ok((tasks, skipped))
}

/// Makes sure that there is something to compare with before anything is computed.
fn are_there(paths: &[PathBuf], folder: &Path, scale: Scale) -> anyhow::Result<()> {
    if !folder.is_dir() {
        bail!(
            "there is no folder {} with committed numbers: check runs in the repository's folder, \
             or with --reference DIR",
            folder.display()
        );
    }
    let missing: Vec<String> =
        paths.iter().filter(|p| !p.exists()).map(|p| p.display().to_string()).collect();
    ensure!(
        missing.is_empty(),
        "{}: there are no committed numbers of {scale} scale to compare with",
        missing.join(", ")
    );
    Ok(())
}

/// The numbers of a result as they are committed.
fn snapshot(task: &Task, result: &ExhibitResult) -> anyhow::Result<String> {
    let text = result.snapshot(&task.name, &task.scale.to_string());
    let is_one = text.parse::<Snapshot>().map(|_| ());
    is_one.with_context(|| format!("{}: its numbers cannot be compared", task.name))?;
    Ok(text)
}
