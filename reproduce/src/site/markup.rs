//! Checks that a page is well formed: every element that is opened is closed, in order.

/// A start tag.
#[derive(Debug)]
pub struct Element {
    /// Name in small letters.
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// The value of an attribute, where it has one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Elements that have no end tag.
const VOID: [&str; 6] = ["meta", "input", "br", "hr", "img", "link"];

/// The start tags of a page in order.
///
/// Stricter than HTML: attributes are quoted, no end tag is left out, and a "<" is always markup
/// outside scripts and styles.
pub fn elements(page: &str) -> Result<Vec<Element>, String> {
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").ok_or("there is no doctype")?;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = end_of_tag(rest).ok_or_else(|| format!("a tag does not end: {}", near(rest)))?;
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> closes {last:?} before {}", near(rest)));
            }
            continue;
        }
        let element = element(tag.trim_end_matches('/'))?;
        let name = element.name.clone();
        found.push(element);
        if tag.ends_with('/') || VOID.contains(&name.as_str()) {
            continue;
        }
        if name == "script" || name == "style" {
            let close = format!("</{name}>");
            let end = rest.find(&close).ok_or_else(|| format!("{name} does not end"))?;
            rest = &rest[end + close.len()..];
            continue;
        }
        open.push(name);
    }
    if open.is_empty() { Ok(found) } else { Err(format!("not closed: {open:?}")) }
}

/// Place of the ">" that is not in quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut in_quotes = false;
    text.char_indices().find_map(|(place, c)| {
        in_quotes ^= c == '"';
        (c == '>' && !in_quotes).then_some(place)
    })
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("{name:?} is no element"));
    }
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let key = rest[..end].to_string();
        if key.is_empty() {
            return Ok(Element { name: name.to_string(), attributes });
        }
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let end = quoted.find('"').ok_or_else(|| format!("open quotes: {}", near(rest)))?;
            value = unescape(&quoted[..end]);
            rest = &quoted[end + 1..];
        } else if rest.starts_with('=') {
            return Err(format!("{key} of {name} is not quoted"));
        }
        attributes.push((key, value));
    }
}

/// The references that the templates write.
fn unescape(text: &str) -> String {
    text.replace("&#x2f;", "/").replace("&quot;", "\"").replace("&amp;", "&")
}

fn near(text: &str) -> String {
    text.chars().take(60).collect()
}

#[test]
fn pages_that_are_not_well_formed_are_rejected() {
    let rejected = |body: &str| elements(&format!("<!doctype html>{body}")).is_err();
    assert!(!rejected("<p class=\"a\" hidden>1 <br> 2</p><svg><path d=\"M0>1\"/></svg>"));
    assert!(rejected("<p><b>1</p></b>"));
    assert!(rejected("<p>1"));
    assert!(rejected("<p class=a>1</p>"));
    assert!(rejected("<p>1 < 2</p>"));
    assert!(rejected("<script>1"));
}
