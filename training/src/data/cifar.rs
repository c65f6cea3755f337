//! CIFAR-10: the binary version as published, packed or not, and a copy as JPEG files.

use super::{DataError, Dataset, ImageFolder, OnCorrupt, Part, Splits};
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const FOLDER: &str = "cifar-10-batches-bin";
const ARCHIVE: &str = "cifar-10-binary.tar.gz";
const JPEG_ARCHIVE: &str = "cifar-10-jpeg.tar.gz";
/// The training batches in their order, then the test batch.
const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
const RECORDS: usize = 10_000;
const CHANNELS: usize = 3;
const SIDE: usize = 32;
const FEATURES: usize = CHANNELS * SIDE * SIDE;
const RECORD: usize = 1 + FEATURES;
const CLASSES: usize = 10;

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

/// CIFAR-10 (Krizhevsky 2009) with the first `held_out` training images held out: 50,000 and
/// 10,000 colour images of 32 x 32, ten classes. The unpacked folder is preferred.
///
/// Six files have 10,000 records of 3,073 bytes each: the label, then 1,024 red, 1,024 green and
/// 1,024 blue bytes, row by row.
///
/// # Errors
/// When a file is missing, cannot be read, is truncated or holds something else; the error names
/// the file, the record and what was found.
pub fn load_cifar10(folder: &Path, held_out: usize) -> Result<Splits, DataError> {
    let path = find_binary(folder)
        .ok_or_else(|| DataError::MissingCifar10 { folder: folder.to_owned(), archive: ARCHIVE })?;
    let files = if path.is_dir() { read_folder(&path)? } else { read_archive(&path)? };
    let mut train = empty();
    let mut test = empty();
    for (name, bytes) in NAMES.into_iter().zip(files) {
        let path = path.join(name);
        let part = if name == NAMES[5] { &mut test } else { &mut train };
        let records = append_records(&path, &bytes, part)?;
        if records != RECORDS {
            return Err(DataError::RecordCount { path, found: records, expected: RECORDS });
        }
    }
    hold_out(&path, train, test, held_out)
}

/// Whether the copy as JPEG files is there: `cifar-10-jpeg.tar.gz`, in the folder or in its
/// subfolder `cifar-10`.
pub fn has_cifar10_jpeg(folder: &Path) -> bool {
    find(folder, JPEG_ARCHIVE).is_some()
}

/// CIFAR-10 from its copy as JPEG files, train/CLASS/FILE and test/CLASS/FILE.
///
/// JPEG is lossy: pixels differ from the published ones, and the name of the data set says so.
/// Both parts are shuffled once, the same way every time (see [`ImageFolder::load`]); then the
/// first `held_out` training images are held out. Of what remains, the first `train` and `test`
/// images at most are decoded.
///
/// # Errors
/// As [`ImageFolder::open`] and [`ImageFolder::load`]; a corrupt file is fatal.
pub fn load_cifar10_jpeg(
    folder: &Path,
    held_out: usize,
    (train, test): (usize, usize),
) -> Result<Splits, DataError> {
    let path = find(folder, JPEG_ARCHIVE).ok_or_else(|| DataError::MissingCifar10 {
        folder: folder.to_owned(),
        archive: JPEG_ARCHIVE,
    })?;
    let images = ImageFolder::open(&path)?;
    let load = |part, count| {
        let name = "CIFAR-10 (JPEG copy)";
        Ok(images.load_first(part, name, OnCorrupt::Fail, count)?.0)
    };
    let train = load(Part::Train, held_out.saturating_add(train))?;
    hold_out(&path, train, load(Part::Test, test)?, held_out)
}

fn hold_out(
    path: &Path,
    train: Dataset,
    test: Dataset,
    held_out: usize,
) -> Result<Splits, DataError> {
    if held_out >= train.len() {
        return Err(DataError::HeldOut { path: path.to_owned(), held_out, images: train.len() });
    }
    Ok(Splits { held_out: train.part(0, held_out), train: train.part(held_out, train.len()), test })
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
    }
}

fn read_folder(folder: &Path) -> Result<Vec<Vec<u8>>, DataError> {
    let read = |name| {
        let path = folder.join(name);
        fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DataError::MissingFile { path: folder.to_owned(), name },
            _ => DataError::Unreadable { path, source },
        })
    };
    NAMES.into_iter().map(read).collect()
}

fn read_archive(path: &Path) -> Result<Vec<Vec<u8>>, DataError> {
    let file = File::open(path)
        .map_err(|source| DataError::Unreadable { path: path.to_owned(), source })?;
    let damaged = |source| DataError::Archive { path: path.to_owned(), source };
    let mut archive = tar::Archive::new(MultiGzDecoder::new(io::BufReader::new(file)));
    let mut files: [Option<Vec<u8>>; NAMES.len()] = Default::default();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        let Some(position) = NAMES.iter().position(|known| name.ends_with(known)) else { continue };
        let expected = entry.size();
        let mut bytes = Vec::new();
        let found = entry.read_to_end(&mut bytes).map_err(damaged)?;
        if found as u64 != expected {
            let message = format!("{} has {found} bytes of {expected}", NAMES[position]);
            return Err(damaged(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
        }
        files[position] = Some(bytes);
    }
    // The checksum of the compressed stream comes after all files, and is to be looked at too.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    let missing = |name| DataError::MissingFile { path: path.to_owned(), name };
    let complete = files.into_iter().zip(NAMES);
    complete.map(|(bytes, name)| bytes.ok_or_else(|| missing(name))).collect()
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
