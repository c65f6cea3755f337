//! The program as the tests start it.

// Every test file is a crate of its own and needs some of these.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program in `folder`, with no settings from the environment.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reproduce"));
    command.current_dir(folder).env_remove("SAMPLED_DATA").env_remove("SAMPLED_INSTRUCTION_SET");
    command.args(arguments);
    command
}

/// Runs the program in `folder` with no settings from the environment.
pub fn reproduce(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub fn standard_output(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn standard_error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The stored results of runs in `folder`.
pub fn stored_results(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(".sampled")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}
