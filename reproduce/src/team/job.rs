//! This process as a rank of an MPI job.

use anyhow::{anyhow, ensure};
use kernels::InstructionSet;
use training::exchange::{Collective as _, Mpi};

use super::agreement::agree;
use super::{Ranks, follow};
use crate::cli::Options;
use crate::requests::tasks;
use crate::task::Task;
use crate::{run, sources, stop};

/// See [`super::run`].
pub fn run(
    requests: &[String],
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    Mpi::run(|rank| {
        let is_right = take_part(rank, requests, options, instructions);
        // What ends the job says all of it.
        is_right.map_err(|error| anyhow!("{error:#}"))
    })
}

fn take_part(
    rank: &mut Mpi,
    requests: &[String],
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    if rank.rank() > 0 {
        stop::silently();
        log::set_max_level(log::LevelFilter::Error);
    }
    let tasks = tasks(requests, options)?;
    compare(rank, &tasks)?;
    let (ranks, mut workers) = (rank.size(), tasks.iter().map(Task::workers));
    ensure!(
        ranks == 1 || workers.any(|workers| workers.contains(&ranks)),
        "the job has {ranks} ranks, and nothing that is to be run trains with {ranks} workers; ask \
         for settings with such a number among their `workers`, as those of multi-node have it"
    );
    if rank.rank() > 0 {
        follow(rank, options.data(), instructions)?;
        return Ok(true);
    }
    let ranks = Ranks::new(rank);
    let is_right = run::run(requests, options, instructions, &ranks)?;
    ranks.dismiss()?;
    Ok(is_right)
}

/// Makes sure that all ranks are the same program with the same task.
fn compare(rank: &mut Mpi, tasks: &[Task]) -> anyhow::Result<()> {
    let program = format!("{} {} {}", env!("CARGO_PKG_VERSION"), sources::EXHIBITS, sources::RUNS);
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let settings: Vec<String> = tasks.iter().map(|task| task.key(None)).collect();
    let facts = [
        ("version of the program", &*program),
        ("command line", &arguments.join("\0")),
        ("file of settings", &settings.join("\n")),
    ];
    agree(rank, &facts)
}
