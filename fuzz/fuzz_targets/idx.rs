//! MNIST of which one file is anything: it is read as what it says, or refused.
//!
//! The first byte says which of the four files and whether its name ends with `.gz`; the rest is
//! the file.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use training::data::load_mnist;

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A folder for every file and name, in which the other three files are right.
static FOLDERS: LazyLock<[Folder; 8]> = LazyLock::new(|| {
    std::array::from_fn(|which| {
        let folder = Folder::default();
        for (number, name) in NAMES.iter().enumerate().filter(|(number, _)| *number != which % 4) {
            let whole = if number % 2 == 0 { fuzz::images(2) } else { fuzz::labels(2) };
            folder.write(name, &whole);
        }
        folder
    })
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, file)) = bytes.split_first() else { return };
    let which = usize::from(which % 8);
    let folder = &FOLDERS[which];
    folder.write(format!("{}{}", NAMES[which % 4], ["", ".gz"][which / 4]), file);
    if let Ok(splits) = load_mnist(folder.path(), 1) {
        for part in [&splits.train, &splits.held_out, &splits.test] {
            assert_eq!(part.pixels.len(), 784 * part.labels.len());
            assert!(part.labels.iter().all(|&label| label < 10));
        }
        assert_eq!(splits.held_out.len(), 1);
    }
});
