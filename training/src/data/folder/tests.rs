use super::*;
use crate::data::encoding::encoded;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, RgbImage};
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

/// An image of one colour.
fn plain(colour: [u8; 3], side: u32, format: ImageFormat) -> Vec<u8> {
    encoded(RgbImage::from_pixel(side, side, image::Rgb(colour)), format)
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
    let (first, _) = images.load_first(Part::Train, "pets", OnCorrupt::Fail, 2, None).unwrap();
    let normalisation = first.normalisation.clone();
    assert_eq!(first, Dataset { normalisation, ..train.part(0, 2) });
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
    let resized = images.load_first(Part::Train, "pets", OnCorrupt::Fail, 2, Some(5)).unwrap().0;
    assert_eq!((resized.height, resized.width, resized.len()), (5, 5, 2));
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
fn a_class_without_a_readable_image_does_not_vanish() {
    let gif = || b"GIF89a".to_vec();
    let mut files = vec![
        ("apple/1.png", png(1)),
        ("banana/1.gif", gif()),
        ("banana/2.BMP", vec![1]),
        ("banana/LICENSE", vec![1]),
        ("cherry/1.png", png(2)),
    ];
    let expected = "class banana has no JPEG, PNG or WebP file, only bmp, gif, no ending";
    let (_folder, path) = archive(&tar_bytes(&files));
    for found in [refusal(&files), ImageFolder::open(&path).unwrap_err().to_string()] {
        assert!(found.contains(expected), "{found}");
    }
    files.push(("banana/3.webp", plain([9; 3], 8, ImageFormat::WebP)));
    let folder = directory(&files);
    let images = ImageFolder::open(folder.path()).unwrap();
    assert_eq!(images.classes(), ["apple", "banana", "cherry"]);
    let (dataset, _) = images.load(Part::Train, "fruit", OnCorrupt::Fail).unwrap();
    let banana = dataset.labels.iter().position(|&label| label == 1).unwrap();
    assert!(dataset.image(banana).iter().all(|&byte| byte == 9));
    // In either part; what lies beside class folders is no class.
    let split = |class| {
        let wrong: &[_] = &[("train/a/1.png", png(1)), ("train/b/1.png", png(2)), (class, gif())];
        refusal(&[wrong, &[("test/b/1.png", png(2))]].concat())
    };
    for (file, class) in [("train/c/1.gif", "c"), ("test/a/1.gif", "a")] {
        let found = split(file);
        assert!(found.contains(&format!("class {class} has no JPEG")), "{found}");
    }
    let beside = [("train/a/1.png", png(1)), ("train/b/1.png", png(2)), ("train/list.txt", gif())];
    let beside = [&beside[..], &[("notes/a.txt", gif()), ("README.md", gif())]].concat();
    assert!(ImageFolder::open(directory(&beside).path()).is_ok());
}

#[test]
fn an_empty_class_folder_of_an_archive_does_not_vanish() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut folder = tar::Header::new_gnu();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_size(0);
    folder.set_mode(0o755);
    for name in ["./", "./apple/", "./banana/", "./cherry/"] {
        builder.append_data(&mut folder, name, &[][..]).unwrap();
    }
    for name in ["./apple/1.png", "./cherry/1.png", "./banana/.hidden.png"] {
        let mut header = tar::Header::new_gnu();
        let bytes = png(1);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    let (_folder, path) = archive(&builder.into_inner().unwrap());
    let found = ImageFolder::open(&path).unwrap_err().to_string();
    assert!(found.ends_with("banana: there are no images"), "{found}");
}

#[test]
fn a_class_of_links_in_an_archive_does_not_vanish() {
    for kind in [tar::EntryType::Link, tar::EntryType::Symlink] {
        let mut builder = tar::Builder::new(tar_bytes(&[("a/1.png", png(1)), ("b/1.png", png(2))]));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        let mut links = tar::Builder::new(Vec::new());
        links.append_link(&mut header, "aa/1.png", "a/1.png").unwrap();
        // Entries come before the two blocks of zeros that end an archive.
        let whole = builder.get_mut();
        let bytes = [links.into_inner().unwrap()[..512].to_vec(), whole.clone()].concat();
        let (_folder, path) = archive(&bytes);
        let found = ImageFolder::open(&path).unwrap_err().to_string();
        assert!(found.contains("aa/1.png is a link"), "{found}");
    }
}

#[test]
fn class_folders_in_different_folders_are_refused() {
    let years = [
        ("cat/2019/1.png", png(1)),
        ("cat/2020/1.png", png(2)),
        ("dog/2019/1.png", png(3)),
        ("dog/2020/1.png", png(4)),
    ];
    let found = refusal(&years);
    assert!(found.contains("do not lie in one folder"), "{found}");
    let parts = [
        ("one/train/a/1.png", png(1)),
        ("two/train/b/1.png", png(2)),
        ("one/test/a/1.png", png(3)),
    ];
    let found = refusal(&parts);
    assert!(found.contains("do not lie in one folder"), "{found}");
    // One folder around all of them, as archives have.
    let folder = directory(&[("set/a/1.png", png(1)), ("set/b/1.png", png(2))]);
    assert_eq!(ImageFolder::open(folder.path()).unwrap().classes(), ["a", "b"]);
}

#[test]
fn sizes_are_compared_before_images_are_decoded() {
    let large = plain([7; 3], 2_000, ImageFormat::Png);
    let names = ["cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png"];
    let folder = directory(&names.map(|name| (name, large.clone())));
    let images = ImageFolder::open(folder.path()).unwrap();
    let first = images.shuffled(Part::Train)[0];
    fs::write(folder.path().join(names[first]), png(1)).unwrap();
    // Allocations are counted on this thread, so all is decoded here.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    let measured = pool.install(|| {
        allocation_counter::measure(|| {
            let error = images.load(Part::Train, "pets", OnCorrupt::Fail).unwrap_err().to_string();
            assert!(error.contains("8 x 8") && error.contains("2000 x 2000"), "{error}");
        })
    });
    // A decoded one has 12 MB.
    assert!(measured.bytes_max < 2_000_000, "{} bytes", measured.bytes_max);
}

