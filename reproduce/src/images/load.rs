//! Images in memory: read or drawn, limited in number, and normalised.

use std::path::Path;

use training::data::{
    Cifar100Labels, DataError, Dataset, Normalisation, Splits, generated_digits, load_cifar10,
    load_cifar100, load_fashion_mnist, load_mnist,
};

use super::{ImageConfig, ImageSet, Moments};
use crate::cache::sha256;

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

/// Generated digits are one data set, whatever the seed of an experiment.
const DIGITS_SEED: u64 = 1;

impl ImageConfig {
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
            ImageSet::Cifar100 => {
                let labels = self.labels.unwrap_or_default();
                let splits = load_cifar100(directory, held_out, labels)?;
                match labels {
                    Cifar100Labels::Fine => self.limit(splits, "cifar-100", "CIFAR-100"),
                    Cifar100Labels::Coarse => {
                        self.limit(splits, "cifar-100-coarse", "CIFAR-100, coarse labels")
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::super::FEW;
    use super::*;

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
    fn without_files_a_published_set_is_missing_and_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ImageSet::Digits.missing_from(folder.path()), None);
        for (set, name, file, there) in [
            (ImageSet::Mnist, "MNIST", "train-images", "mnist/train-images-idx3-ubyte"),
            (
                ImageSet::FashionMnist,
                "Fashion-MNIST",
                "train-images",
                "fashion-mnist/train-images-idx3-ubyte",
            ),
            (ImageSet::Cifar10, "CIFAR-10", "cifar-10-binary.tar.gz", "cifar-10-batches-bin"),
            (ImageSet::Cifar100, "CIFAR-100", "cifar-100-binary.tar.gz", "cifar-100-binary"),
        ] {
            assert_eq!(set.missing_from(folder.path()), Some(name));
            let error = ImageConfig { set, ..FEW }.load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
            std::fs::create_dir_all(folder.path().join(there)).unwrap();
            assert_eq!(set.missing_from(folder.path()), None);
        }
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
}
