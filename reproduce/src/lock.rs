//! One run at a time in a folder of stored results.
//!
//! Two runs beside each other would give the right numbers, since entries are named by content and
//! appear whole. But each would compute what the other is computing, and a time measured beside
//! another run is worth nothing. So the second waits, says for whom, and then finds the results.
//! The lock is the system's: it ends with its process, however that ends.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::duration;

/// Held by the one run that may use a folder of stored results.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

/// Who holds a lock, as the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    process: u32,
    command: String,
    /// Seconds since 1970.
    started: u64,
}

const NAME: &str = "lock";

impl CacheLock {
    /// Takes the lock of `folder`, which is made where it is not there; waits while another run
    /// holds it.
    ///
    /// # Errors
    /// When the folder or the lock's file cannot be made or written.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let cannot = || format!("{}: cannot be written", path.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let _ = writeln!(
                    std::io::stderr(),
                    "waiting: {} is used by {}",
                    folder.display(),
                    holder(&mut file)
                );
                file.lock().with_context(cannot)?;
            }
            // A file system without locks still holds files.
            Err(TryLockError::Error(error)) => log::debug!("{}: {error}", path.display()),
        }
        file.set_len(0).with_context(cannot)?;
        file.rewind().with_context(cannot)?;
        file.write_all(&serde_json::to_vec(&Holder::this())?).with_context(cannot)?;
        Ok(CacheLock { _file: file })
    }
}

/// Who holds the lock of an open file, in words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let known = file.read_to_string(&mut text).ok();
    let known = known.and_then(|_| serde_json::from_str::<Holder>(&text).ok());
    known.map_or("another process".to_string(), |holder| holder.to_string())
}

impl Holder {
    fn this() -> Self {
        let command: Vec<String> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        Holder { process: std::process::id(), command: command.join(" "), started: now() }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = now().saturating_sub(self.started);
        let time = duration::in_words(seconds as f64);
        write!(f, "process {} ({}), started {time} ago", self.process, self.command)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.as_ref().map_or(0, Duration::as_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_second_waits_until_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let first = CacheLock::take(folder.path()).unwrap();
        let (done, is_done) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = CacheLock::take(folder.path()).unwrap();
                done.send(()).unwrap();
            });
            let early = is_done.recv_timeout(Duration::from_millis(200));
            assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
            drop(first);
            is_done.recv_timeout(Duration::from_secs(60)).unwrap();
        });
    }

    #[test]
    fn the_file_says_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        // A longer text of an earlier holder does not show through.
        std::fs::write(folder.path().join(NAME), "x".repeat(10_000)).unwrap();
        let _lock = CacheLock::take(folder.path()).unwrap();
        let holder = holder(&mut File::open(folder.path().join(NAME)).unwrap());
        assert!(holder.contains(&format!("process {} (", std::process::id())), "{holder}");
        assert!(holder.contains("), started "), "{holder}");
    }
}
