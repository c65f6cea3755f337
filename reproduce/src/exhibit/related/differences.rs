//! Ways beside one of them, seed by seed: differences with Student's interval and the bootstrap's.

use super::ranking::Way;
use crate::exhibit::difference::{Difference, bootstrap};
use crate::result::{Rows, Table, significant};

/// A way beside the one that all are compared with.
#[derive(Clone, Debug)]
pub struct Beside {
    data: String,
    names: [String; 2],
    difference: Difference,
    bootstrap: Option<(f64, f64)>,
}

/// Every way less the subject, on the same data; nothing where there is one seed, which has no
/// interval.
pub fn beside(data: &str, subject: &Way, others: &[Way]) -> Vec<Beside> {
    let differences = others.iter().map(|other| Beside {
        data: data.to_string(),
        names: [other.name.clone(), subject.name.clone()],
        difference: Difference::paired(&other.values, &subject.values),
        bootstrap: bootstrap(&other.values, &subject.values),
    });
    differences.filter(|row| row.bootstrap.is_some()).collect()
}

/// A row a difference.
pub fn records(rows: &[Beside]) -> Table {
    Rows::of(rows)
        .key("part", |_| "difference")
        .key("data", |row| row.data.clone())
        .key("case", |row| row.names.join(" less "))
        .value("difference", "", |row| row.difference.mean())
        .diagnostic("student-half-width", "", |row| row.difference.half_width())
        .diagnostic("bootstrap-low", "", |row| row.bootstrap.map(|(low, _)| low))
        .diagnostic("bootstrap-high", "", |row| row.bootstrap.map(|(_, high)| high))
        .table("Differences")
}

/// The differences of a number; nothing where there are none.
pub fn table(rows: &[Beside], quantity: &str) -> Option<Table> {
    let table = Rows::of(rows)
        .key("data", |row| row.data.clone())
        .key("of", |row| row.names[0].clone())
        .key("less that of", |row| row.names[1].clone())
        .key("difference, Student", |row| row.difference.words())
        .key("difference, bootstrap", Beside::words)
        .table(&format!(
            "{quantity}, paired over the seeds: differences with 95 % intervals by Student's t and \
             by the bootstrap"
        ));
    (!rows.is_empty()).then_some(table)
}

impl Beside {
    /// What is compared with the subject.
    pub fn name(&self) -> &str {
        &self.names[0]
    }

    /// "0.01 to 0.03, higher".
    fn words(&self) -> String {
        let Some((low, high)) = self.bootstrap else { return String::new() };
        let reading = match (low > 0.0, high < 0.0) {
            (true, _) => "higher",
            (_, true) => "lower",
            _ => "within noise",
        };
        format!("{} to {}, {reading}", significant(low, 3), significant(high, 3))
    }

    fn is_read_the_same(&self) -> bool {
        self.words().ends_with(self.difference.reading().words())
    }
}

/// The first difference of every data set in a sentence; empty where there is none.
pub fn finding(rows: &[Beside], quantity: &str) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let [name, subject] = &first.names;
    let same = rows.iter().filter(|row| row.names == first.names);
    let found = same.map(|row| format!("{} on {}", row.difference.words(), row.data));
    let found: Vec<String> = found.collect();
    format!("{quantity} of {name} less that of {subject}: {}.", found.join("; "))
}

/// Whether both intervals say the same of every difference, in a sentence.
pub fn agreement(rows: &[Beside]) -> Option<String> {
    let others: Vec<String> = rows
        .iter()
        .filter(|row| !row.is_read_the_same())
        .map(|row| {
            let [name, subject] = &row.names;
            format!("{name} less {subject} on {}: {}", row.data, row.words())
        })
        .collect();
    match (rows.len(), others.len()) {
        (0, _) => None,
        (all, 0) => {
            Some(format!("Student's t and the bootstrap say the same of all {all} differences."))
        }
        (all, count) => Some(format!(
            "Student's t and the bootstrap say the same of {} of {all} differences; otherwise the \
             bootstrap, which is too narrow with few seeds: {}.",
            all - count,
            others.join("; ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(name: &str, values: &[f64]) -> Way {
        Way { name: name.to_string(), values: values.to_vec() }
    }

    fn rows() -> Vec<Beside> {
        let others = [
            way("worse", &[2.0, 2.4, 3.1, 3.9]),
            way("better", &[0.0, 0.4, 1.1, 1.9]),
            way("as good", &[1.1, 1.3, 2.2, 2.7]),
        ];
        beside("sine", &way("ours", &[1.0, 1.5, 2.0, 3.0]), &others)
    }

    #[test]
    fn a_difference_is_of_the_other_less_the_subject() {
        let words: Vec<String> = rows().iter().map(Beside::words).collect();
        assert!(words[0].starts_with("0.9") && words[0].ends_with(", higher"), "{words:?}");
        assert!(words[1].starts_with("-1.1") && words[1].ends_with(", lower"), "{words:?}");
        assert!(words[2].ends_with(", within noise"), "{words:?}");
        let records = records(&rows());
        assert_eq!(records.rows.len(), 3);
        assert!(table(&rows(), "Errors").is_some_and(|table| table.rows.len() == 3));
    }

    #[test]
    fn the_finding_is_the_first_difference_on_all_data() {
        let on_hat = beside("hat", &way("ours", &[1.0, 1.0]), &[way("worse", &[1.0, 1.0])]);
        let found = finding(&[rows(), on_hat].concat(), "Error");
        assert!(found.starts_with("Error of worse less that of ours: 0.97 ± "), "{found}");
        assert!(found.ends_with(", higher on sine; 0 ± 0, within noise on hat."), "{found}");
        assert_eq!(finding(&[], "Error"), "");
    }

    #[test]
    fn one_seed_has_no_differences() {
        let rows = beside("sine", &way("ours", &[1.0]), &[way("other", &[2.0])]);
        assert!(rows.is_empty() && table(&rows, "Errors").is_none() && agreement(&rows).is_none());
    }

    #[test]
    fn where_the_intervals_disagree_it_is_said() {
        let all = agreement(&rows()).unwrap();
        assert_eq!(all, "Student's t and the bootstrap say the same of all 3 differences.");
        // Of three seeds Student's t has a factor of 4.3, and the bootstrap stays between them.
        let ours = way("ours", &[0.0, 0.0, 0.0]);
        let mut some = beside("hat", &ours, &[way("slightly worse", &[0.1, 0.5, 0.9])]);
        some.extend(rows());
        let found = agreement(&some).unwrap();
        assert!(
            found.starts_with("Student's t and the bootstrap say the same of 3 of 4 differences; "),
            "{found}"
        );
        assert!(found.ends_with("slightly worse less ours on hat: 0.100 to 0.900, higher."));
    }
}
