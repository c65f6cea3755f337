//! A file that should be an archive of images in class folders, packed or not.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use training::data::{ImageFolder, OnCorrupt, Part};

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);

fuzz_target!(init: fuzz::on_this_thread(), |bytes: &[u8]| {
    let path = FOLDER.write("images.tar", bytes);
    let Ok(images) = ImageFolder::open(&path) else { return };
    let images = images.split();
    assert!(images.classes().is_sorted_by(|one, other| one < other));
    for part in [Part::Train, Part::Test] {
        let files = images.files(part);
        assert!(files.iter().all(|file| usize::from(file.label) < images.classes().len()));
        if let Ok((loaded, skipped)) = images.load(part, "any", OnCorrupt::Skip) {
            assert_eq!(loaded.len() + skipped, files.len());
            assert_eq!(loaded.pixels.len(), loaded.features() * loaded.len());
        }
    }
});
