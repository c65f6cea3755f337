//! Pictures for the page: classes in the place of colours, so that its theme colours them, and
//! nothing written twice or that its style says.

use plotters::prelude::{RGBColor, WHITE};

use super::marker::{COLOURS, GREY};
use super::outline::{End, Outline};
use super::{INK, MESH, escape};

/// The classes of the colours that are not of series.
const NAMED: [(RGBColor, &str); 4] = [(WHITE, "w"), (INK, "i"), (MESH, "m"), (GREY, "g")];

/// What the page's style says anyway.
const SAID: [&str; 6] = [
    " opacity=\"1\"",
    " font-family=\"sans-serif\"",
    " xmlns=\"http://www.w3.org/2000/svg\"",
    " fill=\"none\"",
    " stroke=\"none\"",
    " stroke-width=\"1\"",
];

/// The picture with classes: `fN` filled and `sN` drawn in the colour of series N, and likewise of
/// [`NAMED`]; with a label for those who cannot see it, or hidden from them where there is none.
pub fn themed(svg: &str, label: &str) -> String {
    let mut text = svg.to_string();
    for said in SAID {
        text = text.replace(said, "");
    }
    let series = COLOURS.iter().enumerate().map(|(number, colour)| (*colour, number.to_string()));
    let named = NAMED.iter().map(|(colour, name)| (*colour, (*name).to_string()));
    for (colour, name) in named.chain(series) {
        let colour = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
        text = text.replace(&format!("stroke=\"{colour}\""), &format!("class=\"s{name}\""));
        text = text.replace(&format!("fill=\"{colour}\""), &format!("class=\"f{name}\""));
    }
    let seen = match label {
        "" => " aria-hidden=\"true\">".to_string(),
        label => format!(" role=\"img\"><title>{}</title>", escape(label)),
    };
    joined(&with_short_sizes(&text)).replacen('>', &seen, 1)
}

/// The picture with sizes of letters to a tenth of a pixel: plotters writes all digits.
fn with_short_sizes(svg: &str) -> String {
    const NAME: &str = "font-size=\"";
    let mut parts = svg.split(NAME);
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| {
        let (size, rest) = part.split_once('"').unwrap_or((part, ""));
        match size.parse::<f64>() {
            Ok(size) => format!("{text}{NAME}{:.1}\"{rest}", size),
            Err(_) => format!("{text}{NAME}{part}"),
        }
    })
}

/// The picture on one line, with all lines, dots or shapes that follow one another and look alike
/// as one path: a dashed line is written dash by dash.
fn joined(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let (mut look, mut pen) = (String::new(), [0, 0]);
    for element in svg.lines() {
        let found = line(element).or_else(|| dot(element)).or_else(|| shape(element));
        let next = found.as_ref().map_or("", |(next, _)| next);
        if !look.is_empty() && (next != look || is_seen_through(element)) {
            text.push_str("\"/>");
            look.clear();
        }
        match found {
            Some((next, outline)) => {
                if look.is_empty() {
                    text.push_str(&format!("<path{next} d=\""));
                    (look, pen) = (next, [0, 0]);
                }
                outline.write(&mut text, &mut pen);
            }
            None => text.push_str(element),
        }
    }
    text
}

/// Whether two shapes such as this one darken where they overlap: they have a path each.
fn is_seen_through(element: &str) -> bool {
    element.starts_with("<polygon ") && attribute(element, "opacity").is_some()
}

/// The value of an attribute of an element.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// An attribute of a path as it is in an element, if it is there.
fn kept(element: &str, name: &str) -> String {
    attribute(element, name).map_or(String::new(), |value| format!(" {name}=\"{value}\""))
}

