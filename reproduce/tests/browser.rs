//! The page in a real browser: it loads without an error, its links resolve, and its controls show
//! the numbers that the kernels compute. Skipped, with a message, where there is no Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use kernels::estimator::Estimator;
use reproduce::result::significant;
use reproduce::site::{Norms, PAIRS, setting};
use serde::Deserialize;

/// What `self_test.js` writes.
#[derive(Debug, Deserialize)]
struct Report {
    errors: Vec<String>,
    loads: Vec<String>,
    links: Vec<String>,
    settings: Vec<Position>,
    sorted: Vec<Sorted>,
    theme: Theme,
    /// By how many pixels the page is wider than its window, and than narrower ones.
    overflow: Vec<f64>,
}

/// One position of the controls and what stands beside them.
#[derive(Debug, Deserialize)]
struct Position {
    figure: String,
    norms: String,
    estimator: String,
    k: usize,
    error: f64,
    text: String,
    kept: f64,
    measured: Option<f64>,
    half: Option<f64>,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sorted {
    direction: String,
    cells: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Theme {
    before: String,
    after: String,
    again: String,
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    })
}

/// The self-test's report on `page`, in a window that wide.
fn report(browser: &Path, page: &Path, width: u32, profile: &Path) -> Report {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--window-size={width},900"))
        .arg(format!("file://{}#self-test", page.display()))
        .output()
        .unwrap();
    let document = String::from_utf8_lossy(&output.stdout);
    let messages = String::from_utf8_lossy(&output.stderr);
    let start = "<pre id=\"self-test\">";
    // The script that writes it names it too, so the last one counts.
    let from = document
        .rfind(start)
        .unwrap_or_else(|| panic!("no report from {}: {messages}", page.display()));
    let text = document[from + start.len()..].split("</pre>").next().unwrap_or_default();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn estimator(label: &str) -> Estimator {
    match label {
        "column-row (CRS)" => Estimator::ColumnRow,
        "Bernoulli, water-filling" => Estimator::Bernoulli,
        "Bernoulli, as released" => Estimator::BernoulliAsReleased,
        "top-k" => Estimator::TopK,
        other => panic!("the page has an estimator {other:?}"),
    }
}

fn norms(label: &str) -> Norms {
    match label {
        "equal" => Norms::Equal,
        "linear" => Norms::Linear,
        "heavy-tailed" => Norms::HeavyTailed,
        other => panic!("the page has norms {other:?}"),
    }
}

/// The position shows the kernels' closed form, and its draws agree with it.
fn assert_agrees(position: &Position) {
    let weights = norms(&position.norms).weights();
    let expected = setting(estimator(&position.estimator), &weights, position.k).unwrap();
    assert_eq!(position.error.to_bits(), expected.error.to_bits(), "{position:?}");
    assert_eq!(position.text, significant(expected.error, 4), "{position:?}");
    assert_eq!(position.kept.to_bits(), expected.kept.to_bits(), "{position:?}");
    if let (Some(measured), Some(half)) = (position.measured, position.half) {
        // Half the width of a 95 % interval is 1.96 standard errors; five are allowed.
        let allowed = 5.0 / 1.96 * half + 1e-12;
        assert!((measured - expected.error).abs() <= allowed, "{expected:?}: {position:?}");
        let status = position.status.as_deref().unwrap_or_default();
        assert!(status.starts_with("Draw 1001 keeps"), "{status}");
    }
}

fn assert_sorted(sorted: &[Sorted]) {
    let directions: Vec<&str> = sorted.iter().map(|one| one.direction.as_str()).collect();
    assert_eq!(directions, ["ascending", "descending"]);
    for (one, sign) in sorted.iter().zip([1.0, -1.0]) {
        let numbers: Vec<f64> = one.cells.iter().filter_map(|cell| cell.parse().ok()).collect();
        assert!(numbers.len() > 10);
        assert!(numbers.windows(2).all(|pair| sign * pair[0] <= sign * pair[1]), "{numbers:?}");
    }
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: no chromium, chromium-browser or google-chrome on the path");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_reproduce"))
        .current_dir(folder.path())
        .args(["--scale", "quick"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let figures = folder.path().join("figures");
    let page = figures.join("index.html");
    for (name, width) in [("wide", 1280), ("phone", 390)] {
        let report = report(&browser, &page, width, &folder.path().join(name));
        assert_eq!(report.errors, [String::new(); 0], "{name}");
        assert_eq!(report.loads, [String::new(); 0], "{name}");
        assert!(
            report.overflow.iter().all(|pixels| *pixels <= 0.0),
            "{name}: {:?}",
            report.overflow
        );
        for link in report.links.iter().filter(|link| !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(figures.join(file).is_file(), "{name}: {link} leads nowhere");
        }
        // Three estimators in one figure and two in the other.
        assert_eq!(report.settings.len(), Norms::ALL.len() * PAIRS * 5, "{name}");
        let mut figures: Vec<&str> = report.settings.iter().map(|p| p.figure.as_str()).collect();
        figures.dedup();
        assert_eq!(figures, ["try-matmul-error", "try-bernoulli-budget"]);
        report.settings.iter().for_each(assert_agrees);
        assert!(report.settings.iter().any(|position| position.measured.is_some()));
        assert_sorted(&report.sorted);
        assert_ne!(report.theme.before, report.theme.after);
        assert_eq!(report.theme.before, report.theme.again);
    }
}
