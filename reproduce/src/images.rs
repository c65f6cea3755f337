//! The image sets that exhibits train on: which, how much of them, and what they hash to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use training::data::{
    DataError, ImageFolder, Part, Splits, generated_digits, has_cifar10, has_mnist, load_cifar10,
    load_fashion_mnist, load_mnist,
};
use training::layer::ImageShape;
use training::setting::count;

use crate::exhibit::config::FieldError;

/// A set of images to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSet {
    /// MNIST where the data directory holds it, generated digits where it does not.
    Digits,
    /// MNIST, or an error.
    Mnist,
    /// Fashion-MNIST, or an error.
    FashionMnist,
    /// Digits drawn by code; needs no file.
    GeneratedDigits,
    /// CIFAR-10 as published, or an error.
    #[serde(rename = "cifar-10")]
    Cifar10,
    /// Images of one's own: JPEG, PNG and WebP files in class folders.
    Folder,
}

impl ImageSet {
    /// The set's name, where it is a published one that the data directory does not hold and
    /// nothing else takes its place.
    pub fn missing_from(self, directory: &Path) -> Option<&'static str> {
        (self == ImageSet::Cifar10 && !has_cifar10(directory)).then_some("CIFAR-10")
    }

    /// The names for files ([`Images::slug`]) of the sets that it may turn out to be.
    pub fn slugs(self) -> &'static [&'static str] {
        match self {
            ImageSet::Digits => &["mnist", "generated-digits"],
            ImageSet::Mnist => &["mnist"],
            ImageSet::FashionMnist => &["fashion-mnist"],
            ImageSet::GeneratedDigits => &["generated-digits"],
            ImageSet::Cifar10 => &["cifar-10"],
            // No committed numbers are of anyone's own images.
            ImageSet::Folder => &[],
        }
    }
}

/// Which images, and at most how many of each part.
///
/// Those of one's own lie in `path`: in `train/CLASS/FILE` and `test/CLASS/FILE` (or `val`), or in
/// `CLASS/FILE`, where every fifth image of a class, by path, is a test image. All have one size,
/// or `size` says to which they are resized and cropped. They are normalised by the mean and the
/// standard deviation of the training images.
///
/// ```
/// use reproduce::images::{ImageConfig, ImageSet};
/// let text = "{set: folder, path: pets, size: 32, train: 900, held_out: 100, test: 250}";
/// let config: ImageConfig = serde_yaml::from_str(text)?;
/// assert_eq!(config.set, ImageSet::Folder);
/// assert!(config.check().is_ok());
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// The set.
    pub set: ImageSet,
    /// The directory or tar archive of images of one's own, in the data directory or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Rows and columns that images of one's own are resized to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// Images to learn from.
    pub train: usize,
    /// Images that settings are judged by.
    pub held_out: usize,
    /// Images that results are reported on.
    pub test: usize,
    /// What is known of images of one's own, once their folder was looked at.
    #[serde(skip)]
    pub seen: Option<Seen>,
}

/// Images of one's own, before any of them is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    image: ImageShape,
    classes: usize,
    /// Files to learn from and to hold out, and files to report on.
    files: [usize; 2],
}

/// Images in memory.
#[derive(Debug)]
pub struct Images {
    /// The three parts.
    pub splits: Splits,
    /// The set's name for files: "mnist".
    pub slug: String,
    /// The set's name for people, with the number of images.
    pub description: String,
    /// SHA-256 of all that is in the three parts.
    pub checksum: String,
}

/// The first images of a published training set that are held out: as in the released code for
/// MNIST, and the same number for the other sets.
const HELD_OUT: usize = 5_000;
/// Generated digits are one data set, whatever the seed of an experiment.
const DIGITS_SEED: u64 = 1;

