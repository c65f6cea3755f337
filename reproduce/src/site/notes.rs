//! Notes: Markdown with formulas, rendered to pages with MathML.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use pulldown_latex::config::DisplayMode;
use pulldown_latex::{RenderConfig, Storage, mathml};
use serde::Serialize;

use super::SiteError;

/// A note of the study: a proof, a derivation, a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Name of its page, without ending.
    pub slug: &'static str,
    /// Heading of its page and text of the links to it.
    pub title: &'static str,
    /// The text: CommonMark with tables and footnotes, and LaTeX between `$` or `$$`.
    pub markdown: &'static str,
}

/// A note of `paper-notes`, by its file and title.
macro_rules! note {
    ($slug:literal, $title:literal) => {
        Note {
            slug: $slug,
            title: $title,
            markdown: include_str!(concat!("../../../paper-notes/", $slug, ".md")),
        }
    };
}

/// Every note of the study, in reading order.
pub const NOTES: &[Note] = &[
    note!("README", "A course on sampled matrix products"),
    note!("unbiasedness", "Unbiasedness (T1)"),
    note!("variance", "Variance (T2)"),
    note!("checks", "How a check decides"),
    note!("optimality", "Optimal probabilities and water-filling (T3)"),
    note!("mixture", "Mixing with the uniform distribution (T12)"),
    note!("number-kept", "The number of pairs kept (T6)"),
    note!("comparison", "Coins against draws (T5)"),
    note!("designs", "Winner-take-all and designs of fixed size (T1, T2, T5)"),
    note!("top-k", "Top-k (T4)"),
    note!("concentration", "Concentration (T11)"),
    note!("convolution", "Convolutions (T1, T2)"),
    note!("modes", "Three ways to sample a training step"),
    note!("ridge", "Sampled linear regression is ridge regression (T7)"),
    note!("backward-sampling", "Backward sampling (T8)"),
    note!("forward-bias", "Forward sampling is biased, and how little (T9)"),
    note!("sgd-convergence", "SGD with sampled gradients (T10)"),
    note!("counting", "Counting computations and communication"),
    note!("sampling-along-training", "Sampling along training: variance, budgets, kept selections"),
    note!("exchange", "Sending slices of the gradient"),
    note!("transformer", "Sampling a transformer"),
    note!("whole-training", "Whole trainings at equal cost"),
    note!("related-zonotope-training", "Related: training against a reachable set"),
    note!("related-ensemble-kalman", "Related: training without gradients"),
    note!("related-memristor-classifier", "Related: a classifier in a memristive crossbar"),
    note!("related-axtrain", "Related: training for approximate hardware"),
    note!("related-coded-activations", "Related: codes in the place of activations"),
    note!("same-bits", "Why the numbers are the same bits everywhere"),
    note!("timing", "Which time answers which question"),
    note!("nodes", "Training on several nodes"),
];

/// The body of a note's page as HTML.
///
/// Raw HTML is shown as text. Every heading has an id made from its words, and a link to another
/// note's `NAME.md` becomes one to its page. Answers are folded. The first heading of the first level is left out: it is
/// the page's title. A figure that `has_figure` does not know is replaced by its description. A
/// paragraph that is a link to an interactive figure becomes what `interactive` makes of the figure's
/// name and the link's text.
///
/// # Errors
/// [`SiteError::Formula`] for LaTeX that cannot be read; those of `interactive`.
pub fn render(
    note: &Note,
    has_figure: impl Fn(&str) -> bool,
    interactive: &mut dyn FnMut(&str, &str) -> Result<String, SiteError>,
) -> Result<String, SiteError> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_MATH;
    // Raw HTML is text; what becomes HTML below is not raw.
    let mut events: Vec<Event> = Parser::new_ext(note.markdown, options)
        .map(|event| match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            other => other,
        })
        .collect();
    let is_title = |event: &Event| matches!(event, Event::End(TagEnd::Heading(HeadingLevel::H1)));
    if let Some(end) = events.iter().position(is_title) {
        events.drain(..=end);
    }
    while let Some((place, name, title)) = interactive_link(&events) {
        let figure = Event::InlineHtml(interactive(&name, &title)?.into());
        events.splice(place..place + INTERACTIVE_LINK, [figure]);
    }
    let mut ids = Vec::new();
    let mut rendered = Vec::with_capacity(events.len());
    for (position, event) in events.iter().enumerate() {
        rendered.push(match event {
            Event::InlineMath(latex) => formula(note, latex, DisplayMode::Inline)?,
            Event::DisplayMath(latex) => formula(note, latex, DisplayMode::Block)?,
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let id = unique_id(&heading_text(&events[position..]), &mut ids);
                let (classes, attrs) = (classes.clone(), attrs.clone());
                Event::Start(Tag::Heading { level: below(*level), id: Some(id), classes, attrs })
            }
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(*level))),
            Event::Start(Tag::Image { dest_url, .. }) if !is_known(dest_url, &has_figure) => {
                Event::Start(Tag::Emphasis)
            }
            Event::End(TagEnd::Image) if !is_known_image(&events[..position], &has_figure) => {
                Event::End(TagEnd::Emphasis)
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let (link_type, title, id) = (*link_type, title.clone(), id.clone());
                Event::Start(Tag::Image { link_type, dest_url: page_of(dest_url), title, id })
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let (link_type, title, id) = (*link_type, title.clone(), id.clone());
                Event::Start(Tag::Link { link_type, dest_url: page_of(dest_url), title, id })
            }
            other => other.clone(),
        });
    }
    let mut text = String::new();
    html::push_html(&mut text, rendered.into_iter());
    Ok(with_answers_folded(&scrolling(&text)))
}

