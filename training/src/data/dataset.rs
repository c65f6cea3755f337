//! Images with labels, in memory.

use super::{DataError, EpochAugmentation, Minibatch, Normalisation};
use crate::digest::hexadecimal;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Labelled images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What people call it; figures and tables say it.
    pub name: String,
    /// Colour channels of an image.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Labels are below this.
    pub classes: usize,
    /// Images x channels x height x width.
    pub pixels: Vec<u8>,
    /// One an image; 16 bits, since ImageNet has 1,000 classes.
    pub labels: Vec<u16>,
    /// What its bytes become; follows from the set and is no part of its checksum.
    pub normalisation: Normalisation,
}

impl Dataset {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Numbers in an image: channels times height times width.
    pub fn features(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The pixels of one image, channel by channel, row by row.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.features()..(index + 1) * self.features()]
    }

    /// Some images as a network reads them, a row an image, and their labels; the images are changed
    /// first where there is an augmentation.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn fill(
        &self,
        images: impl ExactSizeIterator<Item = usize>,
        augmentation: Option<&EpochAugmentation>,
        minibatch: &mut Minibatch,
    ) {
        let (features, size) = (self.features(), (self.height, self.width));
        let Minibatch { input, labels, continues } = minibatch;
        *continues = false;
        input.reshape(images.len(), features);
        labels.clear();
        let mut changed = vec![0; if augmentation.is_some() { features } else { 0 }];
        for (row, index) in input.data_mut().chunks_exact_mut(features).zip(images) {
            labels.push(self.labels[index]);
            let image = match augmentation {
                Some(augmentation) => {
                    augmentation.apply(index, size, self.image(index), &mut changed);
                    &changed
                }
                None => self.image(index),
            };
            self.normalisation.fill(image, row);
        }
    }

    /// The images from `first` on, at most `count` of them.
    pub fn part(&self, first: usize, count: usize) -> Self {
        let (first, last) = (first.min(self.len()), first.saturating_add(count).min(self.len()));
        Self {
            name: self.name.clone(),
            pixels: self.pixels[first * self.features()..last * self.features()].to_vec(),
            labels: self.labels[first..last].to_vec(),
            normalisation: self.normalisation.clone(),
            ..*self
        }
    }

    /// The set as a training part, its first `held_out` images held out, and a test part.
    ///
    /// # Errors
    /// When none is left to learn from; names `path`.
    pub(super) fn hold_out(
        self,
        held_out: usize,
        test: Self,
        path: &Path,
    ) -> Result<Splits, DataError> {
        if held_out >= self.len() {
            let (path, images) = (path.to_owned(), self.len());
            return Err(DataError::HeldOut { path, held_out, images });
        }
        let train = self.part(held_out, self.len());
        Ok(Splits { held_out: self.part(0, held_out), train, test })
    }

    fn hash(&self, hash: &mut Sha256) {
        for side in [self.channels, self.height, self.width, self.classes, self.len()] {
            hash.update((side as u64).to_le_bytes());
        }
        hash.update(&self.pixels);
        // One byte a label where one is enough, as MNIST and CIFAR-10 publish them.
        let bytes = if self.classes <= 256 { 1 } else { 2 };
        for label in &self.labels {
            hash.update(&label.to_le_bytes()[..bytes]);
        }
    }
}

/// A data set in the three parts of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits {
    /// What is learnt from.
    pub train: Dataset,
    /// What settings are judged by: the first images of the published training set.
    pub held_out: Dataset,
    /// What results are reported on.
    pub test: Dataset,
}

impl Splits {
    /// At most so many images of each part, the first ones.
    pub fn limited(&self, train: usize, held_out: usize, test: usize) -> Self {
        Self {
            train: self.train.part(0, train),
            held_out: self.held_out.part(0, held_out),
            test: self.test.part(0, test),
        }
    }

    /// SHA-256 over shapes, pixels and labels of the three parts, in hexadecimal.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.train, &self.held_out, &self.test] {
            part.hash(&mut hash);
        }
        hexadecimal(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splits(classes: usize, label: u16) -> Splits {
        let part = Dataset {
            name: "one pixel".to_owned(),
            channels: 1,
            height: 1,
            width: 1,
            classes,
            pixels: vec![0],
            labels: vec![label],
            normalisation: Normalisation::mnist(),
        };
        Splits { train: part.clone(), held_out: part.clone(), test: part }
    }

    #[test]
    fn checksums_tell_labels_apart() {
        assert_ne!(splits(10, 1).checksum(), splits(10, 2).checksum());
        assert_ne!(splits(1_000, 1).checksum(), splits(1_000, 257).checksum());
        assert_ne!(splits(10, 1).checksum(), splits(11, 1).checksum());
    }
}
