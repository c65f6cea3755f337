//! `list`: what exhibits there are.

use serde_json::json;

use crate::cli::Options;
use crate::exhibits::built_in_at;
use crate::output::say;
use crate::plan::about;
use crate::task::Task;

/// Prints every exhibit and its built-in settings of the scale.
///
/// # Errors
/// When built-in settings are wrong.
pub fn list(options: &Options) -> anyhow::Result<()> {
    for (exhibit, own) in built_in_at(options.scale) {
        let task = Task::built_in(exhibit, own, options.scale, options.seed)?;
        if options.json {
            let line = json!({
                "name": own.name, "title": task.title(), "shows": exhibit.shows,
                "paper": exhibit.paper,
                "run_when_named": own.is_long,
                "needs_data": task.configured.experiment.images().is_some(),
                "missing_data": task.configured.experiment.missing_from(options.data()),
                "estimated_seconds": task.configured.seconds,
            });
            say!("{line}");
            continue;
        }
        say!("{}: {}", own.name, task.title());
        say!("    shows  {}", exhibit.shows);
        say!("    paper  {}", exhibit.paper);
        let time = about(task.configured.seconds);
        let long = if own.is_long { "; long: run when named" } else { "" };
        say!("    takes  {time} at {} scale on two cores{long}", options.scale);
    }
    Ok(())
}
