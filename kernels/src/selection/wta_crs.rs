//! Winner-take-all column-row sampling: the most probable pairs for certain, draws with replacement
//! for the others (after Liu and others 2023, WTA-CRS).

use super::with_replacement::{count_draws, scale_of_draws};
use super::{Selection, SelectionError, check_probabilities, top_k};
use rand::Rng;

/// How many of the most probable pairs to keep for certain: the c in 1..k that minimises
/// R_c / (k - c), with R_c the probability of the others, the least among equals; none where 1 / k
/// is strictly below that (the rule of the code released by Liu and others 2023).
///
/// For p proportional to the scores the variance is then never above that of k plain draws,
/// whatever the directions of the pairs: that takes R_c / (k - c) <= 1 / k. Minimising
/// R_c^2 / (k - c), the second moment, would not do.
///
/// ```
/// use kernels::selection::winners;
/// assert_eq!(winners(&[0.9, 0.05, 0.05], 2), 1);
/// assert_eq!(winners(&[0.25; 4], 2), 0);
/// // A tie with no winner goes to the winner: the bound is the same, the variance often less.
/// assert_eq!(winners(&[0.5, 0.25, 0.125, 0.125], 2), 1);
/// ```
pub fn winners(p: &[f64], k: usize) -> usize {
    let mut sorted = p.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // Ascending running sums: element j is the probability of the j least probable pairs.
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(sorted.iter().scan(0.0, |sum, p| {
            *sum += p;
            Some(*sum)
        }))
        .collect();
    let share = |c: usize| sums[p.len() - c] / (k - c) as f64;
    let best = (1..k.min(p.len() + 1)).min_by(|&c, &d| share(c).total_cmp(&share(d)));
    best.filter(|&best| share(best) <= share(0)).unwrap_or(0)
}

/// Keeps the `winners` most probable pairs with scale one and draws k - winners of the others with
/// replacement from p restricted to them, scaled by the inverse of (k - winners) times the
/// restricted probability. Unbiased for any number of winners below k.
///
/// Ties among winners go to the lowest index. Where all others have probability zero nothing is
/// drawn.
///
/// # Errors
/// When there are not fewer winners than k, or a probability lies outside [0, 1].
pub fn draw_winner_take_all(
    p: &[f64],
    winners: usize,
    k: usize,
    rng: &mut impl Rng,
) -> Result<Selection, SelectionError> {
    let (kept, others) = split_winners(p, winners, k)?;
    let mut selection = Selection::default();
    let memory = (&mut Vec::new(), &mut Vec::new());
    draw_winner_take_all_into(&kept, &others, k - winners, rng, memory, &mut selection);
    Ok(selection)
}

/// The winners, and the probabilities of a draw of the others: zero for a winner, and for all where
/// no other can be drawn.
pub(crate) fn split_winners(
    p: &[f64],
    winners: usize,
    k: usize,
) -> Result<(Selection, Vec<f64>), SelectionError> {
    if winners >= k {
        return Err(SelectionError::TooManyWinners { winners, k });
    }
    check_probabilities(p)?;
    let kept = if winners == 0 { Selection::none(p.len()) } else { top_k(p, winners)? };
    let mut others = p.to_vec();
    kept.indices().iter().for_each(|&index| others[index as usize] = 0.0);
    let sum: f64 = others.iter().sum();
    if sum > 0.0 {
        others.iter_mut().for_each(|p| *p /= sum);
    }
    Ok((kept, others))
}

/// [`draw_winner_take_all`] of what [`split_winners`] gave, into memory that is used again: the
/// cumulative sums and counts of the draws, and the result.
pub(crate) fn draw_winner_take_all_into(
    winners: &Selection,
    others: &[f64],
    draws: usize,
    rng: &mut impl Rng,
    (cumulative, counts): (&mut Vec<f64>, &mut Vec<u32>),
    selection: &mut Selection,
) {
    let can_draw = others.iter().any(|&p| p > 0.0);
    count_draws(others, if can_draw { draws } else { 0 }, rng, (cumulative, counts));
    let mut certain = winners.indices().iter().copied().peekable();
    let keep = |i: usize| certain.next_if_eq(&(i as u32)).is_some() || counts[i] > 0;
    // A winner has no probability among the others, so it is never drawn as well.
    let scale = |i: usize| match counts[i] {
        0 => 1.0,
        count => scale_of_draws(count, draws, others[i]),
    };
    selection.set(others.len(), keep, scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn winners_are_kept_unscaled_and_others_drawn() {
        let p = [0.1, 0.6, 0.1, 0.2];
        for step in 0..50 {
            let mut rng = Stream::new(1, "winners").at(step);
            let selection = draw_winner_take_all(&p, 1, 3, &mut rng).unwrap();
            let position = selection.indices().iter().position(|&index| index == 1).unwrap();
            assert_eq!(selection.scales()[position], 1.0);
            let draws: f64 = selection
                .indices()
                .iter()
                .zip(selection.scales())
                .filter(|(index, _)| **index != 1)
                .map(|(&index, scale)| scale * 2.0 * p[index as usize] / 0.4)
                .sum();
            assert!((draws - 2.0).abs() < 1e-12, "{draws}");
        }
    }

    #[test]
    fn a_tie_with_no_winner_is_won() {
        // W_R / (k - c) is 4 / 2 for each of c = 0, 1 with k = 2 and w = (4, 2, 1, 1), in eighths.
        assert_eq!(winners(&[0.5, 0.25, 0.125, 0.125], 2), 1);
        // Above the tie there is a winner, below it none.
        assert_eq!(winners(&[0.5 + 1e-9, 0.25, 0.125, 0.125 - 1e-9], 2), 1);
        assert_eq!(winners(&[0.5 - 1e-9, 0.25, 0.125, 0.125 + 1e-9], 2), 0);
        // Among equal numbers of winners the least: here 1 and 2 share 1/4, and none 1/3.
        assert_eq!(winners(&[0.5, 0.25, 0.25], 3), 1);
        assert_eq!((winners(&[1.0], 1), winners(&[0.5, 0.5], 1)), (0, 0));
    }

    #[test]
    fn without_others_nothing_is_drawn() {
        let mut rng = Stream::new(1, "winners").at(0);
        let selection = draw_winner_take_all(&[1.0, 0.0], 1, 2, &mut rng).unwrap();
        assert_eq!(selection.indices(), [0]);
        assert!(draw_winner_take_all(&[0.5, 0.5], 2, 2, &mut rng).is_err());
    }
}
