//! The numbers of one exhibit, and the texts made from them.
//!
//! An [`ExhibitResult`] is all an exhibit hands on: figures, CSV, Markdown and
//! snapshots are made from it and from nothing else.

use serde::{Deserialize, Serialize};

/// Everything an exhibit found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExhibitResult {
    /// Heading of the report.
    pub title: String,
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
    #[serde(default)]
    pub headline: Vec<HeadlineRow>,
    /// The whole result for machines, where the records do not hold all of it.
    pub json: Option<String>,
}

/// What sampling saved and what it cost in one setting: everything in a row was measured or
/// counted in the same runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadlineRow {
    /// The network.
    pub network: String,
    /// What it learns or is timed on, with how many images.
    pub data: String,
    /// Estimator, ratio and whatever else was chosen.
    pub sampling: String,
    /// Multiply-adds of exact products that were not made, in percent.
    pub computation_saved: f64,
    /// Gradient numbers that a worker of these runs need not send, in percent.
    pub communication_saved: f64,
    /// What it cost or gained.
    pub found: Found,
}

/// What a row of the headline found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Of whole trainings: test accuracy after the last epoch, in percent.
    Accuracy {
        /// Sampled, with its interval over the seeds.
        sampled: String,
        /// Of exact products, with its interval.
        exact: String,
        /// Sampled less exact, paired over the seeds, and what that says.
        difference: String,
        /// How many seeds.
        seeds: usize,
    },
    /// Of single training steps on this machine: time of the exact step over that of the sampled
    /// one, with its quartiles.
    SpeedUp(String),
}

/// Rows of cells under named columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// The columns, keys first.
    pub columns: Vec<Column>,
    /// One cell a column in each row.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name without spaces, as it stands in the CSV header.
    pub name: String,
    /// Unit of a value; empty for a key.
    pub unit: String,
    /// Whether the column says *which* measurement the row is.
    pub is_key: bool,
}

/// One cell of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
    /// The measurement does not exist for this row.
    Missing,
}

/// A value with its name and unit: one line of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The keys of the row and the name of the column.
    pub name: String,
    /// What one of it is.
    pub unit: String,
    /// The value itself.
    pub value: f64,
}

/// A figure as data: [`crate::plot::draw`] turns it into a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// File name without ending.
    pub file: String,
    /// What the picture shows, in a sentence; also its text alternative.
    pub caption: String,
    /// Panels from left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, in legend order.
    pub series: Vec<Series>,
}

/// Label and scale of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Quantity with its unit.
    pub label: String,
    /// Spacing of the ticks.
    pub scale: AxisScale,
}

/// Spacing of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AxisScale {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios.
    Logarithmic,
}

/// Points drawn in one style. Series with the same label share a legend entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Legend entry.
    pub label: String,
    /// Which colour and marker of the palette.
    pub style: usize,
    /// How the points are drawn.
    pub mark: Mark,
    /// The points, in increasing x.
    pub points: Vec<Point>,
}

/// How a [`Series`] is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// A closed form: a line without markers.
    Line,
    /// A bound or a reference level: a dashed grey line.
    Dashed,
    /// Measurements: markers, with an interval where there is one.
    Points,
    /// Measurements whose order matters: markers joined by a thin line.
    JoinedPoints,
}

/// A measurement at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Horizontal position.
    pub x: f64,
    /// Vertical position.
    pub y: f64,
    /// Half the width of the interval around y, where one is known.
    pub half_width: Option<f64>,
}

impl Point {
    /// A point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Point { x, y, half_width: None }
    }

    /// A point with the interval `y` ± `half_width`.
    pub fn with_interval(x: f64, y: f64, half_width: Option<f64>) -> Self {
        Point { x, y, half_width }
    }
}

impl Axis {
    /// An axis with equal differences.
    pub fn linear(label: &str) -> Self {
        Axis { label: label.to_string(), scale: AxisScale::Linear }
    }

    /// An axis with equal ratios.
    pub fn logarithmic(label: &str) -> Self {
        Axis { label: label.to_string(), scale: AxisScale::Logarithmic }
    }
}

impl Column {
    /// A column that says which measurement a row is.
    pub fn key(name: &str) -> Self {
        Column { name: name.to_string(), unit: String::new(), is_key: true }
    }

    /// A measured column and its unit.
    pub fn value(name: &str, unit: &str) -> Self {
        Column { name: name.to_string(), unit: unit.to_string(), is_key: false }
    }

    pub(crate) fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, self.unit)
        }
    }
}

impl From<f64> for Cell {
    /// A number that is not finite cannot be compared or stored: it is missing.
    fn from(value: f64) -> Self {
        if value.is_finite() { Cell::Number(value) } else { Cell::Missing }
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Cell::Number(value as f64)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_string())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Cell::Missing, Cell::from)
    }
}

