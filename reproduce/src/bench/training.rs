//! A whole exact training beside the same by PyTorch: an epoch of each in turns, to the end.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kernels::InstructionSet;
use serde_json::json;
use tempfile::TempDir;
use training::data::{Dataset, Normalisation, Splits};
use training::network::NetworkConfig;
use training::train::{Trainer, TrainingConfig};

use super::contest::{Comparison, Contest};
use super::python::Python;
use crate::exhibit::networks::whole_training::exact_training;
use crate::images::ImageSet;
use crate::progress::Progress;
use crate::timing::{Spread, training_seconds};

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_training.py");
/// Ours is to be no slower.
const GOAL: f64 = 1.0;

/// How to read the table.
pub const NOTE: &str = "Both train the same network on the same images by the same recipe, each with \
    draws of its own; the speed is the median over the epochs, whose quartiles are low and high. \
    Seconds are those of all steps with their augmentation, without evaluations and without reading \
    the images; PyTorch has the memory layout whose steps are faster here, found by a trial.";

/// Trains the exact arm of built-in settings to its end, ours and PyTorch's, on all threads.
///
/// # Errors
/// When the settings are none of a whole training of the fast network, their images cannot be read,
/// a training diverges, or the interpreter fails.
pub fn measure(
    name: &str,
    interpreter: &Path,
    data: &Path,
    seed: u64,
    set: InstructionSet,
    progress: &Progress,
) -> anyhow::Result<Contest> {
    let (images, config) = exact_training(name, seed)?;
    let is_known = matches!(config.network, NetworkConfig::FastCifar { .. });
    if !is_known || images.set != ImageSet::Cifar10 {
        bail!("{name}: PyTorch is beside us with the network fast-cifar on CIFAR-10 alone");
    }
    let loaded = images.load(data)?;
    let (mut theirs, _files) = start(interpreter, &config, &loaded.splits)?;
    let mut ours = Trainer::new(&config, &loaded.splits, set)?;
    let threads = rayon::current_num_threads();
    progress.set_length(2 * config.epochs);
    let (mut seconds, mut layout) = ([Vec::new(), Vec::new()], String::new());
    while !ours.is_finished() {
        let [steps, _] =
            training_seconds(&mut ours, |it| it.epoch(&mut |_| ControlFlow::Continue(())))?;
        seconds[0].push(steps);
        progress.advance(1);
        let (epoch, rest) = theirs.number(&format!("epoch {threads}"))?;
        seconds[1].push(epoch);
        layout = rest;
        progress.advance(1);
    }
    let last = ours.report().epochs.last().map_or(f64::NAN, |epoch| epoch.test.accuracy);
    let (accuracy, _) = theirs.number("evaluate")?;
    let speeds = seconds[1].iter().zip(&seconds[0]).map(|(theirs, ours)| theirs / ours);
    let [our_time, their_time] = seconds.each_ref().map(|seconds| seconds.iter().sum::<f64>());
    Ok(Contest {
        caption: "Whole exact trainings beside PyTorch, an epoch of each in turns".to_string(),
        keys: &["settings", "threads"],
        ratio: "speed over PyTorch",
        others: [
            ("ours", "s"),
            ("PyTorch", "s"),
            ("our test accuracy", "%"),
            ("PyTorch's", "%"),
            ("its layout", ""),
            ("its version", ""),
        ]
        .map(|(name, unit)| (name.to_string(), unit))
        .to_vec(),
        rows: vec![Comparison {
            keys: vec![name.into(), threads.into()],
            ratio: Some(Spread::of(speeds.collect())),
            goal: Some(GOAL),
            others: vec![
                our_time.into(),
                their_time.into(),
                (100.0 * last).into(),
                (100.0 * accuracy).into(),
                layout.as_str().into(),
                theirs.version.as_str().into(),
            ],
        }],
    })
}

/// PyTorch with these settings and images, and the folder that these lie in as long as it is kept.
fn start(
    interpreter: &Path,
    config: &TrainingConfig,
    splits: &Splits,
) -> anyhow::Result<(Python, TempDir)> {
    let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
    let write = |part: &Dataset, name: &str| -> anyhow::Result<PathBuf> {
        let path = folder.path().join(name);
        let images = part.pixels.chunks(part.pixels.len() / part.len());
        let records = part.labels.iter().zip(images);
        let records = records.flat_map(|(label, pixels)| {
            std::iter::once(*label as u8).chain(pixels.iter().copied())
        });
        let records: Vec<u8> = records.collect();
        std::fs::write(&path, records).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    let Normalisation { mean, deviation } = &splits.train.normalisation;
    let settings = json!({
        "training": config, "train": write(&splits.train, "train")?,
        "test": write(&splits.test, "test")?, "mean": mean, "deviation": deviation,
    });
    Ok((Python::start(interpreter, SCRIPT, &[settings.to_string()], &[])?, folder))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Beside a stand-in for the interpreter: a script of the shell.
    fn error(name: &str, script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (set, progress) = (InstructionSet::detect(), Progress::hidden());
        format!("{:#}", measure(name, &path, folder.path(), 1, set, &progress).unwrap_err())
    }

    #[test]
    fn only_whole_trainings_of_the_fast_network_are_measured_and_others_named() {
        assert!(error("fast-cifr", "").contains("fast-cifr"));
        assert!(error("matmul-error", "").starts_with("matmul-error are no settings of a whole"));
        assert!(error("mnist-mlp", "").starts_with("mnist-mlp: PyTorch is beside us with"));
        assert!(error("fast-cifar", "").contains("cifar-10-binary.tar.gz"));
    }

    #[test]
    fn the_interpreter_gets_the_very_images_and_settings() {
        let splits = training::data::generated_digits(1, 20, 10, 10);
        let (_, config) = exact_training("fast-cifar-narrow", 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python");
        // The settings are the third argument, after -c and the script.
        let script = "#!/bin/sh\necho 2.0\nread line\nfile=$(echo \"$3\" | grep -o '\"train\":\"[^\"]*\"' \
                      | cut -d'\"' -f4)\necho $(wc -c < $file) $(echo $3 | grep -c '\"epochs\":11')\n";
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (mut python, _files) = start(&path, &config, &splits).unwrap();
        let (bytes, has_epochs) = python.number("epoch 1").unwrap();
        assert_eq!((bytes, has_epochs.as_str()), (20.0 * 785.0, "1"));
    }
}
