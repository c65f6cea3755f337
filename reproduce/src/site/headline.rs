//! The headline: what sampling saves and costs, network by network, beside what the sources state.
//!
//! Exhibits hand on their rows themselves. What was found of whole trainings and what was found of
//! single steps was not measured in the same runs, and so never stands in one row.

use serde::Serialize;

use super::ExhibitPage;
use crate::result::{Cell, Column, Found, HeadlineRow, RelatedRow, Table, significant};

/// A table of the headline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadlineTable {
    /// What its rows have in common.
    pub caption: String,
    /// Headings, the first that of the exhibit or the source.
    pub headings: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// Whether the first cell of a row is the name of an exhibit.
    pub is_measured: bool,
}

/// What a cell is called whose value no source states.
const NOT_STATED: &str = "-";

/// The tables: what the sources state, and what was found; none where nothing was.
pub fn headline_tables(pages: &[ExhibitPage]) -> Option<Vec<HeadlineTable>> {
    let (mut trained, mut timed, mut related) = (Vec::new(), Vec::new(), Vec::new());
    for page in pages {
        for row in page.result.iter().flat_map(|result| &result.related) {
            let found = row.found.words().to_string();
            let RelatedRow { system, claim, data, measured, .. } = row.clone();
            related.push(vec![page.name.clone(), system, claim, data, found, measured]);
        }
        for row in page.result.iter().flat_map(|result| &result.headline) {
            let mut cells = begin(page, row);
            match &row.found {
                Found::Accuracy { sampled, exact, difference, seeds } => {
                    cells.extend([sampled, exact, difference].map(String::clone));
                    cells.push(seeds.to_string());
                    trained.push(cells);
                }
                Found::SpeedUp(speed_up) => {
                    cells.push(speed_up.clone());
                    timed.push(cells);
                }
            }
        }
    }
    let found = [trained_table(trained), timed_table(timed), related_table(related)];
    let found: Vec<HeadlineTable> = found.into_iter().filter(|t| !t.rows.is_empty()).collect();
    (!found.is_empty()).then(|| [stated()].into_iter().chain(found).collect())
}

/// The tables as a report.
pub fn headline_report(tables: &[HeadlineTable]) -> String {
    let texts: Vec<String> = tables.iter().map(|table| table.table().markdown()).collect();
    format!("# What sampling saves and costs\n\n{}", texts.join("\n"))
}

impl HeadlineTable {
    fn table(&self) -> Table {
        let columns = self.headings.iter().map(|name| Column::key(name)).collect();
        let mut table = Table::new(&self.caption, columns);
        for row in &self.rows {
            table.push(row.iter().map(|text| Cell::from(text.clone())).collect());
        }
        table
    }
}

/// The columns that both kinds of rows have.
const COMMON: [&str; 6] =
    ["exhibit", "network", "data", "sampling", "computation saved", "communication saved"];

fn begin(page: &ExhibitPage, row: &HeadlineRow) -> Vec<String> {
    let percent = |saved: f64| format!("{} %", significant(saved, 3));
    vec![
        page.name.clone(),
        row.network.clone(),
        row.data.clone(),
        row.sampling.clone(),
        percent(row.computation_saved),
        percent(row.communication_saved),
    ]
}

fn trained_table(rows: Vec<Vec<String>>) -> HeadlineTable {
    let own = ["test accuracy", "of exact products", "difference in points", "seeds"];
    HeadlineTable {
        caption: "Whole trainings: accuracies after the last epoch; ± 95 % intervals, the difference \
                  paired over the seeds. Savings are those of the same runs: workers that select by \
                  the norms of both factors keep different pairs and save no communication"
            .to_string(),
        headings: COMMON.into_iter().chain(own).collect(),
        rows,
        is_measured: true,
    }
}

fn timed_table(rows: Vec<Vec<String>>) -> HeadlineTable {
    HeadlineTable {
        caption: "Single training steps, timed on this machine: nothing is learnt; medians and \
                  quartiles of exact over sampled"
            .to_string(),
        headings: COMMON.into_iter().chain(["speed-up of a step"]).collect(),
        rows,
        is_measured: true,
    }
}

fn related_table(rows: Vec<Vec<String>>) -> HeadlineTable {
    HeadlineTable {
        caption: "Related systems: whether what they claim in words is so here. No table of these \
                  papers was seen, so no number is compared with one of theirs"
            .to_string(),
        headings: vec!["exhibit", "system", "its claim", "data", "found", "by"],
        rows,
        is_measured: true,
    }
}

