//! Tables, and the texts made from them.

use std::iter;

use serde::{Deserialize, Serialize};

use super::significant;

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
    /// Whether it says how the others came about, and stands behind them in a snapshot.
    #[serde(default)]
    pub is_diagnostic: bool,
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
    /// Whether its column is of diagnostics.
    pub is_diagnostic: bool,
}

impl Column {
    /// A column that says which measurement a row is.
    pub fn key(name: &str) -> Self {
        Column { is_key: true, ..Column::value(name, "") }
    }

    /// A measured column and its unit.
    pub fn value(name: &str, unit: &str) -> Self {
        let (name, unit) = (name.to_string(), unit.to_string());
        Column { name, unit, is_key: false, is_diagnostic: false }
    }

    /// A measured column that says how the others came about.
    pub fn diagnostic(name: &str, unit: &str) -> Self {
        Column { is_diagnostic: true, ..Column::value(name, unit) }
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

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
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

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Missing, T::into)
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

    /// Tables with the same keys, one under another: a row has the values of its own table alone.
    ///
    /// # Panics
    /// If the keys are not the same: a mistake in an exhibit's code.
    pub fn stacked(caption: &str, tables: Vec<Table>) -> Self {
        let keys = |table: &Table| -> Vec<Column> {
            table.columns.iter().filter(|column| column.is_key).cloned().collect()
        };
        let mut columns = tables.first().map_or(Vec::new(), keys);
        for table in &tables {
            assert_eq!(keys(table), columns[..keys(table).len()], "the same keys in {caption:?}");
            for column in table.columns.iter().filter(|column| !column.is_key) {
                if !columns.contains(column) {
                    columns.push(column.clone());
                }
            }
        }
        let mut stacked = Table::new(caption, columns);
        for table in tables {
            let places: Vec<Option<usize>> = stacked
                .columns
                .iter()
                .map(|column| table.columns.iter().position(|own| own == column))
                .collect();
            for row in table.rows {
                let cell = |place: &Option<usize>| place.map_or(Cell::Missing, |p| row[p].clone());
                stacked.push(places.iter().map(cell).collect());
            }
        }
        stacked
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
                        is_diagnostic: column.is_diagnostic,
                    });
                }
            }
        }
        numbers
    }

    /// The table as comma-separated values; six significant digits a number.
    ///
    /// # Errors
    /// When the writer of the values fails, which it does not for a table in memory.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in self.lines(6) {
            writer.write_record(line)?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The table in Markdown; four significant digits a number.
    pub fn markdown(&self) -> String {
        let mut lines = self.lines(4).map(|line| line.map(|text| escape_bars(&text)));
        let rule = self.columns.iter().map(|c| if c.is_key { "---" } else { "---:" }.to_string());
        let mut text = format!("**{}**\n\n", self.caption);
        let mut add = |line: Vec<String>| text.push_str(&format!("| {} |\n", line.join(" | ")));
        lines.next().into_iter().for_each(|headings| add(headings.collect()));
        add(rule.collect());
        lines.for_each(|line| add(line.collect()));
        text
    }

    /// The table for a terminal: columns of equal width, values to the right; three significant
    /// digits a number.
    pub fn aligned(&self) -> String {
        let lines: Vec<Vec<String>> = self.lines(3).map(Iterator::collect).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> =
            (0..self.columns.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for (place, line) in lines.iter().enumerate() {
            let cells = self.columns.iter().zip(&widths).zip(line);
            let cells = cells.map(|((column, width), cell)| match column.is_key {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            });
            let cells = cells.collect::<Vec<_>>().join("  ");
            text.push_str(&format!("{}\n", cells.trim_end()));
            if place == 0 {
                text.push_str(&format!("{}\n", "-".repeat(cells.chars().count())));
            }
        }
        text
    }

    /// The headings and then every row as texts.
    fn lines(&self, digits: usize) -> impl Iterator<Item = impl Iterator<Item = String>> {
        let headings: Vec<String> = self.columns.iter().map(Column::heading).collect();
        let row = move |row: &Vec<Cell>| row.iter().map(|cell| cell.show(digits)).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(row).collect();
        iter::once(headings).chain(rows).map(Vec::into_iter)
    }
}

