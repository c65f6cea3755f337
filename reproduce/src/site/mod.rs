//! The page that shows everything: `index.html`, and a page a note in `notes/`.
//!
//! A page holds its own styles, scripts and pictures, so that it works from disk without a
//! network; its content security policy forbids every load from elsewhere.

mod claims;
mod exhibits;
mod headline;
#[cfg(test)]
mod markup;
mod notes;
mod sampling;

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use thiserror::Error;

use crate::cache::write_whole;
pub use claims::{Claim, Verdict, of_suite};
pub use exhibits::ExhibitPage;
pub use headline::{HeadlineTable, headline_report, headline_tables};
pub use notes::{NOTES, Note};
pub use sampling::{Norms, PAIRS, SamplingFigure, Setting, setting};

/// Everything that the page shows.
pub struct Site<'a> {
    /// The exhibits, in order.
    pub exhibits: &'a [ExhibitPage],
    /// The claims and their verdicts; none before they have been tested.
    pub claims: Option<&'a [Claim]>,
    /// The study's numbers beside those of the sources; none before they are known.
    pub headline: Option<&'a [HeadlineTable]>,
    /// The notes, in reading order.
    pub notes: &'a [Note],
    /// How the numbers came about.
    pub provenance: Provenance,
}

/// How the numbers came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// How much was computed.
    pub scale: String,
    /// Where all randomness started.
    pub seed: u64,
    /// Version of the code.
    pub version: String,
    /// How products were computed; changes times, never another number.
    pub instructions: String,
}

/// Why the page could not be made.
#[derive(Debug, Error)]
pub enum SiteError {
    /// A formula of a note is no LaTeX that can be shown.
    #[error("note {note}: formula \"{latex}\": {reason}")]
    Formula {
        /// The note's name.
        note: String,
        /// The formula.
        latex: String,
        /// Where and why reading it stopped.
        reason: String,
    },
    /// A claim or a headline number refers to something that is not there.
    #[error("{from}: there is no {kind} \"{target}\"")]
    Dangling {
        /// What refers.
        from: String,
        /// "note" or "exhibit".
        kind: &'static str,
        /// What it refers to.
        target: String,
    },
    /// A template cannot be filled in.
    #[error("page {page}: {reason:#}")]
    Template {
        /// Name of the template.
        page: &'static str,
        /// What the template engine says.
        reason: minijinja::Error,
    },
    /// A figure cannot be drawn.
    #[error(transparent)]
    Plot(#[from] crate::plot::PlotError),
    /// The records cannot be written as comma-separated values.
    #[error("exhibit {exhibit}: {reason}")]
    Csv {
        /// Name of the exhibit.
        exhibit: String,
        /// What the writer says.
        reason: csv::Error,
    },
    /// An interactive figure's estimator refuses its norms.
    #[error("interactive figure of {exhibit}: {reason}")]
    Sampling {
        /// Name of the exhibit.
        exhibit: String,
        /// What the estimator says.
        reason: kernels::selection::SelectionError,
    },
    /// The settings cannot be shown as YAML.
    #[error("exhibit {exhibit}: settings: {reason}")]
    Settings {
        /// Name of the exhibit.
        exhibit: String,
        /// What the writer says.
        reason: serde_yaml::Error,
    },
    /// Settings or the numbers of an interactive figure cannot be read or written as JSON.
    #[error("numbers of the page: {0}")]
    Numbers(#[from] serde_json::Error),
}

/// Name and text of every page, the first one `index.html`.
///
/// # Errors
/// [`SiteError`] naming the note, claim, exhibit or template.
pub fn pages(site: &Site, out: &Path) -> Result<Vec<(String, String)>, SiteError> {
    let environment = environment()?;
    let notes = value(site.notes);
    let exhibits = site.exhibits.iter().map(|page| page.view()).collect::<Result<Vec<_>, _>>()?;
    let claims = site.claims.map(|claims| claims.iter().map(|c| claim(c, site, out)).collect());
    let claims: Option<Vec<Value>> = claims.transpose()?;
    let headline =
        site.headline.map(|tables| tables.iter().map(|table| headline(table, site)).collect());
    let headline: Option<Vec<Value>> = headline.transpose()?;
    let fill = |page: &'static str, values: Value| {
        environment
            .get_template(page)
            .and_then(|template| template.render(values))
            .map_err(|reason| SiteError::Template { page, reason })
    };
    let index = context! { exhibits, claims, headline, notes => notes.clone(), provenance => value(&site.provenance) };
    let mut pages = vec![("index.html".to_string(), fill("index.html", index)?)];
    for note in site.notes {
        let body =
            Value::from_safe_string(notes::render(note, |figure| out.join(figure).exists())?);
        let values =
            context! { slug => note.slug, title => note.title, body, notes => notes.clone() };
        pages.push((format!("notes/{}.html", note.slug), fill("note.html", values)?));
    }
    Ok(pages)
}

/// Writes the pages into `out`.
///
/// # Errors
/// Those of [`pages`], or the file that cannot be written.
pub fn write(out: &Path, site: &Site) -> anyhow::Result<()> {
    pages(site, out)?.iter().try_for_each(|(name, text)| write_whole(&out.join(name), text))
}

/// The templates; values are escaped unless they are marked as markup.
fn environment() -> Result<Environment<'static>, SiteError> {
    let mut environment = Environment::new();
    environment.add_filter("subscripts", exhibits::subscripts);
    let templates = [
        ("layout.html", include_str!("templates/layout.html")),
        ("index.html", include_str!("templates/index.html")),
        ("exhibit.html", include_str!("templates/exhibit.html")),
        ("note.html", include_str!("templates/note.html")),
    ];
    for (page, text) in templates {
        environment
            .add_template(page, text)
            .map_err(|reason| SiteError::Template { page, reason })?;
    }
    let inlined = [
        ("style", include_str!("templates/style.css")),
        ("early_script", include_str!("templates/early.js")),
        ("page_script", include_str!("templates/page.js")),
        ("sampling_script", include_str!("templates/sampling.js")),
        ("self_test_script", include_str!("templates/self_test.js")),
    ];
    for (name, text) in inlined {
        environment.add_global(name, Value::from_safe_string(text.to_string()));
    }
    Ok(environment)
}

