//! The record of long runs, as it is committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::long_run::LongRun;
use super::times::Times;

/// Why a text is no record.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is of another form.
    #[error("it is no record of long runs: {0}")]
    Form(#[from] serde_json::Error),
    /// A run is not as it was written.
    #[error("the run of '{arm}' with seed {seed} is damaged: it does not have its checksum")]
    Damaged {
        /// Its arm.
        arm: String,
        /// Its seed.
        seed: u64,
    },
    /// The times are not as they were written.
    #[error("the times of whole trainings are damaged: they do not have their checksum")]
    DamagedTimes,
    /// A run stands there twice.
    #[error("the run of '{arm}' with seed {seed} is there twice")]
    Twice {
        /// Its arm.
        arm: String,
        /// Its seed.
        seed: u64,
    },
}

/// The runs of a record, by arm and seed, and what whole trainings took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    runs: BTreeMap<(String, u64), LongRun>,
    times: Option<Times>,
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<R> {
    runs: Vec<R>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When it is of another form, times or a run are damaged, or a run is there twice.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        let written: Written<LongRun> = serde_json::from_str(text)?;
        let mut runs = BTreeMap::new();
        for run in written.runs {
            let (arm, seed) = (run.arm.clone(), run.seed);
            if run.checksum != run.checksum_of_all_else()? {
                return Err(RecordError::Damaged { arm, seed });
            }
            if runs.insert((arm.clone(), seed), run).is_some() {
                return Err(RecordError::Twice { arm, seed });
            }
        }
        if let Some(times) = &written.times
            && times.checksum != times.checksum_of_all_else()?
        {
            return Err(RecordError::DamagedTimes);
        }
        Ok(Record { runs, times: written.times })
    }

    /// These runs and times as a record.
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn write(runs: &[&LongRun], times: Option<&Times>) -> Result<String, serde_json::Error> {
        let mut runs = runs.to_vec();
        runs.sort_by_key(|run| (&run.arm, run.seed));
        Ok(serde_json::to_string_pretty(&Written { runs, times: times.cloned() })? + "\n")
    }

    /// What whole trainings took, where some were timed.
    pub fn times(&self) -> Option<&Times> {
        self.times.as_ref()
    }

    /// The run of an arm with a seed.
    pub fn get(&self, arm: &str, seed: u64) -> Option<&LongRun> {
        self.runs.get(&(arm.to_string(), seed))
    }

    /// All runs, by arm and seed.
    pub fn runs(&self) -> impl Iterator<Item = &LongRun> {
        self.runs.values()
    }
}
