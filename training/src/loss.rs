//! Softmax cross-entropy over the class dimension.
//!
//! The released MLP takes its logarithm of softmax over the minibatch dimension; that couples the
//! samples of a minibatch and is taken here as a slip. The class dimension is used throughout.

use crate::exponential::exponentials;
use crate::matrix::Matrix;
use kernels::InstructionSet;
use rayon::prelude::*;
use std::ops::AddAssign;

/// What some samples lost, and how many of them were right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// The sum of -log softmax(logits)\[label\] over the samples, in f64.
    pub sum: f64,
    /// Samples whose largest logit is their label's; the first of equal ones counts.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

impl Loss {
    /// The mean over the samples, in nats.
    pub fn mean(&self) -> f64 {
        self.sum / self.samples as f64
    }
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.correct += other.correct;
        self.samples += other.samples;
    }
}

/// The loss of a minibatch of logits (batch x classes); writes the gradient of the mean loss.
///
/// # Panics
/// When there is not one label a row, or a label is no class.
pub fn softmax_cross_entropy(logits: &Matrix, labels: &[u16], gradient: &mut Matrix) -> Loss {
    smoothed_softmax_cross_entropy(logits, labels, 0.0, gradient)
}

/// The cross-entropy with smoothed labels (Szegedy et al. 2016): each sample's target is its label
/// with probability 1 - `smoothing` and otherwise any of all classes, each as likely.
///
/// ```
/// use training::loss::smoothed_softmax_cross_entropy;
/// use training::matrix::Matrix;
/// let (logits, mut gradient) = (Matrix::from_rows(1, 2, vec![0.0, 0.0]), Matrix::default());
/// smoothed_softmax_cross_entropy(&logits, &[0], 0.5, &mut gradient);
/// // Softmax is (1/2, 1/2), the target (3/4, 1/4).
/// assert_eq!(gradient.data(), [-0.25, 0.25]);
/// ```
///
/// # Panics
/// When there is not one label a row, or a label is no class.
pub fn smoothed_softmax_cross_entropy(
    logits: &Matrix,
    labels: &[u16],
    smoothing: f32,
    gradient: &mut Matrix,
) -> Loss {
    assert_eq!(logits.rows(), labels.len(), "one label a sample");
    let (rows, classes) = (logits.rows(), logits.columns());
    gradient.reshape(rows, classes);
    let target = Target { smoothing, classes, batch: rows as f32 };
    let mut loss = Loss { samples: rows, ..Loss::default() };
    // Added in the order of the rows, whoever computed them.
    let add = |row: RowLoss| {
        loss.sum += row.lost;
        loss.correct += usize::from(row.is_correct);
    };
    let together = (TOGETHER * classes).max(1);
    let gradients = gradient.data_mut();
    let of_rows = |(at, gradients): (usize, &mut [f32])| {
        let first = at * TOGETHER;
        let rows = first..rows.min(first + TOGETHER);
        target.rows(rows.clone().map(|row| logits.row(row)), &labels[rows], gradients)
    };
    if rows * classes < WORTH_ANOTHER_THREAD {
        gradients.chunks_mut(together).enumerate().flat_map(of_rows).for_each(add);
    } else {
        let chunks = gradients.par_chunks_mut(together).enumerate();
        let losses: Vec<[RowLoss; TOGETHER]> = chunks.map(of_rows).collect();
        losses.into_iter().flatten().for_each(add);
    }
    loss
}

/// Rows that a task takes, whose sums are added side by side: each addition waits for the one before
/// it in its row, and none for another row's.
const TOGETHER: usize = 8;

/// Logits of each of them that are exponentiated and added while they are in the nearest cache.
const BLOCK: usize = 256;

/// Logits of a minibatch that are computed in about a tenth of a millisecond.
const WORTH_ANOTHER_THREAD: usize = 1 << 14;

/// What a sample lost; nothing where there is none.
#[derive(Clone, Copy, Default)]
struct RowLoss {
    lost: f64,
    is_correct: bool,
}

/// What logits are compared with.
struct Target {
    smoothing: f32,
    classes: usize,
    batch: f32,
}