impl ImageConfig {
    /// Checks the number of images in each part, and that there is a path where one is needed.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("train", self.train)?;
        count("held_out", self.held_out)?;
        count("test", self.test)?;
        let none = "none, except with `set: folder`";
        match (self.set, &self.path, self.size) {
            (ImageSet::Folder, None, _) => {
                Err(FieldError::new("path", "missing", "a folder of class folders"))
            }
            (ImageSet::Folder, Some(_), size) => size.map_or(Ok(()), |size| count("size", size)),
            (_, Some(path), _) => Err(FieldError::new("path", path.display(), none)),
            (_, None, Some(size)) => Err(FieldError::new("size", size, none)),
            (_, None, None) => Ok(()),
        }
    }

    /// The shape of an image and the number of classes, where they are known before it is read.
    pub fn shape(&self) -> Option<(ImageShape, usize)> {
        const CLASSES: usize = 10;
        match self.set {
            ImageSet::Cifar10 => Some((ImageShape::new(3, 32, 32), CLASSES)),
            ImageSet::Digits
            | ImageSet::Mnist
            | ImageSet::FashionMnist
            | ImageSet::GeneratedDigits => Some((ImageShape::new(1, 28, 28), CLASSES)),
            ImageSet::Folder => self.seen.map(|seen| (seen.image, seen.classes)),
        }
    }

    /// Looks at the folder of images of one's own: lists it, and reads the header of one of them.
    ///
    /// # Errors
    /// When it cannot be opened or has no images in class folders.
    pub fn look(&mut self, directory: &Path) -> Result<(), DataError> {
        if self.set == ImageSet::Folder {
            let folder = self.open(directory)?;
            let (height, width) = match self.size {
                Some(size) => (size, size),
                None => folder.first_image_size()?,
            };
            let files = [Part::Train, Part::Test].map(|part| folder.files(part).len());
            let image = ImageShape::new(3, height, width);
            self.seen = Some(Seen { image, classes: folder.classes().len(), files });
        }
        Ok(())
    }

    /// The folder of images of one's own.
    fn open(&self, directory: &Path) -> Result<ImageFolder, DataError> {
        let path = directory.join(self.path.as_deref().unwrap_or(Path::new("")));
        Ok(ImageFolder::open(&path)?.split())
    }

    /// The most images that the set has, in the parts to learn from, held out and to report on;
    /// drawn ones have no end, and how many one has oneself is known once they were looked at.
    fn published(&self) -> [usize; 3] {
        match self.set {
            ImageSet::Cifar10 => [45_000, HELD_OUT, 10_000],
            ImageSet::Mnist | ImageSet::FashionMnist => [55_000, HELD_OUT, 10_000],
            ImageSet::Digits | ImageSet::GeneratedDigits => [usize::MAX; 3],
            ImageSet::Folder => self.seen.map_or([usize::MAX; 3], |seen| {
                let [train, test] = seen.files;
                [train.saturating_sub(self.held_out), self.held_out, test]
            }),
        }
    }

    /// Images to learn from, at most.
    pub fn training_images(&self) -> usize {
        self.train.min(self.published()[0])
    }

    /// Bytes of the pixels, at most.
    pub fn bytes(&self) -> f64 {
        let parts = [self.train, self.held_out, self.test].into_iter().zip(self.published());
        let images: f64 = parts.map(|(asked, there)| asked.min(there) as f64).sum();
        self.shape().map_or(0.0, |(image, _)| images * image.len() as f64)
    }

    /// Reads or draws the images.
    ///
    /// # Errors
    /// When a file of the set is missing or damaged.
    pub fn load(&self, directory: &Path) -> Result<Images, DataError> {
        let images = match self.set {
            ImageSet::Mnist => self.limit(load_mnist(directory, HELD_OUT)?, "mnist", "MNIST"),
            ImageSet::Digits if has_mnist(directory) => {
                self.limit(load_mnist(directory, HELD_OUT)?, "mnist", "MNIST")
            }
            ImageSet::FashionMnist => {
                let splits = load_fashion_mnist(directory, HELD_OUT)?;
                self.limit(splits, "fashion-mnist", "Fashion-MNIST")
            }
            ImageSet::Cifar10 => {
                self.limit(load_cifar10(directory, HELD_OUT)?, "cifar-10", "CIFAR-10")
            }
            ImageSet::Digits | ImageSet::GeneratedDigits => {
                let splits = generated_digits(DIGITS_SEED, self.train, self.held_out, self.test);
                self.limit(splits, "generated-digits", "generated digits")
            }
            ImageSet::Folder => {
                let counts = (self.train, self.held_out, self.test);
                let splits = self.open(directory)?.load_splits(counts, self.size)?;
                let train = &splits.train;
                let name = format!(
                    "{} (own images, {} classes, {} x {})",
                    train.name, train.classes, train.height, train.width
                );
                // Never the slug of a published set, whatever the folder is called.
                let slug = format!("own-{}", slug(&train.name));
                self.limit(splits, &slug, &name)
            }
        };
        Ok(images)
    }

    fn limit(&self, splits: Splits, slug: &str, name: &str) -> Images {
        let splits = splits.limited(self.train, self.held_out, self.test);
        let description = format!(
            "{name} ({} training, {} held-out and {} test images)",
            splits.train.len(),
            splits.held_out.len(),
            splits.test.len()
        );
        Images { checksum: splits.checksum(), splits, slug: slug.to_string(), description }
    }
}

