//! The templates, and the styles and scripts that pages have in them.

use minijinja::{Environment, Value};

use super::SiteError;
use super::exhibits::subscripts;
use super::packed::packed;

/// The templates; values are escaped unless they are marked as markup.
pub fn environment() -> Result<Environment<'static>, SiteError> {
    let mut environment = Environment::new();
    environment.add_filter("subscripts", subscripts);
    environment.add_filter("packed", packed);
    // The day of a date with its time.
    environment.add_filter("day", |date: &str| date.split('T').next().unwrap_or(date).to_string());
    let templates = [
        ("layout.html", include_str!("templates/layout.html")),
        ("index.html", include_str!("templates/index.html")),
        ("exhibit.html", include_str!("templates/exhibit.html")),
        ("savings.html", include_str!("templates/savings.html")),
        ("theory.html", include_str!("templates/theory.html")),
        ("note.html", include_str!("templates/note.html")),
        ("interactive/controls.html", include_str!("templates/interactive/controls.html")),
        ("interactive/sampling.html", include_str!("templates/interactive/sampling.html")),
        (
            "interactive/outer-products.html",
            include_str!("templates/interactive/outer-products.html"),
        ),
        ("interactive/side-by-side.html", include_str!("templates/interactive/side-by-side.html")),
        ("interactive/histogram.html", include_str!("templates/interactive/histogram.html")),
        ("interactive/training.html", include_str!("templates/interactive/training.html")),
    ];
    for (page, text) in templates {
        environment
            .add_template(page, text)
            .map_err(|reason| SiteError::Template { page, reason })?;
    }
    let inlined = [
        ("style", include_str!("templates/style.css")),
        ("early_script", include_str!("templates/early.js")),
        ("page_script", include_str!("templates/page.js")),
        ("packed_script", include_str!("templates/packed.js")),
        ("rows_script", include_str!("templates/rows.js")),
        ("figures_script", include_str!("templates/figures.js")),
        ("self_test_script", include_str!("templates/self_test.js")),
    ];
    for (name, text) in inlined {
        environment.add_global(name, Value::from_safe_string(text.to_string()));
    }
    let scripts = |texts: &[&str]| Value::from_safe_string(texts.join("\n"));
    environment.add_global("sampling_scripts", scripts(&[DRAWING, &[SAMPLING]].concat()));
    environment.add_global("interactive_scripts", scripts(&[DRAWING, &OF_NOTES].concat()));
    Ok(environment)
}

/// What all interactive figures draw with.
const DRAWING: &[&str] = &[
    include_str!("templates/interactive/random.js"),
    include_str!("templates/interactive/selection.js"),
    include_str!("templates/interactive/chart.js"),
];
/// The figure beside exhibits.
const SAMPLING: &str = include_str!("templates/interactive/sampling.js");
/// The figures of notes, and what they need.
const OF_NOTES: [&str; 6] = [
    include_str!("templates/interactive/matrix.js"),
    include_str!("templates/interactive/outer_products.js"),
    include_str!("templates/interactive/side_by_side.js"),
    include_str!("templates/interactive/histogram.js"),
    include_str!("templates/interactive/network.js"),
    include_str!("templates/interactive/training.js"),
];
