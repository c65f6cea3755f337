//! The binary versions of CIFAR-10 and CIFAR-100 as published, packed or not: what they have in
//! common.

#[cfg(test)]
mod made;

use super::unpacked::Unpacked;
use super::{DataError, Dataset, Normalisation, Splits};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const CHANNELS: usize = 3;
const SIDE: usize = 32;
/// Bytes of the pixels of an image: 1,024 red, 1,024 green and 1,024 blue ones, row by row.
pub(super) const PIXELS: usize = CHANNELS * SIDE * SIDE;
/// As many bytes as a list of classes may have, and more than any has.
const ENOUGH_NAMES: u64 = 1 << 12;

/// One of the two sets: its files, and what a record of them is.
pub(super) struct Cifar {
    /// The name for people.
    pub name: &'static str,
    /// The folder in the data directory where the set may lie, as well as in the directory itself.
    pub subfolder: &'static str,
    /// The folder that the archive unpacks to.
    pub unpacked: &'static str,
    pub archive: &'static str,
    /// How to get it.
    pub again: &'static str,
    /// Files of training images in their order, then the file of test images: their names, and how
    /// many records each has.
    pub batches: &'static [(&'static str, usize)],
    /// Labels of a record, a byte each; the pixels follow.
    pub labels: usize,
    /// Files of class names, a line each in the order of the labels; a copy may lack them.
    pub class_lists: &'static [&'static str],
    /// Bytes of an unpacked archive, at most.
    pub largest_archive: u64,
}

/// The class of a record of a file, by its number there and its labels.
pub(super) type ClassOf<'a> = dyn Fn(&Path, usize, &[u8]) -> Result<u16, DataError> + 'a;

/// What the labels of a record come to.
pub(super) struct Labels<'a> {
    /// How many classes those that are learnt tell apart.
    pub classes: usize,
    /// The class of a record.
    pub class: &'a ClassOf<'a>,
    /// The names that each list of classes has.
    pub names: &'a [Vec<&'static str>],
    pub normalisation: Normalisation,
}

/// What is there of the published files.
struct Files {
    batches: Vec<Option<Vec<u8>>>,
    class_lists: Vec<Option<Vec<u8>>>,
}

impl Cifar {
    /// Bytes of a record.
    fn record(&self) -> usize {
        self.labels + PIXELS
    }

    /// A published name in the data directory or in the set's subfolder.
    pub fn find(&self, directory: &Path, name: &str) -> Option<PathBuf> {
        let folders = [directory.to_owned(), directory.join(self.subfolder)];
        folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// The unpacked folder, or the archive where there is none.
    pub fn find_binary(&self, directory: &Path) -> Option<PathBuf> {
        self.find(directory, self.unpacked).or_else(|| self.find(directory, self.archive))
    }

    /// The images with the first `held_out` training images held out.
    ///
    /// # Errors
    /// When a file is missing, cannot be read, is truncated or holds something else. `copy` is what
    /// is there in the set's place.
    pub fn load(
        &self,
        directory: &Path,
        held_out: usize,
        labels: &Labels<'_>,
        copy: Option<PathBuf>,
    ) -> Result<Splits, DataError> {
        let path = self.find_binary(directory).ok_or_else(|| DataError::MissingArchive {
            folder: directory.to_owned(),
            unpacked: self.unpacked,
            archive: self.archive,
            subfolder: self.subfolder,
            copy,
        })?;
        let files =
            if path.is_dir() { self.read_folder(&path)? } else { self.read_archive(&path)? };
        for ((list, found), names) in
            self.class_lists.iter().zip(&files.class_lists).zip(labels.names)
        {
            if let Some(found) = found {
                self.check_classes(&path.join(list), found, names)?;
            }
        }
        let batches = self.batches.iter().zip(files.batches).map(|(&(name, records), bytes)| {
            let missing = || DataError::MissingFile { path: path.clone(), name };
            Ok((name, records, bytes.ok_or_else(missing)?))
        });
        let mut batches = batches.collect::<Result<Vec<_>, DataError>>()?;
        let (mut train, mut test) = (self.empty(labels), self.empty(labels));
        let last = batches.pop();
        let parts = batches.into_iter().map(|batch| (batch, true));
        for ((name, expected, bytes), is_train) in parts.chain(last.map(|batch| (batch, false))) {
            let path = path.join(name);
            let part = if is_train { &mut train } else { &mut test };
            let found = self.append_records(&path, &bytes, labels, part)?;
            if found != expected {
                return Err(DataError::RecordCount { path, found, expected });
            }
        }
        train.hold_out(held_out, test, &path)
    }

    fn check_classes(&self, path: &Path, list: &[u8], names: &[&str]) -> Result<(), DataError> {
        let text = String::from_utf8_lossy(list);
        let found: Vec<&str> = text.split_whitespace().collect();
        if found == names {
            return Ok(());
        }
        let (found, expected) = (found.join(", "), names.join(", "));
        Err(DataError::Classes { path: path.to_owned(), found, name: self.name, expected })
    }

    /// A part without images.
    pub fn empty(&self, labels: &Labels<'_>) -> Dataset {
        Dataset {
            name: self.name.to_owned(),
            channels: CHANNELS,
            height: SIDE,
            width: SIDE,
            classes: labels.classes,
            pixels: Vec::new(),
            labels: Vec::new(),
            normalisation: labels.normalisation.clone(),
        }
    }

    /// Where the bytes of a file go, its name, and how many of them are read at most: for a batch as
    /// many as it has, and one that it must not have.
    fn slot<'a>(
        &self,
        files: &'a mut Files,
        name: &Path,
    ) -> Option<(&'a mut Option<Vec<u8>>, &'static str, u64)> {
        let mut lists = self.class_lists.iter().zip(&mut files.class_lists);
        if let Some((list, slot)) = lists.find(|(list, _)| name.ends_with(list)) {
            return Some((slot, list, ENOUGH_NAMES));
        }
        let mut batches = self.batches.iter().zip(&mut files.batches);
        let ((batch, records), slot) = batches.find(|((batch, _), _)| name.ends_with(batch))?;
        Some((slot, batch, (records * self.record()) as u64 + 1))
    }

