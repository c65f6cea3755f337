//! Step three of four: from probabilities to the pairs kept and the scale of each.

mod bernoulli;
mod maximum_entropy;
mod systematic;
mod top_k;
mod uniform;
mod with_replacement;
mod wta_crs;

pub use bernoulli::draw_bernoulli;
pub(crate) use bernoulli::draw_bernoulli_into;
pub use maximum_entropy::ConditionalPoisson;
pub(crate) use systematic::{common_arcs, draw_systematic_into};
pub use systematic::{draw_systematic, systematic_joint_inclusion};
pub use top_k::{adaptive_top_k, top_k};
pub(crate) use top_k::{adaptive_top_k_into, top_k_into};
pub use uniform::draw_uniform_without_replacement;
pub(crate) use uniform::draw_uniform_without_replacement_into;
pub use with_replacement::draw_with_replacement;
pub(crate) use with_replacement::{check_draws, count_draws, scale_of_draws};
pub use wta_crs::{draw_winner_take_all, winners};
pub(crate) use wta_crs::{draw_winner_take_all_into, split_winners};

use crate::probability::{ProbabilityError, first_outside};

/// Why no selection can be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// No pair may be kept.
    #[error("a budget of 0 pairs was asked for; at least 1 is needed")]
    ZeroBudget,
    /// A probability is negative, above one or not a number.
    #[error("probability {index} is {value}; it lies in [0, 1]")]
    InvalidProbability {
        /// Which one.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// The probabilities of single draws do not sum to one.
    #[error("the probabilities of a draw sum to {sum}, not 1")]
    NotNormalised {
        /// What they sum to.
        sum: f64,
    },
    /// The inclusion probabilities of a design of fixed size do not sum to a whole number.
    #[error("the inclusion probabilities sum to {sum}; a fixed number of pairs is a whole number")]
    FractionalSize {
        /// What they sum to.
        sum: f64,
    },
    /// The table of a design is larger than is held in memory.
    #[error(
        "conditional Poisson sampling of {k} of {pairs} pairs needs {bytes} bytes, (n + 1)(k + 1) \
         numbers, and gets at most {limit}; systematic sampling needs a few a pair"
    )]
    TooMuchMemory {
        /// The number of pairs n.
        pairs: usize,
        /// The number kept.
        k: usize,
        /// What the table would take.
        bytes: u128,
        /// What it may take.
        limit: u128,
    },
    /// All draws are spent on pairs kept for certain.
    #[error("{winners} pairs are to be kept for certain of a budget of {k}; at least 1 is drawn")]
    TooManyWinners {
        /// Pairs to keep for certain.
        winners: usize,
        /// The budget.
        k: usize,
    },
    /// The share of the scores to keep is outside (0, 1].
    #[error("a share of {share} of the scores was asked for; it lies in (0, 1]")]
    InvalidShare {
        /// What was asked for.
        share: f64,
    },
    /// Indices are not strictly increasing, or reach beyond the number of pairs.
    #[error(
        "index {index} at position {position} is not above its predecessor or not below {pairs}"
    )]
    InvalidIndex {
        /// Where in the list.
        position: usize,
        /// The index.
        index: u32,
        /// The number of pairs n.
        pairs: usize,
    },
    /// The lists of indices and scales differ in length.
    #[error("{indices} indices came with {scales} scales")]
    LengthMismatch {
        /// Number of indices.
        indices: usize,
        /// Number of scales.
        scales: usize,
    },
    /// The scores do not give probabilities.
    #[error(transparent)]
    Probability(#[from] ProbabilityError),
}

/// The pairs S kept of n, in increasing order, with the scale s_i of each.
///
/// A pair drawn several times (sampling with replacement) stands once, with its scales summed:
/// the estimate is the same and the work less.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    indices: Vec<u32>,
    scales: Vec<f64>,
    pairs: usize,
}

