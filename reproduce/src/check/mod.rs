//! `check`: every number again, beside the committed one.
//!
//! What was not compared is never counted as agreeing: another title, a line too few or too many
//! and a file of another form are differences, and an exhibit whose data are not there is a
//! skip that the sum counts and names.

mod accept;
mod comparison;
mod history;
mod report;
mod tally;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use kernels::InstructionSet;

use crate::cache::Cache;
use crate::cli::{CheckOptions, Speech};
use crate::compute::compute;
use crate::exhibit::LongRuns;
use crate::exhibit::settings::Scale;
use crate::exhibits::built_in;
use crate::expected::Expected;
use crate::images::Library;
use crate::output::say;
use crate::plan::{self, Planned, Purpose};
use crate::reference;
use crate::requests::{self, Skipped};
use crate::result::ExhibitResult;
use crate::snapshot::{Origin, Snapshot};
use crate::stop::Scratch;
use crate::stored;
use crate::task::Task;
use crate::team::Threads;
use crate::text::wrapped;
use accept::accept;
pub(crate) use comparison::Comparison;
use report::Checked;
use tally::{Finding, Tally};

/// Computes the exhibits and compares them with the committed numbers, or writes those with
/// `accept`. True when something was compared and all of it agrees.
///
/// # Errors
/// Wrong input, missing committed numbers, or a failure while computing.
pub fn check(request: &CheckOptions, instructions: InstructionSet) -> anyhow::Result<bool> {
    let (folder, options) = (&request.reference, &request.options);
    let (tasks, skipped) = tasks(request)?;
    let mut library = Library::new(options.data());
    if request.accept {
        return accept(&tasks, &mut library, folder, options, instructions);
    }
    let paths: Vec<PathBuf> = tasks
        .iter()
        .map(|task| {
            let set = task.configured.experiment.images().map(|config| config.set);
            let set = set.map(|set| set.in_directory(options.data()));
            let slug = set.and_then(|set| set.slugs().first().copied());
            reference::path(folder, &task.stem(slug), task.scale)
        })
        .collect();
    are_there(&paths, folder, options.scale)?;
    let times = Cache::new(stored::folder(&options.out));
    let planned: Vec<Planned> = tasks
        .iter()
        .map(|task| Planned { task, is_stored: false, expected: Expected::of(task, &times) })
        .collect();
    if !request.markdown {
        plan::show(Purpose::Compare(folder), &planned, &skipped, options);
    }
    let images = requests::images(&tasks, &vec![true; tasks.len()], &mut library)?;
    // Nothing that an earlier run stored may take part in a check.
    let fresh = Scratch::new()?;
    let cache = Cache::new(fresh.path());
    let mut tally = Tally { skipped, ..Tally::default() };
    let mut all = Vec::with_capacity(tasks.len());
    for (place, ((task, images), path)) in tasks.iter().zip(&images).zip(&paths).enumerate() {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut reason = None;
        let finding = match old.parse::<Snapshot>() {
            Err(error) => Finding::Unreadable(error),
            Ok(old) => {
                let (images, long_runs) = (images.as_deref(), LongRuns::Again);
                let time_left = plan::time_left(&planned[place..]);
                let result = compute(
                    task,
                    images,
                    &cache,
                    options,
                    time_left,
                    long_runs,
                    instructions,
                    &Threads,
                )?;
                let new = snapshot(task, &result)?.parse()?;
                let comparison = Comparison::of(&old, &new);
                reason = report::reason(old.origin.as_ref(), &Origin::of(task));
                Finding::Compared { comparison, failures: result.failures }
            }
        };
        tally.add(&finding);
        let checked = Checked { name: task.name.clone(), path: path.clone(), finding, reason };
        if options.speech.json {
            say!("{}", report::event(&checked));
        } else if !options.speech.quiet && !request.markdown {
            say!("{}", report::line(&checked));
        }
        all.push(checked);
    }
    let agrees = tally.is_agreement(request.strict);
    match options.speech {
        Speech { json: true, .. } => say!("{}", tally.json()),
        _ if request.markdown => say!("{}", report::markdown(&all, &tally)),
        Speech { quiet: true, .. } if agrees => {}
        _ => report::show(&all, &tally),
    }
    Ok(agrees)
}

/// The tasks asked for whose numbers can be compared, and what was skipped.
fn tasks(request: &CheckOptions) -> anyhow::Result<(Vec<Task>, Vec<Skipped>)> {
    let (requests, options) = (&request.exhibits, &request.options);
    let is_named = !requests.is_empty();
    let (times, tasks): (Vec<Task>, Vec<Task>) =
        requests::tasks(requests, options)?.into_iter().partition(|task| task.exhibit.is_timing);
    let times: Vec<&str> = times.iter().map(|task| task.name.as_str()).collect();
    ensure!(
        !is_named || times.is_empty(),
        "{}: times are other ones every time; there is nothing to compare them with",
        times.join(", ")
    );
    let Speech { json, quiet, .. } = options.speech;
    if !(is_named || json || quiet || request.markdown) {
        let longer: Vec<&str> =
            built_in().filter(|(_, own)| own.is_long).map(|(_, own)| own.name).collect();
        say!("{}", wrapped("not compared: ", &format!("times ({})", times.join(", "))));
        say!("{}", wrapped("not compared unless named: ", &longer.join(", ")));
    }
    requests::with_data(tasks, is_named, options)
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
