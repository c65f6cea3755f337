//! `nodes`: exchanges and steps of ranks on hosts of their own, over links of a limited rate.
//!
//! The hosts are network namespaces of this machine, each linked to a switch (`namespaces.rs`); an
//! MPI launcher starts a rank on each (`launch.rs`), which measures together with the others
//! (`rank.rs`). The links are real ones to every program, the cores are shared: times of exchanges on
//! slow links are those of a network, times of computations are those of a crowded machine. What
//! comes out is a [`record::Record`], which the exhibit `nodes` shows.

#[cfg(feature = "mpi")]
mod launch;
#[cfg(feature = "mpi")]
mod measuring;
#[cfg(feature = "mpi")]
mod namespaces;
#[cfg(feature = "mpi")]
mod plan;
#[cfg(feature = "mpi")]
mod rank;
pub mod record;
#[cfg(feature = "mpi")]
mod selection;
#[cfg(feature = "mpi")]
mod timed;

use kernels::InstructionSet;

use crate::cli::NodesOptions;
use crate::output::say;

/// Measures, or says why it cannot.
///
/// # Errors
/// When a job fails, or the record cannot be written.
pub fn nodes(options: &NodesOptions, instructions: InstructionSet) -> anyhow::Result<()> {
    if let Some(reason) = lack() {
        say!("skipped: {reason}");
        return Ok(());
    }
    measure(options, instructions)
}

#[cfg(feature = "mpi")]
fn measure(options: &NodesOptions, instructions: InstructionSet) -> anyhow::Result<()> {
    match &options.as_rank {
        Some(plan) => rank::measure(&std::fs::read_to_string(plan)?, instructions),
        None => measuring::measure(options),
    }
}

/// Why nothing can be measured here; none where it can.
#[cfg(feature = "mpi")]
fn lack() -> Option<String> {
    if std::process::Command::new("mpirun").arg("--version").output().is_err() {
        return Some("no MPI (mpirun is not there)".to_string());
    }
    // A rank is where it is because there was no lack.
    if crate::team::launched().is_some() { None } else { namespaces::lack() }
}

#[cfg(not(feature = "mpi"))]
fn lack() -> Option<String> {
    Some("the program was built without MPI (--features mpi)".to_string())
}

#[cfg(not(feature = "mpi"))]
fn measure(_: &NodesOptions, _: InstructionSet) -> anyhow::Result<()> {
    Ok(())
}
