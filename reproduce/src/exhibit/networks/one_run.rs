//! One training run: it goes on from its last checkpoint when it was stopped, and is stored when it
//! is finished.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use training::checkpoint::Checkpoint;
use training::digest::hexadecimal;
use training::metrics::Metrics;
use training::train::{BatchNormStatistics, Progress, Trainer, TrainingConfig, TrainingReport};

use super::learnt::Learnt;
use crate::cache::write_whole;
use crate::exhibit::Environment;
use crate::sources;
use crate::timing::training_seconds;

/// A run that is stopped loses about so much work, or that of an epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(60);

/// What a training loop tells of its progress.
pub type Observer<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Its numbers, epoch by epoch.
    #[serde(flatten)]
    pub report: TrainingReport,
    /// On the test set after the last epoch, with the running statistics of batch normalisation;
    /// none where the report has them already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Metrics>,
}

/// How a run went, beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diary {
    /// SHA-256 of the parameters after some of the steps, by the number of steps made.
    pub digests: BTreeMap<usize, String>,
    /// Wall time of its steps.
    pub training_seconds: f64,
    /// Wall time of its evaluations.
    pub evaluation_seconds: f64,
    /// Time that the thread of its steps was on a processor, where the system says it: unlike the
    /// wall time it does not count what others did on the machine.
    pub processor_seconds: Option<f64>,
    /// Bytes of activations and their gradients that the steps of the first epoch needed at one
    /// time; none where that epoch is too short to be looked at.
    pub activation_bytes: Option<usize>,
}

/// Which steps of a run have a digest in its diary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// None.
    None,
    /// Each of the first ten, then every hundredth.
    Some,
}

impl Marks {
    /// How many of the first steps have a digest each.
    pub const FIRST: usize = 10;
    const EVERY: usize = 100;

    /// The next step with a digest after so many steps.
    fn after(self, steps: usize) -> usize {
        match self {
            Marks::None => usize::MAX,
            Marks::Some if steps < Self::FIRST => steps + 1,
            Marks::Some => (steps / Self::EVERY + 1) * Self::EVERY,
        }
    }
}

/// The diary of a run at its last checkpoints, by the steps made. It is written before the
/// checkpoint, so that there is one of the same steps for whichever checkpoint is found.
type Diaries = BTreeMap<usize, Diary>;

/// What the stored result of a run depends on, where what it learns has this checksum.
///
/// # Errors
/// When the settings cannot be written.
pub fn key(kind: &str, config: &TrainingConfig, learnt: Learnt) -> anyhow::Result<String> {
    let settings = serde_json::to_string(config)?;
    Ok(format!("{kind} code {} images {} settings {settings}", sources::RUNS, learnt.checksum()))
}

/// The stored value of a run, which is made and stored if there is none: what `finish` makes of it.
///
/// # Errors
/// When the run diverges or cannot be stored, and those of `finish`.
pub fn stored<T: Serialize + DeserializeOwned>(
    environment: &Environment,
    key: &str,
    config: &TrainingConfig,
    learnt: Learnt,
    marks: Marks,
    observe: &mut Observer,
    finish: impl FnOnce(Run, Diary) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let checkpoint = environment.cache.checkpoint(key)?;
    let value = environment.stored(key, || {
        let (run, diary) = train(environment, config, learnt, marks, &checkpoint, observe)?;
        finish(run, diary)
    })?;
    // The result is stored: how far it was is of no use, and no harm if it stays.
    let _ = std::fs::remove_file(diaries_beside(&checkpoint));
    let _ = std::fs::remove_file(&checkpoint);
    Ok(value)
}

fn train(
    environment: &Environment,
    config: &TrainingConfig,
    learnt: Learnt,
    marks: Marks,
    checkpoint: &Path,
    observe: &mut Observer,
) -> anyhow::Result<(Run, Diary)> {
    let (mut trainer, mut steps, mut diary) =
        begin(environment, config, learnt, marks, checkpoint)?;
    let (mut saved, mut last) = (Instant::now(), (steps, diary.clone()));
    while !trainer.is_finished() {
        let (processor, until) = (processor_time(), marks.after(steps) - steps);
        let [training, evaluation] = training_seconds(&mut trainer, |it| {
            it.advance(until, &mut |progress| {
                steps = progress.steps;
                observe(progress)
            })
        })?;
        diary.training_seconds += training;
        diary.evaluation_seconds += evaluation;
        diary.processor_seconds = processor.zip(processor_time()).map(|(before, now)| {
            // That of an evaluation is known by its share of the wall time alone.
            let steps = (now - before).as_secs_f64() * (training / (training + evaluation));
            diary.processor_seconds.unwrap_or_default() + steps
        });
        let network = trainer.network();
        if marks.after(steps - 1) == steps {
            diary.digests.insert(steps, hexadecimal(&network.digest()));
        }
        // Evaluations, from the end of the first epoch on, may need more than training does.
        if diary.evaluation_seconds <= 0.0 {
            diary.activation_bytes =
                diary.activation_bytes.max(Some(network.memory().peak_bytes()));
        }
        if saved.elapsed() >= BETWEEN_CHECKPOINTS {
            let diaries = Diaries::from([last, (steps, diary.clone())]);
            write_whole(&diaries_beside(checkpoint), &serde_json::to_string(&diaries)?)?;
            trainer.checkpoint().save(checkpoint)?;
            (saved, last) = (Instant::now(), (steps, diary.clone()));
        }
    }
    let mut running = None;
    if !config.batch_norm_statistics.is_running() {
        let [_, test] = trainer.evaluate(BatchNormStatistics::Running)?;
        running = Some(test);
    }
    Ok((Run { report: trainer.report(), running }, diary))
}

