//! The headline table: what sampling saves and costs, network by network, beside what the sources
//! state.

use serde::Serialize;

use crate::result::{Cell, Column, ExhibitResult, Table};

/// One network, sampled in one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HeadlineRow {
    /// The network, or the source of a statement.
    pub network: String,
    /// What it learns.
    pub data: String,
    /// Estimator and ratio.
    pub sampling: String,
    /// Multiply-adds of training that are saved.
    pub computation: String,
    /// Gradient numbers that need not be sent.
    pub communication: String,
    /// Test accuracy with its interval over the seeds.
    pub accuracy: String,
    /// The same of exact products, and the difference.
    pub baseline: String,
    /// Time of an exact training step over that of a sampled one, measured on this machine.
    pub speed_up: String,
    /// Name of the exhibit the numbers are from; none of a statement.
    pub exhibit: Option<String>,
}

/// The ratios shown, where they were measured.
const RATIOS: [f64; 3] = [0.5, 0.25, 0.1];
const NOT_STATED: &str = "not stated in the sources at hand";

/// The statements of the sources, then every network with the exhibits that were computed.
pub fn headline_rows<'a>(
    result: impl Fn(&str) -> Option<&'a ExhibitResult>,
) -> Option<Vec<HeadlineRow>> {
    let timing = result("training-step");
    let mut rows = Vec::new();
    for exhibit in ["mlp-accuracy", "cnn-accuracy", "wrn-accuracy"] {
        if let Some(accuracy) = result(exhibit) {
            rows.extend(trained(exhibit, accuracy, timing));
        }
    }
    // Networks that were timed and not trained.
    for exhibit in ["training-step", "resnet-step"] {
        if let Some(timed) = result(exhibit) {
            let known: Vec<String> = rows.iter().map(|row| row.network.clone()).collect();
            rows.extend(only_timed(exhibit, timed).filter(|row| !known.contains(&row.network)));
        }
    }
    (!rows.is_empty()).then(|| stated().into_iter().chain(rows).collect())
}

/// The rows as a table of a report.
pub fn headline_table(rows: &[HeadlineRow]) -> Table {
    let names = [
        "network",
        "data",
        "sampling",
        "computation saved",
        "communication saved",
        "test accuracy",
        "exact products, difference",
        "speed-up of a step",
    ];
    let columns = names.iter().map(|name| Column::key(name)).collect();
    let mut table = Table::new("What sampling saves and costs", columns);
    for row in rows {
        let cells = [
            &row.network,
            &row.data,
            &row.sampling,
            &row.computation,
            &row.communication,
            &row.accuracy,
            &row.baseline,
            &row.speed_up,
        ];
        table.push(cells.map(|text| Cell::from(text.clone())).to_vec());
    }
    table
}

fn stated() -> [HeadlineRow; 2] {
    let text = |text: &str| text.to_string();
    [
        HeadlineRow {
            network: text("paper, abstract: all networks together"),
            data: text(NOT_STATED),
            sampling: text(NOT_STATED),
            computation: text("up to 66 %"),
            communication: text("up to 66 %"),
            accuracy: text("negligible or no impact"),
            baseline: text(NOT_STATED),
            speed_up: text("up to 1.37x, of whole trainings"),
            exhibit: None,
        },
        HeadlineRow {
            network: text("version of 2018, abstract: MLP and CNNs, LSTM"),
            data: text("MNIST, CIFAR-100, Penn Treebank"),
            sampling: text(NOT_STATED),
            computation: text("30 to 80 %"),
            communication: text(NOT_STATED),
            accuracy: text(NOT_STATED),
            baseline: text(NOT_STATED),
            speed_up: text(NOT_STATED),
            exhibit: None,
        },
    ]
}

/// The rows of an exhibit of accuracy, with the times of the same network.
fn trained(
    exhibit: &str,
    accuracy: &ExhibitResult,
    timing: Option<&ExhibitResult>,
) -> Vec<HeadlineRow> {
    let Some(table) = accuracy.tables.first() else { return Vec::new() };
    let network = accuracy.title.replace("Accuracy of the ", "");
    let network = network.split(' ').next().unwrap_or_default();
    // How many images there are is for the exhibit to say.
    let data = accuracy.data.rsplit_once(" (").map_or(&*accuracy.data, |(set, _)| set);
    let measured = |row: usize| {
        let interval = match table.cell(row, "95 % interval, ±") {
            Some(Cell::Missing) | None => String::new(),
            Some(half) => format!(" ± {}", half.show(2)),
        };
        table
            .cell(row, "test accuracy")
            .map_or(String::new(), |mean| format!("{} %{interval}", mean.show(4)))
    };
    let exact = (0..table.rows.len()).find(|&row| is_exact(table, row));
    let chosen = (0..table.rows.len()).filter(|&row| !is_exact(table, row) && shown(table, row));
    chosen
        .map(|row| {
            let sampling = [table.show(row, "estimator", 4), table.show(row, "ratio", 3)];
            let against = table.show(row, "against exact", 2);
            HeadlineRow {
                network: network.to_string(),
                data: data.to_string(),
                sampling: sampling.join(" at "),
                computation: saved(table, row, "computations"),
                communication: saved(table, row, "communication"),
                accuracy: measured(row),
                baseline: exact.map_or(String::new(), |exact| {
                    format!("{}, {against} points", measured(exact))
                }),
                speed_up: speed_up(timing, network, &sampling),
                exhibit: Some(exhibit.to_string()),
            }
        })
        .collect()
}

