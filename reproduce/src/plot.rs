//! From a [`Figure`] to an SVG picture: the same figure gives the same bytes.
//!
//! Colours are those of Okabe and Ito, told apart by most colour-blind readers;
//! every colour has a marker of its own, so that a figure printed in grey can
//! still be read. Closed forms are lines under the measured points. The legend
//! stands below the panels, never on the data.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use thiserror::Error;

use crate::result::{Axis, AxisScale, Figure, Mark, Panel, Series};

/// Why a figure could not be drawn.
#[derive(Debug, Error)]
pub enum PlotError {
    /// The figure has no panel or a panel has nothing that its axes can show.
    #[error("figure {0:?} has nothing to draw")]
    Empty(String),
    /// The drawing backend failed.
    #[error("figure {figure:?} cannot be drawn: {reason}")]
    Backend {
        /// The figure's file name.
        figure: String,
        /// What the backend said.
        reason: String,
    },
}

/// Okabe and Ito (2008), "Color Universal Design", without the yellow, which is
/// too light for thin lines on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
const GREY: RGBColor = RGBColor(110, 110, 110);
const MESH: RGBColor = RGBColor(225, 225, 225);
const INK: RGBColor = RGBColor(30, 30, 30);

const PANEL_HEIGHT: u32 = 460;
const LEGEND_ROW: i32 = 28;
const LEGEND_PADDING: i32 = 12;
const FONT: &str = "sans-serif";
/// Text sizes in the backend's unit, which is 1.24 times the em.
const TITLE_SIZE: i32 = 24;
const LABEL_SIZE: i32 = 21;
const TICK_SIZE: i32 = 19;

/// The picture of a figure as an SVG document.
///
/// # Errors
/// [`PlotError::Empty`] for a figure without points to draw.
pub fn draw(figure: &Figure) -> Result<String, PlotError> {
    let panel_width = if figure.panels.len() == 1 { 820 } else { 640 };
    let width = panel_width * figure.panels.len() as u32;
    let entries = legend_entries(figure);
    let legend = LegendLayout::new(&entries, width as i32);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(
            &mut svg,
            (width, PANEL_HEIGHT + legend.height() as u32 + LEGEND_PADDING as u32),
        )
        .into_drawing_area();
        let failed = |reason: String| PlotError::Backend { figure: figure.file.clone(), reason };
        root.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        let (panels, _) = root.split_vertically(PANEL_HEIGHT);
        for (area, panel) in
            panels.split_evenly((1, figure.panels.len())).iter().zip(&figure.panels)
        {
            let x = Span::of(&panel.x, panel.series.iter(), |point| (point.x, None))
                .ok_or_else(|| PlotError::Empty(figure.file.clone()))?;
            let y = Span::of(&panel.y, panel.series.iter(), |point| (point.y, point.half_width))
                .ok_or_else(|| PlotError::Empty(figure.file.clone()))?;
            draw_panel(area, panel, &x, &y).map_err(failed)?;
        }
        legend.draw(&root, &entries).map_err(failed)?;
        root.present().map_err(|error| failed(error.to_string()))?;
    }
    let title = format!("<title>{}</title>\n", escape(&figure.caption));
    Ok(match svg.find('>') {
        Some(end) => format!("{} role=\"img\">\n{title}{}", &svg[..end], &svg[end + 1..]),
        None => svg,
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(area: &Area, panel: &Panel, x: &Span, y: &Span) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| -> String { error_text(error) };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(28)
        .caption(&panel.title, (FONT, TITLE_SIZE).into_font().color(&INK))
        .x_label_area_size(58)
        .y_label_area_size(84)
        .build_cartesian_2d(x.clone(), y.clone())
        .map_err(text)?;
    chart
        .configure_mesh()
        .bold_line_style(MESH)
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .label_style((FONT, TICK_SIZE).into_font().color(&INK))
        .axis_desc_style((FONT, LABEL_SIZE).into_font().color(&INK))
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .x_label_formatter(&|position| x.tick_label(*position))
        .y_label_formatter(&|position| y.tick_label(*position))
        .draw()
        .map_err(text)?;

    // Lines first: measured points lie on top of their closed form.
    let mut ordered: Vec<&Series> = panel.series.iter().collect();
    ordered.sort_by_key(|series| match series.mark {
        Mark::Dashed => 0,
        Mark::Line => 1,
        Mark::JoinedPoints | Mark::Points => 2,
    });
    for series in ordered {
        let style = ShapeStyle { color: colour(series).to_rgba(), filled: false, stroke_width: 2 };
        let places: Vec<(f64, f64)> = series
            .points
            .iter()
            .filter_map(|p| Some((x.position(p.x)?, y.position(p.y)?)))
            .collect();
        match series.mark {
            Mark::Line => {
                chart.draw_series(LineSeries::new(places.clone(), style)).map_err(text)?;
            }
            Mark::Dashed => {
                let dashes = DashedLineSeries::new(places.clone(), 8, 6, style);
                chart.draw_series(dashes).map_err(text)?;
            }
            Mark::JoinedPoints => {
                let thin = ShapeStyle { stroke_width: 1, ..style };
                chart.draw_series(LineSeries::new(places.clone(), thin)).map_err(text)?;
            }
            Mark::Points => {}
        }
        if !matches!(series.mark, Mark::Points | Mark::JoinedPoints) {
            continue;
        }
        for point in &series.points {
            let (Some(at), Some(half)) = (x.position(point.x), point.half_width) else { continue };
            // An interval that reaches below a logarithmic axis is cut at its foot.
            let low = y.position(point.y - half).unwrap_or(y.low).max(y.low);
            let Some(high) = y.position(point.y + half) else { continue };
            let bar = PathElement::new(vec![(at, low), (at, high.min(y.high))], style);
            chart.draw_series(std::iter::once(bar)).map_err(text)?;
        }
        let plotting = chart.plotting_area().strip_coord_spec();
        let (left, top) = plotting.get_base_pixel();
        for place in places {
            let (px, py) = chart.backend_coord(&place);
            draw_marker(&plotting, (px - left, py - top), series).map_err(text)?;
        }
    }
    Ok(())
}

fn error_text<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> String {
    error.to_string()
}

fn colour(series: &Series) -> RGBColor {
    match series.mark {
        Mark::Dashed => GREY,
        _ => COLOURS[series.style % COLOURS.len()],
    }
}

/// A marker with a thin white rim that keeps it apart from its neighbours.
fn draw_marker<'a>(
    area: &Area<'a>,
    (x, y): (i32, i32),
    series: &Series,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    for (rim, fill) in [(2, WHITE), (0, colour(series))] {
        match marker_outline(series.style, rim) {
            None => area.draw(&Circle::new((x, y), 5 + rim / 2, fill.filled()))?,
            Some(outline) => {
                let corners: Vec<(i32, i32)> =
                    outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
                area.draw(&Polygon::new(corners, fill.filled()))?;
            }
        }
    }
    Ok(())
}