impl Target {
    /// The losses of a few samples, and their gradients divided by the samples of the minibatch.
    fn rows<'a>(
        &self,
        logits: impl Iterator<Item = &'a [f32]> + Clone,
        labels: &[u16],
        gradients: &mut [f32],
    ) -> [RowLoss; TOGETHER] {
        let set = InstructionSet::detect();
        let (mut largest_of, mut losses) = ([0.0; TOGETHER], [RowLoss::default(); TOGETHER]);
        for (found, logits) in largest_of.iter_mut().zip(logits.clone()) {
            *found = set.run(|| largest(logits));
        }
        let mut sums = [0.0; TOGETHER];
        for start in (0..self.classes).step_by(BLOCK) {
            let block = start..self.classes.min(start + BLOCK);
            let rows = gradients.chunks_exact_mut(self.classes).zip(logits.clone());
            for ((to, logits), &largest) in rows.zip(&largest_of) {
                let (to, logits) = (&mut to[block.clone()], &logits[block.clone()]);
                let below = to.iter_mut().zip(logits);
                set.run(|| below.for_each(|(to, logit)| *to = logit - largest));
                exponentials(set, to);
            }
            let rows = gradients.chunks_exact(self.classes).map(|row| &row[block.clone()]);
            add_side_by_side(&mut sums, rows);
        }
        let rows = gradients.chunks_exact_mut(self.classes).zip(logits).zip(labels);
        let known = largest_of.into_iter().zip(sums);
        for ((((to, logits), &label), (largest, sum)), loss) in rows.zip(known).zip(&mut losses) {
            *loss = self.row(set, logits, usize::from(label), (largest, sum), to);
        }
        losses
    }

    /// The loss of a sample, given its largest logit and the sum of the exponentials in `gradient`.
    fn row(
        &self,
        set: InstructionSet,
        logits: &[f32],
        label: usize,
        (largest, sum): (f32, f32),
        gradient: &mut [f32],
    ) -> RowLoss {
        let (of_label, of_each) = (1.0 - self.smoothing, self.smoothing / self.classes as f32);
        let (whole, targeted) = (sum * self.batch, of_each / self.batch);
        set.run(|| gradient.iter_mut().for_each(|to| *to = *to / whole - targeted));
        gradient[label] -= of_label / self.batch;
        let below = |logit: f32| f64::from(logit - largest);
        let mut expected = f64::from(of_label) * below(logits[label]);
        if self.smoothing > 0.0 {
            let sum: f64 = logits.iter().map(|&logit| below(logit)).sum();
            expected += f64::from(of_each) * sum;
        }
        let is_correct = logits[label] == largest && !logits[..label].contains(&largest);
        RowLoss { lost: libm::log(f64::from(sum)) - expected, is_correct }
    }
}

/// Numbers of a chunk.
const LANES: usize = 16;

