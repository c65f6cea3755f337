//! Settings and their ranges.
//!
//! Whoever reads settings checks each number before anything is computed from it, so that sizes
//! neither overflow nor are allocated blindly, and a number that means nothing is never trained
//! with.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

/// The largest number of anything that settings may ask for. Pairs are selected by indices of 32
/// bits, and two such numbers can be multiplied in 64.
pub const LARGEST_COUNT: usize = u32::MAX as usize;

/// All numbers above 0.
pub const POSITIVE: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Unbounded);

/// A setting outside its range.
///
/// ```
/// use training::setting::{FieldError, number};
/// let error: FieldError = number("momentum", 3.0, 0.0..1.0).unwrap_err().within("optimizer");
/// let sentence = "optimizer.momentum is 3, expected a finite number of at least 0, below 1";
/// assert_eq!(error.to_string(), sentence);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, expected {expected}")]
pub struct FieldError {
    /// Its name, after those of the settings it is part of: `optimizer.momentum`, `hidden[1]`.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What would have been right.
    pub expected: String,
}

impl FieldError {
    /// A value that makes no sense in this field.
    pub fn new(field: impl Into<String>, value: impl Display, expected: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), expected: expected.into() }
    }

    /// The same, said of the settings that have these in a field.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        Self { field: format!("{field}.{}", self.field), ..self }
    }
}

/// Checks a number of things: at least 1, at most [`LARGEST_COUNT`].
///
/// # Errors
/// When it is not.
pub fn count(field: &str, value: usize) -> Result<(), FieldError> {
    count_within(field, value, 1..=LARGEST_COUNT)
}

/// Checks a number of things against a range of its own.
///
/// # Errors
/// When it is outside.
pub fn count_within(
    field: &str,
    value: usize,
    range: impl RangeBounds<usize>,
) -> Result<(), FieldError> {
    let expected = || format!("a whole number{}", limits(&range));
    if range.contains(&value) { Ok(()) } else { Err(FieldError::new(field, value, expected())) }
}

/// Checks a number against a range; what is infinite or not a number is in none.
///
/// # Errors
/// When it is outside.
pub fn number<T: Into<f64> + Display + Copy>(
    field: &str,
    value: T,
    range: impl RangeBounds<f64>,
) -> Result<(), FieldError> {
    let valid = value.into().is_finite() && range.contains(&value.into());
    let expected = || format!("a finite number{}", limits(&range));
    if valid { Ok(()) } else { Err(FieldError::new(field, value, expected())) }
}

/// Checks that a list has something in it, and nothing twice.
///
/// # Errors
/// When it is empty, or names the second of two equal elements.
pub fn distinct<T: PartialEq>(field: &str, list: &[T]) -> Result<(), FieldError> {
    if list.is_empty() {
        return Err(FieldError::new(field, "[]", "at least one element"));
    }
    for (second, element) in list.iter().enumerate() {
        if let Some(first) = list[..second].iter().position(|before| before == element) {
            let value = format!("the same as {field}[{first}]");
            return Err(FieldError::new(format!("{field}[{second}]"), value, "another"));
        }
    }
    Ok(())
}

/// " of at least 0, below 1".
fn limits<T: Display>(range: &impl RangeBounds<T>) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => format!(" of at least {low}"),
        Bound::Excluded(low) => format!(" above {low}"),
        Bound::Unbounded => String::new(),
    };
    let high = match range.end_bound() {
        Bound::Included(high) => format!(", at most {high}"),
        Bound::Excluded(high) => format!(", below {high}"),
        Bound::Unbounded => String::new(),
    };
    low + &high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_in_no_range() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(number("factor", value, ..).is_err(), "{value}");
        }
        assert_eq!(number("factor", 0.5, POSITIVE), Ok(()));
        let error = number("factor", 0.0, POSITIVE).unwrap_err().to_string();
        assert_eq!(error, "factor is 0, expected a finite number above 0");
    }

    #[test]
    fn counts_end_where_32_bits_do() {
        assert_eq!(count("train", LARGEST_COUNT), Ok(()));
        for value in [0, LARGEST_COUNT + 1, usize::MAX] {
            let error = count("train", value).unwrap_err().to_string();
            let expected = "expected a whole number of at least 1, at most 4294967295";
            assert_eq!(error, format!("train is {value}, {expected}"));
        }
    }

    #[test]
    fn lists_have_something_and_nothing_twice() {
        assert_eq!(distinct("modes", &["forward", "backward"]), Ok(()));
        let error = distinct::<u8>("modes", &[]).unwrap_err().to_string();
        assert_eq!(error, "modes is [], expected at least one element");
        let error = distinct("modes", &[1, 2, 1]).unwrap_err().to_string();
        assert_eq!(error, "modes[2] is the same as modes[0], expected another");
    }
}
