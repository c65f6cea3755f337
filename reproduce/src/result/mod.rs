//! The numbers of one exhibit, and the texts made from them.
//!
//! An [`ExhibitResult`] is all an exhibit hands on: figures, CSV, Markdown, its part of the page and
//! snapshots are made from it and from nothing else.

mod claim;
mod evidence;
mod figure;
mod headline;
mod significant;
mod table;

use serde::{Deserialize, Serialize};

pub use claim::{ClaimRow, Standing};
pub use evidence::{Evidence, PaperClaim};
pub use figure::{Axis, AxisScale, Figure, Mark, Panel, Point, Series};
pub use headline::{Found, HeadlineRow, RelatedRow, Reproduced};
pub use significant::significant;
pub use table::{Cell, Column, Number, Rows, Table};

/// The line of a snapshot behind which diagnostics stand.
pub const DIAGNOSTICS: &str = "diagnostics:";

/// Everything an exhibit found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExhibitResult {
    /// Heading of the report.
    pub title: String,
    /// What is found, in a sentence that is computed from the numbers, with its interval where it has
    /// one; empty where nothing was computed.
    pub finding: String,
    /// Which data the numbers come from, e.g. "N(0,1) and N(1,1) matrices".
    pub data: String,
    /// One row a measurement: the CSV file and, row by row, the snapshot.
    pub records: Table,
    /// The readable tables of the Markdown report.
    pub tables: Vec<Table>,
    /// The figures, as data.
    pub figures: Vec<Figure>,
    /// Sentences below the tables: how to read them, what stands out.
    pub remarks: Vec<String>,
    /// What failed, a sentence each, where the exhibit is a check; the program then ends with
    /// exit code 1.
    pub failures: Vec<String>,
    /// What it has to say in the headline.
    pub headline: Vec<HeadlineRow>,
    /// What it has to say there of a related system.
    pub related: Vec<RelatedRow>,
    /// The claims that it tested.
    pub claims: Vec<ClaimRow>,
    /// What it says of the claims of the paper.
    pub evidence: Vec<Evidence>,
    /// The whole result for machines, where the records do not hold all of it.
    pub json: Option<String>,
}

impl ExhibitResult {
    /// The snapshot: a title line, then one number a line, sorted: first what was found, and behind a
    /// line that says so the diagnostics.
    ///
    /// ```
    /// # use reproduce::result::*;
    /// let rows = Rows::of(&[(10_usize, 0.25, 3_usize)]).key("k", |row| row.0);
    /// let records = rows.value("error", "%", |row| row.1).diagnostic("draws", "", |row| row.2);
    /// let records = records.table("errors");
    /// let result = ExhibitResult {
    ///     title: "Error".into(), data: "made up".into(), records, ..Default::default()
    /// };
    /// assert_eq!(
    ///     result.snapshot("demo", "quick"),
    ///     "demo · made up · quick\nk=10 error = 0.250000 %\ndiagnostics:\nk=10 draws = 3\n"
    /// );
    /// ```
    pub fn snapshot(&self, name: &str, scale: &str) -> String {
        let (diagnostics, found): (Vec<Number>, _) =
            self.records.numbers().into_iter().partition(|number| number.is_diagnostic);
        let mut text = format!("{name} · {} · {scale}\n{}", self.data, sorted(found));
        if !diagnostics.is_empty() {
            text += &format!("{DIAGNOSTICS}\n{}", sorted(diagnostics));
        }
        text
    }
}

/// Numbers as sorted lines.
fn sorted(numbers: Vec<Number>) -> String {
    let line = |n: Number| format!("{} = {} {}", n.name, significant(n.value, 6), n.unit);
    let mut lines: Vec<String> =
        numbers.into_iter().map(|number| line(number).trim_end().to_string() + "\n").collect();
    lines.sort();
    lines.concat()
}