/// The text with tables and code that scroll where they are too wide, by the keyboard, too.
fn scrolling(text: &str) -> String {
    const SCROLLING: &str =
        "<div class=\"scroll\" role=\"group\" aria-label=\"Table\" tabindex=\"0\">";
    text.replace("<table>", &format!("{SCROLLING}<table>"))
        .replace("</table>", "</table></div>")
        .replace("<pre>", "<pre tabindex=\"0\">")
}

/// Events of a paragraph that is a link of one text.
const INTERACTIVE_LINK: usize = 5;

/// The first paragraph that is a link to an interactive figure: its place, the figure's name, and the
/// link's text.
fn interactive_link(events: &[Event]) -> Option<(usize, String, String)> {
    events.windows(INTERACTIVE_LINK).enumerate().find_map(|(place, events)| match events {
        [
            Event::Start(Tag::Paragraph),
            Event::Start(Tag::Link { dest_url, .. }),
            Event::Text(title),
            Event::End(TagEnd::Link),
            Event::End(TagEnd::Paragraph),
        ] => {
            let (_, name) = dest_url.split_once("#try-")?;
            Some((place, name.to_string(), title.to_string()))
        }
        _ => None,
    })
}

/// The part "Answers" of a note, to be unfolded once one has thought oneself.
fn with_answers_folded(text: &str) -> String {
    const HEADING: &str = "<h2 id=\"answers\">Answers</h2>";
    let Some((before, rest)) = text.split_once(HEADING) else { return text.to_string() };
    let (answers, after) = rest.split_at(rest.find("<h2 ").unwrap_or(rest.len()));
    let summary = "<summary>Answers</summary>";
    format!("{before}<details id=\"answers\">{summary}{answers}</details>{after}")
}

/// The title is the page's only heading of the first level.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H2,
        other => other,
    }
}

fn formula<'a>(note: &Note, latex: &str, mode: DisplayMode) -> Result<Event<'a>, SiteError> {
    let wrong = |reason: String| SiteError::Formula {
        note: note.slug.to_string(),
        latex: latex.to_string(),
        reason,
    };
    let storage = Storage::new();
    // The renderer would show an error as red text; a page with an unreadable formula is no page.
    let symbols = pulldown_latex::Parser::new(latex, &storage)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    let config = RenderConfig { display_mode: mode, annotation: Some(latex), ..Default::default() };
    let mut text = String::new();
    let symbols = symbols.into_iter().map(Ok::<_, std::convert::Infallible>);
    mathml::push_mathml(&mut text, symbols, config).map_err(|error| wrong(error.to_string()))?;
    // The renderer writes the entity of a space and then escapes its ampersand. A long formula scrolls,
    // by the keyboard, too.
    let text = text.replace("&amp;nbsp;", "\u{a0}");
    let text = text.replacen("display=\"block\"", "display=\"block\" tabindex=\"0\"", 1);
    Ok(Event::InlineHtml(text.into()))
}

/// The words of the heading that `events` start with.
fn heading_text(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(words) | Event::Code(words) | Event::InlineMath(words) => text += words,
            Event::End(TagEnd::Heading(_)) => break,
            _ => {}
        }
    }
    text
}

/// "Lemma 2: at most one" becomes `lemma-2-at-most-one`; a second one of the kind gets `-2`.
fn unique_id<'a>(heading: &str, taken: &mut Vec<String>) -> CowStr<'a> {
    let mut words = String::new();
    for word in heading.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !words.is_empty() {
            words.push('-');
        }
        words.push_str(&word.to_lowercase());
    }
    let candidates = (1..).map(|count| match count {
        1 => words.clone(),
        count => format!("{words}-{count}"),
    });
    let id = candidates.into_iter().find(|id| !taken.contains(id)).unwrap_or_default();
    taken.push(id.clone());
    id.into()
}

/// Where notes find figures, in the repository.
const FIGURES: &str = "../figures/";

/// Whether a picture is none of the figures, or one that exists.
fn is_known(link: &str, has_figure: &impl Fn(&str) -> bool) -> bool {
    link.strip_prefix(FIGURES).is_none_or(has_figure)
}

/// The same of the last picture begun.
fn is_known_image(events: &[Event], has_figure: &impl Fn(&str) -> bool) -> bool {
    let begun = events.iter().rev().find_map(|event| match event {
        Event::Start(Tag::Image { dest_url, .. }) => Some(dest_url),
        _ => None,
    });
    begun.is_none_or(|link| is_known(link, has_figure))
}

