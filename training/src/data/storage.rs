//! Files by name, in a directory or in a tar archive, packed or not.

use super::DataError;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
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
        length: usize,
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

impl Storage {
    /// Opens a directory or an archive and lists its files, sorted by path; names that begin with
    /// a dot are left out.
    ///
    /// A packed archive is unpacked into a temporary file, so that an epoch can take its images
    /// in any order without holding them in memory.
    ///
    /// # Errors
    /// When something cannot be read, the archive is truncated, or a folder is empty.
    pub fn open(path: &Path) -> Result<(Self, Vec<Listed>), DataError> {
        let mut files = Vec::new();
        let archive = if path.is_dir() {
            list_folder(path, Path::new(""), &mut files)?;
            None
        } else {
            let mut file = open_archive(path)?;
            list_archive(path, &mut file, &mut files)?;
            Some(Mutex::new(file))
        };
        files.sort_by(|one, two| one.0.cmp(&two.0));
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
                let mut bytes = vec![0; *length];
                // A thread that panicked here left at most another position behind.
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let read = archive.seek(SeekFrom::Start(*start));
                (&self.path, read.and_then(|_| archive.read_exact(&mut bytes)).map(|()| bytes))
            }
            (Place::File(path), _) => (path, fs::read(path)),
            (Place::Range { .. }, None) => (&self.path, Err(io::ErrorKind::NotFound.into())),
        };
        bytes.map_err(|source| DataError::Unreadable { path: path.clone(), source })
    }
}

fn hidden(name: &Path) -> bool {
    name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn list_folder(root: &Path, inside: &Path, files: &mut Vec<Listed>) -> Result<(), DataError> {
    let folder = root.join(inside);
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| DataError::Unreadable { path, source }
    };
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
            list_folder(root, &inside, files)?;
        } else {
            files.push((inside, Place::File(path)));
        }
    }
    if empty { Err(DataError::NoImages { path: folder }) } else { Ok(()) }
}

/// The archive as a file that can be read at any place.
fn open_archive(path: &Path) -> Result<File, DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    (&mut file).take(2).read_to_end(&mut start).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if start != [0x1f, 0x8b] {
        return Ok(file);
    }
    let folder = std::env::temp_dir();
    let full = |source| DataError::Unreadable { path: folder.clone(), source };
    let mut unpacked = tempfile::tempfile_in(&folder).map_err(full)?;
    let mut packed = MultiGzDecoder::new(BufReader::new(file));
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

fn list_archive(path: &Path, file: &mut File, files: &mut Vec<Listed>) -> Result<(), DataError> {
    let damaged = |source| DataError::Archive { path: path.to_owned(), source };
    let length = file.seek(SeekFrom::End(0)).map_err(damaged)?;
    file.rewind().map_err(damaged)?;
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut end = 0;
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let start = entry.raw_file_position();
        end = (start + entry.size()).next_multiple_of(BLOCK);
        let name = entry.path().map_err(damaged)?.into_owned();
        if entry.header().entry_type().is_file() && !hidden(&name) {
            let length = usize::try_from(entry.size()).unwrap_or(usize::MAX);
            files.push((name, Place::Range { start, length }));
        }
    }
    // A whole archive ends with blocks of zeros; seeking does not notice that one is cut off.
    if end + BLOCK > length {
        let message = format!("it has {length} bytes, and its last file needs {end}");
        return Err(damaged(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
    }
    Ok(())
}
