//! Numbers in a few bits: a uniform quantiser with an offset a channel.
//!
//! A quantiser of L = 2^bits codes and step D maps a number x of a channel to a code q, and back:
//!
//! ```text
//! zero is a level (mid-tread):  q = clamp(round(x / D) + z, 0, L - 1),       x' = (q - z) D
//! zero is an edge (mid-rise):   q = clamp(ceil(x / D) - 1 + z, 0, L - 1),    x' = (q - z + 1/2) D
//! ```
//!
//! z is the channel's offset: the code of zero, or that of the first bin above zero. The error is
//! at most D / 2 where the code was not clamped. With zero on an edge between two bins the sign
//! survives exactly, whatever the number of bits, as long as 1 <= z <= L - 1: q >= z if and only if
//! x > 0. With zero as a level, zero itself survives.

mod packed;

pub use packed::{Bins, PackedQuantiser};

use crate::matrix::MatrixView;
use micro_kernels::Real;

/// The most bits of a code.
pub const MOST_BITS: u32 = 8;

/// Where zero lies among the bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    /// In the middle of a bin: zero is stored exactly (mid-tread).
    Level,
    /// Between two bins: the sign is stored exactly (mid-rise).
    Edge,
}

/// Why numbers cannot be quantised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QuantiserError {
    /// A code has no bits, or more than a byte.
    #[error("a code of {bits} bits was asked for; it has 1 to {MOST_BITS}")]
    Bits {
        /// What was asked for.
        bits: u32,
    },
    /// Codes do not fill a byte.
    #[error("codes of {bits} bits do not fill a byte; those of 1, 2, 4 or 8 bits do")]
    Packed {
        /// Bits of a code.
        bits: u32,
    },
    /// There are fewer than two levels, or more than the bits can tell apart.
    #[error("{levels} levels were asked for of codes of {bits} bits, which have 2 to {}", 1 << bits)]
    Levels {
        /// What was asked for.
        levels: u32,
        /// Bits of a code.
        bits: u32,
    },
    /// The step is no width.
    #[error("a step of {step} was asked for; it is a normal number above 0")]
    Step {
        /// What was asked for.
        step: f64,
    },
    /// There is not one offset a channel.
    #[error("{offsets} offsets came with {channels} channels")]
    Offsets {
        /// Offsets there are.
        offsets: usize,
        /// Channels of the matrix.
        channels: usize,
    },
    /// An element is NaN or infinite.
    #[error("element ({row}, {column}) is {value}; elements are finite numbers")]
    NonFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        value: f64,
    },
}

/// A uniform quantiser: codes of at most 8 bits, equally wide bins.
///
/// ```
/// use kernels::quantised::{Quantiser, Zero};
/// // The 16 conductances of a memristor for weights from 0 to 1.5.
/// let memristor = Quantiser::new(4, 0.1, Zero::Level)?;
/// assert_eq!(memristor.code(0.52, 0), 5);
/// assert_eq!(memristor.value(5, 0), 0.5);
/// // Two's complement of 8 bits is the code less an offset of 128.
/// assert_eq!(i16::from(Quantiser::new(8, 0.5, Zero::Level)?.code(-1.0, 128)) - 128, -2);
/// # Ok::<(), kernels::quantised::QuantiserError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiser {
    bits: u32,
    levels: u32,
    step: f64,
    zero: Zero,
}

impl Quantiser {
    /// A quantiser with all 2^bits codes.
    ///
    /// # Errors
    /// When a code has no bits or more than [`MOST_BITS`], or the step is not a normal number above
    /// 0.
    pub fn new(bits: u32, step: f64, zero: Zero) -> Result<Self, QuantiserError> {
        if !(1..=MOST_BITS).contains(&bits) {
            return Err(QuantiserError::Bits { bits });
        }
        if !(step.is_normal() && step > 0.0) {
            return Err(QuantiserError::Step { step });
        }
        Ok(Self { bits, levels: 1 << bits, step, zero })
    }

