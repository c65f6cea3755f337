//! Addressed randomness: a seed, a named stream and a step give a generator, and nothing else does.
//!
//! Every number drawn anywhere in the workspace comes from `Stream::new(seed, name).at(step)`. A
//! stream depends on its name only, never on the thread that draws from it or on what was drawn
//! before, so results are the same for any thread count and in any order of evaluation.
//!
//! Normal deviates are drawn by [`standard_normal`], other distributions of `rand_distr` with
//! [`LibmFloat`]. Over a plain f64 its ziggurat, Pareto or log-normal distribution would take `exp`,
//! `ln` and `powf` from the platform, and platforms differ in the last bit: it asks for the `libm` form
//! of `num-traits`, but the features of a crate are those of the whole build, and nalgebra and statrs
//! enable `std` there.

mod libm_float;

pub use libm_float::{LibmFloat, sample};
use rand::{Rng, SeedableRng};

/// The generator behind every stream: ChaCha with 8 rounds, 2^64 steps a stream.
pub type Generator = rand_chacha::ChaCha8Rng;

/// A named source of randomness.
///
/// ```
/// use kernels::random::{Stream, uniform};
/// let dropout = Stream::new(7, "training").child("dropout");
/// let first = uniform(&mut dropout.at(3));
/// assert_eq!(first, uniform(&mut dropout.at(3)), "the same address gives the same number");
/// assert_ne!(first, uniform(&mut dropout.at(4)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream called `name` of this seed.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { state: mix(seed) }.child(name)
    }

    /// The stream called `name` inside this one.
    pub fn child(&self, name: &str) -> Self {
        // The length is absorbed first, so that ("ab", "c") and ("a", "bc") differ.
        let start = mix(self.state ^ name.len() as u64);
        Self { state: name.bytes().fold(start, |state, byte| mix(state ^ u64::from(byte))) }
    }

    /// The generator of one step of this stream.
    pub fn at(&self, step: u64) -> Generator {
        let mut seed = [0; 32];
        for (word, chunk) in (1u64..).zip(seed.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&mix(self.state.wrapping_add(word)).to_le_bytes());
        }
        let mut generator = Generator::from_seed(seed);
        generator.set_stream(step);
        generator
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes all 64 bits.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A uniform number in [0, 1): the 53 high bits of one word, times 2^-53.
pub fn uniform(rng: &mut impl Rng) -> f64 {
    unit_interval(rng.next_u64())
}

fn unit_interval(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Words that are asked for at once.
const WORDS: usize = 64;

/// The numbers that as many calls of [`uniform`] would give, in less time.
///
/// ```
/// use kernels::random::{Stream, fill_uniform, uniform};
/// let stream = Stream::new(7, "example");
/// let (mut numbers, mut generator) = ([0.0; 3], stream.at(0));
/// fill_uniform(&mut stream.at(0), &mut numbers);
/// assert_eq!(numbers, [(); 3].map(|()| uniform(&mut generator)));
/// ```
pub fn fill_uniform(rng: &mut impl Rng, numbers: &mut [f64]) {
    let mut bytes = [0; WORDS * size_of::<u64>()];
    for numbers in numbers.chunks_mut(WORDS) {
        let bytes = &mut bytes[..size_of_val(numbers)];
        rng.fill_bytes(bytes);
        for (number, &word) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = unit_interval(u64::from_le_bytes(word));
        }
    }
}

/// The words that as many calls of `next_u32` would give, in less time.
pub fn fill_words(rng: &mut impl Rng, words: &mut [u32]) {
    let mut bytes = [0; WORDS * size_of::<u32>()];
    for words in words.chunks_mut(WORDS) {
        let bytes = &mut bytes[..size_of_val(words)];
        rng.fill_bytes(bytes);
        for (to, &word) in words.iter_mut().zip(bytes.as_chunks().0) {
            *to = u32::from_le_bytes(word);
        }
    }
}