/// What a template sees of a value.
fn value(of: impl Serialize) -> Value {
    Value::from(Serde(of))
}

fn claim(claim: &Claim, site: &Site, out: &Path) -> Result<Value, SiteError> {
    let from = format!("claim {}", claim.id);
    exhibit_exists(&from, claim.exhibit.as_deref(), site)?;
    let proof = claim.proof.as_deref().map(|link| proof(&from, link, site)).transpose()?;
    // The figures may lie anywhere; only beside the code is there a path to it.
    let code_is_near = claim.code.as_ref().is_some_and(|path| out.join("..").join(path).exists());
    let (sign, verdict) = claim.verdict.sign_and_words();
    let p_value = claim.p_value.map(|p| crate::result::significant(p, 2));
    let class = value(claim.verdict);
    let rest = value(claim);
    Ok(context! { code_is_near, sign, verdict, class, p_value, proof, ..rest })
}

fn headline(table: &HeadlineTable, site: &Site) -> Result<Value, SiteError> {
    for row in table.rows.iter().filter(|_| table.is_measured) {
        exhibit_exists("headline", row.first().map(String::as_str), site)?;
    }
    Ok(value(table))
}

fn exhibit_exists(from: &str, name: Option<&str>, site: &Site) -> Result<(), SiteError> {
    match name {
        Some(name) if !site.exhibits.iter().any(|page| page.name == name) => {
            Err(SiteError::Dangling { from: from.into(), kind: "exhibit", target: name.into() })
        }
        _ => Ok(()),
    }
}

/// Address and text of the link to a proof.
fn proof(from: &str, link: &str, site: &Site) -> Result<Value, SiteError> {
    let (slug, part) = link.split_once('#').unwrap_or((link, ""));
    let note = site.notes.iter().find(|note| note.slug == slug).ok_or_else(|| {
        SiteError::Dangling { from: from.into(), kind: "note", target: slug.into() }
    })?;
    let separator = if part.is_empty() { "" } else { "#" };
    Ok(context! {
        href => format!("notes/{slug}.html{separator}{part}"),
        title => note.title,
    })
}

#[cfg(test)]
mod tests;
