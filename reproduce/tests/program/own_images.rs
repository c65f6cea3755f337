//! An exhibit trains on images of one's own.

use std::path::Path;

use reproduce::cache::Cache;
use reproduce::exhibit::settings::Scale;
use reproduce::exhibit::{Environment, LongRuns};
use reproduce::images::Library;
use reproduce::progress::Progress;
use reproduce::task::Task;
use reproduce::team::Threads;

/// A file of 8 x 8 noise around a brightness.
fn write_image(path: &Path, brightness: u8, number: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = image::RgbImage::from_fn(8, 8, |x, y| {
        let noise = ((x * 7 + y * 13 + number * 29) % 32) as u8;
        image::Rgb([brightness + noise, noise, 255 - brightness])
    });
    image.save(path).unwrap();
}

/// A hundred images in two class folders, and the task of settings that train on them.
fn pets(data: &Path, changes: &[(&str, &str)]) -> Task {
    for (class, brightness) in [("dark", 20), ("bright", 200)] {
        for number in 0..50 {
            let name = format!("My Pets/{class}/{number:02}.png");
            write_image(&data.join(name), brightness, number);
        }
    }
    let built_in = include_str!("../../exhibits/mlp-accuracy.yaml");
    let replaced = [
        (
            "{set: digits, train: 1000, held_out: 200, test: 500}",
            "{set: folder, path: My Pets, size: 6, train: 60, held_out: 20, test: 20}",
        ),
        ("hidden: [500, 500]", "hidden: [16]"),
        ("batch_size: 50", "batch_size: 10"),
        ("epochs: 2", "epochs: 8"),
    ];
    let replaced = replaced.iter().chain(changes);
    let text = replaced.fold(built_in.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let yaml = data.join("pets.yaml");
    std::fs::write(&yaml, text).unwrap();
    Task::new(yaml.to_str().unwrap(), Scale::Quick, 1).unwrap()
}

#[test]
fn settings_for_images_of_ones_own_are_checked_before_these_are_read() {
    let data = tempfile::tempdir().unwrap();
    let seen = |changes: &[(&str, &str)]| {
        let mut task = pets(data.path(), changes);
        // All but the headers is lost: nothing can be decoded.
        for entry in std::fs::read_dir(data.path().join("My Pets/dark")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..40]).unwrap();
        }
        task.look_at_data(data.path()).map(|()| task)
    };
    let task = seen(&[]).unwrap();
    assert_eq!(task.warnings(), Vec::<String>::new());
    assert!(task.check_memory(Some(1 << 30)).is_ok());
    let wide = seen(&[("hidden: [16]", "hidden: [1000000000]")]).unwrap();
    let error = wide.check_memory(Some(1 << 40)).unwrap_err().to_string();
    assert!(error.contains("training.network is MLP with hidden layers of 1000000000"), "{error}");
    let cnn = ("network: {name: mlp, hidden: [16], dropout: 0.1}", "network: {name: cnn}");
    let small = ("size: 6", "size: 1");
    let error = seen(&[cnn, small]).err().unwrap().to_string();
    assert!(error.contains("pets.yaml"), "{error}");
    let large = seen(&[("batch_size: 10", "batch_size: 100")]).unwrap();
    let warnings = large.warnings().join("; ");
    assert!(warnings.contains("batch_size is 100, expected at most the 60 images"), "{warnings}");
}

#[test]
fn an_exhibit_trains_on_images_of_ones_own() {
    let data = tempfile::tempdir().unwrap();
    let task = pets(data.path(), &[]);
    let config = task.configured.experiment.images().unwrap();
    let images = Library::new(data.path()).get(&config).unwrap();
    assert_eq!(task.stem(Some(&images.slug)), "pets.own-my-pets");
    let expected = "My Pets (own images, 2 classes, 6 x 6) \
                    (60 training, 20 held-out and 20 test images)";
    assert_eq!(images.description, expected);
    let cache = Cache::new(data.path().join("cache"));
    let result = task
        .run(&Environment {
            seed: task.seed,
            instructions: kernels::InstructionSet::detect(),
            images: Some(&images),
            data: data.path(),
            record: None,
            long_runs: LongRuns::Missing,
            team: &Threads,
            cache: &cache,
            progress: &Progress::hidden(),
        })
        .unwrap();
    let numbers = result.snapshot(&task.name, "quick");
    assert!(numbers.contains("exact"), "{numbers}");
    // Another image is another data set: nothing stored for this one is taken for it.
    let key = task.key(Some(&images.checksum));
    write_image(&data.path().join("My Pets/dark/00.png"), 90, 0);
    let changed = Library::new(data.path()).get(&config).unwrap();
    assert_ne!(task.key(Some(&changed.checksum)), key);
}
