//! Forest plots: a line a setting, with the interval of its difference to exact products.

use crate::exhibit::difference::Difference;
use crate::result::{Axis, Mark, Panel, Point, Series};

/// A setting of a forest plot.
pub struct Line {
    /// Its name.
    pub name: String,
    /// The name of its estimator.
    pub estimator: String,
    /// The colour and marker of its estimator.
    pub style: usize,
    /// What it comes to less what exact products come to.
    pub difference: Difference,
}

/// A panel of differences in points of test accuracy, each with its interval, around the dashed line
/// of exact products.
pub fn panel(title: &str, lines: &[Line]) -> Panel {
    let series = lines.iter().enumerate().map(|(place, line)| Series {
        label: line.estimator.clone(),
        style: line.style,
        mark: Mark::Across,
        points: vec![Point {
            x: line.difference.mean(),
            y: (place + 1) as f64,
            half_width: line.difference.half_width(),
        }],
    });
    let ends = [0.5, lines.len() as f64 + 0.5];
    let exact = Series {
        label: "exact products".to_string(),
        style: 0,
        mark: Mark::Dashed,
        points: ends.map(|y| Point::new(0.0, y)).to_vec(),
    };
    Panel {
        title: title.to_string(),
        x: Axis::linear("points of test accuracy"),
        y: Axis::of_names(lines.iter().map(|line| line.name.clone()).collect()),
        series: series.chain([exact]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_line_and_zero_is_exact() {
        let line = |name: &str, mean: f64| Line {
            name: name.into(),
            estimator: "bernoulli".into(),
            style: 2,
            difference: Difference::paired(&[mean - 1.0, mean + 1.0], &[0.0, 0.0]),
        };
        let panel = panel("Against exact", &[line("a", -2.0), line("b", 1.0)]);
        assert_eq!(panel.y.names, ["a", "b"]);
        let places: Vec<(f64, f64)> = panel.series[..2]
            .iter()
            .map(|series| (series.points[0].x, series.points[0].y))
            .collect();
        assert_eq!(places, [(-2.0, 1.0), (1.0, 2.0)]);
        assert!(panel.series[0].points[0].half_width.is_some());
        assert!(panel.series[2].points.iter().all(|point| point.x == 0.0));
    }
}
