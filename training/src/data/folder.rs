//! Images in class folders: CLASS/FILE, train/CLASS/FILE and test/CLASS/FILE.

use super::decoding::{Pixels, decode, size};
use super::resizing::{Crop, resize};
use super::storage::{Place, Storage};
use super::{DataError, Dataset, Normalisation, Splits};
use crate::setting::count_within;
use kernels::random::{Stream, shuffle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Those in `train`, or all where there is neither `train` nor `test`.
    Train,
    /// Those in `test` (or `val`, as ImageNet calls it).
    Test,
}

impl Part {
    fn of_folder(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Self::Train),
            "test" | "val" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Files decoded in parallel before they are put in order, at most, and their bytes.
const LOADED_AT_ONCE: usize = 1_024;
const BYTES_AT_ONCE: usize = 1 << 26;
/// The longest side that images are resized to: as long as JPEG has.
const LARGEST_SIDE: usize = 65_535;
/// Where there is no test part, each image at this place among those of its class is in it.
const EVERY: usize = 5;
/// Endings of the files that are images.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// One file of a folder.
#[derive(Clone, Debug)]
pub struct LabelledFile {
    /// Its path inside the directory or archive.
    pub name: PathBuf,
    place: Place,
    /// The position of its class among the sorted names.
    pub label: u16,
}

/// A directory or a tar archive (packed or not) of JPEG, PNG and WebP files in class folders.
///
/// Files are told by their endings jpg, jpeg, png and webp in any case; others are left out with a
/// warning, and what begins with a dot without one. A class that would vanish so is an error, since
/// the labels of all that follow it would change. Classes are the folders' names, sorted; within
/// each part, files are sorted by path, so that their numbers do not depend on the file system.
#[derive(Debug)]
pub struct ImageFolder {
    storage: Storage,
    /// Whether there are folders `train` and `test`.
    is_split: bool,
    classes: Vec<String>,
    train: Vec<LabelledFile>,
    test: Vec<LabelledFile>,
}

impl ImageFolder {
    /// Lists the images of a directory or archive; decodes none.
    ///
    /// # Errors
    /// When something cannot be read, an archive is truncated, a folder is empty, an image lies in
    /// no class folder, class folders lie in different folders, an archive has links, a class has
    /// files and no image, there is one class only or more than
    /// 65,536, some images are in `train` or `test` and others are not, or a test class has no
    /// training images.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let (storage, listed) = Storage::open(path)?;
        let [mut whole, mut train, mut test] = [const { Vec::new() }; 3];
        let mut others = BTreeMap::<(Option<Part>, String), BTreeSet<String>>::new();
        for (name, place) in listed {
            let mut folders = name.iter().rev().skip(1).map(|folder| {
                let unnamed = || DataError::Name { path: path.to_owned(), name: folder.into() };
                folder.to_str().ok_or_else(unnamed)
            });
            let class = folders.next().transpose()?.filter(|&class| class != ".");
            let part = folders.next().transpose()?.and_then(Part::of_folder);
            let class = class.map(str::to_owned);
            drop(folders);
            match class {
                Some(class) if is_image(&name) => match part {
                    Some(Part::Train) => train.push((class, name, place)),
                    Some(Part::Test) => test.push((class, name, place)),
                    None => whole.push((class, name, place)),
                },
                None if is_image(&name) => {
                    return Err(DataError::NoClass { path: path.to_owned(), file: name });
                }
                Some(class) if part.is_some() || Part::of_folder(&class).is_none() => {
                    others.entry((part, class)).or_default().insert(ending(&name));
                }
                _ => {}
            }
        }
        let is_split = !train.is_empty() || !test.is_empty();
        if let (true, Some((_, file, _))) = (is_split, whole.first()) {
            return Err(DataError::NoPart { path: path.to_owned(), file: file.clone() });
        }
        let train = if is_split { train } else { whole };
        if train.is_empty() {
            return Err(DataError::NoImages { path: path.to_owned() });
        }
        // What holds the class folders: two levels above a file, three with `train` or `test`.
        let holder = |file: &Path| -> PathBuf {
            let above = file.ancestors().nth(if is_split { 3 } else { 2 }).unwrap_or(Path::new(""));
            above.components().filter(|part| *part != Component::CurDir).collect()
        };
        let mut images = train.iter().chain(&test).map(|(_, file, _)| file);
        if let Some(file) = images.next()
            && let Some(other) = images.find(|other| holder(other) != holder(file))
        {
            let (file, other) = (file.clone(), other.clone());
            return Err(DataError::Depth { path: path.to_owned(), file, other });
        }
        let names = |part: &[(String, PathBuf, Place)]| -> BTreeSet<String> {
            part.iter().map(|(class, ..)| class.clone()).collect()
        };
        let (of_train, of_test) = (names(&train), names(&test));
        others.retain(|(part, _), _| part.is_some() == is_split);
        for ((part, class), endings) in others {
            let with_images = if part == Some(Part::Test) { &of_test } else { &of_train };
            let found = endings.into_iter().collect::<Vec<_>>().join(", ");
            if !with_images.contains(&class) {
                return Err(DataError::NoReadableImages { path: path.to_owned(), class, found });
            }
            log::warn!("{}: class {class}: files of {found} are left out", path.display());
        }
        let classes: Vec<String> = of_train.into_iter().collect();
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
        Ok(Self { storage, is_split, train, test, classes })
    }

