use super::super::Dataset;
use super::super::cifar::PIXELS;
use super::*;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

const CLASSES: usize = CLASS_NAMES.len();
const RECORD: usize = 1 + PIXELS;
/// The training batches in their order, then the test batch.
const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

fn unpacked(files: &[(&str, Vec<u8>)]) -> TempDir {
    CIFAR10.made_folder(files)
}

fn packed(files: &[(&str, Vec<u8>)]) -> TempDir {
    CIFAR10.made_archive(files)
}

/// A batch of 10,000 records whose labels and pixels depend on its number.
fn batch(number: u8) -> Vec<u8> {
    let record = |record: usize| {
        let label = ((record + usize::from(number)) % CLASSES) as u8;
        std::iter::once(label).chain(std::iter::repeat_n(number * 10 + label, PIXELS))
    };
    (0..RECORDS).flat_map(record).collect()
}

fn refusal(folder: &TempDir) -> String {
    load_cifar10(folder.path(), 10).unwrap_err().to_string()
}

#[test]
fn the_archive_and_the_folder_hold_the_same_images() {
    let mut files: Vec<(&str, Vec<u8>)> =
        (1..).zip(NAMES).map(|(number, name)| (name, batch(number))).collect();
    let folder = unpacked(&files);
    // The published archive is in another order and has two texts besides.
    files.swap(1, 5);
    files.insert(1, ("readme.html", b"<p>".to_vec()));
    let archive = packed(&files);
    assert!(has_cifar10(folder.path()) && has_cifar10(archive.path()));
    let splits = load_cifar10(folder.path(), 5_000).unwrap();
    let lengths = [splits.train.len(), splits.held_out.len(), splits.test.len()];
    assert_eq!(lengths, [45_000, 5_000, 10_000]);
    assert_eq!(splits.held_out.labels[..3], [1, 2, 3]);
    // Record 0 of batch 2 has label 2, record 7 of batch 6 label 3.
    assert_eq!((splits.train.labels[5_000], splits.test.labels[7]), (2, 3));
    assert!(splits.train.image(5_000).iter().all(|&pixel| pixel == 22));
    assert!(splits.test.image(7).iter().all(|&pixel| pixel == 63));
    assert!(splits == load_cifar10(archive.path(), 5_000).unwrap());
    let held_out = load_cifar10(folder.path(), 50_000).unwrap_err().to_string();
    assert!(held_out.contains("50000 images are to be held out of 50000"), "{held_out}");
}

#[test]
fn every_fault_is_named() {
    let whole = batch(1);
    let first = |bytes: &[u8]| NAMES.map(|name| (name, bytes.to_vec()));
    let found = refusal(&unpacked(&first(&whole[..RECORD * 3 - 1])));
    assert!(found.contains("data_batch_1.bin: record 2 has 3072 bytes, not 3073"), "{found}");
    let found = refusal(&packed(&first(&[&whole[..], &[0]].concat())));
    assert!(found.contains("data_batch_1.bin: record 10000 has 1 bytes, not 3073"), "{found}");
    let found = refusal(&unpacked(&first(&whole[..RECORD * 9])));
    assert!(found.contains("data_batch_1.bin: there are 9 records, not 10000"), "{found}");
    let mut label = whole;
    label[4 * RECORD] = 10;
    let found = refusal(&unpacked(&first(&label)));
    assert!(found.contains("data_batch_1.bin: label 4 is 10; labels are below 10"), "{found}");
    let found = refusal(&unpacked(&[]));
    assert!(found.contains("there is no data_batch_1.bin in it"), "{found}");
    let found = refusal(&packed(&first(&[])[..5]));
    assert!(found.contains("cifar-10-binary.tar.gz: there is no test_batch.bin"), "{found}");
    let found = refusal(&tempfile::tempdir().unwrap());
    assert!(found.contains("neither cifar-10-batches-bin nor cifar-10-binary.tar.gz"), "{found}");
}

