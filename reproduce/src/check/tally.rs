//! What came of the exhibits, one by one and together.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::comparison::Comparison;
use crate::requests::Skipped;
use crate::snapshot::SnapshotError;

/// What came of one exhibit.
pub enum Finding {
    /// The committed numbers are of another form; nothing was computed.
    Unreadable(SnapshotError),
    /// Compared, and what the exhibit's own checks say.
    Compared {
        /// What was committed beside what was found.
        comparison: Comparison,
        /// What the exhibit says of itself.
        failures: Vec<String>,
    },
}

impl Finding {
    /// Whether all of it is as committed.
    pub fn agrees(&self) -> bool {
        match self {
            Finding::Unreadable(_) => false,
            Finding::Compared { comparison, failures } => {
                comparison.agrees() && failures.is_empty()
            }
        }
    }
}

/// What came of all exhibits: the sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Exhibits all of whose numbers agree.
    pub agreeing: usize,
    /// Exhibits that differ in anything.
    pub differing: usize,
    /// What was skipped, and why.
    pub skipped: Vec<Skipped>,
    /// Numbers that agree.
    pub agreed: usize,
    /// Numbers with another value or unit.
    pub differed: usize,
    /// Committed numbers that were not found.
    pub missing: usize,
    /// Numbers found that are not committed.
    pub uncommitted: usize,
}

impl Tally {
    /// Counts what came of one more exhibit.
    pub fn add(&mut self, finding: &Finding) {
        *(if finding.agrees() { &mut self.agreeing } else { &mut self.differing }) += 1;
        if let Finding::Compared { comparison, .. } = finding {
            self.agreed += comparison.agreed;
            self.differed += comparison.count(|d| d.old.is_some() && d.new.is_some());
            self.missing += comparison.count(|d| d.new.is_none());
            self.uncommitted += comparison.count(|d| d.old.is_none());
        }
    }

    /// Whether something was compared and nothing differs; with `strict`, nothing was skipped.
    pub fn is_agreement(&self, strict: bool) -> bool {
        self.agreed > 0 && self.differing == 0 && (!strict || self.skipped.is_empty())
    }

    /// The same as an event.
    pub fn json(&self) -> Value {
        json!({
            "event": "done",
            "exhibits": {
                "agree": self.agreeing, "differ": self.differing, "skipped": self.skipped.len(),
            },
            "skipped": self.skipped.iter().map(|skipped| &skipped.reason).collect::<Vec<_>>(),
            "numbers": {
                "compared": self.agreed + self.differed, "agree": self.agreed,
                "differ": self.differed, "missing": self.missing,
                "uncommitted": self.uncommitted,
            },
        })
    }
}

impl fmt::Display for Tally {
    /// "17 agree, 2 skipped: no CIFAR-10 in data; 5231 numbers compared: ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} agree", self.agreeing)?;
        if self.differing > 0 {
            write!(f, ", {} differ", self.differing)?;
        }
        if !self.skipped.is_empty() {
            let reasons: BTreeSet<&str> =
                self.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
            let reasons: Vec<&str> = reasons.into_iter().collect();
            write!(f, ", {} skipped: {}", self.skipped.len(), reasons.join(", "))?;
        }
        write!(
            f,
            "; {} numbers compared: {} agree, {} differ; {} missing, {} not committed",
            self.agreed + self.differed,
            self.agreed,
            self.differed,
            self.missing,
            self.uncommitted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(findings: &[Finding]) -> Tally {
        let mut tally = Tally::default();
        findings.iter().for_each(|finding| tally.add(finding));
        tally
    }

    fn skipped() -> Skipped {
        Skipped { name: "wrn-accuracy".into(), reason: "no CIFAR-10 in data".into() }
    }

    fn compared(old: &str, new: &str) -> Finding {
        let [old, new] =
            [old, new].map(|lines| format!("demo · made up · quick\n{lines}").parse().unwrap());
        let comparison = Comparison::of(&old, &new);
        Finding::Compared { comparison, failures: Vec::new() }
    }

    #[test]
    fn the_sum_counts_everything() {
        let mut tally = tally(&[
            compared("a = 1 %\nb = 1 %\nc = 1 %\n", "a = 1 %\nb = 2 %\nd = 1 %\ne = 1 %\n"),
            compared("a = 1 %\n", "a = 1 %\n"),
            Finding::Unreadable(SnapshotError::Empty),
        ]);
        tally.skipped = vec![skipped(); 2];
        assert_eq!(
            tally.to_string(),
            "1 agree, 2 differ, 2 skipped: no CIFAR-10 in data; \
             3 numbers compared: 2 agree, 1 differ; 1 missing, 2 not committed"
        );
        assert_eq!(tally.json()["numbers"]["uncommitted"], 2);
        assert_eq!(tally.json()["exhibits"]["differ"], 2);
    }

    #[test]
    fn only_what_was_compared_agrees() {
        let agreeing = || compared("a = 1 %\n", "a = 1 %\n");
        assert!(tally(&[agreeing()]).is_agreement(true));
        assert!(!Tally::default().is_agreement(false), "nothing was compared");
        assert!(
            !tally(&[agreeing(), Finding::Unreadable(SnapshotError::Empty)]).is_agreement(false)
        );
        let Finding::Compared { comparison, .. } = agreeing() else { unreachable!() };
        let failures = vec!["a claim does not hold".to_string()];
        assert!(!tally(&[Finding::Compared { comparison, failures }]).is_agreement(false));
        let skipping = Tally { skipped: vec![skipped()], ..tally(&[agreeing()]) };
        assert!(skipping.is_agreement(false) && !skipping.is_agreement(true));
    }
}
