//! The largest and the least of some numbers, where "not a number" outranks every number.
//!
//! `f64::max` and `f64::min` pass over it, so that a fold by them says that all is well with what
//! could not be computed. Every extreme of this crate is one of these two.

/// The largest of the numbers: not a number if one is, or if there are none.
///
/// ```
/// use theory::extremes::largest;
/// assert_eq!(largest([0.1, 0.3, 0.2]), 0.3);
/// assert!(largest([0.1, f64::NAN, 0.2]).is_nan() && largest([]).is_nan());
/// ```
pub fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let larger = |x: f64, y: f64| if x.is_nan() || x >= y { x } else { y };
    numbers.into_iter().reduce(larger).unwrap_or(f64::NAN)
}

/// The least of the numbers: not a number if one is, or if there are none.
pub fn least(numbers: impl IntoIterator<Item = f64>) -> f64 {
    -largest(numbers.into_iter().map(|x| -x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_number_outranks_every_number_wherever_it_stands() {
        for place in 0..3 {
            let mut numbers = [1.0, f64::INFINITY, f64::NEG_INFINITY];
            assert_eq!((largest(numbers), least(numbers)), (f64::INFINITY, f64::NEG_INFINITY));
            for unknown in [f64::NAN, -f64::NAN] {
                numbers[place] = unknown;
                assert!(largest(numbers).is_nan() && least(numbers).is_nan(), "{numbers:?}");
            }
        }
    }
}
