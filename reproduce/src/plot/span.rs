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
}

impl Span {
    /// The span that shows every point; none when there is no point to show.
    pub(super) fn of<'a>(
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

    pub(super) fn position(&self, value: f64) -> Option<f64> {
        position(self.scale, value)
    }

    pub(super) fn tick_label(&self, position: f64) -> String {
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
        let span = Span::logarithmic(libm::log10(1.1), libm::log10(2.2));
        let labels: Vec<String> = span.ticks.iter().map(|t| span.tick_label(*t)).collect();
        assert_eq!(labels, ["1.2", "1.5", "2"]);
    }
}
