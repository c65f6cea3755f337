//! What `check` says: a line an exhibit as it goes, then all together, then what differs.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::comparison::{Comparison, Difference};
use super::history::History;
use super::tally::{Finding, Tally};
use crate::output::say;
use crate::result::{Rows, Table};
use crate::snapshot::{Number, Origin};
use crate::text::wrapped;

/// What came of an exhibit.
pub struct Checked {
    /// Its name.
    pub name: String,
    /// The file with the committed numbers.
    pub path: PathBuf,
    /// What was found.
    pub finding: Finding,
    /// What explains differences, where it is known: another seed, other settings.
    pub reason: Option<String>,
}

/// What explains that numbers differ, in words: committed ones are of another seed or of other
/// settings.
pub fn reason(committed: Option<&Origin>, found: &Origin) -> Option<String> {
    let committed = committed?;
    let seed = (committed.seed != found.seed)
        .then(|| format!("seed {} instead of {}", found.seed, committed.seed));
    let settings = (committed.settings != found.settings)
        .then(|| format!("settings {} instead of {}", found.settings, committed.settings));
    let reasons: Vec<String> = seed.into_iter().chain(settings).collect();
    (!reasons.is_empty()).then(|| reasons.join(" and "))
}

/// What came of an exhibit, on a line.
pub fn line(checked: &Checked) -> String {
    let found = match &checked.finding {
        Finding::Unreadable(error) => format!("FAILED: {}: {error}", checked.path.display()),
        Finding::Compared { comparison, failures } => {
            let differing = comparison.differences.len();
            let numbers = match differing {
                0 => format!("{} numbers agree", comparison.agreed),
                _ => format!("{differing} of {} numbers differ", comparison.agreed + differing),
            };
            let title = if comparison.titles.is_some() { ", the title differs" } else { "" };
            let failed = match failures.len() {
                0 => String::new(),
                count => format!(", FAILED: {count}"),
            };
            format!("{numbers}{title}{failed}")
        }
    };
    wrapped(&format!("{:<22} ", checked.name), &found)
}

/// All together, and then what differs, the exhibit with the largest change first.
pub fn show(all: &[Checked], tally: &Tally) {
    say!("\n{}", wrapped("", &tally.to_string()));
    for checked in sorted(all) {
        say!("\n{}:", checked.name);
        for sentence in sentences(checked) {
            say!("{}", wrapped("  ", &sentence));
        }
        if let Some(table) = differences(checked) {
            say!("{}", table.aligned().trim_end());
        }
    }
}

/// The same as Markdown, for a pull request.
pub fn markdown(all: &[Checked], tally: &Tally) -> String {
    let mut text = format!("## Numbers beside the committed ones\n\n{tally}\n");
    for checked in sorted(all) {
        text.push_str(&format!("\n### {}\n", checked.name));
        for sentence in sentences(checked) {
            text.push_str(&format!("\n{sentence}\n"));
        }
        if let Some(table) = differences(checked) {
            text.push_str(&format!("\n{}", table.markdown()));
        }
    }
    text
}

/// The exhibits that do not agree, the one with the largest change first.
fn sorted(all: &[Checked]) -> Vec<&Checked> {
    let size = |checked: &&Checked| match &checked.finding {
        Finding::Unreadable(_) => f64::INFINITY,
        Finding::Compared { comparison, .. } => {
            comparison.differences.first().map_or(0.0, Difference::size)
        }
    };
    let mut differing: Vec<&Checked> =
        all.iter().filter(|checked| !checked.finding.agrees()).collect();
    differing.sort_by(|one, other| size(other).total_cmp(&size(one)));
    differing
}

/// What is to be said of an exhibit besides its numbers.
fn sentences(checked: &Checked) -> Vec<String> {
    let (comparison, failures) = match &checked.finding {
        Finding::Unreadable(error) => return vec![format!("FAILED {error}")],
        Finding::Compared { comparison, failures } => (comparison, failures),
    };
    let title = comparison
        .titles
        .as_ref()
        .map(|[old, new]| format!("the title differs: {old:?} -> {new:?}"));
    let reason = checked.reason.as_ref().map(|reason| format!("computed with {reason}"));
    let failures = failures.iter().map(|failure| format!("FAILED {failure}"));
    reason.into_iter().chain(title).chain(failures).collect()
}