/// Corners of a marker around (0, 0), widened by `rim`; none for the circle.
fn marker_outline(style: usize, rim: i32) -> Option<Vec<(i32, i32)>> {
    let r = rim;
    match style % 7 {
        0 => None,
        1 => Some(vec![
            (-5 - r / 2, -5 - r / 2),
            (5 + r / 2, -5 - r / 2),
            (5 + r / 2, 5 + r / 2),
            (-5 - r / 2, 5 + r / 2),
        ]),
        2 => Some(vec![(0, -7 - r), (7 + r, 5 + r / 2), (-7 - r, 5 + r / 2)]),
        3 => Some(vec![(0, -7 - r), (7 + r, 0), (0, 7 + r), (-7 - r, 0)]),
        4 => {
            let (a, b) = (6 + r / 2, 3 - r / 2);
            Some(vec![
                (-a, -b),
                (-b, -a),
                (0, -a + b),
                (b, -a),
                (a, -b),
                (a - b, 0),
                (a, b),
                (b, a),
                (0, a - b),
                (-b, a),
                (-a, b),
                (-a + b, 0),
            ])
        }
        5 => Some(vec![(0, 7 + r), (7 + r, -5 - r / 2), (-7 - r, -5 - r / 2)]),
        _ => {
            let (a, b) = (7 + r / 2, 2 + r / 2);
            Some(vec![
                (-b, -a),
                (b, -a),
                (b, -b),
                (a, -b),
                (a, b),
                (b, b),
                (b, a),
                (-b, a),
                (-b, b),
                (-a, b),
                (-a, -b),
                (-b, -b),
            ])
        }
    }
}