impl Selection {
    /// A selection from its parts.
    ///
    /// # Errors
    /// [`SelectionError::LengthMismatch`], or [`SelectionError::InvalidIndex`] when the indices
    /// are not strictly increasing and below `pairs`.
    pub fn new(indices: Vec<u32>, scales: Vec<f64>, pairs: usize) -> Result<Self, SelectionError> {
        if indices.len() != scales.len() {
            return Err(SelectionError::LengthMismatch {
                indices: indices.len(),
                scales: scales.len(),
            });
        }
        let invalid = indices.iter().enumerate().position(|(position, &index)| {
            index as usize >= pairs || (position > 0 && indices[position - 1] >= index)
        });
        match invalid {
            Some(position) => {
                Err(SelectionError::InvalidIndex { position, index: indices[position], pairs })
            }
            None => Ok(Self { indices, scales, pairs }),
        }
    }

    /// Every pair with scale one: the exact product.
    pub fn all(pairs: usize) -> Self {
        Self { indices: (0..pairs as u32).collect(), scales: vec![1.0; pairs], pairs }
    }

    /// No pair: an estimate of zero.
    pub(crate) fn none(pairs: usize) -> Self {
        Self { pairs, ..Self::default() }
    }

    /// Becomes a copy of another selection, in the memory it has.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.pairs = other.pairs;
        self.indices.clear();
        self.scales.clear();
        // Room for all: how many are kept may change from draw to draw.
        self.indices.reserve(other.pairs);
        self.scales.reserve(other.pairs);
        self.indices.extend_from_slice(&other.indices);
        self.scales.extend_from_slice(&other.scales);
    }

    /// Becomes [`Selection::all`], in the memory it has.
    pub(crate) fn set_all(&mut self, pairs: usize) {
        self.set(pairs, |_| true, |_| 1.0);
    }

    /// Becomes the pairs that `keep`, asked in index order, says yes to, each with its scale, in
    /// the memory it has.
    pub(crate) fn set(
        &mut self,
        pairs: usize,
        mut keep: impl FnMut(usize) -> bool,
        scale: impl Fn(usize) -> f64,
    ) {
        self.pairs = pairs;
        self.indices.resize(pairs, 0);
        let mut kept = 0;
        for index in 0..pairs {
            // Written in any case: a branch on a random choice would be guessed wrong half the time.
            self.indices[kept] = index as u32;
            kept += usize::from(keep(index));
        }
        self.indices.truncate(kept);
        self.scales.clear();
        // Room for all: how many are kept changes from draw to draw.
        self.scales.reserve(pairs);
        self.scales.extend(self.indices.iter().map(|&index| scale(index as usize)));
    }

    /// Becomes `other` as a matrix sees it that stores the pairs `place` tells, in the memory it
    /// has: the same pairs and scales, each index replaced by its place among `stored`.
    ///
    /// ```
    /// use kernels::Selection;
    /// let selection = Selection::new(vec![3, 7], vec![1.5, 2.0], 10)?;
    /// let mut among_odd = Selection::default();
    /// among_odd.set_places(&selection, 5, |index| index / 2);
    /// assert_eq!(among_odd, Selection::new(vec![1, 3], vec![1.5, 2.0], 5)?);
    /// # Ok::<(), kernels::selection::SelectionError>(())
    /// ```
    ///
    /// # Panics
    /// When the places are not strictly increasing and below `stored`.
    pub fn set_places(&mut self, other: &Self, stored: usize, place: impl Fn(u32) -> u32) {
        self.indices.clear();
        self.indices.reserve(other.pairs);
        self.indices.extend(other.indices.iter().map(|&index| place(index)));
        let mut places = self.indices.windows(2);
        assert!(places.all(|pair| pair[0] < pair[1]), "places are in the order of the indices");
        assert!(self.indices.last().is_none_or(|&last| (last as usize) < stored), "places exist");
        self.scales.clear();
        self.scales.reserve(other.pairs);
        self.scales.extend_from_slice(&other.scales);
        self.pairs = stored;
    }

    /// The kept indices, strictly increasing.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The scale of each kept index.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// How many pairs are kept.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether no pair is kept (Bernoulli sampling can come to that).
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The number of pairs n of the exact product.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Whether the product over this selection is the exact one.
    pub fn is_exact(&self) -> bool {
        self.len() == self.pairs && self.is_unscaled()
    }

    /// Whether every scale is one.
    pub fn is_unscaled(&self) -> bool {
        self.scales.iter().all(|&scale| scale == 1.0)
    }
}

