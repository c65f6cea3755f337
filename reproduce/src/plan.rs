//! What is about to be done: the tasks, the data and the time.

use std::path::Path;

use serde_json::json;

use crate::cache::sha256;
use crate::cli::Options;
use crate::duration;
use crate::expected::Expected;
use crate::output::say;
use crate::progress::TimeLeft;
use crate::requests::{Skipped, data_of};
use crate::task::Task;
use crate::text::wrapped;

/// What becomes of the numbers.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// They are written into a folder.
    Write(&'a Path),
    /// They are compared with those in a folder.
    Compare(&'a Path),
}

/// A task that is about to be done.
pub struct Planned<'a> {
    /// The task.
    pub task: &'a Task,
    /// Whether an earlier run stored its result.
    pub is_stored: bool,
    /// How long it takes otherwise.
    pub expected: Expected,
}

/// Says what will be done, on standard output, before any data are read.
pub fn show(purpose: Purpose, planned: &[Planned], skipped: &[Skipped], options: &Options) {
    let directory = options.data();
    if options.speech.json {
        let exhibits = planned.iter().map(|Planned { task, is_stored, expected }| {
            json!({
                "name": task.name, "cached": is_stored, "data": data_of(task, directory),
                "estimated_seconds": expected.seconds, "estimate_is_measured": expected.is_measured,
                "settings": sha256(task.configured.settings.as_bytes()),
            })
        });
        let (out, reference) = match purpose {
            Purpose::Write(out) => (Some(out), None),
            Purpose::Compare(reference) => (None, Some(reference)),
        };
        for Skipped { name, reason } in skipped {
            say!("{}", json!({"event": "skipped", "name": name, "reason": reason}));
        }
        let plan = json!({
            "event": "plan", "scale": options.scale.to_string(), "seed": options.seed,
            "out": out, "reference": reference, "estimated_seconds": seconds(planned),
            "exhibits": exhibits.collect::<Vec<_>>(),
        });
        return say!("{plan}");
    }
    if options.speech.quiet {
        return;
    }
    let purpose = match purpose {
        Purpose::Write(out) => format!("into {}", out.display()),
        Purpose::Compare(reference) => format!("compared with {}", reference.display()),
    };
    say!("Plan: scale {}, seed {}, {purpose}", options.scale, options.seed);
    for Planned { task, is_stored, expected } in planned {
        let time = if *is_stored { "stored".to_string() } else { expected.words() };
        let data = data_of(task, directory).unwrap_or("needs no data".to_string());
        let only = match task.scale == options.scale {
            true => String::new(),
            false => format!("; its only block, {}", task.scale),
        };
        say!("{}", wrapped(&row(&task.name, &time), &format!("{data}{only}")));
    }
    for Skipped { name, reason } in skipped {
        say!("{}", wrapped(&row(name, "skipped"), reason));
    }
    say!("{}\n", wrapped("  ", &together(planned)));
}

/// What is known of the time of the first of these tasks, and of those after it.
pub fn time_left(planned: &[Planned]) -> TimeLeft {
    let mut seconds = planned.iter().map(|planned| match planned.is_stored {
        true => Some(0.0),
        false => planned.expected.seconds,
    });
    let now = seconds.next().flatten();
    TimeLeft { now, later: seconds.flatten().sum() }
}

/// The beginning of a line: a name and a word on it.
fn row(name: &str, word: &str) -> String {
    format!("  {name:<22} {word:>11}  ")
}

/// What everything that is not stored takes, as far as it is known, in seconds.
fn seconds(planned: &[Planned]) -> f64 {
    let new = planned.iter().filter(|planned| !planned.is_stored);
    new.filter_map(|planned| planned.expected.seconds).sum()
}

/// The same in a sentence, with where it is known from.
fn together(planned: &[Planned]) -> String {
    let new: Vec<&Planned> = planned.iter().filter(|planned| !planned.is_stored).collect();
    if new.is_empty() {
        return "all of it is stored".to_string();
    }
    let unknown = new.iter().filter(|planned| planned.expected.seconds.is_none()).count();
    if unknown == new.len() {
        return "how long it takes is not known".to_string();
    }
    let measured = new.iter().filter(|planned| planned.expected.is_measured).count();
    let source = match measured {
        0 => "on two cores".to_string(),
        _ if measured == new.len() => "as the last time here".to_string(),
        _ => format!("{measured} of {} as the last time here", new.len()),
    };
    let rest = if unknown == 0 { "" } else { ", and what has no estimate" };
    format!("together about {}, {source}{rest}", duration::in_words(seconds(planned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::settings::Scale;

    #[test]
    fn one_estimate_says_where_it_is_known_from() {
        let task = Task::new("ridge", Scale::Quick, 1).unwrap();
        let planned = |seconds, is_measured, is_stored| Planned {
            task: &task,
            is_stored,
            expected: Expected { seconds, is_measured },
        };
        let (stated, measured) =
            (planned(Some(40.0), false, false), || planned(Some(20.0), true, false));
        assert_eq!(
            together(&[measured(), measured()]),
            "together about 40 s, as the last time here"
        );
        let stored = planned(Some(9000.0), false, true);
        assert_eq!(
            together(&[stated, measured(), stored]),
            "together about 60 s, 1 of 2 as the last time here"
        );
        let unknown = planned(None, false, false);
        assert_eq!(
            together(&[unknown, planned(Some(5.0), false, false)]),
            "together about 5 s, on two cores, and what has no estimate"
        );
        assert_eq!(together(&[planned(None, false, false)]), "how long it takes is not known");
        assert_eq!(together(&[planned(None, false, true)]), "all of it is stored");
    }
}
