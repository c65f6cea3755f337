//! Durations in words.

use crate::result::significant;

/// Seconds in words: "40 s", "7 min", "2.5 h".
pub fn in_words(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{} h", significant(s / 3600.0, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_unit_that_fits() {
        assert_eq!(in_words(40.0), "40 s");
        assert_eq!(in_words(420.0), "7 min");
        assert_eq!(in_words(9000.0), "2.5 h");
    }
}
