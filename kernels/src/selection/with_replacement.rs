//! Column-row sampling: k draws with replacement (Drineas, Kannan, Mahoney 2006; the paper's CRS).

use super::{Selection, SelectionError, adds_up_to, check_probabilities};
use crate::random::uniform;
use rand::Rng;

/// Draws k indices independently from p and scales each draw by 1/(k p_i).
///
/// A draw inverts the cumulative sum of p at one uniform number. The estimate is unbiased when
/// p_i > 0 wherever the pair is not zero.
///
/// # Errors
/// When k is zero, a probability lies outside [0, 1], or they do not sum to one within 1e-9 and the
/// rounding of so many terms.
pub fn draw_with_replacement(
    p: &[f64],
    k: usize,
    rng: &mut impl Rng,
) -> Result<Selection, SelectionError> {
    check_draws(p, k)?;
    let (mut cumulative, mut counts) = (Vec::new(), Vec::new());
    count_draws(p, k, rng, (&mut cumulative, &mut counts));
    let mut selection = Selection::default();
    selection.set(p.len(), |i| counts[i] > 0, |i| scale_of_draws(counts[i], k, p[i]));
    Ok(selection)
}

/// Checks the probabilities of one draw, and that there is one.
pub(crate) fn check_draws(p: &[f64], k: usize) -> Result<(), SelectionError> {
    if k == 0 {
        return Err(SelectionError::ZeroBudget);
    }
    check_probabilities(p)?;
    let sum = p.iter().sum();
    if adds_up_to(sum, 1.0, p.len()) { Ok(()) } else { Err(SelectionError::NotNormalised { sum }) }
}

/// How often each pair is drawn in k draws by checked probabilities, into memory that is used
/// again: the cumulative sums, and the counts.
pub(crate) fn count_draws(
    p: &[f64],
    k: usize,
    rng: &mut impl Rng,
    (cumulative, counts): (&mut Vec<f64>, &mut Vec<u32>),
) {
    cumulative.clear();
    cumulative.extend(p.iter().scan(0.0, |sum, p| {
        *sum += p;
        Some(*sum)
    }));
    let total = cumulative.last().copied().unwrap_or(0.0);
    counts.clear();
    counts.resize(p.len(), 0);
    for _ in 0..k {
        // Strictly above the point: an index of probability zero is never drawn. The product of
        // the total and a number below one may round up to the total, hence the last resort.
        let point = uniform(rng) * total;
        let index = cumulative.partition_point(|&sum| sum <= point);
        let last = || cumulative.partition_point(|&sum| sum < total);
        counts[if index < p.len() { index } else { last() }] += 1;
    }
}

/// 1/(k p) for each time that a pair was drawn, and at most the largest number.
pub(crate) fn scale_of_draws(count: u32, k: usize, p: f64) -> f64 {
    (f64::from(count) / (k as f64 * p)).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn scales_sum_the_draws() {
        let p = [0.5, 0.0, 0.25, 0.25];
        let selection = draw_with_replacement(&p, 64, &mut Stream::new(1, "crs").at(0)).unwrap();
        let draws: f64 = selection
            .indices()
            .iter()
            .zip(selection.scales())
            .map(|(&i, s)| s * p[i as usize])
            .sum();
        assert!((draws * 64.0 - 64.0).abs() < 1e-12);
        assert_eq!(selection.indices(), [0, 2, 3]);
    }

    #[test]
    fn bad_arguments_are_refused() {
        let mut rng = Stream::new(1, "crs").at(0);
        assert_eq!(draw_with_replacement(&[1.0], 0, &mut rng), Err(SelectionError::ZeroBudget));
        assert!(draw_with_replacement(&[0.5, 0.6], 1, &mut rng).is_err());
        assert!(draw_with_replacement(&[], 1, &mut rng).is_err());
        assert!(draw_with_replacement(&[f64::NAN, 1.0], 1, &mut rng).is_err());
    }
}
