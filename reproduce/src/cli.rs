//! The command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::data::catalogue::{DATA_SETS, DEFAULT_DIRECTORY};
use crate::exhibit::settings::Scale;
use crate::nodes::record::Rate;
use crate::reference;

/// Examples of the whole program, for both lengths of its help.
macro_rules! examples {
    ($($more:literal)?) => {
        concat!(
            "Examples:\n  ",
            "reproduce                              everything at standard scale, into figures/\n  ",
            "reproduce --scale quick                everything in at most a minute\n  ",
            "reproduce run matmul-error --seed 7    one exhibit with other draws\n  ",
            "reproduce run my-experiment.yaml       settings of your own\n  ",
            "reproduce new my-experiment            a commented YAML file to start from\n  ",
            "reproduce list                         what there is, and how long it takes\n  ",
            "reproduce list mlp-accuracy            all that is known of an exhibit\n  ",
            "reproduce check --scale quick          compare all numbers with the committed ones\n  ",
            "reproduce run fast-cifar --scale long  make the runs of hours that are missing\n  ",
            "reproduce bench --quick                times of sampled products beside exact ones\n  ",
            "reproduce nodes --quick                exchanges over links of a limited rate\n  ",
            "reproduce data fetch mnist             download a published data set into data/\n\n",
            $($more,)?
            "Exit codes: 0 done, 1 a check failed, 2 bad input or a file that cannot be written, ",
            "128 + n stopped by signal n."
        )
    };
}

/// Regenerates every figure and table of the study of sampled matrix products.
#[derive(Debug, Parser)]
#[command(
    name = "reproduce",
    version,
    args_conflicts_with_subcommands = true,
    after_help = examples!(),
    after_long_help = examples!(
        "Finished results are kept in .sampled beside the output folder: a run that was stopped \
        goes on where it was, and a second run takes some seconds. Numbers depend on the \
        settings, the data and the seed only, never on threads or the processor.\n\n\
        Environment:\n  \
        SAMPLED_DATA             the data directory, where --data is not given\n  \
        SAMPLED_INSTRUCTION_SET  portable, avx2 or avx512 instead of the best of the processor\n  \
        NO_COLOR                 no colours in messages\n\n"
    )
)]
pub struct CommandLine {
    /// What to do; everything is run when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Those of a run of everything.
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
        /// How they are computed.
        #[command(flatten)]
        options: Options,
    },
    /// List the exhibits, a line each, or say all that is known of one
    List(ListOptions),
    /// Compute exhibits again and compare their numbers with the committed ones
    #[command(after_help = "Examples:\n  \
        reproduce check                             all numbers of standard scale\n  \
        reproduce check mlp-accuracy --scale quick  those of one exhibit\n  \
        reproduce check --markdown                  a report for a pull request\n\n\
        Exit codes: 0 all agree, 1 something differs or a check failed, 2 bad input.")]
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
    /// Measure exchanges and steps of ranks on hosts of their own, over links of a limited rate
    ///
    /// The hosts are network namespaces of this machine: it takes root, iproute2, an MPI launcher and
    /// a build with --features mpi, and says 'skipped' and why where one of them is not there.
    #[command(after_help = "Examples:\n  \
        reproduce nodes --quick                          one rate, few exchanges\n  \
        reproduce nodes --out nodes.json                 the record that the exhibit nodes shows\n  \
        reproduce nodes --rates 100,unlimited --ranks 2,4,8\n  \
        reproduce nodes --pytorch python3                gloo and DistributedDataParallel as well\n\n\
        Exit codes: 0 done or skipped, 2 a job has failed or a file cannot be written.")]
    Nodes(NodesOptions),
    /// Write a commented YAML file for an experiment of your own
    #[command(after_help = "Examples:\n  \
        reproduce new wide-layers                    writes wide-layers.yaml\n  \
        reproduce new my-products --from conv-error  starts from an exhibit's settings\n  \
        reproduce run wide-layers.yaml --scale quick")]
    New {
        /// What the experiment and its files are called
        name: String,
        /// The exhibit whose settings it starts from (see `list`); a training of the MLP when not
        /// given
        #[arg(long, value_name = "EXHIBIT")]
        from: Option<String>,
    },
    /// Fetch the published data sets, or see which are there
    #[command(subcommand)]
    Data(DataCommand),
}

