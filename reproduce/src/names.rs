//! A helpful sentence for a name that does not exist.

/// `unknown KIND "NAME"` and the nearest of the known names, or all of them when none is near.
///
/// ```
/// use reproduce::names::unknown;
/// let message = unknown("estimator", "topk", &["top-k", "bernoulli"]);
/// assert_eq!(message, "unknown estimator \"topk\"; did you mean top-k?");
/// ```
pub fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(3);
    if near.is_empty() {
        format!("unknown {kind} {name:?}; known: {}", known.join(", "))
    } else {
        let names: Vec<&str> = near.iter().map(|(_, candidate)| *candidate).collect();
        format!("unknown {kind} {name:?}; did you mean {}?", names.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_like_no_other_lists_all() {
        assert_eq!(unknown("exhibit", "zzz", &["a", "b"]), "unknown exhibit \"zzz\"; known: a, b");
    }
}