    /// The same with the codes from 0 to `levels - 1` only.
    ///
    /// # Errors
    /// When these are fewer than two, or more than the bits can tell apart.
    pub fn with_levels(self, levels: u32) -> Result<Self, QuantiserError> {
        let bits = self.bits;
        let possible = (2..=1 << bits).contains(&levels);
        if possible {
            Ok(Self { levels, ..self })
        } else {
            Err(QuantiserError::Levels { levels, bits })
        }
    }

    /// Bits of a code.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// How many codes there are.
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// The width of a bin.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// The offset of a channel whose numbers lie around `centre`: half of the codes are for numbers
    /// below it, as far as that leaves a code on either side of zero.
    ///
    /// ```
    /// use kernels::quantised::{Quantiser, Zero};
    /// let quantiser = Quantiser::new(4, 6.0 / 16.0, Zero::Edge)?;
    /// assert_eq!(quantiser.offset(0.0), 8);
    /// // A channel far above zero: without a code below it no sign could be told.
    /// assert_eq!(quantiser.offset(100.0), 1);
    /// # Ok::<(), kernels::quantised::QuantiserError>(())
    /// ```
    pub fn offset(&self, centre: f64) -> u8 {
        let last = f64::from(self.levels - 1);
        let offset = f64::from(self.levels / 2) - (centre / self.step).floor();
        offset.clamp(1.0, last) as u8
    }

    /// The code of a finite number in a channel with this offset.
    pub fn code(&self, x: f64, offset: u8) -> u8 {
        let bins = x / self.step;
        let bin = match self.zero {
            Zero::Level => bins.round(),
            // Where the quotient rounds to zero the sign of x still decides.
            Zero::Edge if x > 0.0 => (bins.ceil() - 1.0).max(0.0),
            Zero::Edge => (bins.ceil() - 1.0).min(-1.0),
        };
        (bin + f64::from(offset)).clamp(0.0, f64::from(self.levels - 1)) as u8
    }

    /// The number that a code stands for in a channel with this offset.
    pub fn value(&self, code: u8, offset: u8) -> f64 {
        let bin = f64::from(code) - f64::from(offset);
        match self.zero {
            Zero::Level => bin * self.step,
            Zero::Edge => (bin + 0.5) * self.step,
        }
    }

    /// The codes of a matrix, row after row; its columns are the channels.
    ///
    /// # Errors
    /// When there is not one offset a column, or an element is NaN or infinite.
    pub fn encode<T: Real>(
        &self,
        x: MatrixView<T>,
        offsets: &[u8],
    ) -> Result<Vec<u8>, QuantiserError> {
        if offsets.len() != x.columns() {
            let (offsets, channels) = (offsets.len(), x.columns());
            return Err(QuantiserError::Offsets { offsets, channels });
        }
        if let Some((row, column, value)) = x.first_non_finite() {
            return Err(QuantiserError::NonFinite { row, column, value });
        }
        let row = |row| {
            let code = move |(column, &offset)| self.code(x.at(row, column).to_f64(), offset);
            offsets.iter().enumerate().map(code)
        };
        Ok((0..x.rows()).flat_map(row).collect())
    }

