//! MNIST and Fashion-MNIST from their four IDX files as published, packed or not.

use super::unpacked::Unpacked;
use super::{DataError, Dataset, Normalisation, Splits};
use std::io::{self, Read};
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
/// Images of the published training and test files of MNIST and of Fashion-MNIST (LeCun, Cortes and
/// Burges; Xiao, Rasul and Vollgraf 2017).
pub const MNIST_IMAGES: [usize; 2] = [60_000, 10_000];

/// Where a data set is looked for, and what it is called.
struct Published {
    name: &'static str,
    folders: Vec<PathBuf>,
    again: &'static str,
}

fn mnist(folder: &Path) -> Published {
    Published {
        name: "MNIST",
        folders: vec![folder.to_owned(), folder.join("mnist")],
        again: "fetch it again with `reproduce data fetch mnist`",
    }
}

fn fashion_mnist(folder: &Path) -> Published {
    Published {
        name: "Fashion-MNIST",
        folders: vec![folder.join("fashion-mnist")],
        again: "fetch it again with `reproduce data fetch fashion-mnist`",
    }
}

/// The names under which a published IDX file goes: that of its archive, and the one that its
/// authors' page shows once it is unpacked, with a dot. Each may have the ending `.gz`.
///
/// ```
/// let names = training::data::idx_names("t10k-labels-idx1-ubyte");
/// assert_eq!(names, ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"]);
/// ```
pub fn idx_names(name: &str) -> [String; 2] {
    [name.to_owned(), name.replacen("-idx", ".idx", 1)]
}

impl Published {
    /// Where one of the files is. Something else of its name is given only where there is no
    /// file: some programs unpack each archive into a folder of the same name.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let paths = || {
            self.folders.iter().flat_map(|folder| {
                let names = idx_names(name);
                names.map(|name| [folder.join(&name), folder.join(format!("{name}.gz"))])
            })
        };
        let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
        let mut paths_there = paths().flatten().filter(is_there);
        paths().flatten().find(|path| path.is_file()).or_else(|| paths_there.next())
    }

    fn is_there(&self) -> bool {
        NAMES.iter().any(|name| self.find(name).is_some())
    }

    fn load(&self, held_out: usize) -> Result<Splits, DataError> {
        let (train, path) = self.load_pair(NAMES[0], NAMES[1], MNIST_IMAGES[0] as u64)?;
        let (test, _) = self.load_pair(NAMES[2], NAMES[3], MNIST_IMAGES[1] as u64)?;
        train.hold_out(held_out, test, &path)
    }

    fn load_pair(
        &self,
        images: &'static str,
        labels: &'static str,
        most: u64,
    ) -> Result<(Dataset, PathBuf), DataError> {
        let open = |name| {
            let folders = self.folders.clone();
            self.find(name).ok_or(DataError::Missing { folders, name })
        };
        // What is there is looked at before what is missing is named.
        let images_path = open(images)?;
        let images = Idx::<3>::open(&images_path, IMAGES, self.again)?;
        let labels_path = open(labels)?;
        let [count, height, width] = images.sides;
        if [height, width] != [SIDE as u64; 2] {
            return Err(DataError::ImageSize { path: images_path, height, width });
        }
        if count > most {
            let name = self.name;
            return Err(DataError::TooMany { path: images_path, images: count, name, most });
        }
        let labels = Idx::<1>::open(&labels_path, LABELS, self.again)?;
        if labels.sides != [count] {
            let [labels] = labels.sides;
            return Err(DataError::Count { path: labels_path, labels, images: count });
        }
        let labels: Vec<u16> = labels.read()?.into_iter().map(u16::from).collect();
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
            let label = labels[index];
            return Err(DataError::Label { path: labels_path, index, label, classes: CLASSES });
        }
        let dataset = Dataset {
            name: self.name.to_owned(),
            channels: 1,
            height: SIDE,
            width: SIDE,
            classes: CLASSES,
            pixels: images.read()?,
            labels,
            normalisation: Normalisation::mnist(),
        };
        Ok((dataset, images_path))
    }
}

/// Whether any of MNIST's four files is in the folder or its subfolder `mnist`.
pub fn has_mnist(folder: &Path) -> bool {
    mnist(folder).is_there()
}