    /// Takes the test part from the training part where there are no folders for the two: of each
    /// class every fifth image, by path.
    #[must_use]
    pub fn split(mut self) -> Self {
        if !self.is_split {
            let mut seen = vec![0; self.classes.len()];
            let is_test = |file: &mut LabelledFile| {
                let seen: &mut usize = &mut seen[usize::from(file.label)];
                *seen += 1;
                seen.is_multiple_of(EVERY)
            };
            self.test = self.train.extract_if(.., is_test).collect();
        }
        self
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
        decode(&self.storage.read(&file.place)?).map_err(|reason| self.corrupt(file, reason))
    }

    /// Height and width of the first training image, of those that a loaded set begins with, as its
    /// header says.
    ///
    /// # Errors
    /// When it cannot be read or is no image.
    pub fn first_image_size(&self) -> Result<(usize, usize), DataError> {
        let order = self.shuffled(Part::Train);
        self.first_size(order.iter().map(|&file| &self.train[file]), OnCorrupt::Fail)
    }

    /// A part whole in memory, for sets of small images that all have one size, and how many
    /// corrupt files were skipped. It is normalised by its own moments.
    ///
    /// Files sorted by class are no random sample, so the images are shuffled, the same way every
    /// time: the first images of the result are as good as any.
    ///
    /// # Errors
    /// When a file cannot be read, is corrupt (unless that is to be skipped), has another size
    /// than the first, or none is left; when the images do not fit in memory.
    pub fn load(
        &self,
        part: Part,
        name: &str,
        on_corrupt: OnCorrupt,
    ) -> Result<(Dataset, usize), DataError> {
        self.load_first(part, name, on_corrupt, usize::MAX, None)
    }

    /// The first images of what [`ImageFolder::load`] gives, at most `count`; no others are
    /// decoded. With a `side`, each is resized until its shorter side is as long, and the square
    /// in its middle is taken.
    ///
    /// # Errors
    /// As [`ImageFolder::load`].
    pub fn load_first(
        &self,
        part: Part,
        name: &str,
        on_corrupt: OnCorrupt,
        count: usize,
        side: Option<usize>,
    ) -> Result<(Dataset, usize), DataError> {
        let files = self.files(part);
        let mut order = self.shuffled(part);
        order.truncate(count);
        let (height, width) = match side {
            Some(side) => {
                count_within("size", side, 1..=LARGEST_SIDE)?;
                (side, side)
            }
            None => self.first_size(order.iter().map(|&file| &files[file]), on_corrupt)?,
        };
        self.fits(order.len(), (height, width), machine_memory().unwrap_or(u64::MAX))?;
        let bytes = 3 * height * width;
        let mut dataset = Dataset {
            name: name.to_owned(),
            channels: 3,
            height,
            width,
            classes: self.classes.len(),
            pixels: Vec::new(),
            labels: Vec::with_capacity(order.len()),
            normalisation: Normalisation::imagenet(),
        };
        let mut skipped = 0;
        for group in order.chunks((BYTES_AT_ONCE / bytes).clamp(1, LOADED_AT_ONCE)) {
            let decode = |&file: &usize| self.decode_to(&files[file], side, (height, width));
            let decoded: Vec<_> = group.par_iter().map(decode).collect();
            for (&file, pixels) in group.iter().zip(decoded) {
                if let Some(pixels) = on_corrupt.tolerate(pixels, &mut skipped)? {
                    pixels.append_planes(&mut dataset.pixels);
                    dataset.labels.push(files[file].label);
                }
            }
        }
        if dataset.is_empty() {
            return Err(DataError::NoImages { path: self.path().to_owned() });
        }
        dataset.normalisation = Normalisation::of(&dataset.pixels, 3, height * width);
        Ok((dataset, skipped))
    }

