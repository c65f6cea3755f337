//! Writes the inputs that fuzzing starts from: `seeds/TARGET/NAME`. Those of the settings are the
//! exhibits' own.

use flate2::{Compression, write::GzEncoder};
use image::ImageFormat;
use kernels::Estimator;
use reproduce::cache::{Cache, sha256};
use reproduce::result::{Cell, Column, ExhibitResult, Table};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use training::checkpoint::Checkpoint;
use training::counting::{Computations, GradientNumbers};
use training::loss::Loss;
use training::metrics::{EpochMetrics, Metrics};
use training::network::SampledState;
use training::optimizer::{Averages, OptimizerState};
use training::sampling::LayerRatios;

fn main() -> io::Result<()> {
    selections()?;
    products()?;
    idx()?;
    cifar()?;
    images()?;
    checkpoints()?;
    cache_entries()
}

fn write(target: &str, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), parts.concat())
}

fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    packer.finish()
}

fn selections() -> io::Result<()> {
    let scores = [4.0f64, 1.0, 0.0, 2.5, 100.0, 1e-300, 3.0].map(f64::to_le_bytes);
    for (which, estimator) in (0u8..).zip(Estimator::ALL) {
        let head = [&[which][..], &0.5f64.to_le_bytes(), &[1, 3, 0]].concat();
        write("selections", estimator.name(), &[&head, scores.as_flattened()])?;
    }
    Ok(())
}

fn products() -> io::Result<()> {
    let elements = [1.0f32, -2.0, 0.5, 3.0, 0.0, 7.0, -0.25].map(f32::to_le_bytes);
    let row_major = [5, 9, 7, 9, 1, 7, 1, 0, 0, 0, 0b0110_1011, 0b1011_0110];
    write("products", "row-major", &[&row_major, elements.as_flattened()])?;
    let overlapping = [12, 40, 20, 0, 1, 2, 3, 2, 1, 2, 0b1110_1001, 0b0011_0110];
    write("products", "overlapping", &[&overlapping, elements.as_flattened()])?;
    let elements = [1.0f64, -2.0, 0.5, 3e200, 0.0, 7.0, -0.25].map(f64::to_le_bytes);
    let long = [20, 69, 33, 70, 1, 34, 1, 0, 0, 5, 0b0110_1011, 0b1011_0110];
    write("products", "long-chains", &[&long, elements.as_flattened()])
}

fn idx() -> io::Result<()> {
    write("idx", "images", &[&[0], &fuzz::images(2)])?;
    write("idx", "labels", &[&[1], &fuzz::labels(2)])?;
    write("idx", "images-packed", &[&[6], &packed(&fuzz::images(2))?])?;
    write("idx", "labels-packed", &[&[7], &packed(&fuzz::labels(2))?])
}

/// An archive of tar with these files.
fn archive(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes)?;
    }
    archive.into_inner()
}

fn cifar() -> io::Result<()> {
    let record: Vec<u8> = (0..3_073).map(|at| (at % 10) as u8).collect();
    let classes = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    let archive = archive(&[
        ("cifar-10-batches-bin/batches.meta.txt", classes),
        ("cifar-10-batches-bin/data_batch_1.bin", &record),
        ("cifar-10-batches-bin/test_batch.bin", &record),
    ])?;
    write("cifar", "archive", &[&[0], &archive])?;
    write("cifar", "archive-packed", &[&[0], &packed(&archive)?])?;
    write("cifar", "batch", &[&[1], &record])?;
    write("cifar", "classes", &[&[2], classes])
}

fn images() -> io::Result<()> {
    let [png, jpeg, webp] =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP].map(fuzz::encoded_image);
    write("image", "png", &[&png])?;
    write("image", "jpeg", &[&jpeg])?;
    write("image", "webp", &[&webp])?;
    let archive = archive(&[
        ("train/one/1.png", &png),
        ("train/one/2.jpg", &jpeg),
        ("train/two/1.webp", &webp),
        ("test/one/3.png", &png),
    ])?;
    write("image_archive", "archive", &[&archive])?;
    write("image_archive", "archive-packed", &[&packed(&archive)?])
}

fn checkpoints() -> io::Result<()> {
    let metrics = Metrics { loss: 0.5, accuracy: 0.75 };
    let checkpoint = Checkpoint {
        settings: "seed: 1\n".to_owned(),
        data: "00ff".to_owned(),
        epochs: vec![EpochMetrics { train: metrics, held_out: metrics, test: metrics }],
        epoch_loss: Loss { sum: 1.5, correct: 7, samples: 9 },
        computations: Computations { performed: 10, exact: 20 },
        sent: GradientNumbers { sent: 3, all: 6, norms: 2 },
        network: vec![("weight".to_owned(), vec![1.5, -0.5]), (String::new(), Vec::new())],
        sampled: vec![SampledState {
            layer: "linear".to_owned(),
            ratio: 0.5,
            kept: None,
            norms: vec![1.5, 2.0],
        }],
        ratios: vec![LayerRatios { layer: "linear".to_owned(), epochs: vec![0.5] }],
        lookahead: vec![("weight".to_owned(), vec![1.0, 0.0])],
        optimizer: OptimizerState {
            steps: 9,
            factor: 0.25,
            averages: vec![Averages { first: vec![0.5], second: vec![] }],
        },
    };
    let folder = fuzz::Folder::default();
    let path = folder.path().join("run.checkpoint");
    checkpoint.save(&path).map_err(io::Error::other)?;
    let file = fs::read(&path)?;
    let contents = &file[fuzz::checkpoint_of(&[]).len()..];
    assert_eq!(fuzz::checkpoint_of(contents), file, "the target writes another format");
    write("checkpoint", "file", &[&[0], &file])?;
    write("checkpoint", "contents", &[&[1], contents])
}

fn cache_entries() -> io::Result<()> {
    let column = |name: &str, is_key| Column { name: name.into(), unit: "1".into(), is_key };
    let table = Table {
        caption: "Errors".into(),
        columns: vec![column("ratio", true), column("error", false)],
        rows: vec![vec![Cell::Number(0.5), Cell::Text("a".into())], vec![Cell::Missing]],
    };
    let result = ExhibitResult { title: "Any".into(), records: table, ..ExhibitResult::default() };
    let folder = fuzz::Folder::default();
    Cache::new(folder.path()).put("any", &result).map_err(io::Error::other)?;
    let entry = fs::read(folder.path().join(format!("{}.json", sha256(b"any"))))?;
    write("cache_entry", "entry", &[&[0], &entry])?;
    write("cache_entry", "value", &[&[1], serde_json::to_string(&result)?.as_bytes()])
}
