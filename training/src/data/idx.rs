//! MNIST from the four IDX files as published, packed or not.

use super::{DataError, Dataset, Splits};
use flate2::read::MultiGzDecoder;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const SIDE: usize = 28;
const CLASSES: usize = 10;
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Where one of the published files is: in the folder or its subfolder `mnist`, packed or not.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.to_path_buf(), folder.join("mnist")]
        .iter()
        .flat_map(|folder| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

/// Whether any of the four files is there.
pub fn has_mnist(folder: &Path) -> bool {
    NAMES.iter().any(|name| find(folder, name).is_some())
}

/// MNIST with the first `held_out` training images held out.
///
/// # Errors
/// When a file is missing, cannot be read, or is not what its name says; the error names the
/// file and what was found.
pub fn load_mnist(folder: &Path, held_out: usize) -> Result<Splits, DataError> {
    let (train, train_path) = load_pair(folder, NAMES[0], NAMES[1])?;
    let (test, _) = load_pair(folder, NAMES[2], NAMES[3])?;
    if held_out >= train.len() {
        return Err(DataError::HeldOut { path: train_path, held_out, images: train.len() });
    }
    Ok(Splits { held_out: train.part(0, held_out), train: train.part(held_out, train.len()), test })
}

fn load_pair(
    folder: &Path,
    images: &'static str,
    labels: &'static str,
) -> Result<(Dataset, PathBuf), DataError> {
    let locate = |name| {
        find(folder, name).ok_or_else(|| DataError::Missing { folder: folder.to_owned(), name })
    };
    let (images_path, labels_path) = (locate(images)?, locate(labels)?);
    let (sides, pixels) = read_idx::<3>(&images_path, IMAGES)?;
    if sides[1..] != [SIDE as u64; 2] {
        let (height, width) = (sides[1], sides[2]);
        return Err(DataError::ImageSize { path: images_path, height, width });
    }
    let (_, labels) = read_idx::<1>(&labels_path, LABELS)?;
    let labels: Vec<u16> = labels.into_iter().map(u16::from).collect();
    let images = pixels.len() / (SIDE * SIDE);
    if labels.len() != images {
        return Err(DataError::Count { path: labels_path, labels: labels.len(), images });
    }
    if let Some(index) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        let label = labels[index];
        return Err(DataError::Label { path: labels_path, index, label, classes: CLASSES });
    }
    let dataset = Dataset {
        name: "MNIST".to_owned(),
        channels: 1,
        height: SIDE,
        width: SIDE,
        classes: CLASSES,
        pixels,
        labels,
    };
    Ok((dataset, images_path))
}

