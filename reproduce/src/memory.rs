//! Whether settings fit into this machine's memory, before any of it is taken.

use training::setting::FieldError;

/// Bytes that an experiment keeps at one time, and the setting that decides how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The setting.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Bytes, of which a machine may have too few to count the others.
    pub bytes: f64,
}

impl Need {
    /// The need that a setting makes.
    pub fn new(field: &str, value: impl ToString, bytes: f64) -> Self {
        Self { field: field.to_string(), value: value.to_string(), bytes }
    }

    /// The same, said of the settings that have these in a field.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        Self { field: format!("{field}.{}", self.field), ..self }
    }

    /// That of matrices with these sides, of numbers of so many bytes.
    pub fn of_matrices(
        field: &str,
        value: impl ToString,
        sides: &[[usize; 2]],
        number: usize,
    ) -> Self {
        let numbers: f64 = sides.iter().map(|[rows, columns]| *rows as f64 * *columns as f64).sum();
        Self::new(field, value, number as f64 * numbers)
    }
}

/// Refuses needs that together are above the machine's memory; blames the largest.
///
/// # Errors
/// Says what would be needed and what there is.
pub fn check(needs: &[Need], machine: Option<u64>) -> Result<(), FieldError> {
    let all: f64 = needs.iter().map(|need| need.bytes).sum();
    let largest = needs.iter().max_by(|one, other| one.bytes.total_cmp(&other.bytes));
    match (largest, machine) {
        (Some(Need { field, value, .. }), Some(machine)) if all > machine as f64 => {
            let (needed, there) = (in_words(all), in_words(machine as f64));
            let expected = format!(
                "settings that fit into memory: these would need about {needed}; this machine has \
                 {there}"
            );
            Err(FieldError::new(field, value, expected))
        }
        _ => Ok(()),
    }
}

/// "3.7 TB", "24 GB".
fn in_words(bytes: f64) -> String {
    const UNITS: [&str; 7] = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB"];
    let (mut number, mut unit) = (bytes / 1e3, 0);
    while number >= 999.5 && unit + 1 < UNITS.len() {
        (number, unit) = (number / 1e3, unit + 1);
    }
    let digits = if number < 9.95 { 1 } else { 0 };
    format!("{number:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_need_is_blamed_for_all_of_them() {
        let needs = [Need::new("images", 5, 4e9), Need::new("network", "MLP", 21e9)];
        assert_eq!(check(&needs, Some(25_000_000_000)), Ok(()));
        assert_eq!(check(&needs, None), Ok(()));
        assert_eq!(check(&[], Some(1)), Ok(()));
        let error = check(&needs, Some(24_000_000_000)).unwrap_err().to_string();
        let expected = "network is MLP, expected settings that fit into memory: these would need \
                        about 25 GB; this machine has 24 GB";
        assert_eq!(error, expected);
    }

    #[test]
    fn bytes_are_in_the_unit_that_fits() {
        let words = [2_000.0, 999_700.0, 2.4e10, 3.7e12, 3.2e21, 1e25].map(in_words);
        assert_eq!(words, ["2.0 kB", "1.0 MB", "24 GB", "3.7 TB", "3.2 ZB", "10000 ZB"]);
    }
}
