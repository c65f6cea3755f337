//! The end of a run: what it says of the claims, what changed, what is missing, what to open.

use std::path::Path;

use serde_json::json;

use crate::changes::Changes;
use crate::cli::Options;
use crate::output::say;
use crate::paper_claims::{PaperVerdict, tally};
use crate::requests::Skipped;
use crate::result::{ClaimRow, Standing};
use crate::text::wrapped;

/// What a run came to.
pub struct Summary<'a> {
    /// The claims of the paper.
    pub paper: &'a [PaperVerdict],
    /// The statements that were tested.
    pub statements: Vec<&'a ClaimRow>,
    /// How many numbers are not the committed ones.
    pub changes: Changes,
    /// What was not computed.
    pub skipped: &'a [Skipped],
    /// What was checked and failed, a sentence each.
    pub failures: &'a [String],
    /// The page.
    pub page: &'a Path,
}

impl Summary<'_> {
    /// Says it, on standard output.
    pub fn show(&self, options: &Options) {
        if options.speech.json {
            return say!("{}", self.event());
        }
        for failure in self.failures {
            say!("{}", wrapped("FAILED    ", failure));
        }
        if !options.speech.quiet {
            say!("{}", self.text());
        }
    }

    fn text(&self) -> String {
        let claims = self.paper.iter().filter_map(|verdict| {
            let (_, evidence) = verdict.shown.as_ref()?;
            let (_, words) = verdict.sign_and_words();
            let number = match evidence.number.as_str() {
                "" => String::new(),
                number => format!(": {number}"),
            };
            let title = verdict.claim.title();
            Some(wrapped("          ", &format!("{title} {words}{number}")))
        });
        let claims: Vec<String> = claims.collect();
        let mut lines = vec![String::new()];
        if !claims.is_empty() {
            lines.push(wrapped("Paper     ", &format!("its claims: {}", tally(self.paper))));
            lines.extend(claims);
        }
        lines.extend(statements(&self.statements).map(|text| wrapped("Theory    ", &text)));
        lines.push(wrapped("Numbers   ", &self.changes.words()));
        lines.extend(
            self.skipped.iter().map(|Skipped { name, reason }| {
                wrapped("Skipped   ", &format!("{name}: {reason}"))
            }),
        );
        lines.push(format!("Open      {}", self.page.display()));
        lines.join("\n")
    }

    fn event(&self) -> serde_json::Value {
        let claims = self.paper.iter().map(|verdict| {
            let shown = verdict.shown.as_ref();
            json!({
                "claim": verdict.claim, "standing": verdict.standing,
                "exhibit": shown.map(|(name, _)| name),
                "number": shown.map(|(_, evidence)| &evidence.number),
            })
        });
        let skipped = self.skipped.iter().map(|skipped| &skipped.name);
        json!({
            "event": "done", "open": self.page, "failures": self.failures,
            "claims": claims.collect::<Vec<_>>(),
            "numbers": { "compared": self.changes.compared, "changed": self.changes.changed },
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }
}

/// How many statements hold, in words; none where none was tested.
fn statements(rows: &[&ClaimRow]) -> Option<String> {
    let holds = rows.iter().filter(|row| row.standing == Standing::Holds).count();
    let all = rows.len();
    match all {
        0 => None,
        _ if holds == all => Some(format!("all {all} statements hold")),
        _ => Some(format!("{holds} of {all} statements hold")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper_claims::verdicts;
    use crate::result::{Evidence, PaperClaim};

    fn row(standing: Standing) -> ClaimRow {
        ClaimRow {
            id: "variance".into(),
            number: "T2".into(),
            statement: String::new(),
            source: String::new(),
            standing,
            estimate: String::new(),
            relation: "=".into(),
            prediction: String::new(),
            p_value: None,
            proof: None,
            code: None,
        }
    }

    #[test]
    fn statements_are_counted() {
        let rows = [row(Standing::Holds), row(Standing::Fails)];
        let of = |rows: &[&ClaimRow]| statements(rows);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[&rows[0], &rows[0]]).as_deref(), Some("all 2 statements hold"));
        assert_eq!(of(&[&rows[0], &rows[1]]).as_deref(), Some("1 of 2 statements hold"));
    }

    #[test]
    fn the_end_says_claims_changes_skips_and_the_page_in_eighty_columns() {
        let evidence = Evidence {
            claim: PaperClaim::Time,
            standing: Standing::Fails,
            number: "1.02x as fast at a quarter of the pairs, 1.2 ± 0.3 points less accurate"
                .into(),
            setting: String::new(),
            caveat: String::new(),
        };
        let paper = verdicts(&[("whole".to_string(), evidence)]);
        let skipped =
            [Skipped { name: "wrn-accuracy".into(), reason: "no CIFAR-10 in data".into() }];
        let statement = row(Standing::Holds);
        let summary = Summary {
            paper: &paper,
            statements: vec![&statement],
            changes: Changes { compared: 10, changed: 2 },
            skipped: &skipped,
            failures: &[],
            page: Path::new("figures/index.html"),
        };
        let text = summary.text();
        assert!(text.lines().all(|line| line.chars().count() <= crate::text::WIDTH), "{text}");
        for words in [
            "its claims: 1 does not hold here, 4 not decided",
            "Training time does not hold here: 1.02x",
            "all 1 statements hold",
            "2 of 10 numbers changed",
            "wrn-accuracy: no CIFAR-10 in data",
            "Open      figures/index.html",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        let event = summary.event();
        assert_eq!(event["numbers"]["changed"], 2);
        assert_eq!(event["claims"][4]["standing"], "fails");
        assert_eq!(event["skipped"][0], "wrn-accuracy");
    }
}
