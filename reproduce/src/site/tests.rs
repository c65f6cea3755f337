use std::path::PathBuf;

use super::markup::{Element, elements};
use super::*;
use crate::result::{Axis, Column, ExhibitResult, Figure, Mark, Panel, Point, Series, Table};

const HOSTILE: &str = "</script><script>alert(1)</script> \"quoted\" 'single' & <b>";

const NOTE: Note = Note {
    slug: "budget",
    title: "Where the budget goes",
    markdown: "The least variance at $\\sum_i p_i = k$:\n\n$$p_i = \\min(1, w_i / \\lambda)$$\n\n\
               ## The level\n\n| k | $\\lambda$ |\n| --- | --- |\n| 1 | 2 |\n\nSee [above](#the-level).\n",
};

fn result(caption: &str) -> ExhibitResult {
    let mut records = Table::new(caption, vec![Column::key("k"), Column::value("error", caption)]);
    records.push(vec![1_usize.into(), 0.5.into()]);
    records.push(vec![2_usize.into(), 0.25.into()]);
    let points = vec![Point::new(1.0, 0.5), Point::new(2.0, 0.25)];
    let series = vec![Series { label: caption.into(), style: 0, mark: Mark::Points, points }];
    let (x, y) = (Axis::linear("k"), Axis::linear("error"));
    ExhibitResult {
        title: caption.into(),
        data: caption.into(),
        tables: vec![records.clone()],
        records,
        figures: vec![Figure {
            file: "sample".into(),
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
        version: 1,
        result: Some(result(caption)),
    }
}

fn claim(id: &str, text: &str) -> Claim {
    Claim {
        id: id.into(),
        statement: text.into(),
        source: text.into(),
        verdict: Verdict::HoldsInPart,
        estimate: text.into(),
        prediction: text.into(),
        p_value: Some(0.25),
        proof: Some("budget#the-level".into()),
        code: Some("no/such/file.rs".into()),
        exhibit: Some("matmul-error".into()),
    }
}

/// Every page for two interactive exhibits, a third one and one that has not been computed.
fn made(caption: &str) -> Vec<(String, String)> {
    let mut missing = exhibit("missing", "Not computed");
    missing.result = None;
    let names = ["matmul-error", "bernoulli-budget", "other"];
    let mut exhibits: Vec<ExhibitPage> = names.iter().map(|name| exhibit(name, caption)).collect();
    exhibits.push(missing);
    let headline = [headline("other", caption)];
    let site = Site {
        exhibits: &exhibits,
        claims: Some(&[claim("one", caption), claim("two", caption)]),
        headline: Some(&headline),
        notes: &[NOTE],
        provenance: provenance(),
    };
    pages(&site, &PathBuf::from("figures")).unwrap()
}

fn headline(exhibit: &str, caption: &str) -> HeadlineTable {
    HeadlineTable {
        caption: caption.into(),
        headings: vec!["exhibit", "found"],
        rows: vec![vec![exhibit.into(), caption.into()]],
        is_measured: true,
    }
}

fn provenance() -> Provenance {
    Provenance {
        scale: "quick".into(),
        seed: 1,
        version: "0.1.0".into(),
        instructions: "portable".into(),
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
fn the_page_holds_every_exhibit_claim_and_number() {
    let (_, text) = &made("A caption")[0];
    for name in ["matmul-error", "bernoulli-budget", "other", "missing"] {
        assert!(text.contains(&format!("id=\"exhibit-{name}\"")), "{name}");
    }
    for id in ["claim-one", "claim-two"] {
        assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert_eq!(text.matches("<svg width").count(), 3);
    assert_eq!(text.matches("download=\"").count(), 3);
    assert!(text.contains("<a href=\"#exhibit-other\">other</a>"), "the headline table");
    assert!(text.contains("has not been computed at this scale"));
    assert!(text.contains("holds in part"));
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
    let site =
        Site { exhibits: &[], claims: None, headline: None, notes: &[], provenance: provenance() };
    let pages = pages(&site, &PathBuf::from("figures")).unwrap();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].1.contains("The claims have not been tested in this run."));
    elements(&pages[0].1).unwrap();
}

#[test]
fn a_claim_about_nothing_is_refused() {
    let refused = |claim: Claim| {
        let exhibits = [exhibit("matmul-error", "A caption")];
        let claims = [claim];
        let site = Site {
            exhibits: &exhibits,
            claims: Some(&claims),
            headline: None,
            notes: &[NOTE],
            provenance: provenance(),
        };
        pages(&site, &PathBuf::from("figures")).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refused(claim("one", "")), Ok(()));
    let note = Claim { proof: Some("lost#part".into()), ..claim("one", "") };
    assert_eq!(refused(note), Err("claim one: there is no note \"lost\"".into()));
    let exhibit = Claim { exhibit: Some("lost".into()), ..claim("one", "") };
    assert_eq!(refused(exhibit), Err("claim one: there is no exhibit \"lost\"".into()));
}

#[test]
fn a_headline_of_no_exhibit_is_refused() {
    let headline = [headline("lost", "97 %")];
    let headline = Some(&headline[..]);
    let site = Site { exhibits: &[], claims: None, headline, notes: &[], provenance: provenance() };
    let error = pages(&site, &PathBuf::from("figures")).unwrap_err().to_string();
    assert_eq!(error, "headline: there is no exhibit \"lost\"");
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
    let marks = ["series-0", "series-1", "series-2", "edge"].map(|name| (name, 3.0));
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
