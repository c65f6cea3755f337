//! `new`: a commented YAML file for an experiment of one's own.

use std::path::PathBuf;

use anyhow::{Context as _, Error, ensure};

use crate::cache::write_whole;
use crate::exhibits::built_in_named;
use crate::file_names::check_own;
use crate::output::say;

const TEMPLATE: &str = include_str!("../templates/experiment.yaml");

/// Writes `NAME.yaml` into the current folder, as a small training or as the settings of an exhibit,
/// and says how to run it.
///
/// # Errors
/// When the name cannot be that of an experiment of one's own, there is no such exhibit, the file
/// exists, or it cannot be written.
pub fn new(name: &str, from: Option<&str>) -> anyhow::Result<()> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    check_own(name).map_err(Error::msg)?;
    let text = match from {
        None => TEMPLATE.replace("{name}", name),
        Some(from) => settings_of(from, name)?,
    };
    let path = PathBuf::from(format!("{name}.yaml"));
    let exists = path.try_exists().with_context(|| path.display().to_string())?;
    ensure!(!exists, "{} is there already; nothing was written", path.display());
    write_whole(&path, &text)?;
    say!("{} is written. Edit it, then:", path.display());
    say!("  cargo run --release -p reproduce -- run {}", path.display());
    Ok(())
}

/// The settings of an exhibit as those of an experiment of one's own.
fn settings_of(exhibit: &str, name: &str) -> anyhow::Result<String> {
    let (_, own) = built_in_named(exhibit).map_err(Error::msg)?;
    Ok(format!(
        "# {name}: the settings of {exhibit}, to be changed. Run it with\n\
         #   cargo run --release -p reproduce -- run {name}.yaml --scale quick\n\
         # Every field below fits this kind of experiment; one that does not, is misspelt or is out\n\
         # of range is refused with its line, before anything runs. A block a scale: `--scale`\n\
         # chooses one.\n\n{}",
        own.yaml
    ))
}
