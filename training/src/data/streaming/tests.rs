use super::*;
use crate::data::Share;
use image::{ImageFormat, RgbImage};
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use tempfile::TempDir;

const SIDE: u32 = 12;

/// Photos number 0.. in three classes by turns; the damaged ones are cut off.
fn photos(count: usize, damaged: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let class = folder.path().join(["ant", "bee", "cow"][number % 3]);
        fs::create_dir_all(&class).unwrap();
        let colour = |x, y| image::Rgb([number as u8 * 4, (x * 20) as u8, (y * 12) as u8]);
        let mut bytes = Cursor::new(Vec::new());
        let photo = RgbImage::from_fn(SIDE, SIDE + 4, colour);
        photo.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let mut bytes = bytes.into_inner();
        if damaged.contains(&number) {
            bytes.truncate(bytes.len() / 2);
        }
        fs::write(class.join(format!("{number:03}.png")), bytes).unwrap();
    }
    folder
}

fn settings() -> StreamSettings {
    StreamSettings {
        resize: 8,
        crop: 6,
        held_out: 0,
        threads: 2,
        buffer: 4,
        normalisation: Normalisation::imagenet(),
        on_corrupt: OnCorrupt::Fail,
    }
}

fn source(folder: &TempDir, settings: StreamSettings) -> FolderSource {
    FolderSource::new(Arc::new(ImageFolder::open(folder.path()).unwrap()), settings).unwrap()
}

/// The bits of all rows and the labels, minibatch by minibatch, and the number of skipped files.
type Read = (Vec<(Vec<u32>, Vec<u16>)>, usize);

fn read(mut minibatches: FolderMinibatches) -> Result<Read, DataError> {
    let (mut minibatch, mut all) = (Minibatch::default(), Vec::new());
    while minibatches.next_into(&mut minibatch)? {
        let Minibatch { input, labels, .. } = &minibatch;
        assert_eq!(input.rows(), labels.len());
        all.push((input.data().iter().map(|x| x.to_bits()).collect(), labels.clone()));
    }
    assert!(!minibatches.next_into(&mut minibatch)?, "the end stays the end");
    Ok((all, minibatches.skipped()))
}

/// An epoch in minibatches of four.
fn epoch(number: u64) -> Epoch {
    Epoch::new(Stream::new(4, "source tests"), number, 4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn threads_and_buffer_change_no_bit(
        threads in 1usize..6,
        buffer in 0usize..12,
        batch_size in 1usize..9,
        number in 0u64..3,
        damaged in prop::collection::vec(0usize..17, 0..4),
    ) {
        let folder = photos(17, &damaged);
        let one = StreamSettings { on_corrupt: OnCorrupt::Skip, ..settings() };
        let many = StreamSettings { threads, buffer, ..one.clone() };
        let one = StreamSettings { threads: 1, buffer: 0, ..one };
        let epoch = Epoch { batch_size, ..epoch(number) };
        let expected = read(source(&folder, one).training(&epoch).unwrap());
        let found = read(source(&folder, many.clone()).training(&epoch).unwrap());
        let (Ok(expected), Ok(found)) = (&expected, &found) else {
            let message = |read: &Result<Read, DataError>| read.as_ref().unwrap_err().to_string();
            prop_assert!(message(&expected).contains("not one of the"));
            prop_assert_eq!(message(&expected), message(&found));
            return Ok(());
        };
        prop_assert_eq!(found, expected);
        let mut distinct = damaged;
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(found.1, distinct.len());
        let sizes: Vec<usize> = found.0.iter().map(|(_, labels)| labels.len()).collect();
        prop_assert_eq!(sizes.iter().sum::<usize>(), 17 - distinct.len());
        prop_assert_eq!(sizes.len(), 17usize.div_ceil(batch_size));
        // Begun later, it gives the rest.
        for first in [1, sizes.len() - 1, sizes.len()] {
            let rest = source(&folder, many.clone()).training(&Epoch { first, ..epoch });
            prop_assert_eq!(&read(rest.unwrap()).unwrap().0[..], &found.0[first..]);
        }
    }
}

#[test]
fn ranks_decode_their_shares_of_every_minibatch() {
    let folder = photos(17, &[]);
    let source = source(&folder, settings());
    let (whole, _) = read(source.training(&epoch(1)).unwrap()).unwrap();
    let shares = [0, 1].map(|rank| {
        let share = Epoch { share: Share { rank, size: 2 }, first: 1, batch_size: 5, ..epoch(1) };
        read(source.training(&share).unwrap()).unwrap().0
    });
    let all: Vec<u16> = whole.iter().flat_map(|(_, labels)| labels).copied().collect();
    let parts =
        shares[0].iter().zip(&shares[1]).flat_map(|(one, other)| one.1.iter().chain(&other.1));
    assert_eq!(parts.copied().collect::<Vec<u16>>(), all[5..]);
    assert_eq!(shares.each_ref().map(|share| share[0].1.len()), [2, 3]);
}

#[test]
fn what_is_held_out_is_not_learnt_from() {
    let folder = photos(30, &[]);
    let opened = Arc::new(ImageFolder::open(folder.path()).unwrap().split());
    let held_out = |held_out| {
        FolderSource::new(Arc::clone(&opened), StreamSettings { held_out, ..settings() })
    };
    let mut source = held_out(7).unwrap();
    assert_eq!(source.samples() + 7, opened.files(Part::Train).len());
    let sets = [EvaluationSet::HeldOut, EvaluationSet::Test];
    assert_eq!(sets.map(|set| source.evaluation_samples(set)), [7, 6]);
    let mut all = [source.train.clone(), source.held_out.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..24).collect::<Vec<_>>());
    assert!(source.held_out.windows(2).any(|two| two[1] != two[0] + 1), "they are a random sample");
    let checksum = source.checksum();
    assert_eq!(held_out(7).unwrap().checksum(), checksum);
    assert_ne!(held_out(8).unwrap().checksum(), checksum);
    assert!(held_out(24).unwrap_err().to_string().starts_with("held_out is 24"));
}