/// The numbers that differ, the largest change first.
fn differences(checked: &Checked) -> Option<Table> {
    let Finding::Compared { comparison, .. } = &checked.finding else { return None };
    let history = History::of(&checked.path, &comparison.differences);
    (!comparison.differences.is_empty()).then(|| table(comparison, &history))
}

fn table(comparison: &Comparison, history: &History) -> Table {
    let show = |number: &Option<Number>| number.as_ref().map_or("none".into(), |n| n.text.clone());
    Rows::of(&comparison.differences)
        .value("committed", "", |difference| show(&difference.old))
        .value("found", "", |difference| show(&difference.new))
        .value("change", "", Difference::change)
        .key("interval", Difference::reading)
        .key("last changed", |difference| history.last_change(difference.old.as_ref()))
        .key("number", |difference| difference.name.as_str())
        .table("Numbers that differ")
}

/// What came of an exhibit as an event.
pub fn event(checked: &Checked) -> Value {
    let Checked { name, path, finding, reason } = checked;
    let (comparison, failures) = match finding {
        Finding::Unreadable(error) => {
            return json!({
                "event": "exhibit", "name": name, "reference": path, "agrees": false,
                "error": error.to_string(),
            });
        }
        Finding::Compared { comparison, failures } => (comparison, failures),
    };
    let history = History::of(path, &comparison.differences);
    let text = |number: &Option<Number>| number.as_ref().map(|number| number.text.clone());
    let differences: Vec<Value> = comparison
        .differences
        .iter()
        .map(|difference| {
            json!({
                "name": difference.name,
                "old": text(&difference.old), "new": text(&difference.new),
                "relative": difference.relative(), "half_width": difference.half_width,
                "last_change": history.last_change(difference.old.as_ref()),
            })
        })
        .collect();
    json!({
        "event": "exhibit", "name": name, "reference": path, "agrees": finding.agrees(),
        "titles": comparison.titles, "agreed": comparison.agreed, "differences": differences,
        "reason": reason, "failures": failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, old: &str, new: &str) -> Checked {
        let [old, new] =
            [old, new].map(|lines| format!("demo · made up · quick\n{lines}").parse().unwrap());
        let comparison = Comparison::of(&old, &new);
        Checked {
            name: name.into(),
            path: "nowhere/demo.txt".into(),
            finding: Finding::Compared { comparison, failures: Vec::new() },
            reason: None,
        }
    }

    #[test]
    fn the_largest_change_of_all_exhibits_comes_first_and_what_agrees_is_left_out() {
        let all = [
            checked("small", "a = 1 %\n", "a = 1.01 %\n"),
            checked("same", "a = 1 %\n", "a = 1 %\n"),
            checked("large", "a = 1 %\n", "a = 3 %\n"),
            checked("other", "a = 1 %\n", "b = 3 %\n"),
        ];
        let names: Vec<&str> = sorted(&all).iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["other", "large", "small"]);
        assert_eq!(line(&all[1]), "same                   1 numbers agree");
        assert_eq!(line(&all[2]), "large                  1 of 1 numbers differ");
    }

    #[test]
    fn another_seed_and_other_settings_are_named() {
        let origin = |seed, settings: &str| Origin { seed, settings: settings.into() };
        let committed = origin(1, "aa");
        assert_eq!(reason(Some(&committed), &origin(1, "aa")), None);
        assert_eq!(reason(None, &origin(7, "bb")), None);
        let of = |seed, settings| reason(Some(&committed), &origin(seed, settings)).unwrap();
        assert_eq!(of(7, "aa"), "seed 7 instead of 1");
        assert_eq!(of(1, "bb"), "settings bb instead of aa");
        assert_eq!(of(7, "bb"), "seed 7 instead of 1 and settings bb instead of aa");
    }

    #[test]
    fn markdown_has_the_sum_before_the_numbers() {
        let old = "a = 90 %\na-half-width = 2 points\n";
        let mut one = checked("demo", old, "a = 91 %\na-half-width = 2 points\n");
        one.reason = Some("seed 7 instead of 1".into());
        let mut tally = Tally::default();
        tally.add(&one.finding);
        let text = markdown(&[one], &tally);
        let sum = text.find("0 agree, 1 differ; 2 numbers compared").unwrap();
        let reason = text.find("computed with seed 7 instead of 1").unwrap();
        let row = text
            .find("| 90 % | 91 % | +1.1 % | within ±2 |  | a |")
            .unwrap_or_else(|| panic!("{text}"));
        assert!(sum < reason && reason < row, "{text}");
    }
}
