//! Files by name, in a directory or in a tar archive, packed or not.

use super::DataError;
use super::unpacked::Unpacked;
use crate::file;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file of its own.
    File(PathBuf),
    /// A range of the archive.
    Range {
        /// Its first byte.
        start: u64,
        /// Its number of bytes.
        length: u64,
    },
}

/// A directory or an archive, and what is in it.
#[derive(Debug)]
pub struct Storage {
    path: PathBuf,
    /// The archive, unpacked into a temporary file without a name if it was packed.
    archive: Option<Mutex<File>>,
}

/// A file as listed: its path inside the directory or archive, and where its bytes are.
pub type Listed = (PathBuf, Place);

/// Bytes of a block of a tar archive.
const BLOCK: u64 = 512;
/// The largest image file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 28;
/// The longest name of a file, and other notes on it, that an archive may hold.
const LONGEST_NOTE: u64 = 1 << 16;
/// Images are compressed: an archive of them that unpacks to so many times its bytes holds
/// something else. The blocks of tar make a small one larger.
const MOST_UNPACKED: u64 = 50;
const SMALL: u64 = 1 << 26;

impl Storage {
    /// Opens a directory or an archive and lists its files, sorted by path; names that begin with
    /// a dot are left out.
    ///
    /// A packed archive is unpacked into a temporary file, so that an epoch can take its images
    /// in any order without holding them in memory.
    ///
    /// # Errors
    /// When something cannot be read, the archive is truncated or unpacks to more than images
    /// would, a folder is empty, or a link leads back to a folder that it is in.
    pub fn open(path: &Path) -> Result<(Self, Vec<Listed>), DataError> {
        let mut files = Vec::new();
        let mut folders = Vec::new();
        let archive = if path.is_dir() {
            list_folder(path, Path::new(""), &mut Vec::new(), &mut files)?;
            None
        } else {
            let mut file = open_archive(path)?;
            list_archive(path, &mut file, &mut files, &mut folders)?;
            Some(Mutex::new(file))
        };
        files.sort_by(|one, two| one.0.cmp(&two.0));
        for folder in folders {
            // What is in a folder follows it in this order.
            let first = files.partition_point(|(name, _)| *name < folder);
            if files.get(first).is_none_or(|(name, _)| !name.starts_with(&folder)) {
                return Err(DataError::NoImages { path: path.join(folder) });
            }
        }
        Ok((Self { path: path.to_owned(), archive }, files))
    }

    /// What was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When they cannot be read; the error names the file or the archive.
    pub fn read(&self, place: &Place) -> Result<Vec<u8>, DataError> {
        let (path, bytes) = match (place, &self.archive) {
            (Place::Range { start, length }, Some(archive)) => {
                // A thread that panicked here left at most another position behind.
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let start = archive.seek(SeekFrom::Start(*start));
                (&self.path, start.and_then(|_| read(&mut *archive, *length)))
            }
            (Place::File(path), _) => {
                (path, file::open(path).and_then(|(file, length)| read(file, length)))
            }
            (Place::Range { .. }, None) => (&self.path, Err(io::ErrorKind::NotFound.into())),
        };
        bytes.map_err(|source| DataError::Unreadable { path: path.clone(), source })
    }
}

/// So many bytes, if an image can have as many.
fn read(from: impl Read, length: u64) -> io::Result<Vec<u8>> {
    if length > LARGEST_FILE {
        let message = format!("an image of {length} bytes; at most {LARGEST_FILE} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hidden(name: &Path) -> bool {
    name.components().any(|component| match component {
        Component::Normal(name) => name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    })
}

/// Lists what is in a folder; `above` are the folders that it is in.
fn list_folder(
    root: &Path,
    inside: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<Listed>,
) -> Result<(), DataError> {
    let folder = root.join(inside);
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| DataError::Unreadable { path, source }
    };
    let place = folder.canonicalize().map_err(unreadable(&folder))?;
    if above.contains(&place) {
        return Err(DataError::Loop { path: folder });
    }
    above.push(place);
    let mut empty = true;
    for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
        let entry = entry.map_err(unreadable(&folder))?;
        let (path, inside) = (entry.path(), inside.join(entry.file_name()));
        if hidden(&inside) {
            continue;
        }
        empty = false;
        // Follows links, as data directories are often made of them.
        if fs::metadata(&path).map_err(unreadable(&path))?.is_dir() {
            list_folder(root, &inside, above, files)?;
        } else {
            files.push((inside, Place::File(path)));
        }
    }
    above.pop();
    if empty { Err(DataError::NoImages { path: folder }) } else { Ok(()) }
}

/// The archive as a file that can be read at any place.
fn open_archive(path: &Path) -> Result<File, DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.to_owned(), source };
    let packed = Unpacked::open(path, "fetch it again")?;
    let (file, length) = file::open(path).map_err(unreadable)?;
    if !packed.is_packed() {
        return Ok(file);
    }
    let folder = std::env::temp_dir();
    let full = |source| DataError::Unreadable { path: folder.clone(), source };
    let mut unpacked = tempfile::tempfile_in(&folder).map_err(full)?;
    let mut packed = packed.at_most(length.saturating_mul(MOST_UNPACKED).max(SMALL));
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = packed
            .read(&mut buffer)
            .map_err(|source| DataError::Archive { path: path.to_owned(), source })?;
        if count == 0 {
            return Ok(unpacked);
        }
        io::Write::write_all(&mut unpacked, &buffer[..count]).map_err(full)?;
    }
}

/// Lists the files of an archive and its folders.
fn list_archive(
    path: &Path,
    file: &mut File,
    files: &mut Vec<Listed>,
    folders: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    let damaged = |source| DataError::Archive { path: path.to_owned(), source };
    let too_long = |message: String| damaged(io::Error::new(io::ErrorKind::FileTooLarge, message));
    let length = file.seek(SeekFrom::End(0)).map_err(damaged)?;
    // Names too long for a header stand in entries of their own, which are read whole.
    file.rewind().map_err(damaged)?;
    let mut archive = tar::Archive::new(BufReader::new(&mut *file));
    for entry in archive.entries_with_seek().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        let is_note = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if is_note && entry.size() > LONGEST_NOTE {
            return Err(too_long(format!("the name of a file has {} bytes", entry.size())));
        }
    }
    file.rewind().map_err(damaged)?;
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut end = 0u64;
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let start = entry.raw_file_position();
        end =
            start.saturating_add(entry.size()).checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        let name = entry.path().map_err(damaged)?.into_owned();
        let kind = entry.header().entry_type();
        if hidden(&name) {
            continue;
        }
        if kind.is_file() {
            files.push((name, Place::Range { start, length: entry.size() }));
        } else if kind.is_dir() && name != Path::new(".") {
            folders.push(name.components().collect());
        } else if kind.is_hard_link() || kind.is_symlink() {
            // Left out, a class of links would vanish and shift the labels of all that follow.
            return Err(DataError::Link { path: path.to_owned(), file: name });
        }
    }
    // A whole archive ends with blocks of zeros; seeking does not notice that one is cut off.
    if end.saturating_add(BLOCK) > length {
        let message = format!("it has {length} bytes, and its last file needs {end}");
        return Err(damaged(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
    }
    Ok(())
}