/// The sides and the bytes of an IDX file of unsigned bytes: a magic number, D big-endian sides,
/// then the elements.
fn read_idx<const D: usize>(path: &Path, magic: u32) -> Result<([u64; D], Vec<u8>), DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.to_owned(), source };
    let mut bytes = fs::read(path).map_err(unreadable)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).map_err(unreadable)?;
        bytes = unpacked;
    }
    let header = 4 * (D + 1);
    let found = bytes.len() as u64;
    let too_short = || DataError::Length { path: path.to_owned(), found, expected: header as u64 };
    let word = |position: usize| {
        let bytes = bytes.get(4 * position..4 * position + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    match word(0) {
        Some(number) if number == magic => {}
        Some(found) => {
            return Err(DataError::Magic { path: path.to_owned(), found, expected: magic });
        }
        None => return Err(too_short()),
    }
    let mut sides = [0; D];
    for (position, side) in (1..).zip(&mut sides) {
        *side = u64::from(word(position).ok_or_else(too_short)?);
    }
    let elements = sides.iter().fold(1u64, |product, &side| product.saturating_mul(side));
    let expected = elements.saturating_add(header as u64);
    if found != expected {
        return Err(DataError::Length { path: path.to_owned(), found, expected });
    }
    Ok((sides, bytes.split_off(header)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::TempDir;

    fn idx(magic: u32, sides: &[u32], elements: usize) -> Vec<u8> {
        let words = [&[magic][..], sides].concat();
        let header = words.iter().flat_map(|word| word.to_be_bytes());
        header.chain((0..elements).map(|i| (i % 10) as u8)).collect()
    }

    /// A folder with 6 training and 4 test images, in which one file is replaced.
    fn folder(replaced: usize, contents: Option<Vec<u8>>) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, name) in NAMES.into_iter().enumerate() {
            let count = if number < 2 { 6 } else { 4 };
            let whole = if number % 2 == 0 {
                idx(IMAGES, &[count, 28, 28], count as usize * 784)
            } else {
                idx(LABELS, &[count], count as usize)
            };
            match &contents {
                Some(bytes) if number == replaced => {
                    fs::write(folder.path().join(name), bytes).unwrap();
                }
                None if number == replaced => {}
                _ => fs::write(folder.path().join(name), whole).unwrap(),
            }
        }
        folder
    }

    fn refusal(replaced: usize, contents: Option<Vec<u8>>) -> String {
        load_mnist(folder(replaced, contents).path(), 2).unwrap_err().to_string()
    }

    #[test]
    fn whole_files_are_split() {
        let folder = folder(4, None);
        let splits = load_mnist(folder.path(), 2).unwrap();
        let lengths = [splits.train.len(), splits.held_out.len(), splits.test.len()];
        assert_eq!(lengths, [4, 2, 4]);
        assert_eq!(splits.train.labels, [2, 3, 4, 5]);
        assert!(has_mnist(folder.path()));
    }

    #[test]
    fn packed_files_in_the_subfolder_are_found() {
        let plain = folder(4, None);
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(other.path().join("mnist")).unwrap();
        for name in NAMES {
            let file = fs::File::create(other.path().join(format!("mnist/{name}.gz"))).unwrap();
            let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            packer.write_all(&fs::read(plain.path().join(name)).unwrap()).unwrap();
        }
        let (one, two) = (load_mnist(plain.path(), 2), load_mnist(other.path(), 2));
        assert_eq!(one.unwrap().checksum(), two.unwrap().checksum());
    }

    #[test]
    fn every_fault_is_named() {
        assert!(refusal(0, None).contains("there is no train-images-idx3-ubyte"));
        let images = idx(IMAGES, &[6, 28, 28], 6 * 784);
        let short = images[..images.len() - 1].to_vec();
        assert!(refusal(0, Some(short)).contains("announces 4720 bytes, the file has 4719"));
        let long = [images.clone(), vec![0]].concat();
        assert!(refusal(0, Some(long)).contains("announces 4720 bytes, the file has 4721"));
        assert!(refusal(0, Some(images[..7].to_vec())).contains("the file has 7"));
        assert!(refusal(0, Some(Vec::new())).contains("the file has 0"));
        let labels = idx(LABELS, &[6], 6);
        assert!(refusal(0, Some(labels)).contains("0x00000801, not 0x00000803"));
        let small = idx(IMAGES, &[6, 14, 14], 6 * 196);
        assert!(refusal(0, Some(small)).contains("images are 14 x 14"));
        assert!(refusal(1, Some(idx(LABELS, &[5], 5))).contains("5 labels for 6 images"));
        let mut label = idx(LABELS, &[6], 6);
        label[10] = 17;
        assert!(refusal(1, Some(label)).contains("label 2 is 17"));
        assert!(refusal(3, Some(vec![0x1f, 0x8b, 8, 0])).contains("t10k-labels-idx1-ubyte"));
        let held_out = load_mnist(folder(4, None).path(), 6).unwrap_err().to_string();
        assert!(held_out.contains("6 images are to be held out of 6"), "{held_out}");
    }

    #[test]
    fn a_header_that_announces_too_much_does_not_overflow() {
        let huge = idx(IMAGES, &[u32::MAX, u32::MAX, u32::MAX], 10);
        assert!(refusal(0, Some(huge)).contains("announces"));
    }
}
