use std::path::PathBuf;

use super::markup::{Element, elements};
use super::packed::all_unpacked;
use super::*;
use crate::exhibit::Section;
use crate::result::{
    Axis, ClaimRow, Evidence, ExhibitResult, Figure, Found, HeadlineRow, Mark, Panel, PaperClaim,
    Point, Rows, Series, Standing,
};
use kernels::Estimator;

const HOSTILE: &str = "</script><script>alert(1)</script> \"quoted\" 'single' & <b>";

const NOTE: Note = Note {
    slug: "budget",
    title: "Where the budget goes",
    markdown: "The least variance at $\\sum_i p_i = k$:\n\n$$p_i = \\min(1, w_i / \\lambda)$$\n\n\
               ## The level\n\n| k | $\\lambda$ |\n| --- | --- |\n| 1 | 2 |\n\nSee [above](#the-level).\n",
};

fn result(caption: &str) -> ExhibitResult {
    let records = Rows::of(&[(1_usize, 0.5), (2, 0.25)])
        .key("k", |row| row.0)
        .value("error", caption, |row| row.1)
        .table(caption);
    let points = vec![Point::new(1.0, 0.5), Point::new(2.0, 0.25)];
    let series = vec![Series { label: caption.into(), style: 0, mark: Mark::Points, points }];
    let (x, y) = (Axis::linear("k"), Axis::linear("error"));
    ExhibitResult {
        title: caption.into(),
        data: caption.into(),
        tables: vec![records.clone()],
        records,
        figures: vec![Figure {
            part: String::new(),
            caption: caption.into(),
            panels: vec![Panel { title: caption.into(), x, y, series }],
        }],
        remarks: vec![caption.into()],
        ..ExhibitResult::default()
    }
}

pub(super) fn exhibit(name: &str, caption: &str) -> ExhibitPage {
    ExhibitPage {
        name: name.into(),
        title: caption.into(),
        shows: caption.into(),
        paper: caption.into(),
        settings: caption.into(),
        settings_hash: "0123456789ab".into(),
        command: caption.into(),
        images_checksum: Some(caption.into()),
        is_timing: false,
        is_long: false,
        reservation: None,
        section: Section::Products,
        note: NOTE.slug.into(),
        statements: &[],
        interactive: &[],
        result: Some(result(caption)),
    }
}

pub(super) fn claim(id: &str, text: &str) -> ClaimRow {
    ClaimRow {
        id: id.into(),
        number: "T2".into(),
        statement: text.into(),
        source: text.into(),
        standing: Standing::HoldsInPart,
        estimate: text.into(),
        relation: "=".into(),
        prediction: text.into(),
        p_value: Some(0.25),
        proof: Some("budget#the-level".into()),
        code: Some("no/such/file.rs".into()),
    }
}

/// Two interactive exhibits, of which one shows what a third has tested, and one that has not been
/// computed.
fn exhibits(caption: &str) -> Vec<ExhibitPage> {
    let mut missing = exhibit("missing", "Not computed");
    missing.result = None;
    let mut other = exhibit("other", caption);
    let result = other.result.as_mut().unwrap();
    result.claims = vec![claim("one", caption), claim("two", caption)];
    result.headline = vec![HeadlineRow {
        network: caption.into(),
        data: caption.into(),
        sampling: caption.into(),
        computation_saved: 50.0,
        communication_saved: 0.0,
        found: Found::SpeedUp(caption.into()),
    }];
    let draws = ExhibitPage {
        statements: &["T1", "T2"],
        interactive: &[Estimator::ColumnRow, Estimator::TopK],
        ..exhibit("draws", caption)
    };
    let coins = ExhibitPage { interactive: &[Estimator::Bernoulli], ..exhibit("coins", caption) };
    vec![draws, coins, other, missing]
}

/// Every page, with all that is folded unfolded.
fn made_of(exhibits: &[ExhibitPage], notes: &[Note]) -> Result<Vec<(String, String)>, SiteError> {
    let site = Site { exhibits, notes, provenance: provenance() };
    let pages = pages(&site, &PathBuf::from("figures"))?.into_iter();
    Ok(pages.map(|(name, text)| (name, all_unpacked(&text))).collect())
}

/// Every page of these exhibits.
fn made(caption: &str) -> Vec<(String, String)> {
    made_of(&exhibits(caption), &[NOTE]).unwrap()
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

fn attributes<'a>(elements: &'a [Element], name: &str) -> Vec<&'a str> {
    elements.iter().filter_map(|element| element.attribute(name)).collect()
}

