//! Conditional Poisson sampling: Bernoulli coins, given that exactly k pairs are kept. Among all
//! designs of its inclusion probabilities the one of greatest entropy (Hajek 1964).

use super::{Selection, SelectionError, fixed_size, inverse};
use crate::random::uniform;
use rand::Rng;

/// The design for coins p_i given that their sum, a whole number k, is the number kept.
///
/// The inclusion probabilities are close to the coins', not equal; they are computed exactly and
/// the scale is their inverse.
///
/// ```
/// use kernels::{random::Stream, selection::ConditionalPoisson};
/// let design = ConditionalPoisson::new(&[0.5, 0.5, 0.5, 0.5])?;
/// assert_eq!(design.inclusion(), [0.5; 4]);
/// assert_eq!(design.draw(&mut Stream::new(0, "poisson").at(0)).len(), 2);
/// # Ok::<(), kernels::selection::SelectionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionalPoisson {
    coins: Vec<f64>,
    size: usize,
    /// Row i, column r: the chance that r of the coins from i on come up. (n + 1) x (k + 1).
    tails: Vec<f64>,
    inclusion: Vec<f64>,
}

impl ConditionalPoisson {
    /// The most bytes that the table of a design takes, 8 (n + 1)(k + 1): 1 GiB.
    pub const MOST_BYTES: u128 = 1 << 30;

    /// The design, in O(n k) time and memory.
    ///
    /// # Errors
    /// When a probability lies outside [0, 1], they do not sum to a whole number within 1e-9 and
    /// the rounding of so many terms, or the table would take more than [`Self::MOST_BYTES`].
    pub fn new(coins: &[f64]) -> Result<Self, SelectionError> {
        let size = fixed_size(coins)?;
        let numbers = (coins.len() as u128 + 1) * (size as u128 + 1);
        let (bytes, limit) = (numbers * size_of::<f64>() as u128, Self::MOST_BYTES);
        if bytes > limit {
            return Err(SelectionError::TooMuchMemory {
                pairs: coins.len(),
                k: size,
                bytes,
                limit,
            });
        }
        Ok(Self::given(coins, size))
    }

    /// The design for any number kept that the coins can give.
    fn given(coins: &[f64], size: usize) -> Self {
        let (n, width) = (coins.len(), size + 1);
        let mut tails = vec![0.0; (n + 1) * width];
        tails[n * width] = 1.0;
        for i in (0..n).rev() {
            for r in 0..width {
                let without = (1.0 - coins[i]) * tails[(i + 1) * width + r];
                let with = if r > 0 { coins[i] * tails[(i + 1) * width + r - 1] } else { 0.0 };
                tails[i * width + r] = without + with;
            }
        }
        let mut heads = vec![0.0; width];
        heads[0] = 1.0;
        let mut inclusion = Vec::with_capacity(n);
        for i in 0..n {
            // The others come up k - 1 times: s of those before i, k - 1 - s of those after.
            let after = &tails[(i + 1) * width..(i + 2) * width];
            let others: f64 = (0..size).map(|s| heads[s] * after[size - 1 - s]).sum();
            inclusion.push(coins[i] * others / tails[size]);
            for r in (0..width).rev() {
                let with = if r > 0 { coins[i] * heads[r - 1] } else { 0.0 };
                heads[r] = (1.0 - coins[i]) * heads[r] + with;
            }
        }
        Self { coins: coins.to_vec(), size, tails, inclusion }
    }

    /// The chance of each pair to be kept. They sum to the number kept.
    pub fn inclusion(&self) -> &[f64] {
        &self.inclusion
    }

    /// The chance of each two pairs to be kept together, n x n, with the inclusion probabilities
    /// on the diagonal, in O(n^2 k) time.
    pub fn joint_inclusion(&self) -> Vec<f64> {
        let n = self.coins.len();
        let mut joint = Vec::with_capacity(n * n);
        for i in 0..n {
            if self.inclusion[i] == 0.0 {
                joint.resize(joint.len() + n, 0.0);
                continue;
            }
            // Given that i is kept, the others are such a design of one pair fewer.
            let mut others = self.coins.clone();
            others.remove(i);
            let given = Self::given(&others, self.size - 1);
            let rest = given.inclusion.iter().map(|p| p * self.inclusion[i]);
            let mut row: Vec<f64> = rest.collect();
            row.insert(i, self.inclusion[i]);
            joint.extend(row);
        }
        joint
    }

    /// Draws exactly k pairs and scales each by the inverse of its inclusion probability.
    ///
    /// One uniform number is drawn a pair, in index order, whether or not the outcome is certain.
    pub fn draw(&self, rng: &mut impl Rng) -> Selection {
        let mut selection = Selection::default();
        self.draw_into(rng, &mut selection);
        selection
    }

    /// [`Self::draw`] into memory that is used again.
    pub(crate) fn draw_into(&self, rng: &mut impl Rng, selection: &mut Selection) {
        let width = self.size + 1;
        let mut missing = self.size;
        let keep = |i: usize| {
            let point = uniform(rng);
            if missing == 0 {
                return false;
            }
            let with = self.coins[i] * self.tails[(i + 1) * width + missing - 1];
            // A certain pair has with = tail up to rounding: the point is below one in any case.
            let without = (1.0 - self.coins[i]) * self.tails[(i + 1) * width + missing];
            let kept = point * (with + without) < with;
            missing -= usize::from(kept);
            kept
        };
        selection.set(self.coins.len(), keep, |i| inverse(self.inclusion[i]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    const COINS: [f64; 6] = [0.3, 1.0, 0.7, 0.0, 0.4, 0.6];

    #[test]
    fn the_number_kept_is_fixed_and_certain_pairs_are_kept() {
        let design = ConditionalPoisson::new(&COINS).unwrap();
        for step in 0..200 {
            let selection = design.draw(&mut Stream::new(1, "poisson").at(step));
            assert_eq!(selection.len(), 3);
            assert!(selection.indices().contains(&1) && !selection.indices().contains(&3));
        }
    }

    #[test]
    fn inclusion_probabilities_sum_as_those_of_a_fixed_size() {
        let design = ConditionalPoisson::new(&COINS).unwrap();
        assert!((design.inclusion().iter().sum::<f64>() - 3.0).abs() < 1e-12);
        assert_eq!((design.inclusion()[1], design.inclusion()[3]), (1.0, 0.0));
        for (i, row) in design.joint_inclusion().chunks(6).enumerate() {
            assert!((row.iter().sum::<f64>() - 3.0 * design.inclusion()[i]).abs() < 1e-12);
        }
    }

    #[test]
    fn two_coins_by_hand() {
        // Given one of coins 0.2 and 0.8: odds 0.2 * 0.2 against 0.8 * 0.8.
        let design = ConditionalPoisson::new(&[0.2, 0.8]).unwrap();
        assert!((design.inclusion()[0] - 0.04 / 0.68).abs() < 1e-15);
        assert!(ConditionalPoisson::new(&[0.2, 0.7]).is_err());
    }
}