fn stated() -> HeadlineTable {
    let row = |cells: [&str; 6]| cells.map(str::to_string).to_vec();
    HeadlineTable {
        caption: format!(
            "What the sources state ({NOT_STATED}: not stated in the sources at hand, nor which \
             estimator and ratio)"
        ),
        headings: vec![
            "source",
            "networks and data",
            "computation saved",
            "communication saved",
            "test accuracy",
            "speed-up of trainings",
        ],
        rows: vec![
            row([
                "paper, abstract",
                "all together",
                "up to 66 %",
                "up to 66 %",
                "negligible or no impact",
                "up to 1.37x",
            ]),
            row([
                "version of 2018, abstract",
                "MLP and CNN on MNIST, CNN on CIFAR-100, LSTM on Penn Treebank",
                "30 to 80 %",
                NOT_STATED,
                NOT_STATED,
                NOT_STATED,
            ]),
        ],
        is_measured: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{ExhibitResult, Reproduced};

    fn page(name: &str, found: Found, communication_saved: f64) -> ExhibitPage {
        let row = HeadlineRow {
            network: "MLP".into(),
            data: "digits, cut from 60000 and 10000".into(),
            sampling: "top-k at 0.5".into(),
            computation_saved: 50.0,
            communication_saved,
            found,
        };
        let result = ExhibitResult { headline: vec![row], ..Default::default() };
        ExhibitPage { result: Some(result), ..super::super::tests::exhibit(name, "a caption") }
    }

    fn accuracy() -> Found {
        Found::Accuracy {
            sampled: "97.5 ± 0.2 %".into(),
            exact: "98 ± 0.2 %".into(),
            difference: "-0.5 ± 0.6, within noise".into(),
            seeds: 3,
        }
    }

    #[test]
    fn a_training_and_a_step_of_one_network_stand_in_two_rows_of_two_tables() {
        let pages = [
            page("mlp-accuracy", accuracy(), 0.0),
            page("training-step", Found::SpeedUp("1.8x (1.7 to 1.9)".into()), 0.0),
        ];
        let tables = headline_tables(&pages).unwrap();
        let rows: Vec<usize> = tables.iter().map(|table| table.rows.len()).collect();
        assert_eq!(rows, [2, 1, 1]);
        assert!(tables.iter().flat_map(|t| &t.rows).all(|row| {
            !(row.iter().any(|cell| cell.contains("1.8x"))
                && row.iter().any(|cell| cell.contains("97.5")))
        }));
        let text = headline_report(&tables);
        let expected = "| mlp-accuracy | MLP | digits, cut from 60000 and 10000 | top-k at 0.5 | \
                        50 % | 0 % | 97.5 ± 0.2 % | 98 ± 0.2 % | -0.5 ± 0.6, within noise | 3 |";
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.matches("not stated in the sources at hand").count(), 1);
    }

    #[test]
    fn a_related_system_stands_in_a_table_of_its_own() {
        let mut page = page("ensemble-kalman", accuracy(), 0.0);
        let row = RelatedRow {
            system: "filter".into(),
            claim: "It fits.".into(),
            data: "sine".into(),
            found: Reproduced::InPart,
            measured: "1 of 2 thresholds hold".into(),
        };
        page.result = Some(ExhibitResult { related: vec![row], ..Default::default() });
        let text = headline_report(&headline_tables(&[page]).unwrap());
        let expected = "| ensemble-kalman | filter | It fits. | sine | qualitative claim reproduced \
                        in part | 1 of 2 thresholds hold |";
        assert!(text.contains(expected), "{text}");
        let words = [Reproduced::Yes, Reproduced::No].map(Reproduced::words);
        assert_eq!(words, ["qualitative claim reproduced", "qualitative claim not reproduced"]);
    }

    #[test]
    fn a_row_has_a_cell_a_heading() {
        let pages = [page("a", accuracy(), 49.9), page("b", Found::SpeedUp("2x".into()), 0.0)];
        for table in headline_tables(&pages).unwrap() {
            assert!(table.rows.iter().all(|row| row.len() == table.headings.len()));
        }
    }

    #[test]
    fn without_results_there_is_no_table() {
        let mut none = page("mlp-accuracy", accuracy(), 0.0);
        none.result = None;
        assert_eq!(headline_tables(&[none]), None);
        assert_eq!(headline_tables(&[]), None);
    }
}