/// How long this thread has been on a processor, where the system says it, as Linux does.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The run from its checkpoint, or from the beginning where there is none that can be used; with the
/// steps made and the diary of these.
fn begin<'a>(
    environment: &'a Environment,
    config: &'a TrainingConfig,
    learnt: Learnt<'a>,
    marks: Marks,
    checkpoint: &Path,
) -> anyhow::Result<(Trainer<'a>, usize, Diary)> {
    let new = || learnt.trainer(config, environment.instructions);
    let resume = || -> anyhow::Result<(Trainer, usize, Diary)> {
        let stored = Checkpoint::load(checkpoint)?;
        let steps = usize::try_from(stored.steps())?;
        let diary = match marks {
            Marks::None => Diary::default(),
            Marks::Some => diary_of(checkpoint, steps)?,
        };
        Ok((new()?.resume(stored)?, steps, diary))
    };
    if checkpoint.exists() {
        match resume() {
            Ok(resumed) => return Ok(resumed),
            Err(error) => log::warn!("{error:#}; training from the beginning"),
        }
    }
    Ok((new()?, 0, Diary::default()))
}

fn diary_of(checkpoint: &Path, steps: usize) -> anyhow::Result<Diary> {
    let path = diaries_beside(checkpoint);
    let of = || path.display().to_string();
    let text = std::fs::read_to_string(&path).with_context(of)?;
    let mut diaries: Diaries = serde_json::from_str(&text).with_context(of)?;
    diaries.remove(&steps).with_context(|| format!("{}: nothing of step {steps}", of()))
}

fn diaries_beside(checkpoint: &Path) -> PathBuf {
    checkpoint.with_extension("diary")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::exhibit::LongRuns;
    use crate::images::{ImageConfig, Images};
    use crate::progress;
    use crate::team::Threads;
    use kernels::InstructionSet;

    const FOR_EVER: ControlFlow<()> = ControlFlow::Continue(());

    fn config() -> TrainingConfig {
        let text = "{network: {name: mlp, hidden: [16], dropout: 0}, batch_size: 4, epochs: 3,
              optimizer: {name: adam, learning_rate: 0.001}, seed: 1}";
        serde_yaml::from_str(text).unwrap()
    }

    fn images() -> Images {
        let text = "{set: generated-digits, train: 50, held_out: 10, test: 10}";
        let config: ImageConfig = serde_yaml::from_str(text).unwrap();
        config.load(Path::new("nowhere")).unwrap()
    }

    fn with_environment<T>(images: &Images, work: impl FnOnce(&Environment, &Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let (cache, progress) = (Cache::new(folder.path()), progress::Progress::hidden());
        let environment = Environment {
            seed: 1,
            instructions: InstructionSet::detect(),
            images: Some(images),
            data: folder.path(),
            record: None,
            long_runs: LongRuns::Missing,
            team: &Threads,
            cache: &cache,
            progress: &progress,
        };
        work(&environment, &folder.path().join("run.checkpoint"))
    }

    #[test]
    fn marks_are_the_first_ten_steps_and_every_hundredth() {
        let mut steps = 0;
        let marks = std::iter::from_fn(|| {
            steps = Marks::Some.after(steps);
            Some(steps)
        });
        let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 200];
        assert_eq!(marks.take(12).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_run_goes_on_from_its_checkpoint_and_begins_anew_without_one_that_fits() {
        let (config, images) = (config(), images());
        let learnt = Learnt::Images(&images);
        with_environment(&images, |environment, path| {
            let train = || {
                let observe = &mut |_: Progress| FOR_EVER;
                train(environment, &config, learnt, Marks::Some, path, observe).unwrap()
            };
            let (expected, whole) = train();
            assert_eq!(whole.digests.len(), 10);
            assert!(whole.activation_bytes > Some(0));
            let (mut trainer, ..) = begin(environment, &config, learnt, Marks::Some, path).unwrap();
            trainer.advance(7, &mut |_| FOR_EVER).unwrap();
            trainer.checkpoint().save(path).unwrap();
            let first = whole.digests.iter().filter(|(steps, _)| **steps <= 7);
            let digests = first.map(|(steps, digest)| (*steps, digest.clone())).collect();
            let diary = Diary { digests, training_seconds: 1e6, ..Diary::default() };
            let diaries = Diaries::from([(5, Diary::default()), (7, diary)]);
            let write = |text: &str| std::fs::write(diaries_beside(path), text).unwrap();
            write(&serde_json::to_string(&diaries).unwrap());
            let (resumed, diary) = train();
            assert_eq!(resumed.report, expected.report);
            assert_eq!(diary.digests, whole.digests);
            assert!(diary.training_seconds > 1e6, "what was before counts");
            write("damaged");
            let (anew, diary) = train();
            assert_eq!((anew.report, diary.digests), (expected.report, whole.digests));
            assert!(diary.training_seconds < 1e6);
            std::fs::write(path, "damaged").unwrap();
            assert_eq!(begin(environment, &config, learnt, Marks::None, path).unwrap().1, 0);
        });
    }

    #[test]
    fn a_run_stored_without_other_statistics_is_read() {
        let report = TrainingReport {
            epochs: Vec::new(),
            computations: training::counting::Computations { performed: u64::MAX, exact: 3 },
            ratios: Vec::new(),
            parameters: "00".to_string(),
        };
        let run: Run = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!((run.report, run.running), (report, None));
    }
}
