//! The sets of images, and which of them a data directory holds.

use std::path::Path;

use serde::{Deserialize, Serialize};
use training::data::{
    CIFAR10_IMAGES, CIFAR100_IMAGES, MNIST_IMAGES, has_cifar10, has_cifar100, has_fashion_mnist,
    has_mnist,
};

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
    /// CIFAR-100 as published, or an error.
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// Images of one's own: JPEG, PNG and WebP files in class folders.
    Folder,
}

impl ImageSet {
    /// The set's name, where it is a published one that the data directory does not hold and
    /// nothing else takes its place.
    pub fn missing_from(self, directory: &Path) -> Option<&'static str> {
        let is_there = match self {
            ImageSet::Mnist => has_mnist(directory),
            ImageSet::FashionMnist => has_fashion_mnist(directory),
            ImageSet::Cifar10 => has_cifar10(directory),
            ImageSet::Cifar100 => has_cifar100(directory),
            ImageSet::Digits | ImageSet::GeneratedDigits | ImageSet::Folder => true,
        };
        (!is_there).then_some(self.title())
    }

    /// The name of the published set that it is or would rather be, where the data directory does
    /// not hold that.
    pub fn published_missing_from(self, directory: &Path) -> Option<&'static str> {
        match self {
            ImageSet::Digits => ImageSet::Mnist.missing_from(directory),
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
            ImageSet::Cifar100 => "CIFAR-100",
            ImageSet::Folder => "own images",
        }
    }

    /// The names for files ([`Images::slug`](super::Images::slug)) of the sets that it may turn out to be.
    pub fn slugs(self) -> &'static [&'static str] {
        match self {
            ImageSet::Digits => &["mnist", "generated-digits"],
            ImageSet::Mnist => &["mnist"],
            ImageSet::FashionMnist => &["fashion-mnist"],
            ImageSet::GeneratedDigits => &["generated-digits"],
            ImageSet::Cifar10 => &["cifar-10"],
            ImageSet::Cifar100 => &["cifar-100"],
            // No committed numbers are of anyone's own images.
            ImageSet::Folder => &[],
        }
    }

    /// How many training and test images it has as it is published; none of sets that have no end
    /// or are not published.
    pub fn published(self) -> Option<[usize; 2]> {
        match self {
            ImageSet::Cifar10 => Some(CIFAR10_IMAGES),
            ImageSet::Cifar100 => Some(CIFAR100_IMAGES),
            ImageSet::Mnist | ImageSet::FashionMnist => Some(MNIST_IMAGES),
            ImageSet::Digits | ImageSet::GeneratedDigits | ImageSet::Folder => None,
        }
    }
}
