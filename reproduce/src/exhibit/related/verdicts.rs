//! What suites of checks say: each threshold beside what was measured, and what that makes of the
//! system's claim.

use theory::suite::Suite;
use theory::verdict::Verdict;

use crate::exhibit::statements::claim_rows::{least_p_value, relation};
use crate::result::{ClaimRow, RelatedRow, Reproduced, Rows, Standing, Table, significant};

/// The checks and controls on one data set.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The data, as tables name them.
    pub data: String,
    /// What was found on them.
    pub suite: Suite,
}

/// A verdict with the data that it was found on.
type Found<'a> = (&'a str, &'a Verdict);

fn checks(judged: &[Judged]) -> Vec<Found<'_>> {
    let pairs = judged.iter().map(|one| (one.data.as_str(), &one.suite.verdicts));
    pairs.flat_map(|(data, verdicts)| verdicts.iter().map(move |v| (data, v))).collect()
}

fn controls(judged: &[Judged]) -> Vec<Found<'_>> {
    let pairs = judged.iter().map(|one| (one.data.as_str(), &one.suite.controls));
    pairs.flat_map(|(data, controls)| controls.iter().map(move |v| (data, v))).collect()
}

/// A row a check or control, for the CSV file and the snapshot.
pub fn records(judged: &[Judged]) -> Table {
    let role = |role: &'static str| move |(data, verdict)| (role, data, verdict);
    let all = checks(judged).into_iter().map(role("check"));
    let all = all.chain(controls(judged).into_iter().map(role("control")));
    let all: Vec<(&str, &str, &Verdict)> = all.collect();
    Rows::of(&all)
        .key("part", |(role, _, _)| *role)
        .key("data", |(_, data, _)| *data)
        .key("case", |(_, _, verdict)| format!("{}: {}", verdict.claim().id, verdict.check()))
        .value("measured", "", |(_, _, verdict)| verdict.estimate())
        .value("claimed", "", |(_, _, verdict)| verdict.prediction())
        .diagnostic("p-value", "", |(_, _, verdict)| verdict.p_value())
        .diagnostic("cases", "", |(_, _, verdict)| verdict.sample_size())
        .value("passed", "1 is yes", |(_, _, verdict)| usize::from(verdict.passed()))
        .table("Checks and controls")
}

/// Every threshold beside what was measured.
pub fn thresholds(judged: &[Judged]) -> Table {
    let all = checks(judged);
    Rows::of(&all)
        .key("claim", |(_, verdict)| &*verdict.claim().id)
        .key("on", |(data, _)| *data)
        .key("check", |(_, verdict)| verdict.check())
        .value("measured", "", |(_, verdict)| verdict.estimate())
        .value("claimed", "", |(_, verdict)| verdict.prediction())
        .key("verdict", |(_, verdict)| if verdict.passed() { "holds" } else { "DOES NOT HOLD" })
        .value("cases", "", |(_, verdict)| verdict.sample_size())
        .table("The claims: thresholds that were set before the runs, and what was measured")
}

/// Every mistake made on purpose, and whether its check found it out.
pub fn mistakes(judged: &[Judged]) -> Table {
    let all = controls(judged);
    Rows::of(&all)
        .key("claim", |(_, control)| &*control.claim().id)
        .key("on", |(data, _)| *data)
        .key("mistake", |(_, control)| control.check())
        .value("measured", "", |(_, control)| control.estimate())
        .value("claimed", "", |(_, control)| control.prediction())
        .key("verdict", |(_, control)| if control.rejected() { "rejected" } else { "NOT REJECTED" })
        .table("Negative controls: each has to be rejected, or its check has no power")
}

/// What does not hold, in a sentence.
pub fn sentence(judged: &[Judged]) -> String {
    let all = checks(judged);
    let failed: Vec<String> =
        all.iter().filter(|(_, verdict)| !verdict.passed()).map(described).collect();
    match failed.len() {
        _ if all.is_empty() => "No threshold was checked.".to_string(),
        0 => format!("All {} thresholds hold.", all.len()),
        count => format!(
            "{count} of {} thresholds {} not hold: {}.",
            all.len(),
            if count == 1 { "does" } else { "do" },
            failed.join("; ")
        ),
    }
}

/// Which mistakes were not found out, in a sentence.
pub fn sentence_of_mistakes(judged: &[Judged]) -> String {
    let all = controls(judged);
    let passed: Vec<String> =
        all.iter().filter(|(_, control)| !control.rejected()).map(described).collect();
    match passed.len() {
        _ if all.is_empty() => "No mistake was tried, so the checks show nothing.".to_string(),
        0 => format!("All {} mistakes made on purpose are found out.", all.len()),
        count => format!(
            "{count} of {} mistakes made on purpose {} not found out, so the check has no power \
             there: {}.",
            all.len(),
            if count == 1 { "is" } else { "are" },
            passed.join("; ")
        ),
    }
}

