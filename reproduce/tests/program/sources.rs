//! What changes the checksum of the code that numbers depend on, and what does not.

#[path = "../../build/code.rs"]
mod code;

const CODE: &str = "\
//! A module.
use std::fmt;

/// Twice a number.
#[must_use]
fn twice(x: f64) -> f64 { 2.0 * x } // doubled

#[cfg(test)]
mod tests { fn one() -> u32 { 1 } }

const LAST: [&str; 1] = [\"// no comment\"];
";

fn of(text: &str) -> String {
    code::of(text).unwrap()
}

fn with(from: &str, to: &str) -> String {
    assert!(CODE.contains(from), "{from}");
    of(&CODE.replacen(from, to, 1))
}

#[test]
fn comments_documentation_layout_and_tests_are_no_code() {
    for (from, to) in [
        ("//! A module.", "//! Another word."),
        ("/// Twice a number.\n", ""),
        ("// doubled", "/* multiplied */"),
        ("fn twice(x: f64) -> f64 {", "fn twice(\n    x: f64\n) -> f64\n{"),
        ("{ 1 }", "{ 2 }"),
        ("mod tests { fn one() -> u32 { 1 } }", "mod tests;"),
    ] {
        assert_eq!(with(from, to), of(CODE), "{from:?} -> {to:?}");
    }
}

#[test]
fn everything_else_is() {
    for (from, to) in [
        ("2.0", "2.1"),
        ("twice", "thrice"),
        ("* x", "+ x"),
        ("#[must_use]", ""),
        ("#[must_use]", "#[inline]"),
        ("#[cfg(test)]", "#[cfg(unix)]"),
        ("{ 2.0 * x }", "[ 2.0 * x ]"),
        ("// no comment", "//no comment"),
        ("use std::fmt;", ""),
    ] {
        assert_ne!(with(from, to), of(CODE), "{from:?} -> {to:?}");
    }
    assert!(of(CODE).contains("LAST"), "what follows tests is code");
}

#[test]
fn what_is_no_rust_is_refused() {
    assert!(code::of("fn f() {").is_err());
}
