//! Codes side by side in bytes, made and read a run of numbers of one channel at a time.

use super::{Quantiser, QuantiserError, Zero};
use micro_kernels::InstructionSet;

/// The bins that a channel's numbers fall into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bins {
    /// What the numbers are measured in: a bin is so many times the quantiser's step wide. At least
    /// 2^-60 and at most 2^60, so that neither the width nor its inverse leaves the normal numbers.
    pub unit: f32,
    /// Code 0 is of the bin so many bins below zero, a whole number: what codes stand for is
    /// counted from here.
    pub offset: f32,
    /// The least code of a number above zero, where zero is an edge. Beyond the last code no number
    /// has a code that says so.
    pub above: u32,
}

/// A quantiser of f32 whose codes of 1, 2, 4 or 8 bits fill bytes.
///
/// With u for the unit of a channel, the code of x is [`Quantiser::code`] of x / u, and it stands
/// for u times [`Quantiser::value`], both computed in f32: next to an edge between two bins a number
/// may have the code of either, but with zero on an edge the sign is exact all the same. Where zero
/// is beyond all bins but one, the code of that one still tells the sign: it stands for a number
/// that has it. What is no number (NaN) has a code, too.
///
/// Of a run of numbers, byte j has the codes of the numbers j, j + s, j + 2s, ... where s is the
/// number of bytes, the first in its lowest bits: all loops are over neighbours.
///
/// ```
/// use kernels::InstructionSet;
/// use kernels::quantised::{Bins, PackedQuantiser, Quantiser, Zero};
/// let quantiser = PackedQuantiser::new(Quantiser::new(4, 0.5, Zero::Edge)?)?;
/// let (set, bins, mut codes) = (InstructionSet::detect(), quantiser.bins(2.0, 0.0), [0; 2]);
/// assert_eq!(bins, Bins { unit: 2.0, offset: 8.0, above: 8 });
/// quantiser.encode(set, bins, &[0.1, -0.1, 3.2], |x| x, &mut codes);
/// assert_eq!(codes, [0xb8, 0x07]);
/// let mut numbers = [0.0; 3];
/// quantiser.decode(set, bins, &codes, |x| x, &mut numbers);
/// assert_eq!(numbers, [0.5, -0.5, 3.5]);
/// # Ok::<(), kernels::quantised::QuantiserError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackedQuantiser(Quantiser);

impl PackedQuantiser {
    /// The quantiser with its codes in bytes.
    ///
    /// # Errors
    /// When its codes do not fill a byte.
    pub fn new(quantiser: Quantiser) -> Result<Self, QuantiserError> {
        match quantiser.bits() {
            1 | 2 | 4 | 8 => Ok(Self(quantiser)),
            bits => Err(QuantiserError::Packed { bits }),
        }
    }

    /// The quantiser of single numbers.
    pub fn quantiser(&self) -> &Quantiser {
        &self.0
    }

    /// Bins of a channel whose numbers, in units, lie around `centre`: half of them on either side
    /// of it. Where zero is not among these, the first or the last code is for the numbers beyond
    /// zero, and the others are those next to the centre but for the outermost.
    ///
    /// ```
    /// use kernels::quantised::{Bins, PackedQuantiser, Quantiser, Zero};
    /// let quantiser = PackedQuantiser::new(Quantiser::new(2, 1.0, Zero::Edge)?)?;
    /// assert_eq!(quantiser.bins(1.0, 0.5), Bins { unit: 1.0, offset: 2.0, above: 2 });
    /// // From 9 to 12; code 0 is for numbers up to zero.
    /// assert_eq!(quantiser.bins(1.0, 10.5), Bins { unit: 1.0, offset: -8.0, above: 1 });
    /// # Ok::<(), kernels::quantised::QuantiserError>(())
    /// ```
    pub fn bins(&self, unit: f32, centre: f32) -> Bins {
        let last = (self.0.levels() - 1) as f32;
        let bins = (f64::from(centre) / self.0.step()).floor();
        let offset = (f64::from(self.0.levels() / 2) - bins) as f32;
        let above = offset.clamp(1.0, last);
        // One bin more lies below the centre's than above it: the lowest can be spared.
        let inwards = (above - offset).clamp(-1.0, 0.0);
        Bins { unit, offset: offset + inwards, above: above as u32 }
    }

