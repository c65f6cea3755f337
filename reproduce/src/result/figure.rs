//! Figures as data.

use serde::{Deserialize, Serialize};

/// A figure as data: [`crate::plot::draw`] turns it into a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What its file is called after the name of the exhibit; empty of the first figure.
    pub part: String,
    /// What the picture shows, in a sentence; also its text alternative.
    pub caption: String,
    /// Panels from left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, in legend order.
    pub series: Vec<Series>,
}

/// Label and scale of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Quantity with its unit.
    pub label: String,
    /// Spacing of the ticks.
    pub scale: AxisScale,
    /// What is shown at the least, where panels are to be compared.
    pub range: Option<[f64; 2]>,
    /// The names of things that have a place each, from 1 on, instead of numbers.
    pub names: Vec<String>,
}

/// Spacing of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AxisScale {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios.
    Logarithmic,
}

/// Points drawn in one style. Series with the same label share a legend entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Legend entry.
    pub label: String,
    /// Which colour and marker of the palette.
    pub style: usize,
    /// How the points are drawn.
    pub mark: Mark,
    /// The points, in increasing x; of an area, its corners.
    pub points: Vec<Point>,
}

/// How a [`Series`] is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// A closed form: a line without markers.
    Line,
    /// A bound or a reference level: a dashed grey line.
    Dashed,
    /// A reference that was measured: grey markers on a dashed grey line.
    DashedPoints,
    /// Measurements: markers, with an interval where there is one.
    Points,
    /// Measurements whose order matters: markers joined by a thin line.
    JoinedPoints,
    /// Many measurements: dots without a rim.
    Dots,
    /// An area with these corners, in order around it: lightly filled, with its edge drawn.
    Area,
    /// Measurements of named things: markers whose interval lies across, around x.
    Across,
}

/// A measurement at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Horizontal position.
    pub x: f64,
    /// Vertical position.
    pub y: f64,
    /// Half the width of the interval around y, or of marks across around x, where one is known.
    pub half_width: Option<f64>,
}

impl Point {
    /// A point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Point { x, y, half_width: None }
    }

    /// A point with the interval `y` ± `half_width`.
    pub fn with_interval(x: f64, y: f64, half_width: Option<f64>) -> Self {
        Point { x, y, half_width }
    }
}

impl Series {
    /// The area between two curves over the same places.
    pub fn band(label: &str, style: usize, places: &[f64], low: &[f64], high: &[f64]) -> Self {
        let upper = places.iter().zip(high);
        let lower = places.iter().zip(low).rev();
        Series {
            label: label.to_string(),
            style,
            mark: Mark::Area,
            points: upper.chain(lower).map(|(x, y)| Point::new(*x, *y)).collect(),
        }
    }
}

impl Axis {
    /// An axis with equal differences.
    pub fn linear(label: &str) -> Self {
        Axis { label: label.to_string(), scale: AxisScale::Linear, range: None, names: Vec::new() }
    }

    /// The same axis, which shows at least what lies between these.
    #[must_use]
    pub fn within(self, low: f64, high: f64) -> Self {
        Axis { range: Some([low, high]), ..self }
    }

    /// A vertical axis of named things, the first at the top: thing number i lies at i.
    pub fn of_names(names: Vec<String>) -> Self {
        Axis { names, ..Axis::linear("") }
    }

    /// An axis with equal ratios.
    pub fn logarithmic(label: &str) -> Self {
        Axis { scale: AxisScale::Logarithmic, ..Axis::linear(label) }
    }
}
