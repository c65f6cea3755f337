//! A text as a source of minibatches: consecutive windows of streams that run side by side.

use super::Corpus;
use crate::data::{DataError, Epoch, EvaluationSet, Minibatch, Minibatches, Source};
use crate::setting::{FieldError, count};
use kernels::random::Stream;
use std::ops::Range;

/// A corpus cut into streams, and each stream into windows of so many time steps. A sample is a
/// window; its labels are its tokens shifted by one.
///
/// The training text is cut into `batch_size` contiguous streams of equal length. Minibatch j has
/// window j of every stream, so that its sequences go on from those of minibatch j - 1: window j of
/// stream i is the sample at position j * `batch_size` + i of every epoch. Nothing is shuffled.
///
/// The first token of a text is never a label, and what does not fill a window in every stream is
/// left out at its end: fewer than `batch_size * steps` tokens.
///
/// A text to judge by has streams of its own, so that fewer than `steps` tokens are left out: as many
/// streams as windows can be divided among without a rest, and at most `batch_size`.
///
/// ```
/// use kernels::random::Stream;
/// use training::data::{Epoch, Minibatch, Source, TextSource, generated_text};
/// let mut corpus = generated_text(1, 14, 5, 5);
/// corpus.train = (0..14).collect();
/// let mut source = TextSource::new(&corpus, 2, 3)?;
/// let mut minibatches = source.epoch(&Epoch::new(Stream::new(1, "text"), 0, 2))?;
/// let mut minibatch = Minibatch::default();
/// minibatches.next_into(&mut minibatch)?;
/// assert_eq!(minibatch.input.data(), [0.0, 1.0, 2.0, 6.0, 7.0, 8.0]);
/// assert_eq!(minibatch.labels, [1, 7, 2, 8, 3, 9]);
/// minibatches.next_into(&mut minibatch)?;
/// assert_eq!(minibatch.input.data(), [3.0, 4.0, 5.0, 9.0, 10.0, 11.0]);
/// assert!(minibatch.continues && !minibatches.next_into(&mut minibatch)?);
/// # Ok::<(), training::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextSource<'a> {
    corpus: &'a Corpus,
    batch_size: usize,
    steps: usize,
    checksum: Option<String>,
}

impl<'a> TextSource<'a> {
    /// Streams of a corpus, in windows of so many time steps.
    ///
    /// # Errors
    /// When a number is 0 or too large, or a text does not fill a window in every stream.
    pub fn new(corpus: &'a Corpus, batch_size: usize, steps: usize) -> Result<Self, DataError> {
        count("batch_size", batch_size)?;
        count("steps", steps)?;
        for (part, text, streams) in [
            ("training", &corpus.train, batch_size),
            (EvaluationSet::HeldOut.name(), &corpus.valid, 1),
            (EvaluationSet::Test.name(), &corpus.test, 1),
        ] {
            let needed = streams.saturating_mul(steps).saturating_add(1);
            let (name, tokens) = (corpus.name.clone(), text.len());
            if tokens < needed {
                return Err(DataError::ShortText { name, part, tokens, needed });
            }
        }
        Ok(Self { corpus, batch_size, steps, checksum: None })
    }

    fn training(&self) -> Streams<'a> {
        Streams::new(&self.corpus.train, self.batch_size, self.steps)
    }

    fn judging(&self, set: EvaluationSet) -> Streams<'a> {
        let text = match set {
            EvaluationSet::HeldOut => &self.corpus.valid,
            EvaluationSet::Test => &self.corpus.test,
        };
        let windows = Streams::new(text, 1, self.steps).windows;
        let divides = |streams: &usize| windows.is_multiple_of(*streams);
        let count = (1..=self.batch_size).rev().find(divides).unwrap_or(1);
        Streams::new(text, count, self.steps)
    }
}

impl Source for TextSource<'_> {
    fn samples(&self) -> usize {
        self.training().samples()
    }

    fn evaluation_samples(&self, set: EvaluationSet) -> usize {
        self.judging(set).samples()
    }

    /// Fails when the epoch has another batch size than there are streams.
    fn epoch<'a>(&'a mut self, epoch: &Epoch) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        if epoch.batch_size != self.batch_size {
            let expected = format!("{}, one sample a stream of the text", self.batch_size);
            return Err(FieldError::new("batch_size", epoch.batch_size, expected).into());
        }
        let streams = self.training();
        Ok(Box::new(Windows { streams, epoch: *epoch, next: epoch.first }))
    }

    fn evaluation<'a>(
        &'a mut self,
        set: EvaluationSet,
    ) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        let streams = self.judging(set);
        // Nothing is drawn from the stream.
        let epoch = Epoch::new(Stream::new(0, "as it stands"), 0, streams.count);
        Ok(Box::new(Windows { streams, epoch, next: 0 }))
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn checksum(&mut self) -> String {
        self.checksum.get_or_insert_with(|| self.corpus.checksum()).clone()
    }
}