/// What is listed.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Names of exhibits of which all is said that is known; a line for each when none is given
    pub exhibits: Vec<String>,
    /// How much would be computed
    #[arg(long, value_enum, default_value_t = Scale::Standard)]
    pub scale: Scale,
    /// Where the data sets are.
    #[command(flatten)]
    pub data: DataDirectory,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
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
    /// The report as Markdown, for a pull request
    #[arg(long, conflicts_with_all = ["accept", "json", "quiet"])]
    pub markdown: bool,
    /// How they are computed.
    #[command(flatten)]
    pub options: Options,
}

/// What is measured, and beside whom.
#[derive(Debug, Args)]
pub struct BenchOptions {
    /// Shorter turns, fewer of the large products, and of the steps those of the perceptron
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
    /// The folder of a copy of the released code that holds the package approx_mul_pytorch, whose
    /// sampled layers are measured beside ours
    #[arg(long, value_name = "FOLDER", requires = "pytorch")]
    pub released: Option<PathBuf>,
    /// Where the data sets are, for --training.
    #[command(flatten)]
    pub data: DataDirectory,
    /// Where the random operands start
    #[arg(long, default_value_t = Options::DEFAULT_SEED)]
    pub seed: u64,
    /// How many threads compute at most; all cores when not given
    #[arg(long, value_parser = threads())]
    pub threads: Option<u32>,
    /// Where the tables go
    #[arg(long, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
    /// How much is said.
    #[command(flatten)]
    pub speech: Speech,
    /// In the place of all else: the exact arm of these settings (fast-cifar or fast-cifar-narrow),
    /// trained to its end by us and by PyTorch, an epoch of each in turns, which takes some minutes
    #[arg(long, value_name = "SETTINGS", requires = "pytorch")]
    pub training: Option<String>,
    /// What a process whose memory is measured is told
    #[arg(long, value_name = "JSON", hide = true)]
    pub alone: Option<String>,
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
        reproduce data fetch cifar-10 cifar-100 --mirror https://example.org/cifar/\n  \
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
        /// Never use the network: refuse where a file is missing
        #[arg(long)]
        offline: bool,
        /// Where the data sets are.
        #[command(flatten)]
        data: DataDirectory,
        /// One JSON object a line instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show which data sets are there, whether they are as published, and how to get the others
    ///
    /// Checksums are computed anew each time. Archives that hold the published images but were
    /// packed by another program count as right.
    #[command(after_help = "Examples:\n  \
        reproduce data status\n  \
        reproduce data status --data /srv/data\n  \
        reproduce data status --json    one object a line: name, availability, files, command")]
    Status {
        /// Where the data sets are.
        #[command(flatten)]
        data: DataDirectory,
        /// One JSON object a line instead of text
        #[arg(long)]
        json: bool,
    },
}

fn data_set_names() -> impl Iterator<Item = &'static str> {
    DATA_SETS.iter().map(|data_set| data_set.name)
}

/// What is measured on hosts that are linked to each other.
#[derive(Debug, Args)]
pub struct NodesOptions {
    /// Few exchanges and steps
    #[arg(long)]
    pub quick: bool,
    /// Steps of the convolutional networks as well, which take minutes on cores that ranks share
    #[arg(long)]
    pub all_networks: bool,
    /// The rates of the links in Mbit/s, or unlimited
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_value = "100,1000,unlimited")]
    pub rates: Vec<Rate>,
    /// How many hosts with a rank each, one number a measurement
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "2,4",
          value_parser = clap::value_parser!(u8).range(2..=16))]
    pub ranks: Vec<u8>,
    /// A Python interpreter with PyTorch, whose exchanges and steps are measured as well
    #[arg(long, value_name = "INTERPRETER")]
    pub pytorch: Option<PathBuf>,
    /// The record that is written
    #[arg(long, value_name = "FILE", default_value = "nodes.json")]
    pub out: PathBuf,
    /// What a rank of such a measurement is told
    #[arg(long, value_name = "FILE", hide = true)]
    pub as_rank: Option<PathBuf>,
}

/// How many threads one may ask for.
fn threads() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1024)
}

