//! A float whose functions are those of `libm`.

use super::{standard_normal, uniform};
use rand::{Rng, RngExt};
use rand_distr::num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};
use rand_distr::{Distribution, OpenClosed01, StandardNormal};
use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// An f64 that a distribution of `rand_distr` computes with by `libm`, not by the platform.
///
/// ```
/// use kernels::random::{LibmFloat, Stream, sample};
/// use rand_distr::Pareto;
/// let incomes = Pareto::new(LibmFloat(1.0), LibmFloat(3.0))?;
/// assert!(sample(&incomes, &mut Stream::new(0, "incomes").at(0)) >= 1.0);
/// # Ok::<(), rand_distr::ParetoError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct LibmFloat(pub f64);

/// One number of a distribution, the same bits on every machine.
pub fn sample(distribution: &impl Distribution<LibmFloat>, rng: &mut impl Rng) -> f64 {
    rng.sample::<LibmFloat, _>(distribution).0
}

/// By [`standard_normal`].
impl Distribution<LibmFloat> for StandardNormal {
    fn sample<R: Rng + ?Sized>(&self, mut rng: &mut R) -> LibmFloat {
        LibmFloat(standard_normal(&mut rng))
    }
}

/// One less [`uniform`].
impl Distribution<LibmFloat> for OpenClosed01 {
    fn sample<R: Rng + ?Sized>(&self, mut rng: &mut R) -> LibmFloat {
        LibmFloat(1.0 - uniform(&mut rng))
    }
}

/// Operators of two floats.
macro_rules! operators {
    ($($operator:ident $function:ident),*) => { $(
        impl $operator for LibmFloat {
            type Output = Self;

            fn $function(self, other: Self) -> Self {
                Self(self.0.$function(other.0))
            }
        }
    )* };
}

operators!(Add add, Sub sub, Mul mul, Div div, Rem rem);

impl Neg for LibmFloat {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Zero for LibmFloat {
    fn zero() -> Self {
        Self(0.0)
    }

    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl One for LibmFloat {
    fn one() -> Self {
        Self(1.0)
    }
}

impl Num for LibmFloat {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;

    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Self)
    }
}

impl ToPrimitive for LibmFloat {
    fn to_i64(&self) -> Option<i64> {
        self.0.to_i64()
    }

    fn to_u64(&self) -> Option<u64> {
        self.0.to_u64()
    }

    fn to_f64(&self) -> Option<f64> {
        Some(self.0)
    }
}

impl NumCast for LibmFloat {
    fn from<T: ToPrimitive>(number: T) -> Option<Self> {
        number.to_f64().map(Self)
    }
}

/// Constants of f64.
macro_rules! constants {
    ($($function:ident = $value:expr),*) => { $(
        fn $function() -> Self {
            Self($value)
        }
    )* };
}

/// What f64 answers exactly, without a rounding that could differ.
macro_rules! exact {
    ($($function:ident -> $output:ty),*) => { $(
        fn $function(self) -> $output {
            self.0.$function()
        }
    )* };
}

/// Functions of one float.
macro_rules! functions {
    ($($function:ident = $by:expr),*) => { $(
        fn $function(self) -> Self {
            Self($by(self.0))
        }
    )* };
}

/// Functions of two floats.
macro_rules! functions_of_two {
    ($($function:ident = $by:expr),*) => { $(
        fn $function(self, other: Self) -> Self {
            Self($by(self.0, other.0))
        }
    )* };
}

impl Float for LibmFloat {
    constants! {
        nan = f64::NAN,
        infinity = f64::INFINITY,
        neg_infinity = f64::NEG_INFINITY,
        neg_zero = -0.0,
        min_value = f64::MIN,
        min_positive_value = f64::MIN_POSITIVE,
        epsilon = f64::EPSILON,
        max_value = f64::MAX
    }

    exact! {
        is_nan -> bool,
        is_infinite -> bool,
        is_finite -> bool,
        is_normal -> bool,
        classify -> FpCategory,
        is_sign_positive -> bool,
        is_sign_negative -> bool
    }

    functions! {
        floor = libm::floor,
        ceil = libm::ceil,
        round = libm::round,
        trunc = libm::trunc,
        fract = |x| x - libm::trunc(x),
        abs = f64::abs,
        signum = f64::signum,
        recip = |x| 1.0 / x,
        sqrt = f64::sqrt,
        cbrt = libm::cbrt,
        exp = libm::exp,
        exp2 = libm::exp2,
        exp_m1 = libm::expm1,
        ln = libm::log,
        log2 = libm::log2,
        log10 = libm::log10,
        ln_1p = libm::log1p,
        sin = libm::sin,
        cos = libm::cos,
        tan = libm::tan,
        asin = libm::asin,
        acos = libm::acos,
        atan = libm::atan,
        sinh = libm::sinh,
        cosh = libm::cosh,
        tanh = libm::tanh,
        asinh = libm::asinh,
        acosh = libm::acosh,
        atanh = libm::atanh
    }

    functions_of_two! {
        powf = libm::pow,
        log = |x, base| libm::log(x) / libm::log(base),
        max = f64::max,
        min = f64::min,
        abs_sub = libm::fdim,
        hypot = libm::hypot,
        atan2 = libm::atan2,
        copysign = f64::copysign
    }

    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(libm::fma(self.0, factor.0, addend.0))
    }

    fn powi(self, exponent: i32) -> Self {
        Self(libm::pow(self.0, exponent.into()))
    }

    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }

    fn integer_decode(self) -> (u64, i16, i8) {
        Float::integer_decode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use rand_distr::{LogNormal, Normal, Pareto};

    /// The distributions are those of the formulas, to the bit: a change of either is a decision.
    #[test]
    fn distributions_are_their_formulas_over_libm() {
        let (mut one, mut other) = (Stream::new(1, "same").at(0), Stream::new(1, "same").at(0));
        let pareto = Pareto::new(LibmFloat(2.0), LibmFloat(3.0)).unwrap();
        let normal = Normal::new(LibmFloat(1.0), LibmFloat(0.5)).unwrap();
        let log_normal = LogNormal::new(LibmFloat(0.0), LibmFloat(1.5)).unwrap();
        for _ in 0..1000 {
            let power = libm::pow(1.0 - uniform(&mut other), -1.0 / 3.0);
            assert_eq!(sample(&pareto, &mut one), 2.0 * power);
            assert_eq!(sample(&normal, &mut one), 1.0 + 0.5 * standard_normal(&mut other));
            let exponential = libm::exp(1.5 * standard_normal(&mut other));
            assert_eq!(sample(&log_normal, &mut one), exponential);
        }
    }

    #[test]
    fn a_number_is_cast_to_itself() {
        let cast = <LibmFloat as NumCast>::from(LibmFloat(2.5));
        assert_eq!(cast.map(|number| number.0), Some(2.5));
    }

    /// Debug and release builds, and every machine, are held to the same constants.
    #[test]
    fn numbers_are_pinned() {
        let mut rng = Stream::new(2, "pinned").at(0);
        let pareto = Pareto::new(LibmFloat(1.0), LibmFloat(3.0)).unwrap();
        let log_normal = LogNormal::new(LibmFloat(0.0), LibmFloat(1.5)).unwrap();
        let found = [sample(&pareto, &mut rng), sample(&log_normal, &mut rng)];
        assert_eq!(found.map(f64::to_bits), PINNED);
    }
    const PINNED: [u64; 2] = [4_609_080_857_638_963_696, 4_590_186_576_785_053_217];
}
