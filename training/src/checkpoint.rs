//! Checkpoints: all that a training run is at a moment, in a file.
//!
//! A run that goes on from a checkpoint ends in the same bits as one that was never interrupted:
//! every random draw is addressed by seed, name and step, so the parameters, the optimiser's
//! averages and the sums of the report are all there is to keep. The order of the samples is
//! drawn again.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SPROCHKP` |
//! | 4 | the format's version |
//! | 8 | the length of the contents |
//! | 32 | SHA-256 of the contents |
//! | the rest | the contents |
//!
//! Numbers are little-endian. A file is written beside its place, flushed to the disk and then
//! renamed, so that at any moment there is the old checkpoint or the new one, whole.

mod encoding;
#[cfg(test)]
mod tests;

use crate::counting::Computations;
use crate::loss::Loss;
use crate::network::State;
use crate::optimizer::OptimizerState;
use crate::train::{EpochMetrics, ResumeError, TrainingError};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A training run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The run's settings, as YAML.
    pub settings: String,
    /// The checksum of the data; see [`Splits::checksum`](crate::data::Splits::checksum).
    pub data: String,
    /// The epochs that were finished.
    pub epochs: Vec<EpochMetrics>,
    /// The loss so far of the epoch that was not.
    pub epoch_loss: Loss,
    /// Multiply-adds of all steps so far.
    pub computations: Computations,
    /// Parameters and running statistics.
    pub network: State,
    /// The optimiser's averages, and the number of steps made.
    pub optimizer: OptimizerState,
}

/// Why there is no checkpoint to be had from a file, or a run with checkpoints cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("the checkpoint {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written; an older one at its place is untouched.
    #[error("the checkpoint {} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file starts otherwise than a checkpoint.
    #[error("{} is not a checkpoint", .0.display())]
    NotACheckpoint(PathBuf),
    /// The file has another version of the format.
    #[error(
        "the checkpoint {} has version {found} of the format, and this program reads {expected}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// The file is not as it was written.
    #[error("the checkpoint {} is damaged: {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        damage: Damage,
    },
    /// The checkpoint is not of the run that was to go on.
    #[error("the run cannot go on from the checkpoint {}: {source}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ResumeError,
    },
    /// The run itself cannot start or go on.
    #[error(transparent)]
    Training(#[from] TrainingError),
}

/// How damage shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file has another length than its header says.
    #[error("it has {found} bytes instead of {expected}")]
    Length {
        /// Bytes of the file.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// The contents have another checksum than the header says.
    #[error("its contents do not have the checksum of its header")]
    Checksum,
    /// The contents have the right checksum and yet are none.
    #[error("its contents do not have the form of a checkpoint")]
    Contents,
}

/// What the file of a checkpoint starts with.
const MAGIC: &[u8; 8] = b"SPROCHKP";
/// The version of the format.
const VERSION: u32 = 1;
/// Bytes before the contents: magic, version, length, checksum.
const HEADER: usize = 8 + 4 + 8 + 32;

impl Checkpoint {
    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps
    }

    /// Writes the checkpoint to a file beside `path`, flushes it to the disk, and renames it.
    ///
    /// # Errors
    /// When the file cannot be written; an older one at its place is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        replace(path, &self.to_bytes())
            .map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
    }

    /// Reads a checkpoint from a file.
    ///
    /// # Errors
    /// When the file cannot be read, is no checkpoint, has another version or is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path)
            .map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes, path)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let contents = self.encode();
        let mut bytes = Vec::with_capacity(HEADER + contents.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(contents.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&contents));
        bytes.extend_from_slice(&contents);
        bytes
    }

    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let path = || path.to_owned();
        let damaged = |damage| CheckpointError::Damaged { path: path(), damage };
        let shorter_than =
            |expected: u64| damaged(Damage::Length { found: bytes.len() as u64, expected });
        let header = || shorter_than(HEADER as u64);

        let rest =
            bytes.strip_prefix(MAGIC).ok_or_else(|| CheckpointError::NotACheckpoint(path()))?;
        let (&version, rest) = rest.split_first_chunk().ok_or_else(header)?;
        let found = u32::from_le_bytes(version);
        if found != VERSION {
            return Err(CheckpointError::Version { path: path(), found, expected: VERSION });
        }
        let (&length, rest) = rest.split_first_chunk().ok_or_else(header)?;
        let length = u64::from_le_bytes(length);
        let (checksum, contents) = rest.split_at_checked(32).ok_or_else(header)?;
        if contents.len() as u64 != length {
            return Err(shorter_than(length.saturating_add(HEADER as u64)));
        }
        if Sha256::digest(contents)[..] != *checksum {
            return Err(damaged(Damage::Checksum));
        }
        Self::decode(contents).map_err(damaged)
    }
}

/// Puts a file at a place as a whole. What a killed process left beside it is written over.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    flush_folder(path)
}

/// Makes a renaming outlast a power failure.
#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Folders cannot be opened as files here.
#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