/// The part of an axis that is shown, in drawing positions: the value itself or,
/// on a logarithmic axis, its decimal logarithm.
#[derive(Clone)]
struct Span {
    scale: AxisScale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    decimals: usize,
}

impl Span {
    /// The span that shows every point; none when there is no point to show.
    fn of<'a>(
        axis: &Axis,
        series: impl Iterator<Item = &'a Series>,
        value: impl Fn(&crate::result::Point) -> (f64, Option<f64>),
    ) -> Option<Span> {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for point in series.flat_map(|s| &s.points) {
            let (centre, half) = value(point);
            let half = half.unwrap_or(0.0);
            for end in [centre, centre - half, centre + half] {
                // A lower end at or below zero does not stretch a logarithmic axis.
                if let Some(position) = position(axis.scale, end) {
                    low = low.min(position);
                    high = high.max(position);
                }
            }
        }
        if low > high {
            return None;
        }
        if high - low < 1e-12 {
            let room = if high == 0.0 { 1.0 } else { 0.1 * high.abs() };
            (low, high) = (low - room, high + room);
        }
        Some(match axis.scale {
            AxisScale::Linear => Span::linear(low, high),
            AxisScale::Logarithmic => Span::logarithmic(low, high),
        })
    }

    fn linear(low: f64, high: f64) -> Span {
        // A quantity that cannot be negative starts at zero when zero is near.
        let from_zero = low >= 0.0 && low < 0.4 * high;
        let room = 0.04 * (high - low);
        let low = if from_zero { 0.0 } else { low - room };
        let high = high + room;
        let rough = (high - low) / 6.0;
        let decade = libm::pow(10.0, libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * decade)
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * decade);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        Span {
            scale: AxisScale::Linear,
            low,
            high,
            ticks: (first..=last).map(|i| i as f64 * step).collect(),
            decimals: (-libm::floor(libm::log10(step) + 1e-9)).max(0.0) as usize,
        }
    }

    fn logarithmic(low: f64, high: f64) -> Span {
        let room = 0.03 * (high - low);
        let (low, high) = (low - room, high + room);
        // Few decades need ticks between the powers of ten, many need fewer.
        let factors: &[f64] = match high - low {
            decades if decades < 0.6 => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
            decades if decades < 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            decades if decades < 3.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let every = ((high - low) / 8.0).ceil().max(1.0) as usize;
        let mut ticks = Vec::new();
        for decade in ((low.floor() as i32)..=(high.ceil() as i32)).step_by(every) {
            for factor in factors {
                let tick = decade as f64 + libm::log10(*factor);
                if (low..=high).contains(&tick) {
                    ticks.push(tick);
                }
            }
        }
        Span { scale: AxisScale::Logarithmic, low, high, ticks, decimals: 0 }
    }

    fn position(&self, value: f64) -> Option<f64> {
        position(self.scale, value)
    }

    fn tick_label(&self, position: f64) -> String {
        match self.scale {
            AxisScale::Linear => format!("{:.*}", self.decimals, position + 0.0),
            AxisScale::Logarithmic => {
                let value = libm::pow(10.0, position);
                let exponent = libm::floor(position + 1e-9);
                // 1.5 of its power of ten has a digit more than 2 of it.
                let factor = value / libm::pow(10.0, exponent);
                let more = i32::from((factor - factor.round()).abs() > 1e-6);
                match exponent as i32 {
                    exponent @ -4..=5 => format!("{value:.*}", (more - exponent).max(0) as usize),
                    _ => format!("{value:.0e}"),
                }
            }
        }
    }
}

impl Ranged for Span {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

fn position(scale: AxisScale, value: f64) -> Option<f64> {
    match scale {
        _ if !value.is_finite() => None,
        AxisScale::Linear => Some(value),
        AxisScale::Logarithmic => (value > 0.0).then(|| libm::log10(value)),
    }
}

/// What the legend shows for one label: a line, a marker or both.
struct Entry<'a> {
    line: Option<&'a Series>,
    marker: Option<&'a Series>,
    label: &'a str,
}

fn legend_entries(figure: &Figure) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry> = Vec::new();
    for series in figure.panels.iter().flat_map(|panel| &panel.series) {
        let at =
            entries.iter().position(|entry| entry.label == series.label).unwrap_or_else(|| {
                entries.push(Entry { line: None, marker: None, label: &series.label });
                entries.len() - 1
            });
        match series.mark {
            Mark::Line | Mark::Dashed => entries[at].line = Some(series),
            Mark::Points => entries[at].marker = Some(series),
            Mark::JoinedPoints => {
                entries[at].line = Some(series);
                entries[at].marker = Some(series);
            }
        }
    }
    entries
}

