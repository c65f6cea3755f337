//! The colour and the marker of each estimator, the same in every figure.

use kernels::Estimator;

/// The number of colours: a style further on by it has the same colour and the next marker.
const VARIANT: usize = 7;

/// The style of one of several series of an estimator: its colour, the first with its marker.
pub fn with_variant(estimator: Estimator, variant: usize) -> usize {
    of(estimator) + variant * VARIANT
}

/// The style of an estimator, for [`Series::style`](crate::result::Series::style): a variant has the
/// colour of its relative and a marker of its own. Exact products are a dashed grey line instead.
pub fn of(estimator: Estimator) -> usize {
    match estimator {
        Estimator::TopK => 0,
        Estimator::AdaptiveTopK { .. } => VARIANT,
        Estimator::ColumnRow => 1,
        Estimator::ColumnRowMixture { .. } => 1 + VARIANT,
        Estimator::Bernoulli => 2,
        Estimator::BernoulliAsReleased => 2 + VARIANT,
        Estimator::UniformWithoutReplacement => 3,
        Estimator::UniformWithReplacement => 3 + VARIANT,
        Estimator::UniformWithoutReplacementUnscaled => 3 + 2 * VARIANT,
        Estimator::UniformWithReplacementUnscaled => 3 + 3 * VARIANT,
        Estimator::WinnerTakeAll => 4,
        Estimator::Systematic => 5,
        Estimator::ConditionalPoisson => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_estimators_look_alike() {
        let mut styles: Vec<usize> = Estimator::ALL.into_iter().map(of).collect();
        styles.sort_unstable();
        styles.dedup();
        assert_eq!(styles.len(), Estimator::ALL.len());
    }
}