/// A table in the making: typed rows, and column by column what is shown of each.
///
/// ```
/// use reproduce::result::Rows;
/// let measured = [(10_usize, 0.25), (20, 0.125)];
/// let table = Rows::of(&measured)
///     .key("k", |(k, _)| *k)
///     .value("error", "%", |(_, error)| 100.0 * error)
///     .table("Error against budget");
/// assert_eq!(table.csv()?, "k,error (%)\n10,25\n20,12.5000\n");
/// # Ok::<(), csv::Error>(())
/// ```
pub struct Rows<'a, R> {
    rows: Vec<&'a R>,
    table: Table,
}

impl<'a, R> Rows<'a, R> {
    /// Rows without a column yet.
    pub fn of(rows: impl IntoIterator<Item = &'a R>) -> Self {
        let rows: Vec<&R> = rows.into_iter().collect();
        let table = Table { rows: vec![Vec::new(); rows.len()], ..Table::default() };
        Rows { rows, table }
    }

    /// Adds a column that says which measurement a row is.
    #[must_use]
    pub fn key<C: Into<Cell>>(self, name: &str, cell: impl Fn(&'a R) -> C) -> Self {
        self.column(Column::key(name), cell)
    }

    /// Adds a measured column and its unit.
    #[must_use]
    pub fn value<C: Into<Cell>>(self, name: &str, unit: &str, cell: impl Fn(&'a R) -> C) -> Self {
        self.column(Column::value(name, unit), cell)
    }

    /// Adds a measured column that says how the others came about, such as an interval.
    #[must_use]
    pub fn diagnostic<C: Into<Cell>>(
        self,
        name: &str,
        unit: &str,
        cell: impl Fn(&'a R) -> C,
    ) -> Self {
        self.column(Column::diagnostic(name, unit), cell)
    }

    fn column<C: Into<Cell>>(mut self, column: Column, cell: impl Fn(&'a R) -> C) -> Self {
        self.table.columns.push(column);
        for (cells, row) in self.table.rows.iter_mut().zip(&self.rows) {
            cells.push(cell(row).into());
        }
        self
    }

    /// The table, with what it shows.
    pub fn table(self, caption: &str) -> Table {
        Table { caption: caption.to_string(), ..self.table }
    }
}

/// A bar ends a cell in Markdown.
fn escape_bars(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        Rows::of(&[(5_usize, Some(0.123456789)), (10, None)])
            .key("estimator", |_| "top-k")
            .key("k", |(k, _)| *k)
            .value("error", "of |A||B|", |(_, error)| *error)
            .table("errors")
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
    fn stacked_tables_keep_their_own_values() {
        let errors = Rows::of(&[1_usize]).key("k", |k| *k).value("error", "%", |_| 0.5).table("e");
        let times = Rows::of(&[2_usize]).key("k", |k| *k).value("time", "s", |_| 3.0).table("t");
        let stacked = Table::stacked("both", vec![errors, times]);
        assert_eq!(stacked.csv().unwrap(), "k,error (%),time (s)\n1,0.500000,\n2,,3\n");
        let names: Vec<String> = stacked.numbers().into_iter().map(|n| n.name).collect();
        assert_eq!(names, ["k=1 error", "k=2 time"]);
    }

    #[test]
    fn markdown_escapes_bars_and_aligns_numbers() {
        let text = example().markdown();
        assert!(text.contains("| estimator | k | error (of \\|A\\|\\|B\\|) |"));
        assert!(text.contains("| --- | --- | ---: |"));
        assert!(text.contains("| top-k | 5 | 0.1235 |"));
    }

    #[test]
    fn a_terminal_shows_columns_of_equal_width_with_values_to_the_right() {
        let expected = "\
estimator  k   error (of |A||B|)
--------------------------------
top-k      5               0.123
top-k      10
";
        assert_eq!(example().aligned(), expected);
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
}
