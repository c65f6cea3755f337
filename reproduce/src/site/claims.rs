//! The claims that exhibits tested, each beside the exhibit that shows it.

use std::path::Path;

use minijinja::{Value, context};

use super::{ExhibitPage, Note, SiteError, value};
use crate::result::{ClaimRow, significant};

/// The claims of all exhibits, in order, as the page shows them; none where none was tested.
///
/// # Errors
/// [`SiteError::Dangling`] for a claim whose proof is in no note.
pub fn claims(
    exhibits: &[ExhibitPage],
    notes: &[Note],
    out: &Path,
) -> Result<Option<Vec<Value>>, SiteError> {
    let tested = exhibits.iter().filter_map(|page| page.result.as_ref());
    let rows: Vec<&ClaimRow> = tested.flat_map(|result| &result.claims).collect();
    let views = rows.iter().map(|row| view(row, exhibits, notes, out));
    let views = views.collect::<Result<Vec<Value>, SiteError>>()?;
    Ok((!views.is_empty()).then_some(views))
}

fn view(
    row: &ClaimRow,
    exhibits: &[ExhibitPage],
    notes: &[Note],
    out: &Path,
) -> Result<Value, SiteError> {
    let shows = |page: &&ExhibitPage| page.statements.contains(&row.number.as_str());
    let exhibit = exhibits.iter().find(shows).map(|page| &page.name);
    let proof = row.proof.as_deref().map(|link| proof(&row.id, link, notes)).transpose()?;
    // The figures may lie anywhere; only beside the code is there a path to it.
    let code_is_near = row.code.as_ref().is_some_and(|path| out.join("..").join(path).exists());
    let (sign, verdict) = row.standing.sign_and_words();
    let p_value = row.p_value.map(|p| significant(p, 2));
    let (class, rest) = (value(row.standing), value(row));
    Ok(context! { code_is_near, sign, verdict, class, p_value, proof, exhibit, ..rest })
}

/// Address and text of the link to a proof.
fn proof(claim: &str, link: &str, notes: &[Note]) -> Result<Value, SiteError> {
    let (slug, part) = link.split_once('#').unwrap_or((link, ""));
    let note = notes.iter().find(|note| note.slug == slug).ok_or_else(|| SiteError::Dangling {
        from: format!("claim {claim}"),
        note: slug.to_string(),
    })?;
    let separator = if part.is_empty() { "" } else { "#" };
    Ok(context! {
        href => format!("notes/{slug}.html{separator}{part}"),
        title => note.title,
    })
}
