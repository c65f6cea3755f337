//! The parts of the page.

use serde::Serialize;

/// The part of the page that an exhibit stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Errors of sampled products, to be tried out.
    Products,
    /// What trainings come to, and how long they and their steps take.
    Training,
    /// What is not computed and not sent.
    Savings,
    /// Several workers.
    Nodes,
    /// Systems beside the paper.
    Related,
    /// The statements.
    Theory,
    /// The checks of the statements' checks.
    Checks,
}

impl Section {
    /// In the order of the page.
    pub const ALL: [Self; 7] = [
        Self::Products,
        Self::Training,
        Self::Savings,
        Self::Nodes,
        Self::Related,
        Self::Theory,
        Self::Checks,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Products => "Try it: sampled products",
            Self::Training => "Accuracy and time",
            Self::Savings => "Savings",
            Self::Nodes => "Several nodes",
            Self::Related => "Related systems",
            Self::Theory => "Theory",
            Self::Checks => "The checks of the checks",
        }
    }
}