/// Columns of equal width below the panels.
struct LegendLayout {
    columns: usize,
    column_width: i32,
    rows: usize,
    explains_marks: bool,
}

impl LegendLayout {
    fn new(entries: &[Entry], width: i32) -> Self {
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

    fn height(&self) -> i32 {
        (self.rows + usize::from(self.explains_marks)) as i32 * LEGEND_ROW
    }

    fn draw(&self, root: &Area, entries: &[Entry]) -> Result<(), String> {
        let style =
            (FONT, TICK_SIZE).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let width = root.dim_in_pixel().0 as i32;
        let left = ((width - self.columns as i32 * self.column_width) / 2).max(20);
        let top = PANEL_HEIGHT as i32 + LEGEND_ROW / 2;
        let put = |entry: &Entry, index: usize| -> Result<(), DrawingAreaErrorKind<_>> {
            let x = left + (index / self.rows) as i32 * self.column_width;
            let y = top + (index % self.rows) as i32 * LEGEND_ROW;
            if let Some(series) = entry.line {
                let stroke = colour(series).stroke_width(2);
                let ends = vec![(x, y), (x + 36, y)];
                if series.mark == Mark::Dashed {
                    root.draw(&DashedPathElement::new(ends, 8, 6, stroke))?;
                } else {
                    root.draw(&PathElement::new(ends, stroke))?;
                }
            }
            if let Some(series) = entry.marker {
                draw_marker(root, (x + 18, y), series)?;
            }
            root.draw(&Text::new(entry.label.to_string(), (x + 46, y), style.clone()))
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
            root.draw(&Text::new(note, (width / 2, y), style)).map_err(error_text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Point;

    fn figure(scale: AxisScale, points: Vec<Point>) -> Figure {
        let axis = Axis { label: "budget (pairs)".into(), scale };
        Figure {
            file: "example".into(),
            caption: "An <example>".into(),
            panels: vec![Panel {
                title: "panel".into(),
                x: axis.clone(),
                y: axis,
                series: vec![Series {
                    label: "top-k".into(),
                    style: 3,
                    mark: Mark::Points,
                    points,
                }],
            }],
        }
    }

    #[test]
    fn the_same_figure_gives_the_same_bytes() {
        let figure = figure(AxisScale::Linear, vec![Point::new(0.0, 1.0), Point::new(1.0, 2.0)]);
        assert_eq!(draw(&figure).unwrap(), draw(&figure).unwrap());
    }

    #[test]
    fn the_caption_is_the_text_alternative() {
        let svg = draw(&figure(AxisScale::Linear, vec![Point::new(0.0, 1.0)])).unwrap();
        assert!(svg.contains("<title>An &lt;example&gt;</title>"));
    }

    #[test]
    fn a_point_that_a_logarithmic_axis_cannot_show_is_left_out() {
        let shown = vec![Point::new(1.0, 1.0), Point::new(10.0, 5.0)];
        let with_zero = [shown.clone(), vec![Point::new(0.0, 0.0)]].concat();
        let logarithmic = |points| draw(&figure(AxisScale::Logarithmic, points)).unwrap();
        assert_eq!(logarithmic(shown), logarithmic(with_zero));
    }

    #[test]
    fn a_figure_without_points_is_an_error() {
        let empty = figure(AxisScale::Logarithmic, vec![Point::new(0.0, 0.0)]);
        assert!(matches!(draw(&empty), Err(PlotError::Empty(_))));
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_span() {
        let span = Span::linear(0.0, 1.0);
        assert_eq!(span.tick_label(span.ticks[1]), "0.2");
        let span = Span::logarithmic(-2.0, 1.0);
        let labels: Vec<String> = span.ticks.iter().map(|t| span.tick_label(*t)).collect();
        assert_eq!(labels, ["0.01", "0.1", "1", "10"]);
        let span = Span::logarithmic(libm::log10(1.1), libm::log10(2.2));
        let labels: Vec<String> = span.ticks.iter().map(|t| span.tick_label(*t)).collect();
        assert_eq!(labels, ["1.2", "1.5", "2"]);
    }
}
