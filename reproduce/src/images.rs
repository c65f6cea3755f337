//! The image sets that exhibits train on: which, how much of them, and what they hash to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use training::data::{
    CIFAR10_IMAGES, DataError, Dataset, ImageFolder, MNIST_IMAGES, Normalisation, Part, Splits,
    generated_digits, has_cifar10, has_mnist, load_cifar10, load_fashion_mnist, load_mnist,
};
use training::layer::ImageShape;
use training::setting::{FieldError, count};

use crate::cache::{Cache, sha256};
use crate::sources;

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

    /// The name of the published set that it is or would rather be, where the data directory does
    /// not hold that.
    pub fn published_missing_from(self, directory: &Path) -> Option<&'static str> {
        match self {
            ImageSet::Digits => (!has_mnist(directory)).then_some("MNIST"),
            set => set.missing_from(directory),
        }
    }

    /// Which set it turns out to be with this data directory.
    pub fn in_directory(self, directory: &Path) -> Self {
        match self {
            ImageSet::Digits if has_mnist(directory) => ImageSet::Mnist,
            ImageSet::Digits => ImageSet::GeneratedDigits,
            set => set,
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            ImageSet::Digits => "digits",
            ImageSet::Mnist => "MNIST",
            ImageSet::FashionMnist => "Fashion-MNIST",
            ImageSet::GeneratedDigits => "generated digits",
            ImageSet::Cifar10 => "CIFAR-10",
            ImageSet::Folder => "own images",
        }
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

    /// How many training and test images it has as it is published; none of sets that have no end
    /// or are not published.
    pub fn published(self) -> Option<[usize; 2]> {
        match self {
            ImageSet::Cifar10 => Some(CIFAR10_IMAGES),
            ImageSet::Mnist | ImageSet::FashionMnist => Some(MNIST_IMAGES),
            ImageSet::Digits | ImageSet::GeneratedDigits | ImageSet::Folder => None,
        }
    }
}

/// Which images, and at most how many of each part.
///
/// Those of one's own lie in `path`: in `train/CLASS/FILE` and `test/CLASS/FILE` (or `val`), or in
/// `CLASS/FILE`, where every fifth image of a class, by path, is a test image. All have one size,
/// or `size` says to which they are resized and cropped. They are normalised by the mean and the
/// standard deviation of the training images; published ones by values in common use, unless
/// `normalisation` says `computed`: then by those moments, too.
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
    /// What the pixels are normalised by.
    #[serde(default, skip_serializing_if = "Moments::are_usual")]
    pub normalisation: Moments,
    /// What is known of images of one's own, once their folder was looked at.
    #[serde(skip)]
    pub seen: Option<Seen>,
}

/// The mean and the standard deviation that pixels are normalised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moments {
    /// Those in common use for the set; of images of one's own, computed ones.
    #[default]
    Usual,
    /// Those of the training images in use.
    Computed,
}

impl Moments {
    fn are_usual(&self) -> bool {
        *self == Self::Usual
    }
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
    /// SHA-256 of all that is in the three parts, and of what they are normalised by where that is
    /// not the usual.
    pub checksum: String,
    /// How many training and test images the whole set has, where it is a published one.
    pub whole: Option<[usize; 2]>,
}

