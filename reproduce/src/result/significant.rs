//! Numbers as text.

/// A number with so many significant digits: plain where that is readable, with
/// a power of ten elsewhere. A number that is whole to these digits is shown without decimals,
/// so that rounding in the last bit never changes the text.
///
/// ```
/// use reproduce::result::significant;
/// assert_eq!(significant(0.0123456789, 4), "0.01235");
/// assert_eq!(significant(55000.0, 4), "55000");
/// assert_eq!(significant(1.5e-9, 3), "1.50e-9");
/// ```
pub fn significant(value: f64, digits: usize) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        // Adding zero turns -0 into 0.
        return format!("{}", value + 0.0);
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.split('e').nth(1).and_then(|e| e.parse().ok()).unwrap_or(0);
    if (-4..digits as i32).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        let plain = format!("{value:.decimals$}");
        match plain.split_once('.') {
            Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => whole.into(),
            _ => plain,
        }
    } else {
        scientific
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_to_a_power_of_ten_gives_a_whole_number() {
        assert_eq!(significant(0.99999999, 3), "1");
        assert_eq!(significant(9.9999999, 3), significant(10.0, 3));
        assert_eq!(significant(-0.5, 3), "-0.500");
        assert_eq!(significant(-0.0, 3), "0");
        assert_eq!(significant(123456.7, 3), "1.23e5");
    }
}
