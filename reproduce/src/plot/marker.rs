//! The palette and the markers: a colour and a shape for every style.

use plotters::prelude::*;

use super::Area;
use crate::result::{Mark, Series};

/// Okabe and Ito (2008), "Color Universal Design", without the yellow, which is
/// too light for thin lines on white.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
/// How opaque areas are.
pub(super) const FILL: f64 = 0.25;
/// Radius of a dot.
pub(super) const DOT: i32 = 2;

/// Dashed lines are references, not measurements.
pub(super) fn colour(series: &Series) -> RGBColor {
    match series.mark {
        Mark::Dashed | Mark::DashedPoints => GREY,
        _ => COLOURS[series.style % COLOURS.len()],
    }
}

/// Markers with thin white rims that keep them apart from what they lie on. Those of a variant are
/// outlines, which leave what lies beneath to be seen: variants often come to the same.
pub(super) fn draw_markers<'a>(
    area: &Area<'a>,
    places: &[(i32, i32)],
    series: &Series,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    let at = |(x, y): (i32, i32), outline: &[(i32, i32)]| -> Vec<(i32, i32)> {
        outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
    };
    if series.style >= COLOURS.len() {
        let line = colour(series).stroke_width(2);
        return places.iter().try_for_each(|place| match marker_outline(shape(series.style), 0) {
            None => area.draw(&Circle::new(*place, 5, line)),
            Some(mut outline) => {
                outline.extend(outline.first().copied());
                area.draw(&PathElement::new(at(*place, &outline), line))
            }
        });
    }
    // All rims first: what follows one another and looks alike takes less to write.
    for (rim, fill) in [(2, WHITE), (0, colour(series))] {
        for place in places {
            match marker_outline(shape(series.style), rim) {
                None => area.draw(&Circle::new(*place, 5 + rim / 2, fill.filled()))?,
                Some(outline) => area.draw(&Polygon::new(at(*place, &outline), fill.filled()))?,
            }
        }
    }
    Ok(())
}

/// Which marker a style has: the same as its colour, and of every further style of that colour
/// another.
fn shape(style: usize) -> usize {
    (style + style / COLOURS.len()) % COLOURS.len()
}

/// Corners of a marker around (0, 0), widened by `rim`; none for the circle.
fn marker_outline(shape: usize, rim: i32) -> Option<Vec<(i32, i32)>> {
    let r = rim;
    match shape {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_of_one_colour_have_markers_of_their_own() {
        let count = COLOURS.len();
        let looks: std::collections::BTreeSet<(usize, usize)> =
            (0..count * count).map(|style| (style % count, shape(style))).collect();
        assert_eq!(looks.len(), count * count);
        assert_eq!([shape(0), shape(3), shape(count), shape(count + 6)], [0, 3, 1, 0]);
    }
}