/// Memory that drawing a selection needs, kept from one draw to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(crate) law: LawMemory,
    pub(crate) scratch: Scratch,
}

/// What a law is made of: probabilities, or the pairs that are certain.
#[derive(Debug, Default)]
pub(crate) struct LawMemory {
    pub(crate) probabilities: Vec<f64>,
    pub(crate) certain: Selection,
}

/// Memory whose contents nobody asks for again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) sorted: Vec<f64>,
    pub(crate) sums: Vec<f64>,
    pub(crate) keys: Vec<u64>,
    pub(crate) counts: Vec<u32>,
}

pub(crate) fn check_probabilities(p: &[f64]) -> Result<(), SelectionError> {
    match first_outside(p, 1.0) {
        Some((index, value)) => Err(SelectionError::InvalidProbability { index, value }),
        None => Ok(()),
    }
}

/// 1/p, the scale of a pair that is kept with probability p, and the largest number where p is below
/// 2^-1024 and has no inverse.
fn inverse(p: f64) -> f64 {
    (1.0 / p).min(f64::MAX)
}

/// Whether so many numbers that add up to `sum` in f64 may add up to `expected`: each addition
/// rounds, in the worst case all of them to the same side, and so did the numbers.
fn adds_up_to(sum: f64, expected: f64, terms: usize) -> bool {
    let rounding = terms as f64 * f64::EPSILON * expected;
    (sum - expected).abs() <= rounding.max(1e-9)
}

/// The whole number that the inclusion probabilities sum to.
pub(crate) fn fixed_size(p: &[f64]) -> Result<usize, SelectionError> {
    check_probabilities(p)?;
    let sum: f64 = p.iter().sum();
    let size = sum.round();
    if adds_up_to(sum, size, p.len()) {
        Ok(size as usize)
    } else {
        Err(SelectionError::FractionalSize { sum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_checked() {
        assert!(Selection::new(vec![0, 2], vec![1.0, 1.0], 3).is_ok());
        assert!(Selection::new(vec![2, 0], vec![1.0, 1.0], 3).is_err());
        assert!(Selection::new(vec![1, 1], vec![1.0, 1.0], 3).is_err());
        assert!(Selection::new(vec![0, 3], vec![1.0, 1.0], 3).is_err());
        assert!(Selection::new(vec![0], vec![], 3).is_err());
    }

    #[test]
    fn sums_may_be_off_by_a_rounding_a_term_and_no_more() {
        // As f64 adds 2^20 numbers near 0.1: 1.6e-10 of their sum is lost.
        let terms = 1 << 20;
        let sum = (0..terms).fold(0.0, |sum, _| sum + 0.1);
        assert!((sum - 0.1 * terms as f64).abs() > 1e-9, "{sum}");
        assert!(adds_up_to(sum, 0.1 * terms as f64, terms));
        assert!(!adds_up_to(sum, 0.1 * terms as f64 + 0.01, terms));
        assert!(adds_up_to(1.0 + 3e-9, 1.0, 1 << 24) && !adds_up_to(1.0 + 5e-9, 1.0, 1 << 24));
        assert!(adds_up_to(3.0 - 9e-10, 3.0, 5) && !adds_up_to(3.0 - 2e-9, 3.0, 5));
    }

    #[test]
    fn a_selection_may_keep_nothing() {
        let none = Selection::new(Vec::new(), Vec::new(), 3).unwrap();
        assert!(none.is_empty() && !none.is_exact());
        assert!(!Selection::new(vec![1], vec![1.0], 3).unwrap().is_empty());
    }

    #[test]
    fn only_all_pairs_with_scale_one_are_exact() {
        assert!(Selection::all(4).is_exact());
        assert!(!Selection::new(vec![0, 1], vec![1.0, 2.0], 2).unwrap().is_exact());
        assert!(!Selection::new(vec![0], vec![1.0], 2).unwrap().is_exact());
    }
}
