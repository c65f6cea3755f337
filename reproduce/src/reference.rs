//! The committed numbers: where they are.

use std::path::{Path, PathBuf};

use crate::exhibit::settings::Scale;

/// The folder with the committed numbers, in the repository.
pub const FOLDER: &str = "reproduce/reference";

/// The file that holds the numbers of a task ([`Task::stem`](crate::task::Task::stem)): the snapshot
/// that the tests compare at quick scale, a plain text of the same form at the others.
pub fn path(folder: &Path, stem: &str, scale: Scale) -> PathBuf {
    let ending = if scale == Scale::Quick { "snap" } else { "txt" };
    folder.join(format!("{stem}.{scale}.{ending}"))
}
