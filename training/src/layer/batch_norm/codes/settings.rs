//! How many bits a code has, and what is done with it.

use crate::setting::FieldError;
use kernels::quantised::{Bins, PackedQuantiser, Quantiser, QuantiserError, Zero};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// Standard deviations that the bins of all codes span.
const SPAN: f64 = 6.0;

/// The codes in the place of activations.
///
/// ```
/// use training::layer::{CodeForm, CodeSettings};
/// let codes: CodeSettings = serde_yaml::from_str("{bits: 4}")?;
/// assert_eq!(codes, CodeSettings { bits: 4, form: CodeForm::Backward });
/// let error = CodeSettings { bits: 3, ..codes }.check().unwrap_err().to_string();
/// assert_eq!(error, "bits is 3, expected 1, 2, 4 or 8: whole codes fill a byte");
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSettings {
    /// Bits of a code: 1, 2, 4 or 8.
    pub bits: u32,
    /// What is done with the codes.
    #[serde(default)]
    pub form: CodeForm,
}

/// What is done with codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeForm {
    /// The backward pass reads them. The forward pass is exact.
    #[default]
    Backward,
    /// The forward pass puts out what they stand for, too, in evaluations as well.
    Naive,
    /// As `backward`, with zero in the middle of a bin, not on an edge. Masks are then wrong: a
    /// control.
    ZeroAsLevel,
    /// As `backward`, each channel decoded from the codes of the next. Gradients are then wrong: a
    /// control.
    Permuted,
    /// As `backward`, with the first code above zero as in the source's program: at least 1, but
    /// limited by no other code. Masks are then wrong in channels with a shift below about -3
    /// scales, and numbers in those with one above 3.
    AsReleased,
}

impl CodeSettings {
    /// Checks the number of bits.
    ///
    /// # Errors
    /// When whole codes do not fill a byte.
    pub fn check(&self) -> Result<(), FieldError> {
        let expected = "1, 2, 4 or 8: whole codes fill a byte";
        self.quantiser().map(|_| ()).map_err(|_| FieldError::new("bits", self.bits, expected))
    }

    /// The quantiser of numbers measured in standard deviations.
    ///
    /// # Errors
    /// When whole codes do not fill a byte.
    pub fn quantiser(&self) -> Result<PackedQuantiser, QuantiserError> {
        let zero = match self.form {
            CodeForm::ZeroAsLevel => Zero::Level,
            _ => Zero::Edge,
        };
        // No bits make a step of 0, which the quantiser refuses after the bits themselves.
        let step = SPAN * 0.5f64.powi(self.bits.min(64) as i32);
        PackedQuantiser::new(Quantiser::new(self.bits, step, zero)?)
    }
}

impl Display for CodeSettings {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "codes of {} bits", self.bits)
    }
}

impl CodeForm {
    /// The bins of a channel around `centre`, in units.
    pub(super) fn bins(self, quantiser: &PackedQuantiser, unit: f32, centre: f32) -> Bins {
        let single = quantiser.quantiser();
        match self {
            Self::AsReleased => {
                let bins = (f64::from(centre) / single.step()).floor();
                let first = (f64::from(single.levels() / 2) - bins).max(1.0) as u32;
                Bins { unit, offset: first as f32, above: first }
            }
            _ => quantiser.bins(unit, centre),
        }
    }

    /// Whose codes the channel at a place is decoded from.
    pub(super) fn place(self, place: usize, channels: usize) -> usize {
        match self {
            Self::Permuted => (place + 1) % channels,
            _ => place,
        }
    }
}