#[test]
fn an_archive_cut_off_anywhere_is_truncated() {
    // Bytes that do not compress, so that most of the archive is their middle.
    let noise: Vec<u8> =
        (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let folder = packed(&NAMES.map(|name| (name, noise.clone())));
    let path = folder.path().join("cifar-10").join(CIFAR10.archive);
    let bytes = fs::read(&path).unwrap();
    for length in [1, 12, bytes.len() / 3, bytes.len() - 9, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let found = refusal(&folder);
        assert!(found.contains("tar.gz: the archive is truncated or damaged"), "{length}: {found}");
    }
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    fs::write(&path, damaged).unwrap();
    assert!(refusal(&folder).contains("the archive is truncated or damaged"));
}

proptest! {
    #[test]
    fn records_are_told_apart(
        labels in prop::collection::vec(0u8..12, 0..5),
        rest in 0usize..RECORD,
    ) {
        let mut bytes: Vec<u8> =
            labels.iter().flat_map(|&label| [&[label][..], &[label + 100; PIXELS]].concat()).collect();
        bytes.resize(bytes.len() + rest, 0);
        let own = super::labels(&[]);
        let mut dataset = CIFAR10.empty(&own);
        let result = CIFAR10.append_records(Path::new("batch"), &bytes, &own, &mut dataset);
        if rest > 0 {
            let expected = format!("batch: record {} has {rest} bytes, not 3073", labels.len());
            prop_assert_eq!(result.unwrap_err().to_string(), expected);
        } else if let Some(wrong) = labels.iter().position(|&label| label >= 10) {
            let expected = format!("batch: label {wrong} is {}; labels are below 10", labels[wrong]);
            prop_assert_eq!(result.unwrap_err().to_string(), expected);
        } else {
            prop_assert_eq!(result.unwrap(), labels.len());
            for (index, &label) in labels.iter().enumerate() {
                prop_assert_eq!(dataset.labels[index], u16::from(label));
                prop_assert!(dataset.image(index).iter().all(|&pixel| pixel == label + 100));
            }
        }
    }
}

#[test]
fn another_list_of_classes_is_another_data_set() {
    let batch = batch(1);
    let mut files = NAMES.map(|name| (name, batch.clone())).to_vec();
    let published = CLASS_NAMES.map(|name| format!("{name}\r\n")).concat() + "\n";
    files.push((CIFAR10.class_lists[0], published.clone().into_bytes()));
    for folder in [unpacked(&files), packed(&files)] {
        assert!(load_cifar10(folder.path(), 10).is_ok());
    }
    let swapped = published.replace("cat", "car");
    let longer = published.clone() + "tractor\n";
    for (names, expected) in [(swapped, "bird, car, deer"), (longer, "truck, tractor")] {
        files.pop();
        files.push((CIFAR10.class_lists[0], names.into_bytes()));
        for folder in [unpacked(&files), packed(&files)] {
            let found = refusal(&folder);
            assert!(found.contains("batches.meta.txt: the classes are airplane"), "{found}");
            assert!(found.contains(expected), "{found}");
        }
    }
}

#[test]
fn an_archive_is_read_no_further_than_the_published_one() {
    let many: Vec<(&str, Vec<u8>)> = vec![("readme.html", vec![0; 30_000_000]); 8];
    let mut large = NAMES.map(|name| (name, vec![1]));
    large[0].1 = vec![1; 150_000_000];
    let twice = [(NAMES[0], vec![0]), (NAMES[0], vec![1])];
    let kinds = [
        (packed(&many), "it holds more than 200000000 bytes", 1_000_000),
        (packed(&large), "data_batch_1.bin: record 10000 has 1 bytes", 150_000_000),
        (packed(&twice), "data_batch_1.bin is in it more than once", 1_000_000),
    ];
    for (folder, expected, most) in kinds {
        let measured = allocation_counter::measure(|| {
            let found = refusal(&folder);
            assert!(found.contains(expected), "{found}");
        });
        assert!(measured.bytes_max < most, "{expected}: {} bytes", measured.bytes_max);
    }
}

#[test]
fn what_is_no_archive_is_named() {
    let folder = packed(&[]);
    let path = folder.path().join("cifar-10").join(CIFAR10.archive);
    fs::write(&path, "<html><body>Not found</body></html>").unwrap();
    let found = refusal(&folder);
    assert!(found.contains("tar.gz: this is an HTML page and no data"), "{found}");
    assert!(found.ends_with("`reproduce data fetch cifar-10`"), "{found}");
    fs::write(&path, "").unwrap();
    assert!(refusal(&folder).ends_with("cifar-10-binary.tar.gz: the file is empty"));
    fs::remove_file(&path).unwrap();
    fs::create_dir_all(folder.path().join(CIFAR10.unpacked).join(NAMES[0])).unwrap();
    assert!(refusal(&folder).ends_with("data_batch_1.bin: it is a folder, not a file"));
}

#[test]
fn a_jpeg_copy_is_not_read_under_the_published_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(JPEG_COPY), "anything").unwrap();
    assert!(!has_cifar10(folder.path()));
    let found = refusal(&folder);
    assert!(
        found.contains("cifar-10-jpeg.tar.gz is a JPEG copy, whose pixels are others"),
        "{found}"
    );
}

#[test]
fn the_published_files_have_the_published_mean_and_classes_of_one_size() {
    let Some(data) = std::env::var_os("SAMPLED_DATA").map(PathBuf::from) else {
        return testing::skip_without_data("no SAMPLED_DATA");
    };
    if !has_cifar10(&data) {
        return println!("skipped: no CIFAR-10 in {}", data.display());
    }
    let splits = load_cifar10(&data, 5_000).unwrap();
    let lengths = [splits.train.len(), splits.held_out.len(), splits.test.len()];
    assert_eq!(lengths, [45_000, 5_000, 10_000]);
    for class in 0..10 {
        let count = |set: &Dataset| set.labels.iter().filter(|&&label| label == class).count();
        assert_eq!(count(&splits.train) + count(&splits.held_out), 5_000);
        assert_eq!(count(&splits.test), 1_000);
    }
    // As commonly published: 0.49140, 0.48216, 0.44653 over all training pixels.
    let mut sums = [0u64; 3];
    for set in [&splits.train, &splits.held_out] {
        for planes in set.pixels.chunks_exact(PIXELS) {
            for (sum, plane) in sums.iter_mut().zip(planes.chunks_exact(PIXELS / 3)) {
                *sum += plane.iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
            }
        }
    }
    let means = sums.map(|sum| (sum as f64 / (255.0 * 50_000.0 * 1_024.0) * 1e5).round());
    assert_eq!(means, [49_140.0, 48_216.0, 44_653.0]);
}
