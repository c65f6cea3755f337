//! `run`: the plan, then exhibit after exhibit, then the page.

use std::time::Instant;

use kernels::InstructionSet;
use serde_json::json;

use crate::cli::Options;
use crate::compute::compute;
use crate::exhibit::LongRuns;
use crate::files;
use crate::images::Library;
use crate::output::say;
use crate::page;
use crate::plan::{self, Purpose};
use crate::requests::{images, tasks, with_data};
use crate::result::ExhibitResult;
use crate::stored;
use crate::task::Task;

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
    let (cache, _lock) = stored::open(&options.out)?;
    for (task, images) in tasks.iter().zip(&images) {
        if let (Some(config), Some(images)) = (task.images(options.data()), images) {
            library.remember(&config, images, &cache)?;
        }
    }
    let checksums: Vec<Option<&str>> = images
        .iter()
        .map(|images| images.as_ref().map(|images| images.checksum.as_str()))
        .collect();
    let keys = tasks.iter().zip(&checksums);
    let keys: Vec<String> =
        keys.map(|(task, images)| stored::key(task, *images, instructions)).collect();
    // A time is measured again whenever it is asked for by name.
    let known: Vec<Option<ExhibitResult>> = tasks
        .iter()
        .zip(&keys)
        .map(|(task, key)| {
            let again = task.exhibit.is_timing && !requests.is_empty();
            if again { None } else { cache.get(key) }
        })
        .collect();
    warn_of_settings_without_effect(&tasks, options);
    let are_stored: Vec<bool> = known.iter().map(Option::is_some).collect();
    plan::show(Purpose::Write(&options.out), &tasks, &images, &are_stored, options);
    let mut results = Vec::with_capacity(tasks.len());
    for (((task, images), key), known) in tasks.iter().zip(&images).zip(&keys).zip(known) {
        let started = Instant::now();
        let is_stored = known.is_some();
        let result = match known {
            Some(result) => result,
            None => {
                let (images, long_runs) = (images.as_deref(), LongRuns::Missing);
                let result = compute(task, images, &cache, options, long_runs, instructions)?;
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
    let computed = tasks.iter().zip(checksums).zip(results);
    let computed = computed.map(|((task, images), result)| (task, images, result)).collect();
    page::write(computed, &mut library, &cache, options, instructions)?;
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
