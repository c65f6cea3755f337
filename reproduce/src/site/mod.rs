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
mod paper;
mod rows;
mod sampling;

use std::collections::BTreeSet;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use thiserror::Error;

use crate::cache::write_whole;
use crate::result::ExhibitResult;
pub use exhibits::ExhibitPage;
pub use headline::{HeadlineTable, headline_report, headline_tables};
pub use notes::{NOTES, Note};
pub use paper::{evidence, report as paper_report};
pub use sampling::{Directions, Norms, PAIRS, SamplingFigure, Setting, setting};

/// Everything that the page shows.
pub struct Site<'a> {
    /// The exhibits, in order, with the claims and the headline that their results hold.
    pub exhibits: &'a [ExhibitPage],
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
    /// Version of the program.
    pub version: String,
    /// Checksum of the code that the numbers depend on.
    pub code: String,
    /// How products were computed; changes times, never another number.
    pub instructions: String,
    /// When, in universal time.
    pub date: String,
    /// The commit of the repository; empty where there is none.
    pub commit: String,
    /// The processor's name.
    pub processor: String,
    /// How many threads computed.
    pub threads: usize,
    /// How many numbers are not the committed ones, in words.
    pub changes: String,
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
    /// Something refers to a note that is not there.
    #[error("{from}: there is no note \"{note}\"")]
    Dangling {
        /// What refers.
        from: String,
        /// What it refers to.
        note: String,
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
    let exhibits = site.exhibits.iter().map(|page| page.view(site.notes));
    let exhibits = exhibits.collect::<Result<Vec<_>, _>>()?;
    let claims = claims::claims(site.exhibits, site.notes, out)?;
    let headline = headline_tables(site.exhibits).map(value);
    let paper = paper::rows(site.exhibits, site.notes)?;
    let data: BTreeSet<&str> = results(site.exhibits).map(|result| result.data.as_str()).collect();
    let fill = |page: &'static str, values: Value| {
        environment
            .get_template(page)
            .and_then(|template| template.render(values))
            .map_err(|reason| SiteError::Template { page, reason })
    };
    let index = context! {
        exhibits, claims, headline, paper, data => value(data), notes => notes.clone(),
        provenance => value(&site.provenance),
    };
    let mut pages = vec![("index.html".to_string(), fill("index.html", index)?)];
    for (place, note) in site.notes.iter().enumerate() {
        let (previous, next) = (place.checked_sub(1), site.notes.get(place + 1));
        let previous = previous.and_then(|place| site.notes.get(place));
        let shown = site.exhibits.iter().filter(|page| page.note == note.slug);
        let shown: Vec<Value> = shown.map(value).collect();
        let body =
            Value::from_safe_string(notes::render(note, |figure| out.join(figure).exists())?);
        let values = context! {
            slug => note.slug, title => note.title, body, notes => notes.clone(), shown,
            previous => value(previous), next => value(next),
        };
        pages.push((format!("notes/{}.html", note.slug), fill("note.html", values)?));
    }
    Ok(pages)
}

/// What was computed of the exhibits.
fn results(exhibits: &[ExhibitPage]) -> impl Iterator<Item = &ExhibitResult> {
    exhibits.iter().filter_map(|page| page.result.as_ref())
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
    // The day of a date with its time.
    environment.add_filter("day", |date: &str| date.split('T').next().unwrap_or(date).to_string());
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
        ("rows_script", include_str!("templates/rows.js")),
        ("figures_script", include_str!("templates/figures.js")),
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

#[cfg(test)]
mod tests;
