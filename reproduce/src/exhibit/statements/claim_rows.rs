//! The claims as the page shows them: what all checks of a claim say together.

use theory::extremes::least;
use theory::statistics::Test;
use theory::verdict::Verdict;

use crate::result::{ClaimRow, Standing, significant};

/// A row a claim, of all its checks together.
pub fn claim_rows(verdicts: &[Verdict]) -> Vec<ClaimRow> {
    let claims = by_claim(verdicts).into_iter().map(|verdicts| {
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
        ClaimRow {
            id: claim.id.replace('.', "-"),
            number: claim.id.split('.').next().unwrap_or_default().to_string(),
            statement: format!("{} ({}). {}", claim.name, claim.id, claim.statement),
            source: claim.source.to_string(),
            standing: if verdicts.iter().all(|verdict| verdict.passed()) {
                Standing::Holds
            } else {
                Standing::Fails
            },
            estimate: format!(
                "{} in [{}, {}] ({}{others})",
                significant(closest.estimate(), 4),
                significant(closest.interval().0, 4),
                significant(closest.interval().1, 4),
                closest.check()
            ),
            relation: relation(closest).to_string(),
            prediction: significant(closest.prediction(), 4),
            p_value: least_p_value(&verdicts),
            proof: Some(slug.to_string()),
            code: known.then(|| format!("theory/src/statements/{statement}.rs")),
        }
    });
    claims.collect()
}

/// How what a check found relates to what is predicted.
pub fn relation(verdict: &Verdict) -> &'static str {
    let (low, high) = verdict.interval();
    // A number that is exactly what is predicted lies within rounding of it, a bound may lie above.
    let is_equal = match verdict.test() {
        Some(test) => test != Test::StudentUpper,
        None => (low..=high).contains(&verdict.prediction()),
    };
    match (verdict.passed(), is_equal) {
        (false, _) => "≠",
        (true, true) => "=",
        (true, false) => "≤",
    }
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

/// The verdicts of each claim, claims in the order in which they first appear.
pub fn by_claim(verdicts: &[Verdict]) -> Vec<Vec<&Verdict>> {
    let mut groups: Vec<Vec<&Verdict>> = Vec::new();
    for verdict in verdicts {
        match groups.iter_mut().find(|group| group[0].claim().id == verdict.claim().id) {
            Some(group) => group.push(verdict),
            None => groups.push(vec![verdict]),
        }
    }
    groups.sort_by_key(|group| number(&group[0].claim().id));
    groups
}

/// The number of the statement: 10 of "T10.rate".
fn number(id: &str) -> usize {
    let digits: String = id.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(usize::MAX)
}

/// The least p-value of some verdicts, none where all are exact, not a number if one is.
pub fn least_p_value(verdicts: &[&Verdict]) -> Option<f64> {
    let p_values: Vec<f64> = verdicts.iter().filter_map(|verdict| verdict.p_value()).collect();
    (!p_values.is_empty()).then(|| least(p_values))
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

    #[test]
    fn a_number_is_what_is_predicted_or_at_most_that_or_neither() {
        let claim = theory::claim::Claim::new("T0.made", "", "", "", "", "");
        let how = theory::verdict::Exact::ClosedForm(1);
        let equal = |found| Verdict::exact(&claim, "check", found, 1.0, 1e-9, how, "one");
        let bound = |found| Verdict::at_most(&claim, "check", found, 1.0, 1e-9, how, "one");
        assert_eq!([relation(&equal(1.0)), relation(&equal(1.1))], ["=", "≠"]);
        assert_eq!([relation(&bound(0.5)), relation(&bound(1.1))], ["≤", "≠"]);
    }

    #[test]
    fn statements_are_in_the_order_of_their_numbers() {
        assert!(number("T2.bernoulli") < number("T10.rate"));
    }
}