/// "memristor.levels on Iris (16 levels): 0.043 against 0.01".
fn described((data, verdict): &Found) -> String {
    format!(
        "{} on {data} ({}): {} against {}",
        verdict.claim().id,
        verdict.check(),
        significant(verdict.estimate(), 3),
        significant(verdict.prediction(), 3)
    )
}

/// The checks of each claim, claims in the order in which they first appear.
fn by_claim(judged: &[Judged]) -> Vec<Vec<Found<'_>>> {
    let mut groups: Vec<Vec<Found>> = Vec::new();
    for (data, verdict) in checks(judged) {
        let same = |group: &&mut Vec<Found>| group[0].1.claim().id == verdict.claim().id;
        match groups.iter_mut().find(same) {
            Some(group) => group.push((data, verdict)),
            None => groups.push(vec![(data, verdict)]),
        }
    }
    groups
}

fn passed(checks: &[Found]) -> usize {
    checks.iter().filter(|(_, verdict)| verdict.passed()).count()
}

/// The first where all checks passed, the second where some did, the last where none did.
fn by_passed<T>(checks: &[Found], [all, some, none]: [T; 3]) -> T {
    match passed(checks) {
        0 => none,
        passed if passed == checks.len() => all,
        _ => some,
    }
}

/// A row a claim: it holds where every check on every data set passed, in part where some did.
/// `code` is the file that tests it.
pub fn claim_rows(judged: &[Judged], code: &str) -> Vec<ClaimRow> {
    let rows = by_claim(judged).into_iter().map(|group| {
        let claim = group[0].1.claim();
        let estimates = group.iter().map(|(data, verdict)| {
            let failed = if verdict.passed() { "" } else { ", does not hold" };
            format!("{} ({data}{failed})", significant(verdict.estimate(), 3))
        });
        let mut predictions: Vec<String> =
            group.iter().map(|(_, verdict)| significant(verdict.prediction(), 3)).collect();
        predictions.dedup();
        let mut relations: Vec<&str> = group.iter().map(|(_, v)| relation(v)).collect();
        relations.dedup();
        let verdicts: Vec<&Verdict> = group.iter().map(|(_, verdict)| *verdict).collect();
        ClaimRow {
            id: claim.id.replace('.', "-"),
            number: claim.id.split('.').next().unwrap_or_default().to_string(),
            statement: format!("{} ({}). {}", claim.name, claim.id, claim.statement),
            source: claim.source.to_string(),
            standing: by_passed(&group, [Standing::Holds, Standing::HoldsInPart, Standing::Fails]),
            estimate: estimates.collect::<Vec<_>>().join("; "),
            relation: relations.join("; "),
            prediction: predictions.join(" or "),
            p_value: least_p_value(&verdicts),
            proof: Some(claim.note.trim_end_matches(".md").to_string()),
            code: Some(code.to_string()),
        }
    });
    rows.collect()
}