/// The largest of a row, in lanes: the largest is the same in any order.
#[inline(always)]
fn largest(logits: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = logits.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, logit)| *lane = lane.max(*logit));
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Adds each row to its sum, from left to right; side by side where all rows are there.
fn add_side_by_side<'a>(sums: &mut [f32; TOGETHER], rows: impl Iterator<Item = &'a [f32]>) {
    let mut all = [&[][..]; TOGETHER];
    all.iter_mut().zip(rows).for_each(|(place, row)| *place = row);
    let columns = all[0].len();
    // Chunks of a known length need no look at the end of each row for every addition.
    let mut done = 0;
    if all.iter().all(|row| row.len() == columns) {
        let chunks = all.map(|row| row.as_chunks::<LANES>().0);
        for chunk in 0..chunks[0].len() {
            let rows = chunks.map(|chunks| &chunks[chunk]);
            for lane in 0..LANES {
                sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row[lane]);
            }
        }
        done = chunks[0].len() * LANES;
    }
    let sums = sums.iter_mut().zip(all);
    sums.for_each(|(sum, row)| row[done..].iter().for_each(|x| *sum += x));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let logits = Matrix::from_rows(2, 3, vec![0.1, -0.5, 2.0, 1.0, 0.0, -1.0]);
        let labels = [2, 1];
        for smoothing in [0.0, 0.2, 0.9] {
            let mut gradient = Matrix::default();
            smoothed_softmax_cross_entropy(&logits, &labels, smoothing, &mut gradient);
            for element in 0..6 {
                let at = |step: f32| {
                    let mut data = logits.data().to_vec();
                    data[element] += step;
                    let (moved, mut unused) = (Matrix::from_rows(2, 3, data), Matrix::default());
                    let loss =
                        smoothed_softmax_cross_entropy(&moved, &labels, smoothing, &mut unused);
                    loss.sum / 2.0
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - f64::from(gradient.data()[element])).abs() < 1e-4, "{element}");
            }
        }
    }

    #[test]
    fn smoothed_labels_lose_their_share_of_every_class() {
        let logits = Matrix::from_rows(1, 4, vec![1.0, 2.0, 0.5, -1.0]);
        let of = |label: u16| softmax_cross_entropy(&logits, &[label], &mut Matrix::default()).sum;
        let mean = (0..4).map(of).sum::<f64>() / 4.0;
        let smoothed = smoothed_softmax_cross_entropy(&logits, &[1], 0.2, &mut Matrix::default());
        assert!((smoothed.sum - (0.8 * of(1) + 0.2 * mean)).abs() < 1e-6);
        assert_eq!(smoothed.correct, 1);
    }

    #[test]
    fn threads_change_no_bit() {
        // Not a multiple of the rows that are added side by side.
        let (rows, classes) = (42, 1_000);
        let numbers: Vec<f32> =
            (0..rows * classes).map(|i| ((i * 7_919) % 10_007) as f32 / 1_000.0).collect();
        let logits = Matrix::from_rows(rows, classes, numbers);
        assert!(logits.data().len() >= WORTH_ANOTHER_THREAD);
        let labels: Vec<u16> = (0..rows as u16).map(|row| row * 13).collect();
        // Sample by sample there is nothing to divide among threads.
        let (mut alone, mut gradients) = (Loss::default(), Vec::new());
        for (row, label) in labels.iter().enumerate() {
            let logits = Matrix::from_rows(1, classes, logits.row(row).to_vec());
            let mut gradient = Matrix::default();
            alone += smoothed_softmax_cross_entropy(&logits, &[*label], 0.1, &mut gradient);
            gradients.extend_from_slice(gradient.data());
        }
        let mut first = None;
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut gradient = Matrix::default();
            let found = pool
                .install(|| smoothed_softmax_cross_entropy(&logits, &labels, 0.1, &mut gradient));
            assert_eq!(found, alone, "{threads} threads");
            let apart = gradient.data().iter().zip(&gradients);
            let apart = apart.map(|(x, y)| (x * rows as f32 - y).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{apart}");
            assert_eq!(first.get_or_insert_with(|| gradient.clone()), &gradient);
        }
    }

    #[test]
    fn the_largest_logit_is_found_wherever_it_stands() {
        for length in 1..50 {
            for place in 0..length {
                let mut logits = vec![-3.0; length];
                logits[place] = -1.0;
                assert_eq!(largest(&logits), -1.0, "{place} of {length}");
                // A logit that is no number is passed over.
                logits[place] = f32::NAN;
                assert_eq!(largest(&logits), if length == 1 { f32::NEG_INFINITY } else { -3.0 });
            }
        }
    }

    #[test]
    fn the_first_of_equal_logits_counts() {
        let logits = Matrix::from_rows(1, 3, vec![0.0, 2.0, 2.0]);
        let correct = [0, 1, 2]
            .map(|label| softmax_cross_entropy(&logits, &[label], &mut Matrix::default()).correct);
        assert_eq!(correct, [0, 1, 0]);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Matrix::from_rows(1, 2, vec![1000.0, -1000.0]);
        let loss = softmax_cross_entropy(&logits, &[1], &mut Matrix::default());
        assert_eq!((loss.sum, loss.correct), (2000.0, 0));
    }
}
