//! Exact enumeration: a sampler run over every outcome it can have.
//!
//! A sampler turns random words into a selection, and its selection is constant while a word moves
//! inside an interval: between two values of a cumulative sum, on one side of a coin's
//! probability, between two multiples of 2^64 / n. So finitely many scripted words stand for all
//! of them, each with the length of its interval as exact probability.
//!
//! Nothing is told about the sampler: how many words it asks for is counted, and the intervals of a
//! word are found by bisection over what the sampler itself makes of it, given the words before and
//! some scripts of the words after. That a decision does not come back to a value it has left is
//! the one assumption; every outcome is run at the first, the middle and the last word of
//! its intervals, which must agree. The code enumerated is the code that training draws with.

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
struct Interval {
    first: u64,
    last: u64,
}

impl Interval {
    fn middle(&self) -> u64 {
        self.first + (self.last - self.first) / 2
    }

    /// The share of all words.
    fn probability(&self) -> f64 {
        (u128::from(self.last - self.first) + 1) as f64 / (1u128 << 64) as f64
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
/// ```
/// use kernels::selection::draw_bernoulli;
/// use theory::enumeration::outcomes;
/// let coins = outcomes(|rng| draw_bernoulli(&[0.25, 1.0], rng))?;
/// let probabilities: Vec<f64> = coins.iter().map(|outcome| outcome.probability).collect();
/// assert_eq!(probabilities, [0.25, 0.75]);
/// # Ok::<(), theory::claim::CheckError>(())
/// ```
///
/// # Errors
/// [`CheckError::WordsAsked`] when the sampler asks for another number of words at the end of an
/// interval than at its beginning, [`CheckError::NotConstant`] when its selection changes inside
/// one, and the sampler's own errors.
pub fn outcomes(
    sample: impl Fn(&mut ScriptedSource) -> Result<Selection, SelectionError>,
) -> Result<Vec<Outcome>, CheckError> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<Interval>> = vec![Vec::new()];
    // The intervals found last at each position: mostly those of the next outcome too.
    let mut known: Vec<Vec<Interval>> = Vec::new();
    while let Some(path) = open.pop() {
        let words: Vec<u64> = path.iter().map(|interval| interval.first).collect();
        let (selection, asked) = replay(&words, &sample)?;
        if asked > path.len() {
            let decision = Decision { before: &words, asked, sample: &sample };
            known.resize(known.len().max(path.len() + 1), Vec::new());
            let intervals = &mut known[path.len()];
            if !decision.has(intervals)? {
                *intervals = decision.intervals()?;
            }
            // Reversed, so that outcomes come in lexicographic order off the end of the list.
            open.extend(intervals.iter().rev().map(|&interval| {
                let mut longer = path.clone();
                longer.push(interval);
                longer
            }));
            continue;
        }
        for inside in [Interval::middle, |interval: &Interval| interval.last] {
            let others: Vec<u64> = path.iter().map(inside).collect();
            let (other, asked) = replay(&others, &sample)?;
            if asked != path.len() {
                return Err(CheckError::WordsAsked { asked, scripted: path.len() });
            }
            if other != selection {
                return Err(CheckError::NotConstant { words });
            }
        }
        let probability = path.iter().map(Interval::probability).product();
        found.push(Outcome { probability, selection });
    }
    Ok(found)
}

/// What is selected for these words, and how many words were asked for.
fn replay(
    words: &[u64],
    sample: &impl Fn(&mut ScriptedSource) -> Result<Selection, SelectionError>,
) -> Result<(Selection, usize), CheckError> {
    let mut source = ScriptedSource::new(words);
    let selection = sample(&mut source)?;
    Ok((selection, source.asked()))
}

/// What a sampler makes of one word, after some words and before others.
struct Decision<'a, S> {
    before: &'a [u64],
    /// How many words are asked for in all.
    asked: usize,
    sample: &'a S,
}

