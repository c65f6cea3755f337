//! How much of an experiment is run, and a value for each.

use std::fmt;

use serde::Deserialize;

/// How much of an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// At most a minute for everything: tests and a first look.
    Quick,
    /// At most ten minutes for everything on two cores.
    Standard,
    /// The full settings, however long they take.
    Paper,
    /// What a file with a single block of settings says.
    #[value(skip)]
    Own,
}

impl Scale {
    /// What the command line needs to be told to run this scale again: " --scale quick".
    pub fn flag(self) -> String {
        if self == Scale::Own { String::new() } else { format!(" --scale {self}") }
    }
}

/// One value a scale. Built-in settings have all, a file of one's own at least one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerScale<T> {
    /// See [`Scale::Quick`].
    pub quick: Option<T>,
    /// See [`Scale::Standard`].
    pub standard: Option<T>,
    /// See [`Scale::Paper`].
    pub paper: Option<T>,
}

impl<T> PerScale<T> {
    /// The values there are, with the scales they are for.
    pub fn into_values(self) -> Vec<(Scale, T)> {
        let values = [
            (Scale::Quick, self.quick),
            (Scale::Standard, self.standard),
            (Scale::Paper, self.paper),
        ];
        values.into_iter().filter_map(|(scale, value)| Some((scale, value?))).collect()
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scale::Quick => "quick",
            Scale::Standard => "standard",
            Scale::Paper => "paper",
            Scale::Own => "own",
        })
    }
}
