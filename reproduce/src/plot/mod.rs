//! From a [`Figure`] to an SVG picture: the same figure gives the same bytes.
//!
//! Colours are those of Okabe and Ito, told apart by most colour-blind readers;
//! every colour has a marker of its own, so that a figure printed in grey can
//! still be read. Closed forms are lines under the measured points. The legend
//! stands below the panels, never on the data.

mod legend;
mod marker;
mod outline;
mod span;
mod theme;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use thiserror::Error;

use crate::result::{Figure, Mark, Panel, Point, Series};
use legend::{LegendLayout, legend_entries};
use marker::{DOT, FILL, GREY, colour, draw_markers};
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
/// Panels that stand beside one another.
const MOST_BESIDE: usize = 3;
const LEGEND_PADDING: i32 = 12;
const FONT: &str = "sans-serif";
/// Text sizes in the backend's unit, which is 1.24 times the em.
const TITLE_SIZE: i32 = 23;
const LABEL_SIZE: i32 = 21;
const TICK_SIZE: i32 = 19;

/// The picture of a figure as an SVG document.
///
/// # Errors
/// [`PlotError::Empty`] for a figure without points to draw.
pub fn draw(figure: &Figure) -> Result<String, PlotError> {
    let panel_width = if figure.panels.len() == 1 { 820 } else { 640 };
    let columns = figure.panels.len().min(MOST_BESIDE);
    let rows = figure.panels.len().div_ceil(MOST_BESIDE);
    let (width, height) = (panel_width * columns as u32, PANEL_HEIGHT * rows as u32);
    let entries = legend_entries(figure);
    let legend = LegendLayout::new(&entries, width as i32);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(
            &mut svg,
            (width, height + legend.height() as u32 + LEGEND_PADDING as u32),
        )
        .into_drawing_area();
        let failed = |reason: String| PlotError::Backend { figure: figure.caption.clone(), reason };
        root.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        let (panels, below) = root.split_vertically(height);
        for (area, panel) in panels.split_evenly((rows, columns)).iter().zip(&figure.panels) {
            let (x, y) = spans(figure, panel)?;
            draw_panel(area, panel, &x, &y).map_err(failed)?;
        }
        legend.draw(&below, &entries).map_err(failed)?;
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

/// A figure in parts, for a page that arranges them by its width and colours them by its theme.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// A picture a panel, each as narrow as a phone allows, with classes in the place of colours.
    pub panels: Vec<String>,
    /// A picture and a text an entry.
    pub legend: Vec<(String, String)>,
}

/// Width and height of a panel by itself.
const PART: (u32, u32) = (480, 380);
const SWATCH: (u32, u32) = (40, 20);

/// The panels and the legend of a figure.
///
/// # Errors
/// [`PlotError::Empty`] for a figure without points to draw.
pub fn parts(figure: &Figure) -> Result<Parts, PlotError> {
    let failed = |reason: String| PlotError::Backend { figure: figure.caption.clone(), reason };
    let picture = |size: (u32, u32), label: &str, put: &dyn Fn(&Area) -> Result<(), String>| {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            put(&root).map_err(failed)?;
            root.present().map_err(|error| failed(error.to_string()))?;
        }
        Ok(theme::themed(&svg, label))
    };
    let panels = figure.panels.iter().map(|panel| {
        let (x, y) = spans(figure, panel)?;
        picture(PART, &panel.title, &|root| draw_panel(root, panel, &x, &y))
    });
    let panels = panels.collect::<Result<Vec<String>, PlotError>>()?;
    let legend = legend_entries(figure).into_iter().map(|entry| {
        let middle = (2, SWATCH.1 as i32 / 2);
        let swatch = picture(SWATCH, "", &|root| entry.draw_marks(root, middle));
        Ok((swatch?, entry.label.to_string()))
    });
    Ok(Parts { panels, legend: legend.collect::<Result<_, PlotError>>()? })
}

