//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exhibit::config::Scale;

/// Regenerates every figure and table of the study of sampled matrix products.
#[derive(Debug, Parser)]
#[command(
    name = "reproduce",
    version,
    after_help = "Examples:\n  \
        reproduce                              everything at standard scale, into figures/\n  \
        reproduce --scale quick                everything in at most a minute\n  \
        reproduce run matmul-error --seed 7    one exhibit with other draws\n  \
        reproduce run my-experiment.yaml       settings of your own (start from exhibits/*.yaml)\n  \
        reproduce list                         what there is, and how long it takes\n  \
        reproduce check --scale quick          compare all numbers with the committed ones\n\n\
        Exit codes: 0 done, 1 a check failed, 2 bad input or a file that cannot be written.",
    after_long_help = "Examples:\n  \
        reproduce                              everything at standard scale, into figures/\n  \
        reproduce --scale quick                everything in at most a minute\n  \
        reproduce run matmul-error --seed 7    one exhibit with other draws\n  \
        reproduce run my-experiment.yaml       settings of your own (start from exhibits/*.yaml)\n  \
        reproduce list                         what there is, and how long it takes\n  \
        reproduce check --scale quick          compare all numbers with the committed ones\n\n\
        Finished results are kept in .sampled beside the output folder: a run that was stopped \
        goes on where it was, and a second run takes about a second. Numbers depend on the \
        settings, the data and the seed only, never on threads or the processor.\n\n\
        Environment:\n  \
        SAMPLED_DATA             the data directory, where --data is not given\n  \
        SAMPLED_INSTRUCTION_SET  portable, avx2 or avx512 instead of the best of the processor\n  \
        NO_COLOR                 no colours in messages\n\n\
        Exit codes: 0 done, 1 a check failed, 2 bad input or a file that cannot be written."
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
    Check {
        /// Names of exhibits; everything when none is given
        exhibits: Vec<String>,
        /// Where the committed numbers are
        #[arg(long, value_name = "DIR", default_value = "reproduce/reference")]
        reference: PathBuf,
        /// Write the numbers found as the new reference instead of comparing
        #[arg(long)]
        accept: bool,
    },
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Options {
    /// How much is computed
    #[arg(long, global = true, value_enum, default_value_t = Scale::Standard)]
    pub scale: Scale,
    /// Where the data sets are
    #[arg(long, global = true, value_name = "DIR", env = "SAMPLED_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Where all randomness starts
    #[arg(long, global = true, default_value_t = 1)]
    pub seed: u64,
    /// How many threads compute; all cores when not given
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Where figures and tables go
    #[arg(long, global = true, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
    /// One JSON object a line instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// More messages; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
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
