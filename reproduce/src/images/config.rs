//! Which images, and how many: the settings, their checks, and what is known before any is read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use training::data::{Cifar100Labels, DataError, ImageFolder, Part};
use training::layer::ImageShape;
use training::setting::{FieldError, count};

use super::{ImageSet, Images};

/// Which images, and at most how many of each part.
///
/// Those of one's own lie in `path`: in `train/CLASS/FILE` and `test/CLASS/FILE` (or `val`), or in
/// `CLASS/FILE`, where every fifth image of a class, by path, is a test image. All have one size,
/// or `size` says to which they are resized and cropped. They are normalised by the mean and the
/// standard deviation of the training images; published ones by values in common use, unless
/// `normalisation` says `computed`: then by those moments, too. Of the two labels of CIFAR-100 the
/// fine one is learnt, or that of `labels`.
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
    /// Which labels of CIFAR-100 are learnt: fine ones where none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Cifar100Labels>,
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

/// The first images of a published training set that are held out where those to learn from leave
/// so many: as in the released code for MNIST, and the same number for the other sets.
const HELD_OUT: usize = 5_000;

impl ImageConfig {
    /// Checks the number of images in each part, and that what belongs to one set is named with no
    /// other.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("train", self.train)?;
        count("held_out", self.held_out)?;
        count("test", self.test)?;
        if let Some(labels) = self.labels.filter(|_| self.set != ImageSet::Cifar100) {
            let expected = "none, except with `set: cifar-100`";
            return Err(FieldError::new("labels", labels.name(), expected));
        }
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
            ImageSet::Cifar100 => {
                Some((ImageShape::new(3, 32, 32), self.labels.unwrap_or_default().classes()))
            }
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
    pub(super) fn open(&self, directory: &Path) -> Result<ImageFolder, DataError> {
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
    pub(super) fn held_out_of(&self, training: usize) -> usize {
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

    /// Bytes of the pixels, at most.
    pub fn bytes(&self) -> f64 {
        let parts = [self.train, self.held_out, self.test].into_iter().zip(self.most());
        let images: f64 = parts.map(|(asked, there)| asked.min(there) as f64).sum();
        self.shape().map_or(0.0, |(image, _)| images * image.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::FEW;
    use super::*;

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
    fn labels_are_for_cifar_100_only_and_say_how_many_classes_there_are() {
        let labelled = |set, labels: &str| {
            let text = format!("{{set: {set}, train: 9, held_out: 9, test: 9{labels}}}");
            serde_yaml::from_str::<ImageConfig>(&text)
        };
        let classes = |labels| labelled("cifar-100", labels).unwrap().shape().unwrap().1;
        assert_eq!((classes(""), classes(", labels: fine")), (100, 100));
        assert_eq!(classes(", labels: coarse"), 20);
        assert!(labelled("cifar-100", ", labels: coarse").unwrap().check().is_ok());
        let error = labelled("cifar-10", ", labels: coarse").unwrap().check().unwrap_err();
        let said = "labels is coarse, expected none, except with `set: cifar-100`";
        assert_eq!(error.to_string(), said);
        assert!(labelled("cifar-100", ", labels: both").is_err());
        // Keys of what was stored of other sets stay as they are.
        let text = serde_json::to_string(&labelled("cifar-10", "").unwrap()).unwrap();
        assert!(!text.contains("labels"), "{text}");
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