    /// Bytes of a run of so many numbers.
    pub fn bytes(&self, numbers: usize) -> usize {
        numbers.div_ceil((u8::BITS / self.0.bits()) as usize)
    }

    /// The codes of f(x) of every number.
    ///
    /// # Panics
    /// When there are fewer bytes than [`PackedQuantiser::bytes`]; others are left as they are.
    pub fn encode(
        &self,
        set: InstructionSet,
        bins: Bins,
        numbers: &[f32],
        f: impl Fn(f32) -> f32 + Copy,
        codes: &mut [u8],
    ) {
        let (encoder, codes) =
            (Encoder::new(&self.0, bins), &mut codes[..self.bytes(numbers.len())]);
        codes.fill(0);
        for (place, numbers) in numbers.chunks(codes.len().max(1)).enumerate() {
            let (shift, pairs) = (place as u32 * self.0.bits(), codes.iter_mut().zip(numbers));
            set.run(move || {
                pairs.for_each(|(byte, &x)| *byte |= (encoder.code(f(x)) << shift) as u8);
            });
        }
    }

    /// f(x) of the numbers that the codes of a run stand for.
    ///
    /// # Panics
    /// When there are fewer bytes than [`PackedQuantiser::bytes`].
    pub fn decode(
        &self,
        set: InstructionSet,
        bins: Bins,
        codes: &[u8],
        f: impl Fn(f32) -> f32 + Copy,
        numbers: &mut [f32],
    ) {
        let (decoder, codes) = (Decoder::new(&self.0, bins), &codes[..self.bytes(numbers.len())]);
        for (place, numbers) in numbers.chunks_mut(codes.len().max(1)).enumerate() {
            let (shift, pairs) = (place as u32 * self.0.bits(), numbers.iter_mut().zip(codes));
            set.run(move || {
                pairs.for_each(|(x, &byte)| *x = f(decoder.value(i32::from(byte) >> shift)));
            });
        }
    }
}

/// The width of a bin.
fn width(quantiser: &Quantiser, bins: Bins) -> f32 {
    quantiser.step() as f32 * bins.unit
}

/// From a number to its code.
#[derive(Clone, Copy)]
struct Encoder {
    inverse_width: f32,
    /// Added to the number of bins, it makes the nearest whole number the code.
    centre: f32,
    /// The least code of a number above zero.
    above: f32,
    /// The largest code of another.
    below: f32,
    last: f32,
}

impl Encoder {
    fn new(quantiser: &Quantiser, bins: Bins) -> Self {
        let (above, last) = (bins.above as f32, (quantiser.levels() - 1) as f32);
        let (centre, above, below) = match quantiser.zero {
            Zero::Level => (bins.offset, 0.0, last),
            Zero::Edge => (bins.offset - 0.5, above, (above - 1.0).clamp(0.0, last)),
        };
        Self { inverse_width: 1.0 / width(quantiser, bins), centre, above, below, last }
    }

    /// The code, in the lowest bits. Comparisons in the place of `max` and `min` give one of both
    /// numbers for NaN as well, and are single instructions.
    #[inline(always)]
    fn code(self, x: f32) -> u32 {
        /// From here to its double the whole numbers are the neighbours.
        const WHOLE: f32 = (1 << 23) as f32;
        let (least, most) = if x > 0.0 { (self.above, self.last) } else { (0.0, self.below) };
        let bin = x * self.inverse_width + self.centre;
        let bin = if bin > least { bin } else { least };
        let bin = if bin < most { bin } else { most };
        (bin + WHOLE).to_bits()
    }
}

/// From a code to its number.
#[derive(Clone, Copy)]
struct Decoder {
    mask: i32,
    /// Added to the code, it makes the number of bins.
    centre: f32,
    width: f32,
    /// From which code on numbers are above zero.
    above: i32,
    /// The least of these numbers, and the largest of the others.
    bounds: [f32; 2],
}

