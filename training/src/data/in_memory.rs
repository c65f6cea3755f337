//! A data set in memory as a source of minibatches.

use super::{
    Augmentation, DataError, Dataset, Epoch, EpochAugmentation, EvaluationSet, Minibatch,
    Minibatches, Source, Splits,
};
use kernels::random::{Stream, shuffle};

/// Images in a minibatch of an evaluation.
pub const EVALUATION_BATCH: usize = 500;

/// The images of a data set, those to learn from in a new order every epoch.
#[derive(Clone, Debug)]
pub struct InMemory<'a> {
    splits: &'a Splits,
    augmentation: Option<Augmentation>,
    /// The training images as the last epoch that was asked for goes through them.
    order: Vec<usize>,
    /// The stream that the order was drawn from, and how often.
    drawn: Option<(Stream, u64)>,
    checksum: Option<String>,
}

impl<'a> InMemory<'a> {
    /// Images that are changed at random where there is an augmentation.
    pub fn new(splits: &'a Splits, augmentation: Option<Augmentation>) -> Self {
        Self { splits, augmentation, order: Vec::new(), drawn: None, checksum: None }
    }

    /// Puts the images into the order of an epoch, which is drawn from that of the epoch before.
    fn draw_order(&mut self, epoch: &Epoch) {
        let mut draws = match self.drawn {
            Some((stream, draws)) if stream == epoch.stream && draws <= epoch.number + 1 => draws,
            _ => {
                self.order = (0..self.splits.train.len()).collect();
                0
            }
        };
        while draws <= epoch.number {
            shuffle(&mut epoch.stream.child("order").at(draws), &mut self.order);
            draws += 1;
        }
        self.drawn = Some((epoch.stream, draws));
    }

    fn set(&self, set: EvaluationSet) -> &'a Dataset {
        match set {
            EvaluationSet::HeldOut => &self.splits.held_out,
            EvaluationSet::Test => &self.splits.test,
        }
    }
}

impl Source for InMemory<'_> {
    fn samples(&self) -> usize {
        self.splits.train.len()
    }

    fn evaluation_samples(&self, set: EvaluationSet) -> usize {
        self.set(set).len()
    }

    fn epoch<'a>(&'a mut self, epoch: &Epoch) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        self.draw_order(epoch);
        let augmentation = self.augmentation.filter(|_| epoch.augmented);
        Ok(Box::new(InMemoryMinibatches {
            data: &self.splits.train,
            order: Some(&self.order),
            augmentation: augmentation.map(|changes| changes.epoch(epoch.stream, epoch.number)),
            epoch: *epoch,
            next: epoch.first,
        }))
    }

    fn evaluation<'a>(
        &'a mut self,
        set: EvaluationSet,
    ) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        Ok(Box::new(self.set(set).minibatches(EVALUATION_BATCH)))
    }

    fn checksum(&mut self) -> String {
        self.checksum.get_or_insert_with(|| self.splits.checksum()).clone()
    }
}

impl Dataset {
    /// All images as they lie, in minibatches of so many.
    pub fn minibatches(&self, batch_size: usize) -> impl Minibatches {
        // Nothing is drawn from the stream.
        let epoch = Epoch::new(Stream::new(0, "as they lie"), 0, batch_size);
        InMemoryMinibatches { data: self, order: None, augmentation: None, epoch, next: 0 }
    }
}

/// The minibatches of an epoch.
struct InMemoryMinibatches<'a> {
    data: &'a Dataset,
    /// As they lie where there is none.
    order: Option<&'a [usize]>,
    augmentation: Option<EpochAugmentation>,
    epoch: Epoch,
    next: usize,
}

impl Minibatches for InMemoryMinibatches<'_> {
    fn next_into(&mut self, minibatch: &mut Minibatch) -> Result<bool, DataError> {
        let images = self.data.len();
        if self.next >= self.epoch.minibatches(images) {
            return Ok(false);
        }
        let positions = self.epoch.positions(images, self.next);
        self.next += 1;
        let changes = self.augmentation.as_ref();
        match self.order {
            Some(order) => self.data.fill(order[positions].iter().copied(), changes, minibatch),
            None => self.data.fill(positions, changes, minibatch),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Share, generated_digits};

    fn epoch(number: u64) -> Epoch {
        Epoch::new(Stream::new(3, "in memory"), number, 10)
    }

    fn read(source: &mut InMemory, epoch: &Epoch) -> Vec<Minibatch> {
        let mut minibatches = source.epoch(epoch).unwrap();
        let (mut all, mut minibatch) = (Vec::new(), Minibatch::default());
        while minibatches.next_into(&mut minibatch).unwrap() {
            all.push(minibatch.clone());
        }
        assert!(!minibatches.next_into(&mut minibatch).unwrap(), "the end stays the end");
        all
    }

    #[test]
    fn an_epoch_is_the_same_from_wherever_it_is_begun_and_whatever_came_before() {
        let splits = generated_digits(1, 35, 1, 1);
        let source = || {
            InMemory::new(
                &splits,
                Some(Augmentation { padding: 2, flip: true, ..Augmentation::default() }),
            )
        };
        let mut one = source();
        let epochs: Vec<_> = (0..3).map(|number| read(&mut one, &epoch(number))).collect();
        assert_eq!(epochs[0].len(), 4);
        assert_ne!(epochs[0], epochs[1]);
        for number in [2, 0, 1] {
            let whole = &epochs[number];
            assert_eq!(read(&mut one, &epoch(number as u64)), *whole, "epoch {number} again");
            for first in 0..=4 {
                let rest = Epoch { first, ..epoch(number as u64) };
                assert_eq!(read(&mut source(), &rest), whole[first..], "from minibatch {first}");
            }
        }
        let other = Epoch { stream: Stream::new(4, "in memory"), ..epoch(0) };
        assert_ne!(read(&mut one, &other), epochs[0]);
        assert_eq!(read(&mut one, &epoch(0)), epochs[0]);
    }

    #[test]
    fn shares_make_up_every_minibatch() {
        let splits = generated_digits(1, 35, 1, 1);
        let mut source = InMemory::new(&splits, None);
        let whole = read(&mut source, &epoch(1));
        let shares = [0, 1, 2]
            .map(|rank| read(&mut source, &Epoch { share: Share { rank, size: 3 }, ..epoch(1) }));
        for (number, minibatch) in whole.iter().enumerate() {
            let labels = shares.each_ref().map(|share| &share[number].labels[..]).concat();
            assert_eq!(labels, minibatch.labels);
            let numbers = shares.each_ref().map(|share| share[number].input.data()).concat();
            assert_eq!(numbers, minibatch.input.data());
        }
    }

    #[test]
    fn augmentation_changes_the_training_images_of_each_epoch_and_no_others() {
        let splits = generated_digits(1, 20, 5, 5);
        let with = |augmentation| InMemory::new(&splits, augmentation);
        let crop = Some(Augmentation { padding: 4, flip: false, ..Augmentation::default() });
        let plain = read(&mut with(None), &epoch(0));
        assert_eq!(read(&mut with(Some(Augmentation::default())), &epoch(0)), plain);
        assert_ne!(read(&mut with(crop), &epoch(0)), plain);
        assert_eq!(read(&mut with(crop), &Epoch { augmented: false, ..epoch(0) }), plain);
        let test = |augmentation| {
            let mut minibatch = Minibatch::default();
            let mut source = with(augmentation);
            source.evaluation(EvaluationSet::Test).unwrap().next_into(&mut minibatch).unwrap();
            minibatch
        };
        assert_eq!(test(crop), test(None));
    }
}