/// The look and the outline of a line or a polyline.
fn line(element: &str) -> Option<(String, Outline)> {
    let attribute = |name| attribute(element, name);
    let outline = if element.starts_with("<polyline ") {
        Outline::new(attribute("points")?, End::Open)
    } else if element.starts_with("<line ") {
        let [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map(attribute);
        Outline::new(&format!("{},{} {},{}", x1?, y1?, x2?, y2?), End::Open)
    } else {
        None
    };
    let look = format!(" class=\"{}\"{}", attribute("class")?, kept(element, "stroke-width"));
    Some((look, outline?))
}

/// The look and the outline of a filled circle: a line of no length with a round end.
fn dot(element: &str) -> Option<(String, Outline)> {
    let attribute = |name| attribute(element, name);
    let colour =
        attribute("class")?.strip_prefix('f').filter(|_| element.starts_with("<circle "))?;
    let diameter = 2 * attribute("r")?.parse::<u32>().ok()?;
    let look = format!(
        " class=\"s{colour}\" stroke-width=\"{diameter}\" stroke-linecap=\"round\"{}",
        kept(element, "opacity")
    );
    let outline = Outline::new(&format!("{},{}", attribute("cx")?, attribute("cy")?), End::Dot);
    Some((look, outline?))
}

/// The look and the outline of a filled polygon.
fn shape(element: &str) -> Option<(String, Outline)> {
    let attribute = |name| attribute(element, name);
    let is_filled = element.starts_with("<polygon ");
    let colour = attribute("class").filter(|class| is_filled && class.starts_with('f'))?;
    let outline = Outline::new(attribute("points")?, End::Closed)?;
    Some((format!(" class=\"{colour}\"{}", kept(element, "opacity")), outline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_the_palette_is_a_class_and_a_label_is_a_title() {
        let mut svg = "<svg width=\"2\">\n".to_string();
        for colour in COLOURS.iter().chain(NAMED.iter().map(|(colour, _)| colour)) {
            let RGBColor(red, green, blue) = colour;
            svg += &format!("<line opacity=\"1\" stroke=\"#{red:02X}{green:02X}{blue:02X}\"/>\n");
        }
        let found = themed(&(svg + "</svg>\n"), "a <b>");
        assert!(!found.contains('#'), "{found}");
        let start = "<svg width=\"2\" role=\"img\"><title>a &lt;b&gt;</title><line class=\"s0\"/>";
        assert!(found.starts_with(start), "{found}");
        assert!(themed("<svg></svg>", "").starts_with("<svg aria-hidden=\"true\">"));
    }

    #[test]
    fn lines_that_look_alike_are_one_path_and_others_are_not() {
        let svg = "<svg>\n\
                   <line stroke=\"#6E6E6E\" stroke-width=\"1\" x1=\"1\" y1=\"2\" x2=\"3\" y2=\"4\"/>\n\
                   <polyline fill=\"none\" stroke=\"#6E6E6E\" stroke-width=\"1\" points=\"5,6 7,8 \"/>\n\
                   <polyline fill=\"none\" stroke=\"#6E6E6E\" stroke-width=\"2\" points=\"5,6 7,8 \"/>\n\
                   <circle r=\"1\"/>\n\
                   </svg>\n";
        assert_eq!(
            themed(svg, ""),
            "<svg aria-hidden=\"true\"><path class=\"sg\" d=\"m1 2 2 2m2 2 2 2\"/>\
             <path class=\"sg\" stroke-width=\"2\" d=\"m5 6 2 2\"/><circle r=\"1\"/></svg>"
        );
    }

    #[test]
    fn dots_that_look_alike_are_one_path_and_rings_are_none() {
        let dot = |x: u32, colour: &str| {
            format!("<circle cx=\"{x}\" cy=\"4\" r=\"2\" opacity=\"1\" {colour}/>\n")
        };
        let (filled, ring) =
            ("fill=\"#6E6E6E\" stroke=\"none\"", "fill=\"none\" stroke=\"#6E6E6E\"");
        let svg = ["<svg>\n", &dot(1, filled), &dot(3, filled), &dot(5, ring), "</svg>\n"].concat();
        assert_eq!(
            themed(&svg, ""),
            "<svg aria-hidden=\"true\">\
             <path class=\"sg\" stroke-width=\"4\" stroke-linecap=\"round\" d=\"m1 4h0m2 0h0\"/>\
             <circle cx=\"5\" cy=\"4\" r=\"2\" class=\"sg\"/></svg>"
        );
    }

    #[test]
    fn shapes_that_look_alike_are_one_path_and_those_that_are_seen_through_are_not() {
        let shape =
            |more: &str| format!("<polygon fill=\"#6E6E6E\" {more}points=\"1,2 3,4 5,6 \"/>\n");
        let (whole, thin) = (shape("opacity=\"1\" "), shape("opacity=\"0.25\" "));
        assert_eq!(
            themed(&["<svg>\n", &whole, &whole, &thin, &thin, "</svg>\n"].concat(), ""),
            "<svg aria-hidden=\"true\"><path class=\"fg\" d=\"m1 2 2 2 2 2zm0 0 2 2 2 2z\"/>\
             <path class=\"fg\" opacity=\"0.25\" d=\"m1 2 2 2 2 2z\"/>\
             <path class=\"fg\" opacity=\"0.25\" d=\"m1 2 2 2 2 2z\"/></svg>"
        );
    }

    #[test]
    fn letters_have_sizes_of_a_few_digits() {
        let svg =
            "<svg>\n<text font-size=\"18.548387\" x=\"1\">\n<text font-size=\"large\">\n</svg>\n";
        let expected = "<svg aria-hidden=\"true\"><text font-size=\"18.5\" x=\"1\">\
                        <text font-size=\"large\"></svg>";
        assert_eq!(themed(svg, ""), expected);
    }
}
