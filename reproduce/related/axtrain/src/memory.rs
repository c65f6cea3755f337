//! Noise model N1: weights in a memory whose bits flip.
//!
//! A layer's weights are codes of b bits in two's complement, w = D c, with one step
//! D = max |w| / (2^(b-1) - 1) a layer. Below its nominal voltage a memory reads each bit wrong with
//! probability p, independently. One draw of all flips is a *chip*, and stays what it is.
//!
//! Flip bit k and the code moves by 2^k, up or down, so that over chips a weight has
//!
//! ```text
//! mean      D (c - p (1 + 2 c))
//! variance  p (1 - p) D^2 sum_{k < b} 4^k
//! ```

use kernels::quantised::{MOST_BITS, Quantiser, Zero};
use kernels::random::uniform;
use rand::Rng;
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, count_within, number};

/// A memory with weak bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bits of a weight, 1 to 8.
    pub bits: u32,
    /// The probability that a bit is flipped, in [0, 1].
    pub probability: f64,
}

impl Memory {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the field that is out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count_within("bits", self.bits as usize, 1..=MOST_BITS as usize)?;
        number("probability", self.probability, 0.0..=1.0)
    }

    /// The variance that flips add to a weight, for steps of one: p (1 - p) sum_{k < bits} 4^k.
    ///
    /// ```
    /// use axtrain::memory::Memory;
    /// let variance = Memory { bits: 8, probability: 1e-3 }.variance();
    /// assert!((variance / (1e-3 * 21_845.0) - 0.999).abs() < 1e-12);
    /// ```
    pub fn variance(&self) -> f64 {
        let squares: u32 = (0..self.bits).map(|bit| 4u32.pow(bit)).sum();
        self.probability * (1.0 - self.probability) * f64::from(squares)
    }
}

/// Weights as codes in two's complement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// One a weight, in its order; of fewer than 8 bits with the sign in all those above.
    pub codes: Vec<i8>,
    /// What a code of one stands for.
    pub step: f32,
    bits: u32,
}

impl Stored {
    /// Finite weights, rounded to codes of so many bits. The step leaves the largest of them its
    /// place, and is 1 where all are zero.
    ///
    /// ```
    /// use axtrain::memory::Stored;
    /// let stored = Stored::new(&[-1.0, 0.5, 0.0, 0.127], 8);
    /// assert_eq!(stored.codes, [-127, 64, 0, 16]);
    /// ```
    ///
    /// # Panics
    /// When the number of bits is not within 1 to 8.
    pub fn new(weights: &[f32], bits: u32) -> Self {
        let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
        let offset = 1u8 << (bits - 1);
        let step = largest / f32::from(offset - 1).max(1.0);
        let step = if step.is_normal() { step } else { 1.0 };
        let quantiser = Quantiser::new(bits, f64::from(step), Zero::Level)
            .unwrap_or_else(|error| panic!("{error}"));
        let code = |&weight: &f32| quantiser.code(f64::from(weight), offset).wrapping_sub(offset);
        let codes = weights.iter().map(|weight| code(weight).cast_signed()).collect();
        Self { codes, step, bits }
    }

    /// What the codes stand for.
    pub fn weights(&self) -> Vec<f32> {
        self.codes.iter().map(|&code| f32::from(code) * self.step).collect()
    }

    /// The same in a memory that reads each bit wrong with this probability.
    pub fn misread(&self, probability: f64, rng: &mut impl Rng) -> Self {
        let mut stored = self.clone();
        let (bits, unused) = (self.bits as usize, 8 - self.bits);
        for_each_flip(stored.codes.len() * bits, probability, rng, |bit| {
            let code = &mut stored.codes[bit / bits];
            // Shifted up and down again, so that the bits above are those of the sign.
            *code = (*code ^ (1u8 << (bit % bits)).cast_signed()) << unused >> unused;
        });
        stored
    }
}

/// Calls `flip` with every bit that is flipped, in order. The gaps between them are geometric, so
/// that the work is that of the flips alone.
fn for_each_flip(bits: usize, probability: f64, rng: &mut impl Rng, mut flip: impl FnMut(usize)) {
    if probability <= 0.0 {
        return;
    }
    let scale = 1.0 / libm::log1p(-probability);
    let mut next = 0;
    while next < bits {
        let gap = libm::log(1.0 - uniform(rng)) * scale;
        if gap >= (bits - next) as f64 {
            return;
        }
        next += gap as usize;
        flip(next);
        next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    fn flips(bits: usize, probability: f64, step: u64) -> Vec<usize> {
        let mut found = Vec::new();
        let rng = &mut Stream::new(1, "flips").at(step);
        for_each_flip(bits, probability, rng, |bit| found.push(bit));
        found
    }

    #[test]
    fn no_bit_flips_with_probability_zero_and_every_one_with_one() {
        assert!(flips(1_000, 0.0, 0).is_empty());
        assert_eq!(flips(1_000, 1.0, 0), (0..1_000).collect::<Vec<_>>());
        let stored = Stored { codes: vec![-128, -1, 0, 5, 127], step: 0.5, bits: 8 };
        let all = stored.misread(1.0, &mut Stream::new(1, "all").at(0));
        assert_eq!(all.codes, [127, 0, -1, -6, -128]);
        assert_eq!(stored.misread(0.0, &mut Stream::new(1, "all").at(0)), stored);
    }

    #[test]
    fn flips_are_as_many_at_every_place_as_they_should_be() {
        let (bits, draws, probability) = (20, 4_000, 0.1);
        let mut counts = vec![0.0; bits];
        for step in 0..draws {
            flips(bits, probability, step).into_iter().for_each(|bit| counts[bit] += 1.0);
        }
        let mean = draws as f64 * probability;
        // Five standard deviations of a binomial count.
        let is_near = |count: &f64| (count - mean).abs() < 5.0 * (mean * 0.9f64).sqrt();
        assert!(counts.iter().all(is_near), "{counts:?}");
    }

    #[test]
    fn codes_of_few_bits_stay_in_their_range() {
        for bits in 1..=8 {
            let weights: Vec<f32> = (-50..=50).map(|place| place as f32 / 50.0).collect();
            let stored = Stored::new(&weights, bits);
            let misread = stored.misread(0.5, &mut Stream::new(2, "few").at(u64::from(bits)));
            let half = 1i16 << (bits - 1);
            for code in stored.codes.iter().chain(&misread.codes) {
                assert!((-half..half).contains(&i16::from(*code)), "{bits} bits: {code}");
            }
            assert_ne!(stored, misread);
        }
    }

    #[test]
    fn rounding_moves_a_weight_by_half_a_step_at_most() {
        let weights: Vec<f32> = (0..997).map(|place| libm::sinf(place as f32)).collect();
        let stored = Stored::new(&weights, 8);
        let error = |(weight, found): (&f32, f32)| (weight - found).abs() / stored.step;
        let largest = weights.iter().zip(stored.weights()).map(error).fold(0.0, f32::max);
        assert!((0.49..0.5001).contains(&largest), "{largest}");
        assert_eq!(Stored::new(&[0.0; 3], 8).weights(), [0.0; 3]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error =
            |bits, probability| Memory { bits, probability }.check().unwrap_err().to_string();
        assert_eq!(error(9, 0.1), "bits is 9, expected a whole number of at least 1, at most 8");
        assert!(error(0, 0.1).starts_with("bits is 0"));
        for wrong in [-0.1, 1.5, f64::NAN] {
            assert!(error(8, wrong).starts_with(&format!("probability is {wrong}, expected")));
        }
        assert!(Memory { bits: 8, probability: 1.0 }.check().is_ok());
    }
}
