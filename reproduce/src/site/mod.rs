//! The page that shows everything: `index.html`, and a page a note in `notes/`.
//!
//! A page holds its own styles, scripts and pictures, so that it works from disk without a
//! network; its content security policy forbids every load from elsewhere.

mod claims;
mod exhibits;
mod headline;
mod index;
mod interactive;
#[cfg(test)]
mod markup;
mod notes;
mod packed;
mod paper;
mod templates;

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use thiserror::Error;

use crate::cache::write_whole;
pub use exhibits::ExhibitPage;
pub use headline::{HeadlineTable, headline_report, headline_tables};
pub use interactive::{
    Directions, Entry, EntryLaw, NOTE_FIGURES, Norms, NumbersError, PAIRS, SamplingFigure, Setting,
    SmallProduct, SmallTraining, SmallTrainingError, losses, setting,
};
pub use notes::{NOTES, Note};
pub use paper::{evidence, report as paper_report};

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
    /// An interactive figure has no numbers.
    #[error("interactive figure of {of}: {reason}")]
    Interactive {
        /// Name of the exhibit or the note.
        of: String,
        /// What its estimator says.
        reason: NumbersError,
    },
    /// A note asks for a figure that is not there.
    #[error("note {note}: there is no interactive figure \"{figure}\"")]
    NoFigure {
        /// The note's name.
        note: String,
        /// What it asks for.
        figure: String,
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
    let environment = templates::environment()?;
    let notes = value(site.notes);
    let fill = |page: &'static str, values: Value| {
        environment
            .get_template(page)
            .and_then(|template| template.render(values))
            .map_err(|reason| SiteError::Template { page, reason })
    };
    let mut pages =
        vec![("index.html".to_string(), fill("index.html", index::values(site, out)?)?)];
    for (place, note) in site.notes.iter().enumerate() {
        let (previous, next) = (place.checked_sub(1), site.notes.get(place + 1));
        let previous = previous.and_then(|place| site.notes.get(place));
        let shown = site.exhibits.iter().filter(|page| page.note == note.slug);
        let shown: Vec<Value> = shown.map(value).collect();
        let mut is_interactive = false;
        let mut interactive = |name: &str, title: &str| {
            is_interactive = true;
            note_figure(&environment, note, name, title)
        };
        let body = notes::render(note, |figure| out.join(figure).exists(), &mut interactive)?;
        let values = context! {
            slug => note.slug, title => note.title, body => Value::from_safe_string(body),
            notes => notes.clone(), shown, is_interactive,
            previous => value(previous), next => value(next),
        };
        pages.push((format!("notes/{}.html", note.slug), fill("note.html", values)?));
    }
    Ok(pages)
}

/// An interactive figure of a note as HTML.
fn note_figure(
    environment: &Environment,
    note: &Note,
    name: &str,
    title: &str,
) -> Result<String, SiteError> {
    let of = || note.slug.to_string();
    let figure = NOTE_FIGURES.iter().find(|figure| figure.name == name);
    let figure =
        figure.ok_or_else(|| SiteError::NoFigure { note: of(), figure: name.to_string() })?;
    let numbers = figure.numbers().map_err(|reason| SiteError::Interactive { of: of(), reason })?;
    let json = Value::from_safe_string(script_json(&numbers)?);
    let page = figure.template;
    environment
        .get_template(page)
        .and_then(|template| {
            template.render(context! { name, title, json, numbers => value(&numbers) })
        })
        .map_err(|reason| SiteError::Template { page, reason })
}

/// JSON that cannot end the script element it stands in.
fn script_json(numbers: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(numbers)?.replace('<', "\\u003c"))
}

/// Writes the pages into `out`.
///
/// # Errors
/// Those of [`pages`], or the file that cannot be written.
pub fn write(out: &Path, site: &Site) -> anyhow::Result<()> {
    pages(site, out)?.iter().try_for_each(|(name, text)| write_whole(&out.join(name), text))
}

/// What a template sees of a value.
fn value(of: impl Serialize) -> Value {
    Value::from(Serde(of))
}

#[cfg(test)]
mod tests;