/// The rows of an exhibit of times.
fn only_timed<'a>(
    exhibit: &'a str,
    timed: &'a ExhibitResult,
) -> impl Iterator<Item = HeadlineRow> + 'a {
    let table = &timed.records;
    let chosen = (0..table.rows.len()).filter(|&row| !is_exact(table, row) && shown(table, row));
    chosen.map(move |row| {
        let sampling = [table.show(row, "estimator", 4), table.show(row, "ratio", 3)];
        HeadlineRow {
            network: table.show(row, "network", 4),
            data: timed.data.clone(),
            sampling: sampling.join(" at "),
            computation: saved(table, row, "computations"),
            communication: saved(table, row, "communication"),
            accuracy: "not trained here".to_string(),
            baseline: "not trained here".to_string(),
            speed_up: format!("{}x", table.show(row, "speed-up", 3)),
            exhibit: Some(exhibit.to_string()),
        }
    })
}

fn is_exact(table: &Table, row: usize) -> bool {
    table.show(row, "estimator", 4) == "exact"
}

fn shown(table: &Table, row: usize) -> bool {
    matches!(table.cell(row, "ratio"), Some(Cell::Number(ratio)) if RATIOS.contains(ratio))
}

fn saved(table: &Table, row: usize, column: &str) -> String {
    match table.cell(row, column) {
        Some(Cell::Number(kept)) => format!("{} %", Cell::from(100.0 - kept).show(3)),
        _ => "not counted".to_string(),
    }
}

fn speed_up(timing: Option<&ExhibitResult>, network: &str, sampling: &[String; 2]) -> String {
    let found = timing.and_then(|timing| {
        let table = &timing.records;
        let row = (0..table.rows.len()).find(|&row| {
            table.show(row, "network", 4) == network
                && [table.show(row, "estimator", 4), table.show(row, "ratio", 3)] == *sampling
        })?;
        Some(format!("{}x", table.show(row, "speed-up", 3)))
    });
    found.unwrap_or_else(|| "not measured".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accuracy() -> ExhibitResult {
        let mut summary = Table::new(
            "After the last epoch",
            vec![
                Column::key("estimator"),
                Column::key("ratio"),
                Column::value("test accuracy", "%"),
                Column::value("95 % interval, ±", "points"),
                Column::value("against exact", "points"),
                Column::value("computations", "% of exact"),
                Column::value("communication", "% of all"),
            ],
        );
        let rows = [("exact", 1.0, 98.0), ("top-k", 0.5, 97.5), ("top-k", 0.3, 97.0)];
        for (estimator, ratio, mean) in rows {
            let numbers = [mean, 0.2, mean - 98.0, 100.0 * ratio, 100.0 * ratio];
            let mut row = vec![estimator.into(), ratio.into()];
            row.extend(numbers.map(Cell::from));
            summary.push(row);
        }
        let title = "Accuracy of the MLP trained with sampled products".to_string();
        ExhibitResult {
            title,
            data: "digits (5 images)".into(),
            tables: vec![summary],
            ..Default::default()
        }
    }

    fn timing() -> ExhibitResult {
        let mut records = Table::new(
            "A training step",
            vec![
                Column::key("network"),
                Column::key("estimator"),
                Column::key("ratio"),
                Column::value("speed-up", "times"),
                Column::value("computations", "% of exact"),
            ],
        );
        for network in ["MLP", "WRN-16-4"] {
            let row: Vec<Cell> =
                vec![network.into(), "top-k".into(), 0.5.into(), 1.8.into(), 50.0.into()];
            records.push(row);
        }
        ExhibitResult { data: "random images".into(), records, ..Default::default() }
    }

    #[test]
    fn every_network_has_its_savings_its_accuracy_and_its_time() {
        let (accuracy, timing) = (accuracy(), timing());
        let rows = headline_rows(|name| match name {
            "mlp-accuracy" => Some(&accuracy),
            "training-step" => Some(&timing),
            _ => None,
        })
        .unwrap();
        assert_eq!(rows.len(), 2 + 1 + 1, "two statements, the MLP at 0.5, and the WRN");
        assert_eq!(rows[2].network, "MLP");
        assert_eq!(rows[2].sampling, "top-k at 0.500");
        assert_eq!([&rows[2].computation, &rows[2].communication], ["50 %", "50 %"]);
        assert_eq!(rows[2].accuracy, "97.50 % ± 0.20");
        assert_eq!(rows[2].baseline, "98 % ± 0.20, -0.50 points");
        assert_eq!(rows[2].speed_up, "1.80x");
        assert_eq!(rows[3].network, "WRN-16-4");
        assert_eq!(rows[3].communication, "not counted");
        assert_eq!(rows[3].accuracy, "not trained here");
        let text = headline_table(&rows).markdown();
        assert!(text.contains("| MLP | digits | top-k at 0.500 | 50 % | 50 % |"), "{text}");
    }

    #[test]
    fn without_results_there_is_no_table() {
        assert_eq!(headline_rows(|_| None), None);
    }
}
