//! `run` and `list`: the plan, then exhibit after exhibit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use kernels::InstructionSet;
use serde_json::json;
use training::file::remove_abandoned;

use crate::cache::{Cache, sha256, write_whole};
use crate::cli::Options;
use crate::exhibit::{Context, EXHIBITS, Task};
use crate::files;
use crate::images::{ImageSet, Images, Library};
use crate::lock::CacheLock;
use crate::memory;
use crate::names::share_files;
use crate::output::say;
use crate::progress::Progress;
use crate::result::{ExhibitResult, significant};
use crate::site;

/// The tasks that the names ask for; every exhibit when there are none.
///
/// # Errors
/// That of the first name or file that is wrong, or would write the files of another.
pub fn tasks(requests: &[String], options: &Options) -> anyhow::Result<Vec<Task>> {
    let all: Vec<String> = EXHIBITS.iter().map(|exhibit| exhibit.name.to_string()).collect();
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
    let machine = memory::of_machine();
    for mut task in tasks {
        let missing = task.configured.experiment.missing_from(options.data());
        if missing.is_none() {
            task.look_at_images(options.data())?;
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

/// The folder of finished results: `.sampled` beside the output folder.
pub fn cache_folder(out: &Path) -> PathBuf {
    match out.parent() {
        Some(parent) if parent != Path::new("") => parent.join(".sampled"),
        _ => PathBuf::from(".sampled"),
    }
}

/// The stored results beside `out`, for this run alone. What a run that was killed has not written
/// to the end is removed.
///
/// # Errors
/// When the folder cannot be written.
pub fn open_cache(out: &Path) -> anyhow::Result<(Cache, CacheLock)> {
    let folder = cache_folder(out);
    let lock = CacheLock::take(&folder)?;
    for folder in [folder.as_path(), out, &out.join("notes")] {
        remove_abandoned(folder);
    }
    Ok((Cache::new(folder), lock))
}

/// Computes the exhibits and writes their files. True when nothing that was checked failed.
///
/// # Errors
/// The first wrong input, before anything is written, or the first failure after.
pub fn run(
    requests: &[String],
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    let (tasks, _) = with_data(tasks(requests, options)?, !requests.is_empty(), options)?;
    let mut library = Library::new(options.data());
    let images = images(&tasks, &mut library)?;
    files::check_writable(&options.out)?;
    let (cache, _lock) = open_cache(&options.out)?;
    let keys: Vec<String> =
        tasks.iter().zip(&images).map(|(task, i)| key(task, i.as_deref(), instructions)).collect();
    // A time is measured again whenever it is asked for by name.
    let stored: Vec<Option<ExhibitResult>> = tasks
        .iter()
        .zip(&keys)
        .map(|(task, key)| {
            let again = task.exhibit.is_timing && !requests.is_empty();
            if again { None } else { cache.get(key) }
        })
        .collect();
    warn_of_settings_without_effect(&tasks, options);
    show_plan(&tasks, &images, &stored, options);
    let mut results = Vec::with_capacity(tasks.len());
    for (((task, images), key), stored) in tasks.iter().zip(&images).zip(&keys).zip(stored) {
        let started = Instant::now();
        let is_stored = stored.is_some();
        let result = match stored {
            Some(result) => result,
            None => {
                let progress = Progress::new(&task.name);
                let context = Context {
                    seed: task.seed,
                    instructions,
                    images: images.as_deref(),
                    data: options.data(),
                    cache: &cache,
                    progress: &progress,
                };
                let result = task.run(&context);
                progress.finish();
                let result = result?;
                cache.put(key, &result)?;
                result
            }
        };
        let files = files::of_exhibit(task, &result)?;
        files::write(&options.out, &files)?;
        let seconds = started.elapsed().as_secs_f64();
        let paths: Vec<String> =
            files.iter().map(|(name, _)| options.out.join(name).display().to_string()).collect();
        if options.json {
            let event = json!({
                "event": "exhibit", "name": task.name, "cached": is_stored,
                "seconds": seconds, "files": paths,
            });
            say!("{event}");
        } else {
            let time = if is_stored { "stored".into() } else { format!("{seconds:.1} s") };
            say!("{:<22} {time:>8}  {}", task.name, paths.join(" "));
        }
        results.push(result);
    }
    let failures: Vec<String> = tasks
        .iter()
        .zip(&results)
        .flat_map(|(task, result)| result.failures.iter().map(|f| format!("{}: {f}", task.name)))
        .collect();
    files::write_list(&options.out)?;
    let stored = Stored { cache: &cache, library };
    write_page(&tasks, &images, results, stored, options, instructions)?;
    let page = options.out.join("index.html").display().to_string();
    if options.json {
        say!("{}", json!({"event": "done", "open": page, "failures": failures}));
    } else {
        for failure in &failures {
            say!("\nFAILED {failure}");
        }
        say!("\nOpen {page}");
    }
    Ok(failures.is_empty())
}

/// Results of earlier runs, and the images that say which are for the same data.
struct Stored<'a> {
    cache: &'a Cache,
    library: Library,
}

/// Writes the page: every built-in exhibit, as computed now or before, and the user's own.
fn write_page(
    tasks: &[Task],
    images: &[Option<Arc<Images>>],
    results: Vec<ExhibitResult>,
    mut stored: Stored,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<()> {
    let mut pages = Vec::new();
    for ((task, images), result) in tasks.iter().zip(images).zip(results) {
        pages.push(site::ExhibitPage::of_task(task, images.as_deref(), Some(result))?);
    }
    for other in self::tasks(&[], options)? {
        if tasks.iter().any(|task| task.name == other.name) {
            continue;
        }
        // An exhibit whose images are missing has not been computed.
        let images = other.configured.experiment.images().map(|config| stored.library.get(&config));
        let (images, result) = match images.transpose() {
            Ok(images) => {
                let result = stored.cache.get(&key(&other, images.as_deref(), instructions));
                (images, result)
            }
            Err(error) => {
                log::info!("{}: not shown: {error}", other.name);
                (None, None)
            }
        };
        pages.push(site::ExhibitPage::of_task(&other, images.as_deref(), result)?);
    }
    pages.sort_by_key(|page| {
        EXHIBITS.iter().position(|exhibit| exhibit.name == page.name).unwrap_or(EXHIBITS.len())
    });
    let provenance = site::Provenance {
        scale: options.scale.to_string(),
        seed: options.seed,
        version: env!("CARGO_PKG_VERSION").to_string(),
        instructions: instructions.to_string(),
    };
    let result = |name: &str| {
        let page = pages.iter().find(|page| page.name == name)?;
        page.result.as_ref()
    };
    let suite = result("claims").and_then(|claims| claims.json.as_deref());
    let suite = suite.map(serde_json::from_str).transpose().context("stored claims")?;
    let claims = suite.map(|suite| site::of_suite(&suite, site::NOTES));
    let headline = site::headline_tables(&pages);
    if let Some(tables) = &headline {
        write_whole(&options.out.join("headline.md"), &site::headline_report(tables))?;
    }
    let page = site::Site {
        exhibits: &pages,
        claims: claims.as_deref(),
        headline: headline.as_deref(),
        notes: site::NOTES,
        provenance,
    };
    site::write(&options.out, &page)
}

/// The images of every task that trains, read before anything is computed or written.
///
/// # Errors
/// When a file of a set is missing or damaged.
pub fn images(tasks: &[Task], library: &mut Library) -> anyhow::Result<Vec<Option<Arc<Images>>>> {
    let wanted = tasks.iter().map(|task| task.configured.experiment.images());
    wanted.map(|config| Ok(config.map(|config| library.get(&config)).transpose()?)).collect()
}

/// What the stored result of the whole exhibit depends on.
fn key(task: &Task, images: Option<&Images>, instructions: InstructionSet) -> String {
    let key = task.key(images);
    if task.exhibit.is_timing {
        format!("{key} instructions {instructions} threads {}", rayon::current_num_threads())
    } else {
        key
    }
}

/// A setting that changes nothing is no error, and seldom what was meant.
fn warn_of_settings_without_effect(tasks: &[Task], options: &Options) {
    for warning in tasks.iter().flat_map(Task::warnings) {
        if options.json {
            say!("{}", json!({"event": "warning", "message": warning}));
        } else {
            log::warn!("{warning}");
        }
    }
}

fn show_plan(
    tasks: &[Task],
    images: &[Option<Arc<Images>>],
    stored: &[Option<ExhibitResult>],
    options: &Options,
) {
    let seconds: f64 = tasks
        .iter()
        .zip(stored)
        .filter(|(_, stored)| stored.is_none())
        .filter_map(|(task, _)| task.configured.seconds)
        .fold(0.0, |sum, seconds| sum + seconds);
    if options.json {
        let exhibits: Vec<_> = tasks
            .iter()
            .zip(images)
            .zip(stored)
            .map(|((task, images), stored)| {
                json!({
                    "name": task.name, "cached": stored.is_some(),
                    "data": data_of(task, images.as_deref(), options),
                    "estimated_seconds": task.configured.seconds,
                    "settings": sha256(task.configured.settings.as_bytes()),
                })
            })
            .collect();
        say!(
            "{}",
            json!({
                "event": "plan", "scale": options.scale.to_string(), "seed": options.seed,
                "estimated_seconds": seconds, "exhibits": exhibits,
            })
        );
        return;
    }
    say!("Plan: scale {}, seed {}, into {}", options.scale, options.seed, options.out.display());
    for ((task, images), stored) in tasks.iter().zip(images).zip(stored) {
        let time = match stored {
            Some(_) => "stored".to_string(),
            None => about(task.configured.seconds),
        };
        let title = task.exhibit.title;
        let only = match task.scale == options.scale {
            true => String::new(),
            false => format!("; its only block, {}", task.scale),
        };
        say!("  {:<22} {time:<14} {title}{only}", task.name);
        if let Some(data) = data_of(task, images.as_deref(), options) {
            say!("  {:<37} on {data}", "");
        }
    }
    let is_known = tasks.iter().all(|task| task.configured.seconds.is_some());
    let rest = if is_known { "" } else { ", and what has no estimate" };
    say!("  together about {} on two cores{rest}\n", duration(seconds));
}

/// Prints every exhibit.
pub fn list(options: &Options) -> anyhow::Result<()> {
    for task in tasks(&[], options)? {
        let exhibit = task.exhibit;
        if options.json {
            let line = json!({
                "name": exhibit.name, "title": exhibit.title, "shows": exhibit.shows,
                "paper": exhibit.paper,
                "needs_data": task.configured.experiment.images().is_some(),
                "missing_data": task.configured.experiment.missing_from(options.data()),
                "estimated_seconds": task.configured.seconds,
            });
            say!("{line}");
        } else {
            say!("{}: {}", exhibit.name, exhibit.title);
            say!("    shows  {}", exhibit.shows);
            say!("    paper  {}", exhibit.paper);
            say!(
                "    takes  {} at {} scale on two cores",
                about(task.configured.seconds),
                options.scale
            );
        }
    }
    Ok(())
}

/// How long settings take, where they say it.
fn about(seconds: Option<f64>) -> String {
    seconds.map_or("no estimate".to_string(), |seconds| format!("about {}", duration(seconds)))
}

/// Seconds in words: "40 s", "7 min", "2.5 h".
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{} h", significant(s / 3600.0, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_unit_that_fits() {
        assert_eq!(duration(40.0), "40 s");
        assert_eq!(duration(420.0), "7 min");
        assert_eq!(duration(9000.0), "2.5 h");
    }

    #[test]
    fn results_are_kept_beside_the_output() {
        assert_eq!(cache_folder(Path::new("figures")), Path::new(".sampled"));
        assert_eq!(cache_folder(Path::new("a/figures")), Path::new("a/.sampled"));
    }
}
