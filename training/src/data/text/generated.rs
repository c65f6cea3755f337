//! Text drawn by code, for a run without any data: a random Markov chain of 200 words.
//!
//! What follows a word depends on that word alone: one of five successors, with probabilities 8, 4,
//! 2, 1 and 1 sixteenths. So a model that has learnt the chain comes to an entropy of exactly 15/8
//! bits a token (perplexity 3.67), and one that knows nothing but how frequent each word is to that of
//! the stationary distribution: 6.4 to 7 bits (perplexity 84 to 128), seed by seed.

use super::{Corpus, END_OF_SENTENCE, Vocabulary};
use kernels::random::{Generator, Stream, below};

/// The end of sentence, with number 0, among them.
const WORDS: u16 = 200;
const END: u16 = 0;

/// How many sixteenths of the time each successor follows.
const SIXTEENTHS: [usize; 5] = [8, 4, 2, 1, 1];

/// So many tokens to learn from and to judge by, drawn from the chain of a seed.
///
/// The number of a word is its place in the chain, also where it does not occur.
///
/// ```
/// let corpus = training::data::generated_text(1, 1_000, 100, 100);
/// assert_eq!((corpus.train.len(), corpus.vocabulary.len()), (1_000, 200));
/// assert!(corpus.train.iter().all(|token| *token < 200));
/// ```
pub fn generated_text(seed: u64, train: usize, valid: usize, test: usize) -> Corpus {
    let stream = Stream::new(seed, "generated text");
    let chain = Chain::draw(&mut stream.child("chain").at(0));
    let mut vocabulary = Vocabulary::default();
    for number in 0..WORDS {
        let word = if number == END { END_OF_SENTENCE.to_owned() } else { format!("word{number}") };
        vocabulary.add(&word);
    }
    let draw = |part: &str, count| chain.tokens(&mut stream.child(part).at(0), count);
    Corpus {
        name: "generated text".to_owned(),
        vocabulary,
        train: draw("train", train),
        valid: draw("valid", valid),
        test: draw("test", test),
    }
}

/// The successors of every word, the most frequent first.
struct Chain([[u16; SIXTEENTHS.len()]; WORDS as usize]);

impl Chain {
    /// The last two successors are the next word and the end of sentence, so that every word can be
    /// reached from every other. Of two words that are drawn the lower becomes another, so that
    /// low numbers are frequent, as some words are in every language.
    fn draw(generator: &mut Generator) -> Self {
        let mut chain = [[END; SIXTEENTHS.len()]; WORDS as usize];
        for (word, successors) in (0..).zip(&mut chain) {
            let next = word % (WORDS - 1) + 1;
            let mut fixed = vec![next];
            if word != END {
                fixed.push(END);
            }
            let mut drawn = Vec::new();
            while drawn.len() + fixed.len() < SIXTEENTHS.len() {
                let mut draw = || below(generator, usize::from(WORDS - 1)) as u16 + 1;
                let successor = draw().min(draw());
                if !drawn.contains(&successor) && !fixed.contains(&successor) {
                    drawn.push(successor);
                }
            }
            for (to, from) in successors.iter_mut().zip(drawn.into_iter().chain(fixed)) {
                *to = from;
            }
        }
        Self(chain)
    }

    /// Tokens from the beginning of a sentence on.
    fn tokens(&self, generator: &mut Generator, count: usize) -> Vec<u16> {
        let mut word = END;
        let mut next = || {
            let mut sixteenth = below(generator, SIXTEENTHS.iter().sum());
            let mut choice = 0;
            while sixteenth >= SIXTEENTHS[choice] {
                sixteenth -= SIXTEENTHS[choice];
                choice += 1;
            }
            word = self.0[usize::from(word)][choice];
            word
        };
        (0..count).map(|_| next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = WORDS as usize;

    fn chain(seed: u64) -> Chain {
        Chain::draw(&mut Stream::new(seed, "generated text").child("chain").at(0))
    }

    fn probability(choice: usize) -> f64 {
        SIXTEENTHS[choice] as f64 / 16.0
    }

    fn entropy(probabilities: impl IntoIterator<Item = f64>) -> f64 {
        probabilities.into_iter().map(|p| -p * p.log2()).sum()
    }

    /// By powers of the transition matrix.
    fn stationary(chain: &Chain) -> [f64; COUNT] {
        let mut now = [1.0 / COUNT as f64; COUNT];
        for _ in 0..2_000 {
            let mut next = [0.0; COUNT];
            for (mass, successors) in now.iter().zip(&chain.0) {
                for (choice, successor) in successors.iter().enumerate() {
                    next[usize::from(*successor)] += mass * probability(choice);
                }
            }
            now = next;
        }
        now
    }

    #[test]
    fn the_entropies_are_the_documented_ones() {
        for seed in 0..5 {
            let chain = chain(seed);
            for successors in &chain.0 {
                let mut distinct = successors.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), SIXTEENTHS.len());
            }
            assert_eq!(entropy((0..SIXTEENTHS.len()).map(probability)), 15.0 / 8.0);
            let stationary = stationary(&chain);
            assert!(stationary.iter().all(|p| *p > 0.0), "every word occurs");
            let unigram = entropy(stationary);
            assert!((6.4..7.0).contains(&unigram), "seed {seed}: {unigram} bits");
        }
    }

    #[test]
    fn counts_of_pairs_come_to_the_entropy_of_the_chain_and_counts_of_words_do_not() {
        let corpus = generated_text(1, 200_000, 0, 20_000);
        let (mut words, mut pairs) = (vec![1.0; COUNT], vec![[0.01; COUNT]; COUNT]);
        for pair in corpus.train.windows(2) {
            let [one, two] = [pair[0], pair[1]].map(usize::from);
            words[two] += 1.0;
            pairs[one][two] += 1.0;
        }
        let sum: f64 = words.iter().sum();
        let sums: Vec<f64> = pairs.iter().map(|successors| successors.iter().sum()).collect();
        let (mut unigram, mut bigram) = (0.0, 0.0);
        for pair in corpus.test.windows(2) {
            let [one, two] = [pair[0], pair[1]].map(usize::from);
            unigram -= (words[two] / sum).log2();
            bigram -= (pairs[one][two] / sums[one]).log2();
        }
        let count = (corpus.test.len() - 1) as f64;
        let (unigram, bigram) = (unigram / count, bigram / count);
        assert!((bigram - 15.0 / 8.0).abs() < 0.05, "{bigram} bits");
        assert!((unigram - entropy(stationary(&chain(1)))).abs() < 0.05, "{unigram} bits");
    }

    #[test]
    fn a_text_depends_on_its_seed_and_a_part_on_no_other() {
        let one = generated_text(1, 100, 50, 50);
        assert_eq!(one, generated_text(1, 100, 50, 50));
        assert_ne!(one.train, generated_text(2, 100, 50, 50).train);
        assert_ne!(one.valid, one.test);
        let longer = generated_text(1, 200, 60, 50);
        assert_eq!(longer.train[..100], one.train);
        assert_eq!((&longer.valid[..50], &longer.test), (&one.valid[..], &one.test));
    }
}
