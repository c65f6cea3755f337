//! The page in a real browser: it loads without an error, its links resolve, and its controls show
//! the numbers that the kernels compute. Skipped, with a message, where there is no Chromium.

mod accessibility;
mod figures;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use figures::{Position, Shown};
use reproduce::exhibit::Section;
use reproduce::result::{
    ClaimRow, Evidence, ExhibitResult, Found, HeadlineRow, PaperClaim, Rows, Standing,
};
use reproduce::site::{
    Directions, ExhibitPage, NOTE_FIGURES, NOTES, Norms, Note, PAIRS, Provenance, Site, write,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::run::reproduce;
use crate::snapshots::store_results;

/// What `self_test.js` writes.
#[derive(Debug, Deserialize)]
struct Report {
    errors: Vec<String>,
    /// What came from elsewhere than the files beside the page.
    loads: Vec<String>,
    links: Vec<String>,
    /// Of figures of exhibits.
    settings: Vec<Position>,
    /// Of figures of notes.
    figures: Vec<Shown>,
    sorted: Vec<Sorted>,
    /// A figure and rows of numbers, as files.
    saved: Vec<String>,
    theme: Theme,
    /// How far down the first screen ends, in pixels; none on pages that have none.
    first_screen: Option<f64>,
    /// By how many pixels the page is wider than its window, and than narrower ones.
    overflow: Vec<f64>,
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

const SKIPPED: &str = "no chromium, chromium-browser or google-chrome on the path";

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    })
}

/// The self-test's report on `page`, in a window that wide.
fn report(browser: &Path, page: &Path, width: u32, profile: &Path) -> Report {
    written(browser, page, "self-test", width, profile)
}

/// How often a page is asked for a report that it did not write in time.
const ATTEMPTS: usize = 3;

/// What a script of `page` that is started by `#NAME` behind its address writes, as JSON, into an
/// element of that name.
///
/// The browser's clock runs ahead while the page waits for work of other threads: where the machine
/// has much else to do, its time can end before the script does, and the page is asked again.
fn written<T: DeserializeOwned>(
    browser: &Path,
    page: &Path,
    name: &str,
    width: u32,
    profile: &Path,
) -> T {
    let mut report = report_of(browser, page, name, width, profile);
    for _ in 1..ATTEMPTS {
        report = report.or_else(|_: String| report_of(browser, page, name, width, profile));
    }
    report.unwrap_or_else(|reason| panic!("no report from {}: {reason}", page.display()))
}