#[test]
fn every_page_is_balanced_and_its_ids_are_unique() {
    for (name, text) in made("A caption") {
        let elements = elements(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut ids = attributes(&elements, "id");
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}");
        for landmark in ["header", "nav", "main", "footer", "h1"] {
            assert_eq!(elements.iter().filter(|e| e.name == landmark).count(), 1, "{landmark}");
        }
    }
}

#[test]
fn every_link_inside_the_pages_has_its_target() {
    let pages = made("A caption");
    let parsed: Vec<(&str, Vec<Element>)> =
        pages.iter().map(|(name, text)| (name.as_str(), elements(text).unwrap())).collect();
    let mut followed = 0;
    for (name, elements) in &parsed {
        for link in attributes(elements, "href").iter().filter(|link| !link.contains(':')) {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = match (file, name.starts_with("notes/")) {
                ("", _) => name.to_string(),
                (file, false) => file.to_string(),
                (file, true) => match file.strip_prefix("../") {
                    Some(above) => above.to_string(),
                    None => format!("notes/{file}"),
                },
            };
            let target = parsed.iter().find(|(other, _)| *other == target);
            let (_, there) = target.unwrap_or_else(|| panic!("{name} links to {link}"));
            assert!(part.is_empty() || attributes(there, "id").contains(&part), "{name}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 20, "{followed}");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for (name, text) in made("A caption") {
        let elements = elements(&text).unwrap();
        assert!(attributes(&elements, "src").is_empty(), "{name}");
        assert!(
            elements
                .iter()
                .all(|e| !["link", "iframe", "object", "img"].contains(&e.name.as_str()))
        );
        assert!(!text.contains("url(") && !text.contains("@import"), "{name}");
        assert!(text.contains("default-src 'none'"), "{name}");
    }
}

#[test]
fn the_page_holds_every_exhibit_statement_and_number() {
    let (_, text) = &made("A caption")[0];
    for name in ["draws", "coins", "other", "missing"] {
        assert!(text.contains(&format!("id=\"exhibit-{name}\"")), "{name}");
    }
    for id in ["statement-one", "statement-two", "theorem-T2"] {
        assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert_eq!(text.matches("<div class=\"panel card\"><svg width").count(), 3);
    assert_eq!(text.matches("data-download=\"").count(), 3);
    assert!(text.contains("<a href=\"#exhibit-other\">other</a>"), "the table of savings");
    assert_eq!(text.matches("href=\"#exhibit-draws\" aria-label=\"Its figure: draws\"").count(), 1);
    assert_eq!(text.matches("data-figure=\"sampling\">").count(), 2, "the interactive figures");
    assert!(text.contains("has not been computed at this scale"));
    assert!(text.contains("holds in part"));
}

#[test]
fn the_first_screen_has_every_claim_of_the_paper_with_its_verdict() {
    let text = &made_of(&[], &[]).unwrap()[0].1;
    for claim in PaperClaim::ALL {
        assert!(text.contains(claim.title()) && text.contains(claim.words()), "{claim:?}");
    }
    assert_eq!(text.matches("nothing was computed in this run").count(), PaperClaim::ALL.len());
    let mut decided = exhibit("decided", "A caption");
    decided.result.as_mut().unwrap().evidence = vec![Evidence {
        claim: PaperClaim::Time,
        standing: Standing::Fails,
        number: "1.02x as fast".into(),
        setting: "a network".into(),
        caveat: "a caveat".into(),
    }];
    let text = &made_of(&[decided], &[NOTE]).unwrap()[0].1;
    let (_, rest) = text.split_once("<table class=\"paper\">").unwrap();
    let (first, _) = rest.split_once("</table>").unwrap();
    for words in
        ["does not hold here", "1.02x as fast", "a network", "a caveat", "#exhibit-decided"]
    {
        assert!(first.contains(words), "{words}");
    }
    assert_eq!(first.matches("not decided").count(), PaperClaim::ALL.len() - 1);
}

#[test]
fn a_finding_is_the_heading_and_reduced_data_have_a_badge() {
    let mut one = exhibit("one", "A caption");
    one.result.as_mut().unwrap().finding = "Half costs 0.1 ± 0.3 points.".into();
    one.reservation = Some("reduced data");
    let text = &made_of(&[one], &[NOTE]).unwrap()[0].1;
    assert!(text.contains("<h3 id=\"exhibit-one-title\">Half costs 0.1 ± 0.3 points.</h3>"));
    assert!(text.contains("<span class=\"badge\">reduced data</span>"));
}

#[test]
fn exhibits_without_a_figure_are_folded_at_the_end_of_their_part() {
    let mut waiting = exhibit("waiting", "A caption");
    waiting.result.as_mut().unwrap().figures.clear();
    let text = &made_of(&[waiting, exhibit("drawn", "A caption")], &[NOTE]).unwrap()[0].1;
    let (before, folded) = text.split_once("<details class=\"others\">").unwrap();
    assert!(before.contains("id=\"exhibit-drawn\"") && !before.contains("id=\"exhibit-waiting\""));
    assert!(folded.contains("Without a figure in this run: waiting"), "{folded}");
    assert!(folded.contains("(waiting): no result yet."), "{folded}");
}

#[test]
fn hostile_captions_are_text() {
    let expected = elements(&made("A caption")[0].1).unwrap().len();
    let (_, text) = &made(HOSTILE)[0];
    assert_eq!(elements(text).unwrap().len(), expected);
    assert!(!text.contains("alert(1)</script>"));
}

#[test]
fn without_claims_the_page_says_how_to_test_them() {
    let pages = made_of(&[], &[]).unwrap();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].1.contains("The statements have not been tested in this run."));
    elements(&pages[0].1).unwrap();
}

#[test]
fn what_takes_too_long_for_a_run_of_everything_says_so_where_it_is_not_computed() {
    let long = ExhibitPage { is_long: true, result: None, ..exhibit("long", "A caption") };
    let text = &made_of(&[long], &[NOTE]).unwrap()[0].1;
    assert!(text.contains("it takes too long for a run of everything."), "{text}");
    assert!(!made("A caption")[0].1.contains("too long for a run of everything"));
}

#[test]
fn a_claim_or_an_exhibit_whose_note_is_not_there_is_refused() {
    let mut exhibits = exhibits("A caption");
    let claims = &mut exhibits[2].result.as_mut().unwrap().claims;
    claims[1].proof = Some("lost#part".into());
    let refused = |exhibits: &[ExhibitPage]| {
        made_of(exhibits, &[NOTE]).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refused(&exhibits), Err("claim two: there is no note \"lost\"".into()));
    let lost = ExhibitPage { note: "gone".into(), ..exhibit("draws", "A caption") };
    assert_eq!(refused(&[lost]), Err("exhibit draws: there is no note \"gone\"".into()));
}

/// (L1 + 0.05) / (L2 + 0.05), the contrast ratio of the Web Content Accessibility Guidelines 2.
fn contrast(first: &str, second: &str) -> f64 {
    let luminance = |colour: &str| {
        let channel = |start: usize| {
            let value = u8::from_str_radix(&colour[start..start + 2], 16).unwrap();
            let share = f64::from(value) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { libm::pow((share + 0.055) / 1.055, 2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (first, second) = (luminance(first), luminance(second));
    (first.max(second) + 0.05) / (first.min(second) + 0.05)
}

#[test]
fn colours_are_told_apart_in_light_and_dark() {
    let style = include_str!("templates/style.css");
    let colour = |name: &str| {
        let start =
            style.find(&format!("--{name}: light-dark(")).unwrap_or_else(|| panic!("{name}"));
        let inside = style[start..].split(['(', ')']).nth(1).unwrap();
        let (light, dark) = inside.split_once(", ").unwrap();
        [light.to_string(), dark.to_string()]
    };
    let grounds = ["paper", "card", "tint"];
    let texts = ["ink", "muted", "link", "good", "partly", "bad"].map(|name| (name, 4.5));
    let marks = [
        "series-0",
        "series-1",
        "series-2",
        "series-3",
        "series-4",
        "series-5",
        "series-6",
        "reference",
        "edge",
    ]
    .map(|name| (name, 3.0));
    for (name, least) in texts.into_iter().chain(marks) {
        for ground in grounds {
            for (front, back) in colour(name).iter().zip(&colour(ground)) {
                let ratio = contrast(front, back);
                assert!(ratio >= least, "{name} on {ground}: {front} on {back} is {ratio:.2}");
            }
        }
    }
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
}
