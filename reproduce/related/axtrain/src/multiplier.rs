//! Noise model N2: approximate multipliers of 8 x 8 bits, as tables.
//!
//! An activation is an unsigned code a, a weight a code in two's complement. The multiplier has their
//! magnitudes and puts the sign to the product. Two are built in:
//!
//! - *truncated* (the t lowest columns of the partial products a_i b_j 2^(i+j), those with i + j < t,
//!   are left out);
//! - *logarithmic* (Mitchell 1962): with a = 2^k (1 + x) and b = 2^l (1 + y) the logarithms k + x and
//!   l + y are added, and the sum is taken back by the same straight lines.
//!
//! Neither is ever above the product, and the second never more than a ninth below it.

use kernels::random::shuffle;
use kernels::table_product::ProductTable;
use rand::Rng;
use training::setting::{FieldError, count_within};

/// The most columns that are left out: those of a whole factor.
const MOST_COLUMNS: usize = 8;

/// How two codes are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplier {
    /// Without the lowest columns of the partial products; without none of them it is exact.
    Truncated(usize),
    /// By logarithms.
    Mitchell,
}

impl Multiplier {
    /// The exact one.
    pub const EXACT: Self = Self::Truncated(0);

    /// Checks the number of columns.
    ///
    /// # Errors
    /// When it is above 8.
    pub fn check(self) -> Result<(), FieldError> {
        match self {
            Self::Truncated(columns) => count_within("columns", columns, 0..=MOST_COLUMNS),
            Self::Mitchell => Ok(()),
        }
    }

    /// The name in tables.
    pub fn name(self) -> String {
        match self {
            Self::Truncated(0) => "exact".to_owned(),
            Self::Truncated(columns) => format!("truncated by {columns} columns"),
            Self::Mitchell => "Mitchell".to_owned(),
        }
    }

    /// The product of two magnitudes, without 8 columns at most.
    ///
    /// ```
    /// use axtrain::multiplier::Multiplier;
    /// assert_eq!(Multiplier::Truncated(2).magnitude(3, 3), 4, "1 + 2 + 2 are left out of 9");
    /// assert_eq!(Multiplier::Mitchell.magnitude(3, 3), 8);
    /// ```
    pub fn magnitude(self, a: u8, b: u8) -> u32 {
        let (a, b) = (u32::from(a), u32::from(b));
        match self {
            Self::Truncated(columns) => {
                let partial = |bit: u32| ((b << bit) >> columns << columns) * (a >> bit & 1);
                (0..8).map(partial).sum()
            }
            Self::Mitchell if a == 0 || b == 0 => 0,
            Self::Mitchell => {
                // 2^(k+l), and x + y times that.
                let one = 1 << (a.ilog2() + b.ilog2());
                let sum = ((a << b.ilog2()) - one) + ((b << a.ilog2()) - one);
                if sum < one { one + sum } else { 2 * sum }
            }
        }
    }

    /// The products of all unsigned codes with all codes in two's complement.
    pub fn table(self) -> ProductTable {
        ProductTable::of(|a, b| signed(b, self.magnitude(a, b.cast_signed().unsigned_abs())))
    }

    /// A multiplier that is no nearer to the product and no farther: the errors of this one, dealt
    /// anew among all pairs of codes that are not zero. What its errors have to do with the factors
    /// is lost.
    pub fn shuffled_table(self, rng: &mut impl Rng) -> ProductTable {
        let (table, exact) = (self.table(), Self::EXACT.table());
        let codes = || 1..=u8::MAX;
        let pairs: Vec<(u8, u8)> = codes().flat_map(|a| codes().map(move |b| (a, b))).collect();
        let mut errors: Vec<i32> =
            pairs.iter().map(|&(a, b)| table.at(a, b) - exact.at(a, b)).collect();
        shuffle(rng, &mut errors);
        ProductTable::of(|a, b| match (a, b) {
            (0, _) | (_, 0) => 0,
            _ => exact.at(a, b) + errors[(usize::from(a) - 1) * 255 + usize::from(b) - 1],
        })
    }
}

fn signed(code: u8, magnitude: u32) -> i32 {
    let magnitude = magnitude.cast_signed();
    if code.cast_signed() < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    fn pairs() -> impl Iterator<Item = (u8, u8)> {
        (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b)))
    }

    #[test]
    fn truncation_leaves_out_the_low_columns_bit_by_bit() {
        for columns in 0..=8 {
            let bits = |number: u8| (0..8).filter(move |bit| number >> bit & 1 == 1);
            for (a, b) in pairs() {
                let kept = bits(a).flat_map(|i| bits(b).map(move |j| i + j));
                let sum: u32 = kept.filter(|sum| *sum >= columns).map(|sum| 1 << sum).sum();
                assert_eq!(
                    Multiplier::Truncated(columns).magnitude(a, b),
                    sum,
                    "{columns}: {a} {b}"
                );
            }
        }
    }

    #[test]
    fn mitchell_is_never_above_the_product_and_a_ninth_below_at_most() {
        let error = |(a, b): (u8, u8)| {
            let product = u32::from(a) * u32::from(b);
            let below = product.checked_sub(Multiplier::Mitchell.magnitude(a, b));
            f64::from(below.expect("never above")) / f64::from(product.max(1))
        };
        let largest = pairs().map(error).fold(0.0, f64::max);
        assert!((largest - 1.0 / 9.0).abs() < 1e-12, "{largest}");
    }

    #[test]
    fn mitchell_follows_its_logarithms() {
        for (a, b) in pairs().filter(|(a, b)| *a > 0 && *b > 0) {
            let line = |number: u8| {
                let power = f64::from(number.ilog2());
                power + f64::from(number) / libm::exp2(power) - 1.0
            };
            let sum = line(a) + line(b);
            let found = libm::exp2(sum.floor()) * (1.0 + sum - sum.floor());
            assert_eq!(f64::from(Multiplier::Mitchell.magnitude(a, b)), found, "{a} {b}");
        }
    }

    #[test]
    fn the_exact_table_has_the_products() {
        let table = Multiplier::EXACT.table();
        for (a, b) in pairs() {
            assert_eq!(table.at(a, b), i32::from(a) * i32::from(b.cast_signed()));
        }
    }

    #[test]
    fn shuffled_errors_are_the_same_numbers_at_other_places() {
        let multiplier = Multiplier::Truncated(8);
        let shuffled = multiplier.shuffled_table(&mut Stream::new(1, "shuffled").at(0));
        let exact = Multiplier::EXACT.table();
        let errors = |table: &ProductTable| -> Vec<i32> {
            pairs().map(|(a, b)| table.at(a, b) - exact.at(a, b)).collect()
        };
        let (mut before, mut after) = (errors(&multiplier.table()), errors(&shuffled));
        assert_ne!(before, after);
        before.sort_unstable();
        after.sort_unstable();
        assert_eq!(before, after);
        assert!(pairs().filter(|(a, b)| *a == 0 || *b == 0).all(|(a, b)| shuffled.at(a, b) == 0));
    }

    #[test]
    fn more_columns_than_a_factor_has_are_refused() {
        let error = Multiplier::Truncated(9).check().unwrap_err().to_string();
        assert_eq!(error, "columns is 9, expected a whole number of at least 0, at most 8");
    }
}
