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
    /// Hours; its results are committed, and shown by a run of standard scale.
    Long,
    /// The full settings, however long they take.
    Paper,
    /// What a file with a single block of settings says.
    #[value(skip)]
    Own,
}

impl Scale {
    /// The block that this scale is computed from, of those that there are: its own, the only one,
    /// or that of the long results that it shows.
    pub fn block(self, there: &[Scale]) -> Option<Scale> {
        match there {
            _ if there.contains(&self) => Some(self),
            [only] => Some(*only),
            _ => self.shows_long(there).then_some(Scale::Long),
        }
    }

    /// Whether this scale has no block of its own, of those that there are, and shows what the long
    /// one came to.
    pub fn shows_long(self, there: &[Scale]) -> bool {
        let is_left_out = self == Scale::Standard && !there.contains(&self);
        is_left_out && there.len() > 1 && there.contains(&Scale::Long)
    }

    /// What the command line needs to be told to run this scale again: " --scale quick".
    pub fn flag(self) -> String {
        if self == Scale::Own { String::new() } else { format!(" --scale {self}") }
    }
}

/// One value a scale. Built-in settings have those that make sense for them, a file of one's own at
/// least one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerScale<T> {
    /// See [`Scale::Quick`].
    pub quick: Option<T>,
    /// See [`Scale::Standard`].
    pub standard: Option<T>,
    /// See [`Scale::Long`].
    pub long: Option<T>,
    /// See [`Scale::Paper`].
    pub paper: Option<T>,
}

impl<T> PerScale<T> {
    /// The values there are, with the scales they are for.
    pub fn into_values(self) -> Vec<(Scale, T)> {
        let values = [
            (Scale::Quick, self.quick),
            (Scale::Standard, self.standard),
            (Scale::Long, self.long),
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
            Scale::Long => "long",
            Scale::Paper => "paper",
            Scale::Own => "own",
        })
    }
}
