//! The program as the tests start it.

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

/// A small experiment of a user's own: a moment at every scale.
pub fn experiment() -> String {
    let settings = "{rows: 4, pairs: 8, columns: 5, distributions: [unit-mean], \
                    estimators: [top-k, bernoulli], budgets: [2, 4], repeats: 10, spectral_repeats: 1}";
    format!(
        "exhibit: matmul-error\nseconds: {{quick: 1, standard: 1, paper: 1}}\nscales:\n  \
         quick: {settings}\n  standard: {settings}\n  paper: {settings}\n"
    )
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
