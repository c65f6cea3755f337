//! Activation patterns: which hidden units are active.

use std::fmt;

/// Which of the first units of a layer are active; of all units, or a prefix that stands for every
/// pattern that begins with it.
///
/// ```
/// use zonotope_training::Pattern;
/// let pattern: Pattern = [true, false].into_iter().collect();
/// assert_eq!(pattern.to_string(), "10");
/// assert!(pattern < pattern.extended(false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(Vec<bool>);

impl Pattern {
    /// The pattern of a row of sums: a unit is active where its sum is above zero.
    pub fn of(sums: &[f64]) -> Self {
        sums.iter().map(|&sum| sum > 0.0).collect()
    }

    /// Every pattern of so many units, in order: 2^n of them.
    pub fn all(units: u32) -> impl Iterator<Item = Self> {
        (0..1u64 << units)
            .map(move |word| (0..units).rev().map(|bit| word >> bit & 1 == 1).collect())
    }

    /// The number of units it speaks of.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it speaks of no unit, so that every pattern begins with it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For each unit, whether it is active.
    pub fn units(&self) -> &[bool] {
        &self.0
    }

    /// The pattern with one more unit.
    #[must_use]
    pub fn extended(&self, active: bool) -> Self {
        self.0.iter().copied().chain([active]).collect()
    }
}

impl FromIterator<bool> for Pattern {
    fn from_iter<I: IntoIterator<Item = bool>>(units: I) -> Self {
        Self(units.into_iter().collect())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&active| f.write_str(if active { "1" } else { "0" }))
    }
}
