//! CIFAR-10.

use super::cifar::{Cifar, Labels, label_below};
use super::{DataError, Normalisation, Splits};
use std::path::{Path, PathBuf};

const RECORDS: usize = 10_000;
/// Images of the published training files and of the test file (Krizhevsky 2009).
pub const CIFAR10_IMAGES: [usize; 2] = [5 * RECORDS, RECORDS];
const CLASS_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// A copy that goes round; its pixels went through JPEG and are not the published ones.
const JPEG_COPY: &str = "cifar-10-jpeg.tar.gz";

const CIFAR10: Cifar = Cifar {
    name: "CIFAR-10",
    subfolder: "cifar-10",
    unpacked: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    again: "fetch it again with `reproduce data fetch cifar-10`",
    batches: &[
        ("data_batch_1.bin", RECORDS),
        ("data_batch_2.bin", RECORDS),
        ("data_batch_3.bin", RECORDS),
        ("data_batch_4.bin", RECORDS),
        ("data_batch_5.bin", RECORDS),
        ("test_batch.bin", RECORDS),
    ],
    labels: 1,
    class_lists: &["batches.meta.txt"],
    // The published one has 184 million.
    largest_archive: 200_000_000,
};

/// Whether the binary version is there: `cifar-10-batches-bin` or `cifar-10-binary.tar.gz`, in
/// the folder or in its subfolder `cifar-10`.
pub fn has_cifar10(folder: &Path) -> bool {
    CIFAR10.find_binary(folder).is_some()
}

/// A copy of CIFAR-10 as JPEG files, in the folder or in its subfolder `cifar-10`. It is never
/// read as CIFAR-10: JPEG is lossy, and its pixels are others than the published ones.
pub fn jpeg_copy_of_cifar10(folder: &Path) -> Option<PathBuf> {
    CIFAR10.find(folder, JPEG_COPY)
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
    CIFAR10.load(folder, held_out, &labels(&[CLASS_NAMES.to_vec()]), jpeg_copy_of_cifar10(folder))
}

fn labels<'a>(names: &'a [Vec<&'static str>]) -> Labels<'a> {
    Labels {
        classes: CLASS_NAMES.len(),
        class: &|path, index, label| label_below(CLASS_NAMES.len(), path, index, label[0]),
        names,
        normalisation: Normalisation::cifar10(),
    }
}

#[cfg(test)]
mod tests;