    /// Images of one's own in the three parts of an experiment: at most so many of each, those
    /// held out from the training part, all normalised by the moments of what remains of it.
    ///
    /// # Errors
    /// As [`ImageFolder::load`], and when the training part has no more than `held_out` images or
    /// there is no test part (see [`ImageFolder::split`]).
    pub fn load_splits(
        &self,
        (train, held_out, test): (usize, usize, usize),
        side: Option<usize>,
    ) -> Result<Splits, DataError> {
        if self.test.is_empty() {
            return Err(DataError::NoTest { path: self.path().to_owned() });
        }
        let name = self.path().file_name().unwrap_or_default().to_string_lossy();
        let load = |part, count| {
            self.load_first(part, &name, OnCorrupt::Fail, count, side).map(|(dataset, _)| dataset)
        };
        let (one, test) =
            (load(Part::Train, held_out.saturating_add(train))?, load(Part::Test, test)?);
        let (found, expected) = ((test.height, test.width), (one.height, one.width));
        if found != expected {
            let (path, file) = (self.path().to_owned(), self.test[0].name.clone());
            return Err(DataError::UnequalSize { path, file, found, expected });
        }
        let mut splits = one.hold_out(held_out, test, self.path())?;
        let normalisation = Normalisation::of(&splits.train.pixels, 3, expected.0 * expected.1);
        for part in [&mut splits.train, &mut splits.held_out, &mut splits.test] {
            part.normalisation = normalisation.clone();
        }
        Ok(splits)
    }

    /// The files of a part by number, shuffled, the same way every time.
    pub(super) fn shuffled(&self, part: Part) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files(part).len()).collect();
        let stream = Stream::new(0, "image folder").child(match part {
            Part::Train => "train",
            Part::Test => "test",
        });
        shuffle(&mut stream.at(0), &mut order);
        order
    }

    /// Refuses what does not fit in so many bytes of memory.
    fn fits(
        &self,
        images: usize,
        (height, width): (usize, usize),
        machine: u64,
    ) -> Result<(), DataError> {
        let sides = [images, 3, height, width];
        let needed = sides.iter().fold(1u64, |bytes, &side| bytes.saturating_mul(side as u64));
        if needed <= machine {
            return Ok(());
        }
        let path = self.path().to_owned();
        Err(DataError::Memory { path, images, height, width, needed, machine })
    }

    /// The size of the first image that has one.
    fn first_size<'a>(
        &self,
        files: impl Iterator<Item = &'a LabelledFile>,
        on_corrupt: OnCorrupt,
    ) -> Result<(usize, usize), DataError> {
        for file in files {
            let found = size(&self.storage.read(&file.place)?);
            match found.map_err(|reason| self.corrupt(file, reason)) {
                Err(DataError::Corrupt { .. }) if on_corrupt == OnCorrupt::Skip => {}
                found => return found,
            }
        }
        Err(DataError::NoImages { path: self.path().to_owned() })
    }

    /// An image of the expected size, or resized to it; of another size, it is not decoded.
    fn decode_to(
        &self,
        file: &LabelledFile,
        side: Option<usize>,
        expected: (usize, usize),
    ) -> Result<Pixels, DataError> {
        let bytes = self.storage.read(&file.place)?;
        let corrupt = |reason| self.corrupt(file, reason);
        let found = size(&bytes).map_err(corrupt)?;
        if side.is_none() && found != expected {
            let (path, file) = (self.path().to_owned(), file.name.clone());
            return Err(DataError::UnequalSize { path, file, found, expected });
        }
        let pixels = decode(&bytes).map_err(corrupt)?;
        Ok(match side {
            Some(side) => {
                let target = pixels.target(side);
                let corner = ((target.0 - side) / 2, (target.1 - side) / 2);
                resize(&pixels, Crop { target, corner, size: expected })
            }
            None => pixels,
        })
    }

    fn corrupt(&self, file: &LabelledFile, reason: String) -> DataError {
        DataError::Corrupt { path: self.path().to_owned(), file: file.name.clone(), reason }
    }
}

/// Bytes of this machine's memory, where the system says.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
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
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

fn ending(name: &Path) -> String {
    match name.extension() {
        Some(ending) => ending.to_string_lossy().to_lowercase(),
        None => "no ending".to_owned(),
    }
}

#[cfg(test)]
mod tests;
