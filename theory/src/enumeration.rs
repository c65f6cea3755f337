//! Exact enumeration: a sampler run over every outcome it can have.
//!
//! A sampler turns random words into a selection, and its selection is constant while a word moves
//! inside an interval: between two values of a cumulative sum, on one side of a coin's
//! probability, between two multiples of 2^64 / n. So finitely many scripted words stand for all
//! of them, each with the length of its interval as exact probability. The intervals are found by
//! bisection over the sampler's own one-word decision, not computed from the probability it is
//! said to have; and every outcome is run at the first and at the last word of its intervals,
//! which must agree. The code enumerated is the code that training draws with.

use crate::claim::CheckError;
use kernels::Selection;
use kernels::selection::SelectionError;
use rand::TryRng;
use std::convert::Infallible;

/// A source of randomness that replays a script and counts what it is asked for.
#[derive(Clone, Debug)]
pub struct ScriptedSource<'a> {
    words: &'a [u64],
    asked: usize,
}

impl<'a> ScriptedSource<'a> {
    /// A source that gives these words, then zeros.
    pub fn new(words: &'a [u64]) -> Self {
        Self { words, asked: 0 }
    }

    /// How many words it was asked for, also beyond the end of the script.
    pub fn asked(&self) -> usize {
        self.asked
    }
}

impl TryRng for ScriptedSource<'_> {
    type Error = Infallible;

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = self.words.get(self.asked).copied().unwrap_or(0);
        self.asked += 1;
        Ok(word)
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

/// The random words that lead to one value of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// What is decided.
    pub value: usize,
    /// The first word that leads to it.
    pub first: u64,
    /// The last word that leads to it.
    pub last: u64,
}

impl Interval {
    /// The share of all words.
    pub fn probability(&self) -> f64 {
        (u128::from(self.last - self.first) + 1) as f64 / (1u128 << 64) as f64
    }
}

/// The intervals of a decision that does not decrease with the random word, by bisection.
///
/// ```
/// use theory::enumeration::intervals;
/// let coin = intervals(|word| Ok::<_, ()>(usize::from(word >= 3 << 62)))?;
/// assert_eq!(coin.iter().map(|i| i.probability()).collect::<Vec<_>>(), [0.75, 0.25]);
/// # Ok::<(), ()>(())
/// ```
///
/// # Errors
/// Those of the decision.
pub fn intervals<E>(decide: impl Fn(u64) -> Result<usize, E>) -> Result<Vec<Interval>, E> {
    let mut found = Vec::new();
    let mut first = 0;
    loop {
        let value = decide(first)?;
        let (mut inside, mut beyond) = (first, u64::MAX);
        if decide(u64::MAX)? == value {
            found.push(Interval { value, first, last: u64::MAX });
            return Ok(found);
        }
        while beyond - inside > 1 {
            let middle = inside + (beyond - inside) / 2;
            if decide(middle)? == value { inside = middle } else { beyond = middle }
        }
        found.push(Interval { value, first, last: inside });
        first = beyond;
    }
}

/// One outcome of a sampler.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its exact probability.
    pub probability: f64,
    /// What is selected.
    pub selection: Selection,
}

/// Every outcome of a sampler, with its probability.
///
/// `next` gives the intervals of the next draw after those taken so far, or nothing when the
/// sampler is done; `sample` runs the sampler.
///
/// # Errors
/// [`CheckError::WordsAsked`] when the sampler consumes another number of words than `next`
/// scripts, [`CheckError::NotConstant`] when its selection changes inside an interval, and the
/// sampler's own errors.
pub fn outcomes(
    next: impl Fn(&[Interval]) -> Result<Option<Vec<Interval>>, CheckError>,
    sample: impl Fn(&mut ScriptedSource) -> Result<Selection, SelectionError>,
) -> Result<Vec<Outcome>, CheckError> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<Interval>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        if let Some(branches) = next(&path)? {
            // Reversed, so that outcomes come in lexicographic order off the end of the list.
            for interval in branches.into_iter().rev() {
                let mut longer = path.clone();
                longer.push(interval);
                open.push(longer);
            }
            continue;
        }
        let at_first = replay(path.iter().map(|interval| interval.first), &sample)?;
        let at_last = replay(path.iter().map(|interval| interval.last), &sample)?;
        if at_first != at_last {
            let outcome = path.iter().map(|interval| interval.value).collect();
            return Err(CheckError::NotConstant { outcome });
        }
        let probability = path.iter().map(Interval::probability).product();
        found.push(Outcome { probability, selection: at_first });
    }
    Ok(found)
}

fn replay(
    words: impl Iterator<Item = u64>,
    sample: &impl Fn(&mut ScriptedSource) -> Result<Selection, SelectionError>,
) -> Result<Selection, CheckError> {
    let words: Vec<u64> = words.collect();
    let mut source = ScriptedSource::new(&words);
    let selection = sample(&mut source)?;
    match source.asked() {
        asked if asked == words.len() => Ok(selection),
        asked => Err(CheckError::WordsAsked { asked, scripted: words.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::selection::draw_bernoulli;

    fn coin(p: f64) -> Vec<Interval> {
        let decide = |word: u64| {
            let kept = draw_bernoulli(&[p], &mut ScriptedSource::new(&[word]))?;
            Ok::<_, SelectionError>(usize::from(kept.is_empty()))
        };
        intervals(decide).unwrap()
    }

    #[test]
    fn a_coin_has_the_length_of_its_interval() {
        for p in [0.0, 1e-9, 0.3, 0.5, 1.0] {
            let kept: f64 =
                coin(p).iter().filter(|i| i.value == 0).map(Interval::probability).sum();
            assert!((kept - p).abs() <= f64::EPSILON, "{p} {kept}");
        }
    }

    #[test]
    fn a_wrong_number_of_words_is_seen() {
        let p = [0.5, 0.5];
        let one_coin = |path: &[Interval]| Ok(path.is_empty().then(|| coin(0.5)));
        let error = outcomes(one_coin, |rng| draw_bernoulli(&p, rng)).unwrap_err();
        assert_eq!(error, CheckError::WordsAsked { asked: 2, scripted: 1 });
    }

    #[test]
    fn a_wrong_interval_is_seen() {
        let wrong = |path: &[Interval]| Ok(path.is_empty().then(|| coin(0.4)));
        let error = outcomes(wrong, |rng| draw_bernoulli(&[0.5], rng)).unwrap_err();
        assert!(matches!(error, CheckError::NotConstant { .. }));
    }
}