/// Whether any of Fashion-MNIST's four files is in the subfolder `fashion-mnist`.
pub fn has_fashion_mnist(folder: &Path) -> bool {
    fashion_mnist(folder).is_there()
}

/// MNIST (LeCun, Cortes, Burges) with the first `held_out` training images held out, from the
/// folder or its subfolder `mnist`.
///
/// # Errors
/// When a file is missing, cannot be read, or is not what its name says; the error names the
/// file and what was found. No more is read than the header allows, and no more than published.
pub fn load_mnist(folder: &Path, held_out: usize) -> Result<Splits, DataError> {
    mnist(folder).load(held_out)
}

/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) with the first `held_out` training images held out,
/// from the subfolder `fashion-mnist`.
///
/// # Errors
/// As [`load_mnist`].
pub fn load_fashion_mnist(folder: &Path, held_out: usize) -> Result<Splits, DataError> {
    fashion_mnist(folder).load(held_out)
}

/// An IDX file of unsigned bytes of which the header is read: a magic number, D big-endian sides,
/// then the elements.
struct Idx<'a, const D: usize> {
    path: &'a Path,
    file: Unpacked,
    sides: [u64; D],
}

impl<'a, const D: usize> Idx<'a, D> {
    const HEADER: u64 = 4 * (D as u64 + 1);

    fn open(path: &'a Path, magic: u32, again: &'static str) -> Result<Self, DataError> {
        let mut file = Unpacked::open(path, again)?;
        let mut header = Vec::new();
        let read = (&mut file).take(Self::HEADER).read_to_end(&mut header);
        let found = read.map_err(unreadable(path))? as u64;
        let mut words = header.as_chunks().0.iter().map(|&word| u32::from_be_bytes(word));
        if let Some(found) = words.next().filter(|&found| found != magic) {
            return Err(DataError::Magic { path: path.to_owned(), found, expected: magic });
        }
        if found < Self::HEADER {
            let (path, expected) = (path.to_owned(), Self::HEADER);
            return Err(DataError::Length { path, found, expected });
        }
        let mut sides = [0; D];
        for (side, word) in sides.iter_mut().zip(words) {
            *side = u64::from(word);
        }
        Ok(Self { path, file, sides })
    }

