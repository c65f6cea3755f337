//! From a [`Figure`] to an SVG picture: the same figure gives the same bytes.
//!
//! Colours are those of Okabe and Ito, told apart by most colour-blind readers;
//! every colour has a marker of its own, so that a figure printed in grey can
//! still be read. Closed forms are lines under the measured points. The legend
//! stands below the panels, never on the data.

mod legend;
mod marker;
mod span;

use plotters::coord::Shift;
use plotters::prelude::*;
use thiserror::Error;

use crate::result::{Figure, Mark, Panel, Series};
use legend::{LegendLayout, legend_entries};
use marker::{DOT, FILL, GREY, colour, draw_marker};
use span::Span;

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

const MESH: RGBColor = RGBColor(225, 225, 225);
const INK: RGBColor = RGBColor(30, 30, 30);

const PANEL_HEIGHT: u32 = 460;
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
        let failed = |reason: String| PlotError::Backend { figure: figure.caption.clone(), reason };
        root.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        let (panels, _) = root.split_vertically(PANEL_HEIGHT);
        for (area, panel) in
            panels.split_evenly((1, figure.panels.len())).iter().zip(&figure.panels)
        {
            let x = Span::of(&panel.x, panel.series.iter(), |point| (point.x, None))
                .ok_or_else(|| PlotError::Empty(figure.caption.clone()))?;
            let y = Span::of(&panel.y, panel.series.iter(), |point| (point.y, point.half_width))
                .ok_or_else(|| PlotError::Empty(figure.caption.clone()))?;
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

    // Areas and lines first: measured points lie on top of their closed form.
    let mut ordered: Vec<&Series> = panel.series.iter().collect();
    ordered.sort_by_key(|series| match series.mark {
        Mark::Area => 0,
        Mark::Dots => 1,
        Mark::Dashed | Mark::DashedPoints => 2,
        Mark::Line => 3,
        Mark::JoinedPoints | Mark::Points => 4,
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
            Mark::Dashed | Mark::DashedPoints => {
                let dashes = DashedLineSeries::new(places.clone(), 8, 6, style);
                chart.draw_series(dashes).map_err(text)?;
            }
            Mark::JoinedPoints => {
                let thin = ShapeStyle { stroke_width: 1, ..style };
                chart.draw_series(LineSeries::new(places.clone(), thin)).map_err(text)?;
            }
            Mark::Area => {
                let fill = colour(series).mix(FILL).filled();
                chart.draw_series([Polygon::new(places.clone(), fill)]).map_err(text)?;
                let edge = ShapeStyle { stroke_width: 1, ..style };
                let closed = places.iter().chain(places.first()).copied();
                chart.draw_series(LineSeries::new(closed, edge)).map_err(text)?;
            }
            Mark::Dots => {
                let dot = colour(series).filled();
                let dots = places.iter().map(|place| Circle::new(*place, DOT, dot));
                chart.draw_series(dots).map_err(text)?;
            }
            Mark::Points => {}
        }
        if matches!(series.mark, Mark::Line | Mark::Dashed | Mark::Area | Mark::Dots) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Axis, AxisScale, Point};

    fn figure(scale: AxisScale, points: Vec<Point>) -> Figure {
        let axis = Axis { label: "budget (pairs)".into(), scale };
        Figure {
            part: "example".into(),
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
    fn a_measured_reference_is_grey_with_markers_on_a_dashed_line() {
        let points = vec![Point::new(0.0, 1.0), Point::new(1.0, 2.0)];
        let mut figure = figure(AxisScale::Linear, points);
        let drawn = |figure: &Figure| {
            let svg = draw(figure).unwrap();
            let of = |shape: &'static str| svg.lines().filter(move |line| line.contains(shape));
            ["<polyline", "<polygon"].map(|shape| of(shape).any(|line| line.contains("#6E6E6E")))
        };
        assert!(!drawn(&figure)[1]);
        figure.panels[0].series[0].mark = Mark::DashedPoints;
        assert_eq!(drawn(&figure), [true, true]);
    }

    #[test]
    fn an_area_is_filled_lightly_and_closed_and_dots_have_no_rim() {
        let corners = vec![Point::new(0.0, 1.0), Point::new(1.0, 2.0), Point::new(1.0, 1.0)];
        let mut figure = figure(AxisScale::Linear, corners);
        figure.panels[0].series[0].mark = Mark::Area;
        let svg = draw(&figure).unwrap();
        let areas: Vec<&str> = svg.lines().filter(|line| line.contains("<polygon")).collect();
        assert!(
            !areas.is_empty() && areas.iter().all(|area| area.contains("opacity=\"0.2")),
            "{svg}"
        );
        let edge = svg.lines().find(|line| line.contains("<polyline") && line.contains("#CC79A7"));
        let places = edge.and_then(|edge| edge.split("points=\"").nth(1)).unwrap();
        let places: Vec<&str> = places.split('"').next().unwrap().split_whitespace().collect();
        assert_eq!((places.len(), places.first()), (4, places.last()));
        figure.panels[0].series[0].mark = Mark::Dots;
        let svg = draw(&figure).unwrap();
        let dots = svg.lines().filter(|line| line.contains("<circle") && line.contains("#CC79A7"));
        // Three in the panel, one in the legend.
        assert_eq!(dots.count(), 4);
    }

    #[test]
    fn a_band_goes_there_above_and_back_below() {
        let band = Series::band("band", 0, &[1.0, 2.0], &[0.0, 0.5], &[3.0, 4.0]);
        let corners: Vec<(f64, f64)> = band.points.iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(corners, [(1.0, 3.0), (2.0, 4.0), (2.0, 0.5), (1.0, 0.0)]);
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
}
