//! The claims of the paper with their verdicts, as the page and the list of figures show them.

use minijinja::{Value, context};

use super::{ExhibitPage, Note, SiteError, value};
use crate::paper_claims::{PaperVerdict, verdicts};
use crate::result::{Evidence, PaperClaim, Standing};

/// What all exhibits say of the claims of the paper, by their names.
pub fn evidence(exhibits: &[ExhibitPage]) -> Vec<(String, Evidence)> {
    let computed = exhibits.iter().filter_map(|page| Some((page, page.result.as_ref()?)));
    let found = computed.flat_map(|(page, result)| {
        result.evidence.iter().map(|evidence| (page.name.clone(), evidence.clone()))
    });
    found.collect()
}

/// A row a claim: its words, its verdict, our number with its setting, and where to look.
///
/// # Errors
/// [`SiteError::Dangling`] where the note of an exhibit is not there.
pub fn rows(exhibits: &[ExhibitPage], notes: &[Note]) -> Result<Vec<Value>, SiteError> {
    let found = evidence(exhibits);
    verdicts(&found).iter().map(|verdict| row(verdict, &found, exhibits, notes)).collect()
}

fn row(
    verdict: &PaperVerdict,
    found: &[(String, Evidence)],
    exhibits: &[ExhibitPage],
    notes: &[Note],
) -> Result<Value, SiteError> {
    let (sign, words) = verdict.sign_and_words();
    let shown = verdict.shown.as_ref().map(|(name, evidence)| evidence_view(name, evidence));
    let all = found.iter().filter(|(_, evidence)| evidence.claim == verdict.claim);
    let all: Vec<Value> = all.map(|(name, evidence)| evidence_view(name, evidence)).collect();
    let page = verdict
        .shown
        .as_ref()
        .and_then(|(name, _)| exhibits.iter().find(|page| page.name == *name));
    let note = match page {
        None => None,
        Some(page) => Some(notes.iter().find(|note| note.slug == page.note).ok_or_else(|| {
            SiteError::Dangling { from: format!("exhibit {}", page.name), note: page.note.clone() }
        })?),
    };
    Ok(context! {
        id => value(verdict.claim),
        title => verdict.claim.title(),
        claimed => verdict.claim.words(),
        class => value(verdict.standing),
        sign,
        words,
        shown,
        all,
        note => value(note),
        decides_by => decided_by(verdict.claim),
    })
}

fn evidence_view(name: &str, evidence: &Evidence) -> Value {
    let words = match evidence.standing {
        Standing::Undecided => "does not decide it",
        standing => standing.sign_and_words().1,
    };
    context! { exhibit => name, says => words, ..value(evidence) }
}

/// By which rule a claim is decided.
fn decided_by(claim: PaperClaim) -> &'static str {
    match claim {
        PaperClaim::Convergence => {
            "Holds where the statements that it needs hold and forward sampling is unbiased, too; in \
             part where it is biased; fails where one of them fails."
        }
        PaperClaim::Computation | PaperClaim::Communication => {
            "Holds where a training that saves 60 % or more keeps its accuracy within 0.5 points by \
             its whole 95 % interval; in part where one does that saves 20 % or more; fails where \
             every one whose interval is known loses more."
        }
        PaperClaim::Accuracy => {
            "Holds where every sampled training keeps its accuracy within 0.5 points by its whole 95 % \
             interval; in part where some does; fails where every one whose interval is known loses \
             more."
        }
        PaperClaim::Time => {
            "Holds where a training that is 1.37 times as fast or more keeps its accuracy within 0.5 \
             points; in part where one does that is more than 1.1 times as fast; fails where every one \
             is no faster or loses more, as far as its interval is known."
        }
    }
}

/// The same as a table of a report.
pub fn report(exhibits: &[ExhibitPage]) -> String {
    let mut text = String::from(
        "| the paper claims | verdict | found | with | beware |\n| --- | --- | --- | --- | --- |\n",
    );
    for verdict in verdicts(&evidence(exhibits)) {
        let (sign, words) = verdict.sign_and_words();
        let (title, claimed) = (verdict.claim.title(), verdict.claim.words());
        let cells = match &verdict.shown {
            None => ["nothing was computed", "", ""].map(str::to_string),
            Some((name, Evidence { number, setting, caveat, .. })) => {
                [number.clone(), format!("[{name}]({name}.md): {setting}"), caveat.clone()]
            }
        };
        let cells = cells.map(|cell| cell.replace('|', "\\|")).join(" | ");
        text.push_str(&format!("| {title}: “{claimed}” | {sign} {words} | {cells} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::ExhibitResult;
    use crate::site::tests::exhibit;

    #[test]
    fn the_report_has_a_row_a_claim_and_says_where_nothing_was_computed() {
        let evidence = Evidence {
            claim: PaperClaim::Accuracy,
            standing: Standing::HoldsInPart,
            number: "of |A||B|".into(),
            setting: "a network".into(),
            caveat: "a caveat".into(),
        };
        let result = ExhibitResult { evidence: vec![evidence], ..Default::default() };
        let page = ExhibitPage { result: Some(result), ..exhibit("one", "a caption") };
        let text = report(&[page]);
        assert_eq!(text.lines().count(), 2 + PaperClaim::ALL.len());
        let row = "| Accuracy: “negligible or no impact” | ◐ holds in part | of \\|A\\|\\|B\\| | \
                   [one](one.md): a network | a caveat |";
        assert!(text.contains(row), "{text}");
        assert_eq!(text.matches("| ? not decided | nothing was computed |").count(), 4);
    }
}