/// The system's row of the headline: its claim is reproduced where every check of the claims named
/// `claims` passed, and not where none did.
pub fn related_row(system: &str, claim: &str, claims: &[&str], judged: &[Judged]) -> RelatedRow {
    let own = checks(judged).into_iter().filter(|(_, v)| claims.contains(&&*v.claim().id));
    let own: Vec<Found> = own.collect();
    let passed = passed(&own);
    let failed = own.iter().filter(|(_, verdict)| !verdict.passed()).map(|(data, verdict)| {
        let [found, claimed] =
            [verdict.estimate(), verdict.prediction()].map(|number| significant(number, 3));
        format!("{} on {data}, {found} against {claimed}", verdict.claim().name)
    });
    let failed: Vec<String> = failed.collect();
    let data: Vec<&str> = judged.iter().map(|judged| judged.data.as_str()).collect();
    RelatedRow {
        system: system.to_string(),
        claim: claim.to_string(),
        data: data.join(", "),
        found: by_passed(&own, [Reproduced::Yes, Reproduced::InPart, Reproduced::No]),
        measured: match failed.is_empty() {
            true => format!("{passed} of {} thresholds hold", own.len()),
            false => {
                format!("{passed} of {} thresholds hold; not: {}", own.len(), failed.join("; "))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use theory::claim::Claim;
    use theory::verdict::Exact;

    static ONE: Claim = Claim::new("made.one", "One", "It is one.", "1", "made up", "made.md");
    static TWO: Claim = Claim::new("made.two", "Two", "It is two.", "2", "made up", "made.md");

    fn verdict(claim: &Claim, found: f64) -> Verdict {
        let how = Exact::ClosedForm(3);
        Verdict::at_most(claim, "a check", found, 0.01, 0.0, how, "It is not.")
    }

    fn judged(data: &str, verdicts: &[Verdict], controls: &[Verdict]) -> Judged {
        let suite = Suite { verdicts: verdicts.to_vec(), controls: controls.to_vec() };
        Judged { data: data.to_string(), suite }
    }

    #[test]
    fn thresholds_that_do_not_hold_are_named_with_what_was_measured() {
        let (good, bad) = (verdict(&ONE, 0.005), verdict(&TWO, 0.0425));
        let both = [judged("Iris", &[good.clone(), bad.clone()], &[])];
        assert_eq!(
            sentence(&both),
            "1 of 2 thresholds does not hold: made.two on Iris (a check): 0.0425 against 0.0100."
        );
        let two = ["Iris", "Wine"].map(|data| judged(data, std::slice::from_ref(&bad), &[]));
        assert!(sentence(&two).starts_with("2 of 2 thresholds do not hold: made.two on Iris"));
        assert_eq!(sentence(&[judged("Iris", &[good], &[])]), "All 1 thresholds hold.");
        assert_eq!(sentence(&[]), "No threshold was checked.");
    }

    #[test]
    fn a_mistake_that_passes_takes_the_power_from_its_check() {
        let (found_out, passed) = (verdict(&ONE, 1.0), verdict(&ONE, 0.0));
        let words = |controls: &[Verdict]| sentence_of_mistakes(&[judged("Iris", &[], controls)]);
        let one = std::slice::from_ref(&found_out);
        assert_eq!(words(one), "All 1 mistakes made on purpose are found out.");
        assert_eq!(
            words(&[found_out, passed.clone()]),
            "1 of 2 mistakes made on purpose is not found out, so the check has no power there: \
             made.one on Iris (a check): 0 against 0.0100."
        );
        assert!(
            words(&[passed.clone(), passed]).starts_with("2 of 2 mistakes made on purpose are")
        );
        // What is not a number found nothing out.
        assert!(words(&[verdict(&ONE, f64::NAN)]).starts_with("1 of 1 mistakes"));
        assert_eq!(words(&[]), "No mistake was tried, so the checks show nothing.");
    }

    #[test]
    fn a_claim_holds_on_all_data_on_some_or_on_none() {
        let (good, bad) = (verdict(&ONE, 0.005), verdict(&ONE, 0.5));
        let standing = |one: &Verdict, other: &Verdict| {
            let judged = [
                judged("Iris", std::slice::from_ref(one), &[]),
                judged("Wine", std::slice::from_ref(other), &[]),
            ];
            let rows = claim_rows(&judged, "here.rs");
            assert_eq!(rows.len(), 1);
            rows.into_iter().next().unwrap()
        };
        let all = standing(&good, &good);
        assert_eq!((all.standing, all.id.as_str()), (Standing::Holds, "made-one"));
        assert_eq!((all.number.as_str(), all.proof.as_deref()), ("made", Some("made")));
        let part = standing(&bad, &good);
        assert_eq!(part.standing, Standing::HoldsInPart);
        assert_eq!(part.estimate, "0.500 (Iris, does not hold); 0.00500 (Wine)");
        assert_eq!(part.prediction, "0.0100");
        assert_eq!(standing(&bad, &bad).standing, Standing::Fails);
    }

    #[test]
    fn a_system_is_reproduced_in_part_or_not_by_its_own_claims() {
        let (good, bad) = (verdict(&ONE, 0.005), verdict(&ONE, 0.5));
        let other = verdict(&TWO, 0.5);
        let row = |verdicts: &[Verdict]| {
            related_row("System", "It works.", &["made.one"], &[judged("Iris", verdicts, &[])])
        };
        let yes = row(&[good.clone(), other.clone()]);
        assert_eq!((yes.found, yes.measured.as_str()), (Reproduced::Yes, "1 of 1 thresholds hold"));
        let part = row(&[good, bad.clone()]);
        assert_eq!(part.found, Reproduced::InPart);
        assert_eq!(part.measured, "1 of 2 thresholds hold; not: One on Iris, 0.500 against 0.0100");
        assert_eq!(row(&[bad]).found, Reproduced::No);
        assert_eq!(row(&[other]).found, Reproduced::No, "nothing was checked");
    }
}