/// Streams of equal length that lie one behind another in a text.
struct Streams<'a> {
    text: &'a [u16],
    count: usize,
    steps: usize,
    /// Of every stream.
    windows: usize,
}

impl<'a> Streams<'a> {
    fn new(text: &'a [u16], count: usize, steps: usize) -> Self {
        // Every token but the first is the label of the one before.
        let windows = text.len().saturating_sub(1) / count.saturating_mul(steps);
        Self { text, count, steps, windows }
    }

    fn samples(&self) -> usize {
        self.count * self.windows
    }

    /// A window of each of some streams.
    fn fill(&self, streams: Range<usize>, window: usize, minibatch: &mut Minibatch) {
        let (rows, steps) = (streams.len(), self.steps);
        let Minibatch { input, labels, .. } = minibatch;
        input.reshape(rows, steps);
        labels.clear();
        labels.resize(rows * steps, 0);
        for (row, stream) in streams.enumerate() {
            let start = (stream * self.windows + window) * steps;
            let numbers = &mut input.data_mut()[row * steps..][..steps];
            for (number, token) in numbers.iter_mut().zip(&self.text[start..]) {
                *number = f32::from(*token);
            }
            let next = &self.text[start + 1..];
            for (label, token) in labels[row..].iter_mut().step_by(rows).zip(next) {
                *label = *token;
            }
        }
    }
}

/// The minibatches of an epoch.
struct Windows<'a> {
    streams: Streams<'a>,
    epoch: Epoch,
    next: usize,
}

