//! The statements that exhibits tested, a row a theorem that unfolds to its parts.

use std::path::Path;

use minijinja::{Value, context};

use super::{ExhibitPage, Note, Site, SiteError, value};
use crate::result::{ClaimRow, Standing, significant};

/// The statements of these exhibits by their numbers, in order, as the page shows them; figures are
/// looked for among all exhibits.
///
/// # Errors
/// [`SiteError::Dangling`] for a statement whose proof is in no note.
pub fn claims(of: Vec<&ExhibitPage>, site: &Site, out: &Path) -> Result<Vec<Value>, SiteError> {
    let tested = of.into_iter().filter_map(|page| page.result.as_ref());
    let rows: Vec<&ClaimRow> = tested.flat_map(|result| &result.claims).collect();
    let mut theorems: Vec<Vec<&ClaimRow>> = Vec::new();
    for row in rows {
        match theorems.iter_mut().find(|parts| parts[0].number == row.number) {
            Some(parts) => parts.push(row),
            None => theorems.push(vec![row]),
        }
    }
    theorems.iter().map(|parts| theorem(parts, site, out)).collect()
}

fn theorem(parts: &[&ClaimRow], site: &Site, out: &Path) -> Result<Value, SiteError> {
    let Site { exhibits, notes, .. } = site;
    let shows = |page: &&ExhibitPage| page.statements.contains(&parts[0].number.as_str());
    let exhibit = exhibits.iter().find(shows).map(|page| &page.name);
    let standing = standing(parts);
    let (sign, verdict) = standing.sign_and_words();
    let first =
        parts[0].proof.as_deref().map(|link| proof(&parts[0].id, link, notes)).transpose()?;
    let rows = parts.iter().map(|row| view(row, notes, out));
    Ok(context! {
        number => &parts[0].number,
        title => first.map(|proof| proof.get_attr("title")).transpose().ok().flatten(),
        class => value(standing),
        closest => view(closest(parts), notes, out)?,
        sign, verdict, exhibit,
        rows => rows.collect::<Result<Vec<Value>, SiteError>>()?,
    })
}

/// The part that is closest to failing: of those that stand worst the one of the least p-value.
fn closest<'a>(parts: &[&'a ClaimRow]) -> &'a ClaimRow {
    let worst = standing(parts);
    let p_value = |row: &ClaimRow| row.p_value.unwrap_or(1.0);
    let of_worst = parts.iter().copied().filter(|row| row.standing == worst);
    let closest = of_worst.min_by(|x, y| p_value(x).total_cmp(&p_value(y)));
    closest.expect("one of them stands as they all do")
}

/// What the parts of a statement say together: it holds where all do and fails where one does.
fn standing(parts: &[&ClaimRow]) -> Standing {
    let has = |standing| parts.iter().any(|row| row.standing == standing);
    match () {
        () if has(Standing::Fails) => Standing::Fails,
        () if has(Standing::Undecided) => Standing::Undecided,
        () if has(Standing::HoldsInPart) => Standing::HoldsInPart,
        () => Standing::Holds,
    }
}

fn view(row: &ClaimRow, notes: &[Note], out: &Path) -> Result<Value, SiteError> {
    let proof = row.proof.as_deref().map(|link| proof(&row.id, link, notes)).transpose()?;
    // The figures may lie anywhere; only beside the code is there a path to it.
    let code_is_near = row.code.as_ref().is_some_and(|path| out.join("..").join(path).exists());
    let (sign, verdict) = row.standing.sign_and_words();
    let p_value = row.p_value.map(|p| significant(p, 2));
    let (class, rest) = (value(row.standing), value(row));
    Ok(context! { code_is_near, sign, verdict, class, p_value, proof, ..rest })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::claim;

    #[test]
    fn a_theorem_stands_as_the_worst_of_its_parts() {
        let part = |standing| ClaimRow { standing, ..claim("one", "a statement") };
        let of = |standings: &[Standing]| {
            let parts: Vec<ClaimRow> = standings.iter().copied().map(part).collect();
            standing(&parts.iter().collect::<Vec<_>>())
        };
        use Standing::{Fails, Holds, HoldsInPart, Undecided};
        assert_eq!(of(&[Holds, Holds]), Holds);
        assert_eq!(of(&[Holds, HoldsInPart]), HoldsInPart);
        assert_eq!(of(&[HoldsInPart, Undecided, Holds]), Undecided);
        assert_eq!(of(&[Undecided, Fails, Holds]), Fails);
    }
    #[test]
    fn the_part_that_is_closest_to_failing_stands_for_all() {
        let part = |id: &str, standing, p_value| ClaimRow {
            standing,
            p_value,
            ..claim(id, "a statement")
        };
        let parts = [
            part("exact", Standing::Holds, None),
            part("likely", Standing::Holds, Some(0.5)),
            part("unlikely", Standing::Holds, Some(0.01)),
            part("in part", Standing::HoldsInPart, Some(0.3)),
        ];
        let of = |parts: &[ClaimRow]| closest(&parts.iter().collect::<Vec<_>>()).id.clone();
        assert_eq!(of(&parts[..1]), "exact");
        assert_eq!(of(&parts[..3]), "unlikely");
        assert_eq!(of(&parts), "in part");
    }
}
