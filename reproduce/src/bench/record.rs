//! The record: the medians of every run of `bench`, with their date and their machine.
//!
//! A file of comma-separated values that only grows, a line a median. What is set beside a new
//! median is that of the last run on the same machine, with the same instructions and effort.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use training::machine;

use super::contest::Contest;
use crate::cache::write_whole;
use crate::provenance;

/// Where and how something was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    instructions: String,
    /// In GB, rounded.
    memory: u64,
    /// "quick" or "full".
    effort: String,
}

/// A run of `bench`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// In universal time: 2026-01-31T23:59:59Z.
    date: String,
    /// Of the program.
    version: String,
    /// Of the repository in which the program was started, with "-dirty" where files had changed;
    /// empty where there is none.
    commit: String,
}

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    date: String,
    version: String,
    commit: String,
    processor: String,
    cores: usize,
    instructions: String,
    memory: u64,
    effort: String,
    table: String,
    measurement: String,
    unit: String,
    median: f64,
}

/// The record of a file.
pub struct Record {
    path: PathBuf,
    lines: Vec<Line>,
}

impl Machine {
    /// This one.
    pub fn this(set: InstructionSet, effort: &str) -> Self {
        Machine {
            processor: provenance::processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            instructions: set.to_string(),
            memory: machine::memory().map_or(0, |bytes| (bytes + 500_000_000) / 1_000_000_000),
            effort: effort.to_string(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Machine { processor, cores, instructions, memory, effort } = self;
        let cores = if *cores == 1 { "1 core".to_string() } else { format!("{cores} cores") };
        write!(f, "{processor}, {cores}, {memory} GB, {instructions} instructions, {effort}")
    }
}

impl Run {
    /// One that begins now.
    pub fn now() -> Self {
        Run {
            date: provenance::now(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            commit: provenance::commit(),
        }
    }
}

impl Record {
    /// Reads a record; an empty one where there is no file.
    ///
    /// # Errors
    /// Names the file that cannot be read, and the line that is none of a record.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        if path.try_exists().with_context(|| path.display().to_string())? {
            let reader =
                csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
            for line in reader.into_deserialize() {
                let wrong = || format!("{}: no record of times", path.display());
                lines.push(line.with_context(wrong)?);
            }
        }
        Ok(Record { path: path.to_path_buf(), lines })
    }

    /// The medians of a table in the last run on a machine, by their names.
    pub fn last(&self, machine: &Machine, table: &str) -> BTreeMap<&str, f64> {
        let here = self.lines.iter().filter(|line| line.machine() == *machine);
        let here = here.filter(|line| line.table == table);
        // Of lines with the same name the last one stays.
        here.map(|line| (line.measurement.as_str(), line.median)).collect()
    }

    /// Adds the medians of a run, and writes the file.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn add(&mut self, run: &Run, machine: &Machine, tables: &[Contest]) -> anyhow::Result<()> {
        for table in tables {
            self.lines.extend(table.medians().into_iter().map(|median| Line {
                date: run.date.clone(),
                version: run.version.clone(),
                commit: run.commit.clone(),
                processor: machine.processor.clone(),
                cores: machine.cores,
                instructions: machine.instructions.clone(),
                memory: machine.memory,
                effort: machine.effort.clone(),
                table: table.caption.clone(),
                measurement: median.name,
                unit: median.unit,
                median: median.value,
            }));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in &self.lines {
            writer.serialize(line)?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        write_whole(&self.path, &String::from_utf8_lossy(&bytes))
    }
}

impl Line {
    fn machine(&self) -> Machine {
        Machine {
            processor: self.processor.clone(),
            cores: self.cores,
            instructions: self.instructions.clone(),
            memory: self.memory,
            effort: self.effort.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::tests::contest;

    fn run(date: &str) -> Run {
        Run { date: date.to_string(), version: "0.1.0".to_string(), commit: String::new() }
    }

    #[test]
    fn the_last_run_of_the_same_machine_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench/record.csv");
        let (this, other) = (
            Machine::this(InstructionSet::Portable, "quick"),
            Machine::this(InstructionSet::Portable, "full"),
        );
        let mut record = Record::read(&path).unwrap();
        assert!(record.last(&this, "Speeds").is_empty());
        let mut contest = contest();
        record.add(&run("2026-01-01T00:00:00Z"), &this, &[contest]).unwrap();
        contest = super::super::contest::tests::contest();
        contest.rows[0].others = vec![5.0.into()];
        Record::read(&path).unwrap().add(&run("2026-01-02T00:00:00Z"), &this, &[contest]).unwrap();
        let record = Record::read(&path).unwrap();
        assert_eq!(record.lines.len(), 6);
        let last = record.last(&this, "Speeds");
        assert_eq!((last["8x8x8 ours"], last["8x8x8 speed over best"]), (5.0, 1.25));
        assert!(record.last(&other, "Speeds").is_empty());
        assert!(record.last(&this, "Other speeds").is_empty());
    }

    #[test]
    fn a_file_that_is_no_record_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.csv");
        for text in ["date,median\n2026,1\n", "a\nb\n"] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", Record::read(&path).err().unwrap());
            assert!(error.contains("record.csv: no record of times"), "{error}");
        }
    }
}
