//! CIFAR-10: the binary version as published, packed or not.

use super::unpacked::Unpacked;
use super::{DataError, Dataset, Normalisation, Splits};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const FOLDER: &str = "cifar-10-batches-bin";
const ARCHIVE: &str = "cifar-10-binary.tar.gz";
/// A copy that goes round; its pixels went through JPEG and are not the published ones.
const JPEG_COPY: &str = "cifar-10-jpeg.tar.gz";
const AGAIN: &str = "fetch it again with `reproduce data fetch cifar-10`";
/// The training batches in their order, then the test batch.
const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// The names of the classes, a line each in the order of the labels; a copy may lack the file.
const CLASS_LIST: &str = "batches.meta.txt";
const CLASS_NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const RECORDS: usize = 10_000;
/// Images of the published training files and of the test file (Krizhevsky 2009).
pub const CIFAR10_IMAGES: [usize; 2] = [5 * RECORDS, RECORDS];
const CHANNELS: usize = 3;
const SIDE: usize = 32;
const FEATURES: usize = CHANNELS * SIDE * SIDE;
const RECORD: usize = 1 + FEATURES;
const CLASSES: usize = 10;
/// As many bytes as a file has, and one that it must not have.
const ENOUGH: u64 = (RECORDS * RECORD) as u64 + 1;
/// The same of a list of classes.
const ENOUGH_NAMES: u64 = 1 << 10;
/// Bytes of an unpacked archive; the published one has 184 million.
const LARGEST_ARCHIVE: u64 = 200_000_000;

/// A published name in the folder or in its subfolder `cifar-10`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join("cifar-10").join(name)].into_iter().find(|path| path.exists())
}

fn find_binary(folder: &Path) -> Option<PathBuf> {
    find(folder, FOLDER).or_else(|| find(folder, ARCHIVE))
}

/// Whether the binary version is there: `cifar-10-batches-bin` or `cifar-10-binary.tar.gz`, in
/// the folder or in its subfolder `cifar-10`.
pub fn has_cifar10(folder: &Path) -> bool {
    find_binary(folder).is_some()
}

/// A copy of CIFAR-10 as JPEG files, in the folder or in its subfolder `cifar-10`. It is never
/// read as CIFAR-10: JPEG is lossy, and its pixels are others than the published ones.
pub fn jpeg_copy_of_cifar10(folder: &Path) -> Option<PathBuf> {
    find(folder, JPEG_COPY)
}

/// CIFAR-10 (Krizhevsky 2009) with the first `held_out` training images held out: 50,000 and
/// 10,000 colour images of 32 x 32, ten classes. The unpacked folder is preferred.
///
/// Six files have 10,000 records of 3,073 bytes each: the label, then 1,024 red, 1,024 green and
/// 1,024 blue bytes, row by row. A list of classes beside them is compared with the published one.
///
/// # Errors
/// When a file is missing, cannot be read, is truncated or holds something else; the error names
/// the file, the record and what was found. No file is read beyond its published size.
pub fn load_cifar10(folder: &Path, held_out: usize) -> Result<Splits, DataError> {
    let path = find_binary(folder).ok_or_else(|| DataError::MissingCifar10 {
        folder: folder.to_owned(),
        copy: jpeg_copy_of_cifar10(folder),
    })?;
    let files = if path.is_dir() { read_folder(&path)? } else { read_archive(&path)? };
    if let Some(names) = files.classes {
        check_classes(&path.join(CLASS_LIST), &names)?;
    }
    let batches = NAMES.into_iter().zip(files.batches).map(|(name, bytes)| {
        let missing = || DataError::MissingFile { path: path.clone(), name };
        Ok((name, bytes.ok_or_else(missing)?))
    });
    let batches = batches.collect::<Result<Vec<_>, DataError>>()?;
    let mut train = empty();
    let mut test = empty();
    for (name, bytes) in batches {
        let path = path.join(name);
        let part = if name == NAMES[5] { &mut test } else { &mut train };
        let records = append_records(&path, &bytes, part)?;
        if records != RECORDS {
            return Err(DataError::RecordCount { path, found: records, expected: RECORDS });
        }
    }
    train.hold_out(held_out, test, &path)
}

fn check_classes(path: &Path, names: &[u8]) -> Result<(), DataError> {
    let text = String::from_utf8_lossy(names);
    let found: Vec<&str> = text.split_whitespace().collect();
    if found == CLASS_NAMES {
        return Ok(());
    }
    let (found, expected) = (found.join(", "), CLASS_NAMES.join(", "));
    Err(DataError::Classes { path: path.to_owned(), found, name: "CIFAR-10", expected })
}

fn empty() -> Dataset {
    Dataset {
        name: "CIFAR-10".to_owned(),
        channels: CHANNELS,
        height: SIDE,
        width: SIDE,
        classes: CLASSES,
        pixels: Vec::new(),
        labels: Vec::new(),
        normalisation: Normalisation::cifar10(),
    }
}

/// What is there of the published files.
#[derive(Default)]
struct Files {
    batches: [Option<Vec<u8>>; NAMES.len()],
    classes: Option<Vec<u8>>,
}

impl Files {
    /// Where the bytes of a file go, its name, and how many of them there can be.
    fn slot(&mut self, name: &Path) -> Option<(&mut Option<Vec<u8>>, &'static str, u64)> {
        if name.ends_with(CLASS_LIST) {
            return Some((&mut self.classes, CLASS_LIST, ENOUGH_NAMES));
        }
        let batches = self.batches.iter_mut().zip(NAMES);
        let (batch, name) = batches.into_iter().find(|(_, known)| name.ends_with(known))?;
        Some((batch, name, ENOUGH))
    }
}

fn read_folder(folder: &Path) -> Result<Files, DataError> {
    let mut files = Files::default();
    for name in NAMES.into_iter().chain([CLASS_LIST]) {
        let path = folder.join(name);
        if let Some((slot, _, enough)) = files.slot(&path)
            && path.symlink_metadata().is_ok()
        {
            let mut bytes = Vec::new();
            let read = Unpacked::open(&path, AGAIN)?.take(enough).read_to_end(&mut bytes);
            read.map_err(|source| DataError::Unreadable { path, source })?;
            *slot = Some(bytes);
        }
    }
    Ok(files)
}

fn read_archive(path: &Path) -> Result<Files, DataError> {
    let damaged = |source| DataError::Archive { path: path.to_owned(), source };
    let unpacked = Unpacked::open(path, AGAIN)?.at_most(LARGEST_ARCHIVE);
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Files::default();
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let inside = entry.path().map_err(damaged)?.into_owned();
        let Some((slot, name, enough)) = files.slot(&inside) else { continue };
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
fn append_records(path: &Path, bytes: &[u8], dataset: &mut Dataset) -> Result<usize, DataError> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(DataError::RecordLength {
            path: path.to_owned(),
            record: records.len(),
            found: rest.len(),
            expected: RECORD,
        });
    }
    dataset.pixels.reserve(records.len() * FEATURES);
    for (index, record) in records.iter().enumerate() {
        let label = u16::from(record[0]);
        if usize::from(label) >= CLASSES {
            let path = path.to_owned();
            return Err(DataError::Label { path, index, label, classes: CLASSES });
        }
        dataset.labels.push(label);
        dataset.pixels.extend_from_slice(&record[1..]);
    }
    Ok(records.len())
}

#[cfg(test)]
mod tests;