/// A name as part of a file name.
fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The image sets of one run of the program, each read once.
pub struct Library {
    directory: PathBuf,
    loaded: BTreeMap<ImageConfig, Arc<Images>>,
}

impl Library {
    /// The sets below a data directory.
    pub fn new(directory: &Path) -> Self {
        Library { directory: directory.to_path_buf(), loaded: BTreeMap::new() }
    }

    /// The images that `config` asks for.
    ///
    /// # Errors
    /// When a file of the set is missing or damaged.
    pub fn get(&mut self, config: &ImageConfig) -> Result<Arc<Images>, DataError> {
        if let Some(images) = self.loaded.get(config) {
            return Ok(images.clone());
        }
        let images = Arc::new(config.load(&self.directory)?);
        if config.set == ImageSet::Digits && images.slug != "mnist" {
            log::info!("no MNIST in {}: digits are generated", self.directory.display());
        }
        self.loaded.insert(config.clone(), images.clone());
        Ok(images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::exhibit::config::Scale;
    use crate::exhibit::{Context, Task};
    use crate::progress::Progress;

    const FEW: ImageConfig = ImageConfig {
        set: ImageSet::Digits,
        path: None,
        size: None,
        train: 20,
        held_out: 10,
        test: 10,
        seen: None,
    };

    #[test]
    fn without_files_digits_are_generated_and_mnist_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let images = FEW.load(folder.path()).unwrap();
        assert_eq!(images.slug, "generated-digits");
        assert!(ImageSet::Digits.slugs().contains(&images.slug.as_str()));
        assert!(images.description.contains("20 training"));
        let error = ImageConfig { set: ImageSet::Mnist, ..FEW }.load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("train-images"), "{error}");
    }