/// `NAME.md` and `NAME.md#part` without a folder name a note, `../figures/NAME` a file beside the
/// folder of the pages; other links stay.
fn page_of<'a>(link: &CowStr<'a>) -> CowStr<'a> {
    if let Some(name) = link.strip_prefix(FIGURES) {
        return format!("../{name}").into();
    }
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    match file.strip_suffix(".md") {
        Some(name) if !name.contains('/') => {
            let separator = if fragment.is_empty() { "" } else { "#" };
            format!("{name}.html{separator}{fragment}").into()
        }
        _ => link.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &'static str) -> Result<String, SiteError> {
        let note = Note { slug: "sample", title: "Sample", markdown };
        render(&note, |figure| figure == "known.svg", &mut |name, title| {
            Ok(format!("<section id=\"{name}\">{title}</section>"))
        })
    }

    #[test]
    fn a_paragraph_that_is_a_link_to_an_interactive_figure_becomes_the_figure() {
        let text =
            rendered("Before\n\n[Try it](../figures/notes/a.html#try-coins)\n\nAfter\n").unwrap();
        assert!(text.contains("<section id=\"coins\">Try it</section>"), "{text}");
        assert!(
            !text.contains("<a ") && text.contains("Before") && text.contains("After"),
            "{text}"
        );
        let inline = rendered("See [there](../figures/notes/a.html#try-coins).\n").unwrap();
        assert!(inline.contains("<a href=\"../notes/a.html#try-coins\">"), "{inline}");
    }

    #[test]
    fn the_title_is_left_out_and_figures_are_beside_the_pages() {
        let text = rendered("# Title\n\n![A](../figures/known.svg) ![B](../figures/other.svg)\n");
        let text = text.unwrap();
        assert!(!text.contains("Title"), "{text}");
        assert!(text.contains("<img src=\"../known.svg\" alt=\"A\""), "{text}");
        assert!(text.contains("<em>B</em>") && !text.contains("other.svg"), "{text}");
    }

    #[test]
    fn spaces_beside_words_in_formulas_are_no_entities() {
        let text = rendered("$x > 0\\text{ and }y$").unwrap();
        assert!(text.contains("and") && !text.contains("&amp;nbsp"), "{text}");
    }

    #[test]
    fn formulas_become_mathml() {
        let text =
            rendered("Inline $w_i = \\|A_i\\|$ and\n\n$$\\sum_{i=1}^n p_i \\le k$$\n").unwrap();
        assert_eq!(text.matches("<math").count(), 2);
        assert!(text.contains("display=\"block\""), "{text}");
        assert!(text.contains("<msub>"), "{text}");
        assert!(!text.contains('$'), "{text}");
    }

    #[test]
    fn a_formula_that_cannot_be_read_is_named() {
        let error = rendered("Here: $\\frac{1}$").unwrap_err().to_string();
        assert!(error.contains("sample") && error.contains("\\frac{1}"), "{error}");
    }

    #[test]
    fn headings_have_ids_and_stay_below_the_title() {
        let text = rendered("## One thing\n\n## One thing\n\n### With $k$ pairs\n").unwrap();
        assert!(text.contains("<h2 id=\"one-thing\">"), "{text}");
        assert!(text.contains("<h2 id=\"one-thing-2\">"), "{text}");
        assert!(text.contains("<h3 id=\"with-k-pairs\">"), "{text}");
    }

    #[test]
    fn links_between_notes_lead_to_pages() {
        let text = rendered("[a](budget.md) [b](budget.md#proof) [c](../x.md) [d](#here)").unwrap();
        for link in ["\"budget.html\"", "\"budget.html#proof\"", "\"../x.md\"", "\"#here\""] {
            assert!(text.contains(link), "{link}: {text}");
        }
    }

    #[test]
    fn tables_and_code_scroll_by_the_keyboard() {
        let text = rendered("| a | b |\n| --- | --- |\n| `<table>` | 2 |\n\n```text\ncode\n```\n");
        let text = text.unwrap();
        assert!(text.contains("tabindex=\"0\"><table>"), "{text}");
        assert!(text.contains("</table></div>") && text.contains("<pre tabindex=\"0\">"), "{text}");
        assert!(text.contains("<code>&lt;table&gt;</code>"), "{text}");
    }

    #[test]
    fn answers_are_folded_and_what_follows_them_is_not() {
        let text = rendered("## Exercises\n\n1. Why?\n\n## Answers\n\n1. So.\n\n## More\n\nText\n");
        let text = text.unwrap();
        let (before, rest) = text.split_once("<details id=\"answers\">").unwrap();
        let (inside, after) = rest.split_once("</details>").unwrap();
        assert!(
            before.contains("Why?") && inside.contains("So.") && after.contains("More"),
            "{text}"
        );
        assert!(!rendered("## Exercises\n\n1. Why?\n").unwrap().contains("<details"));
    }

    #[test]
    fn raw_html_is_text() {
        let text =
            rendered("a <img src=x onerror=alert(1)>\n\n<script>alert(2)</script>\n").unwrap();
        assert!(!text.contains("<img") && !text.contains("<script"), "{text}");
    }
}
