//! `check`: every number again, beside the committed one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use kernels::InstructionSet;

use crate::cache::{Cache, write_whole};
use crate::cli::Options;
use crate::exhibit::config::Scale;
use crate::exhibit::{Context, Task};
use crate::images::Library;
use crate::progress::Progress;
use crate::run;

/// A number that is not the committed one.
#[derive(Debug, PartialEq)]
pub struct Difference {
    /// The number's name.
    pub name: String,
    /// The committed value with its unit, if there is one.
    pub old: Option<String>,
    /// The value found with its unit, if there is one.
    pub new: Option<String>,
}

impl Difference {
    /// Name, old, new and relative change on one line.
    pub fn line(&self) -> String {
        let show = |value: &Option<String>| value.clone().unwrap_or("none".to_string());
        let number =
            |value: &Option<String>| value.as_ref()?.split(' ').next()?.parse::<f64>().ok();
        let change = match (number(&self.old), number(&self.new)) {
            (Some(old), Some(new)) if old != 0.0 => {
                format!("{:+.2e} relative", (new - old) / old.abs())
            }
            _ => "no relative change".to_string(),
        };
        format!("{}: {} -> {} ({change})", self.name, show(&self.old), show(&self.new))
    }
}

/// The file that holds the numbers of a task ([`Task::stem`]): the snapshot that the tests
/// compare at quick scale, a plain text of the same form at the others.
pub fn reference_path(folder: &Path, stem: &str, scale: Scale) -> PathBuf {
    let ending = if scale == Scale::Quick { "snap" } else { "txt" };
    folder.join(format!("{stem}.{scale}.{ending}"))
}

/// The numbers that differ between two snapshots, by name.
pub fn differences(old: &str, new: &str) -> Vec<Difference> {
    let (old, new) = (numbers(old), numbers(new));
    let names: std::collections::BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    names
        .into_iter()
        .filter(|name| old.get(name) != new.get(name))
        .map(|name| Difference {
            name: name.to_string(),
            old: old.get(name).map(|value| value.to_string()),
            new: new.get(name).map(|value| value.to_string()),
        })
        .collect()
}

/// Which commit last changed each line of a file of numbers; empty where git cannot tell.
struct History<'a> {
    /// The committed lines, in order.
    lines: Vec<&'a str>,
    /// The commit of each.
    commits: Vec<String>,
}

impl<'a> History<'a> {
    fn of(path: &Path, text: &'a str) -> Self {
        let folder = path.parent().unwrap_or(Path::new("."));
        let blame = path.file_name().and_then(|file| {
            let mut git = Command::new("git");
            git.arg("-C").arg(folder).args(["blame", "-s", "--"]).arg(file);
            git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
        });
        let blame = blame.filter(|output| output.status.success());
        let commits = blame.map_or(Vec::new(), |output| {
            let commit = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
            String::from_utf8_lossy(&output.stdout).lines().map(commit).collect()
        });
        History { lines: text.lines().collect(), commits }
    }

    /// "last changed by COMMIT", for the number of this name.
    fn last_change(&self, name: &str) -> Option<String> {
        let is_line = |line: &&str| line.split_once(" = ").is_some_and(|(found, _)| found == name);
        let commit = self.commits.get(self.lines.iter().position(is_line)?)?;
        let is_committed = !commit.trim_matches(['0', '^']).is_empty();
        Some(match is_committed {
            true => format!("last changed by {commit}"),
            false => "changed here, not committed".to_string(),
        })
    }
}

fn numbers(snapshot: &str) -> BTreeMap<&str, &str> {
    snapshot.lines().filter_map(|line| line.split_once(" = ")).collect()
}

/// The title line: exhibit, data set and scale.
fn title(snapshot: &str) -> Option<&str> {
    snapshot.lines().find(|line| line.contains(" · "))
}

/// Computes the exhibits and compares them with `reference`, or writes it with `accept`.
/// True when all numbers agree.
///
/// # Errors
/// Wrong input, a missing reference, or a failure while computing.
pub fn check(
    requests: &[String],
    reference: &Path,
    accept: bool,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    let tasks: Vec<Task> =
        run::tasks(requests, options)?.into_iter().filter(|task| !task.exhibit.is_timing).collect();
    let tasks = run::with_data(tasks, !requests.is_empty(), options)?;
    let images = run::images(&tasks, &mut Library::new(&options.data))?;
    let path = |task: &Task, images: &Option<_>| {
        reference_path(reference, &task.stem(Option::as_deref(images)), options.scale)
    };
    if accept && options.scale == Scale::Quick {
        bail!("the numbers of quick scale are snapshots: accept them with cargo insta review");
    }
    if !accept
        && let Some(missing) = tasks
            .iter()
            .zip(&images)
            .map(|(task, images)| path(task, images))
            .find(|path| !path.exists())
    {
        bail!("{}: there are no committed numbers to compare with", missing.display());
    }
    // Nothing that an earlier run stored may take part in a check. New committed numbers may come
    // from stored ones: the next check computes them again.
    let fresh = tempfile::tempdir().context("a temporary folder")?;
    let stored = run::cache_folder(&options.out);
    let cache = Cache::new(if accept { &stored } else { fresh.path() });
    let mut all_agree = true;
    for (task, images) in tasks.iter().zip(&images) {
        let progress = Progress::new(&task.name);
        let context = Context {
            seed: task.seed,
            instructions,
            images: images.as_deref(),
            data: &options.data,
            cache: &cache,
            progress: &progress,
        };
        let result = task.run(&context);
        progress.finish();
        let new = result?.snapshot(&task.name, &options.scale.to_string());
        let path = path(task, images);
        if accept {
            write_whole(&path, &new)?;
            println!("{}: {} numbers written", path.display(), numbers(&new).len());
            continue;
        }
        let old = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if title(&old) != title(&new) {
            println!(
                "{}: skipped: the committed numbers are for {:?}, these are {:?}",
                task.name,
                title(&old).unwrap_or_default(),
                title(&new).unwrap_or_default()
            );
            continue;
        }
        let differences = differences(&old, &new);
        let history = History::of(&path, &old);
        println!("{}: {} of {} numbers differ", task.name, differences.len(), numbers(&old).len());
        for difference in &differences {
            let last = history.last_change(&difference.name);
            println!("  {}{}", difference.line(), last.map_or(String::new(), |c| format!("; {c}")));
        }
        all_agree &= differences.is_empty();
    }
    Ok(all_agree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_snapshots_have_no_difference() {
        let text = "demo · data · quick\nk=1 error = 0.500000 %\n";
        assert_eq!(differences(text, text), []);
    }

    #[test]
    fn a_changed_number_is_named_with_its_relative_change() {
        let found = differences("t\na = 0.5 %\nb = 1 %\n", "t\na = 0.25 %\nb = 1 %\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line(), "a: 0.5 % -> 0.25 % (-5.00e-1 relative)");
    }

    #[test]
    fn a_number_that_appears_or_disappears_is_a_difference() {
        let found = differences("a = 1 %\n", "b = 1 %\n");
        assert_eq!(found[0].line(), "a: 1 % -> none (no relative change)");
        assert_eq!(found[1].line(), "b: none -> 1 % (no relative change)");
    }
}
