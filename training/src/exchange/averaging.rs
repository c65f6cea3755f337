//! The average of a vector over the ranks: the only sums of an exchange, whatever carries it.

use super::{Collective, CollectiveError};
use crate::data::Share;
use std::ops::Range;

/// Replaces the numbers by sum_r share_r g_r, where g_r are those of rank r: rank q adds up segment
/// q, of W segments as equal as can be, and sends it to all. So a rank sends 2 (W - 1)/W times its
/// numbers, and each sum has one order. `received` is memory for what comes.
///
/// ```
/// use training::exchange::{Collective, CollectiveError, Threads, average_over_ranks};
/// let mean = |rank: &mut Threads| {
///     let mut numbers = vec![rank.rank() as f32, 1.0, 2.0];
///     average_over_ranks(rank, &mut numbers, &[0.5, 0.5], &mut Vec::new())?;
///     Ok::<_, CollectiveError>(numbers)
/// };
/// assert_eq!(Threads::run(2, mean, |rank| mean(rank).map(drop))?, [0.5, 1.0, 2.0]);
/// # Ok::<(), CollectiveError>(())
/// ```
///
/// # Errors
/// When another rank has failed.
///
/// # Panics
/// When there is not one share a rank.
pub fn average_over_ranks(
    collective: &mut dyn Collective,
    numbers: &mut [f32],
    shares: &[f64],
    received: &mut Vec<f32>,
) -> Result<(), CollectiveError> {
    let (rank, size) = (collective.rank(), collective.size());
    let segment = |rank| Share { rank, size }.of(0..numbers.len());
    let segments: Vec<Range<usize>> = (0..size).map(segment).collect();
    collective.all_to_all(numbers, &segments, received)?;
    average(received, shares, &mut numbers[segments[rank].clone()]);
    collective.all_gather(numbers, &segments)
}

/// sum_r share_r g_r of the segments g_r of all ranks, which lie one after another: each number
/// summed in f64 from -0, ranks in order, and then rounded to f32. By one thread: those of the pool
/// compute meanwhile.
///
/// # Panics
/// When there is not one share a segment.
pub(super) fn average(segments: &[f32], shares: &[f64], to: &mut [f32]) {
    const NUMBERS_A_TIME: usize = 2048;
    assert_eq!(segments.len(), shares.len() * to.len(), "one share a rank");
    let length = to.len();
    for (time, to) in to.chunks_mut(NUMBERS_A_TIME).enumerate() {
        // -0 + x is x, also where x is -0: the average of one rank has its very bits.
        let mut sums = [-0.0; NUMBERS_A_TIME];
        for (rank, &share) in shares.iter().enumerate() {
            let numbers = &segments[rank * length + time * NUMBERS_A_TIME..][..to.len()];
            for (sum, &number) in sums.iter_mut().zip(numbers) {
                *sum += share * f64::from(number);
            }
        }
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = sum as f32;
        }
    }
}
