//! A helpful sentence for a name that does not exist.

/// The least similarity (Jaro-Winkler) of a name that may have been meant.
const NEAR: f64 = 0.75;
/// Names that are suggested, and names that are listed where none is near.
const SUGGESTED: usize = 3;
const LISTED: usize = 24;

/// `unknown KIND "NAME"` and the nearest of the known names, or all of them when none is near (of
/// very many the first).
///
/// ```
/// use training::names::unknown;
/// let message = unknown("estimator", "topk", &["top-k", "bernoulli"]);
/// assert_eq!(message, "unknown estimator \"topk\"; did you mean top-k?");
/// ```
pub fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > NEAR)
        .collect();
    // A stable sort: names as near as each other stay in their order.
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.truncate(SUGGESTED);
    if !near.is_empty() {
        let names: Vec<&str> = near.iter().map(|(_, candidate)| *candidate).collect();
        return format!("unknown {kind} {name:?}; did you mean {}?", names.join(" or "));
    }
    let listed = known[..known.len().min(LISTED)].join(", ");
    match known.len().saturating_sub(LISTED) {
        _ if known.is_empty() => format!("unknown {kind} {name:?}; there is none"),
        0 => format!("unknown {kind} {name:?}; known: {listed}"),
        more => format!("unknown {kind} {name:?}; known: {listed}, and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_like_no_other_lists_those_there_are() {
        assert_eq!(unknown("exhibit", "zzz", &["a", "b"]), "unknown exhibit \"zzz\"; known: a, b");
        assert_eq!(unknown("layer", "zzz", &[]), "unknown layer \"zzz\"; there is none");
        let many = unknown("layer", "zzz", &["a"; LISTED + 2]);
        assert!(many.ends_with("a, a, and 2 more"), "{many}");
    }

    #[test]
    fn the_nearest_names_come_first() {
        let layers = ["linear", "block-1.convolution-2", "block-1.convolution-1"];
        let expected = "unknown layer \"blok-1.convolution-1\"; did you mean \
                        block-1.convolution-1 or block-1.convolution-2?";
        assert_eq!(unknown("layer", "blok-1.convolution-1", &layers), expected);
    }
}
