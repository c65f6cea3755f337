//! Data sets: MNIST from its IDX files, CIFAR-10 from its archive, images in class folders, and
//! digits drawn by code where there is no data.

mod augmentation;
mod cifar;
mod dataset;
mod decoding;
mod digits;
mod error;
mod folder;
mod idx;
mod normalisation;
mod resizing;
mod source;
mod storage;

pub use augmentation::{Augmentation, Change, EpochAugmentation};
pub use cifar::{has_cifar10, has_cifar10_jpeg, load_cifar10, load_cifar10_jpeg};
pub use dataset::{Dataset, Splits};
pub use decoding::Pixels;
pub use digits::generated_digits;
pub use error::DataError;
pub use folder::{ImageFolder, LabelledFile, OnCorrupt, Part};
pub use idx::{has_mnist, load_mnist};
pub use normalisation::Normalisation;
pub use source::{FolderSource, Minibatches, StreamSettings};
