//! An exhibit trains on images of one's own.

use std::path::Path;

use reproduce::cache::Cache;
use reproduce::exhibit::Environment;
use reproduce::exhibit::settings::Scale;
use reproduce::images::Library;
use reproduce::progress::Progress;
use reproduce::task::Task;

/// A file of 8 x 8 noise around a brightness.
fn write_image(path: &Path, brightness: u8, number: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = image::RgbImage::from_fn(8, 8, |x, y| {
        let noise = ((x * 7 + y * 13 + number * 29) % 32) as u8;
        image::Rgb([brightness + noise, noise, 255 - brightness])
    });
    image.save(path).unwrap();
}

#[test]
fn an_exhibit_trains_on_images_of_ones_own() {
    let data = tempfile::tempdir().unwrap();
    for (class, brightness) in [("dark", 20), ("bright", 200)] {
        for number in 0..50 {
            let name = format!("My Pets/{class}/{number:02}.png");
            write_image(&data.path().join(name), brightness, number);
        }
    }
    let built_in = include_str!("../../exhibits/mlp-accuracy.yaml");
    let replaced = [
        (
            "{set: digits, train: 2000, held_out: 500, test: 1000}",
            "{set: folder, path: My Pets, size: 6, train: 60, held_out: 20, test: 20}",
        ),
        ("hidden: [500, 500]", "hidden: [16]"),
        ("batch_size: 50", "batch_size: 10"),
        ("epochs: 2", "epochs: 8"),
    ];
    let text = replaced.iter().fold(built_in.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let yaml = data.path().join("pets.yaml");
    std::fs::write(&yaml, text).unwrap();
    let task = Task::new(yaml.to_str().unwrap(), Scale::Quick, 1).unwrap();
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
