//! Step two of four: from scores to probabilities.
//!
//! For column-row sampling a probability is the chance of one draw and they sum to one; for
//! Bernoulli sampling it is the chance to be kept, at most one each, and they sum to the budget.
//!
//! Scores are any finite numbers. Where their sum is too large or too small for the full precision
//! of f64, the same steps are taken with a wider exponent.

use crate::wide::{HELD, Number, Wide};

/// Why scores do not give probabilities.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProbabilityError {
    /// A score is negative, infinite or not a number.
    #[error("score {index} is {value}; a score is a finite number of at least 0")]
    InvalidScore {
        /// Which one.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// Every score is zero, so nothing says which pair matters.
    #[error("all {count} scores are zero: the product is exactly zero and needs no sampling")]
    AllZero {
        /// How many there are.
        count: usize,
    },
    /// The budget is not positive.
    #[error("a budget of {budget} pairs was asked for; it is a finite number above 0")]
    InvalidBudget {
        /// What was asked for.
        budget: f64,
    },
    /// The mixing weight is outside [0, 1].
    #[error("epsilon is {epsilon}; it lies in [0, 1]")]
    InvalidEpsilon {
        /// What was asked for.
        epsilon: f64,
    },
}

/// The first number outside [0, largest], NaN included, with its place.
pub(crate) fn first_outside(numbers: &[f64], largest: f64) -> Option<(usize, f64)> {
    let is_outside = |number: f64| !(0.0..=largest).contains(&number);
    // Counted before it is searched for: a loop without an early end is vectorised.
    let outside = numbers.iter().filter(|&&number| is_outside(number)).count();
    let mut numbered = numbers.iter().copied().enumerate();
    if outside == 0 { None } else { numbered.find(|&(_, number)| is_outside(number)) }
}

/// Checks that scores are finite numbers of at least 0, and one of them above.
pub(crate) fn check_scores(scores: &[f64]) -> Result<(), ProbabilityError> {
    if let Some((index, value)) = first_outside(scores, f64::MAX) {
        return Err(ProbabilityError::InvalidScore { index, value });
    }
    if positive(scores) == 0 {
        return Err(ProbabilityError::AllZero { count: scores.len() });
    }
    Ok(())
}

/// How many scores are above 0.
fn positive(scores: &[f64]) -> usize {
    scores.iter().filter(|&&w| w > 0.0).count()
}

fn checked_budget(budget: f64) -> Result<f64, ProbabilityError> {
    if budget.is_finite() && budget > 0.0 {
        Ok(budget)
    } else {
        Err(ProbabilityError::InvalidBudget { budget })
    }
}

/// p_i = w_i / W, the distribution of least variance for column-row sampling (Drineas, Kannan,
/// Mahoney 2006, lemma 4).
///
/// # Errors
/// When a score is not a finite number of at least 0, or all are zero.
pub fn proportional(scores: &[f64]) -> Result<Vec<f64>, ProbabilityError> {
    let mut p = Vec::new();
    proportional_into(scores, &mut p)?;
    Ok(p)
}

/// [`proportional`] into memory that is used again.
pub(crate) fn proportional_into(scores: &[f64], p: &mut Vec<f64>) -> Result<(), ProbabilityError> {
    check_scores(scores)?;
    let sum = f64::sum_of(scores);
    if HELD.contains(&sum) {
        fill(p, over(scores, sum));
    } else {
        fill(p, over(scores, Wide::sum_of(scores)));
    }
    Ok(())
}

/// Every score over a level or sum.
fn over<N: Number>(scores: &[f64], level: N) -> impl Iterator<Item = f64> {
    scores.iter().map(move |&w| (N::from(w) / level).into())
}

/// Replaces what a vector holds and keeps its memory.
fn fill<N>(p: &mut Vec<N>, values: impl Iterator<Item = N>) {
    p.clear();
    p.extend(values);
}

/// p_i = 1/n.
pub fn uniform(pairs: usize) -> Vec<f64> {
    vec![1.0 / pairs as f64; pairs]
}

/// (1 - epsilon) p_i + epsilon / n. Bounds the scale 1/(k p_i) by n / (epsilon k), so that one
/// unlikely pair cannot blow up a step.
///
/// # Errors
/// When epsilon is outside [0, 1].
pub fn mix_with_uniform(p: &[f64], epsilon: f64) -> Result<Vec<f64>, ProbabilityError> {
    let mut mixed = p.to_vec();
    mix_in_place(&mut mixed, epsilon)?;
    Ok(mixed)
}

/// [`mix_with_uniform`] in place.
pub(crate) fn mix_in_place(p: &mut [f64], epsilon: f64) -> Result<(), ProbabilityError> {
    if !(0.0..=1.0).contains(&epsilon) {
        return Err(ProbabilityError::InvalidEpsilon { epsilon });
    }
    let floor = epsilon / p.len() as f64;
    p.iter_mut().for_each(|p| *p = (1.0 - epsilon) * *p + floor);
    Ok(())
}