    /// As many elements as the header announces; the file ends behind them.
    fn read(mut self) -> Result<Vec<u8>, DataError> {
        let elements = self.sides.iter().fold(1u64, |product, &side| product.saturating_mul(side));
        let expected = elements.saturating_add(Self::HEADER);
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(elements).read_to_end(&mut bytes);
        let found = read.map_err(unreadable(self.path))? as u64;
        if found < elements {
            let (path, found) = (self.path.to_owned(), found + Self::HEADER);
            return Err(DataError::Length { path, found, expected });
        }
        // Also looks at the checksum of a packed file, and at what follows it.
        let more = self.file.read(&mut [0]).map_err(unreadable(self.path))?;
        if more > 0 {
            return Err(DataError::Longer { path: self.path.to_owned(), expected });
        }
        Ok(bytes)
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> DataError {
    |source| DataError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
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
        let found = refusal(0, Some(long));
        assert!(found.contains("announces 4720 bytes, and the file goes on after them"), "{found}");
        assert!(refusal(0, Some(images[..7].to_vec())).contains("the file has 7"));
        assert!(
            refusal(0, Some(Vec::new())).contains("train-images-idx3-ubyte: the file is empty")
        );
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
        assert!(refusal(0, Some(huge)).contains("images are 4294967295 x 4294967295"));
        let huge = idx(IMAGES, &[u32::MAX, 28, 28], 10);
        let found = refusal(0, Some(huge));
        assert!(found.contains("4294967295 images; MNIST has at most 60000 here"), "{found}");
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_packed_file_is_unpacked_no_further_than_its_header_allows() {
        let zeros = vec![0; 60_000_000];
        let kinds = [
            (zeros.clone(), "the magic number is 0x00000000"),
            ([idx(IMAGES, &[6, 28, 28], 0), zeros.clone()].concat(), "goes on after them"),
            ([idx(IMAGES, &[u32::MAX, 28, 28], 0), zeros].concat(), "at most 60000"),
        ];
        for (bytes, expected) in kinds {
            let folder = folder(0, Some(packed(&bytes)));
            drop(bytes);
            let measured = allocation_counter::measure(|| {
                let found = load_mnist(folder.path(), 2).unwrap_err().to_string();
                assert!(found.contains(expected), "{found}");
            });
            assert!(measured.bytes_max < 1_000_000, "{expected}: {} bytes", measured.bytes_max);
        }
    }

    #[test]
    fn a_packed_file_padded_with_zeros_is_read_and_other_bytes_are_counted() {
        let labels = packed(&idx(LABELS, &[6], 6));
        let padded = folder(1, Some([labels.clone(), vec![0; 512]].concat()));
        assert!(
            load_mnist(padded.path(), 2).unwrap() == load_mnist(folder(4, None).path(), 2).unwrap()
        );
        let found = refusal(1, Some([labels, vec![7; 512]].concat()));
        assert!(
            found
                .ends_with("train-labels-idx1-ubyte: 512 bytes follow the end of what gzip packed"),
            "{found}"
        );
    }

    #[test]
    fn a_page_in_place_of_a_file_is_called_one() {
        let found = refusal(0, Some(b"<!DOCTYPE html><title>Sign in</title>".to_vec()));
        assert!(found.contains("train-images-idx3-ubyte: this is an HTML page"), "{found}");
        assert!(found.ends_with("fetch it again with `reproduce data fetch mnist`"), "{found}");
        // Also where it is the only file.
        let alone = tempfile::tempdir().unwrap();
        fs::write(alone.path().join("train-images-idx3-ubyte.gz"), b"<html>Sign in").unwrap();
        let found = load_mnist(alone.path(), 2).unwrap_err().to_string();
        assert!(found.contains("this is an HTML page"), "{found}");
    }

    #[test]
    fn the_other_published_spelling_is_read_also_beside_folders_of_the_first() {
        let plain = folder(4, None);
        let other = tempfile::tempdir().unwrap();
        for name in NAMES {
            let bytes = fs::read(plain.path().join(name)).unwrap();
            fs::write(other.path().join(name.replace("-idx", ".idx")), bytes).unwrap();
            fs::create_dir(other.path().join(name)).unwrap();
        }
        assert!(has_mnist(other.path()));
        assert!(load_mnist(other.path(), 2).unwrap() == load_mnist(plain.path(), 2).unwrap());
        fs::remove_file(other.path().join("train-images.idx3-ubyte")).unwrap();
        let found = load_mnist(other.path(), 2).unwrap_err().to_string();
        assert!(found.ends_with("train-images-idx3-ubyte: it is a folder, not a file"), "{found}");
    }

    #[test]
    fn fashion_mnist_has_a_name_and_a_folder_of_its_own() {
        let plain = folder(4, None);
        assert!(
            load_fashion_mnist(plain.path(), 2)
                .unwrap_err()
                .to_string()
                .contains("fashion-mnist: there is no")
        );
        let data = tempfile::tempdir().unwrap();
        fs::rename(plain.path(), data.path().join("fashion-mnist")).unwrap();
        assert_eq!(load_fashion_mnist(data.path(), 2).unwrap().train.name, "Fashion-MNIST");
        assert!(!has_mnist(data.path()));
        assert!(has_fashion_mnist(data.path()) && !has_fashion_mnist(folder(4, None).path()));
    }

    #[test]
    fn the_published_fashion_mnist_has_classes_of_one_size_and_its_mean() {
        let Some(data) = std::env::var_os("SAMPLED_DATA").map(PathBuf::from) else {
            return testing::skip_without_data("no SAMPLED_DATA");
        };
        if !has_fashion_mnist(&data) {
            return println!("skipped: no Fashion-MNIST in {}", data.display());
        }
        let splits = load_fashion_mnist(&data, 5_000).unwrap();
        for class in 0..10 {
            let count = |set: &Dataset| set.labels.iter().filter(|&&label| label == class).count();
            assert_eq!(count(&splits.train) + count(&splits.held_out), 6_000);
            assert_eq!(count(&splits.test), 1_000);
        }
        // As commonly published: mean 0.2860 and deviation 0.3530 over all training pixels.
        let pixels = [&splits.held_out.pixels[..], &splits.train.pixels].concat();
        let moments = Normalisation::of(&pixels, 1, SIDE * SIDE);
        let rounded = |number: f32| (f64::from(number) * 1e4).round();
        assert_eq!((rounded(moments.mean[0]), rounded(moments.deviation[0])), (2_860.0, 3_530.0));
    }
}
