//! The command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::data::catalogue::DATA_SETS;
use crate::exhibit::settings::Scale;
use crate::reference;

/// Regenerates every figure and table of the study of sampled matrix products.
#[derive(Debug, Parser)]
#[command(
    name = "reproduce",
    version,
    after_help = "Examples:\n  \
        reproduce                              everything at standard scale, into figures/\n  \
        reproduce --scale quick                everything in at most a minute\n  \
        reproduce run matmul-error --seed 7    one exhibit with other draws\n  \
        reproduce run my-experiment.yaml       settings of your own\n  \
        reproduce new my-experiment            a commented YAML file to start from\n  \
        reproduce list                         what there is, and how long it takes\n  \
        reproduce check --scale quick          compare all numbers with the committed ones\n  \
        reproduce run fast-cifar --scale long  make the runs of hours that are missing\n  \
        reproduce bench --quick                times of sampled products beside exact ones\n  \
        reproduce data fetch mnist             download a published data set into data/\n\n\
        Exit codes: 0 done, 1 a check failed, 2 bad input or a file that cannot be written, \
        128 + n stopped by signal n.",
    after_long_help = "Examples:\n  \
        reproduce                              everything at standard scale, into figures/\n  \
        reproduce --scale quick                everything in at most a minute\n  \
        reproduce run matmul-error --seed 7    one exhibit with other draws\n  \
        reproduce run my-experiment.yaml       settings of your own\n  \
        reproduce new my-experiment            a commented YAML file to start from\n  \
        reproduce list                         what there is, and how long it takes\n  \
        reproduce check --scale quick          compare all numbers with the committed ones\n  \
        reproduce run fast-cifar --scale long  make the runs of hours that are missing\n  \
        reproduce bench --quick                times of sampled products beside exact ones\n  \
        reproduce data fetch mnist             download a published data set into data/\n\n\
        Finished results are kept in .sampled beside the output folder: a run that was stopped \
        goes on where it was, and a second run takes some seconds. Numbers depend on the \
        settings, the data and the seed only, never on threads or the processor.\n\n\
        Environment:\n  \
        SAMPLED_DATA             the data directory, where --data is not given\n  \
        SAMPLED_INSTRUCTION_SET  portable, avx2 or avx512 instead of the best of the processor\n  \
        NO_COLOR                 no colours in messages\n\n\
        Exit codes: 0 done, 1 a check failed, 2 bad input or a file that cannot be written, \
        128 + n stopped by signal n."
)]
pub struct CommandLine {
    /// What to do; everything is run when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags that every command takes.
    #[command(flatten)]
    pub options: Options,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compute exhibits and write their figures and tables
    Run {
        /// Names of exhibits (see `list`) or YAML files with settings; everything when none is given
        exhibits: Vec<String>,
    },
    /// List the exhibits: what they show, how long they take, what they need
    List,
    /// Compute exhibits again and compare their numbers with the committed ones
    Check(CheckOptions),
    /// Measure products and training steps: sampled beside exact, ours beside other libraries'
    ///
    /// Everything is measured in turns on one and on all threads; tables say the ratios first.
    /// Other libraries' products are part of a build with --features peers only; PyTorch's
    /// training steps need none, only an interpreter.
    #[command(after_help = "Examples:\n  \
        reproduce bench --quick               ten seconds\n  \
        reproduce bench --out times           tables in times/bench.md, times/bench/record.csv\n  \
        reproduce bench --pytorch python3     training steps also beside PyTorch's\n  \
        cargo run --release -p reproduce --features peers -- bench\n  \
        cargo run --release -p reproduce --features peers -- bench --cblas libopenblas.so\n\n\
        Exit codes: 0 done, 2 a library or PyTorch is not there, or a file cannot be written.")]
    Bench(BenchOptions),
    /// Write a commented YAML file for an experiment of your own
    #[command(after_help = "Examples:\n  \
        reproduce new wide-layers                 writes wide-layers.yaml\n  \
        reproduce run wide-layers.yaml --scale quick")]
    New {
        /// What the experiment and its files are called
        name: String,
    },
    /// Fetch the published data sets, or see which are there
    #[command(subcommand)]
    Data(DataCommand),
}

/// What is compared, and with what.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Names of exhibits or YAML files; every exhibit that can be compared when none is given
    pub exhibits: Vec<String>,
    /// Where the committed numbers are
    #[arg(long, value_name = "DIR", default_value = reference::FOLDER)]
    pub reference: PathBuf,
    /// Write the numbers found as the new reference instead of comparing: for the data that are
    /// there, and for the drawn digits that take the place of MNIST
    #[arg(long)]
    pub accept: bool,
    /// An exhibit that is skipped, because its data are not there, is a failure
    #[arg(long, conflicts_with = "accept")]
    pub strict: bool,
}