/// How exhibits are computed.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How much is computed
    #[arg(long, value_enum, default_value_t = Scale::Standard)]
    pub scale: Scale,
    /// Where the data sets are.
    #[command(flatten)]
    pub data: DataDirectory,
    /// Where all randomness starts
    #[arg(long, default_value_t = Options::DEFAULT_SEED)]
    pub seed: u64,
    /// How many threads compute; all cores when not given
    #[arg(long, value_parser = threads())]
    pub threads: Option<u32>,
    /// Where figures and tables go
    #[arg(long, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
    /// How much is said.
    #[command(flatten)]
    pub speech: Speech,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Speech {
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
    /// Only what failed
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub quiet: bool,
    /// More messages; twice for still more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Where the data sets are.
#[derive(Clone, Debug, Default, Args)]
pub struct DataDirectory {
    /// Where the data sets are; in the folder data, if there is one, when nothing is said
    #[arg(long, value_name = "DIR", env = "SAMPLED_DATA")]
    data: Option<PathBuf>,
}

impl CommandLine {
    /// How much is said.
    pub fn speech(&self) -> Speech {
        match &self.command {
            None => self.options.speech,
            Some(Command::Run { options, .. }) => options.speech,
            Some(Command::Check(request)) => request.options.speech,
            Some(Command::Bench(contest)) => contest.speech,
            Some(Command::List(_) | Command::Nodes(_) | Command::New { .. } | Command::Data(_)) => {
                Speech::default()
            }
        }
    }

    /// How many threads compute; none where nothing is said or computed.
    pub fn threads(&self) -> Option<u32> {
        match &self.command {
            None => self.options.threads,
            Some(Command::Run { options, .. }) => options.threads,
            Some(Command::Check(request)) => request.options.threads,
            Some(Command::Bench(contest)) => contest.threads,
            Some(Command::List(_) | Command::Nodes(_) | Command::New { .. } | Command::Data(_)) => {
                None
            }
        }
    }

    /// The data directory that is read; none where none is, or where it is made.
    pub fn read_data(&self) -> Option<&DataDirectory> {
        match &self.command {
            None => Some(&self.options.data),
            Some(Command::Run { options, .. }) => Some(&options.data),
            Some(Command::Check(request)) => Some(&request.options.data),
            Some(Command::List(request)) => Some(&request.data),
            Some(Command::Data(DataCommand::Status { data, .. })) => Some(data),
            Some(Command::Bench(contest)) => Some(&contest.data),
            Some(Command::Nodes(_) | Command::New { .. } | Command::Data(_)) => None,
        }
    }
}

impl Options {
    /// The seed of committed numbers, and where none is given.
    pub const DEFAULT_SEED: u64 = 1;

    /// Where the data sets are.
    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

impl DataDirectory {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(DEFAULT_DIRECTORY))
    }

    /// Refuses a data directory that is a file, or that was asked for and is not there: other data
    /// would silently take the place of those meant.
    ///
    /// # Errors
    /// Names the directory.
    pub fn check(&self) -> anyhow::Result<()> {
        let data = self.path();
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

    /// The command lines of a help text, without what stands beside them.
    fn examples(command: &clap::Command) -> Vec<String> {
        let texts = [command.get_after_help(), command.get_after_long_help()];
        let texts: Vec<String> = texts.into_iter().flatten().map(|text| text.to_string()).collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        let commands = lines.filter_map(|line| {
            let (_, command) = line.split_once("reproduce ")?;
            let words = line.trim_start().starts_with("reproduce ");
            words.then(|| command.split("  ").next().unwrap_or_default().to_string())
        });
        let below = command.get_subcommands().flat_map(examples);
        commands.chain(below).collect()
    }

    #[test]
    fn every_command_of_the_help_texts_is_known() {
        let examples = examples(&CommandLine::command());
        assert!(examples.len() > 25, "{examples:?}");
        for example in examples {
            let words = ["reproduce"].into_iter().chain(example.split_whitespace());
            let parsed = CommandLine::try_parse_from(words);
            assert!(parsed.is_ok(), "reproduce {example}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn an_option_is_taken_only_where_it_means_something() {
        let is_taken =
            |words: &[&str]| CommandLine::try_parse_from([&["reproduce"], words].concat()).is_ok();
        for words in [
            &["--scale", "quick"][..],
            &["run", "ridge", "--quiet"],
            &["check", "--seed", "7", "--markdown"],
            &["list", "ridge", "--json"],
            &["bench", "--threads", "1"],
            &["new", "mine", "--from", "ridge"],
            &["data", "fetch", "mnist", "--offline"],
            &["data", "status", "--data", "here"],
        ] {
            assert!(is_taken(words), "{words:?}");
        }
        for words in [
            &["list", "--seed", "7"][..],
            &["list", "--out", "there"],
            &["new", "mine", "--scale", "quick"],
            &["bench", "--scale", "quick"],
            &["data", "status", "--offline"],
            &["data", "fetch", "mnist", "--seed", "7"],
            &["run", "ridge", "--offline"],
            // Before the command it would be read as that of a run of everything.
            &["--scale", "quick", "check"],
            &["run", "ridge", "--quiet", "--json"],
        ] {
            assert!(!is_taken(words), "{words:?}");
        }
    }
}
