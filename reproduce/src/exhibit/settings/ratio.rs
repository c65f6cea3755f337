//! Shares of the pairs that are kept.

use serde::{Deserialize, Serialize};
use training::setting::FieldError;

/// Share of the pairs that is kept: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Ratio {
    /// The share itself.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value > 0.0 && value <= 1.0 {
            Ok(Ratio(value))
        } else {
            Err(format!("ratio is {value}, expected a number above 0 and at most 1"))
        }
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> f64 {
        ratio.0
    }
}

/// Ratios that increase.
///
/// # Errors
/// Names the list.
pub fn check_ratios(ratios: &[Ratio]) -> Result<(), FieldError> {
    if ratios.is_empty() || !ratios.is_sorted_by(|one, next| one < next) {
        let values: Vec<f64> = ratios.iter().map(|ratio| ratio.value()).collect();
        let expected = "increasing numbers above 0, at most 1";
        return Err(FieldError::new("ratios", format!("{values:?}"), expected));
    }
    Ok(())
}

/// The ratios, where nothing is sampled at any of them.
pub fn ratios_without_effect(ratios: &[Ratio]) -> Option<FieldError> {
    let expected = "a number below 1 among them: as it is, nothing is sampled";
    let is_exact = ratios.iter().all(|ratio| ratio.value() == 1.0);
    is_exact.then(|| FieldError::new("ratios", "[1]", expected))
}
