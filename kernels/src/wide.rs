//! Non-negative numbers of f64's precision and a wider range: for norms, scores and sums that leave
//! the range of f64 on the way, although what they are made of and what they come to do not.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, RangeInclusive};

/// Sums that f64 holds in full precision, whatever of their terms was too small for it: from
/// 2^-960, at which 2^62 terms that vanished change nothing, to the largest number.
pub(crate) const HELD: RangeInclusive<f64> = f64::from_bits((1023 - 960) << 52)..=f64::MAX;

/// A number that sums and quotients of scores are computed in.
pub(crate) trait Number:
    Copy
    + From<f64>
    + Into<f64>
    + PartialOrd
    + Add<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The sum from the first to the last.
    fn sum_of(numbers: &[f64]) -> Self {
        numbers.iter().fold(Self::from(0.0), |sum, &number| sum + Self::from(number))
    }
}

impl Number for f64 {}
impl Number for Wide {}

/// significand * 2^exponent, with the significand in [1/2, 1).
///
/// Every operation rounds once, as f64 does: where f64 stays among its normal numbers the bits are
/// the same. Infinity and NaN are passed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wide {
    significand: f64,
    exponent: i32,
}

impl Wide {
    /// Below every number that is not zero, so that it is the lesser and the one to be shifted.
    const ZERO: Self = Self { significand: 0.0, exponent: i32::MIN / 4 };

    fn new(number: f64, exponent: i32) -> Self {
        if number == 0.0 {
            return Self::ZERO;
        }
        let (significand, own) = libm::frexp(number);
        Self { significand, exponent: exponent + own }
    }

    /// The exponent e of a number in [2^(e - 1), 2^e); none for zero, infinity and NaN.
    pub(crate) fn exponent(self) -> Option<i32> {
        (self != Self::ZERO && self.significand.is_finite()).then_some(self.exponent)
    }

    /// The number times 2^power.
    pub(crate) fn times_two_to(self, power: i32) -> Self {
        Self::new(self.significand, self.exponent + power)
    }

    /// The square root.
    fn sqrt(self) -> Self {
        let odd = self.exponent.rem_euclid(2);
        let even = libm::ldexp(self.significand, odd);
        Self::new(even.sqrt(), (self.exponent - odd) / 2)
    }

    /// The Euclidean norm, its squares added from the first to the last.
    pub(crate) fn norm(numbers: impl Iterator<Item = f64>) -> Self {
        let square = |number: f64| Self::from(number.abs()) * Self::from(number.abs());
        numbers.fold(Self::ZERO, |sum, number| sum + square(number)).sqrt()
    }
}

impl From<f64> for Wide {
    fn from(number: f64) -> Self {
        Self::new(number, 0)
    }
}

impl From<Wide> for f64 {
    /// Beyond the largest f64 it is infinity, below the least 0.
    fn from(wide: Wide) -> Self {
        libm::ldexp(wide.significand, wide.exponent)
    }
}

impl Add for Wide {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (large, small) =
            if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let shifted = libm::ldexp(small.significand, small.exponent - large.exponent);
        Self::new(large.significand + shifted, large.exponent)
    }
}

impl Mul for Wide {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::new(self.significand * other.significand, self.exponent + other.exponent)
    }
}

impl Div for Wide {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        Self::new(self.significand / other.significand, self.exponent - other.exponent)
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let by_exponent = self.exponent.cmp(&other.exponent);
        Some(by_exponent.then(self.significand.partial_cmp(&other.significand)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers whose squares, sums and quotients are normal.
    fn moderate() -> impl Strategy<Value = f64> {
        (1.0..2.0f64, -200..200i32).prop_map(|(x, power)| libm::ldexp(x, power))
    }

    proptest! {
        #[test]
        fn operations_have_the_bits_of_f64(x in moderate(), y in moderate()) {
            let (a, b) = (Wide::from(x), Wide::from(y));
            prop_assert_eq!(f64::from(a), x);
            prop_assert_eq!(f64::from(a + b), x + y);
            prop_assert_eq!(f64::from(a * b), x * y);
            prop_assert_eq!(f64::from(a / b), x / y);
            prop_assert_eq!(f64::from(a.sqrt()), x.sqrt());
            prop_assert_eq!(a.partial_cmp(&b), x.partial_cmp(&y));
            let zero = Wide::from(0.0);
            prop_assert_eq!((f64::from(a + zero), f64::from(a * zero)), (x, 0.0));
            prop_assert!(zero < a);
        }
    }

    #[test]
    fn the_range_is_that_of_squares_and_more() {
        for number in [f64::MAX, 1e200, 1e-200, f64::MIN_POSITIVE, 5e-324] {
            let wide = Wide::from(number);
            assert_eq!(f64::from((wide * wide * wide).sqrt() / wide.sqrt()), number);
            assert_eq!(f64::from((wide + wide) / Wide::from(2.0)), number);
        }
        assert_eq!(f64::from(Wide::norm([3e-324; 9].into_iter())), 1.5e-323);
        assert_eq!(f64::from(Wide::norm([f64::MAX; 4].into_iter())), f64::INFINITY);
        assert_eq!(f64::from(Wide::norm([1.0, f64::INFINITY].into_iter())), f64::INFINITY);
        assert!(f64::from(Wide::norm([1.0, f64::NAN].into_iter())).is_nan());
        assert_eq!(f64::from(Wide::norm([0.0; 3].into_iter())), 0.0);
    }
}
