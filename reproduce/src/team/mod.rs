//! Who trains where several workers do: threads of this process, or the processes of an MPI job of
//! which it is one.
//!
//! Of such a job rank 0 is the program as it always is: it alone decides what is run, prints, stores
//! and writes. The others ([`follow`]) wait for it, and take part in the trainings that have as many
//! workers as there are ranks; all other trainings are those of rank 0. Which of them it is changes
//! no number: the workers of a training are in its settings, and ranks train to the bits of threads.

mod agreement;
mod follow;
#[cfg(feature = "mpi")]
mod job;
mod ranks;
#[cfg(test)]
mod tests;

use std::path::Path;

use kernels::InstructionSet;
use training::exchange::launcher;
use training::train::{DataParallel, DataParallelReport, TrainingConfig, train_data_parallel};

use crate::cli::Options;
use crate::exhibit::networks::one_run::Observer;
use crate::images::{ImageConfig, Images};

pub use follow::follow;
pub use ranks::Ranks;

/// A training of several workers.
#[derive(Clone, Copy)]
pub struct TeamRun<'a> {
    /// How it is trained.
    pub config: &'a TrainingConfig,
    /// By how many, and what they send.
    pub parallel: DataParallel,
    /// Which images are asked for.
    pub wanted: &'a ImageConfig,
    /// These images.
    pub images: &'a Images,
    /// How products are computed.
    pub instructions: InstructionSet,
    /// Where it keeps how far it is.
    pub checkpoint: &'a Path,
}

/// Those who train together.
pub trait Team: Sync {
    /// How many processes there are; 1 where workers are threads.
    fn size(&self) -> usize;

    /// Trains, or goes on from the checkpoint.
    ///
    /// # Errors
    /// When the run diverges, a rank fails, or the checkpoint cannot be written.
    fn train(
        &self,
        run: &TeamRun<'_>,
        observe: &mut Observer<'_>,
    ) -> anyhow::Result<DataParallelReport>;
}

/// Workers that are threads of this process.
#[derive(Clone, Copy, Debug)]
pub struct Threads;

impl Team for Threads {
    fn size(&self) -> usize {
        1
    }

    fn train(
        &self,
        run: &TeamRun<'_>,
        observe: &mut Observer<'_>,
    ) -> anyhow::Result<DataParallelReport> {
        let TeamRun { config, parallel, images, instructions, checkpoint, .. } = *run;
        let (splits, path) = (&images.splits, Some(checkpoint));
        Ok(train_data_parallel(config, parallel, splits, instructions, path, observe)?)
    }
}

/// How many threads of this process compute where nobody has said it: as one of several on this
/// machine, its share of the cores.
pub fn threads_of_a_rank() -> Option<usize> {
    let here = launcher::processes_here();
    let is_said = std::env::var_os("RAYON_NUM_THREADS").is_some();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (here > 1 && !is_said).then(|| (cores / here).max(1))
}

/// How many ranks a launcher of MPI jobs has started, where these are several.
pub fn launched() -> Option<usize> {
    launcher::processes().filter(|ranks| *ranks > 1)
}

/// `run`, as one of the processes of an MPI job. True when nothing that was checked failed.
///
/// # Errors
/// Those of `run`, which end the whole job, and what keeps the ranks from working together.
#[cfg(feature = "mpi")]
pub fn run(
    requests: &[String],
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    job::run(requests, options, instructions)
}

/// A program without MPI cannot be one of several processes: each would do all of the work.
///
/// # Errors
/// Always, with what to do.
#[cfg(not(feature = "mpi"))]
pub fn run(_: &[String], _: &Options, _: InstructionSet) -> anyhow::Result<bool> {
    let ranks = launched().unwrap_or(1);
    anyhow::bail!(
        "this is one of {ranks} processes of an MPI job, and the program was built without MPI; \
         with an MPI library and its mpicc installed, build it with: cargo build --release -p \
         reproduce --features mpi"
    )
}