/// The first images of a published training set that are held out where those to learn from leave
/// so many: as in the released code for MNIST, and the same number for the other sets.
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

    /// The most images that there are to learn from, held out and to report on. Drawn ones have no
    /// end, and how many one has oneself is known once they were looked at.
    fn most(&self) -> [usize; 3] {
        match (self.set.published(), self.seen) {
            (Some([training, test]), _) => {
                let held_out = self.held_out_of(training);
                [training - held_out, held_out, test]
            }
            (None, Some(Seen { files: [training, test], .. })) => {
                [training.saturating_sub(self.held_out), self.held_out, test]
            }
            (None, None) => [usize::MAX; 3],
        }
    }

    /// How many of so many published training images are no training images here.
    fn held_out_of(&self, training: usize) -> usize {
        HELD_OUT.min(self.held_out.max(training.saturating_sub(self.train)))
    }

    /// Images to learn from, at most.
    pub fn training_images(&self) -> usize {
        self.train.min(self.most()[0])
    }

    /// The same of the set that it turned out to be.
    #[must_use]
    pub fn in_directory_of(&self, images: &Images) -> Self {
        let set = match self.set {
            ImageSet::Digits if images.whole.is_some() => ImageSet::Mnist,
            ImageSet::Digits => ImageSet::GeneratedDigits,
            set => set,
        };
        ImageConfig { set, ..self.clone() }
    }

    /// Whether less of a published set is used than there is.
    pub fn is_cut(&self) -> bool {
        self.set.published().is_some_and(|[training, test]| {
            let [train, held_out, _] = self.most();
            self.train.min(train) + self.held_out.min(held_out) < training || self.test < test
        })
    }

    /// Bytes of the pixels, at most.
    pub fn bytes(&self) -> f64 {
        let parts = [self.train, self.held_out, self.test].into_iter().zip(self.most());
        let images: f64 = parts.map(|(asked, there)| asked.min(there) as f64).sum();
        self.shape().map_or(0.0, |(image, _)| images * image.len() as f64)
    }

    /// Which images these are and how many of them, before any is read: "MNIST, 20000 of 60000 and
    /// 2000 of 10000 images".
    pub fn words(&self, directory: &Path) -> String {
        let set = self.set.in_directory(directory);
        let name = match (set, &self.path) {
            (ImageSet::Folder, Some(path)) => format!("images in {}", path.display()),
            _ => set.title().to_string(),
        };
        let most = ImageConfig { set, ..self.clone() }.most();
        let asked = [self.train, self.held_out, self.test];
        let used = [0, 1, 2].map(|part| asked[part].min(most[part]));
        let (training, test) = (used[0] + used[1], used[2]);
        match set.published() {
            Some(whole) if training < whole[0] || test < whole[1] => {
                format!("{name}, {training} of {} and {test} of {} images", whole[0], whole[1])
            }
            _ => format!("{name}, {training} and {test} images"),
        }
    }

    /// Reads or draws the images.
    ///
    /// # Errors
    /// When a file of the set is missing or damaged.
    pub fn load(&self, directory: &Path) -> Result<Images, DataError> {
        let [training, _] = self.set.published().unwrap_or_default();
        let held_out = self.held_out_of(training);
        let images = match self.set {
            ImageSet::Digits => {
                let set = self.set.in_directory(directory);
                return ImageConfig { set, ..self.clone() }.load(directory);
            }
            ImageSet::Mnist => self.limit(load_mnist(directory, held_out)?, "mnist", "MNIST"),
            ImageSet::FashionMnist => {
                let splits = load_fashion_mnist(directory, held_out)?;
                self.limit(splits, "fashion-mnist", "Fashion-MNIST")
            }
            ImageSet::Cifar10 => {
                self.limit(load_cifar10(directory, held_out)?, "cifar-10", "CIFAR-10")
            }
            ImageSet::GeneratedDigits => {
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
        let mut splits = splits.limited(self.train, self.held_out, self.test);
        if self.normalisation == Moments::Computed {
            let Dataset { channels, height, width, pixels, .. } = &splits.train;
            let moments = Normalisation::of(pixels, *channels, height * width);
            for part in [&mut splits.train, &mut splits.held_out, &mut splits.test] {
                part.normalisation = moments.clone();
            }
        }
        let description = format!(
            "{name} ({} training, {} held-out and {} test images)",
            splits.train.len(),
            splits.held_out.len(),
            splits.test.len()
        );
        // That of the parts says nothing of what their pixels become.
        let checksum = match self.normalisation {
            Moments::Usual => splits.checksum(),
            Moments::Computed => sha256(format!("{} computed", splits.checksum()).as_bytes()),
        };
        let whole = self.set.published();
        Images { checksum, splits, slug: slug.to_string(), description, whole }
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
    /// What the directory holds, once it has been asked.
    files: Option<String>,
}

impl Library {
    /// The sets below a data directory.
    pub fn new(directory: &Path) -> Self {
        Library { directory: directory.to_path_buf(), loaded: BTreeMap::new(), files: None }
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
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

    /// Stores which images a run has read, for the pages of later runs ([`Library::known`]).
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn remember(
        &mut self,
        config: &ImageConfig,
        images: &Images,
        cache: &Cache,
    ) -> anyhow::Result<()> {
        let key = self.key(config)?;
        if cache.get::<String>(&key).as_ref() == Some(&images.checksum) {
            return Ok(());
        }
        cache.put(&key, &images.checksum)
    }

    /// The checksum of the images that `config` asks for, without reading them: as an earlier run
    /// found it in the same files, by name, length and time of change. None where no run has read
    /// them, so that nothing is stored for them either.
    pub fn known(&mut self, config: &ImageConfig, cache: &Cache) -> Option<String> {
        cache.get(&self.key(config).ok()?)
    }

    fn key(&mut self, config: &ImageConfig) -> Result<String, serde_json::Error> {
        let files = self.files.get_or_insert_with(|| files(&self.directory));
        let config = serde_json::to_string(config)?;
        Ok(format!("images {config} code {} files {files}", sources::EXHIBITS))
    }
}

/// A checksum over name, length and time of change of the files in a directory, as deep as published
/// sets lie in it: `cifar-10/cifar-10-batches-bin/test_batch.bin`.
fn files(directory: &Path) -> String {
    const DEEPEST: usize = 3;
    let (mut all, mut folders) = (Vec::new(), vec![directory.to_path_buf()]);
    for _ in 0..DEEPEST {
        let within = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        folders = within.flatten().flatten().map(|entry| entry.path()).collect();
        all.extend(folders.iter().cloned());
    }
    all.sort();
    let lines = all.iter().filter_map(|path| {
        let facts = std::fs::metadata(path).ok().filter(|facts| facts.is_file())?;
        Some(format!("{} {} {:?}\n", path.display(), facts.len(), facts.modified().ok()))
    });
    sha256(lines.collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: ImageConfig = ImageConfig {
        set: ImageSet::Digits,
        path: None,
        size: None,
        train: 20,
        held_out: 10,
        test: 10,
        normalisation: Moments::Usual,
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
    fn words_say_how_much_of_a_published_set_is_used_before_it_is_read() {
        let words = |set, train| {
            let config = ImageConfig { set, train, held_out: 5_000, test: 10_000, ..FEW };
            config.words(Path::new("nowhere"))
        };
        assert_eq!(words(ImageSet::Mnist, 55_000), "MNIST, 60000 and 10000 images");
        let cut = "CIFAR-10, 7000 of 50000 and 10000 of 10000 images";
        assert_eq!(words(ImageSet::Cifar10, 2_000), cut);
        assert_eq!(words(ImageSet::Digits, 2_000), "generated digits, 7000 and 10000 images");
        assert_eq!(words(ImageSet::Mnist, 90_000), "MNIST, 60000 and 10000 images");
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
    fn computed_moments_are_those_of_the_training_images_and_other_images() {
        let folder = tempfile::tempdir().unwrap();
        let usual = FEW.load(folder.path()).unwrap();
        let computed = ImageConfig { normalisation: Moments::Computed, ..FEW };
        let computed = computed.load(folder.path()).unwrap();
        let expected = Normalisation::of(&usual.splits.train.pixels, 1, 28 * 28);
        assert_eq!(computed.splits.test.normalisation, expected);
        assert_ne!(usual.splits.test.normalisation, expected);
        assert_ne!(usual.checksum, computed.checksum);
    }

    #[test]
    fn as_many_training_images_as_are_asked_for_are_not_held_out() {
        let most =
            |train, held_out| ImageConfig { set: ImageSet::Cifar10, train, held_out, ..FEW }.most();
        assert_eq!(most(128, 50), [45_000, 5_000, 10_000]);
        assert_eq!(most(45_000, 5_000), [45_000, 5_000, 10_000]);
        assert_eq!(most(49_900, 100), [49_900, 100, 10_000]);
        assert_eq!(most(50_000, 100), [49_900, 100, 10_000]);
        assert_eq!(most(50_000, 9_000), [45_000, 5_000, 10_000]);
    }

    #[test]
    fn images_are_known_again_by_their_files_and_others_are_not() {
        let (data, stored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::new(stored.path());
        let library = || Library::new(data.path());
        assert_eq!(library().known(&FEW, &cache), None);
        let images = library().get(&FEW).unwrap();
        library().remember(&FEW, &images, &cache).unwrap();
        assert_eq!(library().known(&FEW, &cache), Some(images.checksum.clone()));
        assert_eq!(library().known(&ImageConfig { train: 19, ..FEW }, &cache), None);
        let deep = data.path().join("cifar-10/cifar-10-batches-bin");
        std::fs::create_dir_all(&deep).unwrap();
        assert!(library().known(&FEW, &cache).is_some(), "a folder is no file");
        std::fs::write(deep.join("test_batch.bin"), "cut short").unwrap();
        assert_eq!(library().known(&FEW, &cache), None);
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
}