    /// The numbers that codes stand for, as [`Quantiser::encode`] lays them out.
    ///
    /// # Panics
    /// When the codes are not whole rows of as many channels as there are offsets.
    pub fn decode<T: Real>(&self, codes: &[u8], offsets: &[u8]) -> Vec<T> {
        if codes.is_empty() {
            return Vec::new();
        }
        assert!(codes.len().is_multiple_of(offsets.len()), "a code a channel in every row");
        let row = |row: &[u8]| -> Vec<T> {
            let value = |(&code, &offset)| T::from_f64(self.value(code, offset));
            row.iter().zip(offsets).map(value).collect()
        };
        codes.chunks_exact(offsets.len()).flat_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits_and_offset() -> impl Strategy<Value = (u32, u8)> {
        (1..=MOST_BITS).prop_flat_map(|bits| (Just(bits), 1..=((1u32 << bits) - 1) as u8))
    }

    proptest! {
        #[test]
        fn codes_are_within_half_a_step_unless_clamped(
            (bits, offset) in bits_and_offset(), x in -10.0..10.0f64, step in 0.01..1.0f64,
        ) {
            for zero in [Zero::Level, Zero::Edge] {
                let quantiser = Quantiser::new(bits, step, zero).unwrap();
                let code = quantiser.code(x, offset);
                let error = (quantiser.value(code, offset) - x).abs();
                let is_last = code == 0 || u32::from(code) == quantiser.levels() - 1;
                prop_assert!(error <= step * 0.5 * (1.0 + 1e-12) || is_last, "{error} {code}");
            }
        }

        #[test]
        fn with_zero_on_an_edge_the_sign_is_exact(
            (bits, offset) in bits_and_offset(),
            x in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            step in prop::num::f64::POSITIVE | prop::num::f64::NORMAL,
        ) {
            let step = step.abs();
            prop_assume!(step.is_normal());
            let quantiser = Quantiser::new(bits, step, Zero::Edge).unwrap();
            prop_assert_eq!(quantiser.code(x, offset) >= offset, x > 0.0);
        }

        #[test]
        fn what_a_code_stands_for_has_this_code(
            (bits, offset) in bits_and_offset(), code: u8, step in 0.01..1.0f64,
        ) {
            for zero in [Zero::Level, Zero::Edge] {
                let quantiser = Quantiser::new(bits, step, zero).unwrap();
                prop_assert_eq!((quantiser.bits(), quantiser.levels()), (bits, 1 << bits));
                let code = (u32::from(code) % quantiser.levels()) as u8;
                prop_assert_eq!(quantiser.code(quantiser.value(code, offset), offset), code);
            }
        }
    }

    #[test]
    fn with_zero_as_a_level_the_sign_is_lost_and_zero_is_kept() {
        let quantiser = Quantiser::new(4, 0.5, Zero::Level).unwrap();
        assert_eq!(quantiser.code(0.1, 8), quantiser.code(-0.1, 8));
        assert_eq!(quantiser.value(quantiser.code(0.0, 8), 8), 0.0);
    }

    #[test]
    fn offsets_leave_a_code_on_either_side_of_zero() {
        let quantiser = Quantiser::new(2, 1.0, Zero::Edge).unwrap();
        for centre in [-1e300, -3.0, 0.0, 3.0, 1e300] {
            let offset = quantiser.offset(centre);
            assert!(quantiser.code(1e-9, offset) >= offset, "{centre}");
            assert!(quantiser.code(-1e-9, offset) < offset, "{centre}");
        }
    }

    #[test]
    fn matrices_come_back_with_the_offset_of_their_channel() {
        let quantiser = Quantiser::new(3, 1.0, Zero::Level).unwrap();
        let x = MatrixView::row_major(&[-2.0f32, 2.0, 0.0, 9.0], 2, 2);
        let codes = quantiser.encode(x, &[4, 0]).unwrap();
        assert_eq!(codes, [2, 2, 4, 7]);
        assert_eq!(quantiser.decode::<f32>(&codes, &[4, 0]), [-2.0, 2.0, 0.0, 7.0]);
        assert!(quantiser.decode::<f32>(&[], &[]).is_empty());
    }

    #[test]
    fn what_cannot_be_quantised_is_named() {
        let error = |result: Result<Quantiser, QuantiserError>| result.unwrap_err().to_string();
        assert_eq!(
            error(Quantiser::new(9, 1.0, Zero::Level)),
            "a code of 9 bits was asked for; it has 1 to 8"
        );
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(error(Quantiser::new(4, step, Zero::Level)).contains(&step.to_string()));
        }
        let quantiser = Quantiser::new(4, 1.0, Zero::Level).unwrap();
        assert_eq!(
            error(quantiser.with_levels(17)),
            "17 levels were asked for of codes of 4 bits, which have 2 to 16"
        );
        assert!(quantiser.with_levels(1).is_err());
        let x = MatrixView::row_major(&[0.0, f64::NAN], 1, 2);
        let error = quantiser.encode(x, &[0, 0]).unwrap_err().to_string();
        assert_eq!(error, "element (0, 1) is NaN; elements are finite numbers");
        let error = quantiser.encode(x, &[0]).unwrap_err().to_string();
        assert_eq!(error, "1 offsets came with 2 channels");
    }
}