    #[test]
    fn without_files_cifar_10_is_missing_and_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ImageSet::Cifar10.missing_from(folder.path()), Some("CIFAR-10"));
        assert_eq!(ImageSet::Digits.missing_from(folder.path()), None);
        let error = ImageConfig { set: ImageSet::Cifar10, ..FEW }.load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("cifar-10-binary.tar.gz"), "{error}");
        std::fs::create_dir(folder.path().join("cifar-10-batches-bin")).unwrap();
        assert_eq!(ImageSet::Cifar10.missing_from(folder.path()), None);
    }

    #[test]
    fn the_checksum_says_which_images_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut library = Library::new(folder.path());
        let one = library.get(&FEW).unwrap();
        assert_eq!(one.checksum, library.get(&FEW).unwrap().checksum);
        let fewer = library.get(&ImageConfig { train: 19, ..FEW }).unwrap();
        assert_ne!(one.checksum, fewer.checksum);
    }

    #[test]
    fn a_path_is_for_images_of_ones_own_only() {
        let found = |config: ImageConfig| config.check().unwrap_err().field;
        assert_eq!(found(ImageConfig { set: ImageSet::Folder, ..FEW }), "path");
        let pets = ImageConfig { path: Some("pets".into()), ..FEW };
        assert_eq!(found(pets.clone()), "path");
        assert_eq!(found(ImageConfig { size: Some(32), ..FEW }), "size");
        let own = ImageConfig { set: ImageSet::Folder, ..pets };
        assert!(own.check().is_ok());
        assert_eq!(found(ImageConfig { size: Some(0), ..own.clone() }), "size");
        let error = own.load(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("nowhere/pets: "), "{error}");
    }

    /// A file of 8 x 8 noise around a brightness.
    fn write_image(path: &Path, brightness: u8, number: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = image::RgbImage::from_fn(8, 8, |x, y| {
            let noise = ((x * 7 + y * 13 + number * 29) % 32) as u8;
            image::Rgb([brightness + noise, noise, 255 - brightness])
        });
        image.save(path).unwrap();
    }

    /// A hundred images in two class folders, and the task of settings that train on them.
    fn pets(data: &Path, changes: &[(&str, &str)]) -> Task {
        for (class, brightness) in [("dark", 20), ("bright", 200)] {
            for number in 0..50 {
                let name = format!("My Pets/{class}/{number:02}.png");
                write_image(&data.join(name), brightness, number);
            }
        }
        let built_in = include_str!("../exhibits/mlp-accuracy.yaml");
        let replaced = [
            (
                "{set: digits, train: 2000, held_out: 500, test: 1000}",
                "{set: folder, path: My Pets, size: 6, train: 60, held_out: 20, test: 20}",
            ),
            ("hidden: [500, 500]", "hidden: [16]"),
            ("batch_size: 50", "batch_size: 10"),
            ("epochs: 2", "epochs: 8"),
        ];
        let replaced = replaced.iter().chain(changes);
        let text = replaced.fold(built_in.to_string(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let yaml = data.join("pets.yaml");
        std::fs::write(&yaml, text).unwrap();
        Task::new(yaml.to_str().unwrap(), Scale::Quick, 1).unwrap()
    }

    #[test]
    fn settings_for_images_of_ones_own_are_checked_before_these_are_read() {
        let data = tempfile::tempdir().unwrap();
        let seen = |changes: &[(&str, &str)]| {
            let mut task = pets(data.path(), changes);
            // All but the headers is lost: nothing can be decoded.
            for entry in std::fs::read_dir(data.path().join("My Pets/dark")).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, &bytes[..40]).unwrap();
            }
            task.look_at_images(data.path()).map(|()| task)
        };
        let task = seen(&[]).unwrap();
        assert_eq!(task.warnings(), Vec::<String>::new());
        assert!(task.check_memory(Some(1 << 30)).is_ok());
        let wide = seen(&[("hidden: [16]", "hidden: [1000000000]")]).unwrap();
        let error = wide.check_memory(Some(1 << 40)).unwrap_err().to_string();
        assert!(
            error.contains("training.network is MLP with hidden layers of 1000000000"),
            "{error}"
        );
        let cnn = ("network: {name: mlp, hidden: [16], dropout: 0.1}", "network: {name: cnn}");
        let small = ("size: 6", "size: 1");
        let error = seen(&[cnn, small]).err().unwrap().to_string();
        assert!(error.contains("pets.yaml"), "{error}");
        let large = seen(&[("batch_size: 10", "batch_size: 100")]).unwrap();
        let warnings = large.warnings().join("; ");
        assert!(
            warnings.contains("batch_size is 100, expected at most the 60 images"),
            "{warnings}"
        );
    }

    #[test]
    fn an_exhibit_trains_on_images_of_ones_own() {
        let data = tempfile::tempdir().unwrap();
        let task = pets(data.path(), &[]);
        let config = task.configured.experiment.images().unwrap();
        let images = Library::new(data.path()).get(&config).unwrap();
        assert_eq!(task.stem(Some(&images)), "pets.own-my-pets");
        let expected = "My Pets (own images, 2 classes, 6 x 6) \
                        (60 training, 20 held-out and 20 test images)";
        assert_eq!(images.description, expected);
        let cache = Cache::new(data.path().join("cache"));
        let result = task
            .run(&Context {
                seed: task.seed,
                instructions: kernels::InstructionSet::detect(),
                images: Some(&images),
                data: data.path(),
                cache: &cache,
                progress: &Progress::hidden(),
            })
            .unwrap();
        let numbers = result.snapshot(&task.name, "quick");
        assert!(numbers.contains("exact"), "{numbers}");
        // Another image is another data set: nothing stored for this one is taken for it.
        let key = task.key(Some(&images));
        write_image(&data.path().join("My Pets/dark/00.png"), 90, 0);
        let changed = Library::new(data.path()).get(&config).unwrap();
        assert_ne!(task.key(Some(&changed)), key);
    }
}