impl Cell {
    pub(crate) fn show(&self, digits: usize) -> String {
        match self {
            Cell::Number(value) => significant(*value, digits),
            Cell::Text(text) => text.clone(),
            Cell::Missing => String::new(),
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(caption: &str, columns: Vec<Column>) -> Self {
        Table { caption: caption.to_string(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the row has not one cell a column: a mistake in an exhibit's code.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.columns.len(), "one cell a column in \"{}\"", self.caption);
        self.rows.push(row);
    }

    /// Every value of the table under the name that its keys give it, in row order.
    pub fn numbers(&self) -> Vec<Number> {
        let mut numbers = Vec::new();
        for row in &self.rows {
            let keys: Vec<String> = self
                .columns
                .iter()
                .zip(row)
                .filter(|(column, _)| column.is_key)
                .map(|(column, cell)| match cell {
                    Cell::Text(text) => text.clone(),
                    cell => format!("{}={}", column.name, cell.show(6)),
                })
                .collect();
            for (column, cell) in self.columns.iter().zip(row) {
                if let (false, Cell::Number(value)) = (column.is_key, cell) {
                    let mut name = keys.clone();
                    name.push(column.name.clone());
                    numbers.push(Number {
                        name: name.join(" "),
                        unit: column.unit.clone(),
                        value: *value,
                    });
                }
            }
        }
        numbers
    }

    /// One cell, by the name of its column; none where there is no such row or column.
    pub fn cell(&self, row: usize, column: &str) -> Option<&Cell> {
        let column = self.columns.iter().position(|known| known.name == column)?;
        self.rows.get(row)?.get(column)
    }

    /// The table as comma-separated values; six significant digits a number.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(Column::heading))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| cell.show(6)))?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The table in Markdown; four significant digits a number.
    pub fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n", self.caption);
        let headings: Vec<String> =
            self.columns.iter().map(|column| escape_bars(&column.heading())).collect();
        text.push_str(&format!("| {} |\n", headings.join(" | ")));
        let rules: Vec<&str> =
            self.columns.iter().map(|c| if c.is_key { "---" } else { "---:" }).collect();
        text.push_str(&format!("| {} |\n", rules.join(" | ")));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| escape_bars(&cell.show(4))).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// A bar ends a cell in Markdown.
fn escape_bars(text: &str) -> String {
    text.replace('|', "\\|")
}

impl ExhibitResult {
    /// The snapshot: a title line, then one number a line, sorted.
    ///
    /// ```
    /// # use reproduce::result::*;
    /// let mut records = Table::new("errors", vec![Column::key("k"), Column::value("error", "%")]);
    /// records.push(vec![10_usize.into(), 0.25.into()]);
    /// let result = ExhibitResult {
    ///     title: "Error".into(), data: "made up".into(), records, ..Default::default()
    /// };
    /// assert_eq!(result.snapshot("demo", "quick"), "demo · made up · quick\nk=10 error = 0.250000 %\n");
    /// ```
    pub fn snapshot(&self, name: &str, scale: &str) -> String {
        let mut lines: Vec<String> = self
            .records
            .numbers()
            .into_iter()
            .map(|n| format!("{} = {} {}", n.name, significant(n.value, 6), n.unit))
            .map(|line| line.trim_end().to_string())
            .collect();
        lines.sort();
        format!("{name} · {} · {scale}\n{}\n", self.data, lines.join("\n"))
    }
}

/// A number with so many significant digits: plain where that is readable, with
/// a power of ten elsewhere. A number that is whole to these digits is shown without decimals,
/// so that rounding in the last bit never changes the text.
///
/// ```
/// use reproduce::result::significant;
/// assert_eq!(significant(0.0123456789, 4), "0.01235");
/// assert_eq!(significant(55000.0, 4), "55000");
/// assert_eq!(significant(1.5e-9, 3), "1.50e-9");
/// ```
pub fn significant(value: f64, digits: usize) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        // Adding zero turns -0 into 0.
        return format!("{}", value + 0.0);
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.split('e').nth(1).and_then(|e| e.parse().ok()).unwrap_or(0);
    if (-4..digits as i32).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        let plain = format!("{value:.decimals$}");
        match plain.split_once('.') {
            Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => whole.into(),
            _ => plain,
        }
    } else {
        scientific
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        let mut table = Table::new(
            "errors",
            vec![Column::key("estimator"), Column::key("k"), Column::value("error", "of |A||B|")],
        );
        table.push(vec!["top-k".into(), 5_usize.into(), 0.123456789.into()]);
        table.push(vec!["top-k".into(), 10_usize.into(), Cell::Missing]);
        table
    }

    #[test]
    fn a_number_is_named_by_the_keys_of_its_row() {
        let numbers = example().numbers();
        assert_eq!(numbers.len(), 1);
        assert_eq!(numbers[0].name, "top-k k=5 error");
        assert_eq!(numbers[0].unit, "of |A||B|");
    }

    #[test]
    fn csv_has_a_heading_and_one_line_a_row() {
        let text = example().csv().unwrap();
        assert_eq!(text, "estimator,k,error (of |A||B|)\ntop-k,5,0.123457\ntop-k,10,\n");
    }

    #[test]
    fn markdown_escapes_bars_and_aligns_numbers() {
        let text = example().markdown();
        assert!(text.contains("| estimator | k | error (of \\|A\\|\\|B\\|) |"));
        assert!(text.contains("| --- | --- | ---: |"));
        assert!(text.contains("| top-k | 5 | 0.1235 |"));
    }

    #[test]
    fn a_result_survives_the_cache_bit_for_bit() {
        let table = Table {
            rows: vec![vec!["a".into(), Cell::Missing, (0.1 + 0.2).into()], {
                vec![Cell::Missing, 3_usize.into(), (2.0_f64 / 3.0).into()]
            }],
            ..example()
        };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
    }

    #[test]
    fn a_number_that_is_not_finite_is_missing() {
        assert_eq!(Cell::from(f64::NAN), Cell::Missing);
    }

    #[test]
    fn rounding_up_to_a_power_of_ten_gives_a_whole_number() {
        assert_eq!(significant(0.99999999, 3), "1");
        assert_eq!(significant(9.9999999, 3), significant(10.0, 3));
        assert_eq!(significant(-0.5, 3), "-0.500");
        assert_eq!(significant(-0.0, 3), "0");
        assert_eq!(significant(123456.7, 3), "1.23e5");
    }
}
