//! Lines, dots and shapes of a picture as the data of a path (SVG 1.1, section 8.3), each point by
//! its distance from the one before: half as long as their places.

use std::fmt::Write as _;

/// Points joined by lines, and how the last one ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    points: Vec<[i32; 2]>,
    end: End,
}

/// What stands behind the last point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Nothing.
    Open,
    /// A line to the first point.
    Closed,
    /// A line of no length, which is a dot where ends are round.
    Dot,
}

impl Outline {
    /// Points as an element lists them, `1,2 3,4`; none where one is no pair of whole numbers.
    pub fn new(points: &str, end: End) -> Option<Self> {
        let point = |point: &str| {
            let (x, y) = point.split_once(',')?;
            Some([x.parse().ok()?, y.parse().ok()?])
        };
        let points = points.split_whitespace().map(point).collect::<Option<Vec<_>>>()?;
        (!points.is_empty()).then_some(Self { points, end })
    }

    /// Puts it behind what a path has drawn with its pen, which moves on.
    pub fn write(&self, path: &mut String, pen: &mut [i32; 2]) {
        path.push('m');
        let mut before = *pen;
        for point in &self.points {
            for (place, before) in point.iter().zip(before) {
                let distance = place - before;
                if distance >= 0 && !path.ends_with('m') {
                    path.push(' ');
                }
                // Writing into memory does not fail.
                let _ = write!(path, "{distance}");
            }
            before = *point;
        }
        path.push_str(match self.end {
            End::Open => "",
            End::Closed => "z",
            End::Dot => "h0",
        });
        *pen = if self.end == End::Closed { self.points[0] } else { before };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_told_from_the_one_before_and_a_closed_shape_leads_back_to_its_first() {
        let (mut path, mut pen) = (String::new(), [0, 0]);
        for (points, end) in
            [("10,20 12,15 ", End::Closed), ("9,21", End::Dot), ("9,20", End::Open)]
        {
            Outline::new(points, end).unwrap().write(&mut path, &mut pen);
        }
        assert_eq!(path, "m10 20 2-5zm-1 1h0m0-1");
        assert_eq!(pen, [9, 20]);
    }

    #[test]
    fn what_is_no_list_of_whole_numbers_is_no_outline() {
        for points in ["", "1", "1,2 3", "1.5,2", "a,b"] {
            assert_eq!(Outline::new(points, End::Open), None, "{points}");
        }
    }
}
