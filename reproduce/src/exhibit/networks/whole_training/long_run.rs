//! A run that the settings ask for, and what it came to: how it went, where, and by which code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use training::metrics::{EpochMetrics, Metrics};
use training::train::{TrainingConfig, TrainingReport};

use crate::cache::sha256;
use crate::exhibit::networks::learnt::Learnt;
use crate::exhibit::networks::one_run::{Diary, Run};
use crate::provenance;

/// A run that the settings ask for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The place of its arm.
    pub arm: usize,
    /// What the arm is called.
    pub name: String,
    /// Its settings.
    pub config: TrainingConfig,
}

/// A run that is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongRun {
    /// The arm that it is of.
    pub arm: String,
    /// Where its randomness starts.
    pub seed: u64,
    /// All its settings.
    pub settings: Value,
    /// What it learnt.
    pub images: LearntImages,
    /// Its numbers.
    pub report: TrainingReport,
    /// On the test set with the running statistics of batch normalisation, where the report has
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Metrics>,
    /// Bytes of activations and their gradients at one time, at most.
    pub activation_bytes: Option<usize>,
    /// SHA-256 of the parameters after some of its steps.
    pub digests: BTreeMap<usize, String>,
    /// How long it took, when, where and by which code.
    pub provenance: Provenance,
    /// SHA-256 of all the above.
    pub checksum: String,
}

/// The images or the text of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearntImages {
    /// In words.
    pub description: String,
    /// See [`Learnt::checksum`].
    pub checksum: String,
}

/// How long a run took, when, where and by which code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Of the repository in which it was started.
    pub commit: String,
    /// Of its end, in universal time.
    pub date: String,
    /// The processor's name.
    pub processor: String,
    /// Threads that shared its products.
    pub threads: usize,
    /// Runs that were made at the same time, with this one.
    pub side_by_side: usize,
    /// Wall time of its steps.
    pub training_seconds: f64,
    /// Wall time of its evaluations.
    pub evaluation_seconds: f64,
    /// Time that the thread of its steps was on a processor; none where the system does not say it.
    pub processor_seconds: Option<f64>,
}

impl LongRun {
    /// A run that has just been finished.
    ///
    /// # Errors
    /// When its settings cannot be written as JSON.
    pub fn new(
        wanted: &Wanted,
        learnt: Learnt,
        (run, diary): (Run, Diary),
        side_by_side: usize,
    ) -> Result<Self, serde_json::Error> {
        let finished = LongRun {
            arm: wanted.name.clone(),
            seed: wanted.config.seed,
            // By way of the text: a number of 32 bits has more digits as one of 64.
            settings: serde_json::from_str(&serde_json::to_string(&wanted.config)?)?,
            images: LearntImages {
                description: learnt.description().to_string(),
                checksum: learnt.checksum().to_string(),
            },
            report: run.report,
            running: run.running,
            activation_bytes: diary.activation_bytes,
            digests: diary.digests,
            provenance: Provenance {
                commit: provenance::commit(),
                date: provenance::now(),
                processor: provenance::processor(),
                threads: rayon::current_num_threads(),
                side_by_side,
                training_seconds: diary.training_seconds,
                evaluation_seconds: diary.evaluation_seconds,
                processor_seconds: diary.processor_seconds,
            },
            checksum: String::new(),
        };
        finished.signed()
    }

    /// The same with its checksum.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn signed(mut self) -> Result<Self, serde_json::Error> {
        self.checksum = self.checksum_of_all_else()?;
        Ok(self)
    }

    /// The checksum that it should have.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn checksum_of_all_else(&self) -> Result<String, serde_json::Error> {
        checksum_of(&LongRun { checksum: String::new(), ..self.clone() })
    }

    /// Whether it is a run with these settings.
    pub fn is_of(&self, config: &TrainingConfig) -> bool {
        TrainingConfig::deserialize(&self.settings).is_ok_and(|settings| settings == *config)
    }

    /// What another run of the same settings came to otherwise, in words; none where it came to the
    /// same.
    pub fn difference_to(&self, other: &LongRun) -> Option<String> {
        if let Some(steps) = first_difference(&self.digests, &other.digests) {
            return Some(format!("its parameters are others after step {steps}"));
        }
        if self.report.parameters != other.report.parameters {
            return Some("its parameters are others at the end".to_string());
        }
        let is_same = self.report == other.report && self.running == other.running;
        (!is_same).then(|| "its parameters are the same, its numbers others".to_string())
    }
}

/// SHA-256 of a part of a record, written as JSON.
///
/// # Errors
/// When it cannot be written.
pub fn checksum_of(part: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(sha256(serde_json::to_string(part)?.as_bytes()))
}

/// The first step after which parameters are others, or one has a digest and the other none.
fn first_difference(
    one: &BTreeMap<usize, String>,
    other: &BTreeMap<usize, String>,
) -> Option<usize> {
    let steps = one.keys().chain(other.keys()).copied();
    steps.filter(|steps| one.get(steps) != other.get(steps)).min()
}

/// A number of the last epoch.
pub fn last(run: &LongRun, number: impl Fn(&EpochMetrics) -> f64) -> f64 {
    run.report.epochs.last().map_or(f64::NAN, number)
}