/// The axes of a panel.
fn spans(figure: &Figure, panel: &Panel) -> Result<(Span, Span), PlotError> {
    let empty = || PlotError::Empty(figure.caption.clone());
    let is_across = panel.series.iter().any(|series| series.mark == Mark::Across);
    let half = |point: &Point, lies: bool| point.half_width.filter(|_| lies);
    let x = Span::of(&panel.x, panel.series.iter(), |point| (point.x, half(point, is_across)));
    let y = Span::of(&panel.y, panel.series.iter(), |point| (point.y, half(point, !is_across)));
    Ok((x.ok_or_else(empty)?, y.ok_or_else(empty)?))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(area: &Area, panel: &Panel, x: &Span, y: &Span) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| -> String { error_text(error) };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(28)
        .caption(&panel.title, (FONT, TITLE_SIZE).into_font().color(&INK))
        .x_label_area_size(58)
        .y_label_area_size(label_area(panel))
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

    let plotting = chart.plotting_area().strip_coord_spec();
    let (left, top) = plotting.get_base_pixel();
    // Where a thing lies that has a name.
    let place = |number: usize| chart.backend_coord(&(x.low, number as f64)).1 - top;
    write_names(&plotting, &panel.y.names, place)?;

    // Areas and lines first: measured points lie on top of their closed form.
    let mut ordered: Vec<&Series> = panel.series.iter().collect();
    ordered.sort_by_key(|series| match series.mark {
        Mark::Area => 0,
        Mark::Dots => 1,
        Mark::Dashed | Mark::DashedPoints => 2,
        Mark::Line => 3,
        Mark::JoinedPoints | Mark::Points | Mark::Across => 4,
    });
    let width = area.dim_in_pixel().0.saturating_sub(label_area(panel) + 40).max(1);
    let pixel = (x.high - x.low) / f64::from(width);
    for series in ordered {
        let aside = pixel * dodge(panel, series);
        let style = ShapeStyle { color: colour(series).to_rgba(), filled: false, stroke_width: 2 };
        let places: Vec<(f64, f64)> = series
            .points
            .iter()
            .filter_map(|p| Some((x.position(p.x)? + aside, y.position(p.y)?)))
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
            Mark::Points | Mark::Across => {}
        }
        if matches!(series.mark, Mark::Line | Mark::Dashed | Mark::Area | Mark::Dots) {
            continue;
        }
        for point in &series.points {
            let (Some(at), Some(half)) = (x.position(point.x), point.half_width) else { continue };
            if series.mark == Mark::Across {
                let ends = [at - half, at + half].map(|end| (end, point.y));
                chart.draw_series(std::iter::once(PathElement::new(ends, style))).map_err(text)?;
                continue;
            }
            let at = at + aside;
            // An interval that reaches below a logarithmic axis is cut at its foot.
            let low = y.position(point.y - half).unwrap_or(y.low).max(y.low);
            let Some(high) = y.position(point.y + half) else { continue };
            let bar = PathElement::new(vec![(at, low), (at, high.min(y.high))], style);
            chart.draw_series(std::iter::once(bar)).map_err(text)?;
        }
        let markers = places.iter().map(|place| {
            let (px, py) = chart.backend_coord(place);
            (px - left, py - top)
        });
        draw_markers(&plotting, &markers.collect::<Vec<_>>(), series).map_err(text)?;
    }
    Ok(())
}

/// How wide the labels of the vertical axis are: names stand within the panel.
fn label_area(panel: &Panel) -> u32 {
    if panel.y.names.is_empty() { 84 } else { 16 }
}

/// Writes what a vertical axis has in the place of numbers, each above its line.
fn write_names(
    plotting: &Area,
    names: &[String],
    place: impl Fn(usize) -> i32,
) -> Result<(), String> {
    let style = (FONT, TICK_SIZE).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Bottom));
    for (number, name) in names.iter().enumerate() {
        let at = (6, place(number + 1) - 9);
        let text = Text::new(name.clone(), at, style.clone());
        plotting.draw(&text).map_err(error_text)?;
    }
    Ok(())
}

