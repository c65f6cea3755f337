//! Wall times of whole trainings, as they are committed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::long_run::{LongRun, checksum_of};
use crate::timing::Spread;

/// Whole trainings that were timed in turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// One an arm, in the order of the turns.
    pub trainings: Vec<TimedTraining>,
    /// Threads that each had.
    pub threads: usize,
    /// How products were computed.
    pub instructions: String,
    /// Of the repository in which they were measured.
    pub commit: String,
    /// Of their end, in universal time.
    pub date: String,
    /// The processor's name.
    pub processor: String,
    /// SHA-256 of all the above.
    pub checksum: String,
}

/// A whole training that was timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedTraining {
    /// The arm.
    pub arm: String,
    /// All its settings.
    pub settings: Value,
    /// SHA-256 of the parameters that it ended with.
    pub parameters: String,
    /// Seconds that the steps of every turn took.
    pub turns: Vec<f64>,
}

impl TimedTraining {
    /// Wall time of all its steps.
    pub fn seconds(&self) -> f64 {
        self.turns.iter().sum()
    }

    /// Time of its turns over those of another training in the same rounds.
    pub fn turns_over(&self, other: &TimedTraining) -> Spread {
        Spread::of(self.turns.iter().zip(&other.turns).map(|(own, other)| own / other).collect())
    }
}

impl Times {
    /// The same with its checksum.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn signed(self) -> Result<Self, serde_json::Error> {
        let checksum = self.checksum_of_all_else()?;
        Ok(Times { checksum, ..self })
    }

    /// The checksum that it should have.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn checksum_of_all_else(&self) -> Result<String, serde_json::Error> {
        checksum_of(&Times { checksum: String::new(), ..self.clone() })
    }

    /// When, where and how they were measured, in a sentence.
    pub fn words(&self) -> String {
        let Times { threads, instructions, commit, date, processor, .. } = self;
        let threads = if *threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
        format!(
            "The wall time of whole trainings was measured on {date} at commit {commit}: each by \
             itself on {threads} of {processor} with {instructions} instructions, a few steps of \
             each in turns."
        )
    }

    /// How trainings of these times ended otherwise than runs of the same settings.
    pub fn differences_to(&self, runs: &[(usize, LongRun)]) -> Vec<String> {
        let trainings = self.trainings.iter().filter(|timed| {
            let same = |run: &LongRun| run.arm == timed.arm && run.settings == timed.settings;
            let run = runs.iter().map(|(_, run)| run).find(|run| same(run));
            run.is_some_and(|run| run.report.parameters != timed.parameters)
        });
        let differ = |timed: &TimedTraining| {
            format!("{} has other parameters at the end where it was timed", timed.arm)
        };
        trainings.map(differ).collect()
    }

    /// Where the randomness of all of them starts.
    pub fn seed(&self) -> Option<u64> {
        self.trainings.first()?.settings.get("seed")?.as_u64()
    }

    /// Of an arm.
    pub fn of(&self, arm: &str) -> Option<&TimedTraining> {
        self.trainings.iter().find(|training| training.arm == arm)
    }

    /// An arm's time over that of another; none where either was not timed.
    pub fn over(&self, arm: &str, other: &str) -> Option<f64> {
        Some(self.of(arm)?.seconds() / self.of(other)?.seconds())
    }
}
