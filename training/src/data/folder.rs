//! Images in class folders: CLASS/FILE, train/CLASS/FILE and test/CLASS/FILE.

use super::decoding::{Pixels, decode};
use super::storage::{Place, Storage};
use super::{DataError, Dataset};
use kernels::random::{Stream, shuffle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What becomes of a file that is no whole image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorrupt {
    /// It is an error that names the file.
    #[default]
    Fail,
    /// A warning names the file; it is left out and counted.
    Skip,
}

/// Which images of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those in `train`, or all where there is neither `train` nor `test`.
    Train,
    /// Those in `test` (or `val`, as ImageNet calls it).
    Test,
}

/// Files decoded in parallel before they are put in order.
const LOADED_AT_ONCE: usize = 1_024;

/// One file of a folder.
#[derive(Clone, Debug)]
pub struct LabelledFile {
    /// Its path inside the directory or archive.
    pub name: PathBuf,
    place: Place,
    /// The position of its class among the sorted names.
    pub label: u16,
}

/// A directory or a tar archive (packed or not) of JPEG and PNG files in class folders.
///
/// Files are told by their endings jpg, jpeg and png in any case; others are left out, and so is
/// what begins with a dot. Classes are the folders' names, sorted; within each part, files are
/// sorted by path, so that their numbers do not depend on the file system.
#[derive(Debug)]
pub struct ImageFolder {
    storage: Storage,
    classes: Vec<String>,
    train: Vec<LabelledFile>,
    test: Vec<LabelledFile>,
}

impl ImageFolder {
    /// Lists the images of a directory or archive; decodes none.
    ///
    /// # Errors
    /// When something cannot be read, an archive is truncated, a folder is empty, an image lies in
    /// no class folder, there is one class only or more than 65,536, some images are in `train`
    /// or `test` and others are not, or a test class has no training images.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let (storage, listed) = Storage::open(path)?;
        let mut whole = Vec::new();
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (name, place) in listed {
            if !is_image(&name) {
                continue;
            }
            let mut folders = name.iter().rev().skip(1).map(|name| name.to_string_lossy());
            let class = folders.next().filter(|class| class != ".").map(String::from);
            let Some(class) = class else {
                return Err(DataError::NoClass { path: path.to_owned(), file: name });
            };
            let part = match folders.next().as_deref() {
                Some("train") => &mut train,
                Some("test" | "val") => &mut test,
                _ => &mut whole,
            };
            part.push((class, name, place));
        }
        let split = !train.is_empty() || !test.is_empty();
        if let (true, Some((_, file, _))) = (split, whole.first()) {
            return Err(DataError::NoPart { path: path.to_owned(), file: file.clone() });
        }
        let train = if split { train } else { whole };
        if train.is_empty() {
            return Err(DataError::NoImages { path: path.to_owned() });
        }
        let mut classes: Vec<String> = train.iter().map(|(class, ..)| class.clone()).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() < 2 || classes.len() > 1 << 16 {
            let (first, classes) = (classes[0].clone(), classes.len());
            return Err(DataError::ClassCount { path: path.to_owned(), classes, first });
        }
        let label = |part: Vec<(String, PathBuf, Place)>| {
            let label = |(class, name, place)| match classes.binary_search(&class) {
                Ok(label) => Ok(LabelledFile { name, place, label: label as u16 }),
                Err(_) => Err(DataError::UntrainedClass { path: path.to_owned(), class }),
            };
            part.into_iter().map(label).collect::<Result<Vec<_>, _>>()
        };
        let (train, test) = (label(train)?, label(test)?);
        Ok(Self { storage, train, test, classes })
    }

    /// The names of the classes; a label is a position here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The files of a part, sorted by path.
    pub fn files(&self, part: Part) -> &[LabelledFile] {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }

    /// What was opened.
    pub fn path(&self) -> &Path {
        self.storage.path()
    }

    /// Reads and decodes one file.
    ///
    /// # Errors
    /// When it cannot be read ([`DataError::Unreadable`]) or is no whole image
    /// ([`DataError::Corrupt`]).
    pub fn decode(&self, file: &LabelledFile) -> Result<Pixels, DataError> {
        decode(&self.storage.read(&file.place)?).map_err(|reason| DataError::Corrupt {
            path: self.path().to_owned(),
            file: file.name.clone(),
            reason,
        })
    }

    /// A part whole in memory, for sets of small images that all have one size, and how many
    /// corrupt files were skipped.
    ///
    /// Files sorted by class are no random sample, so the images are shuffled, the same way every
    /// time: the first images of the result are as good as any.
    ///
    /// # Errors
    /// When a file cannot be read, is corrupt (unless that is to be skipped), has another size
    /// than the first, or none is left.
    pub fn load(
        &self,
        part: Part,
        name: &str,
        on_corrupt: OnCorrupt,
    ) -> Result<(Dataset, usize), DataError> {
        self.load_first(part, name, on_corrupt, usize::MAX)
    }

    /// The first images of what [`ImageFolder::load`] gives, at most `count`; no others are
    /// decoded.
    ///
    /// # Errors
    /// As [`ImageFolder::load`].
    pub fn load_first(
        &self,
        part: Part,
        name: &str,
        on_corrupt: OnCorrupt,
        count: usize,
    ) -> Result<(Dataset, usize), DataError> {
        let files = self.files(part);
        let mut order: Vec<usize> = (0..files.len()).collect();
        let stream = Stream::new(0, "image folder").child(match part {
            Part::Train => "train",
            Part::Test => "test",
        });
        shuffle(&mut stream.at(0), &mut order);
        order.truncate(count);
        let mut dataset = Dataset {
            name: name.to_owned(),
            channels: 3,
            height: 0,
            width: 0,
            classes: self.classes.len(),
            pixels: Vec::new(),
            labels: Vec::with_capacity(files.len()),
        };
        let mut skipped = 0;
        for group in order.chunks(LOADED_AT_ONCE) {
            let decoded: Vec<_> = group.par_iter().map(|&file| self.decode(&files[file])).collect();
            for (&file, pixels) in group.iter().zip(decoded) {
                if let Some(pixels) = on_corrupt.tolerate(pixels, &mut skipped)? {
                    self.append(&files[file], &pixels, &mut dataset)?;
                }
            }
        }
        if dataset.is_empty() {
            return Err(DataError::NoImages { path: self.path().to_owned() });
        }
        Ok((dataset, skipped))
    }

    fn append(
        &self,
        file: &LabelledFile,
        pixels: &Pixels,
        dataset: &mut Dataset,
    ) -> Result<(), DataError> {
        let found = (pixels.height, pixels.width);
        if dataset.is_empty() {
            (dataset.height, dataset.width) = found;
        }
        let expected = (dataset.height, dataset.width);
        if found != expected {
            let (path, file) = (self.path().to_owned(), file.name.clone());
            return Err(DataError::UnequalSize { path, file, found, expected });
        }
        pixels.append_planes(&mut dataset.pixels);
        dataset.labels.push(file.label);
        Ok(())
    }
}

impl OnCorrupt {
    /// Lets a decoded image through, and turns a corrupt one into a warning and a count where
    /// that is wanted; all other errors stay.
    pub(super) fn tolerate<T>(
        self,
        decoded: Result<T, DataError>,
        skipped: &mut usize,
    ) -> Result<Option<T>, DataError> {
        match decoded {
            Err(error @ DataError::Corrupt { .. }) if self == Self::Skip => {
                log::warn!("skipped: {error}");
                *skipped += 1;
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

fn is_image(name: &Path) -> bool {
    let ending = name.extension().unwrap_or_default();
    ["jpg", "jpeg", "png"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
