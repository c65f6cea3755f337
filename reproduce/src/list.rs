//! `list`: what exhibits there are.

use serde_json::json;

use crate::cli::{ListOptions, Options};
use crate::duration;
use crate::exhibits::{built_in_at, built_in_named};
use crate::output::say;
use crate::requests::{data_of, lack_of};
use crate::task::Task;
use crate::text::wrapped;

/// Prints a line for every exhibit and its built-in settings of the scale, or all that is known of
/// those that are named.
///
/// # Errors
/// When there is no exhibit of a name, or its settings are wrong.
pub fn list(request: &ListOptions) -> anyhow::Result<()> {
    let scale = request.scale;
    let named =
        request.exhibits.iter().map(|name| built_in_named(name).map_err(anyhow::Error::msg));
    let named = named.collect::<anyhow::Result<Vec<_>>>()?;
    let is_named = !named.is_empty();
    let entries = if is_named { named } else { built_in_at(scale).collect() };
    for (exhibit, own) in entries {
        let task = Task::built_in(exhibit, own, scale, Options::DEFAULT_SEED)?;
        if request.json {
            say!("{}", event(&task, request));
        } else if is_named {
            say!("{}", details(&task, request));
        } else {
            say!("{}", line(&task, request));
        }
    }
    if !is_named && !request.json {
        let marks = format!(
            "Times at {scale} scale on two cores; *: run when it is named, -: its data are not there. \
             All that is known of one: reproduce list NAME"
        );
        say!("\n{}", wrapped("", &marks));
    }
    Ok(())
}

/// Name, time and title on one line.
fn line(task: &Task, request: &ListOptions) -> String {
    const TITLE: usize = 44;
    let mark = match task.configured.experiment.missing_from(request.data.path()) {
        Some(_) => '-',
        None if task.built_in.is_some_and(|own| own.is_long) => '*',
        None => ' ',
    };
    let title = task.title();
    let title = match title.chars().count() {
        length if length > TITLE => {
            title.chars().take(TITLE - 3).chain("...".chars()).collect::<String>()
        }
        _ => title,
    };
    format!("{:<22} {:>7} {mark} {title}", task.name, time(task))
}

fn time(task: &Task) -> String {
    task.configured.seconds.map_or("?".to_string(), duration::in_words)
}

/// All that is known of an exhibit.
fn details(task: &Task, request: &ListOptions) -> String {
    let exhibit = task.exhibit;
    let long = task.built_in.is_some_and(|own| own.is_long);
    let when = if long { "; run when it is named" } else { "" };
    let data = task.configured.experiment.missing_from(request.data.path());
    let data = match data {
        Some(missing) => lack_of(missing, request.data.path()),
        None => data_of(task, request.data.path()).unwrap_or("none is needed".to_string()),
    };
    let yaml = format!("reproduce new NAME --from {}", task.name);
    let lines = [
        ("shows", exhibit.shows.to_string()),
        ("paper", exhibit.paper.to_string()),
        ("takes", format!("about {} at {} scale on two cores{when}", time(task), task.scale)),
        ("data", data),
        ("note", format!("paper-notes/{}.md", exhibit.note)),
        ("run", format!("reproduce run {}{}", task.name, task.scale.flag())),
        ("settings", yaml),
    ];
    let lines = lines.map(|(name, text)| wrapped(&format!("  {name:<9}"), &text));
    format!("{}\n{}", wrapped("", &format!("{}: {}", task.name, task.title())), lines.join("\n"))
}

fn event(task: &Task, request: &ListOptions) -> serde_json::Value {
    json!({
        "name": task.name, "title": task.title(), "shows": task.exhibit.shows,
        "paper": task.exhibit.paper,
        "run_when_named": task.built_in.is_some_and(|own| own.is_long),
        "needs_data": task.configured.experiment.images().is_some(),
        "missing_data": task.configured.experiment.missing_from(request.data.path()),
        "estimated_seconds": task.configured.seconds, "settings": task.settings_hash(),
    })
}
