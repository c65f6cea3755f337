//! CIFAR-10 as anything: an archive, a batch, a list of classes. None of so few bytes is whole.
//!
//! The first byte says which; the rest is the file.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use training::data::load_cifar10;

/// Folders with an archive, with a folder of six batches, and with one that has a list of classes.
static FOLDERS: LazyLock<[Folder; 3]> = LazyLock::new(|| {
    let folders = [(); 3].map(|()| Folder::default());
    for folder in &folders[1..] {
        // An empty file is refused before the others are looked at.
        for batch in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4"] {
            folder.write(format!("cifar-10-batches-bin/{batch}.bin"), &[0]);
        }
        folder.write("cifar-10-batches-bin/data_batch_5.bin", &[0]);
        folder.write("cifar-10-batches-bin/test_batch.bin", &[0]);
    }
    folders
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, file)) = bytes.split_first() else { return };
    let which = usize::from(which % 3);
    let name = [
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin/data_batch_1.bin",
        "cifar-10-batches-bin/batches.meta.txt",
    ][which];
    FOLDERS[which].write(name, file);
    assert!(load_cifar10(FOLDERS[which].path(), 1).is_err());
});