#[test]
fn what_does_not_fit_in_memory_is_refused_with_what_it_needs() {
    let folder = directory(&[("cat/0.png", png(1)), ("dog/0.png", png(2))]);
    let images = ImageFolder::open(folder.path()).unwrap();
    let dataset = |side| images.load_first(Part::Train, "pets", OnCorrupt::Fail, 9, Some(side));
    assert!(dataset(0).unwrap_err().to_string().contains("size is 0"));
    assert!(dataset(1 << 20).unwrap_err().to_string().contains("at most 65535"));
    let error = images.fits(1_000_000, (512, 512), 24_000_000_000).unwrap_err().to_string();
    let expected = "1000000 images of 512 x 512 need 786.4 GB of memory; this machine has 24.0 GB";
    assert!(error.contains(expected), "{error}");
    assert!(images.fits(1_000, (512, 512), 24_000_000_000).is_ok());
}

#[test]
fn an_archive_that_unpacks_to_more_than_images_would_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.tar.gz");
    let mut packer = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    for _ in 0..200 {
        std::io::Write::write_all(&mut packer, &vec![0; 1 << 20]).unwrap();
    }
    packer.finish().unwrap();
    let measured = allocation_counter::measure(|| {
        let error = ImageFolder::open(&path).unwrap_err().to_string();
        assert!(error.contains("it holds more than 67108864 bytes"), "{error}");
    });
    assert!(measured.bytes_max < 1_000_000, "{} bytes", measured.bytes_max);
}

#[test]
fn a_name_of_an_archive_is_not_held_whatever_its_length() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(40_000_000);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(bytes.len() + 40_000_256, b'a');
    bytes.extend(tar_bytes(&split_files()));
    let (_folder, path) = archive(&bytes);
    let measured = allocation_counter::measure(|| {
        let error = ImageFolder::open(&path).unwrap_err().to_string();
        assert!(error.contains("the name of a file has 40000000 bytes"), "{error}");
    });
    assert!(measured.bytes_max < 1_000_000, "{} bytes", measured.bytes_max);
}

