//! Checkpoints: all that a training run is at a moment, in a file.
//!
//! A run that goes on from a checkpoint ends in the same bits as one that was never interrupted:
//! every random draw is addressed by seed, name and step, so the parameters, the optimiser's
//! averages, the ratios and kept selections in force and the sums of the report are all there is to keep. The order of the samples is
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
//! Numbers are little-endian. A file is written as a whole, see [`mod@file`]. It is
//! read no further than its header is believed: a file of another kind, another version or
//! another length than it says is not held in memory.

mod encoding;
#[cfg(test)]
mod tests;

use crate::counting::{Computations, GradientNumbers};
use crate::file;
use crate::loss::Loss;
use crate::metrics::EpochMetrics;
use crate::network::{SampledState, State};
use crate::optimizer::OptimizerState;
use crate::sampling::LayerRatios;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
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
    /// Numbers of gradients that each rank sent in them.
    pub sent: GradientNumbers,
    /// Parameters and running statistics.
    pub network: State,
    /// What the layers with a policy remember besides.
    pub sampled: Vec<SampledState>,
    /// Their ratios at the end of each epoch, where these are controlled.
    pub ratios: Vec<LayerRatios>,
    /// The average of lookahead; none without.
    pub lookahead: State,
    /// The optimiser's averages, and the number of steps made.
    pub optimizer: OptimizerState,
}

/// Why there is no checkpoint to be had from a file, or none to be put there.
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
/// The version of the format that is written and read.
pub const VERSION: u32 = 6;
/// Bytes before the contents: magic, version, length, checksum.
const HEADER: usize = 8 + 4 + 8 + 32;

impl Checkpoint {
    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps
    }

    /// Puts the checkpoint at a place as a whole.
    ///
    /// # Errors
    /// When the file cannot be written; an older one at its place is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        file::replace(path, &self.to_bytes())
            .map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
    }

    /// Reads a checkpoint from a file.
    ///
    /// # Errors
    /// When the file cannot be read, is no checkpoint, has another version or is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let unreadable = |source| CheckpointError::Read { path: path.to_owned(), source };
        let (file, length) = file::open(path).map_err(unreadable)?;
        Self::read(file, length, path)
    }

    /// The bytes of its file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let contents = self.encode();
        let mut bytes = Vec::with_capacity(HEADER + contents.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(contents.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&contents));
        bytes.extend_from_slice(&contents);
        bytes
    }

    /// Reads what is said to have so many bytes, of the file at a path.
    pub(crate) fn read(
        mut from: impl Read,
        found: u64,
        path: &Path,
    ) -> Result<Self, CheckpointError> {
        let path = || path.to_owned();
        let unreadable = |source| CheckpointError::Read { path: path(), source };
        let damaged = |damage| CheckpointError::Damaged { path: path(), damage };
        let of_length = |expected: u64| damaged(Damage::Length { found, expected });

        let mut header = Vec::with_capacity(HEADER);
        (&mut from).take(HEADER as u64).read_to_end(&mut header).map_err(unreadable)?;
        let short = || of_length(HEADER as u64);
        let rest =
            header.strip_prefix(MAGIC).ok_or_else(|| CheckpointError::NotACheckpoint(path()))?;
        let (&version, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let version = u32::from_le_bytes(version);
        if version != VERSION {
            let (found, expected) = (version, VERSION);
            return Err(CheckpointError::Version { path: path(), found, expected });
        }
        let (&length, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (checksum, _) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let length = u64::from_le_bytes(length);
        let whole = length.saturating_add(HEADER as u64);
        if found != whole {
            return Err(of_length(whole));
        }
        let mut contents = Vec::new();
        from.take(length).read_to_end(&mut contents).map_err(unreadable)?;
        if Sha256::digest(&contents)[..] != *checksum {
            return Err(damaged(Damage::Checksum));
        }
        Self::decode(&contents).map_err(damaged)
    }
}
