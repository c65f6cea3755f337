//! The committed numbers: where they are, and those that the program has with it.

use std::path::{Path, PathBuf};

use crate::exhibit::settings::Scale;

/// The folder with the committed numbers, in the repository.
pub const FOLDER: &str = "reproduce/reference";

/// The records of long runs by their settings, as they were when the program was built.
const RECORDS: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/records.rs"));

/// The record of the long runs of these built-in settings, where there is one.
pub fn record_of(name: &str) -> Option<&'static str> {
    RECORDS.iter().find(|(of, _)| *of == name).map(|(_, record)| *record)
}

/// The file that holds the record of long runs of a task.
pub fn record_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("long").join(format!("{name}.json"))
}

/// The file that holds the numbers of a task ([`Task::stem`](crate::task::Task::stem)): the snapshot
/// that the tests compare at quick scale, a plain text of the same form at the others.
pub fn path(folder: &Path, stem: &str, scale: Scale) -> PathBuf {
    let ending = if scale == Scale::Quick { "snap" } else { "txt" };
    folder.join(format!("{stem}.{scale}.{ending}"))
}
