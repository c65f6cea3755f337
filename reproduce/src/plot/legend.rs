//! The legend: below the panels, an entry a label.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::marker::{DOT, FILL, GREY, colour, draw_markers};
use super::{Area, FONT, INK, TICK_SIZE, error_text};
use crate::result::{Figure, Mark, Series};

const LEGEND_ROW: i32 = 28;

/// What the legend shows for one label: an area, a line, a marker, or several of them.
pub(super) struct Entry<'a> {
    area: Option<&'a Series>,
    line: Option<&'a Series>,
    marker: Option<&'a Series>,
    pub(super) label: &'a str,
}

impl Entry<'_> {
    /// Draws its line and its marker.
    pub(super) fn draw_marks(&self, area: &Area, place: (i32, i32)) -> Result<(), String> {
        self.put_marks(area, place).map_err(error_text)
    }

    fn put_marks<'a>(
        &self,
        area: &Area<'a>,
        (x, y): (i32, i32),
    ) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
        if let Some(series) = self.area {
            let ends = [(x, y - 8), (x + 36, y + 8)];
            area.draw(&Rectangle::new(ends, colour(series).mix(FILL).filled()))?;
            area.draw(&Rectangle::new(ends, colour(series).stroke_width(1)))?;
        }
        if let Some(series) = self.line {
            let stroke = colour(series).stroke_width(2);
            let ends = vec![(x, y), (x + 36, y)];
            if matches!(series.mark, Mark::Dashed | Mark::DashedPoints) {
                area.draw(&DashedPathElement::new(ends, 8, 6, stroke))?;
            } else {
                area.draw(&PathElement::new(ends, stroke))?;
            }
        }
        match self.marker {
            Some(series) if series.mark == Mark::Dots => {
                area.draw(&Circle::new((x + 18, y), DOT, colour(series).filled()))
            }
            Some(series) => draw_markers(area, &[(x + 18, y)], series),
            None => Ok(()),
        }
    }
}

pub(super) fn legend_entries(figure: &Figure) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry> = Vec::new();
    for series in figure.panels.iter().flat_map(|panel| &panel.series) {
        let at =
            entries.iter().position(|entry| entry.label == series.label).unwrap_or_else(|| {
                entries.push(Entry { area: None, line: None, marker: None, label: &series.label });
                entries.len() - 1
            });
        match series.mark {
            Mark::Line | Mark::Dashed => entries[at].line = Some(series),
            Mark::Area => entries[at].area = Some(series),
            Mark::Points | Mark::Dots | Mark::Across => entries[at].marker = Some(series),
            Mark::JoinedPoints | Mark::DashedPoints => {
                entries[at].line = Some(series);
                entries[at].marker = Some(series);
            }
        }
    }
    entries
}

/// Columns of equal width below the panels.
pub(super) struct LegendLayout {
    columns: usize,
    column_width: i32,
    rows: usize,
    explains_marks: bool,
}

impl LegendLayout {
    pub(super) fn new(entries: &[Entry], width: i32) -> Self {
        let longest = entries.iter().map(|e| e.label.chars().count()).max().unwrap_or(0) as i32;
        let column_width = 62 + longest * 9;
        let columns = ((width - 60) / column_width).clamp(1, entries.len().max(1) as i32) as usize;
        let rows = entries.len().div_ceil(columns);
        // Lines are closed forms only where some entry has both.
        let explains_marks = entries.iter().any(|entry| {
            entry.marker.is_some() && entry.line.is_some_and(|line| line.mark == Mark::Line)
        });
        // Fill the columns evenly.
        let columns = entries.len().div_ceil(rows.max(1)).max(1);
        LegendLayout { columns, column_width, rows, explains_marks }
    }

    pub(super) fn height(&self) -> i32 {
        (self.rows + usize::from(self.explains_marks)) as i32 * LEGEND_ROW
    }

    pub(super) fn draw(&self, area: &Area, entries: &[Entry]) -> Result<(), String> {
        let style =
            (FONT, TICK_SIZE).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let width = area.dim_in_pixel().0 as i32;
        let left = ((width - self.columns as i32 * self.column_width) / 2).max(20);
        let top = LEGEND_ROW / 2;
        let put = |entry: &Entry, index: usize| -> Result<(), DrawingAreaErrorKind<_>> {
            let x = left + (index / self.rows) as i32 * self.column_width;
            let y = top + (index % self.rows) as i32 * LEGEND_ROW;
            entry.put_marks(area, (x, y))?;
            area.draw(&Text::new(entry.label.to_string(), (x + 46, y), style.clone()))
        };
        for (index, entry) in entries.iter().enumerate() {
            put(entry, index).map_err(error_text)?;
        }
        if self.explains_marks {
            let note = "marker: measured; line of the same colour: closed form";
            let style = (FONT, TICK_SIZE)
                .into_font()
                .color(&GREY)
                .pos(Pos::new(HPos::Center, VPos::Center));
            let y = top + self.rows as i32 * LEGEND_ROW;
            area.draw(&Text::new(note, (width / 2, y), style)).map_err(error_text)?;
        }
        Ok(())
    }
}
