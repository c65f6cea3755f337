//! Data sets: MNIST and Fashion-MNIST from their IDX files, CIFAR-10 and CIFAR-100 from their
//! archives, images in class folders, the text of the Penn Treebank, and digits and text drawn by
//! code where there is no data.
//!
//! Files come from outside. Whatever they claim, no more of them is read than their format and
//! the published sets allow, and what a header says is looked at before memory is taken.

mod augmentation;
mod cifar;
mod cifar10;
mod cifar100;
mod dataset;
mod decoding;
mod digits;
#[cfg(test)]
mod encoding;
mod error;
mod folder;
mod idx;
mod in_memory;
mod normalisation;
mod resizing;
mod source;
mod storage;
mod streaming;
mod text;
mod unpacked;

pub use augmentation::{Augmentation, Border, Change, EpochAugmentation};
pub use cifar10::{CIFAR10_IMAGES, has_cifar10, jpeg_copy_of_cifar10, load_cifar10};
pub use cifar100::{CIFAR100_IMAGES, Cifar100Labels, has_cifar100, load_cifar100};
pub use dataset::{Dataset, Splits};
pub use decoding::Pixels;
pub use digits::generated_digits;
pub use error::DataError;
pub use folder::{ImageFolder, LabelledFile, OnCorrupt, Part};
pub use idx::{
    MNIST_IMAGES, has_fashion_mnist, has_mnist, idx_names, load_fashion_mnist, load_mnist,
};
pub use in_memory::{EVALUATION_BATCH, InMemory};
pub use normalisation::Normalisation;
pub use source::{Epoch, EvaluationSet, Minibatch, Minibatches, Share, Source};
pub use streaming::{FolderMinibatches, FolderSource, StreamSettings};
pub use text::{
    Corpus, END_OF_SENTENCE, LARGEST_TEXT, LARGEST_VOCABULARY, TextSource, Vocabulary,
    generated_text, load_penn_treebank,
};
pub use unpacked::{Unpacked, is_web_page};
