//! Comparisons of times: the typed rows that tables, JSON and records are made of.

use serde_json::{Map, Value, json};

use crate::result::{Cell, Column, Number, Rows, Table};
use crate::timing::Spread;

/// Comparisons of one kind.
#[derive(Clone, Debug)]
pub struct Contest {
    /// What is compared.
    pub caption: String,
    /// What tells the comparisons apart.
    pub keys: &'static [&'static str],
    /// Of what the ratio is.
    pub ratio: &'static str,
    /// What else is measured, with its unit.
    pub others: Vec<(String, &'static str)>,
    /// In the order of measuring.
    pub rows: Vec<Comparison>,
}

/// One comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Which one it is, a cell a key.
    pub keys: Vec<Cell>,
    /// The median of the ratios within the rounds, and their quartiles; none where nobody is there to
    /// compare with.
    pub ratio: Option<Spread>,
    /// What the ratio should be; none where nothing is aimed at.
    pub goal: Option<f64>,
    /// A cell for each of [`Contest::others`].
    pub others: Vec<Cell>,
}

impl Contest {
    /// The table, with what `last` tells of a row's first number by its name.
    pub fn table(&self, last: impl Fn(&str) -> Option<f64>) -> Table {
        let ratio = |row: &Comparison, number: fn(&Spread) -> f64| row.ratio.as_ref().map(number);
        let before = |row: &Comparison| {
            let first = self.medians_of([row]).into_iter().next()?;
            last(&first.name).map(|before| (before, first.value / before))
        };
        let table = self
            .keyed(&self.rows)
            .value(self.ratio, "", |row| ratio(row, |spread| spread.median))
            .value("low", "", |row| ratio(row, |spread| spread.low))
            .value("high", "", |row| ratio(row, |spread| spread.high))
            .value("goal", "", |row| row.goal);
        let table = self
            .with_others(table)
            .value("last record", "", |row| before(row).map(|(before, _)| before))
            .value("over last record", "", |row| before(row).map(|(_, share)| share));
        table.table(&self.caption)
    }

    /// The medians of all rows, by the names that they have in a record.
    pub fn medians(&self) -> Vec<Number> {
        self.medians_of(&self.rows)
    }

    fn medians_of<'a>(&'a self, rows: impl IntoIterator<Item = &'a Comparison>) -> Vec<Number> {
        let ratio = |row: &Comparison| row.ratio.map(|spread| spread.median);
        let rows = self.keyed(rows).value(self.ratio, "", ratio);
        self.with_others(rows).table(&self.caption).numbers()
    }

    fn keyed<'a>(&self, rows: impl IntoIterator<Item = &'a Comparison>) -> Rows<'a, Comparison> {
        let keys = self.keys.iter().enumerate();
        keys.fold(Rows::of(rows), |rows, (place, name)| {
            rows.key(name, |row| row.keys[place].clone())
        })
    }

    fn with_others<'a>(&self, rows: Rows<'a, Comparison>) -> Rows<'a, Comparison> {
        let others = self.others.iter().enumerate();
        others.fold(rows, |rows, (place, (name, unit))| {
            rows.value(name, unit, |row| row.others[place].clone())
        })
    }
}

/// One event a row: the table's caption and every cell under its column's heading.
pub fn events(table: &Table) -> impl Iterator<Item = Value> {
    table.rows.iter().map(|row| {
        let cells = table.columns.iter().map(Column::heading).zip(row);
        let cells: Map<String, Value> =
            cells.map(|(heading, cell)| (heading, json!(cell))).collect();
        json!({"event": "row", "table": table.caption, "cells": cells})
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two comparisons: one without anybody to compare with.
    pub fn contest() -> Contest {
        let row = |shape: &str, ratio| Comparison {
            keys: vec![shape.into()],
            ratio,
            goal: None,
            others: vec![4.0.into()],
        };
        let ratio = Spread { low: 1.0, median: 1.25, high: 1.5 };
        Contest {
            caption: "Speeds".to_string(),
            keys: &["shape"],
            ratio: "speed over best",
            others: vec![("ours".to_string(), "GFLOP/s")],
            rows: vec![row("8x8x8", Some(ratio)), row("9x9x9", None)],
        }
    }

    #[test]
    fn the_medians_of_a_record_leave_out_quartiles_goals_and_what_is_missing() {
        let medians = contest().medians();
        let medians: Vec<(&str, f64)> =
            medians.iter().map(|m| (m.name.as_str(), m.value)).collect();
        let expected = [("8x8x8 speed over best", 1.25), ("8x8x8 ours", 4.0), ("9x9x9 ours", 4.0)];
        assert_eq!(medians, expected);
    }

    #[test]
    fn the_first_number_of_a_row_stands_beside_that_of_the_last_record() {
        let table = contest().table(|name| (name == "9x9x9 ours").then_some(8.0));
        let lines: Vec<Value> = events(&table).collect();
        assert_eq!(lines[0]["table"], "Speeds");
        assert_eq!(lines[0]["cells"]["speed over best"], 1.25);
        assert_eq!(lines[0]["cells"]["last record"], Value::Null);
        assert_eq!(lines[1]["cells"]["ours (GFLOP/s)"], 4.0);
        assert_eq!(lines[1]["cells"]["over last record"], 0.5);
    }
}