impl Decoder {
    fn new(quantiser: &Quantiser, bins: Bins) -> Self {
        let (half, bounds) = match quantiser.zero {
            Zero::Level => (0.0, [f32::NEG_INFINITY, f32::INFINITY]),
            Zero::Edge => (0.5, [f32::MIN_POSITIVE, 0.0]),
        };
        Self {
            mask: (1 << quantiser.bits()) - 1,
            centre: half - bins.offset,
            width: width(quantiser, bins),
            above: i32::try_from(bins.above).unwrap_or(i32::MAX),
            bounds,
        }
    }

    /// The number of the code in the lowest bits.
    #[inline(always)]
    fn value(self, codes: i32) -> f32 {
        let code = codes & self.mask;
        let x = (code as f32 + self.centre) * self.width;
        let [least, most] = self.bounds;
        let (at_least, at_most) =
            (if x > least { x } else { least }, if x < most { x } else { most });
        if code >= self.above { at_least } else { at_most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BITS: [u32; 4] = [1, 2, 4, 8];

    fn packed(bits: u32, zero: Zero) -> PackedQuantiser {
        let step = 6.0 / f64::from(1 << bits);
        PackedQuantiser::new(Quantiser::new(bits, step, zero).unwrap()).unwrap()
    }

    fn encoded(quantiser: &PackedQuantiser, set: InstructionSet, bins: Bins, x: &[f32]) -> Vec<u8> {
        let mut codes = vec![0xff; quantiser.bytes(x.len())];
        quantiser.encode(set, bins, x, |x| x, &mut codes);
        codes
    }

    fn decoded(
        quantiser: &PackedQuantiser,
        set: InstructionSet,
        bins: Bins,
        codes: &[u8],
        count: usize,
    ) -> Vec<f32> {
        let mut numbers = vec![f32::NAN; count];
        quantiser.decode(set, bins, codes, |x| x, &mut numbers);
        numbers
    }

    fn bins(unit: f32, offset: u32) -> Bins {
        Bins { unit, offset: offset as f32, above: offset }
    }

    fn bits_and_offset() -> impl Strategy<Value = (u32, u32)> {
        prop::sample::select(BITS.to_vec()).prop_flat_map(|bits| (Just(bits), 1..1u32 << bits))
    }

    proptest! {
        #[test]
        fn codes_are_those_of_single_numbers_but_next_to_an_edge(
            (bits, offset) in bits_and_offset(),
            unit in 1e-3..1e3f32,
            x in prop::collection::vec(-8.0..8.0f32, 0..150),
        ) {
            let (set, bins) = (InstructionSet::detect(), bins(unit, offset));
            for zero in [Zero::Level, Zero::Edge] {
                let quantiser = packed(bits, zero);
                let single = quantiser.quantiser();
                let x: Vec<f32> = x.iter().map(|x| x * unit).collect();
                let codes = encoded(&quantiser, set, bins, &x);
                let found = decoded(&quantiser, set, bins, &codes, x.len());
                for (&x, found) in x.iter().zip(found) {
                    let in_units = f64::from(x) / f64::from(unit);
                    let near = |x: f64| single.value(single.code(x, offset as u8), offset as u8);
                    // Two roundings of a number of bins below 2^9.
                    let slack = 512.0 * f64::from(f32::EPSILON) * single.step();
                    let bounds = [near(in_units - slack), near(in_units + slack)];
                    let found = f64::from(found) / f64::from(unit);
                    let differs = |bound: f64| (found - bound).abs() > 1e-6 * (1.0 + bound.abs());
                    prop_assert!(
                        !bounds.into_iter().all(differs),
                        "{zero:?}: {in_units} became {found}, and not one of {bounds:?}"
                    );
                }
            }
        }

        #[test]
        fn with_zero_on_an_edge_the_sign_is_exact(
            (bits, offset) in bits_and_offset(),
            unit in prop::sample::select(vec![1e-8f32, 1.0, 3e7]),
            x in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        ) {
            let (set, bins) = (InstructionSet::detect(), bins(unit, offset));
            let quantiser = packed(bits, Zero::Edge);
            let found = decoded(&quantiser, set, bins, &encoded(&quantiser, set, bins, &[x]), 1);
            prop_assert_eq!(found[0] > 0.0, x > 0.0);
        }

        #[test]
        fn instruction_sets_change_no_bit(
            (bits, offset) in bits_and_offset(),
            x in prop::collection::vec(prop::num::f32::ANY, 0..300),
        ) {
            let bins = bins(0.7, offset);
            for zero in [Zero::Level, Zero::Edge] {
                let quantiser = packed(bits, zero);
                let codes = encoded(&quantiser, InstructionSet::Portable, bins, &x);
                let reference =
                    decoded(&quantiser, InstructionSet::Portable, bins, &codes, x.len());
                for set in InstructionSet::available() {
                    prop_assert_eq!(&encoded(&quantiser, set, bins, &x), &codes);
                    prop_assert_eq!(&decoded(&quantiser, set, bins, &codes, x.len()), &reference);
                }
            }
        }
    }

    #[test]
    fn every_code_of_every_place_comes_back() {
        let set = InstructionSet::detect();
        for bits in BITS {
            for zero in [Zero::Level, Zero::Edge] {
                let (quantiser, bins) = (packed(bits, zero), bins(1.0, 1));
                for count in 0..70 {
                    let numbers: Vec<f32> = (0..count)
                        .map(|i| (7 * i + count) as u32 % (1 << bits))
                        .map(|code| quantiser.quantiser().value(code as u8, 1) as f32)
                        .collect();
                    let codes = encoded(&quantiser, set, bins, &numbers);
                    assert_eq!(codes.len(), (count * bits as usize).div_ceil(8));
                    assert_eq!(decoded(&quantiser, set, bins, &codes, count), numbers, "{bits}");
                }
            }
        }
    }

    #[test]
    fn bins_are_around_the_centre_wherever_zero_is() {
        let set = InstructionSet::detect();
        for bits in BITS {
            let quantiser = packed(bits, Zero::Edge);
            let step = quantiser.quantiser().step() as f32;
            for centre in [-1e30f32, -90.0, -4.0, -2.9, -0.2, 0.0, 0.1, 2.9, 4.0, 90.0, 1e30] {
                let bins = quantiser.bins(0.25, centre);
                let x: Vec<f32> = (-40..=40).map(|i| 0.25 * (centre + i as f32 * 0.1)).collect();
                let codes = encoded(&quantiser, set, bins, &x);
                for (x, found) in x.iter().zip(decoded(&quantiser, set, bins, &codes, x.len())) {
                    assert_eq!(found > 0.0, *x > 0.0, "{bits} bits: {found} for {x} at {centre}");
                    let (x, found) = (x / 0.25, found / 0.25);
                    // One bin a floor takes, and one is for the other side of zero.
                    let is_within = (x - centre).abs() < 3.0 - 2.0 * step;
                    let is_usual = (x > 0.0) == (centre > 0.0) || centre.abs() < 3.0 - step;
                    let error = (found - x).abs();
                    let most = 0.5 * step * 1.001 + 4.0 * f32::EPSILON * centre.abs();
                    assert!(
                        error <= most || !(is_within && is_usual),
                        "{bits} bits: {found} for {x} at {centre}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_are_mapped_before_and_after() {
        let (set, bins) = (InstructionSet::detect(), bins(1.0, 8));
        let (quantiser, mut codes) = (packed(4, Zero::Edge), [0; 1]);
        quantiser.encode(set, bins, &[1.0, -1.0], |x| -x, &mut codes);
        let mut numbers = [0.0; 2];
        quantiser.decode(set, bins, &codes, |x| x.max(0.0), &mut numbers);
        assert_eq!(numbers, [0.0, 0.9375]);
    }

    #[test]
    fn what_is_no_number_has_a_code() {
        let (set, bins) = (InstructionSet::detect(), bins(1.0, 8));
        let codes = encoded(&packed(8, Zero::Edge), set, bins, &[f32::NAN, f32::INFINITY]);
        assert_eq!(codes, [0, 0xff]);
    }

    #[test]
    fn codes_that_do_not_fill_a_byte_are_refused() {
        for bits in [3, 5, 6, 7] {
            let quantiser = Quantiser::new(bits, 1.0, Zero::Edge).unwrap();
            let error = PackedQuantiser::new(quantiser).unwrap_err().to_string();
            let start = format!("codes of {bits} bits do not fill a byte");
            assert!(error.starts_with(&start), "{error}");
        }
    }
}
