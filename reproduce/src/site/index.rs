//! What the page of all exhibits shows, part by part.

use std::collections::BTreeSet;
use std::path::Path;

use minijinja::{Value, context};

use super::{ExhibitPage, Site, SiteError, claims, headline_tables, paper, value};
use crate::exhibit::Section;

/// The values of the template `index.html`.
///
/// # Errors
/// Those of [`pages`](super::pages).
pub fn values(site: &Site, out: &Path) -> Result<Value, SiteError> {
    let Site { exhibits, notes, provenance } = site;
    let views = exhibits.iter().map(|page| Ok((page.section, page.view(notes)?)));
    let views = views.collect::<Result<Vec<(Section, Value)>, SiteError>>()?;
    let within = |section| -> Vec<Value> {
        views.iter().filter(|(of, _)| *of == section).map(|(_, view)| view.clone()).collect()
    };
    let sections: Vec<Value> = Section::ALL
        .into_iter()
        .map(|section| {
            context! {
                id => value(section), title => section.title(), exhibits => within(section),
            }
        })
        .collect();
    let is_related = |page: &&ExhibitPage| page.section == Section::Related;
    let (of_related, of_paper): (Vec<&ExhibitPage>, _) = exhibits.iter().partition(is_related);
    let data: BTreeSet<&str> =
        exhibits.iter().filter_map(|page| page.result.as_ref()).map(|r| r.data.as_str()).collect();
    Ok(context! {
        sections,
        exhibits => views.iter().map(|(_, view)| view.clone()).collect::<Vec<Value>>(),
        theory => claims::claims(of_paper, site, out)?,
        related => claims::claims(of_related, site, out)?,
        headline => headline_tables(exhibits).map(value),
        paper => paper::rows(exhibits, notes)?,
        data => value(data),
        notes => value(notes),
        provenance => value(provenance),
    })
}
