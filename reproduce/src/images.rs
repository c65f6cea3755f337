//! The image sets that exhibits train on: which, how much of them, and what they hash to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use training::data::{
    DataError, Splits, generated_digits, has_cifar10, has_cifar10_jpeg, has_mnist, load_cifar10,
    load_cifar10_jpeg, load_mnist,
};

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
    /// CIFAR-10 as published where the data directory holds it, else its copy as JPEG files, or
    /// an error.
    #[serde(rename = "cifar-10")]
    Cifar10,
}

impl ImageSet {
    /// The set's name, where it is a published one that the data directory does not hold and
    /// nothing else takes its place.
    pub fn missing_from(self, directory: &Path) -> Option<&'static str> {
        let there = has_cifar10(directory) || has_cifar10_jpeg(directory);
        (self == ImageSet::Cifar10 && !there).then_some("CIFAR-10")
    }

    /// The names for files ([`Images::slug`]) of the sets that it may turn out to be.
    pub fn slugs(self) -> &'static [&'static str] {
        match self {
            ImageSet::Digits => &["mnist", "generated-digits"],
            ImageSet::Mnist => &["mnist"],
            ImageSet::FashionMnist => &["fashion-mnist"],
            ImageSet::GeneratedDigits => &["generated-digits"],
            ImageSet::Cifar10 => &["cifar-10", "cifar-10-jpeg"],
        }
    }
}

/// Which images, and at most how many of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// The set.
    pub set: ImageSet,
    /// Images to learn from.
    pub train: usize,
    /// Images that settings are judged by.
    pub held_out: usize,
    /// Images that results are reported on.
    pub test: usize,
}

/// Images in memory.
#[derive(Debug)]
pub struct Images {
    /// The three parts.
    pub splits: Splits,
    /// The set's name for files: "mnist".
    pub slug: &'static str,
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
    /// Checks that no part is empty.
    ///
    /// # Errors
    /// Names the part.
    pub fn check(&self) -> Result<(), FieldError> {
        let parts = [("train", self.train), ("held_out", self.held_out), ("test", self.test)];
        match parts.iter().find(|(_, images)| *images == 0) {
            Some((field, _)) => {
                Err(FieldError { field, value: "0".to_string(), expected: "at least 1 image" })
            }
            None => Ok(()),
        }
    }

    /// Reads or draws the images.
    ///
    /// # Errors
    /// When a file of the set is missing or damaged.
    pub fn load(&self, directory: &Path) -> Result<Images, DataError> {
        let published = |slug: &'static str, name: &str, folder: &Path| {
            let splits = load_mnist(folder, HELD_OUT)?;
            Ok(self.limit(splits, slug, name))
        };
        match self.set {
            ImageSet::Mnist => published("mnist", "MNIST", directory),
            ImageSet::Digits if has_mnist(directory) => published("mnist", "MNIST", directory),
            ImageSet::FashionMnist => {
                published("fashion-mnist", "Fashion-MNIST", &directory.join("fashion-mnist"))
            }
            ImageSet::Cifar10 if !has_cifar10(directory) && has_cifar10_jpeg(directory) => {
                let splits = load_cifar10_jpeg(directory, HELD_OUT, (self.train, self.test))?;
                Ok(self.limit(splits, "cifar-10-jpeg", "CIFAR-10 (JPEG copy)"))
            }
            ImageSet::Cifar10 => {
                Ok(self.limit(load_cifar10(directory, HELD_OUT)?, "cifar-10", "CIFAR-10"))
            }
            ImageSet::Digits | ImageSet::GeneratedDigits => {
                let splits = generated_digits(DIGITS_SEED, self.train, self.held_out, self.test);
                Ok(self.limit(splits, "generated-digits", "generated digits"))
            }
        }
    }

    fn limit(&self, splits: Splits, slug: &'static str, name: &str) -> Images {
        let splits = splits.limited(self.train, self.held_out, self.test);
        let description = format!(
            "{name} ({} training, {} held-out and {} test images)",
            splits.train.len(),
            splits.held_out.len(),
            splits.test.len()
        );
        Images { checksum: splits.checksum(), splits, slug, description }
    }
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
    pub fn get(&mut self, config: ImageConfig) -> Result<Arc<Images>, DataError> {
        if let Some(images) = self.loaded.get(&config) {
            return Ok(images.clone());
        }
        let images = Arc::new(config.load(&self.directory)?);
        if config.set == ImageSet::Digits && images.slug != "mnist" {
            log::info!("no MNIST in {}: digits are generated", self.directory.display());
        }
        self.loaded.insert(config, images.clone());
        Ok(images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: ImageConfig =
        ImageConfig { set: ImageSet::Digits, train: 20, held_out: 10, test: 10 };

    #[test]
    fn without_files_digits_are_generated_and_mnist_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let images = FEW.load(folder.path()).unwrap();
        assert_eq!(images.slug, "generated-digits");
        assert!(ImageSet::Digits.slugs().contains(&images.slug));
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
        let one = library.get(FEW).unwrap();
        assert_eq!(one.checksum, library.get(FEW).unwrap().checksum);
        let fewer = library.get(ImageConfig { train: 19, ..FEW }).unwrap();
        assert_ne!(one.checksum, fewer.checksum);
    }
}
