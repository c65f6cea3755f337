//! Files as wholes: how every file of the workspace is written, and how files of others are opened.
//!
//! A file is written under a name of its own beside its place, flushed to the disk and renamed, so
//! that at any moment its place holds the old file or the new one, whole, however many processes
//! write there. The writer locks what it writes. A lock goes with its process: a temporary file
//! without one was left behind by a crash, and the next writer of the same place removes it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Held while a file is written or a folder made; whoever ends the process takes it first.
pub static WRITING: Mutex<()> = Mutex::new(());

/// What the name of a temporary file ends with, as no other program calls one. It begins with a dot and the name of its place.
const ENDING: &str = ".sampled-partial";

/// Puts a file at a place as a whole.
///
/// # Errors
/// When its folder cannot be written, or there is none; an older file is then untouched.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers.csv");
/// training::file::replace(&path, b"old")?;
/// training::file::replace(&path, b"new")?;
/// assert_eq!(std::fs::read(&path)?, b"new");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A thread that panicked here left a temporary file, which goes with its handle.
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let folder = folder_of(path);
    let mut beginning = OsString::from(".");
    beginning.push(name);
    beginning.push(".");
    remove_those_of(folder, &beginning);
    let mut file = temporary(folder, &beginning)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    flush(folder);
    Ok(())
}

/// Makes a folder and those it is in, where they are not there.
///
/// # Errors
/// When one of them cannot be made.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    // Whoever ends the process may have removed the folder: it does not come back.
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::create_dir_all(folder)
}

/// Gives a finished file its name, and makes that outlast a power failure.
///
/// # Errors
/// When the folder cannot be written; both files are then as they were.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    flush(folder_of(to));
    Ok(())
}

/// Opens a file that is one, and says how many bytes it has.
///
/// # Errors
/// When it cannot be opened, or is a folder, a pipe or a device.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    // Looked at before it is opened: to open a pipe is to wait for its other end.
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device, not a file"));
    }
    Ok((File::open(path)?, metadata.len()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A locked file of a new name.
fn temporary(folder: &Path, beginning: &OsStr) -> io::Result<tempfile::NamedTempFile> {
    loop {
        let mut builder = tempfile::Builder::new();
        readable_by_all(&mut builder);
        let file = builder.prefix(beginning).suffix(ENDING).tempfile_in(folder)?;
        match file.as_file().try_lock() {
            // Before it was locked, another writer may have taken it for abandoned.
            Err(TryLockError::WouldBlock) => {}
            Ok(()) if !file.path().exists() => {}
            // A file system without locks still holds files; none is then taken for abandoned.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Removes what processes that are no more have left in a folder, of any place and where that can be
/// done. What is being written stays.
pub fn remove_abandoned(folder: &Path) {
    remove_those_of(folder, OsStr::new("."));
}

/// Removes what was abandoned of one place.
fn remove_those_of(folder: &Path, beginning: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_temporary = name.starts_with(beginning.as_encoded_bytes())
            && name.ends_with(ENDING.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_temporary
            && let Ok(file) = File::options().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Temporary files are private by default; these are for everyone whom the umask lets read.
#[cfg(unix)]
fn readable_by_all(builder: &mut tempfile::Builder) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_all(_: &mut tempfile::Builder) {}

/// Makes a renaming outlast a power failure, where folders can be opened as files.
fn flush(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<OsString> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let (abandoned, alive) = (".a.csv.xyz.sampled-partial", ".a.csv.abc.sampled-partial");
        for name in [abandoned, alive, ".b.csv.xyz.sampled-partial", "a.csv.sampled-partial"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        let other = File::open(folder.path().join(alive)).unwrap();
        other.lock().unwrap();
        replace(&path, b"whole").unwrap();
        assert_eq!(
            names(folder.path()),
            [alive, ".b.csv.xyz.sampled-partial", "a.csv", "a.csv.sampled-partial"]
        );
        drop(other);
        replace(&path, b"whole again").unwrap();
        assert_eq!(
            names(folder.path()),
            [".b.csv.xyz.sampled-partial", "a.csv", "a.csv.sampled-partial"]
        );
        assert_eq!(fs::read(&path).unwrap(), b"whole again");
        remove_abandoned(folder.path());
        assert_eq!(names(folder.path()), ["a.csv", "a.csv.sampled-partial"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(&folder.path().join("taken"), b"text").is_err());
        assert!(replace(&folder.path().join("nowhere/a.csv"), b"text").is_err());
        assert!(replace(Path::new("/"), b"text").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_readable_as_far_as_the_umask_lets_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        replace(&one, b"").unwrap();
        fs::write(&two, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(one), mode(two));
    }

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        assert_eq!(open(&folder.path().join("a")).unwrap().1, 4);
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.to_string(), "it is a folder, not a file");
        assert!(open(&folder.path().join("b")).is_err());
        #[cfg(unix)]
        assert!(open(Path::new("/dev/zero")).unwrap_err().to_string().contains("device"));
    }
}
