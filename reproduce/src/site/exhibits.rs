//! One exhibit as the page shows it.

use std::path::Path;

use kernels::Estimator;
use minijinja::{HtmlEscape, Value, context};
use serde::Serialize;

use super::{Note, SamplingFigure, SiteError, script_json, value};
use crate::exhibit::Section;
use crate::exhibit::networks::judgement;
use crate::images::ImageConfig;
use crate::plot;
use crate::result::{Cell, ExhibitResult, Figure, Table};
use crate::task::Task;

/// An exhibit and where its numbers come from.
#[derive(Clone, Debug, Serialize)]
pub struct ExhibitPage {
    /// Name of its files and its place in the page.
    pub name: String,
    /// Heading.
    pub title: String,
    /// What it shows, in a sentence without a full stop.
    pub shows: String,
    /// Which figure of the paper shows the same quantity.
    pub paper: String,
    /// Its settings as YAML.
    pub settings: String,
    /// Checksum of the settings that were used.
    pub settings_hash: String,
    /// The one command that computes it.
    pub command: String,
    /// Start of the SHA-256 of the images it trains on, if it does.
    pub images_checksum: Option<String>,
    /// Whether its numbers are times, which depend on the machine.
    pub is_timing: bool,
    /// Whether it takes too long for a run of everything.
    pub is_long: bool,
    /// What its data leave open, where they are not those of the paper's claims.
    pub reservation: Option<&'static str>,
    /// The part of the page that it stands in.
    pub section: Section,
    /// The note that explains it.
    pub note: String,
    /// The numbers of the statements that it shows.
    pub statements: &'static [&'static str],
    /// The estimators of its interactive figure; none where it has none.
    #[serde(skip)]
    pub interactive: &'static [Estimator],
    /// What it found; none when it has not been computed.
    #[serde(skip)]
    pub result: Option<ExhibitResult>,
}

impl ExhibitPage {
    /// The exhibit that `task` computes, with its result where there is one.
    ///
    /// The settings are the exhibit's commented file, or for a user's own experiment the block of
    /// settings that was used.
    ///
    /// # Errors
    /// [`SiteError::Settings`] when the settings cannot be written as YAML.
    pub fn of_task(
        task: &Task,
        data: &Path,
        images_checksum: Option<&str>,
        result: Option<ExhibitResult>,
    ) -> Result<Self, SiteError> {
        let (settings, request) = match task.built_in {
            Some(own) => (own.yaml.to_string(), task.name.clone()),
            None => {
                let value: serde_json::Value = serde_json::from_str(&task.configured.settings)?;
                let settings = serde_yaml::to_string(&value)
                    .map_err(|reason| SiteError::Settings { exhibit: task.name.clone(), reason })?;
                (settings, format!("{}.yaml", task.name))
            }
        };
        let command = format!(
            "cargo run --release -p reproduce -- run {request}{} --seed {}",
            task.scale.flag(),
            task.seed
        );
        Ok(ExhibitPage {
            name: task.name.clone(),
            title: task.title(),
            shows: task.exhibit.shows.to_string(),
            paper: task.exhibit.paper.to_string(),
            settings,
            settings_hash: task.settings_hash(),
            command,
            images_checksum: images_checksum.map(|checksum| format!("{checksum:.12}")),
            is_timing: task.exhibit.is_timing,
            is_long: task.built_in.is_some_and(|own| own.is_long),
            reservation: reservation(task, data),
            section: task.exhibit.section,
            note: task.exhibit.note.to_string(),
            statements: task.exhibit.statements,
            interactive: task.exhibit.interactive,
            result,
        })
    }

    /// The values of the template `exhibit.html`.
    ///
    /// # Errors
    /// [`SiteError::Dangling`] where its note is not there; those of figures and tables.
    pub(super) fn view(&self, notes: &[Note]) -> Result<Value, SiteError> {
        let note = notes.iter().find(|note| note.slug == self.note);
        let note = note.ok_or_else(|| SiteError::Dangling {
            from: format!("exhibit {}", self.name),
            note: self.note.clone(),
        })?;
        let result = match &self.result {
            Some(result) => Some(self.result_view(result)?),
            None => None,
        };
        let is_drawn = self.result.as_ref().is_some_and(|result| !result.figures.is_empty());
        Ok(context! { result, is_drawn, note => value(note), ..value(self) })
    }