/// Inclusion probabilities p_i = min(1, w_i / level) with sum p_i = min(budget, number of
/// non-zero scores): the least variance sum_i (1 - p_i)/p_i w_i^2 at that expected count.
///
/// The level is found by water-filling: from sum_i w_i / budget on, scores above the level are
/// capped at one and the level is what the others' sum is to the rest of the budget, until it caps
/// no further score. O(n) a round and few rounds; where they become many, a sort ends them, so that
/// it is O(n log n) at the worst. Derived in `paper-notes` from the Karush-Kuhn-Tucker conditions.
///
/// ```
/// use kernels::probability::water_filling;
/// // One dominating pair is kept for certain; the rest share what is left of the budget.
/// assert_eq!(water_filling(&[100.0, 1.0, 1.0, 2.0], 2.0)?, [1.0, 0.25, 0.25, 0.5]);
/// # Ok::<(), kernels::probability::ProbabilityError>(())
/// ```
///
/// # Errors
/// When a score is not a finite number of at least 0, all are zero, or the budget is not
/// positive.
pub fn water_filling(scores: &[f64], budget: f64) -> Result<Vec<f64>, ProbabilityError> {
    let mut p = Vec::new();
    water_filling_into(scores, budget, (&mut Vec::new(), &mut Vec::new()), &mut p)?;
    Ok(p)
}

/// [`water_filling`] into memory that is used again: the sorted scores, their running sums, and
/// the result.
pub(crate) fn water_filling_into(
    scores: &[f64],
    budget: f64,
    (sorted, sums): (&mut Vec<f64>, &mut Vec<f64>),
    p: &mut Vec<f64>,
) -> Result<(), ProbabilityError> {
    check_scores(scores)?;
    let budget = checked_budget(budget)?;
    if budget >= positive(scores) as f64 {
        fill(p, scores.iter().map(|&w| if w > 0.0 { 1.0 } else { 0.0 }));
        return Ok(());
    }
    // Room in any case, so that scores which need it do not allocate in a later step.
    for memory in [&mut *sorted, &mut *sums] {
        memory.clear();
        memory.reserve(scores.len());
    }
    let level = level_by_rounds(scores, budget)
        .unwrap_or_else(|| level_by_sorting(scores, budget, (sorted, sums)));
    if HELD.contains(&level) {
        fill(p, over(scores, level).map(|p| p.min(1.0)));
    } else {
        let level: Wide = level_by_sorting(scores, budget, (sorted, &mut Vec::new()));
        fill(p, over(scores, level).map(|p| p.min(1.0)));
    }
    Ok(())
}

/// Rounds of capping before scores are sorted.
const ROUNDS: usize = 12;

/// The level of [`water_filling`], if it is found in a few rounds. Each caps a score more, so that
/// the level falls; fewer scores are capped than the budget has, since those above the mean of the
/// rest are fewer than the rest of the budget.
fn level_by_rounds(scores: &[f64], budget: f64) -> Option<f64> {
    let mut before = 0;
    let mut level = uncapped(scores, f64::INFINITY).0 / budget;
    for _ in 0..ROUNDS {
        let (sum, capped) = uncapped(scores, level);
        if capped == before || capped as f64 >= budget {
            return Some(level);
        }
        level = sum / (budget - capped as f64);
        before = capped;
    }
    None
}

/// The sum of the scores up to a level, in interleaved partial sums that are added in order, and
/// how many are above it.
fn uncapped(scores: &[f64], level: f64) -> (f64, usize) {
    const PARTS: usize = 8;
    let (mut sums, mut capped) = ([0.0; PARTS], [0u64; PARTS]);
    let (blocks, rest) = scores.as_chunks::<PARTS>();
    let mut add = |block: &[f64]| {
        for ((sum, capped), &w) in sums.iter_mut().zip(&mut capped).zip(block) {
            *sum += if w > level { 0.0 } else { w };
            *capped += u64::from(w > level);
        }
    };
    blocks.iter().for_each(|block| add(block));
    add(rest);
    (sums.iter().sum(), capped.iter().sum::<u64>() as usize)
}

/// The level of [`water_filling`]: of the sorted scores, cap the c largest at one, with the least c
/// for which the next one stays below one.
fn level_by_sorting<N: Number>(
    scores: &[f64],
    budget: f64,
    (sorted, sums): (&mut Vec<f64>, &mut Vec<N>),
) -> N {
    fill(sorted, scores.iter().copied().filter(|&w| w > 0.0));
    // Ascending, so that running sums from the small end lose no small score beside a large one.
    sorted.sort_unstable_by(f64::total_cmp);
    let running = sorted.iter().scan(N::from(0.0), |sum, &w| {
        *sum = *sum + N::from(w);
        Some(*sum)
    });
    fill(sums, running);
    let count = sorted.len();
    (0..count)
        .take_while(|&capped| (capped as f64) < budget)
        .map(|capped| {
            let largest = count - 1 - capped;
            (N::from(sorted[largest]), sums[largest] / N::from(budget - capped as f64))
        })
        .find(|(largest, level)| largest <= level)
        .map_or(N::from(sorted[count - 1]), |(_, level)| level)
}

