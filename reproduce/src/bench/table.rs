//! Tables on the terminal and as lines of JSON.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, ContentArrangement};
use serde_json::{Map, Value, json};

use crate::output::say;
use crate::result::{Cell, Table};

/// The table with aligned columns, as wide as the terminal allows.
pub fn draw(table: &Table) -> comfy_table::Table {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(UTF8_BORDERS_ONLY);
    drawn.set_content_arrangement(ContentArrangement::Dynamic);
    drawn.set_header(table.columns.iter().map(|column| column.heading()));
    for row in &table.rows {
        drawn.add_row(row.iter().map(|cell| cell.show(3)));
    }
    for (drawn, column) in drawn.column_iter_mut().zip(&table.columns) {
        if !column.is_key {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    drawn
}

/// One object a row: the table's caption and every cell under its column's name.
pub fn print_lines(table: &Table) {
    for row in &table.rows {
        say!("{}", line(table, row));
    }
}

fn line(table: &Table, row: &[Cell]) -> Value {
    let cells: Map<String, Value> = table
        .columns
        .iter()
        .zip(row)
        .map(|(column, cell)| (column.heading(), json!(cell)))
        .collect();
    json!({"event": "row", "table": table.caption, "cells": cells})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Column;

    fn table() -> Table {
        let columns = vec![Column::key("shape"), Column::value("ratio", "x")];
        let mut table = Table::new("Speeds", columns);
        table.push(vec!["8x8x8".into(), 1.23456.into()]);
        table.push(vec!["9x9x9".into(), None.into()]);
        table
    }

    #[test]
    fn a_line_names_every_cell() {
        let table = table();
        let expected = json!({
            "event": "row", "table": "Speeds", "cells": {"shape": "8x8x8", "ratio (x)": 1.23456},
        });
        assert_eq!(line(&table, &table.rows[0]), expected);
        assert_eq!(line(&table, &table.rows[1])["cells"]["ratio (x)"], Value::Null);
    }

    #[test]
    fn the_drawn_table_shows_three_digits() {
        let text = draw(&table()).to_string();
        assert!(text.contains("ratio (x)") && text.contains("1.23") && !text.contains("1.234"));
    }
}
