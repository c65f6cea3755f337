//! The axes: which part is shown, where a value lies, and the ticks.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::result::{Axis, AxisScale, Series};

/// The part of an axis that is shown, in drawing positions: the value itself or,
/// on a logarithmic axis, its decimal logarithm.
#[derive(Clone)]
pub(super) struct Span {
    scale: AxisScale,
    pub(super) low: f64,
    pub(super) high: f64,
    ticks: Vec<f64>,
    decimals: usize,
    /// Whether its ticks are of named things.
    has_names: bool,
}

impl Span {
    /// The span that shows every point; none when there is no point to show.
    pub(super) fn of<'a>(
        axis: &Axis,
        series: impl Iterator<Item = &'a Series>,
        value: impl Fn(&crate::result::Point) -> (f64, Option<f64>),
    ) -> Option<Span> {
        if !axis.names.is_empty() {
            return Some(Span::of_names(axis.names.len()));
        }
        let shown = axis.range.unwrap_or([f64::INFINITY, f64::NEG_INFINITY]);
        let [mut low, mut high] = shown.map(|end| position(axis.scale, end).unwrap_or(end));
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
            // Less than half a decade has no two powers of ten to tell from one another.
            AxisScale::Logarithmic if high - low < 0.5 => {
                let [low, high] = [low, high].map(|end| libm::pow(10.0, end));
                Span::linear(low, high)
            }
            AxisScale::Logarithmic => Span::logarithmic(low, high),
        })
    }

    /// The first name at the top.
    fn of_names(count: usize) -> Span {
        Span {
            scale: AxisScale::Linear,
            low: count as f64 + 0.5,
            high: 0.5,
            ticks: (1..=count).map(|place| place as f64).collect(),
            decimals: 0,
            has_names: true,
        }
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
            has_names: false,
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
        Span { scale: AxisScale::Logarithmic, low, high, ticks, decimals: 0, has_names: false }
    }

    pub(super) fn position(&self, value: f64) -> Option<f64> {
        position(self.scale, value)
    }

    pub(super) fn tick_label(&self, position: f64) -> String {
        // Names stand within the panel.
        if self.has_names {
            return String::new();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_span() {
        let span = Span::linear(0.0, 1.0);
        assert_eq!(span.tick_label(span.ticks[1]), "0.2");
        let span = Span::logarithmic(-2.0, 1.0);
        let labels: Vec<String> = span.ticks.iter().map(|t| span.tick_label(*t)).collect();
        assert_eq!(labels, ["0.01", "0.1", "1", "10"]);
        let span = Span::of_names(2);
        assert_eq!((span.ticks.as_slice(), span.low, span.high), (&[1.0, 2.0][..], 2.5, 0.5));
        assert_eq!(span.tick_label(1.0), "", "names stand within the panel");
        let span = Span::logarithmic(libm::log10(1.1), libm::log10(2.2));
        let labels: Vec<String> = span.ticks.iter().map(|t| span.tick_label(*t)).collect();
        assert_eq!(labels, ["1.2", "1.5", "2"]);
    }

    fn span(axis: &Axis, ends: [f64; 2]) -> Span {
        let points = ends.map(|x| crate::result::Point::new(x, 0.0)).to_vec();
        let mark = crate::result::Mark::Points;
        let series = Series { label: String::new(), style: 0, mark, points };
        Span::of(axis, std::iter::once(&series), |point| (point.x, None)).unwrap()
    }

    #[test]
    fn less_than_half_a_decade_is_linear_and_a_range_is_shown_whole() {
        let logarithmic = Axis::logarithmic("x");
        assert_eq!(span(&logarithmic, [1.0, 2.0]).scale, AxisScale::Linear);
        assert_eq!(span(&logarithmic, [1.0, 20.0]).scale, AxisScale::Logarithmic);
        let percent = span(&Axis::linear("x").within(0.0, 100.0), [40.0, 60.0]);
        assert!(percent.low <= 0.0 && percent.high >= 100.0);
        assert!(span(&logarithmic.within(1.0, 100.0), [3.0, 4.0]).high > 2.0);
    }
}
