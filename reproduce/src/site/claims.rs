//! What the study concludes, as the page shows it: the claims.

use serde::Serialize;
use theory::suite::Suite;

use super::notes::Note;
use crate::exhibit::statements::claims::{by_claim, least_p_value};
use crate::result::significant;

/// A statement of the paper or of the study, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Short name, unique among the claims: letters, digits and hyphens.
    pub id: String,
    /// What is claimed, in a sentence.
    pub statement: String,
    /// Where it is claimed.
    pub source: String,
    /// What the study finds.
    pub verdict: Verdict,
    /// The measured value with its interval and unit.
    pub estimate: String,
    /// What the claim says the value is.
    pub prediction: String,
    /// Probability of a value at least as far off if the claim holds; none for an exact check.
    pub p_value: Option<f64>,
    /// The note, or the part of a note, that proves it: `SLUG` or `SLUG#PART`.
    pub proof: Option<String>,
    /// Path of the code that tests it, from the root of the repository.
    pub code: Option<String>,
    /// Name of the exhibit that shows it.
    pub exhibit: Option<String>,
}

/// What the study finds about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proved, or not rejected by a test that could have rejected it.
    Holds,
    /// True under a condition that the claim does not state.
    HoldsInPart,
    /// Disproved, or rejected by a test.
    Fails,
    /// Nothing at hand can tell.
    Undecided,
}

impl Verdict {
    /// A sign that does not rely on colour, and the words beside it.
    pub fn sign_and_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Holds => ("✓", "holds"),
            Self::HoldsInPart => ("◐", "holds in part"),
            Self::Fails => ("✗", "does not hold"),
            Self::Undecided => ("?", "undecided"),
        }
    }
}

/// The claims of a run of the theory's suite, each with all its checks together.
pub fn of_suite(suite: &Suite, notes: &[Note]) -> Vec<Claim> {
    let claims = by_claim(&suite.verdicts).into_iter().map(|verdicts| {
        let claim = verdicts[0].claim();
        let outcomes = verdicts.iter().map(|verdict| (verdict.passed(), verdict.p_value()));
        let closest = &verdicts[closest_to_failing(outcomes)];
        let slug = claim.note.trim_end_matches(".md");
        let statement = slug.replace('-', "_");
        let known = theory::statements::ALL.iter().any(|known| known.name == statement);
        let others = match verdicts.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Claim {
            id: claim.id.replace('.', "-"),
            statement: format!("{} ({}). {}", claim.name, claim.id, claim.statement),
            source: claim.source.to_string(),
            verdict: if verdicts.iter().all(|verdict| verdict.passed()) {
                Verdict::Holds
            } else {
                Verdict::Fails
            },
            estimate: format!(
                "{} in [{}, {}] ({}{others})",
                significant(closest.estimate(), 4),
                significant(closest.interval().0, 4),
                significant(closest.interval().1, 4),
                closest.check()
            ),
            prediction: significant(closest.prediction(), 4),
            p_value: least_p_value(&verdicts),
            proof: notes.iter().any(|note| note.slug == slug).then(|| slug.to_string()),
            code: known.then(|| format!("theory/src/statements/{statement}.rs")),
            exhibit: Some(exhibit_of(&claim.id).to_string()),
        }
    });
    claims.collect()
}

/// Which check speaks for all, of whether each passed and its p-value: one that failed before all
/// that passed, then the one with the least p-value. A p-value that is not a number comes first,
/// an exact check last.
fn closest_to_failing(outcomes: impl Iterator<Item = (bool, Option<f64>)>) -> usize {
    let ranks = outcomes.map(|(passed, p_value)| {
        let p_value = p_value.unwrap_or(1.0);
        (passed, if p_value.is_nan() { 0.0 } else { p_value })
    });
    let order = |x: &(bool, f64), y: &(bool, f64)| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1));
    ranks.enumerate().min_by(|(_, x), (_, y)| order(x, y)).map_or(0, |(place, _)| place)
}

/// The exhibit that shows what a statement says.
fn exhibit_of(id: &str) -> &'static str {
    match id.split('.').next().unwrap_or(id) {
        "T3" | "T6" => "bernoulli-budget",
        "T7" => "ridge",
        "T10" => "sgd-convergence",
        "T8" | "T9" => "gradient-error",
        _ => "matmul-error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_failed_speaks_for_all() {
        let closest =
            |outcomes: &[(bool, Option<f64>)]| closest_to_failing(outcomes.iter().copied());
        assert_eq!(closest(&[(true, Some(0.3)), (true, Some(0.01)), (true, None)]), 1);
        // An exact check has no p-value, and can fail all the same.
        assert_eq!(closest(&[(true, Some(0.01)), (false, None)]), 1);
        assert_eq!(closest(&[(false, Some(0.2)), (false, Some(0.1)), (true, Some(0.0))]), 1);
        assert_eq!(closest(&[(true, Some(0.01)), (true, Some(f64::NAN))]), 1);
        assert_eq!(closest(&[(true, None), (true, None)]), 0);
    }
}