impl<S: Fn(&mut ScriptedSource) -> Result<Selection, SelectionError>> Decision<'_, S> {
    /// The selections that a word leads to when the later words are all zero, when they are all
    /// the largest, and when one of them is. Where a sampler goes on from different states, such
    /// as two orders of the pairs, one of these tells them apart.
    fn futures(&self, word: u64) -> Result<Vec<Selection>, CheckError> {
        let position = self.before.len();
        let mut script = self.before.to_vec();
        script.push(word);
        script.resize(self.asked, 0);
        let mut seen = vec![replay(&script, self.sample)?.0];
        for later in position + 1..self.asked {
            script[later] = u64::MAX;
            seen.push(replay(&script, self.sample)?.0);
            script[later] = 0;
        }
        script[position + 1..].fill(u64::MAX);
        seen.push(replay(&script, self.sample)?.0);
        Ok(seen)
    }

    /// Whether these are the intervals of this decision.
    fn has(&self, intervals: &[Interval]) -> Result<bool, CheckError> {
        let mut before = None;
        for interval in intervals {
            let value = self.futures(interval.first)?;
            if before.as_ref() == Some(&value) || self.futures(interval.last)? != value {
                return Ok(false);
            }
            before = Some(value);
        }
        Ok(before.is_some())
    }

    /// The intervals, by bisection.
    fn intervals(&self) -> Result<Vec<Interval>, CheckError> {
        let largest = self.futures(u64::MAX)?;
        let mut found = Vec::new();
        let mut first = 0;
        loop {
            let value = self.futures(first)?;
            if value == largest {
                found.push(Interval { first, last: u64::MAX });
                return Ok(found);
            }
            let (mut inside, mut beyond) = (first, u64::MAX);
            while beyond - inside > 1 {
                let middle = inside + (beyond - inside) / 2;
                if self.futures(middle)? == value { inside = middle } else { beyond = middle }
            }
            found.push(Interval { first, last: inside });
            first = beyond;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{below, uniform};
    use kernels::selection::draw_bernoulli;

    #[test]
    fn a_coin_has_the_length_of_its_interval() {
        for p in [0.0, 1e-9, 0.3, 0.5, 1.0] {
            let found = outcomes(|rng| draw_bernoulli(&[p], rng)).unwrap();
            let kept = found.iter().filter(|outcome| !outcome.selection.is_empty());
            let kept: f64 = kept.map(|outcome| outcome.probability).sum();
            assert!((kept - p).abs() <= f64::EPSILON, "{p} {kept}");
        }
    }

    #[test]
    fn shuffles_of_all_sizes_are_told_apart() {
        // The first k steps of a shuffle: n! / (n - k)! orders, each as likely, and selections that
        // do not show the order.
        for (pairs, k) in (2..=7).flat_map(|n| (1..=4.min(n - 1)).map(move |k| (n, k))) {
            let found = outcomes(|rng| {
                kernels::selection::draw_uniform_without_replacement(pairs, k, true, rng)
            });
            let found = found.unwrap();
            assert_eq!(found.len(), (pairs - k + 1..=pairs).product::<usize>(), "{pairs} {k}");
            let even = 1.0 / found.len() as f64;
            assert!(found.iter().all(|o| (o.probability - even).abs() < 1e-15), "{pairs} {k}");
        }
    }

    #[test]
    fn a_decision_that_comes_back_to_a_value_is_seen() {
        let folded = |rng: &mut ScriptedSource| {
            let kept = (uniform(rng) - 0.4).abs() < 0.2;
            Selection::new(vec![u32::from(kept)], vec![1.0], 2)
        };
        // Both ends select alike, so that one interval is found; its middle does not.
        let error = outcomes(folded).unwrap_err();
        assert_eq!(error, CheckError::NotConstant { words: vec![0] });
        let sum_of_two = |rng: &mut ScriptedSource| {
            let (one, two) = (below(rng, 3), below(rng, 3));
            Selection::new(vec![((one + two) % 3) as u32], vec![1.0], 3)
        };
        assert_eq!(outcomes(sum_of_two).unwrap().len(), 9);
    }

    #[test]
    fn a_number_of_words_that_depends_on_a_word_is_seen() {
        let impatient = |rng: &mut ScriptedSource| {
            if uniform(rng) > 0.5 && uniform(rng) > 2.0 {
                Err(SelectionError::ZeroBudget)
            } else {
                Selection::new(vec![0], vec![1.0], 1)
            }
        };
        let error = outcomes(impatient).unwrap_err();
        assert_eq!(error, CheckError::WordsAsked { asked: 2, scripted: 1 });
    }
}
