//! Results kept by content: the key says everything that a result depends on.
//!
//! An entry is a file named by the SHA-256 of its key. It holds its key and the
//! checksum of its value, so that an entry that was cut short, edited or made for
//! another key is computed again instead of trusted. Files appear by renaming:
//! a run that is stopped leaves whole entries only, and the next run goes on there.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use training::digest::hexadecimal;
use training::file;
pub use training::file::WRITING;

/// A folder of computed values.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    /// How many values were found.
    found: Arc<AtomicUsize>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    key: String,
    checksum: String,
    value: String,
}

impl Cache {
    /// A cache in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Cache { folder: folder.into(), found: Arc::default() }
    }

    /// How many values were found there so far: what is computed while it stays the same had no part
    /// of it stored.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    /// The value stored for `key`, if there is one that is whole.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let path = self.path(key);
        let again = |reason: &str| {
            log::warn!("the cached result {} {reason}; computing it again", path.display());
        };
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                again(&format!("cannot be read ({error})"));
                return None;
            }
        };
        let entry = serde_json::from_str(&text).ok().filter(|entry: &Entry| {
            entry.key == key && entry.checksum == sha256(entry.value.as_bytes())
        });
        let value = entry.and_then(|entry| serde_json::from_str(&entry.value).ok());
        match value {
            None => again("is damaged"),
            Some(_) => _ = self.found.fetch_add(1, Ordering::Relaxed),
        }
        value
    }

    /// Stores `value` for `key`.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn put<T: Serialize>(&self, key: &str, value: &T) -> anyhow::Result<()> {
        let value = serde_json::to_string(value)?;
        let entry = Entry { key: key.to_string(), checksum: sha256(value.as_bytes()), value };
        write_whole(&self.path(key), &serde_json::to_string(&entry)?)
    }

    /// Where an unfinished computation of the value for `key` keeps how far it is. The folder is
    /// there afterwards.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn checkpoint(&self, key: &str) -> anyhow::Result<PathBuf> {
        let cannot = || format!("{}: cannot be made", self.folder.display());
        file::create_folder(&self.folder).with_context(cannot)?;
        Ok(self.path(key).with_extension("checkpoint"))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{}.json", sha256(key.as_bytes())))
    }
}

/// A file as text, as long as it was when it was opened.
fn read(path: &Path) -> io::Result<String> {
    let (file, length) = file::open(path)?;
    let mut text = String::new();
    file.take(length).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file as a whole (see [`mod@file`]), and makes its folder if there is none.
///
/// # Errors
/// Names the path when its folder cannot be made or written.
pub fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{}: cannot be written", path.display());
    file::create_folder(path.parent().unwrap_or(Path::new("."))).with_context(cannot)?;
    file::replace(path, text.as_bytes()).with_context(cannot)
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_can_be_written_before_anything_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("not-there-yet"));
        std::fs::write(cache.checkpoint("key").unwrap(), "half").unwrap();
        assert_eq!(cache.get::<u32>("key"), None, "it is no value");
        assert_ne!(cache.checkpoint("key").unwrap(), cache.checkpoint("other").unwrap());
    }

    #[test]
    fn a_value_comes_back_under_its_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        cache.put("seed 1", &vec![0.1, 0.2]).unwrap();
        assert_eq!(cache.found(), 0);
        assert_eq!(cache.get::<Vec<f64>>("seed 1"), Some(vec![0.1, 0.2]));
        assert_eq!(cache.get::<Vec<f64>>("seed 2"), None);
        assert_eq!(cache.found(), 1);
    }

    #[test]
    fn a_damaged_entry_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        cache.put("key", &1234.5).unwrap();
        let whole = std::fs::read_to_string(cache.path("key")).unwrap();
        let damages = [whole.replace("1234.5", "1234.6"), whole[..whole.len() / 2].to_string()];
        for damaged in damages {
            std::fs::write(cache.path("key"), damaged).unwrap();
            assert_eq!(cache.get::<f64>("key"), None);
        }
        std::fs::write(cache.path("key"), whole).unwrap();
        assert_eq!(cache.get::<f64>("key"), Some(1234.5));
    }

    #[test]
    fn no_temporary_file_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        write_whole(&folder.path().join("a.txt"), "text").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sha256_of_the_empty_text() {
        // FIPS 180-4 example.
        assert!(sha256(b"").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }
}
