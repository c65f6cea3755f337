//! Which exhibits a command is for, and the data they need.

use std::path::Path;
use std::sync::Arc;

use training::machine;

use crate::cli::Options;
use crate::data::catalogue::DataSet;
use crate::exhibits::built_in_at;
use crate::file_names::share_files;
use crate::images::{ImageConfig, ImageSet, Images, Library};
use crate::progress::Progress;
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

/// An exhibit that is not computed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// What it lacks, with what would get that.
    pub reason: String,
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
) -> anyhow::Result<(Vec<Task>, Vec<Skipped>)> {
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
            (Some(missing), _) => lack_of(missing, options.data()),
        };
        anyhow::ensure!(!by_name, "{}: {reason}", task.name);
        skipped.push(Skipped { name: task.name, reason });
    }
    Ok((ready, skipped))
}

/// That the data directory does not hold a set, with the command that gets it where there is one.
pub fn lack_of(missing: &str, directory: &Path) -> String {
    let lack = format!("no {missing} in {}", directory.display());
    let Some(set) = DataSet::named(&missing.to_lowercase()) else { return lack };
    format!("{lack} ({} gets it)", set.fetch_command(directory))
}

/// Which images a task computes with, in words; none where it needs none.
pub fn data_of(task: &Task, directory: &Path) -> Option<String> {
    let folder = task.configured.experiment.folder().map(|folder| format!("files of {folder}"));
    let Some(config) = task.images(directory) else { return folder };
    Some(match config.set {
        ImageSet::Digits if config.set.in_directory(directory) != ImageSet::Mnist => {
            format!("digits drawn by code (no MNIST in {})", directory.display())
        }
        _ => config.words(directory),
    })
}

/// The images of the tasks that are to be computed, read before anything is computed or written;
/// none of the others and of those that need none.
///
/// # Errors
/// When a file of a set is missing or damaged.
pub fn images(
    tasks: &[Task],
    is_computed: &[bool],
    library: &mut Library,
) -> anyhow::Result<Vec<Option<Arc<Images>>>> {
    let directory = library.directory().to_path_buf();
    let wanted = tasks.iter().zip(is_computed);
    let wanted = wanted.map(|(task, is_computed)| task.images(&directory).filter(|_| *is_computed));
    let wanted: Vec<Option<ImageConfig>> = wanted.collect();
    let progress = Progress::reading();
    let images = wanted.iter().map(|config| {
        let Some(config) = config else { return Ok(None) };
        progress.say(&config.words(&directory));
        Ok(Some(library.get(config)?))
    });
    let images = images.collect();
    progress.finish();
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_followed_by_the_command_that_gets_it_where_there_is_one() {
        let lack = |missing, directory| lack_of(missing, Path::new(directory));
        assert_eq!(
            lack("CIFAR-10", "data"),
            "no CIFAR-10 in data (reproduce data fetch cifar-10 gets it)"
        );
        assert_eq!(
            lack("MNIST", "/srv/data"),
            "no MNIST in /srv/data (reproduce data fetch mnist --data /srv/data gets it)"
        );
        assert_eq!(lack("Iris", "data"), "no Iris in data");
    }
}
