//! Which exhibits a command is for, and the data they need.

use std::sync::Arc;

use serde_json::json;
use training::machine;

use crate::cli::Options;
use crate::exhibits::built_in_at;
use crate::file_names::share_files;
use crate::images::{ImageSet, Images, Library};
use crate::output::say;
use crate::task::Task;

/// The tasks that the names ask for; when there are none, every exhibit that has settings of the
/// scale, without the settings that take too long for that.
///
/// # Errors
/// That of the first name or file that is wrong, or would write the files of another.
pub fn tasks(requests: &[String], options: &Options) -> anyhow::Result<Vec<Task>> {
    let short = built_in_at(options.scale).filter(|(_, own)| !own.is_long);
    let all: Vec<String> = short.map(|(_, own)| own.name.to_string()).collect();
    let requests = if requests.is_empty() { &all } else { requests };
    let mut tasks: Vec<Task> = Vec::with_capacity(requests.len());
    for request in requests {
        let task = Task::new(request, options.scale, options.seed)?;
        let same = tasks.iter().position(|other| share_files(&other.name, &task.name));
        if let Some(first) = same {
            anyhow::bail!("{} and {request} would write the same files", requests[first]);
        }
        tasks.push(task);
    }
    Ok(tasks)
}

/// The tasks whose data are there, and for every other why it is skipped; with `by_name`, none may be
/// skipped.
///
/// # Errors
/// Names the first task that was asked for and lacks its data, or whose settings do not fit its
/// images or into memory.
pub fn with_data(
    tasks: Vec<Task>,
    by_name: bool,
    options: &Options,
) -> anyhow::Result<(Vec<Task>, Vec<String>)> {
    let (mut ready, mut skipped) = (Vec::with_capacity(tasks.len()), Vec::new());
    let machine = machine::memory();
    for mut task in tasks {
        let missing = task.configured.experiment.missing_from(options.data());
        if missing.is_none() {
            task.look_at_data(options.data())?;
        }
        let reason = match (missing, task.check_memory(machine)) {
            (None, Ok(())) => {
                ready.push(task);
                continue;
            }
            (None, Err(error)) => return Err(error.into()),
            (Some(missing), _) => format!("no {missing} in {}", options.data().display()),
        };
        anyhow::ensure!(!by_name, "{}: {reason}", task.name);
        if options.json {
            say!("{}", json!({"event": "skipped", "name": task.name, "reason": reason}));
        } else {
            say!("{:<22} skipped: {reason}", task.name);
        }
        skipped.push(reason);
    }
    Ok((ready, skipped))
}

/// Which images a task computes with, in words; none where it needs none.
pub fn data_of(task: &Task, images: Option<&Images>, options: &Options) -> Option<String> {
    let (images, config) = (images?, task.configured.experiment.images()?);
    Some(match config.set {
        ImageSet::Digits if images.slug != "mnist" => {
            format!("digits drawn by code (no MNIST in {})", options.data().display())
        }
        _ => images.description.clone(),
    })
}

/// The images of every task that trains, read before anything is computed or written.
///
/// # Errors
/// When a file of a set is missing or damaged.
pub fn images(tasks: &[Task], library: &mut Library) -> anyhow::Result<Vec<Option<Arc<Images>>>> {
    let directory = library.directory().to_path_buf();
    let wanted = tasks.iter().map(|task| task.images(&directory));
    wanted.map(|config| Ok(config.map(|config| library.get(&config)).transpose()?)).collect()
}
