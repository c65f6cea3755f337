use super::super::DataError;
use super::super::cifar::PIXELS;
use super::*;
use std::fs;
use tempfile::TempDir;

const RECORD: usize = 2 + PIXELS;
/// CIFAR-100 with a few images.
const FEW: Cifar = Cifar { batches: &[("train.bin", 7), ("test.bin", 3)], ..CIFAR100 };
/// The coarse label of each fine one, as it is commonly printed: an independent copy of what
/// `CLASSES` says by names.
const COARSE: [u8; 100] = [
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7, 6, 13, 15,
    3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4,
    2, 0, 17, 4, 18, 17, 10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
];

/// Records of these fine labels with their coarse ones; the pixels are the place of the record.
fn records(fine: &[u8]) -> Vec<u8> {
    let record = |(place, &fine): (usize, &u8)| {
        let labels = [COARSE[usize::from(fine)], fine];
        labels.into_iter().chain(std::iter::repeat_n(place as u8, PIXELS))
    };
    fine.iter().enumerate().flat_map(record).collect()
}

/// Whole files of a few images.
fn files() -> [(&'static str, Vec<u8>); 2] {
    [("train.bin", records(&[0, 99, 19, 29, 50, 19, 4])), ("test.bin", records(&[98, 1, 2]))]
}

fn load(directory: &TempDir, learnt: Cifar100Labels) -> Result<Splits, DataError> {
    super::load(&FEW, directory.path(), 2, learnt)
}

fn refusal(directory: &TempDir) -> String {
    // Whichever label is learnt, both are looked at.
    let [fine, coarse] = [Cifar100Labels::Fine, Cifar100Labels::Coarse]
        .map(|learnt| load(directory, learnt).unwrap_err().to_string());
    assert_eq!(fine, coarse);
    fine
}

/// What is said where the training file has these bytes.
fn refusal_of(train: Vec<u8>) -> String {
    let [_, test] = files();
    let files = [("train.bin", train), test];
    let found = refusal(&FEW.made_folder(&files));
    let packed = refusal(&FEW.made_archive(&files));
    assert_eq!(found.split("train.bin").nth(1), packed.split("train.bin").nth(1));
    found
}

#[test]
fn the_archive_and_the_folder_hold_the_same_images_with_both_labels() {
    let mut files = files();
    let folder = FEW.made_folder(&files);
    files.swap(0, 1);
    let archive = FEW.made_archive(&files);
    assert!(has_cifar100(folder.path()) && has_cifar100(archive.path()));
    let fine = load(&folder, Cifar100Labels::Fine).unwrap();
    assert_eq!((&fine.train.name[..], fine.train.classes), ("CIFAR-100", 100));
    assert_eq!(fine.held_out.labels, [0, 99]);
    assert_eq!(fine.train.labels, [19, 29, 50, 19, 4]);
    assert_eq!(fine.test.labels, [98, 1, 2]);
    assert!(fine.train.image(3).iter().all(|&pixel| pixel == 5));
    assert!(fine == load(&archive, Cifar100Labels::Fine).unwrap());
    let coarse = load(&archive, Cifar100Labels::Coarse).unwrap();
    assert_eq!(coarse.train.classes, 20);
    assert_eq!(coarse.held_out.labels, [4, 13]);
    assert_eq!(coarse.train.labels, [11, 15, 16, 11, 0]);
    assert_eq!(coarse.test.labels, [14, 1, 14]);
    assert_eq!(coarse.train.pixels, fine.train.pixels);
    let held_out = super::load(&FEW, folder.path(), 7, Cifar100Labels::Fine).unwrap_err();
    assert!(held_out.to_string().contains("7 images are to be held out of 7"), "{held_out}");
}

#[test]
fn the_names_say_which_group_a_class_is_in_as_the_numbers_do() {
    let fine = fine_classes();
    assert_eq!(fine.iter().map(|(_, coarse)| *coarse).collect::<Vec<_>>(), COARSE);
    let names = |labels: [usize; 4]| labels.map(|label| fine[label].0);
    assert_eq!(names([0, 41, 47, 99]), ["apple", "lawn_mower", "maple_tree", "worm"]);
}

#[test]
fn every_fault_is_named() {
    let whole = records(&[0, 99, 19, 29, 50, 19, 4]);
    let found = refusal_of(whole[..RECORD * 3 - 1].to_vec());
    assert!(found.ends_with("train.bin: record 2 has 3073 bytes, not 3074"), "{found}");
    let found = refusal_of([&whole[..], &[0]].concat());
    assert!(found.ends_with("train.bin: record 7 has 1 bytes, not 3074"), "{found}");
    let found = refusal_of(whole[..RECORD * 6].to_vec());
    assert!(found.ends_with("train.bin: there are 6 records, not 7"), "{found}");
    let mut label = whole.clone();
    label[4 * RECORD + 1] = 100;
    let found = refusal_of(label);
    assert!(found.ends_with("train.bin: label 4 is 100; labels are below 100"), "{found}");
    for coarse in [20, 255, 15] {
        let mut label = whole.clone();
        label[4 * RECORD] = coarse;
        let expected = format!(
            "train.bin: record 4 has the coarse label {coarse} and the fine label 50, whose coarse \
             label is 16; the coarse one comes first"
        );
        assert!(refusal_of(label).ends_with(&expected));
    }
    let [train, test] = files();
    let found = refusal(&FEW.made_folder(&[train]));
    assert!(found.ends_with("cifar-100-binary: there is no test.bin in it"), "{found}");
    let found = refusal(&FEW.made_archive(&[test]));
    assert!(found.ends_with("cifar-100-binary.tar.gz: there is no train.bin in it"), "{found}");
    let found = refusal(&tempfile::tempdir().unwrap());
    let expected = "there is neither cifar-100-binary nor cifar-100-binary.tar.gz, here or in its \
                    subfolder cifar-100";
    assert!(found.ends_with(expected), "{found}");
}

#[test]
fn labels_in_the_other_order_are_noticed_of_all_classes_but_two() {
    let fine = fine_classes();
    let takes = |labels: [u8; 2]| {
        class(&fine, Cifar100Labels::Fine, Path::new("train.bin"), 0, &labels).is_ok()
    };
    let all = (0..100).zip(COARSE);
    assert!(all.clone().all(|(fine, coarse)| takes([coarse, fine])));
    let unnoticed: Vec<u8> =
        all.filter(|&(fine, coarse)| takes([fine, coarse])).map(|(fine, _)| fine).collect();
    // Of 1 and 7 both labels are the same; apples (0) and beavers (4) become each other.
    assert_eq!(unnoticed, [0, 1, 4, 7]);
    // A file of which all labels are swapped has records of every class.
    let mut swapped = records(&[4, 0, 0, 99, 0, 0, 0]);
    for record in swapped.chunks_exact_mut(RECORD) {
        record.swap(0, 1);
    }
    let found = refusal_of(swapped);
    assert!(found.contains("record 3 has the coarse label 99 and the fine label 13"), "{found}");
}

#[test]
fn other_lists_of_classes_are_of_another_data_set() {
    let names = |list: Vec<&str>| (list.join("\n") + "\n").into_bytes();
    let fine: Vec<&str> = fine_classes().into_iter().map(|(name, _)| name).collect();
    let coarse: Vec<&str> = CLASSES.iter().map(|&(name, _)| name).collect();
    let with = |coarse: Vec<&str>, fine: Vec<&str>| {
        let lists =
            [("coarse_label_names.txt", names(coarse)), ("fine_label_names.txt", names(fine))];
        [files(), lists].concat()
    };
    let whole = with(coarse.clone(), fine.clone());
    for directory in [FEW.made_folder(&whole), FEW.made_archive(&whole)] {
        assert!(load(&directory, Cifar100Labels::Fine).is_ok());
    }
    let mut other = fine.clone();
    other.swap(8, 9);
    let exchanged = with(fine.clone(), coarse.clone());
    for (files, expected) in [
        (with(coarse, other), "fine_label_names.txt: the classes are apple, "),
        (exchanged, "coarse_label_names.txt: the classes are apple, "),
    ] {
        for directory in [FEW.made_folder(&files), FEW.made_archive(&files)] {
            let found = refusal(&directory);
            assert!(found.contains(expected), "{found}");
            assert!(found.contains("those of CIFAR-100 are a"), "{found}");
        }
    }
}

#[test]
fn what_is_no_whole_archive_is_named() {
    let directory = FEW.made_archive(&files());
    let path = directory.path().join("cifar-100/cifar-100-binary.tar.gz");
    let whole = fs::read(&path).unwrap();
    for length in [12, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let found = refusal(&directory);
        assert!(found.contains("tar.gz: the archive is truncated or damaged"), "{length}: {found}");
    }
    fs::write(&path, "<html><body>Not found</body></html>").unwrap();
    let found = refusal(&directory);
    assert!(found.contains("tar.gz: this is an HTML page and no data"), "{found}");
    assert!(found.ends_with("`reproduce data fetch cifar-100`"), "{found}");
    let [train, test] = files();
    let found = refusal(&FEW.made_archive(&[train.clone(), test, train]));
    assert!(found.ends_with("train.bin is in it more than once"), "{found}");
}

#[test]
fn the_published_files_have_classes_of_one_size() {
    let Some(data) = std::env::var_os("SAMPLED_DATA") else {
        return testing::skip_without_data("no SAMPLED_DATA");
    };
    let data = Path::new(&data);
    if !has_cifar100(data) {
        return println!("skipped: no CIFAR-100 in {}", data.display());
    }
    for learnt in [Cifar100Labels::Fine, Cifar100Labels::Coarse] {
        let splits = load_cifar100(data, 5_000, learnt).unwrap();
        let [training, test] = CIFAR100_IMAGES.map(|images| images / learnt.classes());
        for class in 0..learnt.classes() as u16 {
            let count = |labels: &[u16]| labels.iter().filter(|&&label| label == class).count();
            let learning = count(&splits.train.labels) + count(&splits.held_out.labels);
            assert_eq!((learning, count(&splits.test.labels)), (training, test));
        }
    }
}
