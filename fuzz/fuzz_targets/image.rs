//! A file that should be a JPEG, PNG or WebP image, among others that are: it is decoded to as many
//! pixels as it says, or counted as corrupt.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use training::data::{ImageFolder, OnCorrupt, Part};

const SIDE: usize = 8;

/// A folder of two classes, the first of which has a whole image.
static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::default();
    folder.write("one/whole.png", &fuzz::encoded_image(image::ImageFormat::Png));
    folder
});

fuzz_target!(init: fuzz::on_this_thread(), |bytes: &[u8]| {
    FOLDER.write("two/any.jpg", bytes);
    let folder = ImageFolder::open(FOLDER.path()).expect("both classes have a file");
    for file in folder.files(Part::Train) {
        if let Ok(pixels) = folder.decode(file) {
            assert_eq!(pixels.rgb.len(), 3 * pixels.height * pixels.width);
        }
    }
    let loaded = folder.load_first(Part::Train, "any", OnCorrupt::Skip, 2, Some(SIDE));
    let (images, skipped) = loaded.expect("one is whole");
    assert_eq!(images.len() + skipped, 2);
    assert_eq!(images.pixels.len(), 3 * SIDE * SIDE * images.len());
});