/// A uniform index in `0..bound`, by multiplication of a 64-bit word (bias below `bound` / 2^64).
///
/// # Panics
/// When `bound` is zero: there is nothing to draw.
pub fn below(rng: &mut impl Rng, bound: usize) -> usize {
    assert!(bound > 0, "an index is drawn from a non-empty range");
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// A standard normal deviate by Marsaglia's polar method; same bits on every machine.
pub fn standard_normal(rng: &mut impl Rng) -> f64 {
    loop {
        let x = 2.0 * uniform(rng) - 1.0;
        let y = 2.0 * uniform(rng) - 1.0;
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

/// Shuffles in place (Fisher and Yates, from the end).
pub fn shuffle<T>(rng: &mut impl Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned() {
        // A change of these values changes every number of the project: a visible decision.
        let mut generator = Stream::new(1, "pinned").child("stream").at(2);
        assert_eq!(generator.next_u64(), PINNED_WORD);
        assert_eq!(standard_normal(&mut generator).to_bits(), PINNED_NORMAL);
    }
    const PINNED_WORD: u64 = 8_535_039_267_431_829_178;
    const PINNED_NORMAL: u64 = 4_604_304_241_426_902_605;

    #[test]
    fn many_numbers_at_once_are_those_drawn_one_by_one() {
        let stream = Stream::new(2, "many");
        for count in [0, 1, 63, 64, 65, 300] {
            // From an odd word on, so that words straddle the generator's blocks.
            let (mut one, mut many) = (stream.at(1), stream.at(1));
            assert_eq!(one.next_u32(), many.next_u32());
            let mut numbers = vec![0.0; count];
            fill_uniform(&mut many, &mut numbers);
            let singles: Vec<f64> = (0..count).map(|_| uniform(&mut one)).collect();
            assert_eq!(numbers, singles, "{count}");
            let mut words = vec![0; count];
            fill_words(&mut many, &mut words);
            let singles: Vec<u32> = (0..count).map(|_| one.next_u32()).collect();
            assert_eq!(words, singles, "{count}");
            assert_eq!(one.next_u64(), many.next_u64(), "{count}");
        }
    }

    #[test]
    fn names_are_not_concatenated() {
        let seed = Stream::new(1, "");
        assert_ne!(seed.child("ab").child("c"), seed.child("a").child("bc"));
    }

    #[test]
    fn normal_deviates_have_mean_zero_and_variance_one() {
        let mut generator = Stream::new(5, "moments").at(0);
        let draws: Vec<f64> = (0..100_000).map(|_| standard_normal(&mut generator)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        // Five standard errors: 1/sqrt(n) for the mean, sqrt(2/n) for the second moment.
        assert!(mean.abs() < 5.0 / (draws.len() as f64).sqrt(), "mean {mean}");
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / draws.len() as f64).sqrt(), "{variance}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..100).collect();
        shuffle(&mut Stream::new(3, "shuffle").at(0), &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn every_order_of_three_is_as_likely_as_another() {
        // Also those in which an item keeps its place, which a shuffle into cycles never gives.
        let (stream, shuffles) = (Stream::new(4, "orders"), 6_000);
        let mut counts = std::collections::BTreeMap::new();
        for step in 0..shuffles {
            let mut items = [0, 1, 2];
            shuffle(&mut stream.at(step), &mut items);
            *counts.entry(items).or_insert(0.0) += 1.0;
        }
        // Five standard deviations of a binomial count of mean 1,000.
        let is_near =
            |&count: &f64| (count - 1_000.0).abs() < 5.0 * (1_000.0f64 * 5.0 / 6.0).sqrt();
        assert!(counts.len() == 6 && counts.values().all(is_near), "{counts:?}");
    }

    #[test]
    #[should_panic = "a non-empty range"]
    fn nothing_is_drawn_from_an_empty_range() {
        below(&mut Stream::new(0, "empty").at(0), 0);
    }
}