#[test]
fn every_image_comes_once_an_epoch_with_its_label() {
    let folder = photos(17, &[]);
    let normalisation = Normalisation { mean: vec![0.0; 3], deviation: vec![1.0 / 255.0; 3] };
    let source = source(&folder, StreamSettings { normalisation, ..settings() });
    let numbers = |number| {
        let (minibatches, _) = read(source.training(&epoch(number)).unwrap()).unwrap();
        let mut numbers = Vec::new();
        for (bits, labels) in minibatches {
            for (row, label) in bits.chunks_exact(3 * 36).zip(labels) {
                let number = (f32::from_bits(row[0]) / 4.0).round() as usize;
                assert_eq!(usize::from(label), number % 3, "the red channel is the number");
                numbers.push(number);
            }
        }
        numbers
    };
    let (first, second) = (numbers(0), numbers(1));
    assert_ne!(first, second);
    for mut numbers in [first, second] {
        numbers.sort_unstable();
        assert_eq!(numbers, (0..17).collect::<Vec<_>>());
    }
}

#[test]
fn an_evaluation_takes_the_middle_in_sorted_order() {
    let folder = photos(7, &[]);
    let identity = Normalisation { mean: vec![0.0; 3], deviation: vec![1.0; 3] };
    // No resizing: the crop is rows 5..11 of 16 and columns 3..9 of 12.
    let settings = StreamSettings { resize: 12, normalisation: identity, ..settings() };
    let (minibatches, _) = read(source(&folder, settings).part(Part::Train, 7).unwrap()).unwrap();
    let (bits, labels) = &minibatches[0];
    assert_eq!(labels, &[0, 0, 0, 1, 1, 2, 2]);
    for row in 0..6 {
        for column in 0..6 {
            let at = |channel: usize| f32::from_bits(bits[channel * 36 + row * 6 + column]) * 255.0;
            assert_eq!(at(1).round() as usize, (column + 3) * 20);
            assert_eq!(at(2).round() as usize, (row + 5) * 12);
        }
    }
}

#[test]
fn crops_move_and_half_are_mirrored() {
    let folder = photos(60, &[]);
    let identity = Normalisation { mean: vec![0.0; 3], deviation: vec![1.0; 3] };
    let settings = StreamSettings { resize: 12, normalisation: identity, ..settings() };
    let epoch = Epoch { batch_size: 60, ..epoch(0) };
    let (minibatches, _) = read(source(&folder, settings).training(&epoch).unwrap()).unwrap();
    let (mut mirrored, mut tops, mut lefts) = (0, [0; 11], [0; 7]);
    for row in minibatches[0].0.chunks_exact(3 * 36) {
        let at = |place: usize| (f32::from_bits(row[place]) * 255.0).round() as usize;
        let (left, right) = (at(36) / 20, at(36 + 5) / 20);
        mirrored += usize::from(left > right);
        assert_eq!(left.abs_diff(right), 5);
        tops[at(72) / 12] += 1;
        lefts[left.min(right)] += 1;
    }
    // Five standard deviations of a binomial count.
    assert!((mirrored as f64 - 30.0).abs() < 5.0 * 15f64.sqrt(), "{mirrored} of 60");
    assert!(tops.iter().filter(|&&count| count > 0).count() > 6, "{tops:?}");
    assert!(lefts.iter().filter(|&&count| count > 0).count() > 4, "{lefts:?}");
}

