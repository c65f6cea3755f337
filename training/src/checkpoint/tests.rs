//! Checkpoint files and what is wrong with them.

use super::*;
use crate::layer::KeptSelection;
use crate::metrics::Metrics;
use crate::optimizer::Averages;
use kernels::Selection;
use std::fs;
use std::process::{Child, Command};

fn checkpoint() -> Checkpoint {
    let metrics = |loss| Metrics { loss, accuracy: 0.1 + loss };
    let selection = Selection::new(vec![1, 4], vec![2.5, 1.0], 5).unwrap();
    let kept = KeptSelection { period: 3, selection };
    Checkpoint {
        settings: "seed: 1\n".to_owned(),
        data: "00ff".to_owned(),
        epochs: vec![EpochMetrics {
            train: metrics(0.3),
            held_out: metrics(f64::MIN_POSITIVE),
            test: metrics(-0.0),
        }],
        epoch_loss: Loss { sum: 1.0 / 3.0, correct: 7, samples: 9 },
        computations: Computations { performed: u64::MAX - 1, exact: 1 << 60 },
        sent: GradientNumbers { sent: 5, all: 1 << 40, norms: 2 },
        sampled: [None, Some(kept)]
            .map(|kept| SampledState {
                layer: "linear-1".to_owned(),
                ratio: 0.3,
                norms: vec![1.5; 3 * usize::from(kept.is_none())],
                kept,
            })
            .to_vec(),
        ratios: vec![LayerRatios { layer: "linear-1".to_owned(), epochs: vec![1.0, 0.95] }],
        lookahead: vec![("linear-1.weight".to_owned(), vec![0.5, -0.5])],
        network: vec![
            ("weight ß".to_owned(), vec![1.5, -0.0, f32::MIN_POSITIVE / 4.0]),
            (String::new(), Vec::new()),
        ],
        optimizer: OptimizerState {
            steps: 9,
            factor: 0.2,
            averages: vec![Averages { first: vec![0.1, f32::INFINITY], second: vec![] }],
        },
    }
}

fn refusal(bytes: &[u8]) -> CheckpointError {
    Checkpoint::read(bytes, bytes.len() as u64, Path::new("run.checkpoint")).unwrap_err()
}

#[test]
fn a_checkpoint_comes_back_from_its_file_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let mut written = checkpoint();
    written.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), written);
    // Equality takes 0 for -0; the bytes do not.
    assert_eq!(Checkpoint::load(&path).unwrap().to_bytes(), written.to_bytes());
    // A second one takes its place, and nothing else is left in the folder, even where a killed
    // process had left half a file.
    let half = folder.path().join(".run.checkpoint.killed.sampled-partial");
    fs::write(half, "SPRO".repeat(1_000)).unwrap();
    written.optimizer.steps = 10;
    written.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap().steps(), 10);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = checkpoint().to_bytes();
    for length in 0..bytes.len() {
        let error = refusal(&bytes[..length]);
        if length < MAGIC.len() {
            assert_eq!(error.to_string(), "run.checkpoint is not a checkpoint");
            continue;
        }
        // Up to where the length stands, the header is all that is known to be missing.
        let expected = if length < HEADER { HEADER } else { bytes.len() };
        assert_eq!(
            error.to_string(),
            format!(
                "the checkpoint run.checkpoint is damaged: it has {length} bytes instead of \
                 {expected}"
            )
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    let ending = format!("it has {} bytes instead of {}", bytes.len() + 1, bytes.len());
    assert!(refusal(&longer).to_string().ends_with(&ending));
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = checkpoint().to_bytes();
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = refusal(&damaged);
        let expected = match bit / 8 {
            0..8 => matches!(error, CheckpointError::NotACheckpoint(_)),
            8..12 => matches!(error, CheckpointError::Version { .. }),
            12..20 => {
                matches!(error, CheckpointError::Damaged { damage: Damage::Length { .. }, .. })
            }
            _ => matches!(error, CheckpointError::Damaged { damage: Damage::Checksum, .. }),
        };
        assert!(expected, "bit {bit}: {error}");
    }
}

#[test]
fn contents_that_are_none_are_refused_whatever_their_checksum() {
    let contents = checkpoint().encode();
    for length in 0..contents.len() {
        assert_eq!(Checkpoint::decode(&contents[..length]), Err(Damage::Contents), "{length}");
    }
    assert_eq!(Checkpoint::decode(&[&contents[..], &[0]].concat()), Err(Damage::Contents));
    // A length beyond all memory is not believed, wherever it stands.
    for start in 0..contents.len() - 7 {
        let mut damaged = contents.clone();
        damaged[start..start + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        match Checkpoint::decode(&damaged) {
            Err(damage) => assert_eq!(damage, Damage::Contents),
            Ok(other) => assert_ne!(other.encode(), contents),
        }
    }
}

#[test]
fn another_version_is_refused() {
    let mut bytes = checkpoint().to_bytes();
    bytes[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    assert_eq!(
        refusal(&bytes).to_string(),
        "the checkpoint run.checkpoint has version 7 of the format, and this program reads 6"
    );
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("run.checkpoint");
    let read = Checkpoint::load(&path).unwrap_err();
    let written = checkpoint().save(&path).unwrap_err();
    assert!(matches!(read, CheckpointError::Read { .. }), "{read}");
    assert!(matches!(written, CheckpointError::Write { .. }), "{written}");
    for error in [read, written] {
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn a_file_is_read_no_further_than_its_header_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    // Files of 64 GB with nothing on the disk: of another kind, and longer than they say.
    let whole = checkpoint().to_bytes();
    for (start, expected) in [(&whole[1..], "is not a checkpoint"), (&whole[..], "is damaged")] {
        fs::write(&path, start).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(64 << 30).unwrap();
        let measured = allocation_counter::measure(|| {
            let error = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        });
        assert!(measured.bytes_max < 10_000, "{} bytes", measured.bytes_max);
    }
    let error = Checkpoint::load(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("cannot be read: it is a folder, not a file"), "{error}");
}

const WRITER: &str = "CHECKPOINT_TO_WRITE";
const SAVES: u64 = 400;

/// This test itself is what the other processes run, told by a variable to write.
#[test]
fn two_processes_that_write_one_checkpoint_do_each_other_no_harm() {
    let mut written = checkpoint();
    written.network[0].1 = vec![0.5; 20_000];
    if let Some(path) = std::env::var_os(WRITER) {
        for step in 0..SAVES {
            written.optimizer.steps = step;
            written.save(Path::new(&path)).unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    written.save(&path).unwrap();
    let this = "checkpoint::tests::two_processes_that_write_one_checkpoint_do_each_other_no_harm";
    let mut writers = [(); 2].map(|()| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", this]).env(WRITER, &path).spawn().unwrap()
    });
    let is_running = |writer: &mut Child| writer.try_wait().unwrap().is_none();
    while writers.iter_mut().any(is_running) {
        assert_eq!(Checkpoint::load(&path).unwrap().network, written.network);
    }
    for mut writer in writers {
        assert!(writer.wait().unwrap().success(), "a save failed");
    }
    assert_eq!(Checkpoint::load(&path).unwrap().steps(), SAVES - 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
