use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, RgbImage};
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use tempfile::TempDir;

/// An image of one colour.
fn plain(colour: [u8; 3], side: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(side, side, image::Rgb(colour)).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(red: u8) -> Vec<u8> {
    plain([red, 100, 200], 8, ImageFormat::Png)
}

fn directory(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn tar_bytes(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}

/// A file called images.tar.gz with these bytes.
fn archive(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.tar.gz");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn split_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train/dog/2.PNG", png(12)),
        ("train/cat/1.png", png(1)),
        ("train/cat/0.JPEG", plain([90; 3], 8, ImageFormat::Jpeg)),
        ("train/dog/.hidden.png", vec![1]),
        ("train/dog/notes.txt", vec![2]),
        ("test/dog/0.jpg", plain([40; 3], 8, ImageFormat::Jpeg)),
        ("val/cat/0.png", png(3)),
    ]
}

fn refusal(files: &[(&str, Vec<u8>)]) -> String {
    let folder = directory(files);
    ImageFolder::open(folder.path()).unwrap_err().to_string()
}

#[test]
fn a_directory_and_its_archives_hold_the_same_images() {
    let files = split_files();
    let folder = directory(&files);
    let images = ImageFolder::open(folder.path()).unwrap();
    assert_eq!(images.classes(), ["cat", "dog"]);
    let labels = |part| images.files(part).iter().map(|file| file.label).collect::<Vec<_>>();
    assert_eq!(labels(Part::Train), [0, 0, 1], "sorted by path, without hidden files and notes");
    assert_eq!(labels(Part::Test), [1, 0]);
    let (train, skipped) = images.load(Part::Train, "pets", OnCorrupt::Fail).unwrap();
    let (first, _) = images.load_first(Part::Train, "pets", OnCorrupt::Fail, 2).unwrap();
    assert_eq!(first, train.part(0, 2));
    assert_eq!((train.channels, train.height, train.width, train.classes), (3, 8, 8, 2));
    assert_eq!((train.name.as_str(), train.len(), skipped), ("pets", 3, 0));
    let dog = train.labels.iter().position(|&label| label == 1).unwrap();
    let colours = train.image(dog).chunks_exact(64);
    assert!(colours.zip([12, 100, 200]).all(|(plane, value)| plane == [value; 64]));
    let inside: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (format!("./pets/{name}"), bytes.clone())).collect();
    let inside: Vec<(&str, Vec<u8>)> =
        inside.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let plain = tar_bytes(&inside);
    for bytes in [packed(&plain), plain] {
        let (_folder, path) = archive(&bytes);
        let images = ImageFolder::open(&path).unwrap();
        assert_eq!(images.load(Part::Train, "pets", OnCorrupt::Fail).unwrap().0, train);
    }
}

#[test]
fn every_fault_of_the_layout_is_named() {
    assert!(refusal(&[]).contains("there are no images"));
    let notes = ("cat/notes.txt", vec![1]);
    assert!(refusal(std::slice::from_ref(&notes)).contains("there are no images"));
    let one = refusal(&[("cat/0.png", png(1)), ("cat/1.png", png(2))]);
    assert!(one.contains("1 class folders (first: cat); 2 to 65536 are needed"), "{one}");
    let beside = refusal(&[("cat/0.png", png(1)), ("stray.png", png(2))]);
    assert!(beside.contains("stray.png lies in no class folder"), "{beside}");
    let mixed = refusal(&[("train/cat/0.png", png(1)), ("dog/1.png", png(2))]);
    assert!(mixed.contains("1.png lies outside the folders train and test"), "{mixed}");
    let untrained = refusal(&[
        ("train/cat/0.png", png(1)),
        ("train/dog/0.png", png(1)),
        ("test/cow/0.png", png(1)),
    ]);
    assert!(untrained.contains("test class cow has no training images"), "{untrained}");
    let only_test = refusal(&[("test/cat/0.png", png(1)), ("test/dog/0.png", png(1))]);
    assert!(only_test.contains("there are no images"), "{only_test}");
    let folder = directory(&[("cat/0.png", png(1)), ("dog/0.png", png(2))]);
    fs::create_dir(folder.path().join("cow")).unwrap();
    let empty = ImageFolder::open(folder.path()).unwrap_err().to_string();
    assert!(empty.contains("cow: there are no images"), "{empty}");
    let missing = ImageFolder::open(Path::new("nowhere")).unwrap_err();
    assert!(matches!(missing, DataError::Unreadable { .. }), "{missing}");
}

#[test]
fn a_corrupt_file_is_named_or_skipped_and_counted() {
    let whole = plain([90, 10, 70], 64, ImageFormat::Jpeg);
    let files = [
        ("cat/0.jpg", whole.clone()),
        ("cat/1.jpg", whole[..whole.len() * 2 / 3].to_vec()),
        ("dog/0.jpg", whole),
        ("dog/1.png", b"no image".to_vec()),
    ];
    let folder = directory(&files);
    let images = ImageFolder::open(folder.path()).unwrap();
    let error = images.load(Part::Train, "pets", OnCorrupt::Fail).unwrap_err();
    let DataError::Corrupt { file, .. } = &error else { panic!("{error}") };
    assert!(["cat/1.jpg", "dog/1.png"].iter().any(|name| file.as_path() == Path::new(name)));
    let (dataset, skipped) = images.load(Part::Train, "pets", OnCorrupt::Skip).unwrap();
    assert_eq!((dataset.len(), skipped), (2, 2));
    let none = directory(&[("cat/0.png", vec![]), ("dog/0.png", vec![1])]);
    let images = ImageFolder::open(none.path()).unwrap();
    let error = images.load(Part::Train, "pets", OnCorrupt::Skip).unwrap_err().to_string();
    assert!(error.contains("there are no images"), "{error}");
}

#[test]
fn images_of_unequal_size_are_not_loaded_whole() {
    let small = plain([0; 3], 4, ImageFormat::Png);
    let folder = directory(&[("cat/0.png", png(1)), ("dog/0.png", small)]);
    let images = ImageFolder::open(folder.path()).unwrap();
    let error = images.load(Part::Train, "pets", OnCorrupt::Skip).unwrap_err().to_string();
    assert!(error.contains("8 x 8") && error.contains("4 x 4"), "{error}");
}

proptest! {
    #[test]
    fn a_truncated_archive_is_refused(share in 0.0..1.0f64, pack: bool) {
        let whole = tar_bytes(&split_files());
        // A tar archive that lacks only some of the zeros at its end holds all its files.
        let needed = whole.len() - 512;
        let (bytes, length) = if pack {
            let bytes = packed(&whole);
            let length = (share * bytes.len() as f64) as usize;
            (bytes, length.max(2))
        } else {
            (whole, (share * needed as f64) as usize)
        };
        let (_folder, path) = archive(&bytes[..length]);
        let error = ImageFolder::open(&path).unwrap_err().to_string();
        prop_assert!(error.contains("images.tar.gz: the archive is truncated"), "{}", error);
    }
}

#[test]
fn the_imagenet_sample_has_92_classes() {
    let Some(data) = std::env::var_os("SAMPLED_DATA").map(PathBuf::from) else {
        return testing::skip_without_data("no SAMPLED_DATA");
    };
    let images = ImageFolder::open(&data.join("imagenet-sample")).unwrap();
    assert_eq!((images.classes().len(), images.files(Part::Train).len()), (92, 92));
    let smallest = images.files(Part::Train).iter().map(|file| {
        let pixels = images.decode(file).unwrap();
        pixels.height.min(pixels.width)
    });
    assert!(smallest.min().unwrap() > 50);
}
