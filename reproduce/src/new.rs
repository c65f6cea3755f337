//! `new`: a commented YAML file for an experiment of one's own.

use std::path::PathBuf;

use anyhow::{Context as _, Error, ensure};

use crate::cache::write_whole;
use crate::file_names::check_own;
use crate::output::say;

const TEMPLATE: &str = include_str!("../templates/experiment.yaml");

/// Writes `NAME.yaml` into the current folder and says how to run it.
///
/// # Errors
/// When the name cannot be that of an experiment of one's own, the file exists, or it cannot be written.
pub fn new(name: &str) -> anyhow::Result<()> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    check_own(name).map_err(Error::msg)?;
    let path = PathBuf::from(format!("{name}.yaml"));
    let exists = path.try_exists().with_context(|| path.display().to_string())?;
    ensure!(!exists, "{} is there already; nothing was written", path.display());
    write_whole(&path, &TEMPLATE.replace("{name}", name))?;
    say!("{} is written. Edit it, then:", path.display());
    say!("  cargo run --release -p reproduce -- run {}", path.display());
    Ok(())
}