#[test]
fn one_level_of_class_folders_is_split_by_path() {
    let mut files = Vec::new();
    for class in ["cat", "dog"] {
        for number in 0..11 {
            files.push((format!("{class}/{number:02}.png"), png(number)));
        }
    }
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let folder = directory(&files);
    let images = ImageFolder::open(folder.path()).unwrap().split();
    let names: Vec<_> =
        images.files(Part::Test).iter().map(|file| file.name.display().to_string()).collect();
    assert_eq!(names, ["cat/04.png", "cat/09.png", "dog/04.png", "dog/09.png"]);
    let splits = images.load_splits((12, 4, 3), None).unwrap();
    let parts = [&splits.train, &splits.held_out, &splits.test];
    assert_eq!(parts.map(Dataset::len), [12, 4, 3]);
    // What remains of the training part gives the moments of all; green is 100 everywhere.
    let expected = Normalisation::of(&splits.train.pixels, 3, 64);
    assert_eq!(parts.map(|part| &part.normalisation), [&expected; 3]);
    assert_eq!((expected.mean[1], expected.deviation[1]), (100.0 / 255.0, 1.0));
    let split = directory(&split_files());
    let images = ImageFolder::open(split.path()).unwrap().split();
    assert_eq!([Part::Train, Part::Test].map(|part| images.files(part).len()), [3, 2]);
    assert!(images.load_splits((9, 3, 9), None).unwrap_err().to_string().contains("held out of 3"));
    let few = directory(&[("cat/0.png", png(1)), ("dog/0.png", png(2))]);
    let images = ImageFolder::open(few.path()).unwrap().split();
    assert!(
        images.load_splits((1, 1, 1), None).unwrap_err().to_string().contains("no test images")
    );
}

#[cfg(unix)]
#[test]
fn what_a_file_system_can_hold_besides_images_is_named() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let files = [("cat/0.png", png(1)), ("dog/0.png", png(2))];
    let found = |change: &dyn Fn(&Path)| {
        let folder = directory(&files);
        change(folder.path());
        let images = match ImageFolder::open(folder.path()) {
            Ok(images) => images,
            Err(error) => return error.to_string(),
        };
        images.load(Part::Train, "pets", OnCorrupt::Fail).map(|_| ()).unwrap_err().to_string()
    };
    let found_loop = found(&|folder| symlink("..", folder.join("cat/up")).unwrap());
    assert!(
        found_loop.ends_with("cat/up: this link leads back to a folder that it is in"),
        "{found_loop}"
    );
    let dangling = found(&|folder| symlink("nowhere", folder.join("cat/1.png")).unwrap());
    assert!(dangling.contains("cat/1.png: "), "{dangling}");
    let device = found(&|folder| symlink("/dev/zero", folder.join("cat/1.png")).unwrap());
    assert!(device.ends_with("cat/1.png: it is a device, not a file"), "{device}");
    let empty = found(&|folder| fs::write(folder.join("cat/1.png"), "").unwrap());
    assert!(empty.ends_with("cat/1.png is corrupt: the file is empty"), "{empty}");
    let unnamed = found(&|folder| {
        let class = folder.join(std::ffi::OsStr::from_bytes(b"co\xffw"));
        fs::create_dir(&class).unwrap();
        fs::write(class.join("0.png"), png(3)).unwrap();
    });
    assert!(unnamed.contains("the name of the class folder co\u{fffd}w is not UTF-8"), "{unnamed}");
    // A link to the side is no loop.
    let beside = directory(&files);
    symlink(beside.path().join("cat"), beside.path().join("cow")).unwrap();
    assert_eq!(ImageFolder::open(beside.path()).unwrap().classes(), ["cat", "cow", "dog"]);
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