    fn result_view(&self, result: &ExhibitResult) -> Result<Value, SiteError> {
        let figures = result.figures.iter().map(figure_view);
        let figures = figures.collect::<Result<Vec<Value>, SiteError>>()?;
        let csv = result
            .records
            .csv()
            .map_err(|reason| SiteError::Csv { exhibit: self.name.clone(), reason })?;
        let sampling = match self.interactive {
            [] => None,
            estimators => {
                let figure = SamplingFigure::new(&self.name, estimators).map_err(|reason| {
                    SiteError::Interactive { of: self.name.clone(), reason: reason.into() }
                })?;
                let json = Value::from_safe_string(script_json(&figure)?);
                Some(context! { json, ..value(figure) })
            }
        };
        Ok(context! {
            figures,
            tables => result.tables.iter().map(|t| table_view(t, 4)).collect::<Vec<Value>>(),
            rows => result.records.rows.len(),
            csv,
            finding => &result.finding,
            remarks => &result.remarks,
            data => &result.data,
            sampling,
        })
    }
}

fn table_view(table: &Table, digits: usize) -> Value {
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| cell.show(digits)).collect()).collect();
    let columns: Vec<Value> = (0..table.columns.len())
        .map(|index| {
            let is_number = table.rows.iter().all(|row| !matches!(row[index], Cell::Text(_)));
            context! { is_number, ..value(&table.columns[index]) }
        })
        .collect();
    context! { caption => &table.caption, columns, rows }
}

/// The text as markup, with an index such as that of p_i or |A|_F set as a subscript.
pub(super) fn subscripts(text: &str) -> Value {
    let characters: Vec<char> = text.chars().collect();
    let is_word = |place: Option<usize>| {
        place.and_then(|place| characters.get(place)).is_some_and(|c| c.is_alphanumeric())
    };
    let mut markup = String::new();
    let mut place = 0;
    while let Some(character) = characters.get(place) {
        // One letter or a bar before it and one letter behind it: other names keep theirs.
        let is_index = *character == '_'
            && (is_word(place.checked_sub(1)) && !is_word(place.checked_sub(2))
                || place > 0 && characters[place - 1] == '|')
            && is_word(Some(place + 1))
            && !is_word(Some(place + 2));
        if is_index {
            markup.push_str(&format!("<sub>{}</sub>", characters[place + 1]));
            place += 2;
        } else {
            markup.push_str(&HtmlEscape(&character.to_string()).to_string());
            place += 1;
        }
    }
    Value::from_safe_string(markup)
}

/// The panels of a figure and its legend, which the page arranges.
fn figure_view(figure: &Figure) -> Result<Value, SiteError> {
    let parts = plot::parts(figure)?;
    let panels: Vec<Value> = parts.panels.into_iter().map(Value::from_safe_string).collect();
    let legend = parts.legend.into_iter().map(|(swatch, label)| {
        context! { swatch => Value::from_safe_string(swatch), label }
    });
    let legend: Vec<Value> = legend.collect();
    Ok(context! { panels, legend, caption => &figure.caption })
}

/// What the data of a task leave open, where they are not those of the paper's claims.
fn reservation(task: &Task, data: &Path) -> Option<&'static str> {
    let config = task.configured.experiment.images()?;
    let set = config.set.in_directory(data);
    judgement::reservation(&ImageConfig { set, ..config })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::settings::Scale;

    #[test]
    fn cut_data_are_named_and_whole_ones_and_none_are_not() {
        let of = |name, scale| {
            let task = Task::new(name, scale, 1).unwrap();
            reservation(&task, Path::new("nowhere"))
        };
        assert_eq!(of("ridge", Scale::Quick), None);
        let cut = "reduced data: does not test the paper's claim";
        assert_eq!(of("wrn-accuracy", Scale::Standard), Some(cut));
        let drawn = "other data than the paper's: does not test its claim";
        assert_eq!(of("mlp-accuracy", Scale::Quick), Some(drawn));
    }

    #[test]
    fn an_index_is_a_subscript_and_a_name_is_not() {
        let markup = |text: &str| subscripts(text).to_string();
        assert_eq!(markup("p_i = 0.9 w_i"), "p<sub>i</sub> = 0.9 w<sub>i</sub>");
        assert_eq!(markup("|Ĉ - C|_F"), "|Ĉ - C|<sub>F</sub>");
        assert_eq!(markup("spectral_repeats a_bc ab_c _i"), "spectral_repeats a_bc ab_c _i");
        assert_eq!(markup("a<b & c"), "a&lt;b &amp; c");
    }
}
