//! The page of a quick run, and the notes: what axe-core says of them in both themes, and how much
//! there is to load, to scroll and to print.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reproduce::site::{NOTES, Note};
use tempfile::TempDir;

use super::{SKIPPED, browser, written};
use crate::run::reproduce;
use crate::snapshots::{store_results, stored_names};

/// The file of axe-core beside the built program: `.ci/run` fetches it.
fn axe_core() -> Option<String> {
    let target = Path::new(env!("CARGO_BIN_EXE_reproduce")).ancestors().nth(2)?;
    std::fs::read_to_string(target.join("axe/node_modules/axe-core/axe.min.js")).ok()
}

/// A folder with the page of all exhibits that are no timings, as far as they need no data.
fn quick_run() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    store_results(folder.path());
    let arguments = [&["run", "--scale", "quick"], &stored_names()[..]].concat();
    let run = reproduce(folder.path(), &arguments);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    folder
}

/// Notes whose colours are looked at. All notes have those of one style sheet: here are tables,
/// formulas, commands, a figure that is drawn, and one that can be moved.
const COLOURFUL: [&str; 3] = ["unbiasedness", "nodes", "related-axtrain"];

/// A page with one more script, beside the page.
fn with_script(page: &Path, script: &str) -> PathBuf {
    let text = std::fs::read_to_string(page).unwrap();
    let end = text.rfind("</body>").unwrap();
    let tested = page.with_extension("tested.html");
    let text = format!("{}<script>{script}</script>{}", &text[..end], &text[end..]);
    std::fs::write(&tested, text).unwrap();
    tested
}

/// A page with axe-core in it, which looks at colours in both themes where it is asked to.
fn with_axe(axe: &str, page: &Path, colours: bool) -> PathBuf {
    let script = include_str!("axe.js");
    with_script(page, &format!("{axe};window.axeLooksAtColours = {colours};{script}"))
}

/// What axe-core finds wrong with such pages, by the page.
fn violations(browser: &Path, folder: &Path, pages: &[PathBuf]) -> BTreeMap<PathBuf, Vec<String>> {
    let pages = serde_json::to_string(pages).unwrap();
    let frames = format!(
        "<!doctype html><title>Frames</title><body><script>window.framedPages = {pages};{}</script>",
        include_str!("axe_frames.js")
    );
    let page = folder.join("frames.html");
    std::fs::write(&page, frames).unwrap();
    written(browser, &page, "axe", 1280, &folder.join("profile"))
}

#[test]
fn axe_finds_nothing_wrong_with_the_page_and_the_notes() {
    let Some(browser) = browser() else { return testing::skip(SKIPPED) };
    let Some(axe) = axe_core() else { return testing::skip("no axe-core") };
    let folder = quick_run();
    let figures = folder.path().join("figures");
    let index = figures.join("index.html");
    let note = |name: &str| figures.join(format!("notes/{name}.html"));
    let notes = NOTES.iter().map(|&Note { slug, .. }| (note(slug), COLOURFUL.contains(&slug)));
    let pages = notes.chain([(index, true)]);
    let mut pages: Vec<PathBuf> =
        pages.map(|(page, colours)| with_axe(&axe, &page, colours)).collect();
    // A note with a picture without a text, and grey words on grey.
    let text = std::fs::read_to_string(note(COLOURFUL[0])).unwrap();
    let wrong =
        "<main id=\"main\" tabindex=\"-1\"><img src=\"data:,\"><p style=\"color: #888\">Grey</p>";
    let start = "<main id=\"main\" tabindex=\"-1\">";
    assert!(text.contains(start));
    let bad = figures.join("notes/wrong.html");
    std::fs::write(&bad, text.replacen(start, wrong, 1)).unwrap();
    pages.push(with_axe(&axe, &bad, true));
    let found = violations(&browser, folder.path(), &pages);
    assert_eq!(found.len(), NOTES.len() + 2);
    let (bad, good): (Vec<_>, Vec<_>) =
        found.iter().partition(|(page, _)| Some(*page) == pages.last());
    for (page, found) in good {
        assert!(found.is_empty(), "{}:\n{}", page.display(), found.join("\n"));
    }
    let found = bad[0].1.join("\n");
    assert!(
        found.contains("light: image-alt") && found.contains("light: color-contrast"),
        "{found}"
    );
}

/// Pages of paper.
const MOST_PAGES: usize = 15;
/// Screens of 1280 x 800.
const MOST_SCREENS: f64 = 40.0;
const MOST_BYTES: u64 = 1_000_000;

/// The committed page is of standard scale, with the long runs: it has several times the numbers.
#[test]
fn the_committed_page_is_short_enough_to_load() {
    let bytes = std::fs::metadata("../figures/index.html").unwrap().len();
    assert!(bytes < MOST_BYTES, "the page has {bytes} bytes");
}

/// The pixels of a page from top to bottom, in a window 1280 pixels wide.
fn height(browser: &Path, page: &Path, profile: &Path) -> f64 {
    let measured = with_script(page, include_str!("height.js"));
    written(browser, &measured, "height", 1280, profile)
}

#[test]
fn the_page_is_short_enough_to_load_to_scroll_and_to_print() {
    let Some(browser) = browser() else { return testing::skip(SKIPPED) };
    let folder = quick_run();
    let page = folder.path().join("figures/index.html");
    let bytes = std::fs::metadata(&page).unwrap().len();
    assert!(bytes < MOST_BYTES, "the page has {bytes} bytes");
    let screens = height(&browser, &page, &folder.path().join("profile")) / 800.0;
    assert!((2.0..=MOST_SCREENS).contains(&screens), "{screens} screens");
    let pdf = folder.path().join("page.pdf");
    let output = Command::new(&browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--disable-background-networking", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", folder.path().join("printing").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&pdf).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let printed = text.matches("/Type /Page").count() - text.matches("/Type /Pages").count();
    assert!((2..=MOST_PAGES).contains(&printed), "{printed} printed pages");
}
