//! What is about to be done: the tasks, the data and the time.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cache::sha256;
use crate::cli::Options;
use crate::duration;
use crate::images::Images;
use crate::output::say;
use crate::requests::data_of;
use crate::task::Task;

/// What becomes of the numbers.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// They are written into a folder.
    Write(&'a Path),
    /// They are compared with those in a folder.
    Compare(&'a Path),
}

/// Says what will be done, on standard output.
pub fn show(
    purpose: Purpose,
    tasks: &[Task],
    images: &[Option<Arc<Images>>],
    are_stored: &[bool],
    options: &Options,
) {
    let data =
        |task: &Task, images: &Option<Arc<Images>>| data_of(task, images.as_deref(), options);
    let is_new = tasks.iter().zip(are_stored).filter(|(_, is_stored)| !**is_stored);
    let estimates: Vec<Option<f64>> = is_new.map(|(task, _)| task.configured.seconds).collect();
    let seconds = estimates.iter().flatten().fold(0.0, |sum, seconds| sum + seconds);
    let rows = tasks.iter().zip(images).zip(are_stored);
    if options.json {
        let exhibits = rows.map(|((task, images), is_stored)| {
            json!({
                "name": task.name, "cached": is_stored, "data": data(task, images),
                "estimated_seconds": task.configured.seconds,
                "settings": sha256(task.configured.settings.as_bytes()),
            })
        });
        let (out, reference) = match purpose {
            Purpose::Write(out) => (Some(out), None),
            Purpose::Compare(reference) => (None, Some(reference)),
        };
        let plan = json!({
            "event": "plan", "scale": options.scale.to_string(), "seed": options.seed,
            "out": out, "reference": reference, "estimated_seconds": seconds,
            "exhibits": exhibits.collect::<Vec<_>>(),
        });
        return say!("{plan}");
    }
    let purpose = match purpose {
        Purpose::Write(out) => format!("into {}", out.display()),
        Purpose::Compare(reference) => format!("compared with {}", reference.display()),
    };
    say!("Plan: scale {}, seed {}, {purpose}", options.scale, options.seed);
    for ((task, images), is_stored) in rows {
        let time = if *is_stored { "stored".to_string() } else { about(task.configured.seconds) };
        let only = match task.scale == options.scale {
            true => String::new(),
            false => format!("; its only block, {}", task.scale),
        };
        say!("  {:<22} {time:<14} {}{only}", task.name, task.title());
        if let Some(data) = data(task, images) {
            say!("  {:<37} on {data}", "");
        }
    }
    let is_known = estimates.iter().all(Option::is_some);
    let rest = if is_known { "" } else { ", and what has no estimate" };
    say!("  together about {} on two cores{rest}\n", duration::in_words(seconds));
}

/// How long settings take, where they say it.
pub fn about(seconds: Option<f64>) -> String {
    let words = |seconds| format!("about {}", duration::in_words(seconds));
    seconds.map_or("no estimate".to_string(), words)
}