    fn no_files(&self) -> Files {
        Files {
            batches: vec![None; self.batches.len()],
            class_lists: vec![None; self.class_lists.len()],
        }
    }

    fn read_folder(&self, folder: &Path) -> Result<Files, DataError> {
        let mut files = self.no_files();
        let batches = self.batches.iter().map(|(name, _)| *name);
        for name in batches.chain(self.class_lists.iter().copied()) {
            let path = folder.join(name);
            if let Some((slot, _, enough)) = self.slot(&mut files, &path)
                && path.symlink_metadata().is_ok()
            {
                let mut bytes = Vec::new();
                let read = Unpacked::open(&path, self.again)?.take(enough).read_to_end(&mut bytes);
                read.map_err(|source| DataError::Unreadable { path, source })?;
                *slot = Some(bytes);
            }
        }
        Ok(files)
    }

    fn read_archive(&self, path: &Path) -> Result<Files, DataError> {
        let damaged = |source| DataError::Archive { path: path.to_owned(), source };
        let unpacked = Unpacked::open(path, self.again)?.at_most(self.largest_archive);
        let mut archive = tar::Archive::new(unpacked);
        let mut files = self.no_files();
        for entry in archive.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let inside = entry.path().map_err(damaged)?.into_owned();
            let Some((slot, name, enough)) = self.slot(&mut files, &inside) else { continue };
            if slot.is_some() {
                return Err(DataError::Twice { path: path.to_owned(), name });
            }
            let expected = entry.size().min(enough);
            let mut bytes = Vec::new();
            let found = entry.take(enough).read_to_end(&mut bytes).map_err(damaged)?;
            if found as u64 != expected {
                let message = format!("{name} has {found} bytes of {expected}");
                return Err(damaged(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
            }
            *slot = Some(bytes);
        }
        // The checksum of the compressed stream comes after all files, and is to be looked at too.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
        Ok(files)
    }

    /// Appends the records of a file and says how many there were.
    pub fn append_records(
        &self,
        path: &Path,
        bytes: &[u8],
        labels: &Labels<'_>,
        dataset: &mut Dataset,
    ) -> Result<usize, DataError> {
        let records = bytes.chunks_exact(self.record());
        let (count, rest) = (records.len(), records.remainder());
        if !rest.is_empty() {
            return Err(DataError::RecordLength {
                path: path.to_owned(),
                record: count,
                found: rest.len(),
                expected: self.record(),
            });
        }
        dataset.pixels.reserve(count * PIXELS);
        for (index, record) in records.enumerate() {
            let (own, pixels) = record.split_at(self.labels);
            dataset.labels.push((labels.class)(path, index, own)?);
            dataset.pixels.extend_from_slice(pixels);
        }
        Ok(count)
    }
}

/// A label below so many classes.
///
/// # Errors
/// When it is not; the error names the file and the record.
pub(super) fn label_below(
    classes: usize,
    path: &Path,
    index: usize,
    label: u8,
) -> Result<u16, DataError> {
    let label = u16::from(label);
    if usize::from(label) < classes {
        return Ok(label);
    }
    Err(DataError::Label { path: path.to_owned(), index, label, classes })
}
