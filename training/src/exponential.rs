//! The exponentials of many numbers: the bits of `libm::expf`, several at a time.

use kernels::InstructionSet;

/// From here to zero the result is a normal number, so that it is scaled by a power of two exactly.
const LEAST: f32 = -86.0;

/// Numbers that are looked at together: one outside of the range leaves few others to be computed
/// one by one.
const TOGETHER: usize = 256;

// The constants of the algorithm (FreeBSD's e_expf.c, which libm has).
const INVERSE_LN_2: f32 = std::f32::consts::LOG2_E;
const LN_2_HIGH: f32 = 0.693_145_75;
const LN_2_LOW: f32 = 1.428_606_8e-6;
const P1: f32 = 0.166_666_25;
const P2: f32 = -2.766_733_3e-3;
const TINY: f32 = f32::from_bits(0x3900_0000);
const HALF_LN_2: f32 = f32::from_bits(0x3eb1_7218);
const THREE_HALVES_LN_2: f32 = f32::from_bits(0x3f85_1592);

/// A number that shifts whole numbers into the lowest bits of a sum.
const SHIFT: f32 = 12_582_912.0;

/// Puts e^x in the place of every x.
pub(crate) fn exponentials(set: InstructionSet, numbers: &mut [f32]) {
    for numbers in numbers.chunks_mut(TOGETHER) {
        // To the end, whatever is found: so several are compared at a time.
        let inside = |all: bool, x: &f32| all & (*x >= LEAST) & (*x <= 0.0);
        if set.run(|| numbers.iter().fold(true, inside)) {
            set.run(|| numbers.iter_mut().for_each(|x| *x = of_range(*x)));
        } else {
            numbers.iter_mut().for_each(|x| *x = libm::expf(*x));
        }
    }
}

/// e^x for x from [`LEAST`] to 0, without a branch: e^x = 2^k e^r, where x = k ln 2 + r.
#[inline(always)]
fn of_range(x: f32) -> f32 {
    let far = (INVERSE_LN_2 * x - 0.5).trunc();
    let near = if x < -HALF_LN_2 { -1.0 } else { 0.0 };
    let k = if x < -THREE_HALVES_LN_2 { far } else { near };
    let (high, low) = (x - k * LN_2_HIGH, k * LN_2_LOW);
    let r = high - low;
    let square = r * r;
    let c = r - square * (P1 + square * P2);
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    let exponent = (k + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23;
    let scaled = y * f32::from_bits(exponent);
    if x >= -TINY { 1.0 + x } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_same_bits(numbers: &[f32]) {
        for set in InstructionSet::available() {
            let mut found = numbers.to_vec();
            exponentials(set, &mut found);
            for (x, found) in numbers.iter().zip(found) {
                assert_eq!(found.to_bits(), libm::expf(*x).to_bits(), "e^{x:e}, {set}");
            }
        }
    }

    #[test]
    fn every_thousandth_number_of_the_range_has_the_bits_of_libm() {
        let all: Vec<f32> =
            ((-0.0f32).to_bits()..=LEAST.to_bits()).step_by(1_009).map(f32::from_bits).collect();
        assert!(all.len() > 1_000_000);
        assert_same_bits(&all);
    }

    #[test]
    fn borders_have_the_bits_of_libm() {
        let borders = [-TINY, -HALF_LN_2, -THREE_HALVES_LN_2, LEAST, -0.0];
        let around = |border: f32| {
            (0..4_000u32).map(move |step| {
                f32::from_bits(border.to_bits().wrapping_add(step).saturating_sub(2_000))
            })
        };
        let numbers: Vec<f32> = borders.into_iter().flat_map(around).collect();
        assert_same_bits(&numbers);
    }

    #[test]
    fn numbers_outside_of_the_range_have_the_bits_of_libm_and_so_have_those_beside_them() {
        let mut numbers: Vec<f32> = (0..600).map(|place| place as f32 * -0.1).collect();
        for (place, outside) in
            [f32::NAN, f32::NEG_INFINITY, -104.0, -90.0, 3.0, 89.0].iter().enumerate()
        {
            numbers[place * 97] = *outside;
        }
        assert_same_bits(&numbers);
    }
}