/// What the page wrote, or what was there in its place.
fn report_of<T: DeserializeOwned>(
    browser: &Path,
    page: &Path,
    name: &str,
    width: u32,
    profile: &Path,
) -> Result<T, String> {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--virtual-time-budget=200000", "--dump-dom"])
        .arg("--disable-background-networking")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--window-size={width},900"))
        .arg(format!("file://{}#{name}", page.display()))
        .output()
        .unwrap();
    let document = String::from_utf8_lossy(&output.stdout);
    let start = format!("<pre id=\"{name}\">");
    // The script that writes it names it too, so the last one counts.
    let from = document
        .rfind(&start)
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let text = document[from + start.len()..].split("</pre>").next().unwrap_or_default();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
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

/// A page without an error, without a load from elsewhere, and that fits.
fn assert_fits(report: &Report, page: &Path) {
    let page_name = page.display();
    assert!(report.errors.is_empty(), "{page_name}: {:?}", report.errors);
    assert!(report.loads.is_empty(), "{page_name}: {:?}", report.loads);
    assert!(report.overflow.iter().all(|pixels| *pixels <= 0.0), "{page_name}: {report:?}");
    assert_ne!(report.theme.before, report.theme.after, "{page_name}");
    assert_eq!(report.theme.before, report.theme.again, "{page_name}");
}

/// Such a page whose links resolve.
fn assert_sound(report: &Report, page: &Path) {
    assert_fits(report, page);
    let page_name = page.display();
    let folder = page.parent().unwrap();
    let files = report.links.iter().filter(|link| !link.starts_with(['#', 'h']));
    for link in files {
        let file = link.split('#').next().unwrap_or_default();
        assert!(folder.join(file).is_file(), "{page_name}: {link} leads nowhere");
    }
}

#[test]
fn the_page_of_a_run_works_in_a_browser() {
    let Some(browser) = browser() else { return testing::skip(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    store_results(folder.path());
    let arguments = ["run", "matmul-error", "bernoulli-budget", "--scale", "quick"];
    let run = reproduce(folder.path(), &arguments);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let page = folder.path().join("figures/index.html");
    for (name, width) in [("wide", 1280), ("narrow", 390)] {
        let report = report(&browser, &page, width, &folder.path().join(name));
        assert_sound(&report, &page);
        // Three estimators in one figure and two in the other.
        assert_eq!(
            report.settings.len(),
            Norms::ALL.len() * Directions::ALL.len() * PAIRS * 5,
            "{name}"
        );
        let height = if name == "wide" { 800.0 } else { 844.0 };
        assert!(report.first_screen.is_some_and(|end| end <= height), "{name}: {report:?}");
        let bytes = std::fs::metadata(&page).unwrap().len();
        assert!(bytes < 1_000_000, "the page has {bytes} bytes");
        let mut figures: Vec<&str> = report.settings.iter().map(|p| p.figure.as_str()).collect();
        figures.dedup();
        assert_eq!(figures, ["try-matmul-error", "try-bernoulli-budget"]);
        report.settings.iter().for_each(Position::assert_agrees);
        assert!(report.settings.iter().any(|position| position.measured.is_some()));
        assert_sorted(&report.sorted);
        let [figure, rows] = &report.saved[..] else { panic!("{name}: {:?}", report.saved) };
        assert!(figure.starts_with("<svg xmlns") && figure.contains("fill=\"rgb("), "{figure}");
        assert!(!figure.contains("class="), "its colours are its own: {figure}");
        let csv = folder.path().join("figures/matmul-error.csv");
        assert_eq!(*rows, std::fs::read_to_string(csv).unwrap());
    }
    // A note shows the figure that this run has drawn, and not one that is not there.
    let page = folder.path().join("figures/notes/concentration.html");
    let picture = "../matmul-error.svg";
    for errors in [&[][..], &["cannot load img"]] {
        let report = report(&browser, &page, 390, &folder.path().join("notes"));
        assert_eq!(report.errors, errors);
        assert!(report.loads.is_empty() && report.overflow.iter().all(|pixels| *pixels <= 0.0));
        let _ = std::fs::remove_file(page.parent().unwrap().join(picture));
    }
}

fn provenance() -> Provenance {
    Provenance {
        scale: "quick".into(),
        seed: 1,
        version: "0.1.0".into(),
        code: "0123456789ab".into(),
        instructions: "portable".into(),
        date: "2026-01-31T23:59:59Z".into(),
        commit: "0123456789ab".into(),
        processor: "a processor".into(),
        threads: 2,
        changes: "0 of 10 numbers changed since the committed reference".into(),
    }
}

/// The figures of the notes draw what the kernels draw, in a wide window and in a narrow one.
#[test]
fn figures_of_notes_show_what_the_kernels_compute() {
    let Some(browser) = browser() else { return testing::skip(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Site { exhibits: &[], notes: NOTES, provenance: provenance() }).unwrap();
    let mut shown = BTreeSet::new();
    for (note, width) in
        [("unbiasedness", 1280), ("comparison", 390), ("variance", 1280), ("modes", 390)]
    {
        let page = folder.path().join(format!("notes/{note}.html"));
        let report = report(&browser, &page, width, &folder.path().join("profile"));
        assert_fits(&report, &page);
        assert!(report.figures.len() >= 6, "{note}: {}", report.figures.len());
        report.figures.iter().for_each(Shown::assert_agrees);
        shown.extend(report.figures.iter().map(Shown::name));
    }
    assert_eq!(shown, NOTE_FIGURES.iter().map(|figure| figure.name).collect());
}

/// Evidence on a claim with words as long as those of exhibits.
fn evidence(claim: PaperClaim) -> Evidence {
    Evidence {
        claim,
        standing: Standing::HoldsInPart,
        number: "top-k at 0.5 saves 66.4 %, -0.25 ± 0.12 points; 3 of 3 statements it needs hold"
            .into(),
        setting: "a network with a name on CIFAR-10, 50000 and 10000 images, 5 seeds".into(),
        caveat: "whether it lies above exact training of the same cost is not decided".into(),
    }
}

#[test]
fn claims_and_notes_work_in_a_browser() {
    let Some(browser) = browser() else { return testing::skip(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let text = "</script><b>hostile</b> & rather long, so that a narrow window has to wrap it";
    let result = ExhibitResult {
        records: Rows::of(&[1_usize, 2])
            .key("k", |k| *k)
            .value("level", "", |k| *k as f64)
            .table("A level a budget"),
        claims: vec![ClaimRow {
            id: "variance".into(),
            number: "T2".into(),
            statement: text.into(),
            source: "paper, lemma 1".into(),
            standing: Standing::Holds,
            estimate: "1.02 ± 0.03".into(),
            relation: "=".into(),
            prediction: "1".into(),
            p_value: Some(0.4),
            proof: Some("level#the-level".into()),
            code: None,
        }],
        evidence: PaperClaim::ALL.map(evidence).to_vec(),
        headline: vec![HeadlineRow {
            network: text.into(),
            data: "digits".into(),
            sampling: "top-k at 0.5".into(),
            computation_saved: 50.0,
            communication_saved: 0.0,
            found: Found::SpeedUp("1.4x".into()),
        }],
        ..ExhibitResult::default()
    };
    let exhibits = [ExhibitPage {
        name: "one".into(),
        title: text.into(),
        shows: text.into(),
        paper: text.into(),
        settings: text.into(),
        settings_hash: "0123456789ab".into(),
        command: "reproduce run one".into(),
        images_checksum: None,
        is_timing: false,
        is_long: false,
        reservation: Some("reduced data"),
        section: Section::Theory,
        note: "level".into(),
        statements: &["T2"],
        interactive: &[],
        result: Some(result),
    }];
    let markdown = "At $\\sum_i p_i = k$:\n\n$$p_i = \\min\\Big(1, \\frac{w_i}{\\lambda}\\Big)$$\n\n\
                    ## The level\n\n| k | level |\n| --- | --- |\n| 1 | 2 |\n\n[All](#the-level)\n";
    let notes = [Note { slug: "level", title: "The level", markdown }];
    let site = Site { exhibits: &exhibits, notes: &notes, provenance: provenance() };
    write(folder.path(), &site).unwrap();
    for (name, width, height) in [
        ("index.html", 390, Some(844.0)),
        ("index.html", 1280, Some(800.0)),
        ("notes/level.html", 390, None),
    ] {
        let page = folder.path().join(name);
        let report = report(&browser, &page, width, &folder.path().join("profile"));
        assert_eq!(report.first_screen.is_some(), height.is_some());
        let ends = report.first_screen.zip(height);
        assert!(ends.is_none_or(|(end, height)| end <= height), "{name}, {width}: {ends:?}");
        assert_sound(&report, &page);
        assert!(report.links.iter().any(|link| link.ends_with("#the-level")), "{report:?}");
    }
}