#[test]
fn a_corrupt_image_in_the_middle_is_fatal_by_choice_and_named() {
    let folder = photos(17, &[8]);
    let source = source(&folder, settings());
    let error = read(source.training(&epoch(0)).unwrap()).unwrap_err().to_string();
    assert!(error.contains("008.png is corrupt"), "{error}");
    let nothing = photos(6, &[0, 1, 2, 3, 4, 5]);
    let settings = StreamSettings { on_corrupt: OnCorrupt::Skip, ..settings() };
    let source = self::source(&nothing, settings);
    let error = read(source.part(Part::Train, 4).unwrap()).unwrap_err().to_string();
    assert!(error.contains("not one of the 4 images of a minibatch"), "{error}");
}

#[test]
fn a_file_that_disappears_is_never_skipped() {
    let folder = photos(6, &[]);
    let settings = StreamSettings { on_corrupt: OnCorrupt::Skip, ..settings() };
    let source = source(&folder, settings);
    fs::remove_file(folder.path().join("bee/001.png")).unwrap();
    let error = read(source.part(Part::Train, 4).unwrap()).unwrap_err();
    assert!(error.to_string().contains("001.png"), "{error}");
    assert!(matches!(error, DataError::Unreadable { .. }));
}

#[test]
fn no_more_images_wait_than_the_buffer_holds() {
    let folder = photos(60, &[]);
    let settings = StreamSettings { on_corrupt: OnCorrupt::Skip, ..settings() };
    let (threads, buffer) = (settings.threads, settings.buffer);
    let minibatches = source(&folder, settings).part(Part::Train, 60).unwrap();
    // Time to run ahead, if nothing held the threads back.
    std::thread::sleep(std::time::Duration::from_millis(300));
    for class in ["ant", "bee", "cow"] {
        for file in fs::read_dir(folder.path().join(class)).unwrap() {
            fs::write(file.unwrap().path(), b"changed").unwrap();
        }
    }
    let (_, skipped) = read(minibatches).unwrap();
    assert!(60 - skipped <= buffer + threads, "{} were decoded ahead", 60 - skipped);
}

#[test]
fn dropping_an_epoch_in_the_middle_stops_its_threads() {
    let folder = photos(40, &[]);
    let source = source(&folder, StreamSettings { threads: 4, buffer: 0, ..settings() });
    let mut minibatches = source.training(&epoch(0)).unwrap();
    let plan = Arc::downgrade(&minibatches.plan);
    assert!(minibatches.next_into(&mut Minibatch::default()).unwrap());
    drop(minibatches);
    assert!(plan.upgrade().is_none(), "no thread holds the plan any more");
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = Arc::new(ImageFolder::open(photos(6, &[]).path()).unwrap());
    let refused = |settings| FolderSource::new(Arc::clone(&folder), settings).unwrap_err();
    let found = |settings| refused(settings).to_string();
    assert!(found(StreamSettings { crop: 0, ..settings() }).contains("crop is 0"));
    assert!(found(StreamSettings { resize: 5, ..settings() }).contains("resize is 5"));
    assert!(found(StreamSettings { threads: 0, ..settings() }).contains("threads is 0"));
    let normalisation = Normalisation::mnist();
    assert!(found(StreamSettings { normalisation, ..settings() }).contains("1 means"));
}

#[test]
fn the_imagenet_sample_gives_the_same_pixels_everywhere() {
    let Some(data) = std::env::var_os("SAMPLED_DATA").map(PathBuf::from) else {
        return testing::skip_without_data("no SAMPLED_DATA");
    };
    let folder = Arc::new(ImageFolder::open(&data.join("imagenet-sample")).unwrap());
    let settings = StreamSettings { resize: 64, crop: 56, ..settings() };
    let source = FolderSource::new(folder, settings).unwrap();
    let epoch = Epoch { batch_size: 32, ..epoch(0) };
    let (minibatches, _) = read(source.training(&epoch).unwrap()).unwrap();
    let mut hash = Sha256::new();
    for (bits, labels) in &minibatches {
        bits.iter().for_each(|bits| hash.update(bits.to_le_bytes()));
        labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
    }
    let sizes: Vec<usize> = minibatches.iter().map(|(_, labels)| labels.len()).collect();
    assert_eq!(sizes, [32, 32, 28]);
    let found = hexadecimal(&hash.finalize()[..8]);
    // Another value means that a decoder or a crop changed, here or on this machine.
    assert_eq!(found, "d1e481efe9822598");
}
