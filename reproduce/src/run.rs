//! `run`: the plan, then exhibit after exhibit, then the page.

use std::time::Instant;

use kernels::InstructionSet;
use serde_json::json;

use crate::cache::Cache;
use crate::cli::Options;
use crate::compute::compute;
use crate::exhibit::LongRuns;
use crate::expected::{self, Expected};
use crate::files;
use crate::images::{Images, Library};
use crate::output::say;
use crate::page;
use crate::plan::{self, Planned, Purpose};
use crate::progress::TimeLeft;
use crate::requests::{images, tasks, with_data};
use crate::result::ExhibitResult;
use crate::stored::{self, Stored};
use crate::summary::Summary;
use crate::task::Task;
use crate::team::Team;
use crate::text::wrapped;

/// Computes the exhibits and writes their files. True when nothing that was checked failed.
///
/// # Errors
/// The first wrong input, before anything is written, or the first failure after.
pub fn run(
    requests: &[String],
    options: &Options,
    instructions: InstructionSet,
    team: &dyn Team,
) -> anyhow::Result<bool> {
    let is_named = !requests.is_empty();
    let (tasks, skipped) = with_data(tasks(requests, options)?, is_named, options)?;
    let mut library = Library::new(options.data());
    let find = |task: &Task, library: &mut Library, cache: &Cache| {
        let stored = stored::find(task, library, cache, instructions);
        // A time is measured again whenever it is asked for by name.
        let again = task.exhibit.is_timing && is_named;
        Stored { result: stored.result.filter(|_| !again), ..stored }
    };
    warn_of_settings_without_effect(&tasks, options);
    // Nothing is read yet but what is stored, so that the plan is there at once.
    let cache = Cache::new(stored::folder(&options.out));
    let found: Vec<Stored> = tasks.iter().map(|task| find(task, &mut library, &cache)).collect();
    let planned: Vec<Planned> = tasks
        .iter()
        .zip(&found)
        .map(|(task, stored)| Planned {
            task,
            is_stored: stored.result.is_some(),
            expected: Expected::of(task, &cache),
        })
        .collect();
    plan::show(Purpose::Write(&options.out), &planned, &skipped, options);
    let is_new: Vec<bool> = planned.iter().map(|planned| !planned.is_stored).collect();
    let images = images(&tasks, &is_new, &mut library)?;
    files::check_writable(&options.out)?;
    let (cache, _lock) = stored::open(&options.out)?;
    for (task, images) in tasks.iter().zip(&images) {
        if let (Some(config), Some(images)) = (task.images(options.data()), images) {
            library.remember(&config, images, &cache)?;
        }
    }
    let mut results: Vec<ExhibitResult> = Vec::with_capacity(tasks.len());
    let mut checksums: Vec<Option<String>> = Vec::with_capacity(tasks.len());
    for (place, (task, stored)) in tasks.iter().zip(found).enumerate() {
        let started = Instant::now();
        // Another run, for which this one waited, may have computed what was not there.
        let stored = match stored.result {
            Some(_) => stored,
            None => find(task, &mut library, &cache),
        };
        let is_stored = stored.result.is_some();
        let result = match stored.result {
            Some(result) => result,
            None => {
                let images = images[place].as_deref();
                let time_left = plan::time_left(&planned[place..]);
                made(task, images, &cache, options, time_left, instructions, team)?
            }
        };
        let files = files::of_exhibit(task, &result)?;
        files::write(&options.out, &files)?;
        let time = (!is_stored).then(|| started.elapsed().as_secs_f64());
        let paths = files.iter().map(|(name, _)| options.out.join(name).display().to_string());
        say_one(task, &result, time, &paths.collect::<Vec<String>>(), options);
        results.push(result);
        checksums.push(stored.images);
    }
    let failures: Vec<String> = tasks
        .iter()
        .zip(&results)
        .flat_map(|(task, result)| result.failures.iter().map(|f| format!("{}: {f}", task.name)))
        .collect();
    let computed = tasks.iter().zip(&checksums).zip(results);
    let computed = computed.map(|((task, images), result)| (task, images.as_deref(), result));
    let said = page::write(computed.collect(), &mut library, &cache, options, instructions)?;
    let summary = Summary {
        paper: &said.paper,
        statements: said.statements.iter().collect(),
        changes: said.changes,
        skipped: &skipped,
        failures: &failures,
        page: &options.out.join("index.html"),
    };
    summary.show(options);
    Ok(failures.is_empty())
}

/// Computes a task and stores its result, and how long it took where no part of it was stored.
fn made(
    task: &Task,
    images: Option<&Images>,
    cache: &Cache,
    options: &Options,
    time_left: TimeLeft,
    instructions: InstructionSet,
    team: &dyn Team,
) -> anyhow::Result<ExhibitResult> {
    let (started, found) = (Instant::now(), cache.found());
    let result =
        compute(task, images, cache, options, time_left, LongRuns::Missing, instructions, team)?;
    if cache.found() == found {
        expected::learn(task, cache, started.elapsed().as_secs_f64())?;
    }
    let checksum = images.map(|images| images.checksum.as_str());
    cache.put(&stored::key(task, checksum, instructions), &result)?;
    Ok(result)
}

/// Says what an exhibit came to, with the seconds it took where it was computed.
fn say_one(
    task: &Task,
    result: &ExhibitResult,
    seconds: Option<f64>,
    paths: &[String],
    options: &Options,
) {
    if options.speech.json {
        let event = json!({
            "event": "exhibit", "name": task.name, "cached": seconds.is_none(),
            "seconds": seconds.unwrap_or(0.0), "finding": result.finding, "files": paths,
        });
        return say!("{event}");
    }
    paths.iter().for_each(|path| log::info!("written: {path}"));
    if !options.speech.quiet {
        let time = seconds.map_or("stored".to_string(), |seconds| format!("{seconds:.1} s"));
        let start = format!("{:<22} {time:>8}  ", task.name);
        say!(
            "{}",
            wrapped(
                &start,
                if result.finding.is_empty() { &result.title } else { &result.finding }
            )
        );
    }
}

/// A setting that changes nothing is no error, and seldom what was meant.
fn warn_of_settings_without_effect(tasks: &[Task], options: &Options) {
    for warning in tasks.iter().flat_map(Task::warnings) {
        if options.speech.json {
            say!("{}", json!({"event": "warning", "message": warning}));
        } else {
            log::warn!("{warning}");
        }
    }
}
