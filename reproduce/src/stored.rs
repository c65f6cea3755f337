//! The folder of finished results beside the output folder, and what a result is kept by.

use std::path::{Path, PathBuf};

use kernels::InstructionSet;
use training::file::remove_abandoned;

use crate::cache::Cache;
use crate::images::Library;
use crate::lock::CacheLock;
use crate::result::ExhibitResult;
use crate::task::Task;

/// The folder of finished results: `.sampled` beside the output folder.
pub fn folder(out: &Path) -> PathBuf {
    match out.parent() {
        Some(parent) if parent != Path::new("") => parent.join(".sampled"),
        _ => PathBuf::from(".sampled"),
    }
}

/// The stored results beside `out`, for this run alone. What a run that was killed has not written
/// to the end is removed.
///
/// # Errors
/// When the folder cannot be written.
pub fn open(out: &Path) -> anyhow::Result<(Cache, CacheLock)> {
    let folder = folder(out);
    let lock = CacheLock::take(&folder)?;
    for folder in [folder.as_path(), out, &out.join("notes")] {
        remove_abandoned(folder);
    }
    Ok((Cache::new(folder), lock))
}

/// What the stored result of a whole exhibit depends on, where its images have this checksum.
pub fn key(task: &Task, images: Option<&str>, instructions: InstructionSet) -> String {
    let key = task.key(images);
    if task.exhibit.is_timing {
        format!("{key} instructions {instructions} threads {}", rayon::current_num_threads())
    } else {
        key
    }
}

/// What is stored of a task.
pub struct Stored {
    /// The checksum of its images; none where it needs none, or no run has read them.
    pub images: Option<String>,
    /// Its result, where there is one.
    pub result: Option<ExhibitResult>,
}

/// What earlier runs stored of a task, without its images being read.
pub fn find(
    task: &Task,
    library: &mut Library,
    cache: &Cache,
    instructions: InstructionSet,
) -> Stored {
    let config = task.images(library.directory());
    let images = config.as_ref().and_then(|config| library.known(config, cache));
    // Nothing is stored for images that no run has read.
    let is_known = config.is_none() || images.is_some();
    let key = is_known.then(|| key(task, images.as_deref(), instructions));
    Stored { result: key.and_then(|key| cache.get(&key)), images }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_beside_the_output() {
        assert_eq!(folder(Path::new("figures")), Path::new(".sampled"));
        assert_eq!(folder(Path::new("a/figures")), Path::new("a/.sampled"));
    }
}
