//! CIFAR-100: images with two labels, of 100 classes and of the 20 groups that these are in.

use super::cifar::{Cifar, Labels, label_below};
use super::{DataError, Normalisation, Splits};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Images of the published training file and of the test file (Krizhevsky 2009).
pub const CIFAR100_IMAGES: [usize; 2] = [50_000, 10_000];

const CIFAR100: Cifar = Cifar {
    name: "CIFAR-100",
    subfolder: "cifar-100",
    unpacked: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    again: "fetch it again with `reproduce data fetch cifar-100`",
    batches: &[("train.bin", CIFAR100_IMAGES[0]), ("test.bin", CIFAR100_IMAGES[1])],
    labels: 2,
    class_lists: &["coarse_label_names.txt", "fine_label_names.txt"],
    // The published one has 184 million.
    largest_archive: 200_000_000,
};

/// The coarse classes in the order of their labels, each with its five fine ones. The label of a
/// fine class is its place in the alphabet.
const CLASSES: [(&str, [&str; 5]); 20] = [
    ("aquatic_mammals", ["beaver", "dolphin", "otter", "seal", "whale"]),
    ("fish", ["aquarium_fish", "flatfish", "ray", "shark", "trout"]),
    ("flowers", ["orchid", "poppy", "rose", "sunflower", "tulip"]),
    ("food_containers", ["bottle", "bowl", "can", "cup", "plate"]),
    ("fruit_and_vegetables", ["apple", "mushroom", "orange", "pear", "sweet_pepper"]),
    ("household_electrical_devices", ["clock", "keyboard", "lamp", "telephone", "television"]),
    ("household_furniture", ["bed", "chair", "couch", "table", "wardrobe"]),
    ("insects", ["bee", "beetle", "butterfly", "caterpillar", "cockroach"]),
    ("large_carnivores", ["bear", "leopard", "lion", "tiger", "wolf"]),
    ("large_man-made_outdoor_things", ["bridge", "castle", "house", "road", "skyscraper"]),
    ("large_natural_outdoor_scenes", ["cloud", "forest", "mountain", "plain", "sea"]),
    ("large_omnivores_and_herbivores", ["camel", "cattle", "chimpanzee", "elephant", "kangaroo"]),
    ("medium_mammals", ["fox", "porcupine", "possum", "raccoon", "skunk"]),
    ("non-insect_invertebrates", ["crab", "lobster", "snail", "spider", "worm"]),
    ("people", ["baby", "boy", "girl", "man", "woman"]),
    ("reptiles", ["crocodile", "dinosaur", "lizard", "snake", "turtle"]),
    ("small_mammals", ["hamster", "mouse", "rabbit", "shrew", "squirrel"]),
    ("trees", ["maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"]),
    ("vehicles_1", ["bicycle", "bus", "motorcycle", "pickup_truck", "train"]),
    ("vehicles_2", ["lawn_mower", "rocket", "streetcar", "tank", "tractor"]),
];

/// Which of the two labels of an image of CIFAR-100 is learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cifar100Labels {
    /// That of its class, of 100.
    #[default]
    Fine,
    /// That of the group of five classes, of 20.
    Coarse,
}

impl Cifar100Labels {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Coarse => "coarse",
        }
    }

    /// How many classes there are.
    ///
    /// ```
    /// use training::data::Cifar100Labels;
    /// assert_eq!(Cifar100Labels::Fine.classes(), 100);
    /// assert_eq!(Cifar100Labels::Coarse.classes(), 20);
    /// ```
    pub fn classes(self) -> usize {
        match self {
            Self::Fine => CLASSES.iter().map(|(_, fine)| fine.len()).sum(),
            Self::Coarse => CLASSES.len(),
        }
    }
}

/// Whether the binary version is there: `cifar-100-binary` or `cifar-100-binary.tar.gz`, in the
/// folder or in its subfolder `cifar-100`.
pub fn has_cifar100(folder: &Path) -> bool {
    CIFAR100.find_binary(folder).is_some()
}

/// CIFAR-100 (Krizhevsky 2009) with the first `held_out` training images held out: 50,000 and
/// 10,000 colour images of 32 x 32, 100 classes in 20 groups. The unpacked folder is preferred.
///
/// Two files have records of 3,074 bytes: the coarse label, the fine label, then 1,024 red, 1,024
/// green and 1,024 blue bytes, row by row. The fine label says which the coarse one is, whichever
/// is learnt; so labels in the other order are noticed, except those of apples and beavers, which
/// become each other. Lists of classes beside the files are compared with the published ones.
///
/// # Errors
/// When a file is missing, cannot be read, is truncated or holds something else, or a coarse label
/// is not that of its fine one; the error names the file, the record and what was found. No file is
/// read beyond its published size.
pub fn load_cifar100(
    folder: &Path,
    held_out: usize,
    learnt: Cifar100Labels,
) -> Result<Splits, DataError> {
    load(&CIFAR100, folder, held_out, learnt)
}

/// Images of these files.
fn load(
    cifar: &Cifar,
    folder: &Path,
    held_out: usize,
    learnt: Cifar100Labels,
) -> Result<Splits, DataError> {
    let fine = fine_classes();
    let coarse_names = CLASSES.iter().map(|&(name, _)| name).collect();
    let names = [coarse_names, fine.iter().map(|&(name, _)| name).collect()];
    let class = |path: &Path, index, labels: &[u8]| class(&fine, learnt, path, index, labels);
    let labels = Labels {
        classes: learnt.classes(),
        class: &class,
        names: &names,
        normalisation: Normalisation::cifar100(),
    };
    cifar.load(folder, held_out, &labels, None)
}

/// The fine classes in the order of their labels: the name and the coarse label of each.
fn fine_classes() -> Vec<(&'static str, u8)> {
    let groups = (0..).zip(&CLASSES);
    let fine = groups.flat_map(|(coarse, (_, fine))| fine.iter().map(move |&name| (name, coarse)));
    let mut fine: Vec<(&str, u8)> = fine.collect();
    fine.sort_unstable();
    fine
}

/// The class of a record with a coarse and a fine label.
fn class(
    fine_classes: &[(&str, u8)],
    learnt: Cifar100Labels,
    path: &Path,
    index: usize,
    labels: &[u8],
) -> Result<u16, DataError> {
    let (coarse, fine) = (labels[0], label_below(fine_classes.len(), path, index, labels[1])?);
    let (_, expected) = fine_classes[usize::from(fine)];
    if coarse != expected {
        return Err(DataError::LabelPair { path: path.to_owned(), index, coarse, fine, expected });
    }
    Ok(match learnt {
        Cifar100Labels::Fine => fine,
        Cifar100Labels::Coarse => u16::from(coarse),
    })
}

#[cfg(test)]
mod tests;