/// Inclusion probabilities of the authors' released code: 0.9 min(1, k w_i / W) + 0.1 / n.
///
/// What the cap cuts off is not given to others and the mixture adds 0.1 pairs, not 0.1 k, so the
/// expected count is at most 0.9 k + 0.1.
///
/// # Errors
/// As [`water_filling`].
pub fn as_released(scores: &[f64], budget: f64) -> Result<Vec<f64>, ProbabilityError> {
    let mut p = Vec::new();
    as_released_into(scores, budget, &mut p)?;
    Ok(p)
}

/// [`as_released`] into memory that is used again.
pub(crate) fn as_released_into(
    scores: &[f64],
    budget: f64,
    p: &mut Vec<f64>,
) -> Result<(), ProbabilityError> {
    check_scores(scores)?;
    let budget = checked_budget(budget)?;
    let sum = f64::sum_of(scores);
    if HELD.contains(&sum) {
        // A product beyond the range is above the sum: the probability is one in any case.
        fill(p, scores.iter().map(|w| (budget * w / sum).min(1.0)));
    } else {
        let share = Wide::sum_of(scores) / Wide::from(budget);
        fill(p, over(scores, share).map(|p| p.min(1.0)));
    }
    mix_in_place(p, 0.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scores() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(prop_oneof![0.0..1.0, 1e-9..1e9f64, Just(0.0)], 1..60)
            .prop_filter("not all zero", |w| w.iter().any(|&w| w > 0.0))
    }

    proptest! {
        #[test]
        fn water_filling_meets_its_budget(w in scores(), share in 0.01..1.0f64) {
            let budget = share * w.len() as f64;
            let p = water_filling(&w, budget).unwrap();
            let non_zero = w.iter().filter(|&&w| w > 0.0).count() as f64;
            prop_assert!((p.iter().sum::<f64>() - budget.min(non_zero)).abs() < 1e-9 * budget);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
        }

        #[test]
        fn below_the_cap_probabilities_are_proportional(w in scores(), share in 0.01..1.0f64) {
            // The Karush-Kuhn-Tucker conditions: one level for all, at most it where not capped.
            let p = water_filling(&w, share * w.len() as f64).unwrap();
            let levels: Vec<f64> = w.iter().zip(&p).filter(|(w, p)| **w > 0.0 && **p < 1.0)
                .map(|(w, p)| w / p).collect();
            if let Some(&level) = levels.first() {
                prop_assert!(levels.iter().all(|l| (l / level - 1.0).abs() < 1e-9));
                prop_assert!(w.iter().zip(&p).filter(|(_, p)| **p == 1.0)
                    .all(|(w, _)| *w >= level * (1.0 - 1e-9)));
            }
        }
    }

    proptest! {
        #[test]
        fn rounds_and_a_sort_find_the_same_level(w in scores(), share in 0.01..1.0f64) {
            let budget = share * positive(&w) as f64;
            let sorted: f64 = level_by_sorting(&w, budget, (&mut Vec::new(), &mut Vec::new()));
            if let Some(level) = level_by_rounds(&w, budget) {
                prop_assert!((level / sorted - 1.0).abs() < 1e-12, "{level} {sorted}");
            }
        }
    }

    #[test]
    fn scores_that_are_capped_one_by_one_are_sorted() {
        let scores: Vec<f64> = (0..60).map(|i| 100f64.powi(i)).collect();
        assert_eq!(level_by_rounds(&scores, 40.0), None);
        let p = water_filling(&scores, 40.0).unwrap();
        assert!((p.iter().sum::<f64>() - 40.0).abs() < 1e-9);
        assert_eq!(level_by_rounds(&[1.0, 1.0, 1.0, 9.0], 2.0), Some(3.0));
    }

    #[test]
    fn clipping_alone_misses_the_budget() {
        // The control of the budget test above: the released rule without redistribution.
        let scores = [100.0, 1.0, 1.0, 2.0];
        let released: f64 = as_released(&scores, 2.0).unwrap().iter().sum();
        assert!(released < 1.2, "{released}");
    }

    #[test]
    fn bad_scores_are_named() {
        let error = proportional(&[1.0, f64::NAN]).unwrap_err();
        assert!(error.to_string().starts_with("score 1 is NaN"), "{error}");
        assert_eq!(proportional(&[0.0, 0.0]), Err(ProbabilityError::AllZero { count: 2 }));
        assert!(matches!(water_filling(&[1.0], 0.0), Err(ProbabilityError::InvalidBudget { .. })));
        assert!(mix_with_uniform(&[1.0], 1.5).is_err());
    }
}