/// How many pixels a series is put aside, so that intervals at the same places do not hide one
/// another; by none where markers lie on their closed form.
fn dodge(panel: &Panel, series: &Series) -> f64 {
    const STEP: f64 = 7.0;
    let has_line = panel.series.iter().any(|series| series.mark == Mark::Line);
    let is_put = |one: &&Series| {
        matches!(one.mark, Mark::Points | Mark::JoinedPoints)
            && one.points.iter().any(|point| point.half_width.is_some())
            && one.points.iter().map(|p| p.x).eq(series.points.iter().map(|p| p.x))
    };
    let beside: Vec<&Series> = panel.series.iter().filter(is_put).collect();
    let place = beside.iter().position(|one| std::ptr::eq(*one, series));
    match place {
        Some(place) if !has_line => STEP * (place as f64 - (beside.len() - 1) as f64 / 2.0),
        _ => 0.0,
    }
}

fn error_text<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Axis, AxisScale};

    fn figure(scale: AxisScale, points: Vec<Point>) -> Figure {
        let axis = Axis { scale, ..Axis::linear("budget (pairs)") };
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
    fn more_than_three_panels_stand_in_rows() {
        let mut figure =
            figure(AxisScale::Linear, vec![Point::new(0.0, 1.0), Point::new(1.0, 2.0)]);
        figure.panels = vec![figure.panels[0].clone(); 4];
        let size = |figure: &Figure| {
            let svg = draw(figure).unwrap();
            ["width", "height"].map(|name| {
                let (_, rest) = svg.split_once(&format!(" {name}=\"")).unwrap();
                rest.split('"').next().unwrap().parse::<u32>().unwrap()
            })
        };
        let [width, height] = size(&figure);
        figure.panels.pop();
        assert_eq!(size(&figure), [width, height - PANEL_HEIGHT]);
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
    fn parts_are_a_picture_a_panel_and_an_entry_a_label() {
        let mut figure =
            figure(AxisScale::Linear, vec![Point::new(0.0, 1.0), Point::new(1.0, 2.0)]);
        figure.panels.push(figure.panels[0].clone());
        let parts = parts(&figure).unwrap();
        assert_eq!((parts.panels.len(), parts.legend.len()), (2, 1));
        assert_eq!(parts.legend[0].1, "top-k");
        let all = parts.panels.iter().chain(parts.legend.iter().map(|(picture, _)| picture));
        for picture in all {
            assert!(!picture.contains("=\"#"), "a colour of its own: {picture}");
        }
        figure.panels[1].series.clear();
        assert!(matches!(super::parts(&figure), Err(PlotError::Empty(_))));
    }

    #[test]
    fn intervals_at_the_same_places_stand_beside_one_another() {
        let points = |y| vec![Point::with_interval(0.5, y, Some(1.0)), Point::new(1.0, y)];
        let mut figure = figure(AxisScale::Linear, points(1.0));
        let one = figure.panels[0].series[0].clone();
        assert_eq!(dodge(&figure.panels[0], &figure.panels[0].series[0]), 0.0);
        figure.panels[0].series.push(Series { points: points(2.0), ..one.clone() });
        let asides = |figure: &Figure| -> Vec<f64> {
            let panel = &figure.panels[0];
            panel.series.iter().map(|series| dodge(panel, series)).collect()
        };
        assert_eq!(asides(&figure), [-3.5, 3.5]);
        // A marker lies on its line.
        figure.panels[0].series.push(Series { mark: Mark::Line, ..one });
        assert_eq!(asides(&figure), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_figure_without_points_is_an_error() {
        let empty = figure(AxisScale::Logarithmic, vec![Point::new(0.0, 0.0)]);
        assert!(matches!(draw(&empty), Err(PlotError::Empty(_))));
    }
}