impl Minibatches for Windows<'_> {
    fn next_into(&mut self, minibatch: &mut Minibatch) -> Result<bool, DataError> {
        if self.next >= self.streams.windows {
            return Ok(false);
        }
        let wanted = self.epoch.share.of(0..self.streams.count);
        self.streams.fill(wanted, self.next, minibatch);
        minibatch.continues = self.next > 0;
        self.next += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Share, generated_text};
    use proptest::prelude::*;

    /// A text in which every token has another number.
    fn corpus(train: u16, valid: u16, test: u16) -> Corpus {
        Corpus {
            train: (0..train).collect(),
            valid: (0..valid).collect(),
            test: (0..test).collect(),
            ..generated_text(1, 0, 0, 0)
        }
    }

    fn epoch(batch_size: usize) -> Epoch {
        Epoch::new(Stream::new(3, "text"), 0, batch_size)
    }

    fn all(mut minibatches: Box<dyn Minibatches + '_>) -> Vec<Minibatch> {
        let (mut all, mut minibatch) = (Vec::new(), Minibatch::default());
        while minibatches.next_into(&mut minibatch).unwrap() {
            all.push(minibatch.clone());
        }
        assert!(!minibatches.next_into(&mut minibatch).unwrap(), "the end stays the end");
        all
    }

    /// The tokens of every sequence and those that come next, over all minibatches.
    fn joined(minibatches: &[Minibatch]) -> Vec<(Vec<f32>, Vec<u16>)> {
        let rows = minibatches[0].input.rows();
        let mut sequences = vec![(Vec::new(), Vec::new()); rows];
        for Minibatch { input, labels, .. } in minibatches {
            assert_eq!(labels.len(), rows * input.columns());
            let tokens = input.data().chunks_exact(input.columns());
            for (row, (sequence, tokens)) in sequences.iter_mut().zip(tokens).enumerate() {
                sequence.0.extend_from_slice(tokens);
                sequence.1.extend(labels.iter().skip(row).step_by(rows));
            }
        }
        sequences
    }

    proptest! {
        #[test]
        fn sequences_go_on_from_minibatch_to_minibatch_and_few_tokens_are_left_out(
            tokens in 2u16..500,
            batch_size in 1usize..8,
            steps in 1usize..8,
        ) {
            prop_assume!(usize::from(tokens) > batch_size * steps);
            let corpus = corpus(tokens, tokens, tokens);
            let mut source = TextSource::new(&corpus, batch_size, steps).unwrap();
            let samples = source.samples();
            let judged = source.evaluation_samples(EvaluationSet::Test);
            let epoch = all(source.epoch(&epoch(batch_size)).unwrap());
            prop_assert_eq!(epoch.len() * batch_size, samples);
            let evaluation = all(source.evaluation(EvaluationSet::Test).unwrap());
            prop_assert_eq!(evaluation.len() * evaluation[0].input.rows(), judged);
            prop_assert!(evaluation[0].input.rows() <= batch_size);
            let labels = usize::from(tokens) - 1;
            prop_assert!(labels - samples * steps < batch_size * steps);
            prop_assert!(labels - judged * steps < steps);
            for minibatches in [epoch, evaluation] {
                for (number, minibatch) in minibatches.iter().enumerate() {
                    prop_assert_eq!(minibatch.continues, number > 0);
                }
                // The streams behind one another are the text, and the labels are one ahead of it.
                let (tokens, next): (Vec<_>, Vec<_>) = joined(&minibatches).into_iter().unzip();
                let (tokens, next) = (tokens.concat(), next.concat());
                for (place, (token, next)) in (0u16..).zip(tokens.into_iter().zip(next)) {
                    prop_assert_eq!((token, next), (f32::from(place), place + 1));
                }
            }
        }
    }

    #[test]
    fn an_epoch_begun_at_any_minibatch_gives_what_the_whole_one_gives_from_there() {
        let corpus = generated_text(1, 100, 20, 20);
        let mut source = TextSource::new(&corpus, 4, 5).unwrap();
        let whole = all(source.epoch(&epoch(4)).unwrap());
        assert_eq!(whole.len(), 4);
        for first in 0..=5 {
            let rest = all(source.epoch(&Epoch { first, ..epoch(4) }).unwrap());
            assert_eq!(rest, whole[first.min(4)..], "from minibatch {first}");
        }
        let third = all(source.epoch(&Epoch { number: 3, ..epoch(4) }).unwrap());
        assert_eq!(third, whole, "nothing is shuffled");
    }

    #[test]
    fn shares_make_up_every_minibatch() {
        let corpus = generated_text(1, 200, 20, 20);
        let mut source = TextSource::new(&corpus, 7, 5).unwrap();
        let whole = joined(&all(source.epoch(&epoch(7)).unwrap()));
        let shares = [0, 1, 2].map(|rank| {
            let share = Share { rank, size: 3 };
            joined(&all(source.epoch(&Epoch { share, ..epoch(7) }).unwrap()))
        });
        assert_eq!(shares.concat(), whole);
        // A share is the samples at the positions that the epoch gives it.
        let share = Epoch { share: Share { rank: 1, size: 3 }, ..epoch(7) };
        assert_eq!(share.positions(source.samples(), 2), 16..18);
        assert_eq!(shares[1], whole[2..4]);
    }

    #[test]
    fn a_text_to_judge_by_has_as_many_streams_as_leave_no_more_out() {
        // 20 windows of 3, 2 tokens left out: of at most 8 streams, 5 divide them.
        let corpus = corpus(100, 63, 4);
        let mut source = TextSource::new(&corpus, 8, 3).unwrap();
        assert_eq!(source.evaluation_samples(EvaluationSet::HeldOut), 20);
        let held_out = all(source.evaluation(EvaluationSet::HeldOut).unwrap());
        assert_eq!((held_out.len(), held_out[0].input.rows()), (4, 5));
        let test = all(source.evaluation(EvaluationSet::Test).unwrap());
        assert_eq!((test.len(), test[0].input.rows()), (1, 1));
        assert_eq!(test[0].labels, [1, 2, 3]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refusal = |corpus: &Corpus, batch_size, steps| {
            TextSource::new(corpus, batch_size, steps).unwrap_err().to_string()
        };
        let whole = corpus(21, 6, 6);
        assert!(TextSource::new(&whole, 4, 5).is_ok());
        let found = refusal(&corpus(20, 6, 6), 4, 5);
        assert_eq!(found, "generated text: the training text has 20 tokens; 21 are needed");
        let found = refusal(&corpus(21, 5, 6), 4, 5);
        assert_eq!(found, "generated text: the held-out text has 5 tokens; 6 are needed");
        assert!(refusal(&corpus(21, 6, 0), 4, 5).contains("the test text has 0 tokens"));
        assert!(refusal(&whole, 0, 5).starts_with("batch_size is 0"));
        assert!(refusal(&whole, 4, 0).starts_with("steps is 0"));
        assert!(refusal(&whole, usize::MAX, 5).starts_with("batch_size is "));
        let mut source = TextSource::new(&whole, 4, 5).unwrap();
        let found = source.epoch(&epoch(5)).err().unwrap().to_string();
        assert_eq!(found, "batch_size is 5, expected 4, one sample a stream of the text");
    }

    #[test]
    fn the_checksum_is_that_of_the_corpus() {
        let corpus = generated_text(1, 100, 20, 20);
        let checksum = TextSource::new(&corpus, 4, 5).unwrap().checksum();
        assert_eq!(checksum, corpus.checksum());
    }
}
