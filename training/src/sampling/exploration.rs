//! Pairs that have their turn whatever their scores.

use kernels::random::below;
use rand::Rng;

/// Raises the scores of so many pairs, drawn uniformly without replacement, above all others.
/// `order` is memory to draw in.
pub(crate) fn explore(
    scores: &mut [f64],
    count: usize,
    generator: &mut impl Rng,
    order: &mut Vec<u32>,
) {
    let pairs = scores.len();
    order.clear();
    order.extend(0..pairs as u32);
    let largest = scores.iter().copied().fold(0.0, f64::max);
    let above = if largest > 0.0 { 2.0 * largest } else { 1.0 };
    for place in 0..count.min(pairs) {
        // The beginning of a shuffle.
        order.swap(place, place + below(generator, pairs - place));
        scores[order[place] as usize] = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    #[test]
    fn every_pair_has_its_turn_as_often_as_any_other() {
        let (mut generator, mut order) = (Stream::new(1, "exploration").at(0), Vec::new());
        let mut turns = [0; 5];
        let draws = 20_000;
        for _ in 0..draws {
            let mut scores = [5.0, 0.0, 1.0, 2.0, 3.0];
            explore(&mut scores, 2, &mut generator, &mut order);
            let raised: Vec<usize> = (0..5).filter(|&pair| scores[pair] == 10.0).collect();
            assert_eq!(raised.len(), 2);
            raised.iter().for_each(|&pair| turns[pair] += 1);
        }
        // Each is among two of five in 8,000 draws, with a standard deviation of 69.
        assert!(turns.iter().all(|turns: &i32| (turns - 8_000).abs() < 5 * 69), "{turns:?}");
    }

    #[test]
    fn scores_of_nothing_but_zeros_and_more_than_there_are_are_no_trouble() {
        let mut generator = Stream::new(1, "exploration").at(1);
        let mut scores = [0.0; 3];
        explore(&mut scores, 7, &mut generator, &mut Vec::new());
        assert_eq!(scores, [1.0; 3]);
        explore(&mut [], 1, &mut generator, &mut Vec::new());
    }
}
