//! Regenerates every figure and table: see `reproduce --help`.

#![deny(clippy::print_stdout)]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use kernels::InstructionSet;
use reproduce::cli::Options;
use reproduce::cli::{Command, CommandLine, DataCommand};
use reproduce::data::catalogue::DataSet;
use reproduce::data::fetch::FetchSettings;
use reproduce::{bench, check, data, list, new, nodes, run, stop, team};

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let result = execute(&command_line);
    stop::give_way();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything that was checked is right.
fn execute(command_line: &CommandLine) -> anyhow::Result<bool> {
    let level = match command_line.speech().verbose {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    env_logger::Builder::new().filter_level(level).format_timestamp(None).init();
    stop::cleanly_at_signals()?;
    command_line.read_data().map_or(Ok(()), |data| data.check())?;
    let instructions = instruction_set()?;
    log::info!("products are computed with {instructions} instructions");
    let mut pool = rayon::ThreadPoolBuilder::new();
    let threads = command_line.threads().map(|threads| threads as usize);
    if let Some(threads) = threads.or_else(team::threads_of_a_rank) {
        pool = pool.num_threads(threads);
    }
    let pool = pool.build().context("threads cannot be started")?;
    pool.install(|| match &command_line.command {
        None => run_alone_or_together(&[], &command_line.options, instructions),
        Some(Command::Run { exhibits, options }) => {
            run_alone_or_together(exhibits, options, instructions)
        }
        Some(Command::List(request)) => list::list(request).map(|()| true),
        Some(Command::Check(request)) => check::check(request, instructions),
        Some(Command::Bench(contest)) => bench::bench(contest, instructions).map(|()| true),
        Some(Command::Nodes(options)) => nodes::nodes(options, instructions).map(|()| true),
        Some(Command::New { name, from }) => new::new(name, from.as_deref()).map(|()| true),
        Some(Command::Data(command)) => execute_data(command).map(|()| true),
    })
}

/// `run`, as the only process or as one of an MPI job.
fn run_alone_or_together(
    exhibits: &[String],
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    match team::launched() {
        None => run::run(exhibits, options, instructions, &team::Threads),
        Some(_) => team::run(exhibits, options, instructions),
    }
}

fn execute_data(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Fetch { data_sets, mirrors, patience, offline, data, json } => {
            let data_sets: Vec<&DataSet> =
                data_sets.iter().filter_map(|name| DataSet::named(name)).collect();
            let settings = FetchSettings {
                mirrors: mirrors.clone(),
                stall: Duration::from_secs(*patience),
                is_offline: *offline,
                ..FetchSettings::default()
            };
            data::fetch_all(&data_sets, data.path(), settings, *json)?;
        }
        DataCommand::Status { data, json } => data::print_status(data.path(), *json),
    }
    Ok(())
}

/// The processor's best instruction set, or the one that the environment asks for.
fn instruction_set() -> anyhow::Result<InstructionSet> {
    const VARIABLE: &str = "SAMPLED_INSTRUCTION_SET";
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(InstructionSet::detect()) };
    let set: InstructionSet = name.parse().with_context(|| VARIABLE.to_string())?;
    anyhow::ensure!(set.is_available(), "{VARIABLE}: this processor has no {set} instructions");
    Ok(set)
}
