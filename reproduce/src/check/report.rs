//! What `check` says of one exhibit.

use std::path::Path;

use serde_json::{Value, json};

use super::history::History;
use super::tally::Finding;
use crate::output::say;
use crate::snapshot::Number;

/// Says what came of an exhibit, for people.
pub fn show(name: &str, path: &Path, finding: &Finding) {
    let (comparison, failures) = match finding {
        Finding::Unreadable(error) => {
            return say!("{name:<22} FAILED: {}: {error}", path.display());
        }
        Finding::Compared { comparison, failures } => (comparison, failures),
    };
    let differing = comparison.differences.len();
    match differing {
        0 => say!("{name:<22} {} numbers agree", comparison.agreed),
        _ => say!("{name:<22} {differing} of {} numbers differ", comparison.agreed + differing),
    }
    if let Some([old, new]) = &comparison.titles {
        say!("  the title differs: {old:?} -> {new:?}");
    }
    let history = History::of(path, &comparison.differences);
    let width = comparison.differences.iter().map(|d| d.name.chars().count()).max().unwrap_or(0);
    for difference in &comparison.differences {
        let last = history.last_change(difference.old.as_ref());
        say!("  {}{}", difference.line(width), last.map_or(String::new(), |c| format!("; {c}")));
    }
    for failure in failures {
        say!("  FAILED {failure}");
    }
}

/// The same as an event.
pub fn event(name: &str, path: &Path, finding: &Finding) -> Value {
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
                "relative": difference.relative(),
                "last_change": history.last_change(difference.old.as_ref()),
            })
        })
        .collect();
    json!({
        "event": "exhibit", "name": name, "reference": path, "agrees": finding.agrees(),
        "titles": comparison.titles, "agreed": comparison.agreed, "differences": differences,
        "failures": failures,
    })
}
