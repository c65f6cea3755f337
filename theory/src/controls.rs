//! Wrong estimators, made from the right ones by one mistake each. Every check must reject them.

use kernels::Selection;
use kernels::selection::SelectionError;
use rand::{Rng, TryRng};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// One mistake in a sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mistake {
    /// The kept pairs are not scaled.
    MissingScale,
    /// The scale divides by k + 1 in the place of k.
    ScaleOfNextBudget,
    /// Every index is one too high (the last becomes the first).
    IndexOffByOne,
    /// The uniform numbers lean towards zero.
    BiasedGenerator,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::MissingScale, Self::ScaleOfNextBudget, Self::IndexOffByOne, Self::BiasedGenerator];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingScale => "missing scale",
            Self::ScaleOfNextBudget => "scale with k + 1",
            Self::IndexOffByOne => "index off by one",
            Self::BiasedGenerator => "biased generator",
        }
    }

    /// What the mistake makes of a right selection at budget k.
    ///
    /// # Errors
    /// None for selections of the kernels.
    pub fn spoil(self, right: Selection, k: usize) -> Result<Selection, SelectionError> {
        let (indices, scales, pairs) = (right.indices(), right.scales(), right.pairs());
        match self {
            Self::MissingScale => Selection::new(indices.to_vec(), vec![1.0; right.len()], pairs),
            Self::ScaleOfNextBudget => {
                let factor = k as f64 / (k + 1) as f64;
                let scales = scales.iter().map(|scale| scale * factor).collect();
                Selection::new(indices.to_vec(), scales, pairs)
            }
            Self::IndexOffByOne => {
                let shifted = indices.iter().map(|index| (index + 1) % pairs as u32);
                let mut kept: Vec<(u32, f64)> = shifted.zip(scales.iter().copied()).collect();
                kept.sort_unstable_by_key(|&(index, _)| index);
                let (indices, scales) = kept.into_iter().unzip();
                Selection::new(indices, scales, pairs)
            }
            Self::BiasedGenerator => Ok(right),
        }
    }
}

/// A generator whose uniform numbers are u - u (1 - u) / 4 in the place of u.
#[derive(Debug)]
pub struct BiasedGenerator<'a, R>(pub &'a mut R);

impl<R: Rng> TryRng for BiasedGenerator<'_, R> {
    type Error = Infallible;

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = self.0.next_u64();
        let lean = (u128::from(word) * u128::from(!word)) >> 66;
        Ok(word - lean as u64)
    }

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}