/// What is measured, and beside whom.
#[derive(Debug, Args)]
pub struct BenchOptions {
    /// Shorter turns and fewer of the large products
    #[arg(long)]
    pub quick: bool,
    /// A shared library with cblas_sgemm (of 32-bit integers where its name has no suffix), such as
    /// OpenBLAS, as one more peer; a name without a folder is looked for among the system's libraries
    #[arg(long, value_name = "FILE")]
    pub cblas: Option<PathBuf>,
    /// The record that the medians are added to, with date, machine and version: a file of
    /// comma-separated values. Beside each row stands the last record of the same machine, and how
    /// the new median compares [default: bench/record.csv in the output folder]
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// A Python interpreter with PyTorch, whose training steps are measured beside ours
    #[arg(long, value_name = "INTERPRETER")]
    pub pytorch: Option<PathBuf>,
    /// In the place of all else: the exact arm of these settings (fast-cifar or fast-cifar-narrow),
    /// trained to its end by us and by PyTorch, an epoch of each in turns, which takes some minutes
    #[arg(long, value_name = "SETTINGS", requires = "pytorch")]
    pub training: Option<String>,
}

/// What to do about the data sets.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download data sets into the data directory
    ///
    /// Every file is checked against its published size and MD5 and appears under its name only
    /// when it is whole. A file that is there and right is left alone; a damaged one is replaced.
    /// A mirror that fails is followed by the next. After a cut, a stop or a failure the same
    /// command goes on with the bytes that have arrived.
    #[command(after_help = "Examples:\n  \
        reproduce data fetch mnist                       into data/mnist\n  \
        reproduce data fetch mnist fashion-mnist --data /srv/data\n  \
        reproduce data fetch cifar-10 --mirror https://example.org/cifar/\n  \
        HTTPS_PROXY=http://proxy:3128 reproduce data fetch mnist\n\n\
        Environment:\n  \
        ALL_PROXY, HTTPS_PROXY, HTTP_PROXY  the proxy that requests go through (the first set)\n  \
        NO_PROXY                            hosts that are asked directly\n  \
        SAMPLED_DATA                        the data directory, where --data is not given\n\n\
        Exit codes: 0 all files are there, 2 a file cannot be fetched or written.")]
    Fetch {
        /// Names of data sets
        #[arg(required = true, value_parser = PossibleValuesParser::new(data_set_names()))]
        data_sets: Vec<String>,
        /// Address of a folder with the files, tried before the published mirrors; repeatable
        #[arg(long = "mirror", value_name = "URL")]
        mirrors: Vec<String>,
        /// Longest silence of a mirror before the next is tried, in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
        patience: u64,
    },
    /// Show which data sets are there, whether they are as published, and how to get the others
    ///
    /// Checksums are computed anew each time. Archives that hold the published images but were
    /// packed by another program count as right.
    #[command(after_help = "Examples:\n  \
        reproduce data status\n  \
        reproduce data status --data /srv/data\n  \
        reproduce data status --json    one object a line: name, availability, files, command")]
    Status,
}

fn data_set_names() -> impl Iterator<Item = &'static str> {
    DATA_SETS.iter().map(|data_set| data_set.name)
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Options {
    /// How much is computed
    #[arg(long, global = true, value_enum, default_value_t = Scale::Standard)]
    pub scale: Scale,
    /// Where the data sets are; in the folder data, if there is one, when nothing is said
    #[arg(long, global = true, value_name = "DIR", env = "SAMPLED_DATA")]
    pub data: Option<PathBuf>,
    /// Where all randomness starts
    #[arg(long, global = true, default_value_t = Options::DEFAULT_SEED)]
    pub seed: u64,
    /// How many threads compute; all cores when not given
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Where figures and tables go
    #[arg(long, global = true, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
    /// Never use the network: `data fetch` refuses where a file is missing, nothing else needs it
    #[arg(long, global = true)]
    pub offline: bool,
    /// One JSON object a line instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// More messages; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Options {
    /// The seed of committed numbers, and where none is given.
    pub const DEFAULT_SEED: u64 = 1;

    /// Where the data sets are.
    pub fn data(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new("data"))
    }

    /// Refuses a data directory that is a file, or that was asked for and is not there: other data
    /// would silently take the place of those meant.
    ///
    /// # Errors
    /// Names the directory.
    pub fn check_data(&self) -> anyhow::Result<()> {
        let data = self.data();
        let exists = data.try_exists().with_context(|| data.display().to_string())?;
        ensure!(!exists || data.is_dir(), "the data directory {} is no folder", data.display());
        ensure!(
            exists || self.data.is_none(),
            "the data directory {} is not there (--data or SAMPLED_DATA)",
            data.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
