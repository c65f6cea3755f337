//! Runs on images that are streamed from their folder: stopped and gone on with, and of several
//! ranks.

use image::{Rgb, RgbImage};
use kernels::InstructionSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use tempfile::TempDir;
use training::data::{FolderSource, ImageFolder, Normalisation, OnCorrupt, StreamSettings};
use training::exchange::{Alone, Collective, Threads};
use training::layer::ImageShape;
use training::train::{
    DataParallel, Progress, RunError, Trainer, TrainingConfig, TrainingError, TrainingReport,
    train_data_parallel,
};

const SIDE: usize = 6;

/// Thirty-three photos of two classes, one of them damaged.
fn photos() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..33u32 {
        let class = folder.path().join(["dark", "light"][number as usize % 2]);
        std::fs::create_dir_all(&class).unwrap();
        let base = 30 + 130 * (number % 2) as u8;
        let noise = |x: u32, y: u32| ((7 * x + 13 * y + 29 * number) % 60) as u8;
        let photo = RgbImage::from_fn(9, 8, |x, y| Rgb([base + noise(x, y), base, noise(y, x)]));
        let path = class.join(format!("{number:02}.png"));
        photo.save(&path).unwrap();
        if number == 17 {
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }
    }
    folder
}

fn source(folder: &TempDir) -> FolderSource {
    let settings = StreamSettings {
        resize: SIDE + 1,
        crop: SIDE,
        held_out: 2,
        threads: 2,
        buffer: 4,
        normalisation: Normalisation::imagenet(),
        on_corrupt: OnCorrupt::Skip,
    };
    let folder = ImageFolder::open(folder.path()).unwrap().split();
    FolderSource::new(Arc::new(folder), settings).unwrap()
}

fn config() -> TrainingConfig {
    serde_yaml::from_str(
        "{network: {name: mlp, hidden: [12], dropout: 0.1}, batch_size: 5, epochs: 3, seed: 2,
          optimizer: {name: adam, learning_rate: 0.01}, exact_epochs: 1,
          policies: {default: {estimator: bernoulli, ratio: 0.5, minimal_k: 1, mode: forward}}}",
    )
    .unwrap()
}

fn trainer<'a>(
    config: &'a TrainingConfig,
    folder: &TempDir,
    collective: Box<dyn Collective + 'a>,
) -> Result<Trainer<'a>, TrainingError> {
    let network = config.build(ImageShape::new(3, SIDE, SIDE), 2)?;
    let set = InstructionSet::detect();
    Trainer::with(config, network, Box::new(source(folder)), collective, set)
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_run_stopped_anywhere_goes_on_to_the_same_report() {
    let (folder, config) = (photos(), config());
    let start = || trainer(&config, &folder, Box::new(Alone)).unwrap();
    let expected = start().finish(&mut go_on).unwrap();
    assert!(expected.epochs[2].test.accuracy > 0.9, "{:?}", expected.epochs);
    let path = folder.path().join("run.checkpoint");
    let run_to = |last: usize| -> Result<TrainingReport, RunError> {
        start().finish_with_checkpoints(&path, NonZeroUsize::new(2), &mut |progress| {
            if progress.steps == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    for last in 1..15 {
        run_to(last).unwrap_err();
    }
    assert_eq!(run_to(15).unwrap(), expected);
}

#[test]
fn ranks_train_together_on_a_stream() {
    let (folder, config) = (photos(), config());
    let run = || {
        let work = |rank: &mut Threads| {
            let mut trainer = trainer(&config, &folder, Box::new(rank))?;
            while !trainer.is_finished() {
                trainer.epoch(&mut go_on)?;
            }
            Ok::<_, TrainingError>(trainer.report())
        };
        Threads::run(2, work, |rank| work(rank).map(drop)).unwrap()
    };
    let report = run();
    assert_eq!(run(), report);
    assert!(report.epochs[2].test.accuracy > 0.9, "{:?}", report.epochs);
}

#[test]
fn a_rank_that_finds_a_file_damaged_ends_the_run_with_its_name() {
    let (folder, config) = (photos(), config());
    // Skipped, the damaged image leaves a rank without any: its shares are of one image.
    let work = |rank: &mut Threads| {
        let mut trainer = trainer(&config, &folder, Box::new(rank))?;
        trainer.epoch(&mut go_on)
    };
    let error = Threads::run(5, work, work).unwrap_err().to_string();
    assert!(error.contains("not one of the 1 images of a minibatch could be decoded"), "{error}");
}

#[test]
fn an_observer_stops_all_ranks() {
    let splits = training::data::generated_digits(1, 40, 5, 5);
    let four = DataParallel { workers: 4, exchange: training::exchange::Exchange::Whole };
    let set = InstructionSet::detect();
    let error = train_data_parallel(&config(), four, &splits, set, None, &mut |progress| {
        if progress.steps == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let stopped = matches!(error, Err(RunError::Training(TrainingError::Stopped { epochs: 1 })));
    assert!(stopped, "{error:?}");
}
